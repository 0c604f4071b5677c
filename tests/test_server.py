"""The server in front of the pages: which browser it is, said by the server alone."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import door
from explorer.pages.shell import people

NAME = f"gate-explorer-{door.st.get_option('server.port')}"
TOKEN = "a" * 32


PAGE = [(b"content-type", b"text/html; charset=utf-8")]


def asked(kind="http", cookies=None, says=PAGE, status=200, scheme="http", **headers):
    """What the server behind was told of the browser, and the cookies that came back."""
    told, answered = {}, []

    async def inner(scope, receive, send):
        told.update({name.decode(): value.decode() for name, value in scope.get("headers", [])})
        await send({"type": "http.response.start", "status": status, "headers": list(says)})

    async def send(message):
        answered.extend(value.decode() for name, value in message["headers"] if name == b"set-cookie")

    sent = {"host": "localhost:1"} | ({"cookie": cookies} if cookies else {})
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": kind, "scheme": scheme, "path": "/", "query_string": b"", "method": "GET",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    with ThreadPoolExecutor(1) as thread:  # this one may have an event loop already, the browser tests'
        thread.submit(lambda: asyncio.run(door.NamedBrowsers(inner)(scope, None, send))).result()
    return told, answered


def test_the_server_and_the_pages_mean_the_same_header():
    assert door.NamedBrowsers.HEADER.decode() == people.BROWSER_HEADER.lower()


def test_a_browser_gets_a_cookie_that_no_script_can_read_and_that_lasts():
    told, (cookie,) = asked()
    assert people.BROWSER_HEADER.lower() not in told
    found = re.fullmatch(rf"{NAME}=([\w-]{{32}}); Path=/; Max-Age=(\d+); HttpOnly; SameSite=Lax", cookie)
    assert int(found[2]) > 365 * 24 * 3600
    assert asked()[1][0] != cookie  # another for the next


@pytest.mark.parametrize(("accept", "named"), [("text/html,application/xml;q=0.9,*/*;q=0.8", 1), ("*/*", 0), ("", 0)])
def test_a_page_that_the_browser_has_kept_comes_with_a_cookie_too(accept, named):
    """Not changed (304), and so without a word on what it is; a browser asks for a page and for a script differently."""
    assert len(asked(says=[], status=304, accept=accept)[1]) == named


def test_it_keeps_its_cookie_and_its_name_which_does_not_give_the_cookie_away():
    told, (cookie,) = asked(cookies=f"{NAME}={TOKEN}")
    assert cookie.startswith(f"{NAME}={TOKEN};")
    name = told[people.BROWSER_HEADER.lower()]
    assert re.fullmatch("[0-9a-f]{16}", name)
    assert asked("websocket", cookies=f"x=1; {NAME}={TOKEN}")[0][people.BROWSER_HEADER.lower()] == name
    assert asked(cookies=f"{NAME}={'b' * 32}")[0][people.BROWSER_HEADER.lower()] != name


@pytest.mark.parametrize("value", ["", "short", "a" * 33, "a" * 31 + "é", "a" * 31 + ";", "../../etc/passwd" * 2])
def test_what_is_no_cookie_of_ours_is_replaced(value):
    told, (cookie,) = asked(cookies=f"{NAME}={value}".encode().decode("latin-1"))
    assert people.BROWSER_HEADER.lower() not in told
    assert value not in cookie or not value


def test_nobody_else_can_say_who_they_are():
    header = people.BROWSER_HEADER.lower()
    assert header not in asked("websocket", **{header: "0123456789abcdef"})[0]
    mine = asked("websocket", cookies=f"{NAME}={TOKEN}")[0][header]
    assert asked("websocket", cookies=f"{NAME}={TOKEN}", **{header: "0123456789abcdef"})[0][header] == mine


def test_a_cookie_comes_with_pages_only_and_is_kept_secret_where_the_line_is():
    assert asked(says=[(b"content-type", b"application/json")])[1] == []
    assert asked(scheme="https")[1][0].endswith("; Secure")
    assert asked(x_forwarded_proto="https")[1][0].endswith("; Secure")
