"""The frame of the app: page settings, navigation and what all pages share."""

from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Gate explorer", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
with st.spinner("Loading PyTorch; only the first visit after a start waits for it."):
    # Not before the page is there: the import takes seconds.
    from explorer.pages import _link, _notices, _session, _shelf

    _session.settle()

PAGES = {
    _link.GATES: st.Page("gates.py", title="Gates", icon=":material/grid_on:", default=True),
    _link.GRADIENTS: st.Page("gradients.py", title="Gradients", icon=":material/timeline:"),
    _link.TRAIN: st.Page("train.py", title="Train", icon=":material/model_training:"),
}
HELP = {
    _link.GATES: "What the gates of a trained network do at every step of a text.",
    _link.GRADIENTS: "How much of each character's loss reaches each earlier step, what carries it, and what clipping leaves.",
    _link.TRAIN: "Train a model of your own and watch every curve while it learns.",
}
# Streamlit's own navigation would lead to bare addresses. These links carry what is chosen, also into a new tab.
shown = st.navigation(list(PAGES.values()), position="hidden")
_link.read(next(name for name, page in PAGES.items() if page == shown))
with st.container(horizontal=True, key="navigation"):
    for name, page in PAGES.items():
        st.page_link(page, help=HELP[name], query_params=_link.address(name))
problems = st.container()
if _notices.runs_whole(shown):
    _link.write(complete=True)
_shelf.own().settle()  # what the page has computed meanwhile
with problems:
    _notices.show_problems()
