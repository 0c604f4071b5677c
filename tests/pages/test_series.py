"""The page Numbers: a network learns a series while one looks on, and shows its gates on what it did not learn from."""

import re
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer.pages import series as module
from explorer.pages.shell import learning, links
from explorer.pages.shell.learning import Learnt, Wishes, learnt
from explorer.pages.shell.texts import Upload
from explorer.series import BUILT_IN, Table, learn, scored, series_model
from explorer.words import say
from waiting import until

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
WAVE_NAMES = ("sine", "square", "saw")
QUICK = {"numbers_steps": 50, "numbers_units": 8, "numbers_length": 10}


@pytest.fixture(autouse=True)
def _fresh():
    st.cache_data.clear()
    st.cache_resource.clear()


def page(**chosen):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("scripts/series.py")
    app.session_state["chosen"] = links._State(page="series", values=QUICK | chosen)
    app.run()
    assert not app.exception
    return app


def words(app):
    kinds = (app.markdown, app.caption, app.error, app.warning)
    return "\n".join(str(one.value) for kind in kinds for one in kind)


def csv(rows=120, **columns):
    steps = np.arange(rows)
    table = {"day": [f"d{step}" for step in steps], "t": np.round(10 + 5 * np.sin(steps / 5), 3)} | columns
    return pd.DataFrame(table).to_csv(index=False).encode()


def test_what_it_says_and_draws_is_the_librarys():
    app = page()
    known = learnt(BUILT_IN["sine"], Wishes("sine", "gru", 8, 10, 50))
    assert known.done
    score = scored(known.model, BUILT_IN["sine"], 10)
    assert f"{score.error:.2f}" in words(app) or f"{score.error:.3f}" in words(app)
    trace = explorer.trace_series(explorer.SeriesRead.of(known.model, BUILT_IN["sine"].example(10)))
    tape, flow = drawn.panels(app)
    told = next(row for row in tape["rows"] if row["title"].startswith("next value"))
    np.testing.assert_allclose(told["items"][1]["y"], trace.outputs_TV[:, 0], rtol=1e-6)
    assert "How far back each loss reaches" in words(app)
    assert any(row["key"] == "losses" for row in flow["rows"])


def test_what_is_altered_is_judged_and_drawn_beside_what_was_trained():
    app, task = page(numbers_hold_z="1"), BUILT_IN["sine"]
    known = learnt(task, Wishes("sine", "gru", 8, 10, 50))
    changed = explorer.altered(known.model, explorer.Intervention({"z": 1}))
    trained, held = (f"{scored(model, task, 10).error:.2g}" for model in (known.model, changed))
    assert f"**{held}" in words(app) or held in words(app)
    assert f"With z held at 1. As it was trained, it tells it to within {trained}" in words(app)
    tape = drawn.panels(app)[0]
    trace = explorer.trace_series(explorer.SeriesRead.of(changed, task.example(10)))
    assert (trace.tape()["z"] == 1).all()
    told = next(row for row in tape["rows"] if row["title"].startswith("next value"))
    np.testing.assert_allclose(told["items"][1]["y"], trace.outputs_TV[:, 0], rtol=1e-6)
    assert "Let it learn" not in words(app)  # it has: it is the held gate that is in its way
    assert "held at" not in words(page())


def test_rate_and_threshold_are_those_that_were_chosen():
    page(numbers_rate=0.02, numbers_theta="none")
    known = learnt(BUILT_IN["sine"], Wishes("sine", "gru", 8, 10, 50, 0.02, None))
    assert len(known.records) == 50
    assert all(record.grad_norm_before == record.grad_norm_after for record in known.records)
    direct = list(learn(series_model(BUILT_IN["sine"], known.wishes.config), BUILT_IN["sine"], steps=50, length=10,
                        learning_rate=0.02, clip_norm=None))  # fmt: skip
    assert [record.loss for record in direct] == [record.loss for record in known.records]


def test_how_far_back_the_gradient_reaches_is_the_flows_own():
    app = page()
    known = learnt(BUILT_IN["sine"], Wishes("sine", "gru", 8, 10, 50))
    flow = explorer.gradient_flow(known.model, explorer.SeriesRead.of(known.model, BUILT_IN["sine"].example(10)))
    expected = f"{flow.half_life_steps} step" if flow.half_life_steps else "More than half"
    assert expected in words(app)


@pytest.mark.parametrize("cell", explorer.cells.CELLS)
def test_every_cell_learns(cell):
    app = page(numbers_cell=cell)
    assert "root mean squared error" in words(app)


def test_a_task_that_is_asked_at_the_end_has_no_triangle():
    app = page(numbers="adding")
    _, flow = drawn.panels(app)
    assert not any(row["key"] == "losses" for row in flow["rows"])
    assert "asked at one step alone" in words(app)


def test_who_has_not_learned_is_not_praised():
    app = page(numbers="adding", numbers_steps=50, numbers_length=50)
    assert ":material/check:" not in words(app)
    assert "Whoever always tells the mean has" in words(app)
    assert "Let it learn longer" in words(app)


def test_a_class_is_told_and_judged_by_how_often_it_is_right():
    app = page(numbers="waves", numbers_units=24, numbers_steps=400, numbers_length=20, numbers_rate=0.01)
    known = learnt(BUILT_IN["waves"], Wishes("waves", "gru", 24, 20, 400, 0.01))
    score = scored(known.model, BUILT_IN["waves"], 20)
    assert score.judged == "better"
    said = f"It tells *the kind of wave* right in **{1 - score.error:.0%}** of what it did not learn from"
    assert f":material/check: {said}" in words(app)
    assert f"Whoever always tells the most frequent class is right in {1 - score.guesses['usual']:.0%}" in words(app)
    tape, _ = drawn.panels(app)
    told = next(row for row in tape["rows"] if row["title"].startswith("probability of"))
    trace = explorer.trace_series(explorer.SeriesRead.of(known.model, BUILT_IN["waves"].example(20)))
    for item, told_T in zip(told["items"], trace.outputs_TV.T, strict=False):
        np.testing.assert_allclose(item["y"], told_T, rtol=1e-5)
    assert WAVE_NAMES[trace.target[-1]] in told["title"]
    held = page(
        numbers="waves", numbers_units=24, numbers_steps=400, numbers_length=20, numbers_rate=0.01, numbers_hold_z="1"
    )
    assert f"As it was trained, it is right in {1 - score.error:.0%}." in words(held)


def test_a_table_of_words_is_learned():
    warm = np.where(np.sin(np.arange(120) / 5) > 0, "warm", "cold")
    app = page(numbers="own-table", table=Upload("w.csv", csv(mood=warm)), numbers_target="mood")
    assert "*mood*" in words(app)
    assert "is right in" in words(app)
    assert app.select_slider(key="numbers_horizon").value == 0
    assert drawn.panels(app)[0]["rows"][0]["title"].startswith("read: ")


def test_a_unit_is_followed():
    tape, _ = drawn.panels(page(numbers_unit="3"))
    assert any("unit 3" in row["title"] for row in tape["rows"])


def test_a_table_of_ones_own_is_learned():
    app = page(numbers="own-table", table=Upload("w.csv", csv(u=np.arange(120) % 7)))
    assert "It tells *t*" in words(app) or "learned to tell *t*" in words(app)
    tape, _ = drawn.panels(app)
    assert "t, " in tape["rows"][0]["title"] or "t" in tape["rows"][0]["title"]
    assert tape["x"]["words"][0].startswith("d")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "CSV"), (b"\x00\x01\x02", ""), (b"a,b\nx,y\n", "finite number"), (csv(10), "rows"),
        (b"t\n" + b"1\n" * 19 + b"oops\n", "finite number"), (b"t\n" + b"1\n" * 40, ""), (csv(100, u=np.nan), ""),
        (b"t\n" + b"inf\n" * 30, "finite number"),
    ],
)  # fmt: skip
def test_whatever_is_brought_is_answered_in_words(data, said):
    app = page(numbers="own-table", table=Upload("x.csv", data))
    assert said in words(app)


def test_a_table_that_is_too_short_for_the_sequences_says_so():
    app = page(numbers="own-table", table=Upload("x.csv", csv(40)), numbers_length=200)
    assert "at most" in words(app)


def test_what_is_chosen_is_in_the_link_and_a_link_is_followed():
    chosen = {"numbers": "adding", "numbers_cell": "lstm", "numbers_unit": "2"} | {k: str(v) for k, v in QUICK.items()}
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("scripts/series.py")
    app.query_params.update(chosen)
    app.run()
    assert not app.exception
    assert app.selectbox(key="numbers_cell").value == "lstm"
    assert app.select_slider(key="numbers_length").value == 10
    kept = {key: values[0] if isinstance(values, list) else values for key, values in app.query_params.items()}
    assert kept == chosen


def test_links_that_make_no_sense_are_told():
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("scripts/series.py")
    app.query_params.update(
        {"numbers": "nonsense", "numbers_units": "10000", "numbers_unit": "-4", "numbers_steps": "50"}
    )
    app.run()
    assert not app.exception
    assert sum("nonsense" in str(one.value) or "10000" in str(one.value) for one in app.warning) >= 1


# ---- learning


def test_it_stops_where_nobody_looks_on_and_goes_on_from_there(monkeypatch):
    wishes = Wishes("sine", "gru", 8, 10, 400)
    known = Learnt(BUILT_IN["sine"], wishes)
    entered = threading.Event()
    with known._watched():
        until(lambda: len(known.records) > 3)
        entered.set()
    begun = known._begun
    until(lambda: begun.done())
    made = len(known.records)
    assert 3 < made < 400
    with known._watched() as again:
        again.result(timeout=60)
    assert known.done
    whole = Learnt(BUILT_IN["sine"], wishes)
    whole._watching = 1
    whole._run()
    assert [record.loss for record in whole.records] == [record.loss for record in known.records]


def test_a_network_that_diverges_says_so(monkeypatch):
    def fails(*_, **__):
        raise explorer.TrainingDivergedError(3, "loss", "value")
        yield

    monkeypatch.setattr(learning, "learn", fails)
    app = page()
    assert "step 3" in words(app)


def test_a_table_is_drawn_in_its_own_units_and_says_what_it_left_out():
    gaps = np.where(np.arange(120) % 10, 3.0, np.nan)
    app = page(numbers="own-table", table=Upload("w.csv", csv(wind=gaps)))
    assert re.search(r"missing a number: wind \(12\)", words(app).replace("\\", ""))
    tape, _ = drawn.panels(app)
    (read,) = tape["rows"][0]["items"]
    told = next(row for row in tape["rows"] if row["title"].startswith("t:"))
    assert 5 <= np.min(read["y"]) < np.max(read["y"]) <= 15
    assert np.max(told["items"][0]["y"]) > 5  # true, in the unit of the column
    whole = page(numbers="own-table", table=Upload("w.csv", csv()))
    assert "missing a number" not in words(whole)


@pytest.mark.parametrize(("code", "rises", "advised"), [
    ("worse", True, "beyond"), ("alike", True, "beyond"), ("worse", False, "worse"), ("alike", False, "alike"),
    ("better", True, ""), ("few", True, ""), ("changed", True, ""),
])  # fmt: skip
def test_numbers_beyond_what_was_learned_are_named_only_where_they_are_told_badly(code, rises, advised):
    steps = np.arange(100.0)
    task = Table.of(pd.DataFrame({"x": steps if rises else np.sin(steps)}), "x")
    assert module._advice(code, task) == (say(f"series-page.{advised}.advice") if advised else "")
