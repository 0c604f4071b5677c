"""A panel or a drawing on a page, in the ink of its theme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from explorer.figures.panel import Panel
from explorer.figures.plot import INK, Sent


def show(panel: Panel, *, key: str, alt: str, config: dict[str, Any], **options: Any) -> None:
    """Draw a panel; the options are those of st.plotly_chart."""
    st.plotly_chart(Sent(panel, INK), key=key, config=config, alt=alt, **options)


# st.html takes no SVG, and in an image nothing has the ink of the theme.
SCRIPT, CSS = (Path(__file__).parent / f"drawing.{kind}" for kind in ("js", "css"))


def draw(svg: str, *, key: str) -> None:
    """Draw an SVG of ours; a person's words in it must be escaped."""
    component = st.components.v2.component(
        "drawing", html="<div class='drawing'></div>", css=CSS.read_text("utf-8"), js=SCRIPT.read_text("utf-8")
    )
    component(data={"svg": svg}, key=key)
