"""What a session of Streamlit keeps: the one place that touches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st


def give_way() -> None:
    """Let Streamlit break this run off if the person wants something newer by now: it looks where its session is asked."""
    kept("sentence", "")


def kept(key: str, default: Any) -> Any:
    """What the session keeps under a key."""
    return st.session_state.get(key, default)


def fill(values: Mapping[str, Any]) -> None:
    """Put values into the session, and so into the controls of these keys."""
    for key, value in values.items():
        st.session_state[key] = value


def fill_once(values: Mapping[str, Any]) -> None:
    """The same, where there is no value yet."""
    for key, value in values.items():
        st.session_state.setdefault(key, value)


def forget(key: str) -> None:
    """Take a value out of the session."""
    st.session_state.pop(key, None)
