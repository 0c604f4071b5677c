"""From a keystroke to the new picture, in a real headless Chromium: 200 characters, 256 units, two pages.

The median of twenty edits, and what each stage of them costs. An edit is a character typed at the end, which leaves what was
known of the text before it, or another text, which leaves nothing. The picture is asked for at once and drawn when it comes;
the page itself, with its cards and verdicts, runs when nothing was typed for a quarter of a second. Printed beside it: another
sentence of 20 characters, in turn in the same session, as a ratio. Needs Chromium, as the browser tests do.
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
from typing import Any

from playwright.sync_api import Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ALPHABET = "the time traveller for so it will be convenient to speak of him was expounding a recondite matter to us "
EDITS = 21  # the first is not counted
QUIET_MS = 1_500  # until the page, too, has run
# Resolves with the milliseconds until a picture of something else is painted, and with what it says of its stages.
EDIT = """text => new Promise(done => {
  const field = document.querySelector('.st-key-sentence input')
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set
  const begun = performance.now()
  new PerformanceObserver((list, observer) => {
    const { detail } = list.getEntries().at(-1)
    observer.disconnect()
    requestAnimationFrame(() => setTimeout(() => done({ ...detail, wholeMs: performance.now() - begun })))
  }).observe({ entryTypes: ['measure'] })
  set.call(field, text)
  field.dispatchEvent(new Event('input', { bubbles: true }))
})"""
PAGES = (("Gates", "?model=time-machine-gru"), ("Gradients", "gradients?model=time-machine-gru"))
STAGES = {
    "waitedMs": "waiting",
    "describedMs": "probes",
    "packedMs": "packing and the way",
    "drawnMs": "drawing",
    "paintedMs": "painting",
}


def edits(page: Page) -> dict[str, list[dict[str, float]]]:
    """What each edit took, by turns: another long text, a character at its end, and a short text."""
    lengths = {"another text": 199, "typed": 200, "short": 20}
    times: dict[str, list[dict[str, float]]] = {kind: [] for kind in lengths}
    for number, (kind, length) in itertools.product(range(EDITS), lengths.items()):
        times[kind].append(page.evaluate(EDIT, (ALPHABET * 3)[number : number + length]))
        page.wait_for_timeout(QUIET_MS)
    return {kind: told[1:] for kind, told in times.items()}


def median(told: list[dict[str, Any]], name: str) -> float:
    """Of one stage."""
    return statistics.median(one[name] for one in told)


def staged(one: dict[str, float]) -> dict[str, float]:
    """With the stages that are what is left of the others."""
    packed = one["askedMs"] - one["waitedMs"] - one["describedMs"]
    return one | {"packedMs": packed, "paintedMs": one["wholeMs"] - one["askedMs"] - one["drawnMs"]}


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
            print("from a keystroke to the picture at 256 units; ratio of 200 characters to 20")
            for name, path in PAGES:
                page.goto(f"http://127.0.0.1:{port}/{path}")
                page.locator(".panel[data-drawn]").first.wait_for(timeout=60_000)
                page.wait_for_timeout(3000)
                told = {kind: [staged(one) for one in times] for kind, times in edits(page).items()}
                least = median(told.pop("short"), "wholeMs")
                for kind, long in told.items():
                    whole, what = median(long, "wholeMs"), f"{name}, {kind}"
                    print(f"page {what:24s} {whole / least:38.2f}  ({whole:.0f} ms against {least:.0f} ms)", flush=True)
                    stages = ", ".join(f"{words} {median(long, stage):.1f} ms" for stage, words in STAGES.items())
                    print(f"     {stages}; {median(long, 'bytes') / 1e3:.0f} kB", flush=True)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
