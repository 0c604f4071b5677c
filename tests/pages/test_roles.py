"""Roles of a run's units: looked for when its page is opened, from the text that it learned, which nobody sees."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer import runs
from explorer.models import NetKey
from explorer.pages.shell import models, roles
from explorer.probes.units import unit_roles
from trained import trained

pytestmark = pytest.mark.process
APP = Path(explorer.__file__).parent / "pages" / "frame.py"
NET = NetKey(0, "forward")


@pytest.fixture(scope="module", autouse=True)
def _data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATE_EXPLORER_DATA", str(tmp_path_factory.mktemp("roles")))
        yield


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def run(_data):
    """Of somebody's own text, which comes with no project."""
    text = explorer.load_corpus("lighthouse").replace("light", "candle")
    recipe = explorer.Recipe(optimizer="adam", learning_rate=0.01, epochs=6, batch_size=16, num_steps=30)
    return trained(explorer.ModelConfig(hidden_size=24), recipe, text, corpus="diary", session="me")


def opened(**query):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update(query)
    app.run()
    assert not app.exception
    return app


def named(app):
    return [title for title in drawn.titles(drawn.panels(app)[0]) if title.startswith("<b>unit ")]


def test_they_are_found_in_what_the_run_learned_and_its_units_are_drawn_alone(run):
    which = models.Which.of(f"run:{run.id}", 6)
    assert roles.roles_of(which, NET) == []
    app = opened(model=which.name, sentence="He came home.")
    checkpoint = models.load(which.name)
    found = unit_roles(checkpoint.model, checkpoint.recipe.learned(runs.text(run.id))[: roles.READ])
    told = sorted(found.told(roles.NAMED + 2), key=lambda role: role.feature in ("line-start", "line-end"))[
        : roles.NAMED
    ]
    assert roles.roles_of(which, NET) == told
    assert roles.all_of(which, NET) == found.by_unit()
    assert len(named(app)) == len(told) > 0
    assert "candle" not in str(app.main)


def test_they_are_looked_for_once(run, monkeypatch):
    which = models.Which.of(f"run:{run.id}", 6)
    opened(model=which.name)
    monkeypatch.setattr(roles, "trace_gates", lambda *_: pytest.fail("again"))
    assert named(opened(model=which.name))
    assert not roles.find(which)


def test_a_run_whose_text_is_gone_has_none_and_its_page_opens(run, monkeypatch):
    def gone(_):
        raise runs.RunError("run.unreadable", column="text")

    monkeypatch.setattr(runs, "text", gone)
    assert named(opened(model=f"run:{run.id}")) == []


@pytest.mark.parametrize("beside", [{"name": "lighthouse-gru"}, {"untrained": "own-kind"}])
def test_of_shipped_and_untrained_models_nothing_is_looked_for(run, beside):
    which = models.Which.of(f"run:{run.id}", 6)._replace(**beside)
    assert not roles.find(which)
