"""Make docs/reproduction.md: `make reproduction`, or name the rows to make again; the other rows stay as they are.

Rows are made side by side, one process a core. Weights that were trained for the app are not trained again: their rows are
read from the record of training inside the shipped file.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import independent
import torch

from checkpoints.make import FOLDER, time_machine
from explorer import RECIPES, CharModel, ModelConfig, Recipe, Vocabulary, load_checkpoint, load_corpus, train
from explorer.training import perplexity

HERE = Path(__file__).parent
TEMPLATE, DOCUMENT = HERE / "template.md", HERE.parent / "docs" / "reproduction.md"
D2L, ZH = RECIPES["d2l-v2"], RECIPES["d2l-zh-v1"]
EPOCHS, SEEDS = (40, 80, 120, 160), (0, 1, 2)
EARLY, NUDGE = (1, 5, 10, 20, 40), 1e-15


@dataclass(frozen=True)
class Shipped:
    """A row that is read from a shipped file."""

    title: str
    published: str
    file: str
    remark: str = ""

    def line(self) -> str:
        """The cells of the row after its name."""
        checkpoint = load_checkpoint(FOLDER / f"{self.file}.safetensors")
        last = checkpoint.history[-1]
        how = f"read from `{self.file}`, {last.epoch} epochs" + self.remark
        return f"{self.title} | {self.published} | {perplexity(last.nll_nats):.3f} | {how}"


@dataclass(frozen=True)
class Trained:
    """A row of The Time Machine that is trained for it, with seed 0."""

    title: str
    published: str
    config: ModelConfig
    recipe: Recipe

    def line(self) -> str:
        """The cells of the row after its name."""
        last = ours(self.config, self.recipe, time_machine(), seed=0)[-1]
        return f"{self.title} | {self.published} | {last:.3f} | trained, {self.recipe.epochs} epochs"


@dataclass(frozen=True)
class Chinese:
    """A recipe of the first Chinese edition; `kind` and `nets` are what the independent loop calls its model."""

    title: str
    config: ModelConfig
    recipe: Recipe
    kind: str
    nets: int = 1

    @property
    def loop(self) -> dict[str, Any]:
        """The recipe in the words of the independent loop."""
        recipe = self.recipe
        return {
            "learning_rate": recipe.learning_rate,
            "theta": recipe.clip_norm,
            "batch_size": recipe.batch_size,
            "num_steps": recipe.num_steps,
        }


@dataclass(frozen=True)
class Seeds:
    """A row of river-town: one of the two loops, once for each seed."""

    chinese: Chinese
    loop: str

    def line(self) -> str:
        """The cells of the row after its name."""
        run = ours_on_river_town if self.loop == "explorer" else theirs_on_river_town
        runs = [run(self.chinese, seed) for seed in SEEDS]
        cells = [spread([run[epoch - 1] for run in runs]) for epoch in EPOCHS]
        return f"{self.chinese.title} | {self.loop} | " + " | ".join(cells)


@dataclass(frozen=True)
class Same:
    """A row of river-town: how far two trainings from the same weights, in float64, have come apart so far.

    The control is explorer against itself with its weights a few roundings away: what it shows is the training's own doing.
    """

    chinese: Chinese

    def line(self) -> str:
        """The cells of the row after its name."""
        chinese = replace(self.chinese, recipe=replace(self.chinese.recipe, epochs=EARLY[-1]))
        ours, theirs = same_weights(chinese, river_town(), seed=0)
        control = nudged(chinese, river_town(), seed=0)
        cells = [f"{apart(ours[:epoch], theirs):.0e}, {apart(ours[:epoch], control):.0e}" for epoch in EARLY]
        return f"{chinese.title} | {ours[-1]:.6g}, {theirs[-1]:.6g} | " + " | ".join(cells)


Row = Shipped | Trained | Seeds | Same
RNN = Chinese("RNN, tanh", ModelConfig("rnn", init="normal"), ZH, "tanh")
GRU = Chinese("GRU, reset before", ModelConfig("gru", "before", init="normal"), ZH, "gru before")
GRU_AFTER = Chinese("GRU, reset after", ModelConfig("gru", "after", init="normal"), ZH, "gru after")
BIRNN = Chinese(
    "two sigmoid RNNs, both forward, clip 0.1",
    ModelConfig("rnn", activation="sigmoid", direction="parallel", init="normal"), replace(ZH, clip_norm=0.1), "sigmoid", 2,
)  # fmt: skip
SCRATCH_RNN = ModelConfig("rnn", init="normal", hidden_size=512)
TIME_MACHINE: dict[str, Row] = {
    "rnn-concise": Shipped("RNN, concise", "1.3 (41), 1.4 (4)", "time-machine-rnn"),
    "gru-concise": Shipped("GRU, concise", "1.0 (40), 1.1 (5)", "time-machine-gru"),
    "lstm-concise": Shipped("LSTM, concise", "1.0 (24), 1.1 (17), 1.2 (3), 1.3 (1)", "time-machine-lstm"),
    "gru-scratch": Shipped("GRU, from scratch", "1.1 (37), 1.0 (5), 1.2 (1), 1.3 (2)", "time-machine-gru-before"),
    "lstm-scratch": Trained("LSTM, from scratch", "1.1 (24), 1.2 (8), 1.3 (10), 1.4 (3)",
                            ModelConfig("lstm", init="normal"), D2L),
    "rnn-sequential": Trained("RNN, from scratch, sequential, 512 units", "1.0 (45), 1.1 (4), 1.2 (3)", SCRATCH_RNN, D2L),
    "rnn-random": Trained("RNN, from scratch, random sampling, 512 units", "1.3 (21), 1.4 (23), 1.5 (8)",
                          SCRATCH_RNN, replace(D2L, sampling="random")),
    "lstm-two-layers": Trained("2 LSTM layers, learning rate 2", "1.0 (45)",
                               ModelConfig("lstm", num_layers=2), replace(D2L, learning_rate=2)),
    "birnn-leaky": Shipped("BiRNN, reads its answer", "1.1 (45), two LSTM layers", "time-machine-birnn-leaky",
                           "; one RNN layer of 128 units a side"),
}  # fmt: skip
LOOPS: dict[str, Row] = {
    f"zh-{name}-{loop}": Seeds(chinese, loop)
    for name, chinese in (("rnn", RNN), ("gru", GRU), ("birnn", BIRNN))
    for loop in ("explorer", "independent")
}
SAME: dict[str, Row] = {
    "zh-rnn-same": Same(RNN),
    "zh-gru-same": Same(GRU),
    "zh-gru-after-same": Same(GRU_AFTER),
    "zh-birnn-same": Same(BIRNN),
}
ROWS = TIME_MACHINE | LOOPS | SAME


def river_town() -> str:
    """The text as the first Chinese edition has its lyrics: line ends read as blanks, the first 10,000 characters."""
    return load_corpus("river-town", newlines_to_blanks=True)[: ZH.max_tokens]


def ours(config: ModelConfig, recipe: Recipe, text: str, seed: int) -> list[float]:
    """The perplexity of each epoch, by explorer.train."""
    model = CharModel(config, Vocabulary.from_text(recipe.learned(text)), seed=seed)
    return epochs_of(model, text, recipe, seed)


def epochs_of(model: CharModel, text: str, recipe: Recipe, seed: int) -> list[float]:
    """The perplexity of each epoch, by explorer.train, from the weights that the model has."""
    return [record.epoch_perplexity for record in train(model, text, recipe, seed) if record.epoch_ends]


def ours_on_river_town(chinese: Chinese, seed: int) -> list[float]:
    """explorer.train with this seed's weights."""
    return ours(chinese.config, chinese.recipe, river_town(), seed)


def theirs_on_river_town(chinese: Chinese, seed: int) -> list[float]:
    """The independent loop, with weights that it draws itself."""
    ids, symbols = independent.ids_of(river_town())
    weights = independent.normal_weights(chinese.kind, chinese.nets, symbols, chinese.config.hidden_size, seed)
    return first(chinese.recipe.epochs, independent.train(chinese.kind, ids, weights, **chinese.loop))


def same_weights(chinese: Chinese, text: str, seed: int) -> tuple[list[float], list[float]]:
    """The perplexities of both loops in float64, each from the initial weights that explorer draws."""
    model = in_float64(chinese, text, seed)
    ids, _ = independent.ids_of(text)
    loop = independent.train(chinese.kind, ids, weights_of(model), **chinese.loop)
    theirs = first(chinese.recipe.epochs, loop)  # copies the weights before ours are trained
    return epochs_of(model, text, chinese.recipe, seed), theirs


def nudged(chinese: Chinese, text: str, seed: int) -> list[float]:
    """The perplexities of explorer.train in float64 from the same initial weights, each times 1 + NUDGE."""
    model = in_float64(chinese, text, seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + NUDGE)
    return epochs_of(model, text, chinese.recipe, seed)


def in_float64(chinese: Chinese, text: str, seed: int) -> CharModel:
    """A fresh model of the recipe for this text."""
    return CharModel(chinese.config, Vocabulary.from_text(text), seed=seed).double()


def apart(values: Sequence[float], others: Sequence[float]) -> float:
    """The largest relative difference, as far as the first goes."""
    return max(abs(a - b) / b for a, b in zip(values, others, strict=False))


def weights_of(model: CharModel) -> independent.Weights:
    """A model's weights under the names of the independent loop, each gate by itself, to the right of its input."""
    weights = {"W_q": model.out.weight.T, "b_q": model.out.bias}
    for index, net in enumerate(model.config.nets):
        stacked = model.rnn.weights(net)
        gates = model.config.kind.stacked
        for name, matrix in (("W_x", stacked.w_ih_GE), ("W_h", stacked.w_hh_GH), ("b_", stacked.b_ih_G)):
            for gate, part in zip(gates, matrix.chunk(len(gates)), strict=True):
                weights[f"{name}{gate}{index}"] = part.T if part.dim() == 2 else part
    return weights


def first(count: int, values: Iterator[float]) -> list[float]:
    """The first so many of a generator that has no end."""
    return [next(values) for _ in range(count)]


def spread(values: Sequence[float]) -> str:
    """The median, and the smallest and the largest."""
    return f"{statistics.median(values):.4g} ({min(values):.4g} to {max(values):.4g})"


def made(name: str) -> str:
    """One line of a table."""
    torch.set_num_threads(1)
    return f"| `{name}` | {ROWS[name].line()} |"


def lines_of(document: Path) -> dict[str, str]:
    """The rows that a document already has, by name."""
    lines = document.read_text("utf-8").splitlines() if document.exists() else []
    return {name: line for line in lines for name in ROWS if line.startswith(f"| `{name}` |")}


def rendered(lines: dict[str, str]) -> str:
    """The template with its three tables filled in; a row that has not been made yet says so."""
    text = TEMPLATE.read_text("utf-8")
    for mark, rows in (("TIME MACHINE", TIME_MACHINE), ("LOOPS", LOOPS), ("SAME", SAME)):
        table = "\n".join(lines.get(name, f"| `{name}` | not made yet |") for name in rows)
        text = text.replace(f"<!-- {mark} -->", table)
    return text


def main(names: list[str]) -> None:
    """Make the named rows, or all, and write the document after each."""
    if unknown := set(names) - set(ROWS):
        sys.exit(f"Expected names out of {', '.join(ROWS)}; got {', '.join(sorted(unknown))}.")
    lines = lines_of(DOCUMENT) if names else {}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(made, name): name for name in names or ROWS}
        for done in as_completed(waiting):
            lines[waiting[done]] = done.result()
            print(done.result(), flush=True)
            DOCUMENT.write_text(rendered(lines), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
