"""Downloads: what four at once cost the server, and how long others wait meanwhile.

The script starts a server with a data folder of its own. Four people open Gates with a model of 256 units and put 20,000
characters there. Each opens "Download the data". Then one of them downloads the gates of every unit as CSV, and all four at
once as CSV and as Parquet, while another visitor asks the server for its health twenty times a second. Memory is the server's
resident memory before, at its highest meanwhile (VmHWM, set back before), and after. The promise is at most 150 MB for four at
once.

`python benchmarks/exports.py`. Needs Linux: it reads /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
import urllib.request
from pathlib import Path

from load import PATIENCE_S, Person, Record, memory_mb, percentile, processes_of, serving
from streamlit.proto.BackMsg_pb2 import BackMsg  # noqa: TID251 (the protocol, not the app)
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg  # noqa: TID251 (the protocol, not the app)

MODEL, LENGTH, PEOPLE = "time-machine-gru", 20_000, 4
PROMISED_MB = 150

WORDS = "the time traveller for so it will be convenient to speak of him was expounding a recondite matter to us "


class Reader(Person):
    """A person who opens the place with the downloads, and sees their addresses."""

    def __init__(self, port: int, record: Record, seed: int) -> None:
        super().__init__(port, record, seed)
        self.place, self.addresses = "", []

    def take(self, message: ForwardMsg) -> None:
        """What a browser does with a message, and the places that open."""
        if message.WhichOneof("type") == "delta":
            block = message.delta.add_block.expandable
            self.place = block.id if block.label == "Download the data" else self.place
        super().take(message)

    def see(self, message: ForwardMsg, element: object) -> None:
        """An element of the page; one that lists downloads is looked at for their addresses."""
        if element.WhichOneof("type") == "bidi_component":
            tables = json.loads(element.bidi_component.json)["tables"]
            self.addresses = [file["address"] for table in tables for file in table["files"]]
        else:
            super().see(message, element)

    async def open_downloads(self) -> None:
        """Open the place, so that its addresses are sent."""
        self.widgets[self.place] = ("expander", type("Known", (), {"id": self.place}))
        state = self.states[self.place] = BackMsg().rerun_script.widget_states.widgets.add(id=self.place)
        state.bool_value = True
        await self.ask("downloads")


def download(port: int, address: str) -> tuple[int, float]:
    """Take a whole table, and keep none of it: its bytes and the seconds it took."""
    began, length = time.perf_counter(), 0
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{address}", timeout=600) as answer:
        while piece := answer.read(1 << 16):
            length += len(piece)
    return length, time.perf_counter() - began


async def ask_for_health(port: int, waits_ms: list[float]) -> None:
    """Another visitor, twenty times a second."""
    while True:
        began = time.perf_counter()
        await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").read())
        waits_ms.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(0.05)


def highest_mb(server: int) -> float:
    """The most the server has had since it was last set back; of several processes, which share memory, nobody can say it."""
    if len(processes_of(server)) > 1:
        return float("nan")
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server}/status").read_text())[1]) / 1024


async def measure(server: int, port: int, what: str, addresses: list[str]) -> float:
    """Download these at once; what it cost the server at its highest, in MB."""
    Path(f"/proc/{server}/clear_refs").write_text("5")  # the highest is now what it is now
    before, waits_ms = memory_mb(server), []
    visitor = asyncio.create_task(ask_for_health(port, waits_ms))
    got = await asyncio.gather(*(asyncio.to_thread(download, port, address) for address in addresses))
    visitor.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await visitor
    cost = highest_mb(server) - before
    print(
        f"{what:28s} {sum(length for length, _ in got) / 1e6:7.0f} MB sent in {max(s for _, s in got):5.1f} s; server "
        f"{before:.0f} MB, at its highest {cost:+.0f} MB, then {memory_mb(server) - before:+.0f} MB; "
        f"another visitor waited p95 {percentile(waits_ms, 0.95):.0f} ms, at most {max(waits_ms):.0f} ms"
    )
    return cost


async def main_async(server: int, port: int) -> float:
    record, people = Record(), []
    text = (WORDS * (LENGTH // len(WORDS) + 1))[:LENGTH]
    for number in range(PEOPLE):
        person = await Reader(port, record, number).open("", f"model={MODEL}")
        await person.put("Gates: type", "Your sentence", text)
        await person.open_downloads()
        people.append(person)
    of = {
        kind: [next(a for a in person.addresses if a.endswith(kind)) for person in people]
        for kind in ("csv", "parquet")
    }
    await measure(server, port, "one, CSV", of["csv"][:1])
    costs = [await measure(server, port, f"{PEOPLE} at once, {kind}", of[kind]) for kind in of]
    for person in people:
        await person.close()
    for fault in record.faults:
        print("WRONG:", fault)
    return max(costs) if not record.faults else float("inf")


def main() -> None:
    if not Path("/proc/self/clear_refs").is_file():
        print("exports: there is no /proc here, not measured")
        return
    with serving() as (server, port, _):
        cost = asyncio.run(asyncio.wait_for(main_async(server, port), 20 * PATIENCE_S))
    print(f"four at once cost at most {cost:.0f} MB (promised {PROMISED_MB})")
    raise SystemExit(1 if cost > PROMISED_MB else 0)


if __name__ == "__main__":
    main()
