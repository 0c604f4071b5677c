"""Long texts: what a class that pastes whole chapters costs the server, and how long another visitor waits meanwhile.

The script starts a server with a data folder of its own and, as benchmarks/load.py does, talks to it as browsers do.

- **A class:** ten sessions put 20,000 characters each on Gates at the same moment, with a model of 256 units. Another visitor
  types sentences there meanwhile. Then all ten leave, and two minutes later the memory is looked at again.
- **One session** pastes thirty different texts of 20,000 characters, one after the other: the memory stays level.

Memory is the server's resident memory; the highest is VmHWM, set back before. An answer of the other visitor is the time to
the first chart. Promised: at most 900 MB at the highest, the other visitor's p95 at most 1 s, and within 150 MB of the start
two minutes after they left.

`python benchmarks/pastes.py`. Needs Linux: it reads /proc.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from exports import highest_mb
from load import FIGURE, PATIENCE_S, WORDS, Person, Record, memory_mb, percentile, serving

MODEL, LENGTH, PEOPLE, PASTES = "time-machine-gru", 20_000, 10, 30
PROMISED_MB, PROMISED_P95_MS, PROMISED_BACK_MB, GONE_S = 900, 1_000, 150, 120


def chapter(seed: int) -> str:
    """A text that nobody else has."""
    pick = random.Random(seed)
    return " ".join(pick.choice(WORDS.split()) for _ in range(LENGTH))[:LENGTH]


async def paste(person: Person, seed: int) -> None:
    """Put a chapter on Gates, and wait until the page is whole."""
    await person.put("paste", "Your text" if "Your text" in person.widgets else "Your sentence", chapter(seed))


async def type_on(person: Person, over: asyncio.Event) -> None:
    """Another visitor, who types a sentence, looks, and types the next."""
    while not over.is_set():
        await person.put("other", "Your sentence", person.sentence())
        await asyncio.sleep(person.random.uniform(0.2, 0.8))


async def a_class(server: int, port: int, record: Record) -> list[str]:
    """Ten chapters at once, and the visitor beside them; what was promised and not kept."""
    visitor = await Person(port, record, 1000).open("", f"model={MODEL}")
    people = [await Person(port, record, number).open("", f"model={MODEL}") for number in range(PEOPLE)]
    started, over = memory_mb(server), asyncio.Event()
    Path(f"/proc/{server}/clear_refs").write_text("5")
    typing = asyncio.create_task(type_on(visitor, over))
    await asyncio.gather(*(paste(person, number) for number, person in enumerate(people)))
    over.set()
    await typing
    highest, held = highest_mb(server), memory_mb(server)
    for person in people:
        await person.close()
    await asyncio.sleep(GONE_S)
    after = memory_mb(server)
    waits = [ms for kind, _, ms in record.times if kind == "other" + FIGURE]
    pasted = [ms for kind, _, ms in record.times if kind == "paste" + FIGURE]
    p95 = percentile(waits, 0.95)
    print(
        f"{PEOPLE} sessions x {LENGTH:,} characters: {started:.0f} MB before, {highest:.0f} MB at the highest (promised "
        f"{PROMISED_MB}), {held:.0f} MB when all are shown, {after - started:+.0f} MB {GONE_S} s after they left (promised "
        f"{PROMISED_BACK_MB:+d})\n"
        f"another visitor: {len(waits)} answers, p50 {percentile(waits, 0.5):.0f} ms, p95 {p95:.0f} ms (promised "
        f"{PROMISED_P95_MS}), at most {max(waits):.0f} ms; "
        f"the last of the ten waited {max(pasted) / 1e3:.1f} s for the gates"
    )
    kept = {
        "memory": highest <= PROMISED_MB,
        "the other visitor": p95 <= PROMISED_P95_MS,
        "memory afterwards": after - started <= PROMISED_BACK_MB,
    }
    await visitor.close()
    return [what for what, holds in kept.items() if not holds]


async def one_session(server: int, port: int, record: Record) -> None:
    """Thirty chapters, one after the other."""
    person = await Person(port, record, 2000).open("", f"model={MODEL}")
    sizes = [memory_mb(server)]
    for number in range(PASTES):
        await paste(person, 100 + number)
        sizes.append(memory_mb(server))
    shown = ", ".join(f"{sizes[n]:.0f} MB after {n}" for n in (0, 1, 10, 20, PASTES))
    print(f"one session, {PASTES} pastes: {shown}")
    await person.close()


async def main_async(server: int, port: int) -> list[str]:
    record = Record()
    broken = await a_class(server, port, record)
    await one_session(server, port, record)
    return broken + record.faults


def main() -> None:
    if not Path("/proc/self/status").is_file():
        print("pastes: there is no /proc here, not measured")
        return
    with serving() as (server, port, _):
        broken = asyncio.run(asyncio.wait_for(main_async(server, port), 20 * PATIENCE_S + GONE_S))
    for what in broken:
        print("WRONG:", what)
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
