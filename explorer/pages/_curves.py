"""The component that draws figures.curves: Streamlit hands it bytes, it draws them on its canvas."""

from __future__ import annotations

import streamlit as st

from explorer.figures.curves import SCRIPT

HTML = '<canvas role="img" tabindex="0"></canvas>'
CSS = """
canvas { display: block; touch-action: pan-y; cursor: crosshair; color: var(--st-text-color);
         border: 0 solid var(--st-border-color); font-family: var(--st-font); }
canvas:focus-visible { outline: 2px solid var(--st-primary-color); }
"""
DRAWING = SCRIPT.read_text("utf-8")


def show_curves(packed: bytes, height_px: int, key: str) -> None:
    """Draw what Curves.pack made; called again with the same key, it goes on where the person's zoom is."""
    component = st.components.v2.component("curves", html=HTML, css=CSS, js=DRAWING)
    component(key=key, data=packed, height=height_px)
