"""A panel on a page, in the ink of its theme."""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer.figures.panel import Panel
from explorer.figures.plot import INK, Sent


def show(panel: Panel, *, key: str, alt: str, config: dict[str, Any], **options: Any) -> None:
    """Draw a panel; the options are those of st.plotly_chart."""
    st.plotly_chart(Sent(panel, INK), key=key, config=config, alt=alt, **options)
