"""Controls that are in the link: one of several words, one of several values in their order, yes or no."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from explorer.pages.shell import links


def choose(
    label: str,
    options: Sequence[str],
    key: str,
    explanation: str | None = None,
    name_of: Callable[[str], str] = str,
) -> str:
    """One of several words; the first is the default."""
    links.ready(key, options[0], options)
    return st.selectbox(
        label, options, key=key, help=explanation, format_func=name_of, on_change=links.take, args=(key,)
    )


def slide(label: str, steps: Sequence[Any], default: Any, key: str, explanation: str | None = None, **more: Any) -> Any:
    """One of several values in their order."""
    links.ready(key, default, steps)
    return st.select_slider(label, steps, key=key, help=explanation, on_change=links.take, args=(key,), **more)


def switch(label: str, key: str, explanation: str | None = None) -> bool:
    """Yes or no; no is the default."""
    links.ready(key, False, (False, True))
    return st.toggle(label, key=key, help=explanation, on_change=links.take, args=(key,))
