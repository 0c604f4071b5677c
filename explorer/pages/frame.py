"""The frame of the app: page settings, navigation and what all pages share."""

from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Gate explorer", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
with st.spinner("Loading PyTorch; only the first visit after a start waits for it."):
    # Not before the page is there: the import takes seconds.
    from explorer.pages.shell import links, notices, process, shelf

    process.settle()

PAGES = {
    links.GATES: (
        st.Page("gates.py", title="Gates", icon=":material/grid_on:", default=True),
        "What the gates of a trained network do at every step of a text.",
    ),
    links.GRADIENTS: (
        st.Page("gradients.py", title="Gradients", icon=":material/timeline:"),
        "How much of each character's loss reaches each earlier step, what carries it, and what clipping leaves.",
    ),
    links.TRAIN: (
        st.Page("train.py", title="Train", icon=":material/model_training:"),
        "Train a model of your own and watch every curve while it learns.",
    ),
}
# Streamlit's own navigation would lead to bare addresses. These links carry what is chosen, also into a new tab.
shown = st.navigation([page for page, _ in PAGES.values()], position="hidden")
links.read(next(name for name, (page, _) in PAGES.items() if page == shown))
with st.container(horizontal=True, key="navigation"):
    for name, (page, explanation) in PAGES.items():
        st.page_link(page, help=explanation, query_params=links.address(name))
problems = st.container()
if notices.runs_whole(shown):
    links.write(complete=True)
shelf.own().settle()  # what the page has computed meanwhile
with problems:
    notices.show_problems()
