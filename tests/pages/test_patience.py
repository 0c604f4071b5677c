"""A long text is read with a word on the page, and the reading gives way to a newer wish without being begun twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer.pages.shell import patience, session
from waiting import until

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
LONG = "Turn, light, turn, on the hill of stone. " * 100


class NewerWishError(Exception):
    """What Streamlit would raise where a run is broken off."""


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def slow(monkeypatch):
    """trace_gates, counted, and held until it is let go."""
    begun, go, trace_gates = [], threading.Event(), explorer.trace_gates

    def held(model, text):
        begun.append(len(text))
        go.wait(120)  # longer than a page is waited for
        return trace_gates(model, text)

    monkeypatch.setattr(explorer, "trace_gates", held)
    return begun, go


def opened():
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update({"model": "lighthouse-gru", "sentence": LONG})
    return app


def test_a_reading_breaks_off_and_is_waited_for_by_who_comes_again(slow, monkeypatch):
    begun, go = slow
    with monkeypatch.context() as patch:
        patch.setattr(session, "give_way", lambda: (_ for _ in ()).throw(NewerWishError))
        app = opened()
        app.run()  # comes to an end, though nothing has let the reading go
        assert app.exception  # broken off
    go.set()
    app.run()
    assert not app.exception
    assert begun == [len(LONG)]
    assert drawn.characters(app) == len(LONG)


def test_a_short_text_needs_no_thread(slow, monkeypatch):
    begun, go = slow
    go.set()
    monkeypatch.setattr(patience, "turns", lambda: pytest.fail("a thread for a short text"))
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.run()
    assert not app.exception
    assert len(begun) == 1


def at_once(floor, count, *, aside=False, fault=None):
    """The most of so many threads that had a place at the same time, in the order in which all came to it."""
    inside, most, came, lock = [], [], [], threading.Lock()
    go = threading.Event()

    def work(number):
        with floor.taken():
            with floor.left() if aside else nullcontext():
                with lock:
                    inside.append(number)
                    came.append(number)
                    most.append(len(inside))
                go.wait(20)
                with lock:
                    inside.remove(number)
            if fault:
                raise fault

    with ThreadPoolExecutor(count) as pool:
        begun = []
        for number in range(count):
            begun.append(pool.submit(work, number))
            # In the line, or in a place, before the next one comes.
            until(lambda wanted=number + 1: len(inside) + len(floor._line) >= wanted, 20)
        go.set()
    assert [type(one.exception()) for one in begun] == [type(fault)] * count
    return max(most), came


@pytest.mark.parametrize("places", [1, 2, 3])
def test_no_more_runs_go_on_at_a_time_than_there_are_places(places):
    floor = patience.Floor(places)
    assert at_once(floor, 9)[0] == places
    assert at_once(floor, 3)[0] == min(places, 3)  # every place was given back


def test_they_come_in_their_order():
    assert at_once(patience.Floor(1), 9)[1] == [*range(9)]


def test_a_place_is_given_back_by_a_run_that_fails_too():
    floor = patience.Floor(2)
    at_once(floor, 5, fault=ValueError())
    assert at_once(floor, 5)[0] == 2


def test_who_waits_for_something_has_no_place_meanwhile():
    floor = patience.Floor(1)
    assert at_once(floor, 7, aside=True)[0] == 7
    assert at_once(floor, 7)[0] == 1


def test_who_leaves_twice_leaves_once():
    floor = patience.Floor(1)
    with floor.taken(), floor.left(), floor.left():
        assert floor._free == 1
    assert at_once(floor, 5)[0] == 1


def test_a_part_of_a_page_that_runs_alone_has_no_place_to_leave():
    floor = patience.Floor(1)
    for _ in range(3):
        with floor.left():
            pass
    assert at_once(floor, 5)[0] == 1


def test_a_page_has_a_place_while_it_runs_and_gives_it_back_when_it_is_broken_off(monkeypatch):
    floor = patience.Floor(1)
    monkeypatch.setattr(patience, "FLOOR", floor)
    seen, trace_gates = [], explorer.trace_gates

    def looked(model, text):
        seen.append(floor._free)
        return trace_gates(model, text)

    monkeypatch.setattr(explorer, "trace_gates", looked)
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update({"model": "lighthouse-gru", "sentence": "Turn, light."})
    app.run()
    assert not app.exception
    assert seen
    assert set(seen) == {0}
    assert floor._free == 1
    monkeypatch.setattr(explorer, "trace_gates", lambda *_: (_ for _ in ()).throw(NewerWishError))
    app.text_input(key="sentence").set_value("Another one.").run()
    assert app.exception
    assert floor._free == 1


def test_one_long_text_is_at_the_table_at_a_time_and_the_others_come_in_their_order(monkeypatch):
    monkeypatch.setattr(session, "give_way", lambda: None)
    table, come, leave = patience.Table(), [], [threading.Event() for _ in range(4)]

    def sits(number):
        with table.taken():
            come.append(number)
            leave[number].wait(60)

    with ThreadPoolExecutor(4) as people:
        for number in range(4):
            people.submit(sits, number)
            until(lambda number=number: table.ahead == number + 1)
        for number in range(4):
            until(lambda number=number: come == [*range(number + 1)])
            leave[number].set()
    assert table.ahead == 0


def test_who_wants_something_newer_leaves_the_line_and_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(session, "give_way", lambda: (_ for _ in ()).throw(NewerWishError))
    table = patience.Table()
    with table.taken(), ThreadPoolExecutor(1) as other:  # the first has not to wait, and so gives way to nothing
        with pytest.raises(NewerWishError):
            other.submit(lambda: table.taken().__enter__()).result(60)
        assert table.ahead == 1
    with table.taken():
        assert table.ahead == 1


def test_a_short_text_needs_no_table(monkeypatch):
    monkeypatch.setattr(patience, "_table", None)
    with patience.table("x" * (patience.LONG - 1)):
        pass


def test_what_is_done_already_neither_turns_nor_leaves_its_place(monkeypatch):
    left = []
    monkeypatch.setattr(patience.FLOOR, "left", lambda: nullcontext(left.append("left")))
    monkeypatch.setattr(st, "spinner", lambda words: nullcontext(left.append(words)))
    with patience.aside("reading", done=True):
        assert left == []
    with patience.aside("reading", done=False):
        assert sorted(left) == ["left", "reading"]


def test_ten_readings_and_the_singular_values_are_known_once_they_were_computed():
    def opens():
        import streamlit as st

        from explorer.pages.shell import facts, models

        which = models.Which.of("lighthouse-gru", models.load("lighthouse-gru").last_epoch)
        before = facts.knows_by_epoch(which, "Turn the light.")
        net = facts.facts(which, "Turn the light.").net(models.checkpoint_of(which).config.nets[0])
        sigma = net.knows_singular_values
        assert facts.by_epoch(which, "Turn the light.")
        assert net.singular_values
        st.write(f"{before}, {sigma}; {facts.knows_by_epoch(which, 'Turn the light.')}, {net.knows_singular_values}")

    alone = AppTest.from_function(opens, default_timeout=120).run()
    assert not alone.exception
    assert alone.markdown[0].value == "False, False; True, True"


def test_what_was_not_begun_when_a_newer_wish_came_is_not_done(monkeypatch):
    """Whoever types on would else leave a line of texts behind that nobody reads."""
    monkeypatch.setattr(session, "give_way", lambda: (_ for _ in ()).throw(NewerWishError))
    turns, go, done = patience.Turns(), threading.Event(), []
    first = turns.begin(lambda: go.wait(60))
    with pytest.raises(NewerWishError):
        patience.wait_for(turns.begin(lambda: done.append("in vain")))
    assert turns.ahead == 1
    go.set()
    assert first.result(60)
    assert turns.begin(lambda: "next").result(60) == "next"
    assert done == []
