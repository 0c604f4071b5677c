"""English: the sentence of every code, room by room, and how figures are written in it.

Every figure keeps the name it has in the code, so that a sentence is a template and nothing is computed here but the way a
number is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from explorer.words import TOKEN


def _perplexity(nats: float) -> str:
    """A mean loss as the perplexity it is."""
    if nats > 20:
        return f"e^{nats:.0f}"
    power = math.exp(nats)
    return f"{power:.2f}" if power < 100 else f"{power:,.0f}"


def _steps(value: float) -> str:
    return f"{value:g} step" + "s" * (value != 1)


def _reach(half_life_steps: float | None = None, horizon_steps: float | None = None, **_: Any) -> str:
    if half_life_steps is None:
        said = "The median loss does not fall to half of its local gradient within this text"
    else:
        said = f"The median loss falls under half of its local gradient after {_steps(half_life_steps)}"
    return f"{said}." if horizon_steps is None else f"{said} and under 1 % after {_steps(horizon_steps)}."


def _reads(score: str, score_nats: float, **reach: Any) -> str:
    return f"It reads this text with a {score} of {_perplexity(score_nats)}. {_reach(**reach)}"


def _leaks(score_nats: float, **reach: Any) -> str:
    return (
        f"One of its nets reads from the end, past the {TOKEN.get()} it is asked for, so its score of {_perplexity(score_nats)} "
        f"says nothing about what it can predict. {_reach(**reach)}"
    )


def _truncated(backward_steps: int, horizon_steps: float | None = None, **_: Any) -> str:
    return f"The gradient is carried back over {_steps(backward_steps)} in training, but it would reach farther: " + (
        "more than 1 % of it is left at the beginning of this text."
        if horizon_steps is None
        else f"1 % of it is left after {_steps(horizon_steps)}."
    )


def _cut_in_training(model: str, steps: int, batches: int) -> str:
    over = "before every batch" if batches == 1 else f"{batches:,} batches back, that of the loss counted"
    return (
        f"**{model}** was trained on batches of {_steps(steps)}, and the graph was cut {over}. What lies farther back is read "
        "through the state, but no loss teaches it."
    )


def _true_class(told: str) -> str:
    return f"● true: {told}" if told else "● the true one"


def _reach_of_numbers(half: int | None, horizon: int | None) -> str:
    if half is None:
        return "More than half of a loss's gradient gets to the beginning of this sequence."
    whole = "more than 1 % gets to the beginning" if horizon is None else f"under 1 % after {_steps(horizon)}"
    return f"Half of a loss's gradient is gone {_steps(half)} back (the median loss); {whole}."


def _lower_rate(learning_rate: float, clip_norm: float | None = None, **_: Any) -> str:
    return f"Train again with a learning rate of {learning_rate / 10:g}" + (
        f", or clip the gradient at 1: now it is {learning_rate:g} and nothing is clipped."
        if clip_norm is None
        else "."
    )


def _names(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _few(values: Iterable[object]) -> str:
    """The first of some names, and how many others there are."""
    first = list(map(str, values))
    shown = ", ".join(name[:60] for name in first[:6])
    return shown + (f" and {_some(len(first) - 6, 'other')}" if len(first) > 6 else "")


def _alternatives(values: Iterable[object]) -> str:
    return " or ".join(map(str, values))


def _span(name: str, least: int, most: int) -> str:
    span = f"from {least:,} to {most:,}" if least < most else f"{least:,}"
    return f"as {name} the whole number {span}"


def _some(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + "s" * (count != 1)


def _characters(shown: Iterable[str], more: int) -> str:
    return ", ".join(f"“{character}”" for character in shown) + (f" and {more:,} others" if more else "")


def _unknown_scored(score: str, score_nats: float, without_nats: float | None) -> str:
    without = "not defined" if without_nats is None else _perplexity(without_nats)
    return f"The {score} is {_perplexity(score_nats)} with them and {without} without them."


def _shape(title: str, units: str, layers: int, direction: str) -> str:
    reads = {"forward": "", "bidirectional": ", reads from both ends", "parallel": ", two nets that both read forward"}
    return f"{title}, {units} units" + (f", {layers} layers" if layers > 1 else "") + reads[direction]


def _described(corpus: str, symbols: int, **shape: Any) -> str:
    return f"{_shape(**shape)}; learned {corpus}, {symbols} {'words' if TOKEN.get() == 'word' else 'symbols'}"


def _reach_alone(horizon_steps: float, half_life_steps: float) -> str:
    return (
        f"Followed back alone, the gradient of a loss is under half of its size after {_steps(half_life_steps)} and under 1 % "
        f"after {_steps(horizon_steps)}: what came earlier can hardly be learned."
    )


def _rising(first_loss: float, last_loss: float, **_: Any) -> str:
    return f"The loss rose from {first_loss:.4g} to {last_loss:.4g}."


def _loss_went(first_loss: float | None, last_loss: float | None) -> str:
    if first_loss is None or last_loss is None:
        return "No loss was seen: give it to the probe with probe.loss(loss), or call loss.backward() inside the block."
    return f"The loss went from {first_loss:.4g} to {last_loss:.4g}."


def _layer(module: str, title: str, units: int, depth: int, both: bool) -> str:
    where = f" ({module})" if module else ""
    deep = "" if depth == 1 else f", {_some(depth, 'layer')}"
    return f"{title}, {_some(units, 'unit')}{deep}{', both directions' if both else ''}{where}"


def _net(module: str, layer: int, direction: str) -> str:
    return f"{module or 'the model'}, layer {layer}, {direction}"


OPTIMIZERS = {"sgd": "SGD", "adam": "Adam"}


def _trains(
    objective: str, corpus: str, optimizer: str, learning_rate: float, clip_norm: float | None, epochs: int,
    steps: int | None, held_gate: str | None, held_at: float, backward_batches: int, token: str, **shape: Any,
) -> str:  # fmt: skip
    """What a run trains, in a line."""
    held = "" if held_gate is None else f" · {held_gate} held at {held_at:g}"
    objectives = {"next": "", "cloze": ", cloze", "leaky": ", leaky"}
    clipped = "not clipped" if clip_norm is None else f"clipped at θ = {clip_norm:g}"
    back = "" if backward_batches == 1 else f", gradient over {backward_batches} batches"
    read = corpus + _by(token)
    length = _some(epochs, "epoch") + ("" if steps is None else f", about {_some(steps, 'step')}")
    optimized = f"{OPTIMIZERS[optimizer]}, learning rate {learning_rate:g}"
    return " · ".join((f"{_shape(**shape)}{objectives[objective]}{held}", read, optimized, clipped + back, length))


def _by(token: str) -> str:
    return ", by words" if token == "word" else ""


def _made_name(title: str, objective: str, units: str, optimizer: str, corpus: str, token: str) -> str:
    asked = "" if objective == "next" else f" {objective}"
    return f"{title}{asked}, {units} units, {optimizer}, {corpus}{_by(token)}"


def _held_unit(unit: int, part: str, value: float, layer: int, direction: str) -> str:
    where = "" if (layer, direction) == (0, "forward") else f" (layer {layer}, {direction})"
    return f"{part} of unit {unit}{where} held at {value:.2g}"


def _being_read(count: int, ahead: int) -> str:
    others = f" {ahead} other reading{'s come' if ahead > 1 else ' comes'} first." if ahead else ""
    return f"The model is reading {count:,} characters.{others}"


def _label(cell: str, corpus: str, units: str, layers: int, token: str) -> str:
    of_words = token == "word"  # without "units": no more fits into the list of models
    size = f", words · {units}" if of_words else f" · {units} units"
    return f"{cell} · {corpus}{size}" + (f", {layers} layers" if layers > 1 and "," not in units else "")


_MEAN = "Mean over units and steps of the gate that keeps the old state: at 1 it keeps all of it, at 0 nothing."


_SATURATED = "Share of that gate's values under 0.1 or over 0.9: there it acts like a switch, and learns slowly."


def _tenths(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 1e5 else f"{value:.1e}".replace("e+", "e")


def _breaks(breaks: int) -> str:
    return f"{_some(breaks, 'page break')} or separators became line ends."


def _cut(count: int, where: str) -> str:
    were = "was" if count == 1 else "were"
    return f"It is cut in the middle of a character; {_some(count, 'byte')} {were} dropped at its {where}."


FORMS: dict[str, Callable[[Any], str]] = {
    "perplexity": _perplexity,
    "steps": _steps,
    "reached": lambda steps: "beyond this text" if math.isinf(steps) else _steps(steps),
    "memory": lambda steps: f"{steps:,.1f} steps" if steps < 1e4 else "more than 10,000 steps",
    "tenths": _tenths,
    "sentences": lambda sentences: " ".join(map(str, sentences)),
    "own": str,
    "all": lambda values: " and ".join(map(str, values)),
    "epochs": lambda count: "epoch" if count == 1 else f"{count:g} epochs",
    "layers": lambda count: _some(count, "layer"),
    "tokens": lambda count: _some(count, TOKEN.get()),
    "rows": lambda count: _some(count, "row"),
    "names": _names,
    "few": _few,
    "net": lambda net: _net(*net),
    "way": str,
    "share": lambda share: "under 1%" if 0 < share < 0.005 else f"{share:.0%}",
    "module": lambda name: name or "the model itself",
    "modules": lambda names: " and ".join(name or "the model itself" for name in names),
    "nets": lambda nets: "; ".join(f"layer {net.layer}, {net.direction}" for net in nets),
    "some": lambda values: _names(values)[:80],
    "quoted names": lambda values: repr(_names(values)[:80]),
    "alternatives": _alternatives,
    "choices": "; ".join,
    "quoted": lambda value: repr(str(value)[:40]),
    "kB": lambda size: f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{math.ceil(size / 1e3)} kB",
    "MB": lambda size: f"{size / 1e6:.1f} MB",
    "GB": lambda size: f"{size / 1e9:.1f} GB",
    "whole GB": lambda size: f"{size / 1e9:.0f} GB",
    "whole MB": lambda size: f"{size // 10**6} MB",
}
"""What may stand behind the colon of a figure in a template, beside what format knows."""

SETTING_VALUES = (
    "before", "after", "forward", "bidirectional", "parallel", "next", "leaky", "cloze", "torch", "normal", "orthogonal",
    "identity", "sequential", "random",
)  # fmt: skip
"""Values of settings that are called here as in the library."""

OWN: dict[str, str] = {}
TOKENS = {
    "character": {"token": "character", "tokens": "characters", "Tokens": "Characters"},
    "word": {"token": "word", "tokens": "words", "Tokens": "Words"},
}
"""What a cell says of itself is English."""

SENTENCES: dict[str, str | Callable[..., str]] = {
    # fields: what was expected of a field, and what came
    "config": "{field}: expected {expected}; got {got}.",
    "gate-page.named": "Each row is one **unit** and what it remembers, shaded where that holds here; its numbers are means over "
    "what it learned. Point at anything.",
    "gate-page.named.help": "The roles were chosen on one half of the text that the model learned. The means in the titles are "
    "of the other half. A role that says how far something is has no shade.",
    "gate-page.named-then": "Each row below is one **unit**, with what it remembers in the model as it was trained to the end. "
    "Whether it does so here, the curves show. Point at anything: it says what it is.",
    "role.means": "{part} {mean_in:.2f}, {elsewhere} {mean_out:.2f}",
    "role.else": "elsewhere",
    "role.quoted": "inside quotation marks",
    "role.bracketed": "inside brackets",
    "role.word-start": "at the first letter of a word",
    "role.word-end": "right after a word",
    "role.in-word": "late in a word",
    "role.in-word.else": "early in it or outside",
    "role.in-line": "late in a line",
    "role.in-line.else": "early in it",
    "role.in-clause": "late in a clause",
    "role.in-clause.else": "early in it",
    "role.since-blank": "long after a blank",
    "role.since-blank.else": "soon after one",
    "role.since-capital": "long after a capital",
    "role.since-capital.else": "soon after one",
    "role.since-punctuation": "long after a punctuation mark",
    "role.since-punctuation.else": "soon after one",
    "role.blank": "at a blank",
    "role.line-end": "at the end of a line",
    "role.line-start": "at the start of a line",
    "role.punctuation": "at a punctuation mark",
    "role.digit": "at a digit",
    "role.capital": "at a capital letter",
    "role.vowel": "at a vowel",
    "role.after-vowel": "after a vowel",
    "role.character": "at “{character}”",
    "role.after": "after “{character}”",
    "role.surprise": "where the model is surprised",
    "role.surprise.else": "where it is not",
    "part.h": "state h",
    "part.c": "cell state c",
    "part.n": "candidate n",
    "part.g": "candidate g",
    "score.next": "perplexity",
    "score.cloze": "pseudo-perplexity",
    "score.leaky": "leaky score",
    "expected.net": "one of {nets:nets}",
    "got.net": "layer {layer}, {direction:way}",
    "expected.top-layer": "the last layer ({last}) of a model whose layers read both directions below: under it a gradient runs "
    "both ways through the text, which one sweep cannot follow",
    "expected.text": "a text, or one that the model has read; record_tapes takes any input",
    "got.numbers": "numbers",
    "expected.same-model": "a read of the same model",
    "got.another": "another",
    "expected.flow": "one of the same text and net, layer {layer}, {direction:way}",
    "expected.part": "{parts:alternatives}",
    "expected.choice": "one of {allowed:names}",
    "expected.whole": "a whole number from {least:,} to {most:,}",
    "expected.above-zero": "a finite number above 0",
    "expected.above-zero-or-none": "a finite number above 0, or None",
    "expected.flag": "True or False",
    "expected.finite": "a finite number",
    "expected.at-least": "at least {least:,}",
    # models
    "expected.size-each-layer": "one size for each layer",
    "expected.sizes": "{count} sizes, one for each layer",
    "expected.objective-both-ways": (
        "'cloze' or 'leaky' for a bidirectional model, whose second net has already read the next character"
    ),
    "expected.objective-one-way": "'next' for a {direction:way} model",
    "expected.no-second-net": "None for a forward model, which has no second net",
    "expected.init-of-cell": "one of {allowed:names} for this cell ({cell})",
    "expected.bias-without-recurrence": "'one' or 'none' for a cell without recurrent weights ({cell})",
    "expected.keep-bias-without-gate": "0 for a cell without a gate that keeps ({cell})",
    "expected.bias-to-shift": "'one' or 'two' for a model whose keeping gate is given a bias",
    "expected.fewer-units": "so few units that the model has at most {most:,} parameters",
    "got.units": "{units} in {layers:layers} with {outputs:,} symbols, which make {count:,} parameters",
    "expected.model-of-objective": "a model with objective {objective!r}",
    "expected.draw": "a prefix of at least one character, length >= 0 and a finite temperature >= 0",
    "got.draw": "{prefix!r}, {length} and {temperature}",
    "expected.position": "a position from 0 to {last} and k >= 1",
    "got.position": "{position} and {k}",
    "expected.seed-of-torch": "a whole number from -2^63 to 2^64 - 1",
    "net.forward": "forward",
    "net.backward": "backward",
    "net.second-forward": "second forward",
    "net.both": "both",
    "models.diverged": (
        "After reading {read:tokens} this model's prediction is not a finite number: it has diverged. Take its weights of "
        "an earlier epoch, or train it with a lower learning rate."
    ),
    # interventions
    "intervention": "{changes:names}",
    "intervention.none": "nothing changed",
    "intervention.held": "{gate} held at {value:g}",
    "intervention.unit": _held_unit,
    "expected.steps": "the first and the last of some of the {count} steps of the text",
    "expected.unit": "the number of a unit, from 0 to below {count}",
    "expected.held": "a part and a value of it that weights of this {cell} can hold (its parts are {letters:names}; a state only "
    "inside of what it can reach in one step)",
    "intervention.keep-bias": "bias of the gate that keeps {shift:+g}",
    "intervention.recurrent": "recurrent weights × {factor:g}",
    "intervention.read-as": "weights read as {variant}",
    "expected.value-of-gate": "a value from 0 to 1 to hold the gate at",
    "expected.factor": "a finite factor of at least 0",
    "expected.gate-of-cell": "a gate of this {cell} ({letters:names}) to hold",
    "expected.no-gate": "a gate of this {cell} (it has none) to hold",
    "got.letters": "{letters:names}",
    "expected.cell-that-keeps": "a cell with a gate that keeps ({cells:names})",
    "expected.factor-without-recurrence": "1 for a cell without recurrent weights ({cell})",
    "expected.variant": "one of {allowed:names} for this {cell}",
    "expected.no-variant": "None for this {cell}, which has no variants",
    # the problems gates were made for, the claims about them, and their page
    "expected.model-of-problem": "a model that reads the symbols {symbols}",
    "problem.first": "An early token matters",
    "problem.skip": "Tokens to skip",
    "problem.breaks": "Breaks",
    "problem.parity": "Parity",
    "option.first": "An early token matters",
    "option.skip": "Tokens to skip",
    "option.breaks": "Breaks",
    "option.parity": "Parity",
    "problem.first.what": "**The first character is asked for at the end.** All that stands between is noise, digits among it.",
    "problem.skip.what": "**Copy the digits outside the brackets.** What stands between < and > is to be ignored.",
    "problem.breaks.what": "**Add the digits modulo 4.** The sign | sets the sum back to 0.",
    "problem.parity.what": "**Is the number of ones odd?** Every bit counts, and one that is missed spoils the answer.",
    "problem.first.why": "The right answer is **{answer}**: the character the text begins with.",
    "problem.skip.why": "The right answer is **{answer}**: the digits outside the brackets, in their order.",
    "problem.breaks.why": "The right answer is **{answer}**: the sum of the digits after the last |, modulo 4.",
    "problem.parity.why": "The right answer is **{answer}**: 1 for an odd number of ones, 0 for an even one.",
    "problem-part.kept": "to be kept",
    "problem-part.noise": "to be ignored",
    "problem-part.break": "break",
    "problem-part.answer": "the answer",
    "problem-figure.accuracy": "Right answers over seconds of learning",
    "problem-figure.nll-nats": "Loss of the answers in nats, over seconds",
    "problem-figure.length": "characters of the text",
    "problem-figure.chance": "by guessing",
    "problem-figure.alt": "Share of right answers against the length of the text, for each cell",
    "problem-page.what": "**The problems gates were made for.** Watch networks of {units} units learn one of them, or fail.",
    "problem-page.chance": "A guess is right at {chance:.0%} of the characters that are asked for.",
    "problem-page.train": "Train",
    "problem-page.again": "Train again",
    "problem-page.before": (
        "Each cell learns until it has solved the problem, for at most {most_s:g} seconds of computing; beside other work on "
        "this machine that takes longer."
    ),
    "problem-page.init.chrono": "The gate that keeps begins with a bias for memories of up to {length} characters (chrono).",
    "problem-page.init.orthogonal": "The recurrent weights begin orthogonal.",
    "problem-page.grows": "It begins with short texts, which grow where nine of ten answers are right.",
    "problem-page.no-cells": "Choose at least one cell.",
    "problem-page.learning": "**{cell}** is learning: step {step:,}, texts of {length} characters, {elapsed_s:.1f} s",
    "problem-page.solved": "**{cell}** solved it after {step:,} steps and {elapsed_s:.1f} s, with texts of {length} characters",
    "problem-page.unsolved": "**{cell}** did not solve it in {step:,} steps and {elapsed_s:.1f} s; its last texts had {length} "
    "characters",
    "problem-page.lengths": "**Right answers against length**, on new texts. The dotted line stands at {length} characters, for "
    "which they were trained.",
    "problem-page.claims": "**What the gates do, measured.** A tick: the claim holds for this model. A cross: it does not.",
    "problem-page.see-gates": "See its gates on the text above",
    "problem-page.model": "{problem} ({cell})",
    "claim.keeps": "On noise, the {gate} keeps more than on what is to be kept: {noise:.2f} against {kept:.2f} on average.",
    "claim.keeps.not": "The {gate} does not keep more on noise ({noise:.2f} on average) than on what is to be kept ({kept:.2f}).",
    "claim.resets": "The {gate} shuts at breaks: {breaks:.2f} there, {elsewhere:.2f} elsewhere on average.",
    "claim.resets.not": "The {gate} does not shut at breaks: {breaks:.2f} there, {elsewhere:.2f} elsewhere on average.",
    "claim.reaches": "The gradient of the answer reaches what the answer needs: {steps:g} steps back (the median) it has "
    "{share:.3g} times the norm that it has at the answer.",
    "claim.reaches.not": "The gradient of the answer does not reach what the answer needs, though the answers are right: "
    "{steps:g} steps back (the median) it has {share:.2g} times the norm that it has at the answer.",
    "claim.reaches.unsolved": "The problem is not solved. {steps:g} steps back (the median) the answer's gradient has "
    "{share:.2g} times the norm that it has at the answer.",
    "claim.needed": "The answers need the {gate} to move: with every unit's held at its mean, {after:.0%} are right instead of "
    "{before:.0%}.",
    "claim.needed.not": "Holding the {gate} still does not take the answers half way down to chance: with every unit's held at "
    "its mean, {after:.0%} are right instead of {before:.0%}.",
    "claim.needed.unsolved": "There is no solution that the {gate} could spoil: {before:.0%} of the answers are right.",
    # training
    "training.diverged": (
        "Diverged at step {step}: the {what} of {parameter} is not a finite number. The weights of the step before are kept. "
        "Lower the learning rate, or clip the gradient's norm (at a lower threshold, if it is clipped already)."
    ),
    "training.diverged.gradient": "gradient",
    "training.diverged.value": "value",
    "training.diverged.weight": "new weight",
    "training.too-short": (
        "Expected a text of at least {least:,} {tokens} for this recipe (batch_size {batch_size}, num_steps {num_steps}); "
        "got {characters:,}. Take a longer text, or lower batch_size or num_steps."
    ),
    "training.ids.kind": "ids: expected whole numbers in one row; got {dtype} of shape {shape}.",
    "training.ids.range": (
        "ids: expected numbers from 0 to {most}, one for each symbol of the vocabulary; got {first} to {last}. Encode the text "
        "with this model's own vocabulary."
    ),
    "expected.seed": "a whole number of at most 18 digits",
    "expected.a-step-that-fits": "at most {most:.2g} for {optimizer}, so that the weights can hold a step",
    "expected.between-steps": "a training between two steps",
    "got.closed": "one that was closed or ended within a step",
    "expected.these-tensors": "one of this model and recipe, with {count} tensors",
    "got.differs": "one that differs in {odd:some}",
    "expected.this-tensor": "one of this model and recipe, with {name} as {dtype} of shape {shape}",
    "got.tensor": "{dtype} {shape}",
    "expected.counter": _span,
    "expected.sum-of-losses": "as nll_sum_nats a finite number of at least 0, and 0 before the first step",
    "expected.tensor-to-be": "{name} to be {value:,}",
    "expected.tensor-at-least-zero": "{name} to be at least 0",
    "got.less-or-nan": "less, or NaN",
    "expected.finite-tensor": "{name} to be finite",
    "got.not-finite": "NaN or infinity",
    # batches
    "batches.too-short": (
        "Expected at least {least:,} {tokens} for batches of {batch_size} x {num_steps}; got {characters:,}. Take a longer "
        "text, a smaller batch or fewer steps."
    ),
    "batches.sampling": "Expected sampling {allowed:alternatives}; got {got!r}.",
    # foreign: what a file is
    "file.safetensors": "a .safetensors file",
    "file.pdf": "a PDF document",
    "file.rtf": "an RTF document",
    "file.postscript": "a PostScript document",
    "file.old-office": "an old Word, Excel or PowerPoint file (.doc, .xls, .ppt)",
    "file.png": "a PNG image",
    "file.jpeg": "a JPEG image",
    "file.gif": "a GIF image",
    "file.tiff": "a TIFF image",
    "file.photoshop": "a Photoshop image",
    "file.hdf5": "an HDF5 file, such as a Keras .h5 model",
    "file.npy": "a NumPy array (.npy)",
    "file.gguf": "a GGUF model",
    "file.gzip": "a gzip-compressed file (.gz)",
    "file.xz": "an xz-compressed file (.xz)",
    "file.7zip": "a 7-Zip archive",
    "file.rar": "a RAR archive",
    "file.zstandard": "a Zstandard-compressed file (.zst)",
    "file.sqlite": "an SQLite database",
    "file.elf": "a program (ELF)",
    "file.mach-o": "a program (Mach-O)",
    "file.java-or-mach-o": "a program (Java or Mach-O)",
    "file.webassembly": "a program (WebAssembly)",
    "file.mp3": "an MP3 recording",
    "file.ogg": "an Ogg recording",
    "file.flac": "a FLAC recording",
    "file.matroska": "a Matroska or WebM film",
    "file.arrow": "an Arrow table",
    "file.parquet": "a Parquet table",
    "file.font": "a font",
    "file.mp4": "a film, a recording or a HEIC image (MP4 family)",
    "file.tensorflow-lite": "a TensorFlow Lite model",
    "file.tar": "a tar archive",
    "file.wav": "a WAV recording",
    "file.webp": "a WebP image",
    "file.avi": "an AVI film",
    "file.pytorch": "a PyTorch file (.pth, .pt)",
    "file.keras": "a Keras model (.keras)",
    "file.docx": "a Word document (.docx)",
    "file.xlsx": "an Excel table (.xlsx)",
    "file.pptx": "a PowerPoint presentation (.pptx)",
    "file.epub": "an e-book (.epub)",
    "file.opendocument": "an OpenDocument file (.odt, .ods, .odp)",
    "file.java": "a Java or Android program",
    "file.text": "a text file",
    "file.git-lfs": "a Git LFS pointer, which stands for the real file; fetch that with `git lfs pull`",
    "file.web-page": "a web page (HTML), not the file that was to be downloaded",
    "file.bmp": "a BMP image",
    "file.bzip2": "a bzip2-compressed file (.bz2)",
    "file.npz": "a NumPy archive (.npz)",
    "file.zip": "a ZIP archive",
    "file.pickle": "a Python pickle (.pkl, .pt)",
    "file.onnx": "an ONNX model",
    # text
    "text.no-loss": "Expected a text of at least {least} {tokens}, so that there is a loss; got {count}.",
    "text.too-long-for-flow": "Expected at most {most:,} {tokens} for a T x T flow; got {count:,}. Take a part.",
    "text.too-large": "Expected a text of at most {most:whole MB}; this one has {size:MB}. Cut it and try again.",
    "text.foreign": "Expected plain text; this is {kind}. Save or copy the text you mean into a .txt file.",
    "text.nothing-visible": "Expected a text with at least one visible character; this file has none.",
    "text.binary": "Expected plain text; this file holds control characters (read as {encoding}), so it is binary.",
    "text.unreadable": "Expected plain text. {reason} Save it as UTF-8 and try again.",
    "text.encoding-in-doubt": (
        "Expected a text whose encoding can be told for certain. {reason} Choose one: {candidates:choices}. Or save it as UTF-8."
    ),
    "text.encoding-unknown": "Expected one of the encodings {known:choices}. Got {got:quoted}.",
    "text.other-encoding": "Expected a text in {encoding}, but {flaw} Choose another encoding, or save the file as UTF-8.",
    "text.end-of-file-dropped": "The end-of-file mark of DOS (^Z) was dropped.",
    "text.breaks-became-line-ends": _breaks,
    "vocabulary.too-few": "Expected {unknown!r} followed by at least one character; got {count} symbols.",
    "vocabulary.odd.character": "Expected different single characters as symbols; got {symbols!a:.60}.",
    "vocabulary.odd.word": "Expected different single words as symbols; got {symbols!a:.60}.",
    "vocabulary.repeated": "Expected different symbols; got a repeated one.",
    "vocabulary.counts": "Expected one count from 0 to {most:,} for each of {count} symbols.",
    "vocabulary.empty-text": "Expected a text with at least one character to make a vocabulary from; it is empty.",
    # encodings
    "encodings.cut.beginning": lambda count: _cut(count, "beginning"),
    "encodings.cut.end": lambda count: _cut(count, "end"),
    "encodings.replaced": lambda places: f"{_some(places, 'place')} could not be read and became \ufffd.",
    "encodings.marked": "This file has the mark of {encoding}, but {flaw}",
    "encodings.alike": "This file looks like {encoding}, but {flaw}",
    "encodings.flaw": "byte {place:,} (0x{byte:02X}, in line {line:,}) does not fit.",
    "encodings.binary": "This file holds control characters, so it is binary, not a text.",
    "encodings.none": "These bytes are not a text in any encoding that is known here.",
    "encodings.several": "This file could be in several.",
    # strict
    "strict.cut-off": "Expected a .safetensors file; got {size:,} bytes that are too short to be one or cut off.",
    "strict.header-too-large": "Expected a header of at most {most:,} bytes; this one states {size:,}.",
    "strict.header-not-utf-8": "Expected a header in UTF-8; these bytes are not.",
    "strict.too-many-tensors": "Expected at most {most:,} tensors; got {count:,}.",
    "strict.begins-elsewhere": "Expected tensor {tensor!r} to begin at byte {expected:,}; it begins at {begin:,}.",
    "strict.size-of-weights": "Expected {expected:,} bytes of weights; got {size:,}.",
    "strict.name-of-tensor": "Expected tensor names of letters, digits, '_' and '.'; got {got!r:.60}.",
    "strict.entry": "Expected dtype, shape and data_offsets for tensor {tensor!r}; got something else.",
    "strict.number-format": "Expected tensor {tensor!r} as {allowed:alternatives}; got {got:quoted}.",
    "strict.whole-numbers": (
        "Expected for {what} of tensor {tensor!r} at most {most} whole numbers within the file; got {got!a:.60}."
    ),
    "strict.bytes-of-shape": (
        "Expected tensor {tensor!r} of shape {shape} to take as many bytes as its shape says; got {offsets}."
    ),
    "strict.json": "Expected JSON in the {what}; {reason:.100}.",
    "strict.too-deep": "nested too deeply",
    "strict.key-twice": "a key stands twice",
    "strict.no-json": "{constant} is not JSON",
    "strict.fields": "Expected the {what} fields {names:names}; differs in {odd:quoted names}.",
    # checkpoints
    "checkpoint.only-own": (
        "This version opens only its own checkpoints: download one from a run on the page Train, or make one with "
        "`python -m explorer train --output model.safetensors`."
    ),
    "checkpoint.foreign": "Expected a checkpoint of this program; this is {kind}. {advice}",
    "checkpoint.of-another-program": (
        "Expected a header with metadata written by this program; this .safetensors file is another program's: it has weights, "
        "but neither vocabulary nor configuration. {advice}"
    ),
    "checkpoint.no-such-epoch": "Expected one of the epochs {epochs:names}; got {got}.",
    "checkpoint.not-finite-to-save": "Expected finite weights to save; {tensor} holds NaN or infinity.",
    "checkpoint.too-large-to-save": (
        "Expected at most {most:whole MB} with a header of {header:whole MB}; this checkpoint has {size:MB}. Keep fewer "
        "snapshots or take fewer units."
    ),
    "checkpoint.not-written": "{path} could not be written: {reason}. Nothing was changed.",
    "checkpoint.not-read": "{path} could not be read: {reason}.",
    "checkpoint.no-file": "Expected a .safetensors file at {path}; there is a folder or device.",
    "checkpoint.nothing-there": "Expected a .safetensors file at {path}; there is nothing.",
    "checkpoint.too-large": "Expected a file of at most {most:whole MB}; this one has {size:MB}.",
    "checkpoint.makes-no-sense": "The file's own description makes no sense: {reason!s:.300}",
    "checkpoint.format": "Expected a checkpoint of format {format}; got {got:quoted}.",
    "checkpoint.metadata": "Expected the metadata {names:names}; differs in {odd:quoted names}.",
    "checkpoint.seed": "Expected a whole number as seed; got {got:quoted}.",
    "checkpoint.too-many-parameters": "Expected at most {most:,} parameters; this configuration has {count:,}.",
    "checkpoint.refused-by-library": "Expected a .safetensors file; the library refuses it: {reason!a:.100}.",
    "checkpoint.token": "Expected a recipe and a vocabulary of the same; one is of {recipe}s, the other of {vocabulary}s.",
    "checkpoint.vocabulary": "Expected a vocabulary of characters or words, and their counts; got something else.",
    "checkpoint.counts": "Expected whole numbers as the vocabulary's counts; got something else.",
    "checkpoint.history.columns": "Expected a history with the columns {names:names}; got something else.",
    "checkpoint.history.lengths": "Expected a history whose columns are equally long; they are not.",
    "checkpoint.history.numbers": "Expected finite numbers in the history's column {column!r}; got something else.",
    "checkpoint.history.epochs": "Expected a history that counts its epochs from 1; this one does not.",
    "checkpoint.parameter": "Expected {tensor} as F32 of shape {expected}; got {dtype} {shape}.",
    "checkpoint.snapshot": "Expected {tensor} to hold {count:,} weights of an epoch before {last_epoch}; got {shape}.",
    "checkpoint.odd-tensor": "Expected the tensors of this configuration; {tensor!r} is not one of them.",
    "checkpoint.missing-tensor": "Expected the tensor {tensor!r} in the file; it is missing.",
    "checkpoint.not-finite": "Expected finite weights; tensor {tensor!r} holds NaN or infinity.",
    # importing: how a file of another program is refused
    "import.memory": "a state_dict in memory",
    "import.unknown": "another kind of file",
    "import.cannot-read": (
        "Expected a model in a PyTorch file (.pt, .pth), .safetensors, .npz, Keras .h5 or .keras, or .onnx; this is {kind!s}."
    ),
    "import.more-than-weights": (
        "Expected a file of weights alone: a state_dict (.pt, .pth), .safetensors or .npz; this is {kind!s} with more in it. "
        "Open it on the command line: `python -m explorer import FILE`."
    ),
    "import.no-file": "Expected a file at {path}; there is none.",
    "import.not-read": "{path} could not be read: {reason}.",
    "import.too-large": "Expected a file of at most {most:whole MB}; this one has {size:MB}.",
    "import.too-many-numbers": "Expected at most {most:,} numbers in all tensors of the file; it has more.",
    "import.too-many-tensors": "Expected at most {most:,} tensors; the file has more.",
    "import.name": "Expected names of tensors of at most {most} printable characters; got {got:quoted}.",
    "import.nested": "Expected the tensors within a few levels of lists and dicts; this file is nested too deeply or too large.",
    "import.cut-off": "Expected more after byte {at:,}; the file is cut off or damaged there. Download it again.",
    "import.damaged-pickle": "Expected the pickle of a model; it makes no sense before byte {at:,}. The file is damaged.",
    "import.too-many-instructions": "Expected a model's pickle of at most {most:,} instructions; this one has more.",
    "import.damaged-zip": "Expected a zip archive that can be read; this one is damaged. Download it again.",
    "import.no-pickle": "Expected the member data.pkl, as PyTorch writes it; the archive has none.",
    "import.storage-missing": "Expected the numbers of storage {key:quoted} in the file; they are missing or incomplete.",
    "import.odd-storage": "Expected tensors of plain numbers; the file has a storage of type {got:quoted}.",
    "import.member-too-large": "Expected at most {most:,} bytes in {name:quoted}; the archive says {size:,}.",
    "import.odd-shape": "Expected a tensor of a few million numbers at most; {tensor:quoted} has the shape {shape!s:.60}.",
    "import.odd-array": "Expected an array of plain numbers in {tensor:quoted}; its description does not fit its bytes.",
    "import.single-array": "Expected all tensors of a model, as in .npz; a .npy file holds a single one.",
    "import.outside-storage": "Expected the tensor {tensor:quoted} inside its storage; it reaches outside. The file is damaged.",
    "import.not-numbers": "Expected real numbers in {tensor:quoted}; got {dtype}.",
    "import.not-finite": "Expected finite weights; {tensor} has NaN or infinity.",
    "import.own-checkpoint": "This is a checkpoint of this program, which needs no import: open it with load_checkpoint.",
    "import.needs-package": "To read {kind!s}, the package {package} is needed: `pip install {package}`.",
    "import.damaged-hdf5": "Expected an HDF5 file that can be read; this one is damaged, or of an unknown kind.",
    "import.keras-config": "Expected Keras' description of a model and weights that fit it; they make no sense together.",
    "import.keras-graph": "Expected layers one above the other; {layer} reads something else than the layer before it.",
    "import.keras-layer": "The layer {layer} ({kind}) is none that our models can express.",
    "import.keras-activation": (
        "The layer {layer} has the activation {got}, which our models do not have there. (“hard_sigmoid” was Keras' default for "
        "gates until 2019; it is not the sigmoid.)"
    ),
    "import.keras-direction": "The layer {layer} reads backwards, or joins its directions in another way than side by side.",
    "import.keras-last-only": (
        "The layer {layer} gives only its last state (return_sequences=False), which none of our models can express there."
    ),
    "import.damaged-onnx": "Expected an ONNX model that can be read; this one is damaged.",
    "import.onnx-elsewhere": "Expected all weights in the .onnx file itself; {tensor} lies in another file. Save it as one file.",
    "import.onnx-operator": "The graph has the operator {operator} ({node:quoted}), which none of our models can express there.",
    "import.onnx-state": "The operator {node:quoted} begins in a state that is not zero or has peepholes; our cells do not.",
    "import.onnx-weights": "Expected the weights of {node:quoted} as constants in the file; the graph computes them.",
    "import.onnx-attributes": (
        "The operator {node:quoted} has activations, a direction or a layout that our cells do not have. Expected the usual "
        "activations, forward or bidirectional, with time first."
    ),
    # importing: what a model must be
    "import.no-layers": lambda candidates: (
        "Expected recurrent layers, with names such as weight_ih_l0 and weight_hh_l0; "
        + (f"none of the matrices is called so: {_few(candidates)}." if candidates else "there are no matrices at all.")
    ),
    "import.which-layers": (
        "Expected one stack of recurrent layers; these may stand above or beside each other: {candidates:few}. Name those you "
        "want from the input up with layers=, or leave a whole second model out with leave_out=."
    ),
    "import.no-such-layer": "Expected in layers= some of {candidates:few}; got {got:quoted}.",
    "import.projection": "Expected layers without projection (proj_size=0); {tensor} is one, which none of our cells has.",
    "import.odd-layer": (
        "Expected weights of 1, 3 or 4 blocks of H rows, and the same rows at the input; {tensor} is {shape} and {other} is "
        "{other_shape}."
    ),
    "import.odd-bias": "Expected {expected:,} numbers in the bias {tensor}; its shape is {shape}.",
    "import.several-cells": "Expected one kind of cell in all layers; their weights have {blocks:names} blocks of rows.",
    "import.other-cell": lambda tensor, shape, blocks, cell, candidates: (
        f"Expected 1 block of H rows for rnn, 3 for gru and 4 for lstm; {tensor} {list(shape)} has {blocks}"
        + (f", and cell={cell!r} was asked for." if cell else ".")
    ),
    "import.only-backward": "Expected a layer that reads forward; {tensor} belongs to one that only reads from the end.",
    "import.one-way-only": "Expected all layers to read in the same directions; the one of {tensor} differs.",
    "import.chain": (
        "Expected each layer to read what the one below gives; {tensor} reads {inputs} numbers, and the layer below gives "
        "{below}. If the order is another, name the layers from the input up with layers=: {candidates:few}."
    ),
    "import.widths": "Expected second nets of one width; the layers have {forward} units forward and {backward} backward.",
    "import.gate-order": "Expected in gate_order= the letters {candidates:few} in the file's order; got {got:quoted}.",
    "import.z-of-gru": "Only a GRU has an update gate to turn; this model's cell is {cell}.",
    "import.configuration": "None of our models can be what this file describes: {reason!s:.300}",
    "import.no-head": lambda features, candidates: (
        f"Expected an output with {features} columns, one for each number that the last layer gives; "
        + (f"none of the other tensors has them: {_few(candidates)}." if candidates else "there are no other tensors.")
    ),
    "import.no-such-tensor": "Expected in {argument}= one of {candidates:few}; got {got:quoted}.",
    "import.not-symbols": (
        "Expected a model that reads and predicts the same symbols; its first layer reads {inputs} at a step, and {head} "
        "gives {outputs}. Models of continuous inputs, and classifiers, cannot be opened. Its other tensors: {candidates:few}."
    ),
    "import.several-ends": "Two tensors can be the {argument}: {candidates:alternatives}. Choose one with {argument}=.",
    "import.left-over": (
        "This model also has {candidates:few}, which none of our models can express: without it, the predictions would be "
        "others. If it has no part in them, name it in leave_out=."
    ),
    # importing: vocabularies
    "import.no-vocabulary": lambda count, candidates: (
        f"Expected a vocabulary: the {count:,} symbols of this model in the order of their numbers, as vocabulary=. "
        + (
            f"The file itself has several: {_few(candidates)}."
            if candidates
            else "None of that length stands in the file."
        )
    ),
    "import.vocabulary": "Expected a vocabulary as symbols in order, or a dict between symbols and numbers; got {got}.",
    "import.vocabulary-file": "Expected the text that the model was trained on: {reason}",
    "import.vocabulary-not-utf-8": "Expected symbols in UTF-8; {path} is in another encoding.",
    "import.rule": "Expected in rule= one of {candidates:few}; got {got:quoted}.",
    "import.rule-without-text": "Expected a text or its path with a rule ({candidates:few}); got symbols.",
    "import.number-of-symbols": lambda expected, count, last: (
        f"Expected the {expected:,} symbols of this model; the vocabulary has {count:,}"
        + (f", numbered up to {last:,}." if last >= count else ".")
    ),
    "import.symbol-twice": "Expected every symbol once; {got!r:.20} stands twice in the vocabulary.",
    "import.words": (
        "Expected characters or words as symbols; {count:,} of them are neither, such as {candidates:few}. Models that read "
        "pieces of words cannot be opened."
    ),
    "import.sample": "Expected as sample= a text of at least two characters that the model knows; nothing was predicted in it.",
    # importing: the account
    "import.report.kind": "Read from {kind!s}.",
    "import.report.taken": "{name} {shape} became {became}: {why!s}.",
    "import.report.left-out": "{name} was left out: {why!s}.",
    "import.why.embedding": "{symbols:,} symbols, and {width} numbers for each, as many as the first layer reads",
    "import.why.input": "its {blocks} x {hidden} rows are those of a cell “{title}” that reads {width} numbers",
    "import.why.state": "it has the same {blocks} x {hidden} rows, and as many columns as a state has numbers",
    "import.why.bias": "as many numbers as its weights have rows",
    "import.why.head": "{symbols:,} symbols from the {features} numbers of the last layer",
    "import.why.head-bias": "one number for each symbol",
    "import.left.training": "it belongs to the training",
    "import.left.asked": "you asked for that",
    "import.left.layer": "its layer was not asked for",
    "import.left.no-weights": "it holds no weights",
    "import.note.unknown-added": (
        "The model has no symbol for unknown characters. One was added: it is never predicted, and read as zeros."
    ),
    "import.note.words": (
        "It reads words. Where its program takes a text apart in another way, as “don't” into two, the word is unknown here."
    ),
    "import.note.line-end": "Its symbol {symbol!r} is read where a line ends.",
    "import.note.stand-in": "Symbol {number}, {symbol!r:.20}, is no character or word; {code} stands for it.",
    "import.note.unnamed": "Symbol {number} is not in the vocabulary; {code} stands for it.",
    "import.note.no-head-bias": "The output has no bias: it is zero.",
    "import.note.no-bias": "Some layers have no bias: it is zero.",
    "import.note.one-hot": "There is no embedding: the model reads {symbols:,} symbols one-hot.",
    "import.note.tied": "One matrix is both embedding and output.",
    "import.note.both-ways": (
        "The model reads from both ends; it was opened with objective {objective!r}, which may not be what it was trained on."
    ),
    "import.note.last-only": (
        "The model was trained to predict only after a whole window of text, so its predictions near the beginning of a text "
        "were never trained."
    ),
    "import.note.no-counts": "How often each symbol stood in its corpus is not known, so frequencies are no yardstick.",
    "import.note.activation-assumed": (
        "Which activation it has cannot be seen in the file. “tanh” is assumed, as in torch.nn.RNN; a sample= text would tell."
    ),
    "import.note.activations": (
        "Perplexity of the sample: {tanh:perplexity} with tanh, {relu:perplexity} with relu. It was opened as “{chosen}”."
    ),
    "import.note.reset-assumed": (
        "Where the reset gate acts cannot be seen in the file. “After” is assumed, as in torch.nn.GRU; a sample= text would tell."
    ),
    "import.note.resets": (
        "Perplexity of the sample: {after:perplexity} with the reset gate after the product, {before:perplexity} with it before. "
        "It was opened as “{chosen}”."
    ),
    "import.note.sample": "Perplexity of the sample: {nats:perplexity}.",
    # corpora
    "corpora.unknown": "Expected a corpus named {names:names}; got {got!r}.",
    "corpora.not-fetched": (
        "The Time Machine could not be fetched from {url}: {cause}. Try again later, or take one of the built-in corpora, "
        "{built_in:alternatives}, which need no network."
    ),
    "corpora.another-file": "Expected the book with SHA-1 {sha1}; what came from {url} is another file.",
    "corpora.server-answers": "the server answers {status}",
    "corpora.no-address": "its address cannot be found, so this machine is probably offline",
    "corpora.no-answer": "there was no answer within {seconds} seconds",
    "corpora.connection-refused": "the connection was refused",
    "corpora.not-secure": "no secure connection could be made",
    "corpora.no-way": "there is no route to it, so this machine is probably offline",
    "corpora.connection-broke-off": "the connection broke off",
    # recording
    "expected.snapshot": "snapshot.{epoch}, for which there was room",
    "expected.snapshot-of": "snapshot.{epoch} as half or single precision of {weights:,} weights, in {most:,} bytes",
    "expected.finite-snapshot": "a finite snapshot.{epoch}",
    "expected.kept": "what is kept of {epochs:,} epochs",
    "got.more": "{odd:some} too",
    "expected.table": "{name} as torch.float64 of shape {shape}",
    "got.none": "none",
    "expected.numbers": "in {name} finite numbers of at least 0, and shares up to 1",
    "got.others": "others",
    "expected.place": "in {name} step {step:,} of epoch {epoch:,}",
    "got.place": "step {step:g} of epoch {epoch:g}",
    # probes: a value that is not a finite number
    "value": "{parts:names}",
    "value.loss": "loss",
    "value.norm": "gradient norm",
    "value.gradient-of": "gradient of {parameter}",
    "value.state": "state h of layer {layer}, {direction:way}",
    "value.gradient-of-loss": "gradient at {part} of the loss read off step {row}",
    "value.gradient-of-mean-loss": "gradient at {part} of the mean loss",
    "value.read-by": "what {module:module} read",
    "value.states-of": "state h of {module:module}",
    "value.step": "step {step}",
    "value.entry": "entry {entry}",
    # probes: the verdicts; a title, what was found, and one change to try
    "sureness.certain": "",
    "sureness.likely": "likely",
    "verdict.bad-data": "What it reads is not a finite number",
    "verdict.bad-data.found": "The first value that is not a finite number, at step {at_step:,}: {non_finite}.",
    "verdict.bad-data.advice": "Look at the data of that step, and at what stands in front of the layer.",
    "verdict.no-update": "The weights do not change",
    "verdict.no-update.found": (
        "{passes:,} backward passes brought a gradient to this model, and every update was of other parameters."
    ),
    "verdict.no-update.advice": (
        "Make the optimizer from the parameters of this very model, after it was moved or copied; where no optimizer of torch "
        "updates it, call probe.end_step()."
    ),
    "verdict.no-update.found.rate": "The learning rate is 0.",
    "verdict.no-update.advice.rate": "Set a learning rate, or look at the schedule that sets it.",
    "verdict.no-update.found.clip": "Clipping at {clip_norm:g} leaves nothing of the gradient.",
    "verdict.no-update.advice.clip": "Clip at a norm above 0.",
    "verdict.no-gradient": "No gradient comes back",
    "verdict.no-gradient.found.zero": "In {steps:,} steps every gradient was exactly 0 when the weights were to change.",
    "verdict.no-gradient.advice.zero": (
        "Is zero_grad() called between backward() and step()? Is the loss multiplied by 0, or masked everywhere?"
    ),
    "verdict.no-gradient.found": "In {steps:,} steps no gradient came back to {modules:modules}.",
    "verdict.no-gradient.advice": (
        "Is it called under torch.no_grad(), or is its output detached? If that is meant, freeze it: requires_grad_(False)."
    ),
    "verdict.exploding": "The gradient explodes",
    "verdict.exploding.found": "The median loss is {share:,.3g} times its local gradient {lag:steps} back.",
    "verdict.exploding.found.value": "The first value that is not a finite number: {non_finite}.",
    "verdict.exploding.found.prediction": "The first value that is not a finite number: the prediction of step {step}.",
    "verdict.exploding.advice": (
        "Try smaller recurrent weights, such as init='orthogonal', or clip the gradient while training."
    ),
    "verdict.exploding.found.loop-value": "The first value that is not a finite number, at step {at_step:,}: {non_finite}.",
    "verdict.exploding.advice.loop-value": ("Clip the gradient by its norm, or lower the learning rate."),
    "verdict.exploding.found.loop-time": (
        "Followed back alone, the gradient of a loss is {share:,.3g} times as large {lag:steps} earlier ({net:net})."
    ),
    "verdict.exploding.advice.loop-time": (
        "Start with smaller recurrent weights, such as nn.init.orthogonal_ on weight_hh_l0, and clip the gradient by its norm."
    ),
    "verdict.exploding.found.spike": (
        "At step {at_step:,} the gradient norm was {largest:.3g}, {times:,.0f} times its median, and was not clipped."
    ),
    "verdict.exploding.advice.spike": "Clip the gradient by its norm, at {suggested:.2g} say: nine steps in ten were under it.",
    "verdict.never-detached": "The state is never detached",
    "verdict.never-detached.found": (
        "Step {step:,} began in the state of the step before, which still hangs on that step's graph: backward() then goes "
        "through both, and fails or grows with every step."
    ),
    "verdict.never-detached.advice": (
        "Detach the state between steps: state = state.detach(), for an LSTM each of its two parts."
    ),
    "verdict.untrained": "Not trained yet",
    "verdict.untrained.found": "It has finished no epoch; a blind guess has perplexity {uniform_nats:perplexity}.",
    "verdict.untrained.advice": "Train it; what its gradient does now says little about what it will do.",
    "verdict.rate-too-large": "The learning rate is too large",
    "verdict.rate-too-large.found": (
        "The loss keeps jumping: it was as low as perplexity {best_nats:perplexity} and ended at {last_nats:perplexity}."
    ),
    "verdict.rate-too-large.found.broke-off": (
        "Training broke off at step {fault_step:,}: a value was not a finite number any more."
    ),
    "verdict.rate-too-large.found.worse-than-guessing": (
        "After training the perplexity is {last_nats:perplexity}, worse than a blind guess ({uniform_nats:perplexity})."
    ),
    "verdict.rate-too-large.found.grown": (
        "The weights have grown {growth:.0f} times as large, and the perplexity of {last_nats:perplexity} is no better than by "
        "the frequencies of the {tokens} ({unigram_nats:perplexity})."
    ),
    "verdict.rate-too-large.found.loop": _rising,
    "verdict.rate-too-large.found.loop-jumped": (
        "The loss began at {first_loss:.4g}, jumped as high as {largest_loss:.4g} and is {last_loss:.4g} now."
    ),
    "verdict.rate-too-large.found.loop-value": (
        "The loss rose from {first_loss:.4g} to {last_loss:.4g}, and at step {at_step:,} came the first value that is not "
        "finite: {non_finite}."
    ),
    "verdict.rate-too-large.found.logged": _rising,
    "verdict.rate-too-large.advice.logged": "Train again with a lower learning rate, or clip the gradient.",
    "verdict.rate-too-large.advice": _lower_rate,
    "verdict.rate-too-small": "The learning rate is too small",
    "verdict.rate-too-small.found": (
        "After training the perplexity is {last_nats:perplexity}, no better than by the frequencies of the {tokens} "
        "({unigram_nats:perplexity}), and a step changes the weights by {update_share:.1g} of their size."
    ),
    "verdict.rate-too-small.found.loop": (
        "The loss stands still at {last_loss:.4g}, and a step changes the weights by {update_share:.1g} of their size."
    ),
    "verdict.rate-too-small.advice": lambda learning_rate, **_: (
        f"Train again with a learning rate of {10 * learning_rate:g}."
    ),
    "verdict.clip-bound": "Clipping holds it back",
    "verdict.clip-bound.found": (
        "Clipping at {clip_norm:g} shortened {clipped_share:.0%} of the steps, from a norm of {grad_norm_before:.2g} on average; "
        "a step now changes the weights by {update_share:.1g} of their size, and little is learned."
    ),
    "verdict.clip-bound.advice": (
        "Raise the threshold to about {grad_norm_before:.2g}, or raise the learning rate: under clipping only their product "
        "counts."
    ),
    "verdict.clip-idle": "Clipping is never reached",
    "verdict.clip-idle.found": (
        "None of {steps:,} steps was clipped at {max_norm:g}; the largest norm was {largest:.3g}."
    ),
    "verdict.clip-idle.advice": "To guard against rare large gradients, try {suggested:.2g}: nine steps in ten were under it.",
    "verdict.overfitting": "It overfits",
    "verdict.overfitting.found": (
        "Text it was not trained on was read best after epoch {best_epoch:,}, with perplexity {best_nats:perplexity}; now it is "
        "{held_out_nats:perplexity}, while training reached {last_nats:perplexity}."
    ),
    "verdict.overfitting.found.gap": (
        "Text it was not trained on has not been read better since epoch {best_epoch:,} and has perplexity "
        "{held_out_nats:perplexity}, while training went on to {last_nats:perplexity}."
    ),
    "verdict.overfitting.advice": "Stop at epoch {best_epoch:,}, take fewer units, or give it more text.",
    "titled": "**{title}.**",
    "verdict.by-heart": "It knows its own text by heart",
    "verdict.by-heart.found": (
        "Its training ended at perplexity {last_nats:perplexity}; this text, of the same kind of {tokens}, has "
        "{score_nats:perplexity}."
    ),
    "verdict.by-heart.advice": "To read other texts as well, it needs a longer text to learn from.",
    "verdict.unlike": "This text is unlike what it learned",
    "verdict.unlike.found": (
        "Its perplexity here is {score_nats:perplexity}; at the end of training it was {last_nats:perplexity}."
    ),
    "verdict.unlike.found.unknown": "{unknown_share:.0%} of its {tokens} are unknown to the model.",
    "verdict.unlike.found.frequencies": (
        "By their frequencies in what it learned, these {tokens} cost perplexity {text_nats:perplexity} instead of "
        "{corpus_nats:perplexity}."
    ),
    "verdict.unlike.advice": "Judge it on a text like the one it learned.",
    "verdict.leaks": "It has read the answer",
    "verdict.leaks.found": _leaks,
    "verdict.leaks.advice": "Ask for each {token} from what stands around it: objective='cloze'.",
    "verdict.disconnected": "Nothing leads from the state to the output",
    "verdict.disconnected.found": "No loss gives its state any gradient.",
    "verdict.disconnected.advice": "Look at the output weights.",
    "verdict.saturated": "It is saturated",
    "verdict.saturated.found": "{share:.0%} of the states are where their activation is flat.",
    "verdict.saturated.found.gate": (
        "{share:.0%} of the values of the {gate} are under 0.1 or over 0.9, where it hardly learns."
    ),
    "verdict.saturated.found.tanh": "{share:.0%} of the states are beyond ±0.8.",
    "verdict.saturated.found.sigmoid": "{share:.0%} of the states are under 0.1 or over 0.9.",
    "verdict.saturated.advice": "Try a lower learning rate or smaller initial weights.",
    "verdict.saturated.advice.held": "You hold {gates:all} by hand.",
    "verdict.dead-units": "Most units are dead",
    "verdict.dead-units.found": "{share:.0%} of the units are zero at every step of this text, so no gradient passes them.",
    "verdict.dead-units.found.loop": "{share:.0%} of the units are zero at every step of a batch, so no gradient passes them.",
    "verdict.dead-units.advice": "Try tanh, or a lower learning rate.",
    "verdict.truncated": "Training cuts the gradient too early",
    "verdict.truncated.found": _truncated,
    "verdict.truncated.advice": "Raise the number of steps, so that a batch spans what has to be remembered.",
    "verdict.vanishing": "The gradient vanishes",
    "verdict.vanishing.found": _reach,
    "verdict.vanishing.advice.plain": "Try a gated cell: its copy path multiplies by z, not by U.",
    "verdict.vanishing.advice.gated": "Try gates that start open: init='chrono', or keep_bias=1.",
    "verdict.vanishing.found.loop-plain": _reach_alone,
    "verdict.vanishing.found.loop-gated": _reach_alone,
    "verdict.vanishing.advice.loop-plain": "Try nn.GRU or nn.LSTM: their copy path is multiplied by a gate, not by U.",
    "verdict.vanishing.advice.loop-gated": (
        "Start with gates that keep: add 1 or more to the bias of the forget gate (LSTM) or of the update gate (GRU)."
    ),
    "verdict.still-learning": "It is still learning",
    "verdict.still-learning.found": (
        "Over the last {epochs:epochs} the perplexity still fell from {earlier_nats:perplexity} to {last_nats:perplexity}."
    ),
    "verdict.still-learning.advice": "Train it for more epochs.",
    "verdict.healthy": "Healthy",
    "verdict.healthy.found": _reads,
    "verdict.healthy.found.loop": _loss_went,
    "verdict.unclear": "Nothing stands out",
    "verdict.unclear.found": _reads,
    "verdict.unclear.found.loop": _loss_went,
    "verdict.unclear.found.loop-reach": (
        "The loss went from {first_loss:.4g} to {last_loss:.4g}. Followed back alone, the gradient of a loss is under 1 % after "
        "{horizon_steps:steps}: if the task needs more than that, it is why; if not, look elsewhere."
    ),
    "verdict.too-short": "Too short to tell",
    "verdict.too-short.found": "{least:g} {tokens} or more are needed; this text has {characters:g}.",
    "verdict.too-short.found.loop": "{least:g} steps or more are needed; this loop has made {steps:g}.",
    "verdict.too-short.found.not-entered": (
        "Nothing was recorded: the loop must stand inside of `with GateProbe(model) as probe:`."
    ),
    # attaching: what to know of a loop, and what cannot be attached to
    "attach.norms-alone": "Judged by its norms alone: of gates, and of the gradient in time, nothing is known.",
    "attach.so-far": "{steps:,} steps so far, {sampled:,} looked at closely.",
    "attach.norms": (
        "Norm of the gradient before clipping: median {median:.3g}, nine in ten under {ninth:.3g}, 99 in 100 under {most:.3g}."
    ),
    "attach.mismatch": (
        "The steps of {net:net} could not be recovered: by the equation its states differ by up to {residual:.2g} from those of "
        "the layer. Do not trust its gates and gradients."
    ),
    "attach.unseen": (
        "No recurrent layer was seen at work in step {step:,}, so there are no gates and no loss. Is its call compiled, or "
        "not in the block? Compile the rest of the model."
    ),
    "attach.passed": (
        "At step {step:,} a value was not a finite number ({value}). No update was made of it: later steps were finite again."
    ),
    "attach.misplaced-clip": (
        "At step {step:,} clip_grad_norm_ was called where no gradient had come since the last step, which changes nothing. Clip "
        "between backward() and step()."
    ),
    "attach.early-clip": (
        "At step {step:,} more gradient came after it was clipped, and was not clipped. Clip between backward() and step()."
    ),
    "attach.frozen": "{modules:modules}: frozen, so no gradient comes back there, and its gates are not looked at.",
    "attach.unchained": (
        "The states of {module:module} were changed between its steps, or belong to several sequences, so that no loss is "
        "followed back through them."
    ),
    "attach.first-call": "{module:module} was called several times in a step; only the first call that learned is looked at.",
    "attach.failed": "The probe itself failed at step {step:,} and left that sample out; the training was not touched: {error}.",
    "attach.store-failed": (
        "The loop is not shown in the app any more; at step {step:,} its store refused: {error}. The training was not touched."
    ),
    "attach.writer-failed": "A writer failed at step {step:,} and is told nothing any more: {error}.",
    "expected.layer-and-head": (
        "a module of one recurrent layer and one nn.Linear after it, or the two of them: from_torch(net.rnn, net.head)"
    ),
    "expected.one-number": "a tensor with one number, or a number",
    "expected.torch-module": "a torch.nn.Module",
    "expected.recurrent-layer": "a model with nn.RNN, nn.GRU or nn.LSTM in it, or their cells",
    "expected.uncompiled": "the model before torch.compile, as its hooks are not called in compiled code; compile the rest of it",
    "got.compiled": "a compiled module, {module}",
    "expected.no-projection": "recurrent layers without projections (proj_size=0)",
    "got.projection": "proj_size={size} in {module:module}",
    "expected.rows-of-log": "a row for each step",
    "expected.norms": "a column of norms, none of them below 0",
    "got.columns": "{names:few}",
    "expected.norm-column": "a column with the gradient's norm, called {names:names}, or the like",
    "expected.one-layer": "the name of one nn.RNN, nn.GRU or nn.LSTM out of {allowed:names}",
    "expected.head": "one nn.Linear with {features} inputs; give it as head=",
    "expected.some-columns": "1 to {most} columns of numbers",
    "expected.share-held-out": "a share above 0 and at most 0.9",
    "expected.rows": "{least:,} to {most:,} rows",
    "expected.steps-in-table": "at most {most:,} time steps, which are in the part of the table that is learned from",
    "expected.one-column": "one of {allowed:names}, and one alone of that name",
    "expected.column-of-numbers": "a column in which every value is a finite number",
    "expected.no-embedding": "none: numbers have no embedding",
    "expected.a-step-asked": "at least one step whose output is asked",
    "expected.labels": "{count:,} labels, one for each step",
    "expected.numbers-in-time": "floats of shape (T, {columns}), a row a time step",
    "expected.target-shape": "shape {shape}",
    "expected.finite-numbers": "finite numbers",
    "expected.classes": "classes from 0 to {most}",
    "expected.mask": "a mask of {steps} times True or False",
    "score.squared-error": "mean squared error",
    "score.cross-entropy": "cross-entropy",
    "expected.writer": "something with add_scalar(name, value, step) or log(dict, step=)",
    "got.type": "an object of type {kind}",
    # probes: what a reading says
    "sentences": "{sentences:sentences}",
    "characters": _characters,
    "reading.no-text": "There is no text yet: gates and perplexity are not defined.",
    "reading.memory-all": "Judged by the gate that keeps, every unit {way}.",
    "reading.keeps-all": "keeps its state through all of this text",
    "reading.keeps-nothing": "lets go of its state at once",
    "reading.memory": (
        "Judged by the gate that keeps, half of the units hold their state for {median:memory} or less, and unit {unit} for "
        "{longest:memory}."
    ),
    "reading.no-surprise": "One {token} has gates but no perplexity: nothing stands before it to predict it from.",
    "reading.surprise": (
        "The greatest surprise is “{character}” at step {step}, {bits:tenths} bits; the model expected {likeliest:all}."
    ),
    "reading.expected": "“{character}” with {probability:.0%}",
    "reading.no-gradient": "No gradient arrives, so no path carries any.",
    "reading.one-path": "A plain cell has one path: every step multiplies the gradient by U.",
    "reading.paths": "The {path:own} path carries most: {share:.2f} of the gradient a step on average, {others:all}.",
    "reading.path": "the {path:own} path {share:.2f}",
    # probes: what to know before the numbers are believed
    "notice.leaky": (
        "This model sees the answer: one of its nets reads from the end, so it has read the next {token} before it is asked "
        "for it. Its score is not a perplexity, however low."
    ),
    "notice.parallel": (
        "This model was published as bidirectional, but both of its nets read forward. Compare one that really reads from the "
        "end: the BiGRU, cloze, of The Lighthouse."
    ),
    "notice.not-finite": (
        "States at {count:,} of {total:,} steps are not finite numbers, the first at step {first:,}: this model has diverged, or "
        "was altered beyond what its numbers can hold. Whatever depends on them is not defined."
    ),
    "notice.unknown": lambda count, total, characters: (
        f"{count:,} of {total:,} {TOKEN.get()}s {'is' if count == 1 else 'are'} unknown to the model, which has one symbol for "
        f"all that it does not know: {characters}."
    ),
    "notice.folded": "This model knows no {characters}: it reads the nearest that it knows, and the picture shows what it reads.",
    "notice.dropped": "It knows neither {characters}, nor any other mark or number: they are left out.",
    "notice.both": "{parts:sentences}",
    "notice.unnamed": "It has no output for them, so they are not counted in its score.",
    "notice.unknown-scored": _unknown_scored,
    "notice.knows": "It knows {known}.",
    "notice.knows-more": "It knows {known} and more.",
    "notice.knows-words": "It knows {count:,} words, such as {known}.",
    "notice.unread": (
        "{share:.0%} of its {tokens} are not in the corpus, which has one symbol for all of these: {characters}."
    ),
    # pages: the frame
    "page.gates": "Gates",
    "page.gates.help": "What the gates of a trained network do at every step of a text.",
    "page.gradients": "Gradients",
    "page.gradients.help": (
        "How much of each loss reaches each earlier step, what carries it, and what clipping leaves."
    ),
    "page.train": "Train",
    "page.train.help": "Train a model of your own and watch every curve while it learns.",
    "page.problems": "Problems",
    "page.problems.help": "The tasks gates were made for: watch cells learn them, or fail to.",
    "page.open": "Open",
    "page.series": "Numbers",
    "page.series.help": "Let a network learn a series of numbers, or a table of your own, and look at its gates.",
    "page.open.help": "Open a network that another program trained, and look at its gates.",
    # pages: a model out of a stranger's file
    "open-page.what": "**Open a network that another program trained.** Bring its weights, say which characters or words it "
    "reads, and look at its gates and gradients.",
    "open-page.never-run": "Nothing of the file is run: only its tensors are read. Here it may have {most:whole MB} and hold "
    "weights alone; whole PyTorch modules, Keras' and ONNX' files are opened by `python -m explorer import` and in a notebook.",
    "open-page.file": "Weights of an RNN, a GRU or an LSTM that predicts characters or words",
    "open-page.size": "{size:kB}",
    "open-page.which-symbols": "This network knows {count:,} symbols. Which character or word each of them is does not stand "
    "in the file: say it above.",
    "open-page.unnamed": "a file",
    "open-page.unsaid": "What a file may not say",
    "open-page.decide": "Take this",
    "open-page.opened": lambda symbols, parameters, **shape: (
        f"{_shape(**shape)}, {symbols} symbols, {parameters:,} parameters."
    ),
    "open-page.see.gates": "See its gates",
    "open-page.see.gradients": "See its gradients",
    "open-page.account": "**What became of each tensor**, read from {kind!s}.",
    "open-page.tensor": "tensor",
    "open-page.shape": "shape",
    "open-page.became": "became",
    "open-page.why": "why",
    "control.symbols": "The characters or words that it reads",
    "control.symbols.help": (
        "A model knows numbers, and few files say what each stands for. Each must stand in its place, or every "
        "prediction is of another symbol."
    ),
    "option.symbols.in-file": "stand in the file",
    "option.symbols.printable": "the 100 of Python's string.printable",
    "option.symbols.typed": "typed here",
    "option.symbols.learned": "those of the text that it learned",
    "control.problem": "Problem",
    "control.problem-length": "Characters of a text",
    "control.problem-cells": "Cells, up to three",
    "control.typed-symbols": "The symbols in the order of their numbers",
    "control.typed-symbols.help": "Characters in a row, each as it is, or a list or a map as JSON.",
    "control.rule": "How they were numbered",
    "option.rule.sorted": "sorted",
    "option.rule.frequency": "by falling frequency",
    "option.rule.folded": "sorted, after lower-casing",
    "control.import-reset": "Where a GRU's reset gate acts",
    "control.import-reset.help": (
        "After the product with U, as in PyTorch and Keras, or before it, as in many programs from scratch. The weights do not "
        "say; with a text like the one it learned, both are tried."
    ),
    "control.import-objective": "What a bidirectional model is asked for",
    "control.gate-order": "Order of the gates in stacked weights",
    "control.z-renews": "1 in its update gate takes the new state",
    "control.sample": "A text like the one that it learned",
    "control.sample.help": "Its perplexity shows whether everything stands in its place.",
    "control.import-cell": "Its cell",
    "control.import-embedding": "Its embedding",
    "control.import-head": "Its output",
    "control.import-layers": "Its recurrent layers, from the input up",
    "control.import-leave-out": "What to leave out",
    "option.unsaid": "as the file says",
    # pages: an altered model
    "page.altered": "**This model is altered:** {changes}.",
    "page.altered.score": "On this text its {score} was {before} as trained and is {after} now.",
    "preset.never-forget": "never forget",
    "preset.forget-at-once": "forget at once",
    "preset.never-reset": "never reset",
    "preset.plain": "as a plain RNN",
    "page.altered.restore": "Restore it",
    "page.alter": "Alter the model",
    "page.alter.about": "The weights change without retraining, and everything on the page follows at once.",
    # pages: models
    "page.no-models": "Expected trained models in the folder checkpoints/; there are none. Run `make checkpoints`.",
    "which.untrained": "untrained {kind}",
    "which.own-kind": "model of its kind",
    "which.trained": "{name}, epoch {epoch}",
    "which.altered": "{name}, epoch {epoch}, altered",
    "which.run": "{name} · {id}",
    "which.active-run": "{name} ({status})",
    "which.unread-run": "run · {id}",
    "which.opened": lambda corpus, symbols, **shape: f"{_shape(**shape)}; from the file {corpus}, {symbols} symbols",
    "which.described": _described,
    # pages: what models are called
    "corpus.lighthouse": "The Lighthouse",
    "corpus.river-town": "河镇",
    "corpus.time-machine": "The Time Machine",
    "label": _label,
    "label.forward": "{cell}",
    "label.bidirectional": "Bi{cell}, cloze",
    "label.leaky": "Bi{cell}, leaky",
    "label.parallel": "{cell}, twice forward",
    "label.mistake": "Mistake: {cell} · {corpus}",
    "label.named": "{label} ({name})",
    # pages: links
    "link.named": "The link names the {noun} “{value}”, {what}.",
    "link.left-out": "which cannot be chosen here; it is left out",
    "link.not-here": "which is not here; {shown} is shown instead",
    "choice.problem": "problem",
    "choice.problem-cells": "cells",
    "choice.problem-length": "length",
    "choice.model": "model",
    "choice.epoch": "epoch",
    "choice.layer": "layer",
    "choice.net": "net",
    "choice.hold": "value of the {gate}",
    "choice.keep-bias": "shift of the bias",
    "choice.recurrent": "factor of the recurrent weights",
    "choice.shown": "choice between altered and as trained",
    "choice.unit-held": "unit that is held",
    "choice.read-as": "variant of the cell",
    "choice.sentence": "sentence",
    "choice.order": "order of units",
    "choice.colour": "colour of {tokens}",
    "choice.unit": "unit",
    "choice.all-units": "choice of all units",
    "choice.temperature": "temperature",
    "choice.beside": "kind of second model",
    "choice.kind": "untrained model",
    "choice.second": "second model",
    "choice.own-epoch": "epoch of the second model",
    "choice.second-epoch": "epoch of the second model",
    "choice.part": "part of the state",
    "choice.row": "loss",
    "choice.sigma": "choice of singular values",
    "choice.weights": "choice of weights",
    "choice.theta": "threshold θ",
    "choice.run": "run",
    # pages: controls
    "control.model": "Model",
    "control.epoch": "Epochs of training",
    "control.epoch.help": (
        "The model as it was after so many epochs; 0 is before training. Everything on the page follows."
    ),
    "control.layer": "Layer",
    "control.net": "Net",
    "control.hold": "Hold the {gate} at",
    "control.hold.help": "At every step, whatever is read.",
    "control.keep-bias": "Shift the bias of the {gate}",
    "control.keep-bias.help": "Above 0 the cell keeps more.",
    "control.recurrent": "Recurrent weights times",
    "control.recurrent.help": "Multiplies all recurrent weights U, but not their biases.",
    "control.read-as": "Read the weights as",
    "control.read-as.help": "The same weights in the other convention, as when a model is moved to another library.",
    "control.order": "Order units by",
    "control.order.help": (
        "By role: what each unit follows, alike roles together, and then the others. By memory time or mean: of the gate that "
        "keeps the old state, the largest at the top."
    ),
    "control.colour": "Colour {tokens} by",
    "control.unit": "Follow one unit",
    "control.unit.help": "All of its gates and states in a row of their own. The {tokens} can be coloured by them, too.",
    "control.all-units": "Show all {count:,} units",
    "control.temperature": "Temperature",
    "control.temperature.help": (
        "What the model gives is divided by it. At 1 each {token} is drawn as likely as the model holds it, below 1 the likely "
        "ones more often, and at 0 always the likeliest."
    ),
    "control.unit-held": "Hold one unit",
    "option.held-unit": "unit {unit}: {part} at {value:.2g}",
    "control.shown": "Show it",
    "option.altered": "altered",
    "control.beside": "Beside it",
    "control.beside.help": (
        "A second model on the same text, with the same axes and colours. Untrained: torch's default initialisation."
    ),
    "control.kind": "Kind",
    "control.second": "Second model",
    "control.own-epoch": "Its epochs of training",
    "control.second-epoch": "Its epochs of training",
    "control.part": "Gradient at",
    "control.part.help": (
        "An LSTM's state is h and c together: what reaches h_k goes on through c_k. The verdict is always of the whole state; at "
        "h alone, a gradient that travels through c is not seen."
    ),
    "control.row": "Follow the loss of",
    "control.sigma": "Singular values of every step",
    "control.sigma.help": (
        "What each path could pass at most: the largest singular value of the path, and the band from σ min to σ max of the "
        "whole step. Three decompositions a step: at 256 units, a few seconds for a sentence."
    ),
    "control.weights": "Into which weights, step by step",
    "control.weights.help": (
        "A weight is used at every step, and its gradient is a sum over the steps. Where they agree, all of it survives the "
        "sum; where they pull in different directions, they cancel."
    ),
    "control.theta": "θ",
    "control.source": "Text",
    "control.sentence": "Your sentence",
    "control.long-text": "Your text",
    "control.in-link": "Put the sentence in the link",
    "control.in-link.help": (
        "The address always holds the model and the settings. It holds your words only when you say so, and only a sentence: a "
        "longer text or a file stays in this session."
    ),
    "control.uploads": "A .txt file, or several that are read one after the other; at most {most:whole MB} together",
    "control.upload": "A .txt file, at most {most:whole MB}",
    "control.encoding": "Encoding",
    "option.free": "free",
    "option.as-trained": "as trained",
    "option.nothing": "nothing",
    "option.untrained": "untrained",
    "option.another": "another",
    "option.no-unit": "none",
    "option.sentence": "Sentence",
    "option.longer": "Longer text",
    "option.file": "File",
    "option.recognised": "recognised",
    # pages: the text
    "page.tokens-differ": (
        "One of the two reads characters, the other words. A perplexity a word and one a character cannot be compared, nor can "
        "so many steps of the one and of the other: a word is several characters."
    ),
    "page.tokens-differ.bits": (
        "Divided by the characters that this text is written with, its surprise can be compared: {first:.2f} bits a character "
        "for the first, {second:.2f} for the second."
    ),
    "page.text.none": "A text of any length; its first {most:,} characters are analysed.",
    "page.text.cut": "This text has {length:,} characters; the first {most:,} are analysed.",
    "page.text.moved": "This is here because a sentence has at most {most:,} characters, and this has {length:,}.",
    "page.text.length": "This text has {length:,} characters.",
    "page.text.type": "Type a sentence, and everything follows.",
    "page.text.paste": "Paste a text of any length.",
    "page.file.none": "own file",
    "page.file.named": "{name}, read as {encoding}",
    "page.file.read": "{count:,} characters, read as {encoding}",
    "page.file.remove": "Remove the file",
    "page.data-folder": "the data folder",
    "page.reading": _being_read,
    # pages: tables to download
    "page.download": "Download the data",
    "page.picture.gone": "This picture is not there any more. Press R to draw the page again.",
    "page.picture.lost": "No answer from the server. What is shown is older than what you typed; type on to ask again.",
    "page.picture.question": 'Expected a JSON like {{"text": "...", "epoch": 8}}, its text of at most {most:,} characters.',
    "page.picture.epoch": "Expected one of the epochs {epochs}.",
    "figure.unit": "unit {unit}",
    "figure.gap": "%{{y}}: {letter} is not a finite number here",
    "figure.ghost": "as trained {name} %{{y:.3~g}}",
    "figure.ghost.running": "as trained %{{customdata:.4~g}}",
    "figure.guess": "“{character}” {probability:.0%}",
    "figure.expected": "expected {guesses}",
    "figure.saturated": "unit {unit}: {letter} under 0.1 at {low:.0%} of the steps, over 0.9 at {high:.0%}",
    "figure.closed": "share of steps under 0.1",
    "figure.open": "over 0.9",
    "panel.play": "Play the training",
    "panel.pause": "Pause",
    "panel.epoch": "epoch",
    "panel.save": "Save the picture as",
    "panel.step": "step",
    "panel.token": "{token}",
    "panel.unit": "unit",
    "panel.closer": "drag across: look closer",
    "panel.brush": "drag across a row: look closer; across the text: ask for units",
    "panel.whole": "double-click: the whole text",
    "panel.run": "double-click: the whole run",
    "panel.infinite": "not finite",
    "page.download.gone": "This download is not there any more. Go back to the page, press R, and press its button again.",
    "page.download.busy": "You have {most} downloads under way. When one of them has ended, press the button again.",
    "page.download.full": "The server is sending as many tables as it can. Wait a little, then press the button again.",
    "table.rows": "{rows:rows}",
    "table.long": "{rows:rows}: more than a spreadsheet opens, take Parquet",
    "table.gates": "Gates of every unit",
    "table.steps": "Steps",
    "table.surprise": "Surprise and perplexity",
    "table.by-epoch": "Perplexity by epoch",
    "table.flow": "Gradient flow",
    "table.flow-steps": "Gradient by step",
    "table.lags": "Gradient by lag",
    "table.weights": "Weights by step",
    "table.clip": "Clip ledger",
    "table.training": "Training ledger",
    # pages: the live curves of a run
    "live.lost": "No answer from the server since {{since}}; asking again. Nothing that was shown is lost.",
    "live.step": "step {step:,} of about {total:,}",
    "live.epoch": "epoch {epoch:,} of {total:,}",
    "live.fault": "not finite at step {step:,} of about {total:,}",
    "live.fault-epoch": "in epoch {epoch:,} of {total:,}",
    "live.place": "place {place} in line, about {wait_s:.0f} s to wait",
    "live.speed": "{speed:,.0f} {tokens}/s",
    "live.left": "about {left_s:.0f} s left",
    "live.loop": "step {step:,}, {sampled:,} looked at closely",
    "live.of-loop": "Loss, gradient norms, clipping, shares, gates and the reach of the gradient over the steps of the loop",
    "live.alone": "Perplexity, gradient norms, clipping, shares and gates over the steps of training",
    "live.together": "The chosen runs on the same axes, by number as in the table",
    "live.writes": "The model writes, at this point of its training:",
    # runs: what makes no sense before one is started
    "complaint.told": "Expected {expected}; got {got}.",
    "expected.name": "letters, digits, blanks and signs other than slashes and control characters",
    "got.odd-characters": "{characters:names}",
    "expected.at-most-characters": "at most {most:,} characters",
    "got.count": "{count:,}",
    "expected.one-character": "at least one character",
    "expected.visible-text": "a text with at least one visible character",
    "got.fields": "line {line:,} with {count} of {first} fields",
    "got.empty-one": "an empty one",
    "expected.plain-text": "plain text",
    "got.binary-file": "a binary file: it contains NUL characters",
    "expected.at-most-bytes": "at most {most:whole MB}",
    "got.bytes": "{size:MB}",
    "expected.two-tokens": "at least two different {tokens}",
    "got.one-token": "only {symbol!r}",
    "expected.two-characters": "at least two different characters",
    "got.one-character": "only {character!r}",
    "expected.held-out-share": "a number from 0 to 0.5",
    "expected.a-full-batch": "at least {least:,} {tokens}, to fill a batch of {rows:,} rows of {steps:,} steps",
    "expected.at-most-weights": "a model of at most {most:,} weights",
    "got.weights": "{count:,} ({units} units, layers: {layers}, {symbols:,} symbols)",
    "expected.fewer-characters": "fewer different {tokens}",
    "got.too-many-characters": "{count:,}, too many for a checkpoint",
    "expected.step-in-memory": "a step that needs at most {most:whole GB} of memory",
    "got.step-of": "one of about {size:GB}",
    "expected.at-most-updates": "at most {most:,} updates of the weights, the limit of this server",
    "got.about": "about {count:,}",
    "expected.field-of": "a field of {kind}",
    "got.no-such-name": "a name that none of them has",
    "advice.cut": "Cut it and try again.",
    "advice.nothing-to-learn": "There is nothing to learn.",
    "advice.longer-text": "Take a longer text, a smaller batch or fewer steps.",
    "advice.fewer-units": "Take fewer units.",
    "advice.smaller-step": "Take a smaller batch, fewer steps or fewer units.",
    "advice.fewer-epochs": "Take fewer epochs.",
    # runs
    "run.said": "{said}",
    "run.unknown": "There is no run with this id; it may have been deleted.",
    "run.half-character": "Expected whole characters; got one half of a pair (a lone surrogate).",
    "run.text-damaged": (
        "The text of this run is damaged: expected the SHA-256 {expected}...; got {got}.... Start a run with the same text: that "
        "mends it, and this run can then be resumed."
    ),
    "run.unreadable": (
        "This run cannot be read: its {column} is damaged in the store. The other runs are not touched by it. Save what is left "
        "of its settings if you need it, then delete this run."
    ),
    "run.damaged": "The {what} of this run cannot be read: they are damaged in the store.",
    "run.files-lost": "This run ended, and its files could not be kept.",
    "run.files-kept": "This run ended in epoch {epoch}; its weights are kept in its folder.",
    "run.too-many": "Expected at most {most} runs of one browser; delete one first.",
    "run.too-large": (
        "Your runs take {held:,.0f} MB on this server, and one browser may take {most:,}. Delete one first."
    ),
    "run.no-room": "The runs of this server take all the room they may. Try again when some were deleted.",
    "run.setting": "{name}: expected a whole number of at least {least}; got {got!r}.",
    "run.without-a-word": "Its process ended without a word. Resume continues where it was last kept.",
    "run.unheard": (
        "Nothing was heard of its process for over {seconds} seconds, so it is taken for ended. Resume continues where it was "
        "last kept."
    ),
    "run.not-answering": (
        "Its process ({pid}) is there but has not answered for over {seconds} seconds: it is paused, or the machine is asleep or "
        "busy. The run goes on when it answers; to give it up, end that process, then press Resume."
    ),
    "run.not-waiting": "Expected a run that waits; this one is {status}.",
    "run.not-resumable": "Expected a run that was {allowed:names}; this one is {status}.",
    "run.too-many-active": "Expected at most {most} runs that run or wait in one session; stop one of them first.",
    "run.terminated": "Its process was asked to end. Resume continues exactly where it was.",
    "run.server-closed": "The server was closed. Resume continues exactly where it was.",
    "run.anew": (
        "Resume trains the run again from its first step, which gives the same curves, and replaces its model: download the "
        "model first if you want to keep it as it is."
    ),
    "run.too-long": "Stopped after {seconds:,} seconds, the limit of this server.",
    "run.failed": "Training failed: {why}",
    "run.unseen": "Training goes on; the app does not show it.",
    "disk.full": "The disk with the data folder is full; nothing was half written. Make room and try again.",
    "disk.damaged": (
        "The file runs.sqlite in the data folder is damaged ({reason}). Move it away, or set GATE_EXPLORER_DATA."
    ),
    "disk.busy": "The runs are in use by another process that does not let go. Try again.",
    "disk.refuses": (
        "The data folder could not be read or written ({reason}). Set GATE_EXPLORER_DATA to a folder that can be."
    ),
    "disk.where": "The data folder is {folder}.",
    "store.gone": (
        "The file of the runs was deleted or moved while this was running. Put it back, or start again: a new one is then begun."
    ),
    "store.replaced": "The file of the runs was replaced by another while this was running.",
    "store.format": (
        "Expected runs of format {format}; those in the data folder have format {got}. Choose another folder with "
        "GATE_EXPLORER_DATA."
    ),
    "run-state.unusable": "The saved state {name} of this run cannot be used. {why}",
    "run-state.no-file": "Expected a file; there is a folder or device.",
    "run-state.nothing": "Expected a file; there is nothing.",
    "run-state.too-large": "Expected at most {most:MB}; it is larger.",
    "run-state.checksum": (
        "Expected its last bytes to be the SHA-256 of the rest; it was damaged, or another version wrote it."
    ),
    "run-state.metadata": "Expected the metadata {names:names}; got others.",
    "run-state.place": "Expected the place in the training as text; got something else.",
    "run-state.last-tensor": "Expected the tensor {name} as the last {size} bytes; it is not.",
    "run-state.of-another": "Expected a state of this run's {key}, with {own!r}; got {got!r}.",
    # runs: the statuses, and what leads from one to the next
    "status.waiting": "waiting",
    "status.waiting.means": "in line for a worker",
    "status.running": "running",
    "status.running.means": "a worker is training it",
    "status.stopping": "stopping",
    "status.stopping.means": "its worker was asked to stop",
    "status.finished": "finished",
    "status.finished.means": "every epoch was trained",
    "status.stopped": "stopped",
    "status.stopped.means": "its owner or a limit stopped it",
    "status.interrupted": "interrupted",
    "status.interrupted.means": "its process ended, or its server did",
    "status.diverged": "diverged",
    "status.diverged.means": "a loss, gradient or weight was not finite",
    "status.failed": "failed",
    "status.failed.means": "an error stopped it, or its saved state cannot be used",
    "status.deleted": "deleted",
    "event.claim": "a worker takes it",
    "event.stop": "its owner stops it",
    "event.end": "its worker reports how it ended",
    "event.die": "its worker ended without a report, or was silent for too long on a machine that cannot be checked",
    "event.answer": "its worker answers, even one already taken for gone",
    "event.resume": "its owner resumes it",
    # runs: the settings, as the form and the tables call them
    "setting.cell": "Cell",
    "setting.cell.help": "Plain (rnn), gated (gru, mingru), or gated with a cell state of its own (lstm).",
    "setting.reset": "Reset gate acts",
    "setting.reset.help": (
        "Where a GRU's reset gate acts on the state: after the matrix product (cuDNN, torch) or before it (Cho, d2l)."
    ),
    "setting.activation": "Activation",
    "setting.activation.help": (
        "What a plain RNN applies to its sum: tanh and sigmoid squash it, relu cuts it at 0, linear leaves it as it is."
    ),
    "setting.hidden-size": "Units",
    "setting.hidden-size.help": "Width of the state of each net.",
    "setting.num-layers": "Layers",
    "setting.num-layers.help": "Each layer reads the states of the one below.",
    "setting.direction": "Direction",
    "setting.direction.help": (
        "forward: one net. bidirectional: two nets, one from each end. parallel: two nets that both read forward."
    ),
    "setting.objective": "Objective",
    "setting.objective.help": (
        "next: predict the next {token}. cloze: predict each {token} from both sides. leaky: a known mistake, kept to be "
        "shown."
    ),
    "setting.init": "Initial weights",
    "setting.init.help": (
        "torch: its defaults. normal: N(0, 0.01). chrono: memory times spread from the start. orthogonal, identity: the "
        "recurrent weights."
    ),
    "setting.seed": "Seed",
    "setting.seed.help": "Of the initial weights and the batches. The same seed gives the same run, to the bit.",
    "setting.bias": "Biases",
    "setting.bias.help": (
        "two per gate, as in torch; one, as in the book's cell from scratch (normal uses it); or none."
    ),
    "setting.keep-bias": "Bias of the keeping gate",
    "setting.keep-bias.help": (
        "Added at the start to the bias of the forget gate (LSTM) or the update gate (GRU); 1 is usual."
    ),
    "setting.chrono-t-max": "Longest memory of chrono",
    "setting.chrono-t-max.help": "The longest memory, in {tokens}, that the initial weights chrono aim at.",
    "setting.embedding-size": "Embedding",
    "setting.embedding-size.help": "Width of a learned vector for each symbol. 0: one-hot.",
    "setting.hidden-size-backward": "Units of the second net",
    "setting.hidden-size-backward.help": "0: as many as the first net has.",
    "setting.hidden-sizes": "Units of each layer",
    "setting.hidden-sizes.help": "For example 64, 32 for two layers. Empty: the same in every layer.",
    "setting.optimizer": "Optimizer",
    "setting.optimizer.help": "SGD takes the clipped gradient as it is. Adam rescales it for each weight.",
    "setting.learning-rate": "Learning rate",
    "setting.learning-rate.help": "With SGD, a step is this long times the norm of the clipped gradient.",
    "setting.clip-norm": "Clip threshold θ",
    "setting.clip-norm.help": "A gradient with a norm above θ is scaled down to θ.",
    "setting.batch-size": "Batch",
    "setting.batch-size.help": "Rows of text read side by side.",
    "setting.num-steps": "Steps per batch",
    "setting.num-steps.help": "{Tokens} of a row over which the gradient is carried back.",
    "setting.epochs": "Epochs",
    "setting.epochs.help": "Passes through the text.",
    "setting.token": "A step reads",
    "setting.token.help": (
        "A word is what stands between blanks; marks and line ends are words of their own, and so is each Chinese sign. Words "
        "are many: an embedding of 32 or 64 makes a model of them smaller and faster."
    ),
    "setting-value.character": "a character",
    "setting-value.word": "a word",
    "setting.max-tokens": "{Tokens} used",
    "setting.max-tokens.help": "Only the first so many {tokens} of the text. 0: all of them.",
    "setting.backward-batches": "Batches the gradient goes back over",
    "setting.backward-batches.help": (
        "1 cuts the state from the graph before every batch (`detach`), as the book does. With more, the batches before are read "
        "again at each step: the gradient reaches farther, and a step over eight batches takes about five times as long."
    ),
    "expected.no-cut-backward": "no cut: a net that reads from the end begins anew in every batch",
    "expected.batches-that-follow": "1 with random sampling: only with sequential sampling does a batch go on where one ended",
    "setting.sampling": "Sampling",
    "setting.sampling.help": (
        "sequential carries the state from batch to batch; random starts every batch from a state of zero."
    ),
    "setting.clips": "Clip the gradient",
    "setting.clips.help": "Off: the norm is measured, but nothing is scaled down.",
    "setting.random-offset": "Random offset",
    "setting.random-offset.help": "Every epoch begins at another {token}.",
    "setting.held-gate": "Hold a gate",
    "setting.held-gate.help": (
        "From the first step on, and it is not trained. With r held at 1 a GRU has an update gate alone, with z held at 0 a "
        "reset gate alone."
    ),
    "setting.held-at": "at",
    "setting.held-at.help": "From 0 to 1.",
    "setting.corpus": "Corpus",
    "setting.text": "Corpus",
    "setting.newlines-to-blanks": "Newlines become blanks",
    "setting.newlines-to-blanks.help": "As the book does with lyrics: each line end is read as a blank.",
    "setting.name": "Name of the run",
    "setting.sentence": "Your sentence",
    "setting-value.own-text": "a text of my own",
    "setting-value.own-file": "a file of my own",
    "setting-value.as-init": "by the initial weights",
    "setting-value.no-gate": "none",
    "expected.gate-with-bias": "a gate of a model with biases: a held gate is a bias",
    **{f"setting-value.{value}": value for value in SETTING_VALUES},
    "setting-value.sgd": "SGD",
    "setting-value.adam": "Adam",
    "run.summary": _trains,
    "run.made-name": _made_name,
    # pages: the form of a new run
    "run-form.start": "Start",
    "run-form.recipes": "Recipe",
    "run-form.recipes.help": (
        "Fills in the settings. d2l-v2, d2l-zh-v1: as in the book. quick: a good model in a few seconds."
    ),
    "run-form.fix-first": "Fix before starting: {fields:names}.",
    "run-form.own-text": "own text",
    "run-form.sentence": "Your sentence, watched while the model learns",
    "run-form.any-sentence": "a sentence in the letters or words of the corpus",
    "run-form.optional": "optional",
    "run-form.model": "Model",
    "run-form.training": "Training",
    "run-form.more": "More",
    "run-form.longest-step": "Longest possible step: learning rate × θ = {length:g}.",
    # figures: a run's curves, its sentence over training, and its tables
    "loop.layer": _layer,
    "loop.about": "Your own loop: {layers:sentences}.",
    "loop.ended": ", {step:,} steps",
    "loop.in-time": (
        "**Inside step {step:,}, the last that was looked at closely.** Each gate from the first time step of the sequence to "
        "the last: the line is its mean over units and rows, the band holds four values in five. Below it, how much of the loss "
        "still depends on the state at each time step."
    ),
    "loop.by-lag": (
        "**How far one loss reaches back.** Its gradient, followed back alone from the time step where it arises: what is left "
        "of it so many steps before, at step {step:,}."
    ),
    "loop.alt.in-time": "Gates and gradient norm at each time step of the sequence",
    "loop.alt.by-lag": "Share of a loss's gradient that is left, by the number of steps back",
    "loop-figure.loss": "loss, in its own unit",
    "loop-figure.gates": "gates of {net:net}",
    "loop-figure.horizon": "reach of a loss: steps until 1 % is left",
    "loop-figure.time-step": "time step",
    "loop-figure.light": "1 {light}",
    "loop-figure.tenth": "a tenth lies below",
    "loop-figure.nine-tenths": "a tenth lies above",
    "loop-figure.gradient": "gradient of the loss at the state, ‖dL/dh_t‖{where}",
    "loop-figure.all-of-it": "all of it",
    "loop-figure.local": "from this step's own output",
    "loop-figure.lag": "steps back",
    "loop-figure.left": "share of the gradient that is left",
    "loop-figure.half": "half",
    "loop-figure.hundredth": "a hundredth",
    "loop-figure.net": "{net:net}",
    "numbers.sine": "A sine",
    "numbers.adding": "The adding problem",
    "numbers.waves": "Which wave it is",
    "numbers.own-table": "A table of your own",
    "control.lang": "Language",
    "choice.lang": "language",
    "control.numbers": "What it learns",
    "control.numbers.help": (
        "A sine of unknown period: tell its next value. The adding problem: two of many numbers are marked, tell their sum at "
        "the end. Which wave it is: a sine, a square or a saw under noise, tell at the end. Or a table of your own, as CSV: tell "
        "one column some rows ahead, a number or a word."
    ),
    "control.numbers-cell": "Cell",
    "control.numbers-units": "Units",
    "control.numbers-length": "Time steps of a sequence",
    "control.numbers-steps": "Steps of training",
    "control.numbers-target": "Column to tell",
    "control.numbers-columns": "Columns to read",
    "control.numbers-horizon": "How many rows ahead",
    "control.numbers-rate": "Learning rate",
    "control.numbers-theta": "Clip the gradient at",
    "option.no-clipping": "not at all",
    "choice.numbers-rate": "learning rate",
    "choice.numbers-theta": "threshold of clipping",
    "choice.numbers": "task",
    "choice.numbers-target": "column to tell",
    "choice.numbers-horizon": "number of rows ahead",
    "choice.numbers-cell": "cell",
    "choice.numbers-units": "number of units",
    "choice.numbers-length": "length of a sequence",
    "choice.numbers-steps": "number of training steps",
    "choice.numbers-unit": "unit",
    "control.numbers-unit": "Unit to follow",
    "series-page.what": (
        "A small network reads numbers step by step, and tells one of them. Below: what it read and told, and what its gates did "
        "meanwhile, on numbers from which it learned nothing."
    ),
    "series-page.file": "A table as CSV: a row a time, the oldest first",
    "series-page.gaps": "Left out, since rows are missing a number: {columns:names}.",
    "series-page.gap": "{name} ({count:,})",
    "series-page.no-numbers": (
        "Expected at least one column in which every value is a finite number; the table has {columns:names}. Take out rows with "
        "gaps, or fill them."
    ),
    "series-page.learning": "Learning: step {step:,} of {total:,}",
    "series-page.better": (
        "It tells *{target}* to within **{error}** (root mean squared error, on numbers it did not learn from). {who} has "
        "{guess}."
    ),
    "series-page.alike": (
        "It has hardly learned to tell *{target}*: its root mean squared error is **{error}**. {who} has {guess}."
    ),
    "series-page.worse": (
        "It tells *{target}* worse than someone who knows nothing: its root mean squared error is **{error}**. {who} has {guess}."
    ),
    "series-page.better-classes": (
        "It tells *{target}* right in **{error}** of what it did not learn from. {who} is right in {guess}."
    ),
    "series-page.alike-classes": (
        "It has hardly learned to tell *{target}*: it is right in **{error}** of what it did not learn from. {who} is right in "
        "{guess}."
    ),
    "series-page.few-classes": (
        "It tells *{target}* right in **{error}** of what it did not learn from. {who} is right in {guess}. That is not enough "
        "to say whether it has learned: there are too few answers, or nearly all are of one class."
    ),
    "series-page.worse-classes": (
        "It tells *{target}* worse than someone who knows nothing: it is right in **{error}** of what it did not learn from. "
        "{who} is right in {guess}."
    ),
    "series-page.changed-classes": (
        "It tells *{target}* right in **{error}** of what it did not learn from. {who} is right in {guess}."
    ),
    "series-page.altered-classes": "With {changes}. As it was trained, it is right in {error}.",
    "series-page.who.usual": "Whoever always tells the most frequent class",
    "series-page.alike.advice": "Let it learn longer.",
    "series-page.beyond.advice": (
        "Most of the numbers it is asked for lie beyond all that it learned from, and no network tells what it has never seen: "
        "let it tell how the column changes from row to row instead."
    ),
    "series-page.worse.advice": "Let it learn longer, or take fewer units.",
    "series-page.changed": "It tells *{target}* to within **{error}** (root mean squared error, on numbers it did not learn "
    "from). {who} has {guess}.",
    "series-page.who.mean": "Whoever always tells the mean",
    "series-page.who.stays": "Whoever tells that it stays as it is",
    "series-page.flow": (
        "**How far back each loss reaches.** A row is the loss of one step, a column the state it reaches back to; light is a "
        "large gradient."
    ),
    "series-page.flow-of-one": (
        "**How far back the loss reaches.** Its gradient at each earlier state; it is asked at one step alone."
    ),
    "series-page.altered": "With {changes}. As it was trained, it tells it to within {error}.",
    "series-page.reach": _reach_of_numbers,
    "series-page.learned": "**How it learned.** {steps:,} steps in {seconds:.1f} s.",
    "series-page.alt.learning": "Loss and gradient norms over the steps of training",
    "series-page.alt.tape": "What the network read and told, and its gates at each step",
    "series-page.alt.flow": "Gradient of each step's loss at each earlier state",
    "table.series": "Numbers and gates by step",
    "expected.csv": "a table as CSV",
    "numbers.value": "value",
    "numbers.next-value": "next value",
    "numbers.number": "number",
    "numbers.mark": "mark",
    "numbers.sum": "sum of the marked",
    "numbers.kind": "the kind of wave",
    "numbers.kind.sine": "sine",
    "numbers.kind.square": "square",
    "numbers.kind.saw": "saw",
    "series-figure.read": "read:",
    "series-figure.read-scaled": "read, each from its lowest to its highest:",
    "series-figure.more": "and {count} more",
    "series-figure.told": "told",
    "series-figure.true": "true",
    "series-figure.classes": "probability of",
    "series-figure.more-classes": "and {count} more",
    "series-figure.true-class": _true_class,
    "series-figure.loss": "{score} of each step of this sequence",
    "series-figure.guess": "always telling the mean",
    "series-column.label": "label",
    "series-column.told": "{name}, told",
    "series-column.true": "{name}, true",
    "series-column.true-class": "true class",
    "series-column.mean": "mean {letter}, layer {layer}, {direction:way}",
    "figure.step": "step",
    "figure.at-step": "step %{{x:d}}: ",
    "figure.at-lettered-step": "step %{{x:d}} “%{{x}}”: ",
    "figure.units": "{count} units",
    "figure.state-ends": "dark −1, light +1",
    "figure.gate-ends": "light {light}, dark {dark}",
    "figure.unit-alone": "<b>unit {unit}</b> alone{where}",
    "figure.role": "<b>unit {unit}, {place}</b>",
    "figure.mean-of": "mean {letter}",
    "figure.gradient": "gradient",
    "figure.layer": "layer {layer}, {reads}",
    "figure.ends": "{low} dark, {high} light",
    "figure.sigma-max": "<b>σ max</b> of",
    "figure.slope": "slope {slope}",
    "figure.of-squares": "{share} of ‖g‖²",
    "figure.before": "before",
    "figure.after": "after",
    "language.en": "English",
    "language.zh": "中文",
    "curve.loss": "loss",
    "curve.training": "training",
    "curve.held-out": "held out",
    "curve.sentence": "your sentence",
    "curve.blind-guess": "blind guess",
    "curve.by-frequency": "by frequency",
    "curve.before": "before",
    "curve.after": "after",
    "curve.theta": "θ",
    "curve.not-finite": "not finite at step {step:,}",
    "curve.coefficient": "coefficient",
    "curve.steps-clipped": "steps clipped",
    "curve.mean": "mean {letter}",
    "curve.saturated": "saturated {letter}",
    "run-figure.norms": "gradient norm",
    "run-figure.clipping": "clipping",
    "run-figure.shares": "share of the squared norm",
    "run-figure.gates": "gates on your sentence{where}",
    "run-figure.layer": "layer {layer}",
    "run-figure.step": "step",
    "run-column.step": "step",
    "run-column.epoch": "epoch",
    "run-column.nll": "nll (nats)",
    "run-column.perplexity": "perplexity",
    "run-column.norm-before": "gradient norm before",
    "run-column.norm-after": "gradient norm after",
    "run-column.clip-coefficient": "clip coefficient",
    "run-column.speed": "characters or words per second",
    "run-column.loss": "loss",
    "run-column.threshold": "clipping threshold",
    "run-column.net": "net",
    "run-column.half-life": "half-life (steps)",
    "run-column.horizon": "horizon (steps)",
    "run-column.share": "share {parameter}",
    "run-column.clipped": "clipped share",
    "run-column.held-out": "held out",
    "run-column.sentence": "sentence",
    "run-column.mean": "mean {letter}{where}",
    "run-column.saturated": "saturated {letter}{where}",
    "run-column.run": "Run",
    "run-column.status": "Status",
    "run-column.setting": "Setting",
    "run-column.value": "Value",
    "setting.held-out-share": "Held out",
    "setting.digest": "Text (SHA-256)",
    # figures: surprise along a text, and the score by epoch
    "score-figure.running": "running {score}",
    "score-figure.bar": "step {step}: surprise {bits} bits",
    "score-figure.surprise": "surprise (bits)",
    "score-figure.mean": "running mean",
    "score-figure.bits": "bits",
    "score-figure.step": "step",
    "score-figure.token": "{token}",
    "score-figure.surprise-by-frequency": "surprise by frequency (bits)",
    "score-figure.surprise-of-a-guess": "surprise of a blind guess (bits)",
    "score-figure.epoch": "epoch",
    "score-figure.at-epoch": "epoch {epoch}: {score}",
    # pages: a run, and the list of runs
    "run-form.about": (
        "Press Start and watch the model learn. The run goes on when you close this page; its link finds it again."
    ),
    "run-page.stop": "Stop",
    "run-page.resume": "Resume",
    "run-page.download": "Download",
    "run-page.new": "New run",
    "run-page.see.gates": "See its gates",
    "run-page.see.gradients": "See its gradients",
    "run-page.too-early": "It is too early to judge its training.",
    "run-page.too-short": "It trained too briefly to be judged.",
    "run-page.nothing-so-far": "So far nothing in its training stands out.",
    "run-page.nothing-stands-out": "Nothing in its training stands out.",
    "run-page.was-deleted": "This run was deleted. You can bring it back for a day.",
    "run-page.restore": "Bring it back",
    "run-page.not-yours": (
        "You opened this run by its link. Only the browser that started it can stop, resume or delete it."
    ),
    "run-page.settings": "Settings of this run",
    "run-page.broke-off": "at step {step:,}, in {epoch}",
    "run-page.sentence": "Your sentence over training.",
    "run-page.play-gate": "Press Play and see the keeping gate take shape.",
    "run-page.play-state": "Press Play and see the states take shape.",
    "run-page.alt.sentence": "What the model does with the sentence after the chosen epoch",
    "run-page.yours": "Your runs",
    "run-page.all": "All {count} runs",
    "run-page.save": "Save",
    "run-page.delete": "Delete",
    "run-page.open": "Open",
    "run-page.more": "More",
    "run-page.name": "Name",
    "run-page.rename": "Rename",
    "run-page.deleted": "The run was deleted.",
    "run-page.undo": "Undo",
    "run-page.compare": "Compare on the same axes",
    "run-page.compared": "{name} · {id} ({status})",
    "run-page.differ": "They differ in: {settings:names}.",
    "run-page.same": "Their settings are the same.",
    "table.loop-samples": "Sampled steps",
    "table.run-steps": "Steps of the run",
    "table.run-epochs": "Epochs of the run",
    "table.run-settings": "Settings",
    # the command line
    "cli.no-such-text": "Expected one of {names:names} or a text file; there is no file {got!r}.",
    "cli.choose-encoding": "{why!s} On the command line: --encoding '{encoding}'.",
    "cli.not-read": "{path} could not be read: {reason!s}.",
    "cli.read-as": lambda name, encoding, notes: " ".join((f"{name}: read as {encoding}.", *map(str, notes))),
    "cli.not-an-output": "--output: expected a file name that ends in .safetensors; got {name!r}.",
    "cli.training": "Training {cell} on {corpus}",
    "cli.step": "perplexity {perplexity:.2f}  |g| {before:.3g} -> {after:.3g}  {speed:,.0f} {tokens}/s",
    "cli.stopped": "Stopped after epoch {epoch}. What it has learned so far is kept.",
    "cli.wrote": lambda path, size, epochs: f"Wrote {path} ({size / 1e6:.1f} MB, {_some(epochs, 'epoch')}).",
    "cli.help": "The gate explorer on the command line.",
    "cli.json": "Write JSON, for a program to read.",
    "cli.no-such-model": "Expected a .safetensors file or one of {names:names}; there is no {got!r}.",
    "cli.wrote-table": "Wrote {path} ({rows:,} rows).",
    "cli.wrote-picture": "Wrote {path}.",
    "cli.not-a-table": "{path} is no table that could be read: {reason}",
    "cli.not-a-table-name": "Expected a file name that ends in .csv or .parquet; got {name!r}.",
    "cli.trace.help": "Show what the gates of MODEL do while it reads TEXT. MODEL is a file, or the name of a shipped model.",
    "cli.trace.csv": "Write every step as a table.",
    "cli.trace.html": "Write the picture as a page for a browser.",
    "cli.traced": lambda title, steps, score, value: (
        f"{title}, {_some(steps, 'step')}" + (f", {score} {value:.3f}" if value is not None else "")
    ),
    "cli.traced-gate": "{title}: mean {mean:.3f}, saturated {saturated:.1%}",
    "cli.traced-proof": "Recomputed by the equation, the states differ by at most {residual:.1e}.",
    "cli.diagnose.help": (
        "Judge MODEL on a text, or with --csv a log of gradient norms. Exit code 3 says that something is wrong."
    ),
    "cli.diagnose.text": "The text it is judged on; the first 2,000 characters of its own corpus if left out.",
    "cli.diagnose.csv": "A table with a row a step: a column with the gradient's norm, and perhaps the loss.",
    "cli.diagnose.max-norm": "The clipping threshold, where no column has it.",
    "cli.diagnose.column": "The column of the table with the gradient's norm, where it has no usual name.",
    "cli.diagnose.one-of": "Expected either MODEL or --csv.",
    "cli.diagnose.needs-text": "{corpus} does not come with the project: give a text with --text.",
    "cli.runs.help": "The runs of the app, of the command line and of your own loops.",
    "cli.runs.list": "List them, the newest first.",
    "cli.runs.show": "Show RUN, an id or a name: its settings, its verdict, its last steps.",
    "cli.runs.export": "Write every step of RUN to FILE, a .csv or a .parquet.",
    "cli.runs.delete": "Delete RUN. The app can bring it back for a day.",
    "cli.runs.line": "{id}  {status:<11} step {step:>7,}  {kind:<4}  {name}",
    "cli.runs.empty": "There are no runs yet.",
    "cli.runs.deleted": "Deleted {name}.",
    "cli.runs.none": "There is no run {named!r}; `runs list` shows those there are.",
    "cli.runs.several": "Several runs are called {named!r}: {ids:names}. Give the id.",
    "cli.data.help": "Folder for the runs, instead of $GATE_EXPLORER_DATA or the usual place.",
    "cli.app.help": (
        "Serve the app. Further options go to Streamlit, such as `--server.port 8600` or `--server.address 0.0.0.0`."
    ),
    "cli.processes.help": (
        "Processes that answer, each on a core of its own (Linux). Without it: one for this machine; for others one a core, at "
        "most 4."
    ),
    "cli.processes.linux": "Several processes need Linux.",
    "cli.processes.certificate": (
        "Several processes cannot have a certificate of the server's own (server.sslCertFile): give it to a proxy in front."
    ),
    "cli.processes.address": "The address cannot be had: {reason} ({address}).",
    "cli.serving": "Serving at {address} in {number} processes. Ctrl-C ends them.",
    "cli.train.help": "Train a model and write it as a checkpoint. Ctrl-C stops early and saves what there is.",
    "cli.corpus.help": "{names:names}, or a text file.",
    "cli.encoding.help": "Encoding of the text file, such as UTF-8, GB18030 or latin-1. Recognised if left out.",
    "cli.seed.help": "Seed of the initial weights and of the batches.",
    "cli.output.help": "The .safetensors file to write.",
    "cli.newlines-to-blanks.help": "Read each line end as a blank, as the book does with lyrics.",
    "cli.no-clip.help": "Measure the gradient's norm, but do not clip it.",
    "cli.import.help": (
        "Open somebody else's model (PyTorch, Keras, ONNX, safetensors or npz), say what each of its tensors is, and write it as "
        "a checkpoint of this program. Nothing of the file is run."
    ),
    "cli.import.vocabulary": (
        "JSON or text file of its symbols in the order of their numbers; with --rule, the text it was trained on."
    ),
    "cli.import.sample": "{names:names}, or a text file of the kind it was trained on: its perplexity is shown.",
    "cli.import.layers": "Prefixes of the recurrent layers from the input up, with commas between them.",
    "cli.import.leave-out": "What names of tensors begin with that are not wanted. May be given several times.",
    "cli.import.rule": "How the characters of the text were numbered.",
    "cli.import.cell": "What the cell is; told by the shapes if left out.",
    "cli.import.reset": "Where a GRU's reset gate acts.",
    "cli.import.activation": "Of a plain recurrent net.",
    "cli.import.objective": "What a model that reads from both ends was trained for.",
    "cli.import.gate-order": "Letters of the gates as they are stacked in the file, such as zrn or ifog.",
    "cli.import.z-takes": "In this GRU, 1 in the update gate takes the candidate instead of keeping the old state.",
    "cli.import.embedding": "Name of the embedding's tensor.",
    "cli.import.head": "Name of the output's weights.",
    "cli.import.wrote": "Wrote {path} ({size:MB}).",
    # the door
    "door.host": (
        "Expected a host name of this server; got {host!r}. Whoever runs it can add a name with --server.allowedHosts "
        "(docs/serving.md)."
    ),
    "door.files-coming": "Expected at most {most} files at once; wait until they have arrived.",
    "door.files-full": "The server holds as many files as it can. Try again in a few minutes.",
    "door.file-too-large": "Expected a file of at most {most:whole MB}; this one is larger.",
    "door.file-late": "Expected the file within {seconds:.0f} seconds.",
    # pages: gates
    "card.mean": "Mean {gate}",
    "card.mean-no-gate": "Mean gate",
    "card.saturated": "Saturated {gate}",
    "card.saturated-no-gate": "Saturated",
    "card.mean.help": _MEAN,
    "card.mean-no-gate.help": _MEAN,
    "card.saturated.help": _SATURATED,
    "card.saturated-no-gate.help": _SATURATED,
    "card.memory": "Memory τ",
    "card.memory.help": (
        "Steps for which the unit that holds longest keeps 1/e of its state by that gate alone (copy path only)."
    ),
    "card.score-next": "Perplexity",
    "card.score-next.help": (
        "exp of the mean surprise of this text. The first {token} is not predicted and not counted."
    ),
    "card.score-cloze": "Pseudo-pp.",
    "card.score-cloze.help": (
        "Pseudo-perplexity. Each {token} is predicted from everything before it and everything after it, so this is not "
        "comparable with the perplexity of a model that reads forward."
    ),
    "card.score-leaky": "Leaky score",
    "card.score-leaky.help": (
        "Not a perplexity: this model has already read the {token} it is asked for, through the net that reads from the end."
    ),
    "card.as-trained": "as trained {value}",
    "gate-page.proof": ":material/verified: Every gate that is drawn was recomputed in float64: the states differ by at most "
    "{residual:.0e}.",
    "gate-page.proof.help": (
        "The largest difference, over all units and steps, between the state by the equations in float64 and the state by "
        "{kernel}, which ran the text and whose gates are drawn. Up to about 1e-06 it is the rounding of float32."
    ),
    "order.memory": "memory time",
    "order.mean": "mean",
    "order.index": "number",
    "order.role": "role",
    "order.response": "similar response",
    "gate-figure.strip-surprise": "surprise",
    "gate-figure.mean": "mean {letter}",
    "gate-figure.of-unit": "{letter} of unit {unit}",
    "gate-figure.change": "state change",
    "gate-figure.rms": "rms per unit",
    "gate-figure.unnamed": "not counted: the model has no output for it",
    "gate-figure.unasked": "not predicted: nothing stands before it",
    "gate-figure.not-finite": "{name} is not a finite number here",
    "gate-figure.more-than-guess": ", more than a blind guess",
    "gate-figure.unknown-here": "; unknown to the model, read as {symbol}",
    "gate-figure.unknown": "unknown to the model",
    "gate-figure.more": "more",
    "gate-figure.learned": "word for word in what it learned",
    "gate-figure.ends": "{low} dark, {high} light",
    "gate-figure.means": "mean and middle 80 % of the units",
    "flow-figure.reached": "step whose state is reached",
    "flow-figure.used": "step at which it is used",
    "flow-figure.loss": "the loss read off step {step}",
    "flow-figure.second": "second forward",
    "flow-figure.no-path-before": "no path: a loss does not depend<br>on the states before the step it is read off",
    "flow-figure.no-path-after": "no path: a loss does not depend<br>on the states after the step it is read off",
    "flow-figure.no-loss": "no loss is read off step {step}",
    "flow-figure.mean-loss": "of the mean loss",
    "flow-figure.cut": "training cuts the graph<br>between this step and the loss",
    "flow-figure.zero": "no gradient arrives, it is exactly 0",
    "flow-figure.not-finite": "the gradient is not a finite number",
    "flow-figure.none": "no gradient arrives",
    "flow-figure.gradient": "gradient {norm}",
    "flow-figure.undefined": "the gradient is not defined here",
    "flow-figure.loss-of": "the loss of “{character}”",
    "flow-figure.step": "step {step}",
    "flow-figure.limit": "its 1 %",
    "flow-figure.leaves": "what a step back leaves",
    "flow-figure.leaves-uncut": "what a step back leaves, where nothing is cut",
    "flow-figure.all": "all (thick)",
    "flow-figure.band": "band: σ min to σ max of the whole step",
    "flow-figure.lag": "lag in steps",
    "flow-figure.nothing-left": "nothing is left, exactly 0",
    "flow-figure.times": "{factor} times",
    "flow-figure.adds": "what each step adds",
    "flow-figure.survives": "of it survives the sum",
    "flow-figure.together": "all together",
    "flow-figure.falls": "here {loss} falls<br>under 1 % of its local gradient",
    "flow-figure.losses": "loss read off step",
    "flow-figure.norm": "norm of the gradient",
    "flow-figure.reach": "1 % of the local gradient",
    "flow-figure.most": "{path:own} at most",
    "flow-figure.largest": "largest",
    "flow-figure.together-one": "together",
    "flow-figure.clipped-hover": "clipped",
    "flow-figure.clipped": "share of steps clipped",
    "flow-figure.of-local": ", {share} of the local one",
    "flow-table.loss": "read off step",
    "flow-table.asked": "{token} asked",
    "flow-table.step": "step",
    "flow-table.token": "{token}",
    "flow-table.gradient": "gradient",
    "flow-table.share": "share of local",
    "flow-table.part": "gradient at {part} alone",
    "flow-table.carries": "{path:own} carries",
    "flow-table.together": "together",
    "flow-table.sigma-max": "sigma max",
    "flow-table.sigma-min": "sigma min",
    "flow-table.product": "ln product",
    "flow-table.model": "model",
    "flow-table.lag": "lag",
    "flow-table.median": "median share",
    "flow-table.losses": "losses",
    "flow-table.parameter": "parameter",
    "flow-table.before": "norm before",
    "flow-table.squared": "share of squared norm",
    "flow-table.after": "norm after, by {way}",
    "flow-table.largest": "largest entry",
    "flow-table.at": "at",
    "writing.next": "**What would it write?** Your text, and how the model goes on. Click a {token} in the "
    "picture to go on from there.",
    "writing.cloze": "**What would it write in a gap?** Click a {token} in the picture to make it the gap.",
    "writing.leaky": "**What would it write?** Nothing: this model has to see the next {token} to predict it.",
    "writing.of": "**{model}**, {speed:,.0f} {tokens} a second",
    "writing.cannot": "**{model}** cannot write on from here.",
    "writing.learned": "Its perplexity on the text it learned was {score} in this epoch. A low one does not make its own text "
    "mean anything.",
    "writing.again": "Draw again",
    "writing.likeliest.end": "The likeliest next {tokens}:",
    "writing.likeliest.place": "The likeliest {tokens} at step {step}, where “{stands}” stands:",
    "writing.likeliest.cloze": "The likeliest {tokens} in the gap at step {step}, where “{stands}” stands:",
    "writing.alt": "The likeliest {tokens} there, with their probabilities",
    "writing-figure.character": "“{character}” {probability:.1%}",
    "writing-figure.share": "probability at temperature {temperature:g}",
    "page.reader.characters": "{label} reads characters and knows more of this text",
    "page.reader": "{label} knows all of them",
    "page.reader.most": "{label} knows more of them",
    "brush.found": "**Steps {first} to {last}, “{text}”.** The states of these units are on one side through all of them, and on "
    "the other around them, give or take two steps; of each its mean there and elsewhere. Click one to draw it alone.",
    "brush.none": "**Steps {first} to {last}, “{text}”.** No unit's state is on one side through these and on the other around "
    "them.",
    "brush.below": "What was found of steps {first} to {last} stands below the picture.",
    "brush.unit": "unit {unit}: {mean_in:.2f}, elsewhere {mean_out:.2f}",
    "brush.elsewhere-one": "Where else unit {units} is on, in {count:tokens} of {what}:",
    "brush.elsewhere-several": "Where else the units {units} are on together, in {count:tokens} of {what}:",
    "brush.nowhere-one": "Unit {units} is on nowhere in {count:tokens} of {what}.",
    "brush.nowhere-several": "Nowhere in {count:tokens} of {what} are the units {units} on together.",
    "places.here": "this text",
    "places.found": "**Where else “{word}” stands** in {what}, and how alike the network's states are when they have read it "
    "(the cosine between them, each less the mean state): 1 is the same, 0 has nothing in common.",
    "places.none": "“{word}” stands nowhere else here.",
    "brush.close": "Close",
    "gate-page.hold": "Hold a unit at its mean, and see what becomes worse:",
    "gate-page.hold.unit": "unit {unit}",
    "gate-page.worse": "**What becomes worse without it.** On {count:tokens} of {what}, {held}: the mean surprise rises by "
    "{rise:.2f} bits. These {tokens} cost most, all their places together.",
    "gate-page.worse.one-text": "One text can be read better without a unit that many texts are read worse without.",
    "gate-page.not-worse": "**Nothing becomes worse on average.** On {count:tokens} of {what}, {held}: the mean surprise "
    "falls by {fall:.2f} bits.",
    "gate-page.trial.confirmed": "**Its role is confirmed:** of {compared} other units that were held in turn, none costs as "
    "much there against elsewhere.",
    "gate-page.trial.not-confirmed": "**Its role is not confirmed:** {rank} of {compared} other units that were held in turn "
    "cost as much there against elsewhere. It follows what its title says; that the network needs it for that is not shown.",
    "gate-page.trial.few": "Whether the network needs it for that cannot be told: its role concerns {steps:tokens} of the text "
    "it was tried on, too few.",
    "gate-page.worse.role": "Its role, {place}: where that begins or ends ({count:tokens}) the surprise rises by {there:.2f} "
    "bits, elsewhere by {elsewhere:.2f}.",
    "gate-page.worse.corpus": "the text it learned",
    "gate-page.worse.text": "this text",
    "gate-page.worse.symbol": "{token}",
    "gate-page.worse.count": "times",
    "gate-page.worse.before": "surprise (bits)",
    "gate-page.worse.after": "without it",
    "gate-page.ghost": "Thin lines: as trained.",
    "gate-page.beside": "**{model}**: {score} {value}",
    "gate-page.saturation": "**Saturated gates.** Each mark is one unit's gate: near the right edge it is nearly always closed, "
    "near the top nearly always open, near the corner at the lower left neither.",
    "gate-page.alt.saturation": "How often the gates of each unit are under 0.1 and over 0.9",
    "gate-page.alt.tape": "Gates of every unit at every step of the text",
    "gate-page.alt.by-epoch": "Perplexity of this text at each epoch of training",
    "gate-page.cut": (
        "All {count:,} {tokens} are analysed; the first {most:,} are drawn. The downloads hold them all."
    ),
    "gate-page.learning.open": "How the model learned to read this text",
    "gate-page.learning": "Move the slider *Epochs of training* to see the model as it was.",
    "gate-page.learning.part": (
        "The first {read:,} {tokens} are read. Move the slider *Epochs of training* to see the model as it was."
    ),
    "gate-page.learning.as-trained": "This curve shows the model as trained, without your changes.",
    "gate-page.reading-by-epoch": "The same text is read by the model at each epoch of its training.",
    # pages: gradients
    "card.perplexity": "Perplexity",
    "card.perplexity.help": (
        "exp of the mean surprise of this text. Of a cloze model it is a pseudo-perplexity, of a leaky one a score."
    ),
    "card.perplexity.next": "{score}",
    "card.perplexity.cloze": "{score} (pseudo)",
    "card.perplexity.leaky": "{score} (leaks)",
    "card.half-life": "Half-life",
    "card.half-life.help": (
        "The first number of steps back at which half of the losses have less than half of their local gradient left. It says "
        "how fast the gradient fades at first."
    ),
    "card.horizon": "Horizon",
    "card.horizon.help": "The same for 1 %: how far a loss reaches at all.",
    "card.slope": "Slope",
    "card.slope.help": (
        "A straight line through the logarithm of the median, over all lags of this text: nats a step, on average. What fades "
        "fast at first and slowly later has a short half-life and a slope near 0."
    ),
    "card.lambda": "λ₁",
    "card.lambda.help": (
        "The largest finite-time Lyapunov exponent, nats a step: of the one direction that lasts longest."
    ),
    "card.norm": "‖g‖",
    "card.norm.help": (
        "Norm of the gradient of this text's mean loss over all parameters together, before any clipping."
    ),
    "card.proof-gates": "Proof, gates",
    "card.proof-gates.help": (
        "The largest difference between the states by the equations in float64, whose gates carry the gradient here, and the "
        "states by the kernel that ran the text. Up to about 1e-06 it is the rounding of float32."
    ),
    "card.proof-flow": "Proof, flow",
    "card.proof-flow.help": (
        "The largest relative difference between three rows of this flow and torch.autograd.grad in float64 through a plain "
        "loop over the first 32 steps, computed just now. Around 1e-12 is the rounding of float64."
    ),
    "card.over": ">{steps}",
    "gradient-page.look-for": (
        "Each {token}'s loss sends a gradient back through the steps before it. **Read a row of the triangle from its "
        "diagonal away**: where it turns dark, the loss no longer reaches. A row that is dark from its diagonal on belongs to a "
        "{token} that was well predicted: it asks for no change."
    ),
    "gradient-page.cut": (
        "The gradients on this page are those of the first {count:,} {tokens}; the library takes {most:,}."
    ),
    "gradient-page.beside": "(beside)",
    "gradient-page.row": "“{character}”, read off step {step}",
    "gradient-page.proved": (
        "The two proofs are differences, computed just now: of the states from the same equations in float64, and of three rows "
        "of the flow from torch.autograd.grad in float64."
    ),
    "gradient-page.part": "Drawn, and counted in half-life, horizon and slope: the gradient at {part} alone.",
    "gradient-page.reach": (
        "**How far it reaches.** The median over all losses, by how many steps back; thin: the fitted slope."
    ),
    "gradient-page.bound": (
        "Pascanu's bound σ max(U)·γ is {bound:.3f}: under 1 it must vanish, above 1 it may explode."
    ),
    "gradient-page.clip": (
        "**What clipping leaves.** The gradient of this text's mean loss, parameter by parameter, and what θ makes of it."
    ),
    "gradient-page.clip.of": "This text, {model}",
    "gradient-page.clip.no-loss": "There is no loss yet, so there is nothing to clip.",
    "gradient-page.clip.not-finite": "Not a finite number: {what}. Nothing was clipped.",
    "gradient-page.clip.clipped": (
        "Norm {norm:.3g} against θ = {theta:g}: multiplied with {coefficient:.3g}, direction kept."
    ),
    "gradient-page.clip.kept": lambda norm, theta, coefficient: f"Norm {norm:.3g} against θ = {theta:g}: not clipped.",
    "gradient-page.clip.others": (
        "By value, {changed_share:.1%} of the entries would change and the direction would turn by {value_degrees:.1f}°; per "
        "parameter, by {parameter_degrees:.1f}°."
    ),
    "gradient-page.training": "Its training, epoch by epoch",
    "gradient-page.training.click": (
        "Click an epoch: everything on the page is then drawn for the model as it was at the nearest snapshot."
    ),
    "gradient-page.clipped-in-training": "While this model was trained, {share:share} of the steps were clipped.",
    "gradient-page.alt.flow": (
        "Gradient of every loss at every earlier step, of the whole text, of one loss, and what carries it"
    ),
    "gradient-page.alt.sigma": "Largest singular value of each path, and the band of singular values of the whole step",
    "gradient-page.alt.weights": "Norm of what each step adds to the gradient of each weight matrix",
    "gradient-page.alt.lags": "Median share of the local gradient by lag",
    "gradient-page.alt.clip": "Norm of every parameter's gradient before and after clipping",
    "gradient-page.alt.training": "Gradient norms before and after clipping, by epoch of training",
    # probes: how far the gradients of two models reach
    "reach.farther": (
        "The gradient reaches farther in {far}: it falls under {share} after {far_steps:steps}, in {near} it falls under {share} "
        "after {near_steps:steps}. So what {far} predicts badly can still correct what it did longer ago. {reads}"
    ),
    "reach.farther-than-the-text": (
        "The gradient reaches farther in {far}: it stays over {share} at every step of this text, in {near} it falls under "
        "{share} after {near_steps:steps}. So what {far} predicts badly can still correct what it did longer ago. {reads}"
    ),
    "reach.share.horizon": "1 %",
    "reach.share.half-life": "half",
    "reach.alone": (
        "That alone makes it no better reader: a gate that lets go of what is of no use ends the reach on purpose."
    ),
    "reach.reads-better": (
        "It also reads this text better (perplexity {far_nats:perplexity} against {near_nats:perplexity}); a long reach alone "
        "does not bring that."
    ),
    "reach.reads-no-better": (
        "It is not the better reader for that (perplexity {far_nats:perplexity} against {near_nats:perplexity}): a gate that "
        "lets go of what is of no use ends the reach on purpose."
    ),
    # lessons: the page
    # the tour of the page Gates
    "tour.begin": "Tour",
    "tour.where": "{number} of {count}.",
    "tour.back": "Back",
    "tour.on": "Next",
    "tour.leave": "End the tour",
    "tour.text": "A small network reads the sentence above, one {token} after the other, and guesses each before it sees it. "
    "In the strip, **dark** {tokens} were no surprise to it, **light** ones were.",
    "tour.unit": "The network is made of units, and a unit's **state** is one number that it carries on. Look at **unit {unit}, "
    "{place}**: it is shaded where that holds, and the curve follows. Nobody told it to.",
    "tour.another": "This is **another sentence**, and unit {unit} does the same. Type one of your own: the picture follows "
    "each key.",
    "tour.click": "**Point** at a {token}: you read what the network expected there. **Click** one, and below the picture it "
    "writes on from that place.",
    "tour.hold": "Now unit {unit} is **held still** at its mean, as if it were cut out. The thin line is what it did before. "
    "Below the picture stands what it reads worse without it, in the text that it learned.",
    "tour.end": "That was all. **Cell** opens one step with its equations, **Gradients** shows how far a loss reaches back, "
    "**Lessons** asks what you have understood.",
    # the graph, cut
    "choice.cut": "choice of a cut graph",
    "control.cut": "Cut the graph, as training does",
    "control.cut.help": "Training reads the text in batches and detaches the state between them, so that no gradient goes "
    "farther back. The blank steps of a row are those that its loss never teaches.",
    "gradient-page.no-cut": "**{model}**: where its training cut is not known, or a net began anew in every batch. Its "
    "triangle is whole.",
    "gradient-page.cut-in-training": _cut_in_training,
    # the eigenvalues of the recurrent weights
    "choice.eigen": "choice of eigenvalues",
    "control.eigen": "Eigenvalues of the recurrent weights",
    "control.eigen.help": "Each is a mark in the complex plane, beside the unit circle. Hover, and it says its modulus.",
    "eigen-figure.part": "{letter}: largest |λ| = {radius:.3f}",
    "eigen-figure.alt": "The eigenvalues of the recurrent weights as marks in the complex plane, and the unit circle.",
    "eigen-figure.power": "power k",
    "gradient-page.alt.powers": "The norm of the powers of the recurrent weights, and the powers of the largest eigenvalue.",
    "gradient-page.eigenvalues.grows": "**{model}.** The largest eigenvalue of $U_{part}$ has a modulus of {radius:.3f}: outside "
    "of the circle. Its powers grow without end; only the slopes and gates between them hold a gradient back.",
    "gradient-page.eigenvalues.vanishes": "**{model}.** The largest eigenvalue of $U_{part}$ has a modulus of {radius:.3f}: all "
    "lie within the circle. In the end its powers vanish, though their norm may grow at first.",
    "table.eigenvalues": "Eigenvalues of the recurrent weights",
    "gradient-page.eigenvalues.not-finite": "The recurrent weights of {model} are not finite numbers: they have no eigenvalues.",
    "gradient-page.no-eigenvalues": "{model} has no recurrent weights.",
    "expected.recurrent-weights": "a cell with recurrent weights",
    # the page Cell, its drawing and its equations
    "page.cell": "Cell",
    "page.cell.help": "One step of a trained cell, opened: its drawing and its equations with the numbers in them.",
    "choice.at": "step",
    "choice.at-x": "other {token}",
    "choice.at-variant": "variant of the cell at this step",
    "choice.at-before": "state {letter} before the step",
    "choice.at-bias": "shift of the bias of {letter}",
    "choice.at-own": "own weight in {letter}",
    "choice.at-hold": "value of the gate {letter} at this step",
    "choice.book": "letters of the book",
    "control.at-unit": "Unit",
    "control.at-unit.help": "Whose numbers stand in the drawing. At first it is one that is known to follow something.",
    "control.at-x": "Read another {token}",
    "control.at-x.help": "At this step alone; what stands before it stays.",
    "control.at-before": "Old state {letter} of this unit",
    "control.at-hold": "Hold {letter} of all units at",
    "control.at-bias": "Add to the bias of {letter}",
    "control.at-own": "Weight of its own old state in {letter}",
    "control.at-own.help": "This unit's number on the diagonal of U.",
    "control.at-variant": "Read the weights as",
    "control.book": "In the letters of Dive into Deep Learning",
    "control.book.help": (
        "There a state is a row, and the candidate is written with a tilde. The book's cells have one bias a part, and its GRU "
        "resets before the product, R ⊙ H; torch.nn.GRU has a second bias, here c, and resets after it. The equations are those "
        "of this model."
    ),
    "cell-page.unit": "{unit} · {place}",
    "cell-page.back": "Back",
    "cell-page.on": "On",
    "cell-page.here": "Step {step}: {before} **:primary-background[ {here} ]** {after}",
    "cell-page.change": "Change this step",
    "cell-page.change.about": "Nothing of it reaches the steps before. What stood in a place before is written below it.",
    "cell-page.restore": "take it back",
    "cell-page.reading": "**{gate} = {share:.2f}**: unit {unit} keeps {share:.0%} of its old state. {state} goes from "
    "{before:.2f} to **{after:.2f}**.",
    "cell-page.reading.no-gate": "A cell without gates: unit {unit} is overwritten. {state} goes from {before:.2f} to "
    "**{after:.2f}**.",
    "cell-page.proof": "In float64, these equations and {against} give every unit the same h to {residual:.0e}.",
    "cell-page.exact": "In float64, these equations and the cell's own step give every unit exactly the same h.",
    "cell-page.one-hot": "Torch was given one-hot vectors; the equations took columns of W, as an embedding does.",
    "cell-page.cost": "What does a step cost?",
    "cell-page.cost.about": "One layer of {units:,} units that reads vectors of {inputs:,} numbers. The time is measured here, "
    "on one sequence, by the kernel that reads your text, and says as much of the kernel as of the cell: torch hands an LSTM's "
    "whole sequence to one library call (oneDNN) and loops over a GRU's steps; a minGRU has no product with its state.",
    "column.cell": "cell",
    "column.weights": "weights",
    "column.multiplications": "multiplications a step",
    "column.us-per-step": "µs a step",
    "cell-page.copy": "From a mere copy of {state}, the unit that differs most is {distance:.2g} away.",
    "cell-page.plain": "From a plain RNN with the candidate's weights, {distance:.2g}.",
    "cell-page.over-text": "**The same unit over the whole text.** Click a step to open it.",
    "cell-page.cut": "Of {count:,} {tokens}, the first {most:,} can be opened here.",
    "cell-page.no-text": "Type a text of at least one character: a step is opened where something is read.",
    "table.cell": "Numbers of every unit at this step",
    "cell-figure.held": "held",
    "cell-figure.was": "was {value}",
    "cell-figure.alt": "One step of a {cell}, with the numbers of unit {unit} at its gates, products and sums.",
    "cell-figure.bars-alt": "The parts of unit {unit} at this step as bars from zero.",
    "gate-figure.unit-alt": "The text, and under it every gate and state of unit {unit}.",
    "expected.changed": "one of {letters:names}: nothing else of that kind can be changed in a {cell}",
    "page.lessons": "Lessons",
    "page.lessons.help": "Short courses of questions, each answered by a measurement; alone, or led by one for a class.",
    "choice.lesson": "lesson",
    "choice.step": "step",
    "choice.class": "class",
    "lesson-page.lesson": "Lesson",
    "lesson-page.progress": "Step {step} of {count}",
    "lesson-page.back": "Back",
    "lesson-page.next": "Next",
    "lesson-page.next-lesson": "Next lesson",
    "lesson-page.see": "See it on the page {page}",
    "lesson-page.show": "Show",
    "lesson-page.show-all": "Show the answer to all",
    "lesson-page.answer": "Answer",
    "lesson-page.measuring": "It is being measured.",
    "lesson-page.right": "Right: {right}.",
    "lesson-page.wrong": "The measurement says otherwise: {right}.",
    "lesson-page.is": "The measurement says: {right}.",
    "lesson-page.rule": "The rule: {rule}",
    # lessons: a class
    "class.lead": "In class",
    "class.what": (
        "One browser leads, and every browser with the link of the class follows its lesson and step. Answers are counted "
        "without names. The class lasts eight hours, and ends when the server stops."
    ),
    "class.begin": "Lead a class",
    "class.code": "Code of a class that you want to follow",
    "class.full": "There are too many classes just now. Try again when one of them has ended.",
    "class.unknown": "There is no class with the code {code}: it has ended, or the code is another. Ask for its link again.",
    "class.no-code": "“{code}” is not the code of a class. A code has five letters. Ask for the link of the class again.",
    "class.alone": "Go on alone",
    "class.follow": "Follow the presenter",
    "class.leave": "Leave the class",
    "class.end": "End the class",
    "class.counted": "Your answer is counted. What is right appears when the presenter shows it.",
    "class.answered": lambda answered, browsers: (
        f"{answered} of {_some(browsers, 'browser')} answered." if browsers else "Nobody follows yet."
    ),
    "class.bar": "{choice}: {count}",
    "class.only-here": (
        "Only this machine can open this address. For others to follow, start the server with `--server.address 0.0.0.0` and "
        "open this page by the machine's own name or number."
    ),
    "class.invitation": "This is the class **{code}**. Whoever opens its link follows you from step to step.",
    # lessons: what a gate does
    "lesson.gate": "What a gate does",
    "lesson.gate.quotes.claim": "A unit can remember that the text is inside quotation marks.",
    "lesson.gate.quotes.question": "Where is the state of unit 95 between the quotation marks?",
    "lesson.gate.quotes.look": "The row of unit 95: its state h, and its update gate z at the two quotation marks.",
    "lesson.gate.quotes.change": "Take the closing quotation mark out of the sentence. The unit waits for it.",
    "lesson.gate.quotes.choice.higher": "higher than outside",
    "lesson.gate.quotes.choice.lower": "lower than outside",
    "lesson.gate.quotes.choice.same": "about the same",
    "lesson.gate.quotes.answer": (
        "The mean state of unit {unit} is {inside:.2f} between the quotation marks and {outside:.2f} elsewhere in this sentence."
    ),
    "lesson.gate.quotes.rule": "two means differ where they are more than 0.1 apart.",
    "lesson.gate.open.claim": "An update gate of 1 copies the old state and lets nothing in.",
    "lesson.gate.open.question": "z is held at 1 in every unit from the first character on. What does the state do?",
    "lesson.gate.open.look": "The states, and the row that shows how far the state moves.",
    "lesson.gate.open.change": "Set z to 0.9 under “Alter the model”. A little comes in, and stays long.",
    "lesson.gate.open.choice.still": "it stays where it began",
    "lesson.gate.open.choice.moves": "it moves on",
    "lesson.gate.open.answer": (
        "As trained, the state moves by {before:.3g} per unit and step on average. With z at 1 it moves by {after:.3g}. It "
        "never forgets, and it never learns of the text: the state is zero from end to end."
    ),
    "lesson.gate.open.rule": "it stays where it moves less than 1 % of what it moves as trained.",
    "lesson.gate.shut.claim": "An update gate of 0 copies nothing of the old state.",
    "lesson.gate.shut.question": "z is held at 0 in every unit. What of the last steps can still act on the state?",
    "lesson.gate.shut.look": "The gradient of one loss, step by step back from it.",
    "lesson.gate.shut.change": "Hold the reset gate r at 0 as well. Then the candidate reads the character alone.",
    "lesson.gate.shut.choice.nothing": "nothing",
    "lesson.gate.shut.choice.something": "something, by another way",
    "lesson.gate.shut.answer": (
        "{share:.0%} of the local gradient arrives {lag} steps back. Nothing is copied, but the candidate n still reads the old "
        "state through r and U. So a gate at 0 ends the copy, and not all memory."
    ),
    "lesson.gate.shut.rule": "something acts where the median share five steps back is 1 % or more.",
    "lesson.gate.worse.claim": "A gate is worth what the reading loses without it.",
    "lesson.gate.worse.question": "What harms the perplexity of this sentence more?",
    "lesson.gate.worse.look": "The perplexity on the first card, with that of the model as trained under it.",
    "lesson.gate.worse.change": "Set z to 0.5, and look for the value that harms least.",
    "lesson.gate.worse.choice.open": "z at 1",
    "lesson.gate.worse.choice.shut": "z at 0",
    "lesson.gate.worse.choice.same": "both about as much",
    "lesson.gate.worse.answer": "The perplexity is {free:.3g} as trained, {open:.3g} with z at 1, and {shut:.3g} with z at 0.",
    "lesson.gate.worse.rule": "one harms more where the two differ by more than a tenth of the perplexity as trained.",
    # lessons: the three motives
    "lesson.motives": "The three motives",
    "lesson.motives.first.claim": "First motive: an early character can matter for all that follows.",
    "lesson.motives.first.question": "Two small cells get the same few training steps. Which answers by the first character?",
    "lesson.motives.first.look": "The text of the problem: its first character decides the answer. Then train both cells.",
    "lesson.motives.first.change": "Make the texts longer, and see which cell still learns.",
    "lesson.motives.first.choice.gru": "the GRU",
    "lesson.motives.first.choice.rnn": "the plain RNN",
    "lesson.motives.first.choice.both": "both about as often",
    "lesson.motives.first.answer": (
        "After at most {steps} steps of training on this server, the GRU is right in {gru:.0%} of new texts and the RNN in "
        "{rnn:.0%}. By guessing it would be {chance:.0%}."
    ),
    "lesson.motives.first.rule": "one cell answers better where its share of right answers is larger by more than 10 points.",
    "lesson.motives.skip.claim": "Second motive: some characters say nothing and should be passed over.",
    "lesson.motives.skip.question": "Where does the trained GRU hold its update gate z more open, that is nearer to 1?",
    "lesson.motives.skip.look": "The figures under “What the gates do, measured”, after training.",
    "lesson.motives.skip.change": "Choose the problem *Tokens to skip*. There the noise stands between what is to be kept.",
    "lesson.motives.skip.choice.noise": "on characters that say nothing",
    "lesson.motives.skip.choice.kept": "on the character to be kept",
    "lesson.motives.skip.choice.same": "the same on both",
    "lesson.motives.skip.answer": (
        "The mean of z over all units is {noise:.2f} on noise and {kept:.2f} on what is to be kept. The textbook expects more "
        "on noise. A small cell may solve the problem in another way, so one measures before one tells the story."
    ),
    "lesson.motives.skip.rule": "two means of z differ where they are more than 0.05 apart.",
    "lesson.motives.breaks.claim": "Third motive: after a break in the text, the past no longer counts.",
    "lesson.motives.breaks.question": "What does z of unit 95, in a model that reads stories, do where a new line begins?",
    "lesson.motives.breaks.look": (
        "The row of unit 95 on the page Gates. Under *Longer text*, type two lines: the break is where the second begins."
    ),
    "lesson.motives.breaks.change": (
        "On the page Problems, *Breaks*: train the GRU and the plain RNN, and compare what is measured there."
    ),
    "lesson.motives.breaks.choice.opens": "it opens: the state is copied",
    "lesson.motives.breaks.choice.shuts": "it shuts: the old state is dropped",
    "lesson.motives.breaks.choice.same": "nothing special",
    "lesson.motives.breaks.answer": (
        "The mean of z in unit {unit} is {begins:.2f} where a line begins and {elsewhere:.2f} elsewhere."
    ),
    "lesson.motives.breaks.rule": "two means differ where they are more than 0.1 apart.",
    # lessons: why the gradient vanishes
    "lesson.vanish": "Why the gradient vanishes",
    "lesson.vanish.untrained.claim": "Each step back multiplies the gradient by one more Jacobian.",
    "lesson.vanish.untrained.question": "A plain RNN is not trained yet. After how many steps is under 1 % of the gradient left?",
    "lesson.vanish.untrained.look": "The untrained model on the second picture: its gradient ends near the diagonal.",
    "lesson.vanish.untrained.change": "Choose an untrained GRU as the second model.",
    "lesson.vanish.untrained.choice.near": "after fewer than 10",
    "lesson.vanish.untrained.choice.middle": "after 10 to 30",
    "lesson.vanish.untrained.choice.far": "after more than 30, or not within this text",
    "lesson.vanish.untrained.answer": (
        "The horizon is {horizon:reached}. Every loss farther away than that can hardly correct what the model did here."
    ),
    "lesson.vanish.untrained.rule": "the horizon is the first lag at which the median share is under 1 %.",
    "lesson.vanish.reach.claim": "Trained models differ in how fast the gradient decays.",
    "lesson.vanish.reach.question": "On this sentence, which gradient falls to half sooner?",
    "lesson.vanish.reach.look": "The half-life of both models, and the curves of the median share by lag.",
    "lesson.vanish.reach.change": "Type a text of your own. The half-life belongs to the text as well as to the model.",
    "lesson.vanish.reach.choice.rnn": "that of the plain RNN",
    "lesson.vanish.reach.choice.gru": "that of the GRU",
    "lesson.vanish.reach.choice.same": "both at the same lag",
    "lesson.vanish.reach.answer": "The half-life of the plain RNN is {rnn:reached}, that of the GRU {gru:reached}.",
    "lesson.vanish.reach.rule": "the half-life is the first lag at which the median share is under one half.",
    "lesson.vanish.reader.claim": "A long reach alone makes no good reader.",
    "lesson.vanish.reader.question": "Which of the two reads this sentence better?",
    "lesson.vanish.reader.look": "The perplexity of both models over their pictures.",
    "lesson.vanish.reader.change": "Choose the LSTM as the second model.",
    "lesson.vanish.reader.choice.rnn": "the plain RNN",
    "lesson.vanish.reader.choice.gru": "the GRU",
    "lesson.vanish.reader.choice.same": "both about as well",
    "lesson.vanish.reader.answer": (
        "The perplexity of the plain RNN is {rnn:.3g}, that of the GRU {gru:.3g}. A gate that lets go of what is of no use ends "
        "the reach on purpose."
    ),
    "lesson.vanish.reader.rule": "one reads better where its perplexity is lower by more than a tenth of that of the GRU.",
    "lesson.vanish.weaker.claim": "The recurrent weights U carry the gradient back.",
    "lesson.vanish.weaker.question": "All recurrent weights of the plain RNN are halved. What becomes of the half-life?",
    "lesson.vanish.weaker.look": "The bound σ max(U)·γ, and the curve of the median share.",
    "lesson.vanish.weaker.change": "Set the factor of the recurrent weights to 1.25.",
    "lesson.vanish.weaker.choice.shorter": "it becomes shorter",
    "lesson.vanish.weaker.choice.same": "it stays",
    "lesson.vanish.weaker.choice.longer": "it becomes longer",
    "lesson.vanish.weaker.answer": "The half-life was {before:reached} and is {after:reached} with half of U.",
    "lesson.vanish.weaker.rule": "the two half-lives are compared as they are.",
    # lessons: what clipping does
    "lesson.clip": "What clipping does",
    "lesson.clip.turns.claim": "Clipping by the norm acts on the whole gradient at once.",
    "lesson.clip.turns.question": "The gradient is clipped at θ = 0.05. What of it changes?",
    "lesson.clip.turns.look": "The bars before and after clipping, parameter by parameter.",
    "lesson.clip.turns.change": "Move θ up until nothing is clipped any more.",
    "lesson.clip.turns.choice.length": "its length alone",
    "lesson.clip.turns.choice.both": "its length and its direction",
    "lesson.clip.turns.choice.neither": "nothing",
    "lesson.clip.turns.answer": (
        "The norm goes from {before:.3g} to {after:.3g}, and the direction turns by {degrees:.0f}°. Clipped value by value at "
        "the same θ, it would turn by {value_degrees:.0f}°."
    ),
    "lesson.clip.turns.rule": "the norms and the angle between the two gradients are compared with zero change.",
    "lesson.clip.reach.claim": "Clipping is made against gradients that explode.",
    "lesson.clip.reach.question": "Does clipping make the gradient reach farther back?",
    "lesson.clip.reach.look": "The half-life. Move θ, and watch whether it moves.",
    "lesson.clip.reach.change": "Set θ to its smallest value.",
    "lesson.clip.reach.choice.longer": "yes, farther",
    "lesson.clip.reach.choice.same": "no, as far as before",
    "lesson.clip.reach.choice.shorter": "no, less far",
    "lesson.clip.reach.answer": (
        "Every part of the gradient is multiplied by {coefficient:.3g}, the early steps like the late ones. The half-life is "
        "{before:reached} before and {after:reached} after."
    ),
    "lesson.clip.reach.rule": "the half-life of the flow and that of the flow times the coefficient are compared.",
    "lesson.clip.rate.claim": "Where SGD clips at every step, learning rate and θ act as one number.",
    "lesson.clip.rate.question": "θ is halved and the learning rate doubled. How long is the step of the weights?",
    "lesson.clip.rate.look": "The norm after clipping: it is θ itself.",
    "lesson.clip.rate.change": "Train twice on the page Train, once with each pair.",
    "lesson.clip.rate.choice.longer": "longer",
    "lesson.clip.rate.choice.same": "as long as before",
    "lesson.clip.rate.choice.shorter": "shorter",
    "lesson.clip.rate.answer": (
        "With a learning rate of {rate:g} and θ = {theta:g} the step has the length {first:.3g}. With the rate doubled and θ "
        "halved it has {second:.3g}. This holds while the gradient is longer than θ."
    ),
    "lesson.clip.rate.rule": "the length of a step is learning rate times norm after clipping.",
    # lessons: two directions
    "lesson.two": "Two directions",
    "lesson.two.leak.claim": "A splendid score can mean that the answer was in sight.",
    "lesson.two.leak.question": "This bidirectional model is asked for the next character. Its score is near 1. How?",
    "lesson.two.leak.look": "The score on the first card, and what the app calls it.",
    "lesson.two.leak.change": "Type nonsense. The score stays good.",
    "lesson.two.leak.choice.predicts": "it predicts very well",
    "lesson.two.leak.choice.sees": "it sees the character that it is asked for",
    "lesson.two.leak.answer": (
        "Its score is {leaky:.3f}; the plain RNN that reads forward has a perplexity of {honest:.3g}. The outputs depend on what "
        "comes after them: their energy, the sum of squared derivatives by what follows, is {ahead:.3g}, and a model that "
        "predicts has exactly 0."
    ),
    "lesson.two.leak.rule": "it sees the answer where any output depends on a later character.",
    "lesson.two.writes.claim": "Whoever predicts can go on writing.",
    "lesson.two.writes.question": "The same model is to go on after “the time”. What happens?",
    "lesson.two.writes.look": "Whether the page offers to write on.",
    "lesson.two.writes.change": "Choose the plain RNN. It writes.",
    "lesson.two.writes.choice.writes": "it writes on",
    "lesson.two.writes.choice.refuses": "it cannot be asked",
    "lesson.two.writes.answer": "{what}",
    "lesson.two.writes.refused": (
        "The library refuses. The net that reads from the end needs the text that is not written yet, so there is nothing to ask."
    ),
    "lesson.two.writes.written": "It wrote: {written}",
    "lesson.two.writes.rule": "the model is asked to write 20 characters.",
    "lesson.two.cloze.claim": "Both directions are honest where the question is a gap.",
    "lesson.two.cloze.question": "This model fills each gap from both sides. Does it see the character in the gap?",
    "lesson.two.cloze.look": "The score is called a pseudo-perplexity. It is not comparable with a perplexity.",
    "lesson.two.cloze.change": "Click a character of the text, and see what the model would put there.",
    "lesson.two.cloze.choice.yes": "yes",
    "lesson.two.cloze.choice.no": "no",
    "lesson.two.cloze.answer": (
        "The energy (the sum of squared derivatives) of each output by its own character is {own:.3g} in sum, that by all "
        "other characters {others:.3g}."
    ),
    "lesson.two.cloze.rule": "it does not see it where the energy of every output by its own character is exactly 0.",
    # lessons: a sentence of one's own
    "lesson.mistakes": "Mistakes people publish",
    "lesson.mistakes.reset.claim": "A GRU has two reset conventions, and the file with the weights does not say which.",
    "lesson.mistakes.reset.question": "Weights trained with reset after are read with reset before. What becomes of the "
    "perplexity?",
    "lesson.mistakes.reset.look": "The perplexity on the first card, with that of the model as trained under it.",
    "lesson.mistakes.reset.change": "Open the page Cell, and read one step in both conventions.",
    "lesson.mistakes.reset.choice.worse": "it gets worse",
    "lesson.mistakes.reset.choice.same": "it stays alike",
    "lesson.mistakes.reset.choice.better": "it gets better",
    "lesson.mistakes.reset.answer": "The perplexity of this sentence is {own:.3g} as trained and {other:.3g} read the other way.",
    "lesson.mistakes.reset.rule": "a difference of more than a tenth of the first counts.",
    "lesson.mistakes.parallel.claim": "Two nets make a model bidirectional only if one of them reads from the end.",
    "lesson.mistakes.parallel.question": "In this model both nets read forward. What does its second net add?",
    "lesson.mistakes.parallel.look": "The two nets: both begin at the first character.",
    "lesson.mistakes.parallel.change": "Take the model that fills gaps, and look at its second net.",
    "lesson.mistakes.parallel.choice.follows": "what follows in the text",
    "lesson.mistakes.parallel.choice.nothing": "nothing of what follows",
    "lesson.mistakes.parallel.answer": (
        "The outputs depend on what stands before them with an energy (the sum of squared derivatives) of {past:.3g}, and on "
        "what follows with {ahead:.3g}."
    ),
    "lesson.mistakes.parallel.rule": "any dependence on a later character counts.",
    "lesson.mistakes.biases.claim": "PyTorch gives every gate two biases, the book gives it one.",
    "lesson.mistakes.biases.question": "In this GRU, with reset after, c is added to b and set to zero. Is it the same network?",
    "lesson.mistakes.biases.look": "The equation of the candidate: r multiplies U h + c, and not b.",
    "lesson.mistakes.biases.change": "Take the plain RNN: there, b and c stand side by side.",
    "lesson.mistakes.biases.choice.same": "yes, the same",
    "lesson.mistakes.biases.choice.other": "no, another",
    "lesson.mistakes.biases.answer": (
        "A state of this GRU moves by up to {after:.2g}. In a plain RNN it would move by {plain:.1g}, which is rounding."
    ),
    "lesson.mistakes.biases.rule": "a state that moves by more than 0.0001 counts.",
    "lesson.mistakes.huge.claim": "A norm is the root of a sum of squares, and squares overflow.",
    "lesson.mistakes.huge.question": "A gradient has 100 entries of 1e20 in float32. What does the root of the summed squares "
    "say?",
    "lesson.mistakes.huge.look": "The recurrent weights are three times as large: the gradient explodes, and its norm is still "
    "a number.",
    "lesson.mistakes.huge.change": "Set the recurrent weights back, and compare the norm.",
    "lesson.mistakes.huge.choice.right": "the right norm",
    "lesson.mistakes.huge.choice.infinite": "infinity",
    "lesson.mistakes.huge.choice.zero": "zero",
    "lesson.mistakes.huge.answer": (
        "The norm of {count} entries of {entry:.0e} is {exact:.0e}. float32 ends at 3.4e38 and has no square of 1e20; a gradient "
        "that is divided by an infinite norm is zero, and the step is lost."
    ),
    "lesson.mistakes.huge.rule": "the root in float32 is compared with the norm in float64.",
    "lesson.own": "Read your own sentence",
    "lesson.own.backwards.claim": "A model has learned an order of characters.",
    "lesson.own.backwards.question": "The same sentence is read backwards. Which way has the higher perplexity?",
    "lesson.own.backwards.look": "The surprise of each character in the sentence that is turned round.",
    "lesson.own.backwards.change": "Type your own name, and then its letters from the end.",
    "lesson.own.backwards.choice.forward": "as it was written",
    "lesson.own.backwards.choice.same": "both about the same",
    "lesson.own.backwards.choice.backward": "backwards",
    "lesson.own.backwards.answer": "The perplexity is {forward:.3g} as it was written and {backward:,.0f} backwards.",
    "lesson.own.backwards.rule": "one is higher where they differ by more than a tenth of the smaller.",
    "lesson.own.words.claim": "The beginning of a word is hard to guess.",
    "lesson.own.words.question": "Type a sentence on the page Gates first. Where does it surprise the model more?",
    "lesson.own.words.look": "The surprise at the first character of each word, and within the words.",
    "lesson.own.words.change": "Use a word that the book does not have.",
    "lesson.own.words.choice.start": "at the first characters of words",
    "lesson.own.words.choice.same": "nowhere more",
    "lesson.own.words.choice.within": "within the words",
    "lesson.own.words.answer": "In {which}, the mean is {start:.2f} bits at first characters and {within:.2f} bits within words.",
    "lesson.own.words.mine": "your sentence",
    "lesson.own.words.example": "the example, since there is no sentence of yours with two words",
    "lesson.own.words.rule": "two means differ where they are more than 0.1 bits apart.",
    "lesson.own.beside.claim": "Two models can be surprised by different things.",
    "lesson.own.beside.question": "Which model reads your sentence better?",
    "lesson.own.beside.look": "The two pictures: where is one surprised and the other not?",
    "lesson.own.beside.change": "Look for a sentence that the other model reads better.",
    "lesson.own.beside.choice.rnn": "the plain RNN",
    "lesson.own.beside.choice.same": "both about as well",
    "lesson.own.beside.choice.gru": "the GRU",
    "lesson.own.beside.answer": "On {which}, the perplexity of the plain RNN is {rnn:.3g} and that of the GRU {gru:.3g}.",
    "lesson.own.beside.rule": "one reads better where its perplexity is lower by more than a tenth of the smaller.",
}
