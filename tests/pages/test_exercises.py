"""The links of the lessons and of docs/exercises.md name nothing in vain."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer.lessons import LESSONS
from explorer.pages.shell import links

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
EXERCISES = (APP.parents[2] / "docs" / "exercises.md").read_text("utf-8")
OF_LESSONS = {(step.page, tuple(step.values.items())) for lesson in LESSONS.values() for step in lesson.steps}
ADDRESSES = [urlsplit(found) for found in re.findall(r"\]\((/[^)]*)\)", EXERCISES)]
OF_EXERCISES = {(one.path.strip("/") or links.GATES, tuple(parse_qsl(one.query))) for one in ADDRESSES}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    st.cache_data.clear()


def test_every_exercise_is_there():
    rows = [line for line in EXERCISES.splitlines() if line.startswith("| ") and line != "| Exercise | Where |"]
    assert len(rows) == 31
    assert all("](/" in row for row in rows)


@pytest.mark.parametrize(("page", "values"), sorted(OF_LESSONS | OF_EXERCISES), ids=str)
def test_a_link_shows_what_it_names(page, values):
    assert {key for key, _ in values} <= links.CHOICES.keys()
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update(dict(values))
    app.switch_page(f"scripts/{page}.py").run()
    assert not app.exception
    assert not [warning.value for warning in app.warning if "The link names" in warning.value]
    assert dict(values).items() - app.query_params.items() <= DEFAULTS


# What a link says though it is so already.
DEFAULTS = {
    ("lesson", "gate"), ("problem", "first"), ("numbers", "sine"), ("model", "time-machine-gru"),
    ("theta", "1"), ("numbers_cell", "gru"),
}  # fmt: skip
