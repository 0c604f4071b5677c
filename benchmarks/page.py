"""From an edit of the sentence to the redrawn page, in a real headless Chromium: 200 characters, 256 units.

Printed beside it, alternating in the same session: the same for a 20-character sentence, whose work is mostly the
server's and the browser's own. The page Gates is redrawn when its heatmaps are, Gradients when its triangle is. Needs
Chromium, as the browser tests do.
"""

from __future__ import annotations

import itertools
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ALPHABET = "the time traveller for so it will be convenient to speak of him was expounding a recondite matter to us "
# Resolves when the heatmaps on screen are others than before and the browser has painted them.
WATCH = """() => new Promise(done => {
  const images = () => [...document.querySelectorAll(window.drawn)].map(i => i.href.baseVal);
  const before = images().join();
  const field = document.querySelector('input[aria-label="Your sentence"]');
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  const look = () => { const now = images();
    if (now.length >= window.least && now.join() !== before) requestAnimationFrame(() => done(performance.now() - started));
    else requestAnimationFrame(look); };
  const started = performance.now();
  set.call(field, window.nextSentence);
  field.dispatchEvent(new Event('input', {bubbles: true}));
  field.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', code: 'Enter', keyCode: 13, bubbles: true}));
  look();
})"""


def sentence(length: int, number: int) -> str:
    return (ALPHABET * 3)[number : number + length]


PAGES = (
    ("Gates", "", ".heatmaplayer image", 3),
    ("Gradients", "gradients", "[class*='st-key-flow'] .heatmaplayer image", 2),
)


def edits(page) -> dict[int, list[float]]:
    """Milliseconds of each edit, for a long and a short sentence in turn."""
    times: dict[int, list[float]] = {200: [], 20: []}
    for number, length in itertools.product(range(1, 12), times):
        page.evaluate("text => { window.nextSentence = text }", sentence(length, number))
        times[length].append(page.evaluate(WATCH))
        page.wait_for_timeout(1200)
    return times


def main() -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("page: no Chromium here, not measured")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server,
        sync_playwright() as p,
    ):
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.2)
            page = p.chromium.launch(executable_path=chromium, args=FLAGS).new_page(
                viewport={"width": 1440, "height": 1000}
            )
            print("from an edit to the redrawn page at 256 units; ratio of 200 characters to 20")
            for name, path, drawn, least in PAGES:
                page.goto(f"http://127.0.0.1:{port}/{path}")
                page.locator(drawn).nth(least - 1).wait_for(timeout=60_000)
                page.wait_for_timeout(3000)
                page.evaluate("([drawn, least]) => Object.assign(window, {drawn, least})", [drawn, least])
                times = edits(page)
                long, short = (statistics.median(column[1:]) for column in times.values())
                print(f"page {name:12s} {long / short:50.2f}  ({long:.0f} ms against {short:.0f} ms)", flush=True)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
