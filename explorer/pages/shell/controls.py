"""Controls that are in the link: one or some of several words, one of several values in their order, yes or no.

A control is called by its key: `control.<key>` in the words, with `control.<key>.help` where it has an explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from explorer.pages.shell import links
from explorer.words import knows, say


def choose(key: str, options: Sequence[str], name_of: Callable[[str], str] = str, name: str = "") -> str:
    """One of several words; the first is the default. `name` is what stands in its codes instead of its key."""
    links.ready(key, options[0], options)
    label, explanation = called(name or key)
    return st.selectbox(
        label, options, key=key, help=explanation, format_func=name_of, on_change=links.take, args=(key,)
    )


def segments(key: str, options: Sequence[str]) -> str:
    """One of a few words beside each other, each said as `option.<word>`; the first is the default."""
    links.ready(key, options[0], options)
    label, explanation = called(key)
    chosen = st.segmented_control(
        label, options, key=key, required=True, help=explanation, label_visibility="collapsed",
        format_func=lambda option: say(f"option.{option}"), on_change=links.take, args=(key,),
    )  # fmt: skip
    return str(chosen)


def slide(
    key: str, steps: Sequence[Any], default: Any, name_of: Callable[[Any], str] = str, name: str = "", **figures: Any
) -> Any:
    """One of several values in their order; `name` is what stands in its codes instead of its key, with figures."""
    links.ready(key, default, steps)
    label, explanation = called(name or key, **figures)
    return st.select_slider(
        label, steps, key=key, help=explanation, format_func=name_of, on_change=links.take, args=(key,)
    )


def several(
    key: str, options: Sequence[str], default: Sequence[str], most: int, name_of: Callable[[str], str] = str
) -> list[str]:
    """Some of several words, at most so many."""
    links.ready_several(key, default, options, most)
    label, explanation = called(key)
    return st.multiselect(
        label, options, key=key, help=explanation, max_selections=most, format_func=name_of, on_change=links.take,
        args=(key,),
    )  # fmt: skip


def switch(key: str, **figures: Any) -> bool:
    """Yes or no; no is the default. The figures are those of what stands at it."""
    links.ready(key, False, (False, True))
    label, explanation = called(key, **figures)
    return st.toggle(label, key=key, help=explanation, on_change=links.take, args=(key,))


def called(key: str, **figures: Any) -> tuple[str, str | None]:
    """What stands at a control, and its explanation where there is one."""
    name = key.replace("_", "-")
    explained = f"control.{name}.help"
    return say(f"control.{name}", **figures), say(explained) if knows(explained) else None
