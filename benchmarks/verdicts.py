"""Are the verdicts right? Small models whose condition is known by construction or by training, and what is said of them.

Prints a confusion table: a row for each condition, a column for each first finding. A false alarm is a fault named in a
healthy model; a condition is named when its rule is among the findings.
"""

from __future__ import annotations

import collections
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from explorer import CharModel, ModelConfig, Recipe, Vocabulary, load_corpus, score_text, train
from explorer.checkpoints import Checkpoint
from explorer.probes.diagnosis import diagnosis_of
from explorer.probes.gates import trace_gates
from explorer.probes.gradients import gradient_flow
from explorer.probes.progress import TrainingRecord
from explorer.recording import Recording
from explorer.training import TrainingDivergedError

TEXT = load_corpus("lighthouse")[:3_000]
CHINESE = load_corpus("river-town")[:300]
CELLS = {
    "rnn": dict(cell="rnn"),
    "gru": dict(cell="gru"),
    "gru before": dict(cell="gru", reset="before"),
    "lstm": dict(cell="lstm"),
    "cloze": dict(cell="rnn", direction="bidirectional", objective="cloze"),
}
LEARNS = Recipe(optimizer="adam", learning_rate=0.01, batch_size=16, num_steps=25, epochs=40)
SGD = Recipe(learning_rate=1.0, clip_norm=1.0, batch_size=16, num_steps=25, epochs=40)


@dataclass(frozen=True)
class Case:
    """A model in a known condition, and how to make it: () -> (model, text, record or None)."""

    condition: str
    name: str
    make: Callable[[], tuple[CharModel, str, TrainingRecord | None]]


def copying(delay: int, length: int = 1_500) -> str:
    """Every second character is the one that stood `2 delay` places before it: half of the text can be known."""
    source = random.Random(delay)
    symbols = [source.choice("abcdefgh") for _ in range(length)]
    return "".join(s + symbols[max(i - delay, 0)] for i, s in enumerate(symbols))


def trained(
    fields: dict, recipe: Recipe, text: str = TEXT, seed: int = 0, held_out: str = ""
) -> tuple[CharModel, TrainingRecord]:
    model = CharModel(ModelConfig(**{"hidden_size": 48} | fields), Vocabulary.from_text(text + held_out), seed=seed)
    recording, measured, fault = Recording(model, recipe), [], None
    try:
        for record in train(model, text, recipe, seed):
            recording.add(record)
            if record.epoch_ends and held_out:
                measured.append((record.epoch, score_text(model, held_out).mean_nll_nats))
    except TrainingDivergedError as diverged:
        fault = diverged.step
    checkpoint = Checkpoint(model, recipe, seed, "bench", tuple(recording.history), recording.snapshots)
    return model, TrainingRecord.of(checkpoint, measured, fault)


def altered_by(change: Callable[[CharModel], None], fields: dict, seed: int) -> tuple[CharModel, str, None]:
    model = CharModel(ModelConfig(**{"hidden_size": 32} | fields), Vocabulary.from_text(TEXT), seed=seed)
    with torch.no_grad():
        change(model)
    return model, TEXT[:200], None


def scaled(factor: float) -> Callable[[CharModel], None]:
    def change(model: CharModel) -> None:
        for net in model.config.nets:
            model.rnn.weights(net).w_hh_GH.mul_(factor)

    return change


def saturated(model: CharModel) -> None:
    for net in model.config.nets:
        bias = model.rnn.weights(net).b_ih_G
        bias.copy_(torch.where(torch.arange(len(bias)) % 2 == 0, 20.0, -20.0))


def dead(model: CharModel) -> None:
    model.rnn.bias_ih_l0.fill_(-20)


def cases(*, fast: bool = False) -> Iterator[Case]:
    """Every case; fast: those that need no training, and one seed of the others."""
    seeds = range(1) if fast else range(3)
    well = seeds if fast else range(6)
    for name, fields in CELLS.items():
        for seed in well:
            yield Case("healthy", f"{name} {seed}", lambda f=fields, s=seed: _on_own_text(f, s))
        for seed in well if name != "cloze" else ():
            yield Case("healthy", f"copies, {name} {seed}", lambda f=fields, s=seed: _copies(f, s, 2))
        for seed in seeds[:2]:
            yield Case("untrained", f"{name} {seed}", lambda f=fields, s=seed: _untrained(f, s))
            for rate, optimizer in ((1e-3, "sgd"), (1e-6, "adam")):
                slow = replace(SGD, learning_rate=rate, optimizer=optimizer)
                yield Case(
                    "rate-too-small", f"{name} {optimizer} {seed}", lambda f=fields, s=seed, r=slow: _own(f, r, s)
                )
            for rate, optimizer in ((300.0, "sgd"), (1.0, "adam")):
                wild = replace(SGD, learning_rate=rate, optimizer=optimizer, clip_norm=None)
                yield Case(
                    "rate-too-large", f"{name} {optimizer} {seed}", lambda f=fields, s=seed, r=wild: _own(f, r, s)
                )
            bound = replace(SGD, clip_norm=1e-4)
            yield Case("clip-bound", f"{name} {seed}", lambda f=fields, s=seed, r=bound: _own(f, r, s))
            if name != "cloze":
                yield Case(
                    "unlike", f"{name} {seed}", lambda f=fields, s=seed: (*_on_own_text(f, s)[:1], CHINESE, None)
                )
    for seed in seeds:
        yield Case("healthy", f"two layers {seed}", lambda s=seed: _on_own_text(dict(num_layers=2), s))
        yield Case(
            "healthy",
            f"relu {seed}",
            lambda s=seed: _on_own_text(dict(cell="rnn", activation="relu", init="identity"), s),
        )
        yield Case("overfitting", f"lstm {seed}", lambda s=seed: _overfits(dict(cell="lstm", hidden_size=96), s))
        yield Case("overfitting", f"gru {seed}", lambda s=seed: _overfits(dict(hidden_size=96), s))
        yield Case(
            "dead-units", f"relu {seed}", lambda s=seed: altered_by(dead, dict(cell="rnn", activation="relu"), s)
        )
        for name in ("rnn", "gru", "gru before", "lstm"):
            yield Case("saturated", f"{name} {seed}", lambda f=CELLS[name], s=seed: altered_by(saturated, f, s))
            closed = {} if name == "rnn" else {"keep_bias": -1.5}
            yield Case(
                "vanishing", f"{name} {seed}", lambda f=CELLS[name] | closed, s=seed: altered_by(scaled(0.2), f, s)
            )
        yield Case("exploding", f"rnn {seed}", lambda s=seed: altered_by(scaled(6), dict(cell="rnn"), s))
        linear = dict(cell="rnn", activation="linear", init="orthogonal")
        yield Case("exploding", f"linear {seed}", lambda f=linear, s=seed: altered_by(scaled(1.1), f, s))
        open_ = dict(init="chrono", chrono_t_max=60)
        yield Case("truncated", f"gru {seed}", lambda f=open_, s=seed: _cut_short(f, s))
        yield Case("truncated", f"lstm {seed}", lambda f=open_ | dict(cell="lstm"), s=seed: _cut_short(f, s))


def _own(fields: dict, recipe: Recipe, seed: int) -> tuple[CharModel, str, TrainingRecord]:
    model, record = trained(fields, recipe, seed=seed)
    return model, TEXT[200:400], record


_learned: dict[str, tuple[CharModel, str, TrainingRecord]] = {}
"""By settings: two conditions begin with the same models, and a verdict changes none."""


def _on_own_text(fields: dict, seed: int) -> tuple[CharModel, str, TrainingRecord]:
    key = f"{fields} {seed}"
    if key not in _learned:
        _learned[key] = _own(fields, LEARNS, seed)
    return _learned[key]


def _copies(fields: dict, seed: int, delay: int) -> tuple[CharModel, str, TrainingRecord]:
    text = copying(delay)
    model, record = trained(fields, replace(LEARNS, epochs=60), text, seed)
    return model, text[400:600], record


def _cut_short(fields: dict, seed: int) -> tuple[CharModel, str, TrainingRecord]:
    text = copying(12)
    recipe = replace(LEARNS, num_steps=4, batch_size=64, epochs=20, sampling="random")
    model, record = trained(fields, recipe, text, seed)
    return model, text[400:600], record


def _untrained(fields: dict, seed: int) -> tuple[CharModel, str, TrainingRecord]:
    model, record = trained(fields, replace(LEARNS, epochs=1), seed=seed)
    return model, TEXT[200:400], replace(record, history=())


def _overfits(fields: dict, seed: int) -> tuple[CharModel, str, TrainingRecord]:
    model, record = trained(fields, replace(LEARNS, epochs=60), TEXT[:1_500], seed, held_out=TEXT[1_500:2_000])
    return model, TEXT[200:400], record


def rules_of(case: Case) -> tuple[str, ...]:
    """What the verdict says of a case."""
    model, text, record = case.make()
    return diagnosis_of(gradient_flow(model, text), trace_gates(model, text), model.vocabulary, record).rules


def main() -> int:
    torch.set_num_threads(1)
    table: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    missed: list[str] = []
    named = total = false_alarms = 0
    for case in cases(fast="--fast" in sys.argv):
        rules = rules_of(case)
        table[case.condition][rules[0]] += 1
        total, named = total + 1, named + (case.condition in rules)
        if case.condition == "healthy" and rules != ("healthy",):
            false_alarms += 1
        if case.condition not in rules:
            missed.append(f"  {case.condition}: {case.name} was said to be {', '.join(rules)}")
    print("condition, how many, and the first finding of each")
    for condition, said in table.items():
        print(
            f"  {condition:16s} {sum(said.values()):3d}  " + ", ".join(f"{rule} {n}" for rule, n in said.most_common())
        )
    print(
        f"{named} of {total} conditions named; {false_alarms} false alarms on {sum(table['healthy'].values())} healthy models"
    )
    print("\n".join(missed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
