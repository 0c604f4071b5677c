"""Make the shipped checkpoints and the table in checkpoints/README.md: `make checkpoints`, or name the ones to make again.

The Time Machine is read from the file named by $TIME_MACHINE, from ../shared/data/timemachine.txt beside the
project where that exists, and is fetched otherwise.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from explorer.cells import CELLS
from explorer.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from explorer.cli import run_training
from explorer.corpora import load_corpus, preprocess_time_machine
from explorer.models import CharModel, ConfigError, ModelConfig, NetKey
from explorer.probes.ablation import try_role
from explorer.probes.gates import GateTrace, trace_gates
from explorer.probes.units import Role, roles_of
from explorer.training import RECIPES, Recipe, perplexity

FOLDER = Path(__file__).parent
DATES, ROLES, KEPT_ROLES = FOLDER / "dates.json", FOLDER / "roles.json", 8
TRIED = 4_000  # tokens of the half on which no role was chosen, on which each is tried
D2L, ZH, QUICK = RECIPES["d2l-v2"], RECIPES["d2l-zh-v1"], replace(RECIPES["quick"], epochs=60)


@dataclass(frozen=True)
class Shipped:
    """One checkpoint to make."""

    name: str
    corpus: str
    recipe_name: str
    recipe: Recipe
    config: ModelConfig
    seed: int = 0


SHIPPED = (
    Shipped("time-machine-gru", "time-machine", "d2l-v2", D2L, ModelConfig("gru", "after")),
    Shipped("time-machine-gru-before", "time-machine", "d2l-v2", D2L, ModelConfig("gru", "before", init="normal")),
    Shipped("time-machine-rnn", "time-machine", "d2l-v2", D2L, ModelConfig("rnn")),
    Shipped("time-machine-lstm", "time-machine", "d2l-v2", D2L, ModelConfig("lstm")),
    Shipped("time-machine-birnn-leaky", "time-machine", "d2l-v2", D2L,
            ModelConfig("rnn", hidden_size=128, direction="bidirectional", objective="leaky")),
    Shipped("lighthouse-gru", "lighthouse", "quick, 60 epochs", QUICK, ModelConfig("gru", hidden_size=128)),
    Shipped("lighthouse-gru-words", "lighthouse", "quick, 60 epochs, words", replace(QUICK, token="word"),
            ModelConfig("gru", hidden_size=96, embedding_size=48)),
    Shipped("lighthouse-mingru", "lighthouse", "quick, 60 epochs", QUICK,
            ModelConfig("mingru", hidden_size=128, **CELLS["mingru"].suggested)),
    Shipped("lighthouse-bigru-cloze", "lighthouse", "quick, 60 epochs", QUICK,
            ModelConfig("gru", hidden_size=96, direction="bidirectional", objective="cloze")),
    Shipped("lighthouse-birnn-parallel", "lighthouse", "d2l-zh-v1, clip 0.1", replace(ZH, clip_norm=0.1),
            ModelConfig("rnn", activation="sigmoid", hidden_size=256, direction="parallel", init="normal")),
    Shipped("river-town-gru", "river-town", "quick, 60 epochs", QUICK, ModelConfig("gru", hidden_size=96, embedding_size=48)),
    Shipped("river-town-bigru-cloze", "river-town", "quick, 60 epochs", QUICK,
            ModelConfig("gru", hidden_size=64, embedding_size=48, direction="bidirectional", objective="cloze")),
)  # fmt: skip

HEADER = """# The shipped models

Made by `make checkpoints`; every line can be repeated with `python checkpoints/make.py NAME`. The same seed on the
same machine gives the same weights. "Final perplexity" is measured during the last epoch, as d2l measures it; for
cloze models it is a pseudo-perplexity, and for the leaky one it is no perplexity at all: the model has read the
character it is asked for. `docs/models.md` says why.

| model | corpus | recipe | cell | units | seed | final perplexity | MB | date | command |
|---|---|---|---|---|---|---|---|---|---|
"""


def time_machine() -> str:
    """The book, from a file at hand or fetched."""
    beside = FOLDER.parent.parent / "shared" / "data" / "timemachine.txt"
    given = os.environ.get("TIME_MACHINE") or (beside if beside.is_file() else None)
    return preprocess_time_machine(Path(given).read_text("utf-8")) if given else load_corpus("time-machine")


def make(shipped: Shipped) -> None:
    """Train one and write it."""
    text = time_machine() if shipped.corpus == "time-machine" else load_corpus(shipped.corpus)
    save_checkpoint(
        FOLDER / f"{shipped.name}.safetensors",
        run_training(shipped.corpus, text, shipped.config, shipped.recipe, shipped.seed),
    )
    dates = json.loads(DATES.read_text()) if DATES.exists() else {}
    dates[shipped.name] = datetime.datetime.now(datetime.UTC).date().isoformat()
    DATES.write_text(json.dumps(dates, indent=1, sort_keys=True) + "\n")


def write_roles(names: list[str]) -> None:
    """What the units of each model follow in the text it learned, a handful a net, and whether they matter there."""
    found = json.loads(ROLES.read_text("utf-8")) if ROLES.exists() else {}
    for shipped in SHIPPED:
        if not names or shipped.name in names:
            model = load_checkpoint(FOLDER / f"{shipped.name}.safetensors").model
            text = time_machine()[:20_000] if shipped.corpus == "time-machine" else load_corpus(shipped.corpus)
            read = model.vocabulary.as_read(text)
            trace, tried = (trace_gates(model, part) for part in (read, read[len(read) // 2 :][:TRIED]))
            roles = {net: roles_of(trace, *net) for net in model.config.nets}
            found[shipped.name] = {
                f"{net.layer} {net.direction}": {
                    "named": [[kept(role), trial(model, tried, role, net)] for role in own.told(KEPT_ROLES)],
                    "units": list(map(kept, own.by_unit())),
                    "level": round(own.level, 4),
                }
                for net, own in roles.items()
            }
    lines = json.dumps(found, ensure_ascii=False, sort_keys=True).replace("]], ", "]],\n").replace("], [", "],\n[")
    ROLES.write_text(f"{lines}\n", "utf-8")


def kept(role: Role) -> tuple[str | float, ...]:
    """A role with four digits of its figures."""
    return tuple(round(part, 4) if isinstance(part, float) else part for part in astuple(role))


def trial(model: CharModel, tried: GateTrace, role: Role, net: NetKey) -> tuple[float, ...] | None:
    """The experiment to a role; None where the part cannot be held."""
    try:
        return astuple(try_role(model, tried, role, net=net))
    except ConfigError:
        return None


def row(shipped: Shipped, checkpoint: Checkpoint, date: str) -> str:
    """One line of the table."""
    config = checkpoint.config
    cell = config.title
    if config.direction != "forward":
        cell += f", {config.direction}" + (f", {config.objective}" if config.objective != "next" else "")
    value = f"{perplexity(checkpoint.history[-1].nll_nats):.3f}"
    value += {"cloze": " (pseudo)", "leaky": " (leaky: not a perplexity)"}.get(config.objective, "")
    size = (FOLDER / f"{shipped.name}.safetensors").stat().st_size / 1e6
    columns = (
        shipped.name,
        shipped.corpus,
        shipped.recipe_name,
        cell,
        config.hidden_size,
        shipped.seed,
        value,
        f"{size:.1f}",
        date,
    )
    return f"| {' | '.join(map(str, columns))} | `python checkpoints/make.py {shipped.name}` |\n"


def main(names: list[str]) -> None:
    """Make the named ones, or all, and write the table of those that are there."""
    known = {shipped.name for shipped in SHIPPED}
    if unknown := set(names) - known:
        sys.exit(f"Expected names out of {', '.join(sorted(known))}; got {', '.join(sorted(unknown))}.")
    for shipped in SHIPPED:
        if not names or shipped.name in names:
            make(shipped)
    write_roles(names)
    dates = json.loads(DATES.read_text())
    rows = [
        row(s, load_checkpoint(FOLDER / f"{s.name}.safetensors"), dates[s.name]) for s in SHIPPED if s.name in dates
    ]
    (FOLDER / "README.md").write_text(HEADER + "".join(rows), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
