"""A loop of the person's own on the page Train: in the list, opened, live, renamed, deleted, damaged."""

from pathlib import Path

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest
from torch import nn
from torch.nn import functional as F

import explorer
from attaching.loops import Net
from attaching.rigs import waves
from explorer import GateProbe, runs
from explorer.pages import live
from explorer.pages.shell import links, people

APP = Path(explorer.__file__).parent / "pages" / "frame.py"


@pytest.fixture(autouse=True)
def _at_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GATE_EXPLORER_SPARE", "0")
    monkeypatch.setattr(type(st.context), "headers", {people.LOCAL_HEADER: "1"})
    st.cache_data.clear()
    st.cache_resource.clear()


def learn(name, steps=25):
    torch.manual_seed(0)
    net = Net(nn.GRU(1, 8), 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    with GateProbe(net, run=name, every=10) as probe:
        for x, y in waves(steps, length=12):
            F.mse_loss(net(x), y).backward()
            probe.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
    return runs.loops()[0]


def page(run=None):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("scripts/train.py")
    app.session_state["chosen"] = links._State(page="train", values={"run": run} if run else {})
    app.run()
    assert not app.exception
    return app


def words(app):
    return "\n".join(str(one.value) for kind in (app.markdown, app.caption, app.error, app.warning) for one in kind)


def test_it_is_in_the_list_and_opens():
    loop = learn("my <b>waves :material_home:")
    app = page()
    assert "waves" in words(app)
    assert "25 steps" in words(app)
    app.button(key=f"open_{loop.id}").click().run()
    assert not app.exception
    told = words(app)
    assert "<b>" not in told  # it is escaped
    assert "GRU, reset after, 8 units" in told.replace("\\", "")
    assert str(loop.findings[0].title) in told
    assert "Inside step 21" in told
    assert "How far one loss reaches back" in told


def test_its_verdict_is_the_probes():
    loop = learn("w")
    assert loop.findings[0].title in words(page(loop.id))


def test_nobody_else_sees_it_in_their_list(monkeypatch):
    loop = learn("secret")
    monkeypatch.setattr(type(st.context), "headers", {people.BROWSER_HEADER: "other"})
    assert "secret" not in words(page())
    assert "secret" in words(page(loop.id))  # whoever has the link may look


def test_it_is_renamed_and_deleted_and_brought_back():
    loop = learn("first")
    app = page()
    app.text_input(key=f"name_{loop.id}").set_value("second").run()
    app.button(key=f"rename_{loop.id}").click().run()
    assert "second" in words(app)
    app.button(key=f"delete_{loop.id}").click().run()
    assert runs.loops() == []
    next(button for button in app.button if button.label == "Undo").click().run()
    assert [loop.name for loop in runs.loops()] == ["second"]


def test_the_curves_are_answered():
    loop = learn("w")
    status, body = live.answer((loop.id,), "")
    assert status == 200
    assert body[:2] == b"\x1f\x8b"  # gzip
    assert live.answer(("loop-none",), "")[0] == 404


def test_a_loop_that_is_gone_is_a_sentence():
    app = page("loop-none")
    assert app.error


def test_a_loop_that_goes_on_is_said_to():
    torch.manual_seed(0)
    net = Net(nn.GRU(1, 8), 1)
    with GateProbe(net, run="going"):
        assert "running" in words(page())
        assert "running" in words(page(runs.loops()[0].id))
