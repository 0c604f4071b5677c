"""Open: a network that somebody else's program trained, from its file to its gates."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

import explorer
from explorer.cells.gru import RESETS
from explorer.checkpoints import MAX_FILE_BYTES
from explorer.importing import RULES, Imported, ImportRefusedError, Report, import_model
from explorer.models import OBJECTIVES
from explorer.pages.shell import controls, links, opened, people, session, shelf, texts
from explorer.pages.shell.plain import cell, plain
from explorer.pages.shell.texts import Upload
from explorer.words import say

KINDS = ("pt", "pth", "safetensors", "npz", "bin", "pkl", "ckpt")
WEIGHTS = "network-file"  # no choice of that name stands in an address
IN_FILE, PRINTABLE, TYPED, LEARNED = SYMBOLS = ("in-file", "printable", "typed", "learned")
UNSAID = "unsaid"
ONLY_TOLD = ("import.no-head", "import.not-symbols")  # candidates that were tried in vain
SHOWN = 120  # characters of it that its gates are shown on first
SAMPLED = 5_000  # characters of what it learned on which it is tried
Wishes = dict[str, Any]
"""Arguments of import_model."""


def page() -> None:
    """The page."""
    st.markdown(say("open-page.what"))
    st.caption(say("open-page.never-run", most=MAX_FILE_BYTES))
    file = choose_file()
    if file is None:
        return
    wishes = choose_symbols() | choose_unsaid()
    try:
        imported = shelf.own().get((file.name, file.data, repr(wishes)), partial(_import, file, wishes))
        name = opened.keep(imported.model, file.name, file.data, wishes)
    except ImportRefusedError as fault:
        show_refusal(fault)
    except (explorer.CheckpointError, explorer.ConfigError, explorer.TextError) as fault:
        st.error(people.told(fault))
    else:
        show_opened(imported, name, wishes.get("sample", ""))


def _import(file: Upload, wishes: Wishes) -> Imported:
    return import_model(file.data, weights_only=True, **wishes)


def choose_file() -> Upload | None:
    """The file that the person brings; it stays until it is removed, whatever page is opened meanwhile."""
    file: Upload | None = links.named(WEIGHTS)
    if file is None:
        st.file_uploader(
            say("open-page.file"), type=list(KINDS), key="weights_upload", on_change=_keep_file,
            max_upload_size=MAX_FILE_BYTES // 10**6,
        )  # fmt: skip
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(file.name)}** · {say('open-page.size', size=len(file.data))}", width="content")
        st.button(say("page.file.remove"), icon=":material/close:", key="weights_remove", on_click=_drop_file)
    return file


def _keep_file() -> None:
    if (file := session.kept("weights_upload", None)) is not None:
        links.take_values({WEIGHTS: Upload(file.name, file.getvalue())})


def _drop_file() -> None:
    links.drop(WEIGHTS, *DECIDING)


# ---- what a file does not say


def choose_symbols() -> Wishes:
    """Which characters the model's numbers stand for."""
    way = controls.choose("symbols", SYMBOLS, lambda one: say(f"option.symbols.{one}"))
    if way == PRINTABLE:
        return {"vocabulary": list(string.printable)}
    if way == TYPED:
        links.ready("typed_symbols", "")
        st.text_area(
            say("control.typed-symbols"), key="typed_symbols", height=100, on_change=links.take, args=("typed_symbols",),
            help=say("control.typed-symbols.help"),
        )  # fmt: skip
        typed = session.kept("typed_symbols", "")
        return {"vocabulary": _as_symbols(typed)} if typed else {}
    if way == LEARNED:
        rule = controls.choose("rule", RULES, lambda one: say(f"option.rule.{one}"))
        text = texts.uploaded("learned")
        return {"vocabulary": text, "rule": rule, "sample": text[:SAMPLED]} if text else {}
    return {}


def _as_symbols(typed: str) -> Sequence[str] | Mapping[Any, Any]:
    """Symbols as a person types them: a list or a map as JSON, or else each character."""
    try:
        said = json.loads(typed)
    except (ValueError, RecursionError):
        return list(typed)
    return said if isinstance(said, list | dict) else list(typed)


def choose_unsaid() -> Wishes:
    """What else a file may not say; what is left as it is decides nothing."""
    with st.expander(say("open-page.unsaid")):
        reset = controls.choose("import_reset", (UNSAID, *RESETS), _unsaid_or)
        objective = controls.choose("import_objective", (UNSAID, *OBJECTIVES), _unsaid_or)
        order = controls.choose("gate_order", (UNSAID, "zrn", "rzn", "iofg", "ifog"), _unsaid_or)
        wishes: Wishes = {"z_keeps": False} if controls.switch("z_renews") else {}
        links.ready("sample", "")
        st.text_area(
            say("control.sample"), key="sample", height=80, on_change=links.take, args=("sample",),
            help=say("control.sample.help"),
        )  # fmt: skip
    said = {"reset": reset, "objective": objective, "gate_order": order}
    wishes |= {name: value for name, value in said.items() if value != UNSAID}
    wishes |= {name: value for name, read in DECIDING.items() if (value := read(links.named(name)))}
    return wishes | ({"sample": sample} if (sample := session.kept("sample", "")) else {})


def _unsaid_or(one: str) -> str:
    return say("option.unsaid") if one == UNSAID else one


def _one(value: Any) -> Any:
    return value


def _several(value: Any) -> Any:
    return tuple(value or ())


# What a refusal may ask for, by the name of the argument.
DECIDING: dict[str, Callable[[Any], Any]] = {
    "cell": _one, "embedding": _one, "head": _one, "layers": _several, "leave_out": _several,
}  # fmt: skip


def show_refusal(fault: ImportRefusedError) -> None:
    """Why a file was not opened, and the choice that would decide, where one does."""
    if fault.code == "import.no-vocabulary":
        st.info(say("open-page.which-symbols", count=fault.figures["count"]), icon=":material/abc:")
        return
    st.warning(people.told(fault))
    name, candidates = fault.argument, list(fault.candidates)
    if name not in DECIDING or not candidates or fault.code in ONLY_TOLD:
        return
    key = f"import_{name}"
    label, _ = controls.called(key)
    if DECIDING[name] is _several:
        chosen: Any = st.multiselect(label, candidates, key=key)
    else:
        chosen = st.selectbox(label, candidates, index=None, key=key)
    if chosen and st.button(say("open-page.decide"), icon=":material/check:"):
        links.take_values({name: chosen})
        st.rerun()


# ---- what became of it


def show_opened(imported: Imported, name: str, sample: str) -> None:
    """What the model is, the way to its gates, and the account of its tensors."""
    model, report = imported.model, imported.report
    config = model.config
    said = say(
        "open-page.opened", title=config.title, units=config.units, layers=config.num_layers,
        direction=config.direction, symbols=len(model.vocabulary), parameters=sum(p.numel() for p in model.parameters()),
    )  # fmt: skip
    st.success(plain(said), icon=":material/check_circle:")
    sentence = {"sentence": " ".join(sample[:SHOWN].split())} if sample else {}
    with st.container(horizontal=True):
        for place in (links.GATES, links.GRADIENTS):
            links.offer(place, say(f"open-page.see.{place}"), model=name, **sentence)
    for note in report.notes:
        st.caption(plain(str(note)))
    st.markdown(say("open-page.account", kind=report.kind))
    st.dataframe(account(report), hide_index=True)


def account(report: Report) -> pd.DataFrame:
    """A line a tensor: its name and shape in the file, what it became, and why; "–" for what was left out."""
    lines = [(one.name, one.shape, one.became, str(one.why)) for one in report.taken]
    lines += [(one.name, one.shape, "–", str(one.why)) for one in report.left_out]
    heads = [say(f"open-page.{name}") for name in ("tensor", "shape", "became", "why")]
    table = [(cell(name), " × ".join(map(str, shape)), became, cell(why)) for name, shape, became, why in lines]
    return pd.DataFrame(table, columns=heads)
