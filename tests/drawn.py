"""What the pages draw on canvases, read as the browser reads it."""

import json
import re

import numpy as np

from explorer.pages.shell import pictures


def unpacked(data):
    """The head of a packed panel, with its columns where it points to them."""
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    columns, at = [], 8 + length
    for kind, count in json.loads(data[8:at])["columns"]:
        columns.append(np.frombuffer(data, f"<{kind}", count, at))
        at += -(-columns[-1].nbytes // 8) * 8
    assert at == len(data)

    def resolve(part):
        if isinstance(part.get("column"), int):
            return columns[part["column"]]
        if isinstance(part.get("from"), int):
            return np.arange(part["from"], part["from"] + part["count"])
        return part

    return json.loads(data[8 : 8 + length], object_hook=resolve)


def asked(app):
    """What the page tells each of its pictures, in their order."""
    told = [json.loads(one.proto.json) for one in app.get("bidi_component")]
    return [one for one in told if str(one.get("address", "")).startswith("picture/")]


def panels(app):
    """The pictures of a page."""
    answers = [pictures.answer(one["address"].removeprefix("picture/"), "", b"") for one in asked(app)]
    assert [status for status, _ in answers] == [200] * len(answers)
    return [unpacked(data) for _, data in answers]


def svgs(app):
    """The drawings of a page."""
    told = (json.loads(one.proto.json).get("svg") for one in app.get("bidi_component"))
    return [svg for svg in told if svg]


def titles(panel):
    """Of the rows of a panel."""
    return [row["title"] for row in panel["rows"]]


def characters(app):
    """How many steps the first picture of a page has; of a long text the page says how many it read."""
    for caption in app.caption:
        if cut := re.fullmatch(r"All ([\d,]+) characters .*", caption.value):
            return int(cut[1].replace(",", ""))
    return len(panels(app)[0]["x"]["words"])
