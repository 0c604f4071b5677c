"""The language of a session: the browser's at first, then the one that is chosen, which the link carries."""

from __future__ import annotations

import streamlit as st

from explorer.pages.shell import links
from explorer.tokens import CHARACTER
from explorer.words import LANGUAGE, LANGUAGES, TOKEN, preferred, say

KEY = "lang"


def of_browser() -> str:
    """The browser's own, where it is one of LANGUAGES: "zh" of "zh-CN"."""
    return preferred(str(st.context.locale or ""))


def speak() -> None:
    """Speak the language of the session in this run of a page, or of a part of it: each is a thread of its own."""
    chosen = links.earlier(KEY) or st.query_params.get(KEY) or of_browser()
    LANGUAGE.set(str(chosen) if str(chosen) in LANGUAGES else of_browser())
    TOKEN.set(CHARACTER)  # until a model is chosen


def choose() -> None:
    """The languages beside each other, each by its own name; nothing where there is one alone."""
    if len(LANGUAGES) < 2:
        return
    links.ready(KEY, of_browser(), LANGUAGES)
    st.segmented_control(
        say("control.lang"), LANGUAGES, key=KEY, required=True, label_visibility="collapsed", on_change=_take,
        format_func=lambda name: say(f"language.{name}"),
    )  # fmt: skip


def _take() -> None:
    """Speak another language; whoever has a sentence of their own there keeps the model that reads it."""
    links.take(KEY)
    if links.named("sentence") is not None and (model := links.shown("model")) is not None:
        links.put("model", model)
