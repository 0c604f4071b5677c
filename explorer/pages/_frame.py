"""The frame of the app: page settings, navigation and what all pages share."""

from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Gate explorer", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
with st.spinner("Loading PyTorch; only the first visit after a start waits for it."):
    # Not before the page is there: the import takes seconds.
    from explorer.pages import _session

    _session.settle()

page = st.navigation(
    [
        st.Page(
            "gates.py",
            title="Gates",
            icon=":material/grid_on:",
            default=True,
            help="What the gates of a trained network do at every step of a text.",
        ),
        st.Page(
            "gradients.py",
            title="Gradients",
            icon=":material/timeline:",
            help="How much of each character's loss reaches each earlier step, what carries it, and what clipping leaves.",
        ),
        st.Page(
            "train.py",
            title="Train",
            icon=":material/model_training:",
            help="Train a model of your own and watch every curve while it learns.",
        ),
    ],
    position="top",
)
page.run()
