"""Pictures on a page that a canvas draws: a plain address answers with them, before the page itself has run again.

A page takes 250 ms of a person's silence until it runs, and then as long as all that is on it takes. What is typed is asked
for at once, at an address that belongs to the session, cannot be guessed and answers only the browser it was made for. The
text comes in the body of a POST, and is logged nowhere.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import streamlit as st

import explorer
from explorer import runs
from explorer.figures import canvas
from explorer.figures.panel import Panel
from explorer.pages.shell import people, session
from explorer.pages.shell.texts import MAX_SENTENCE
from explorer.text import clean_text
from explorer.words import Voice, say, speaking

HTML = """
<p class="said" hidden></p>
<div class="epochs" hidden><button type="button"></button><input type="range" min="0"><output></output></div>
<div class="panel" role="group"></div>
<div class="tools"><span></span><button type="button">PNG</button><button type="button">SVG</button></div>
<div class="unseen"><table></table></div>
"""
SCRIPTS = ("ink", "panel", "pointing", "save", "picture")
MOST_BYTES = 8 * MAX_SENTENCE  # of a question: every character as its code and more
MOST_PICTURES = 16  # of one session
WORDS = ("play", "pause", "epoch", "save")


class Played(NamedTuple):
    """The epochs of a training at which a picture can be drawn, and the one that the page shows."""

    epochs: Sequence[int]
    shown: int


@dataclass(frozen=True)
class Question:
    """What a browser asks a picture for: another text than the page's, or another epoch."""

    text: str | None = None
    epoch: int | None = None

    @classmethod
    def of(cls, body: bytes) -> Question:
        """What is asked for in a body, a JSON.

        Raises:
            ValueError: it is none, or asks for a text that is too long.

        """
        try:
            asked = json.loads(body) if body else {}
        except RecursionError as fault:  # brackets in brackets
            raise ValueError(body) from fault
        text, epoch = (asked.get(name) for name in ("text", "epoch")) if isinstance(asked, dict) else (0, 0)
        if not isinstance(text, str | None) or len(text or "") > MAX_SENTENCE or type(epoch) not in (int, type(None)):
            raise ValueError(body)
        return cls(text if text is None else clean_text(text), epoch)


@dataclass(eq=False)
class Picture:
    """What is drawn of a text, at an address.

    Attributes:
        token: its address.
        browser: that may ask.
        draw: text (and epoch, where it is played) -> panel. It must not be a function of a page's script, which would keep all
            that the page has shown.
        settings: what else the picture depends on.
        text: that the page shows it for.
        epochs: at which it can also be drawn.
        height_px: of what was drawn last at its place; None before anything was.
        language: in which it speaks.
        asked: how often it was asked for.
        lock: of that number.

    """

    token: str
    browser: str
    draw: Callable[..., Panel]
    settings: str
    text: str
    epochs: Sequence[int] = ()
    height_px: int | None = None
    voice: Voice = field(default_factory=Voice.now)
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stamp(self, text: str) -> str:
        """What tells this picture from any other."""
        return hashlib.sha256(f"{self.voice}\n{self.settings}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[
            :16
        ]


_pictures: weakref.WeakValueDictionary[str, Picture] = weakref.WeakValueDictionary()
_maker = ThreadPoolExecutor(1, "picture")  # one at a time: two would take twice as long each


def show(
    draw: Callable[..., Panel], text: str, settings: Any, *, key: str, typed: str = "", played: Played | None = None
) -> Any:
    """A picture that follows what is typed, and what was last done in it.

    Args:
        draw: see Picture.
        text: to draw it for.
        settings: everything else it depends on; two that differ must have two representations.
        key: of its place on the page.
        typed: the key of the control in which the text is typed; "" where it is not.
        played: the epochs that a slider over it has.

    """
    picture = _offered(key, Picture("", "", draw, repr(settings), text, played.epochs if played else ()))
    if picture.height_px is None:  # so that nothing below jumps when it comes; later the browser has one in its place
        picture.height_px = canvas.height_of(draw(text))
    component = st.components.v2.component("picture", html=HTML, css=canvas.style(), js=canvas.script(*SCRIPTS))
    asked = {
        "address": f"picture/{picture.token}",
        "stamp": picture.stamp(text),
        "typed": typed,
        "text": session.kept(typed, "") if typed else "",
        "most": MAX_SENTENCE,
        "height": picture.height_px,
        "lost": say("page.picture.lost"),
        "epochs": list(picture.epochs),
        "epoch": played.shown if played else None,
        "words": {name: say(f"panel.{name}") for name in WORDS},
    }
    return component(
        key=key, data=asked, on_chosen_change=_unheard, on_brushed_change=_unheard, on_epoch_change=_unheard
    )


def _unheard() -> None:
    """Streamlit tells only of what somebody listens to; the page looks by itself."""


def _offered(key: str, picture: Picture) -> Picture:
    """The picture of a place; its address stays the same while the session lasts."""
    kept: dict[str, Picture] = dict(session.kept("pictures", {}))
    before = kept.pop(key, None)
    picture.token = before.token if before else secrets.token_urlsafe(24)
    picture.height_px = before.height_px if before else None
    picture.browser = str(st.context.headers.get(people.BROWSER_HEADER) or "")
    kept[key] = _pictures[picture.token] = picture
    session.fill({"pictures": dict([*kept.items()][-MOST_PICTURES:])})
    return picture


def answer(token: str, browser: str, body: bytes) -> tuple[int, bytes]:
    """HTTP status, and a picture packed as figures.canvas does it; or what is wrong, in words.

    Args:
        token: of the picture.
        browser: that asks.
        body: see Question; without one the picture is what the page shows.

    """
    picture = _pictures.get(token)
    if picture is None or picture.browser != browser:
        return 404, say("page.picture.gone").encode()
    with speaking(*picture.voice):
        try:
            question = Question.of(body)
        except ValueError:
            return 400, say("page.picture.question", most=MAX_SENTENCE).encode()
        if question.epoch is not None and question.epoch not in picture.epochs:
            return 400, say("page.picture.epoch", epochs=list(picture.epochs)).encode()
    with picture.lock:
        picture.asked += 1
        turn = picture.asked
    return _maker.submit(_in_its_voice, picture, question, turn, time.perf_counter()).result()


def _in_its_voice(picture: Picture, question: Question, turn: int, asked_s: float) -> tuple[int, bytes]:
    with speaking(*picture.voice):
        return _made(picture, question, turn, asked_s)


def _made(picture: Picture, question: Question, turn: int, asked_s: float) -> tuple[int, bytes]:
    if turn != picture.asked:  # while this waited, a newer one was asked for
        return 204, b""  # nothing went wrong: a browser writes every other status into its log
    begun_s, text = time.perf_counter(), picture.text if question.text is None else question.text
    try:
        panel = picture.draw(text) if question.epoch is None else picture.draw(text, question.epoch)
    except (explorer.TextError, explorer.CheckpointError, runs.RunError) as fault:
        return 422, people.without_folders(str(fault)).encode()
    picture.height_px = canvas.height_of(panel)
    took = {"waitedMs": 1000 * (begun_s - asked_s), "describedMs": 1000 * (time.perf_counter() - begun_s)}
    return 200, canvas.pack(panel, {"stamp": picture.stamp(text), "epoch": question.epoch} | took)
