"""English: the sentence of every code, room by room, and how figures are written in it.

Every figure keeps the name it has in the code, so that a sentence is a template and nothing is computed here but the way a
number is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any


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
        f"One of its nets reads from the end, past the character it is asked for, so its score of {_perplexity(score_nats)} says "
        f"nothing about what it can predict. {_reach(**reach)}"
    )


def _truncated(num_steps: int, horizon_steps: float | None = None, **_: Any) -> str:
    return f"The gradient is carried back over {_steps(num_steps)} in training, but it would reach farther: " + (
        "more than 1 % of it is left at the beginning of this text."
        if horizon_steps is None
        else f"1 % of it is left after {_steps(horizon_steps)}."
    )


def _lower_rate(learning_rate: float, clip_norm: float | None = None, **_: Any) -> str:
    return f"Train again with a learning rate of {learning_rate / 10:g}" + (
        f", or clip the gradient at 1: now it is {learning_rate:g} and nothing is clipped."
        if clip_norm is None
        else "."
    )


def _names(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _alternatives(values: Iterable[object]) -> str:
    return " or ".join(map(str, values))


def _span(name: str, least: int, most: int) -> str:
    span = f"from {least:,} to {most:,}" if least < most else f"{least:,}"
    return f"as {name} the whole number {span}"


def _some(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + "s" * (count != 1)


def _breaks(breaks: int) -> str:
    return f"{_some(breaks, 'page break')} or separators became line ends."


def _cut(count: int, where: str) -> str:
    were = "was" if count == 1 else "were"
    return f"It is cut in the middle of a character; {_some(count, 'byte')} {were} dropped at its {where}."


FORMS: dict[str, Callable[[Any], str]] = {
    "perplexity": _perplexity,
    "steps": _steps,
    "epochs": lambda count: "epoch" if count == 1 else f"{count:g} epochs",
    "layers": lambda count: _some(count, "layer"),
    "characters": lambda count: _some(count, "character"),
    "names": _names,
    "nets": lambda nets: "; ".join(f"layer {net.layer}, {net.direction}" for net in nets),
    "some": lambda values: _names(values)[:80],
    "quoted names": lambda values: repr(_names(values)[:80]),
    "alternatives": _alternatives,
    "choices": "; ".join,
    "quoted": lambda value: repr(str(value)[:40]),
    "MB": lambda size: f"{size / 1e6:.1f} MB",
    "whole MB": lambda size: f"{size // 10**6} MB",
}
"""What may stand behind the colon of a figure in a template, beside what format knows."""

SENTENCES: dict[str, str | Callable[..., str]] = {
    # fields: what was expected of a field, and what came
    "config": "{field}: expected {expected}; got {got}.",
    "score.next": "perplexity",
    "score.cloze": "pseudo-perplexity",
    "score.leaky": "leaky score",
    "expected.net": "one of {nets:nets}",
    "got.net": "layer {layer}, {direction}",
    "expected.top-layer": "the last layer ({last}) of a model whose layers read both directions below: under it a gradient runs "
    "both ways through the text, which one sweep cannot follow",
    "expected.text": "a text, or one that the model has read; record_tapes takes any input",
    "got.numbers": "numbers",
    "expected.same-model": "a read of the same model",
    "got.another": "another",
    "expected.flow": "one of the same text and net, layer {layer}, {direction}",
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
    "expected.objective-one-way": "'next' for a {direction} model",
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
        "After reading {read:characters} this model's prediction is not a finite number: it has diverged. Take its weights of "
        "an earlier epoch, or train it with a lower learning rate."
    ),
    # interventions
    "intervention": "{changes:names}",
    "intervention.none": "nothing changed",
    "intervention.held": "{gate} held at {value:g}",
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
    # training
    "training.diverged": (
        "Diverged at step {step}: the {what} of {parameter} is not a finite number. The weights of the step before are kept. "
        "Lower the learning rate, or clip the gradient's norm (at a lower threshold, if it is clipped already)."
    ),
    "training.diverged.gradient": "gradient",
    "training.diverged.value": "value",
    "training.diverged.weight": "new weight",
    "training.too-short": (
        "Expected a text of at least {least:,} characters for this recipe (batch_size {batch_size}, num_steps {num_steps}); "
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
        "Expected at least {least:,} characters for batches of {batch_size} x {num_steps}; got {characters:,}. Take a longer "
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
    "text.no-loss": "Expected a text of at least {least} characters, so that there is a loss; got {count}.",
    "text.too-long-for-flow": "Expected at most {most:,} characters for a T x T flow; got {count:,}. Take a part.",
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
    "vocabulary.odd": "Expected different single characters as symbols; got {symbols!a:.60}.",
    "vocabulary.repeated": "Expected different single characters as symbols; got a repeated one.",
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
    "checkpoint.vocabulary": "Expected a vocabulary of characters and counts; got something else.",
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
    "value.gradient-of": "gradient of {parameter}",
    "value.state": "state h of layer {layer}, {direction}",
    "value.gradient-of-loss": "gradient at {part} of the loss read off step {row}",
    "value.gradient-of-mean-loss": "gradient at {part} of the mean loss",
    "value.step": "step {step}",
    "value.entry": "entry {entry}",
    # probes: the verdicts; a title, what was found, and one change to try
    "sureness.certain": "",
    "sureness.likely": "likely",
    "verdict.exploding": "The gradient explodes",
    "verdict.exploding.found": "The median loss is {share:,.3g} times its local gradient {lag:steps} back.",
    "verdict.exploding.found.value": "The first value that is not a finite number: {non_finite}.",
    "verdict.exploding.found.prediction": "The first value that is not a finite number: the prediction of step {step}.",
    "verdict.exploding.advice": (
        "Try smaller recurrent weights, such as init='orthogonal', or clip the gradient while training."
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
        "the frequencies of the characters ({unigram_nats:perplexity})."
    ),
    "verdict.rate-too-large.advice": _lower_rate,
    "verdict.rate-too-small": "The learning rate is too small",
    "verdict.rate-too-small.found": (
        "After training the perplexity is {last_nats:perplexity}, no better than by the frequencies of the characters "
        "({unigram_nats:perplexity}), and a step changes the weights by {update_share:.1g} of their size."
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
    "verdict.overfitting": "It overfits",
    "verdict.overfitting.found": (
        "Text it was not trained on was read best after epoch {best_epoch:,}, with perplexity {best_nats:perplexity}; now it is "
        "{held_out_nats:perplexity}, while training reached {last_nats:perplexity}."
    ),
    "verdict.overfitting.advice": "Stop at epoch {best_epoch:,}, take fewer units, or give it more text.",
    "verdict.by-heart": "It knows its own text by heart",
    "verdict.by-heart.found": (
        "Its training ended at perplexity {last_nats:perplexity}; this text, of the same kind of characters, has "
        "{score_nats:perplexity}."
    ),
    "verdict.by-heart.advice": "To read other texts as well, it needs a longer text to learn from.",
    "verdict.unlike": "This text is unlike what it learned",
    "verdict.unlike.found": (
        "Its perplexity here is {score_nats:perplexity}; at the end of training it was {last_nats:perplexity}."
    ),
    "verdict.unlike.found.unknown": "{unknown_share:.0%} of its characters are unknown to the model.",
    "verdict.unlike.found.frequencies": (
        "By their frequencies in what it learned, these characters cost perplexity {text_nats:perplexity} instead of "
        "{corpus_nats:perplexity}."
    ),
    "verdict.unlike.advice": "Judge it on a text like the one it learned.",
    "verdict.leaks": "It has read the answer",
    "verdict.leaks.found": _leaks,
    "verdict.leaks.advice": "Ask for each character from what stands around it: objective='cloze'.",
    "verdict.disconnected": "Nothing leads from the state to the output",
    "verdict.disconnected.found": "No loss gives its state any gradient.",
    "verdict.disconnected.advice": "Look at the output weights.",
    "verdict.saturated": "It is saturated",
    "verdict.saturated.found": (
        "{share:.0%} of the values of the {gate} are under 0.1 or over 0.9, where it hardly learns."
    ),
    "verdict.saturated.found.tanh": "{share:.0%} of the states are beyond ±0.8.",
    "verdict.saturated.found.sigmoid": "{share:.0%} of the states are under 0.1 or over 0.9.",
    "verdict.saturated.advice": "Try a lower learning rate or smaller initial weights.",
    "verdict.dead-units": "Most units are dead",
    "verdict.dead-units.found": "{share:.0%} of the units are zero at every step of this text, so no gradient passes them.",
    "verdict.dead-units.advice": "Try tanh, or a lower learning rate.",
    "verdict.truncated": "Training cuts the gradient too early",
    "verdict.truncated.found": _truncated,
    "verdict.truncated.advice": "Raise the number of steps, so that a batch spans what has to be remembered.",
    "verdict.vanishing": "The gradient vanishes",
    "verdict.vanishing.found": _reach,
    "verdict.vanishing.advice.plain": "Try a gated cell: its copy path multiplies by z, not by U.",
    "verdict.vanishing.advice.gated": "Try gates that start open: init='chrono', or keep_bias=1.",
    "verdict.still-learning": "It is still learning",
    "verdict.still-learning.found": (
        "Over the last {epochs:epochs} the perplexity still fell from {earlier_nats:perplexity} to {last_nats:perplexity}."
    ),
    "verdict.still-learning.advice": "Train it for more epochs.",
    "verdict.healthy": "Healthy",
    "verdict.healthy.found": _reads,
    "verdict.unclear": "Nothing stands out",
    "verdict.unclear.found": _reads,
    "verdict.too-short": "Too short to tell",
    "verdict.too-short.found": "{least:g} characters or more are needed; this text has {characters:g}.",
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
}
