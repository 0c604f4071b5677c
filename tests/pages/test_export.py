"""Tables on their way to a browser: the numbers, who gets them, how many at once, and what ends them."""

import asyncio
import gc
import io
import json
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

import app as server
import door
import explorer
from explorer import runs
from explorer.pages.shell import export
from explorer.words import say, speaking

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
HEADER = door.NamedBrowsers.HEADER
LONG = 1_000_000


def odd():
    """Every kind of column, and what is easily spoilt on the way."""
    rng = np.random.default_rng(0)
    numbers = np.array([0.1 + 0.2, np.nan, np.inf, -np.inf, 5e-324, 1e300, -0.0, *rng.standard_normal(993)])
    words = ['a,"b"', "", "\n", " ", "é", "好", "=", "nan", "\ufeff", *map(str, range(991))]
    with np.errstate(over="ignore", under="ignore"):
        return pd.DataFrame(
            {"step": np.arange(1000), "character": words, "wide": numbers, "narrow": numbers.astype(np.float32)}
            | {"weight.l0": rng.random(1000), "is it": rng.random(1000) < 0.5}
        )


def in_blocks(table, rows=300):
    for start in range(0, len(table), rows):
        yield table.iloc[start : start + rows]


def offered(table, browser="me", life_s=60):
    """An offer as a session keeps it, and its token."""
    made = export.Offer(f"token-{id(table)}", browser, table, time.monotonic() + life_s)
    export._offers[made.token] = made
    return made


def table_of(make, name="A table", about="a model", **more):
    return export.Table(name, about, make, **more)


class Browser:
    """Asks the server's route, and takes as much of the answer as a test wants."""

    def __init__(self, offer, kind="csv", browser="me", method="GET"):
        self.status, self.headers, self.body, self.taken = None, {}, b"", 0
        self.more, self.gone = asyncio.Event(), asyncio.Event()
        headers = [(HEADER, browser.encode())] if browser else []
        token = offer if isinstance(offer, str) else offer.token
        self.scope = {
            "type": "http", "method": method, "path": f"/export/{token}/{kind}", "headers": headers, "query_string": b"",
            "asgi": {"spec_version": "2.3"},
        }  # fmt: skip

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], {k.decode(): v.decode() for k, v in message["headers"]}
            return
        if self.taken and message["body"]:
            await self.more.wait()
        self.body += message["body"]
        self.taken += bool(message["body"])

    async def ask(self):
        await Starlette(routes=[Route("/export/{token}/{kind}", server.export)])(self.scope, self.receive, self.send)
        return self


def running(talk):
    """Run a talk of browsers with the server; in a thread without an event loop, the browser tests have one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(asyncio.wait_for(talk(), 60))).result()


def got(offer, kind="csv", browser="me", method="GET"):
    async def talk():
        asked = Browser(offer, kind, browser, method)
        asked.more.set()
        return await asked.ask()

    return running(talk)


async def until(holds):
    while not holds():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("rows", [1, 300, 5000])
def test_a_csv_in_blocks_is_read_back_as_the_very_same_numbers_and_words(rows):
    table = odd()
    body = b"".join(export.encoded("csv", in_blocks(table, rows)))
    again = pd.read_csv(io.BytesIO(body), keep_default_na=False, na_values={c: [""] for c in ("wide", "narrow")})
    again["narrow"] = again["narrow"].astype(np.float32)
    again["character"] = again["character"].astype("str")
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    np.testing.assert_array_equal(np.signbit(again["wide"]), np.signbit(table["wide"]))


@pytest.mark.parametrize("rows", [1, 300, 5000])
def test_a_parquet_in_blocks_is_the_very_same_table(rows):
    table = odd()
    body = b"".join(export.encoded("parquet", in_blocks(table, rows)))
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(body)), table, check_exact=True)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_things_of_several_kinds_in_a_column_are_words_and_an_empty_table_has_its_head(kind):
    mixed = pd.DataFrame({"": [1, 2], "setting": pd.Series([(1, 2), None], dtype=object)})
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[kind]
    again = read(io.BytesIO(b"".join(export.encoded(kind, iter([mixed])))))
    assert list(again.iloc[:, 1].fillna("None")) == ["(1, 2)", "None"]
    empty = read(io.BytesIO(b"".join(export.encoded(kind, iter([odd().head(0)])))))
    assert list(empty.columns) == list(odd().columns)
    assert not len(empty)


def test_a_spreadsheet_is_told_that_a_csv_is_utf_8():
    assert b"".join(export.encoded("csv", iter([odd()]))).startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [1, 100, 200_000])
def test_the_size_that_is_told_is_about_the_size_of_the_file(kind, rows):
    table = pd.DataFrame({"step": np.arange(rows), "h": np.random.default_rng(1).random(rows), "character": "a"})
    told, sizes = table_of(partial(in_blocks, table, 65_536), rows=rows).measured()
    assert told == rows
    assert sizes[kind] == pytest.approx(len(b"".join(export.encoded(kind, in_blocks(table, 65_536)))), rel=0.1)
    assert table_of(table.copy).measured()[0] == rows


def test_a_size_in_words():
    assert [*map(export.in_words, (0, 999, 12_345, 1.26e6, 321e6, 5e9))] == [
        "1 kB", "1 kB", "12 kB", "1.3 MB", "320 MB", "5 GB"]  # fmt: skip


def test_the_browser_of_the_session_gets_the_table_and_no_other():
    offer = offered(table_of(odd, "Gates of every unit", "time-machine-gru, epoch 500"))
    mine = got(offer)
    assert mine.status == 200
    assert mine.headers["content-type"] == "text/csv; charset=utf-8"
    assert mine.headers["cache-control"] == "no-store"
    name = "gates-of-every-unit-time-machine-gru-epoch-500"
    assert mine.headers["content-disposition"] == f"attachment; filename*=utf-8''{name}.csv"
    assert len(pd.read_csv(io.BytesIO(mine.body))) == 1000
    assert len(pd.read_parquet(io.BytesIO(got(offer, "parquet").body))) == 1000
    for browser in ("another", ""):
        refused = got(offer, browser=browser)
        assert (refused.status, refused.body) == (404, say("page.download.gone").encode())
    assert got(offer, kind="exe").status == got("guessed").status == 404


def test_a_browser_without_cookies_gets_what_was_offered_to_one_without():
    offer = offered(table_of(odd), browser="")
    assert got(offer, browser="").status == 200
    assert got(offer, browser="another").status == 404


def test_an_offer_ends_with_its_time_and_with_its_session():
    late, here = offered(table_of(odd), life_s=-1), offered(table_of(odd.__call__))
    assert got(late).status == 404
    token = here.token
    assert got(token).status == 200
    del here  # the session was all that kept it
    gc.collect()
    assert got(token).status == 404


def test_who_only_asks_whether_it_is_there_makes_nothing():
    def make():
        raise AssertionError

    asked = got(offered(table_of(make)), method="HEAD")
    assert (asked.status, asked.body) == (200, b"")


def test_what_is_not_there_any_more_is_said_in_a_sentence():
    def make():
        raise runs.UnknownRunError

    refused = got(offered(table_of(make)))
    assert (refused.status, refused.body) == (404, b"There is no run with this id; it may have been deleted.")
    with speaking("zh"):
        offer, said = offered(table_of(make)), str(runs.UnknownRunError())
    assert got(offer).body == said.encode() != refused.body


def test_a_download_that_is_gone_is_said_to_be_in_the_language_of_the_browser():
    for languages, language in (("zh-TW,zh;q=0.8", "zh"), ("en-GB", "en"), ("", "en"), ("fr, de;q=0.5", "en")):
        with speaking(language):
            said = say("page.download.gone")
        assert export.answer("guessed", "csv", "", languages).body == said.encode()


def test_a_persons_words_are_no_formulas_in_a_csv_and_untouched_in_a_parquet():
    words = ["=HYPERLINK(1)", "+1+1", "@x", "a=1", "=", "-1.5", "-", None]
    table = pd.DataFrame({"run": pd.Series(words, dtype="str"), "=column": range(8)})
    read = pd.read_csv(io.BytesIO(b"".join(export.encoded("csv", iter([table])))))
    assert list(read.columns) == ["run", "'=column"]
    assert list(read["run"].fillna("")) == ["'=HYPERLINK(1)", "'+1+1", "'@x", "a=1", "=", "-1.5", "-", ""]
    again = pd.read_parquet(io.BytesIO(b"".join(export.encoded("parquet", iter([table])))))
    pd.testing.assert_frame_equal(again, table)


class Endless:
    """Blocks without end that are counted, and whether somebody closed them."""

    def __init__(self):
        self.made, self.closed, self.block = 0, False, odd()

    def __call__(self):
        try:
            while True:
                self.made += 1
                yield self.block
        finally:
            self.closed = True


def test_a_browser_that_goes_away_ends_it_and_one_that_waits_is_waited_for_in_real_time():
    blocks = Endless()
    offer = offered(table_of(blocks, rows=LONG))

    async def talk():
        asked = Browser(offer)
        answering = asyncio.create_task(asked.ask())
        await until(lambda: asked.taken)
        await asyncio.sleep(0.3)
        assert blocks.made <= 3  # it makes none ahead
        assert export._under_way["me"] == 1
        asked.gone.set()
        await answering
        await until(lambda: blocks.closed)
        assert export._under_way.total() == 0

    running(talk)


def test_a_browser_that_takes_nothing_any_more_is_given_up(monkeypatch):
    monkeypatch.setattr(export, "STALLED_S", 0.2)
    blocks = Endless()
    offer = offered(table_of(blocks, rows=LONG))

    async def talk():
        await Browser(offer).ask()
        await until(lambda: blocks.closed)
        assert export._under_way.total() == 0

    running(talk)


def test_so_many_at_once_for_a_browser_and_for_the_server_and_then_again():
    offers = {name: offered(table_of(Endless(), rows=LONG), browser=name) for name in "abcde"}

    async def talk():
        going = [Browser(offers[name], browser=name) for name in "aabbccdd"]
        answering = [asyncio.create_task(asked.ask()) for asked in going]
        await until(lambda: all(asked.taken for asked in going))
        assert export._under_way.total() == export.MOST == 8
        third = await Browser(offers["a"], browser="a").ask()
        assert (third.status, third.body) == (429, say("page.download.busy", most=2).encode())
        ninth = await Browser(offers["e"], browser="e").ask()
        assert (ninth.status, ninth.body) == (429, say("page.download.full").encode())
        asks = await Browser(offers["e"], browser="e", method="HEAD").ask()
        assert (asks.status, unquote(asks.headers["x-reason"])) == (429, say("page.download.full"))
        going[0].gone.set()
        await answering[0]
        again = Browser(offers["e"], browser="e")
        answering.append(asyncio.create_task(again.ask()))
        await until(lambda: again.taken)
        for asked in (*going, again):
            asked.gone.set()
        await asyncio.gather(*answering)
        assert not export._under_way

    running(talk)


class Large:
    """Stands for a trace."""


def test_a_large_fact_is_not_kept_for_a_download_and_is_computed_again_where_it_is_gone():
    made = []

    def again():
        made.append(Large())
        return made[-1]

    kept = Large()
    fact, seen = export.Fact(kept, again), weakref.ref(kept)
    offer = offered(table_of(lambda large: pd.DataFrame({"is": [large is seen()]}), fact=fact))
    assert got(offer).body.endswith(b"true\n")
    assert not made
    del kept
    gc.collect()
    assert seen() is None
    assert got(offer).body.endswith(b"false\n")
    assert len(made) == 1


def shown(page, **query):
    """A page with its downloads open."""
    st.cache_resource.clear()
    app = AppTest.from_file(str(APP), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    for key in ("gates", "cell", "gradients", "run", "compared"):
        app.session_state[f"export_{key}"] = True
    app.run()
    if page != "gates":
        app.switch_page(str(APP.parent / f"scripts/{page}.py")).run()
    assert not app.exception
    return app


def addresses(app):
    tables = [table for one in app.get("bidi_component") for table in json.loads(one.proto.json).get("tables", ())]
    return {file["address"]: file["label"] for table in tables for file in table["files"]}


@pytest.mark.parametrize(
    ("page", "query", "names"),
    [
        ("gates", {}, ["Gates of every unit", "Steps", "Surprise and perplexity"]),
        ("cell", {"at_before_h": "0.5"}, ["Numbers of every unit at this step"]),
        (
            "gradients", {"eigen": "true"},
            [
                "Gradient flow", "Gradient by step", "Gradient by lag", "Eigenvalues of the recurrent weights",
                "Clip ledger", "Training ledger",
            ],
        ),
        (
            "gradients",
            {"weights": "true", "beside": "another", "second": "time-machine-lstm"},
            [
                "Gradient flow", "Gradient by step", "Gradient by lag",
                "Weights by step, GRU · The Time Machine · 256 units, epoch 500",
                "Weights by step, LSTM · The Time Machine · 256 units, epoch 500", "Clip ledger", "Training ledger",
            ],
        ),
    ],
)  # fmt: skip
def test_a_page_offers_its_tables_and_each_holds_what_was_told(page, query, names):
    app = shown(page, **query)
    offers = {key: offer for key, offer in app.session_state["exports"].items() if key.startswith(page)}
    assert [offer.table.name for offer in offers.values()] == names
    assert list(addresses(app)) == [f"export/{o.token}/{kind}" for o in offers.values() for kind in ("csv", "parquet")]
    for offer in offers.values():
        told, sizes = offer.table.measured()
        answered = got(offer, browser="")
        assert len(pd.read_csv(io.BytesIO(answered.body), keep_default_na=False)) == told > 0
        assert len(answered.body) == pytest.approx(sizes["csv"], rel=0.15)


def test_an_address_stays_while_its_session_lasts_and_another_session_has_another():
    app = shown("gates")
    before = addresses(app)
    app.text_input(key="sentence").set_value("another sentence").run()
    assert list(addresses(app)) == list(before)
    assert not set(addresses(shown("gates"))) & set(before)
    token = next(iter(before)).split("/")[1]
    table = pd.read_csv(io.BytesIO(got(token, browser="").body), keep_default_na=False)
    assert "".join(table["character"][:: table["unit"].max() + 1]) == "another sentence"


def test_nothing_is_offered_before_the_place_is_opened():
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not addresses(app)
    assert "exports" not in app.session_state


def functions_in(thing):
    """Every function that a table can reach."""
    if isinstance(thing, partial):
        yield from functions_in(thing.func)
        for part in (*thing.args, *thing.keywords.values()):
            yield from functions_in(part)
    elif isinstance(thing, export.Fact):
        yield from functions_in(thing._again)
    elif callable(thing):
        yield thing


@pytest.mark.parametrize("page", ["gates", "gradients"])
def test_no_offer_holds_a_function_of_a_page_and_with_it_all_that_the_page_has_shown(page):
    scripts = {str(path) for path in APP.parent.glob("[!_]*.py")}
    seen = 0
    for offer in shown(page, weights="true").session_state["exports"].values():
        for part in vars(offer.table).values():
            for function in functions_in(part):
                code = getattr(function, "__code__", None)
                assert code is None or code.co_filename not in scripts
                seen += code is not None
    assert seen >= 5
    with pytest.raises(AssertionError):  # a rule that sees nothing would pass
        assert list(functions_in(partial(partial(functions_in), 1))) == []


def test_the_large_facts_of_gates_are_not_kept_by_their_offers():
    app = shown("gates")
    facts = [o.table.fact for o in app.session_state["exports"].values() if o.table.fact]
    assert len(facts) == 3
    before = facts[0]()
    assert facts[0]() is before  # it is there, and taken from there
    again = facts[0]._again()
    assert again is not before
    np.testing.assert_array_equal(again.tape().h_TH, before.tape().h_TH)
