"""A real server and a real headless Chromium for the tests in this folder."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from waiting import until

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items):
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.browser)
        if CHROMIUM is None:
            item.add_marker(
                pytest.mark.skip(reason="no Chromium here; on Debian: apt-get install chromium fonts-noto-cjk")
            )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
        return True
    return False


@contextlib.contextmanager
def serving(port, script="app.py", log=subprocess.DEVNULL):
    """A server of the app or of another script, until the block ends or somebody kills it; the log is all that it says."""
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.headless=true", f"--server.port={port}"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            until(lambda: answers(port))
            yield process
        finally:
            process.terminate()


@pytest.fixture
def serve_script():
    """Serves a script of a test's own."""
    return lambda script, port: serving(port, str(script))


@pytest.fixture
def logged(tmp_path):
    """A server of its own: its address, and the file in which all is that it says."""
    port, log = free_port(), tmp_path / "log.txt"
    with log.open("wb") as file, serving(port, log=file):
        yield f"http://127.0.0.1:{port}", log


@pytest.fixture
def port():
    return free_port()


@pytest.fixture(scope="session")
def server():
    port = free_port()
    with serving(port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def servers():
    """Makes servers that are the same to the browser, one after the other."""
    port = free_port()
    return f"http://127.0.0.1:{port}", lambda: serving(port)


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def theme(request):
    return request.param


@pytest.fixture(scope="session")
def context(chromium):
    """What all pages share: the scripts of the app are fetched and compiled once, not by each test."""
    with chromium.new_context(viewport={"width": 1440, "height": 1000}) as context:
        yield context


@pytest.fixture
def expected():
    """What errors may say that are none; a test of a server that goes away adds what is said of that.

    On a page other than the first, Streamlit asks for its health below the page's own address first: two 404s of its own. A
    server that is killed on purpose refuses connections and breaks off those that are open.
    """
    return ["404", "ERR_CONNECTION_", "WebSocket"]


@pytest.fixture
def watch(expected):
    """Notes what a page writes to the console as an error; a test fails when one did."""
    errors = []

    def console(message):
        if message.type == "error" and not any(e in message.text for e in expected):
            errors.append(message.text)

    def failed(error):
        errors.append(str(error))

    watched = []

    def watch(page):
        page.on("console", console)
        page.on("pageerror", failed)
        watched.append(page)
        return page

    yield watch
    for page in watched:
        page.remove_listener("console", console)
        page.remove_listener("pageerror", failed)
    assert errors == []


class Picture:
    """A picture on a page: its rows by title, where a step and a line of one are, what is said of it."""

    LEFT, RIGHT, PAD = 60, 10, 7  # in panel.js, and of a panel

    def __init__(self, page, key):
        self.page = page
        self.at = page.locator(f"[class*='st-key-{key}'] .panel[data-drawn]").first

    def wait(self):
        self.at.wait_for()
        return self

    def row(self, title):
        return self.at.locator(".row", has_text=title).first

    def place(self, title, step, part):
        """The point of a step, so far down the drawing of a row; the row is scrolled into view."""
        canvas = self.row(title).locator("canvas")
        canvas.scroll_into_view_if_needed()
        box, last = canvas.bounding_box(), float(self.at.get_attribute("data-end"))
        high = float(canvas.evaluate("canvas => canvas.clientHeight")) - 2 * self.PAD
        wide = box["width"] - self.LEFT - self.RIGHT
        return box["x"] + self.LEFT + (step + 0.5) / (last + 0.5) * wide, box["y"] + self.PAD + part * high

    def point(self, title, step, part=0.5):
        self.page.mouse.move(*self.place(title, step, part))
        self.at.locator(".told").wait_for()
        return self.at.locator(".told").inner_text()

    @property
    def text(self):
        """What it shows, character by character, as the table for those who do not see it has it."""
        return self.at.evaluate("""panel => [...panel.parentElement.querySelectorAll('table tr')].slice(1)
                                    .map(line => line.children[1].textContent)""")


@pytest.fixture
def picture():
    return lambda page, key: Picture(page, key).wait()


@pytest.fixture
def page(context, watch):
    """A fresh page of somebody who was never here: nothing that a test before left is kept but what the app is made of."""
    page = watch(context.new_page())
    page.set_default_timeout(60_000)
    yield page
    page.evaluate("location.origin === 'null' || localStorage.clear()")
    page.close()
    context.clear_cookies()
    context.clear_permissions()
