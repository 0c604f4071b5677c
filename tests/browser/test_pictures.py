"""Pictures that a canvas draws, as a person meets them: before the page has run, by keys and fingers, and what fails."""

import json
import re
import socket
import unicodedata
from contextlib import closing, suppress
from http.client import HTTPConnection
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Error, expect

import explorer
from explorer.characters import visible
from explorer.figures import gates as drawing
from explorer.pages.shell import models, texts
from waiting import until

MODEL = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
EXAMPLE = texts.EXAMPLES["lighthouse"]
TAPE = "[class*='st-key-tape'] .panel"
FLOW = "[class*='st-key-flow'] .panel"
LEFT, RIGHT, PAD = 60, 10, 7  # in panel.js, and of a panel
READER = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
HOSTILE = '<img src=x onerror=alert(1)> <b>b</b> $x$ &lt;&#36; %{x} `c` "q" 小 سلام'


@pytest.fixture
def expected(expected):
    """What these tests let fail on purpose."""
    return [*expected, "ERR_FAILED", "net::ERR_ABORTED"]


def opened(page, address, panel=TAPE):
    """A page whose pictures are drawn and whose run has ended."""
    page.goto(address)
    page.locator(f"{panel}[data-drawn]").first.wait_for()
    page.locator("[data-test-script-state=notRunning]").wait_for()
    return page.locator(panel).first


def field(page):
    return page.get_by_placeholder("Type a sentence")


def steps(page, count, panel=TAPE):
    """Wait until a picture shows so many steps."""
    page.locator(f"{panel}[data-end='{count - 0.5}']").first.wait_for()


def place(panel, row, step, part):
    """The point of a step, so far down the drawing of a row, which is scrolled into view."""
    canvas = panel.locator(".row").nth(row).locator("canvas")
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center'})")
    box, last = canvas.bounding_box(), float(panel.get_attribute("data-end"))
    high = json.loads(canvas.evaluate("canvas => String(canvas.clientHeight)"))
    wide = box["width"] - LEFT - RIGHT
    return box["x"] + LEFT + (step + 0.5) / (last + 0.5) * wide, box["y"] + PAD + part * (high - 2 * PAD)


def row_of(panel, title):
    """The number of the first row with these words in its title."""
    titles = panel.locator(".row .title").all_inner_texts()
    return next(number for number, words in enumerate(titles) if title in words)


def told(panel):
    box = panel.locator(".told")
    box.wait_for()
    return box.inner_text().replace("\u200e", "")


# ---- before the page has run


@pytest.fixture
def line(page):
    """The line between a page and its server: while it is `held`, nothing that the page says arrives."""

    line = SimpleNamespace(held=False, kept=[])

    def connected(socket):
        server = socket.connect_to_server()
        socket.on_message(lambda message: line.kept.append((server, message)) if line.held else server.send(message))

    page.route_web_socket(re.compile("/_stcore/stream"), connected)
    yield line
    line.held = False


def let_go(line):
    line.held = False
    for server, message in line.kept:
        server.send(message)
    line.kept.clear()


@pytest.mark.parametrize(("path", "panel"), [("", TAPE), ("gradients", FLOW)])
def test_what_is_typed_is_drawn_before_the_page_knows_of_it_and_not_again_when_it_does(page, server, line, path, panel):
    at = opened(page, f"{server}/{path}?model=lighthouse-gru", panel)
    for text in ("so it goes", "e\u0301 on\u0303", "The light. " * 40, HOSTILE):
        is_drawn_before_the_page_knows_of_it(page, line, at, panel, text)


def is_drawn_before_the_page_knows_of_it(page, line, at, panel, text):
    before, asked = at.get_attribute("data-drawn"), []
    page.on("request", lambda request: asked.append(request.post_data) if "/picture/" in request.url else None)
    line.held = True
    field(page).fill(text)
    read = len(unicodedata.normalize("NFC", text))
    steps(page, read if panel == TAPE else min(read, 300), panel)
    drawn = at.get_attribute("data-drawn")
    assert drawn != before
    assert asked == [json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":"))]
    until(lambda: line.kept or page.wait_for_timeout(20))  # the page would have said so by now
    score = page.locator("[data-testid=stMetricValue]").first
    before = score.inner_text()
    let_go(line)
    expect(score).not_to_have_text(before, timeout=60_000)
    page.locator("[data-test-script-state=notRunning]").wait_for()
    assert at.get_attribute("data-drawn") == drawn
    assert len(asked) == 1
    expect(field(page)).to_have_value(text)


def test_a_newer_keystroke_breaks_off_the_older_and_the_newest_is_shown(page, server):
    opened(page, server)
    held = []

    def hold(route):
        held.append(route)

    page.route("**/picture/*", hold)
    field(page).fill("so it goes")
    until(lambda: len(held) == 1 or page.wait_for_timeout(20))
    page.unroute("**/picture/*", hold)
    field(page).fill("so it went")
    field(page).fill("so it")
    steps(page, 5)
    with suppress(Error):  # it was broken off
        held[0].continue_()
    page.locator("[data-test-script-state=notRunning]").wait_for()
    assert page.locator(TAPE).first.get_attribute("data-end") == "4.5"


def test_too_long_a_text_is_not_asked_for_and_goes_where_long_texts_go(page, server):
    opened(page, server)
    asked = []
    page.on("request", lambda request: asked.append(request.post_data) if "/picture/" in request.url else None)
    field(page).fill("a" * 2001)
    page.get_by_placeholder("Paste a text").wait_for()
    steps(page, 2000)
    assert not [body for body in asked if "aaa" in body]


def test_nothing_below_jumps_when_a_picture_comes(page, server):
    held = []
    page.route("**/picture/*", lambda route: held.append(route))
    page.goto(server)
    metric = page.locator("[data-testid=stMetric]").first
    metric.wait_for()
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.locator("[class*='st-key-likeliest'] svg").first.wait_for()  # a chart above it that comes late
    until(lambda: held or page.wait_for_timeout(20))
    before = metric.bounding_box()["y"]
    for route in held:
        route.continue_()
    page.locator(f"{TAPE}[data-drawn]").wait_for()
    assert metric.bounding_box()["y"] == pytest.approx(before, abs=2)  # of about 1,800


# ---- when something fails


def test_a_picture_that_is_not_there_any_more_is_told_and_the_one_that_is_stays(page, server):
    at = opened(page, server)
    drawn = at.get_attribute("data-drawn")
    page.route(
        "**/picture/*", lambda route: route.continue_(url=re.sub("picture/.*", "picture/gone", route.request.url))
    )
    field(page).fill("so it")
    said = page.locator("[class*='st-key-tape'] .said")
    said.get_by_text("This picture is not there any more.").wait_for()
    assert at.get_attribute("data-drawn") == drawn
    page.unroute("**/picture/*")
    field(page).fill("so it goes")
    steps(page, 10)
    expect(said).to_be_hidden()


def test_a_server_that_does_not_answer_is_told_and_the_next_keystroke_asks_again(page, server):
    at = opened(page, server)
    drawn = at.get_attribute("data-drawn")
    page.route("**/picture/*", lambda route: route.abort())
    field(page).fill("so it")
    said = page.locator("[class*='st-key-tape'] .said")
    said.get_by_text("No answer from the server.").wait_for()
    assert at.get_attribute("data-drawn") == drawn
    assert at.get_attribute("aria-busy") == "false"
    page.unroute("**/picture/*")
    field(page).fill("so it goes")
    steps(page, 10)
    expect(said).to_be_hidden()


# ---- to the letter


@pytest.mark.parametrize(("path", "panel"), [("", TAPE), ("gradients", FLOW)])
def test_hostile_words_are_told_to_the_letter(page, server, path, panel):
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    at = opened(page, f"{server}/{path}?model=lighthouse-gru&sentence={quote(HOSTILE)}", panel)
    for step, character in enumerate(READER.vocabulary.folded(HOSTILE)):
        page.mouse.move(*place(at, 0, step, 0.5))
        assert told(at).startswith(f"step {step} “{visible(character)}”")
    allowed = {"DIV", "SPAN", "CANVAS", "B", "SUB", "BR"}
    assert set(at.evaluate("panel => [...panel.querySelectorAll('*')].map(one => one.tagName)")) <= allowed


@pytest.mark.parametrize("path", ["", "gradients"])
def test_a_text_that_is_too_long_for_its_strip_stands_above_it_to_the_letter(page, server, path):
    panel, text = (FLOW, (HOSTILE * 9)[:300]) if path else (TAPE, HOSTILE * 9)
    at = opened(page, f"{server}/{path}?model=lighthouse-gru&sentence={quote(text)}", panel)
    spans, text = at.locator(".text span"), READER.vocabulary.folded(text)
    assert [words.replace("\u200e", "") for words in spans.all_text_contents()] == list(map(visible, text))
    assert at.locator(".text :not(span):not(br)").count() == 0
    spans.nth(7).hover()
    assert told(at).startswith(f"step 7 “{visible(text[7])}”")


# ---- by the keyboard


def test_the_keys_go_from_step_to_step_and_from_unit_to_unit_and_choose_one(page, server):
    at = opened(page, f"{server}/?model=time-machine-gru&sentence=so+it+goes&all_units=true&order=memory")
    model = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").model
    tape = explorer.trace_gates(model, "so it goes").tape()
    units = drawing.unit_order(tape, "memory")
    at.focus()
    for key, step in (("ArrowRight", 0), ("ArrowRight", 1), ("End", 9), ("ArrowRight", 9), ("ArrowLeft", 8), ("Home", 0),
                      ("ArrowLeft", 0), ("ArrowRight", 1)):  # fmt: skip
        page.keyboard.press(key)
        assert told(at).startswith(f"step {step} “{visible('so it goes'[step])}”"), key
    while "unit " not in told(at):  # through the rows of named units down to the first map
        page.keyboard.press("ArrowDown")
    for line in (0, 1, 2):
        (said,) = [
            words.replace("−", "-") for words in told(at).splitlines() if words.startswith(f"unit {units[line]} ")
        ]
        shown = {letter: float(value) for letter, value in re.findall(r"\b([zrnh]) (-?\d\.\d\d)\b", said)}
        expected = {"z": tape["z"], "r": tape["r"], "n": tape["n"], "h": tape.h_TH}
        assert shown == pytest.approx({letter: part[1, units[line]] for letter, part in expected.items()}, abs=0.0051)
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"[?&]unit={units[2]}\b"))
    assert (
        page.get_by_role("combobox", name="Follow one unit")
        .evaluate("one => one.value || one.parentElement.innerText")
        .startswith(str(units[2]))
    )
    at.locator(".title", has_text=f"unit {units[2]} alone").wait_for()


def test_what_the_keys_find_is_heard_as_it_is_read(page, server):
    at = opened(page, f"{server}/?model=lighthouse-gru&sentence={quote('<b>')}")
    at.focus()
    page.keyboard.press("ArrowRight")
    heard = at.locator("[aria-live]").text_content().replace("\u200e", "")
    assert heard.startswith("step 0 “<”")
    assert not re.search("<b>|</b>|<br>|&#", heard.replace("“<”", ""))


# ---- by a finger


@pytest.fixture
def phone(chromium, server, watch):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = watch(context.new_page())
    page.set_default_timeout(60_000)
    yield page
    context.close()


def moved(page, start, end):
    """A finger put down at a place and moved to another."""
    session = page.context.new_cdp_session(page)
    session.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [dict(zip("xy", start, strict=True))]}
    )
    for part in np.linspace(0, 1, 11)[1:]:
        at = {name: a + part * (b - a) for name, a, b in zip("xy", start, end, strict=True)}
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    session.detach()


def test_a_finger_scrolls_the_page_up_and_down_and_looks_closer_from_side_to_side(phone, server):
    at = opened(phone, server)
    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop + scrollY"
    row = row_of(at, "unit 95")
    x, y = place(at, row, 40, 0.5)
    before = phone.evaluate(scrolled)
    moved(phone, (x, y), (x, y - 150))
    assert phone.evaluate(scrolled) - before > 50
    assert at.get_attribute("data-zoom") == ""
    (x, y), (end, _) = place(at, row, 20, 0.5), place(at, row, 60, 0.5)
    moved(phone, (x, y), (end, y))
    phone.locator(f"{TAPE}:not([data-zoom=''])").wait_for()
    first, last = map(int, at.get_attribute("data-zoom").split(","))
    assert 17 <= first <= 22
    assert 58 <= last <= 63


# ---- the server


def asked_for(page, server):
    """An address of the page's, and the cookie it answers to."""
    with page.expect_request("**/picture/*") as request:
        page.goto(server)
    page.locator(f"{TAPE}[data-drawn]").wait_for()
    return urlsplit(request.value.url).path, "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())


def answer(server, method, path, body=None, **headers):
    with closing(HTTPConnection("127.0.0.1", urlsplit(server).port, timeout=30)) as line:
        line.request(method, path, body, headers)
        got = line.getresponse()
        return got.status, got.read(), got.headers


def test_an_address_answers_the_browser_it_was_made_for_and_no_other(page, server):
    path, cookie = asked_for(page, server)
    status, body, headers = answer(server, "POST", path, b'{"text": "so it"}', Cookie=cookie)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    length = int.from_bytes(body[:8], "little")
    assert len(json.loads(body[8 : 8 + length])["x"]["words"]) == 5
    for other in ({}, {"Cookie": re.sub("=.{32}", f"={'a' * 32}", cookie)}, {"X-Gate-Explorer-Browser": "0" * 16}):
        assert answer(server, "POST", path, b"{}", **other)[0] == 404
    assert answer(server, "POST", "/picture/nonsense", b"{}", Cookie=cookie)[0] == 404
    assert answer(server, "POST", path, b"[", Cookie=cookie)[0] == 400


def test_it_is_asked_by_post_alone(page, server):
    path, cookie = asked_for(page, server)
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        status, body, _ = answer(server, method, path, Cookie=cookie)
        assert status == 405
        assert b"words" not in body


def spoken(server, request):
    """The status with which the server answers these bytes."""
    with socket.create_connection(("127.0.0.1", urlsplit(server).port), timeout=30) as line:
        line.sendall(request)
        return int(line.recv(100).decode().split()[1])


def test_a_question_that_is_too_large_is_refused_however_it_comes(page, server):
    path, cookie = asked_for(page, server)
    large = b'{"text": "%s"}' % (b"a" * 16_000)
    assert answer(server, "POST", path, large, Cookie=cookie)[0] == 413
    start = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n".encode()
    chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(large), large)
    assert spoken(server, start + chunks) == 413
    assert spoken(server, start + b"Content-Length: 12\r\n" + chunks) in (400, 413)
    assert spoken(server, start + b"\r\n") == 413  # of no length at all
    assert spoken(server, start + b"Content-Length: 99999999999\r\n\r\n") == 413  # before anything has come
    for length in (b"-1", b"x", b"1_0", b"", b"1, 2"):
        assert spoken(server, start + b"Content-Length: " + length + b"\r\n\r\n") in (400, 413)
    assert spoken(server, start + b"Content-Length: 2\r\n\r\n{}") == 200


def test_a_page_of_another_name_gets_no_picture(page, server):
    path, cookie = asked_for(page, server)
    assert answer(server, "POST", path, b"{}", Cookie=cookie, Host="evil.example")[0] == 421


@pytest.mark.process
def test_a_server_says_nothing_of_what_is_typed(page, logged):
    server, log = logged
    path, cookie = asked_for(page, server)
    field(page).fill("xyzzy plugh")
    steps(page, 11)
    for body in (b'{"text": "xyzzy"}', b'{"text": ["xyzzy"]}', b'{"xyzzy', b'{"text": "%s"}' % (b"xyzzy" * 500)):
        answer(server, "POST", path, body, Cookie=cookie)
    page.locator("[data-test-script-state=notRunning]").wait_for()
    until(log.read_bytes)  # it says where it serves
    page.goto("about:blank")  # before its server goes
    assert b"xyzzy" not in log.read_bytes()
