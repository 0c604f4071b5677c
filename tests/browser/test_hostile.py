"""Hostile words on every page, and hostile requests at the server, as a real browser and a real socket have them."""

import base64
import csv
import re
import socket
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from explorer import ModelConfig, Recipe, runs
from trained import trained

NAMES = [
    "=A1 :material_home: &lt;i> **b** ![i](http:evil.invalid) $x$ <img src=x> `c`",
    "-b <b onmouseover=alert(1)>x :smile: [l](http:evil.invalid) www.evil.invalid _e_",
]
CORPUS = "![x](http://evil.invalid/c.png) :red[x] <img src=x onerror=alert(1)> $y$ &amp; *e*"
SENTENCE = "<img src=x onerror=alert(1)> &lt; ![i](http://evil.invalid/x.png) :smile: $x$ **a** %{x} www.evil.invalid"
TEXT = "<b>&lt;$x$ :smile: **a** ![i](http://evil.invalid/x.png) `c` ~~s~~ %{x} \\n | = + - @ # \t\n" * 40
SMALL = (ModelConfig(hidden_size=4), Recipe(epochs=1, batch_size=4, num_steps=10))
# What none of our own words makes outside of the navigation and of plotly's drawings.
MADE = (
    "[href*=evil]:not([data-testid=stPageLink-NavLink]), [src*=evil], .katex, main img, main code, main del, main em em, "
    "[data-testid=stSidebar] img"
)

DOWNLOADS = "Download the data"  # what a page shows last


@pytest.fixture(scope="module")
def hostile():
    """Two runs of the command line whose every word is hostile."""
    ids = []
    for name in NAMES:
        about = {"corpus": CORPUS, "session": runs.COMMAND_LINE, "name": name, "sentence": SENTENCE}
        ids.append(trained(*SMALL, TEXT, **about).id)
    yield ids
    for run_id in ids:
        runs.delete(run_id)


@pytest.fixture
def watched(page):
    """The page, and what it asked of other hosts or said in a dialog, which must be nothing."""
    foreign = []

    def note(request):
        if urlsplit(request.url).scheme not in ("data", "blob") and urlsplit(request.url).hostname != "127.0.0.1":
            foreign.append(request.url)

    page.on("request", note)
    page.on("dialog", lambda dialog: (foreign.append(dialog.message), dialog.dismiss()))
    yield page
    assert foreign == []
    assert page.locator(MADE).count() == 0


def show(page, server, path, done, **choices):
    page.goto(f"{server}/{path}?{urlencode(choices)}")
    page.get_by_text(done, exact=True).first.wait_for()


def see(page, words):
    page.get_by_text(words, exact=False).first.wait_for()


def test_the_gates_of_a_hostile_model_on_a_hostile_sentence(watched, server, hostile):
    show(watched, server, "", DOWNLOADS, model=f"run:{hostile[0]}", sentence=SENTENCE)
    see(watched, f"learned {CORPUS}, ")
    assert NAMES[0] in watched.get_by_role("combobox", name="Model").evaluate(
        "e => e.value || e.parentElement.innerText"
    )


def test_the_gradients_of_two(watched, server, hostile):
    first, second = (f"run:{run_id}" for run_id in hostile)
    show(watched, server, "gradients", DOWNLOADS, model=first, beside="another", second=second, sentence=SENTENCE,
         weights="true")  # fmt: skip
    for name, run_id in zip(NAMES, hostile, strict=True):
        see(watched, f"{name} · {run_id[:4]}, epoch 1")


def test_the_list_and_the_tables_of_runs(watched, server, hostile, tmp_path):
    watched.set_viewport_size({"width": 1440, "height": 2000})  # the menu closes when the page scrolls under it
    show(watched, server, "train", "Your runs")
    for name in NAMES:
        see(watched, name)
    for name in NAMES:
        watched.get_by_role("combobox", name="Compare on the same axes").press_sequentially(name[:4])
        watched.get_by_role("option").filter(has_text=name).click()
    watched.keyboard.press("Escape")
    watched.get_by_text(DOWNLOADS).click()
    with watched.expect_download() as download:
        watched.get_by_role("link", name=re.compile("^CSV, .* Settings$")).click()
    download.value.save_as(tmp_path / "settings.csv")
    with (tmp_path / "settings.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["Run"] for row in rows} == {f"'{name}" for name in NAMES}


def test_a_run_by_its_link_and_what_the_form_refuses(watched, server, hostile):
    show(watched, server, "train", "Settings of this run", run=hostile[1])
    see(watched, NAMES[1])
    show(watched, server, "train", "More")
    watched.get_by_text("More", exact=True).first.click()
    sizes = watched.get_by_role("textbox", name="Units of each layer")
    sizes.fill("![x](http://evil.invalid/a) $x$")
    sizes.press("Enter")
    see(watched, "![x](http://evil.invalid/a) $x$")


def test_what_a_link_names_in_vain(watched, server):
    odd = "![i](http://evil.invalid/y.png) :material_home: <b>"
    show(watched, server, "", DOWNLOADS, model=odd, order=odd)
    see(watched, f"The link names the model “{odd}”")


def test_a_file_with_a_hostile_name(watched, server):
    show(watched, server, "", DOWNLOADS, source="File")
    watched.get_by_text("File", exact=True).click()
    name = "![x](http:evil.invalid) :material_home: $x$ &lt;.txt"
    watched.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": b"the time traveller for so it will be convenient"}
    )
    see(watched, name)


# ---- the server ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:80", "192.0.2.7"])
def test_a_page_whose_name_leads_here_gets_nothing(server, host):
    port = urlsplit(server).port
    for path in ("/", "/live/x", "/_stcore/host-config"):
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as asked:
            asked.request("GET", path, headers={"Host": host})
            answer = asked.getresponse()
            assert (answer.status, b"Expected a host name" in answer.read()) == (421, True)
    assert handshake(port, host) == "403"
    assert handshake(port, f"127.0.0.1:{port}") == "101"


def test_a_header_without_end_is_not_taken_in(server):
    with socket.create_connection(("127.0.0.1", urlsplit(server).port), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises(ConnectionError):
            line.sendall(b"X: " + b"a" * 64_000_000)


def handshake(port, host):
    """The status with which the server answers a page of this host that opens its connection."""
    key = base64.b64encode(bytes(16)).decode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return line.recv(100).decode().split()[1]


def test_a_script_brings_no_larger_file_than_a_person(server, chromium):
    page = chromium.new_page()  # its console tells of each refusal
    page.goto(server)
    page.get_by_text("File", exact=True).click()
    with page.expect_request(lambda request: request.method == "PUT") as brought:
        page.locator("input[type=file]").set_input_files(
            {"name": "a.txt", "mimeType": "text/plain", "buffer": b"the time"}
        )
    page.get_by_text("Remove the file").wait_for()
    statuses = page.evaluate(
        """async ([address, token]) => {
            const statuses = [], headers = {"X-Xsrftoken": token}
            for (const size of [4_900_000, 25_100_000, 24_900_000, 4_900_000, 4_900_000, 4_900_000, 40_000_000]) {
                const body = new FormData()
                body.append("a.txt", new Blob([new Uint8Array(size)]), "a.txt")
                const answer = await fetch(address + statuses.length, {method: "PUT", body, headers})
                statuses.push(answer.status)
            }
            return statuses
        }""",
        [brought.value.url, brought.value.all_headers()["x-xsrftoken"]],
    )
    assert statuses == [204, 413, 204, 204, 204, 204, 413]
    page.close()
