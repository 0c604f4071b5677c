"""English: the sentence of every code, room by room, and how figures are written in it.

Every figure keeps the name it has in the code, so that a sentence is a template and nothing is computed here but the way a
number is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Figures = Mapping[str, float | str]

TITLES: dict[str, str] = {
    "exploding": "The gradient explodes",
    "untrained": "Not trained yet",
    "rate-too-large": "The learning rate is too large",
    "rate-too-small": "The learning rate is too small",
    "clip-bound": "Clipping holds it back",
    "overfitting": "It overfits",
    "by-heart": "It knows its own text by heart",
    "unlike": "This text is unlike what it learned",
    "leaks": "It has read the answer",
    "disconnected": "Nothing leads from the state to the output",
    "saturated": "It is saturated",
    "dead-units": "Most units are dead",
    "truncated": "Training cuts the gradient too early",
    "vanishing": "The gradient vanishes",
    "still-learning": "It is still learning",
    "healthy": "Healthy",
    "unclear": "Nothing stands out",
    "too-short": "Too short to tell",
}


def title(rule: str) -> str:
    """What a verdict is called."""
    return TITLES[rule]


def sureness(confidence: str) -> str:
    """How sure a verdict is, where it is not certain: a word behind its title."""
    return {"certain": "", "likely": "likely"}[confidence]


def evidence(rule: str, figures: Figures) -> str:
    """What was found, as a sentence."""
    return EVIDENCE[rule](figures)


def advice(rule: str, figures: Figures) -> str:
    """One change to try; empty where nothing is to be changed."""
    return ADVICE[rule](figures) if rule in ADVICE else ""


def perplexity(nats: float | str) -> str:
    """A mean loss as the perplexity it is."""
    value = float(nats)
    if value > 20:
        return f"e^{value:.0f}"
    power = math.exp(value)
    return f"{power:.2f}" if power < 100 else f"{power:,.0f}"


def _steps(value: float | str) -> str:
    return f"{value:g} step" + "s" * (value != 1)


def _reach(f: Figures) -> str:
    half, horizon = f.get("half_life_steps"), f.get("horizon_steps")
    said = "The median loss does not fall to half of its local gradient within this text" if half is None else (
        f"The median loss falls under half of its local gradient after {_steps(half)}")  # fmt: skip
    return f"{said}." if horizon is None else f"{said} and under 1 % after {_steps(horizon)}."


def _too_large(f: Figures) -> str:
    if "fault_step" in f:
        return f"Training broke off at step {f['fault_step']:,}: a value was not a finite number any more."
    if "uniform_nats" in f:
        return (
            f"After training the perplexity is {perplexity(f['last_nats'])}, worse than a blind guess "
            f"({perplexity(f['uniform_nats'])})."
        )
    if "growth" in f:
        return (
            f"The weights have grown {f['growth']:.0f} times as large, and the perplexity of {perplexity(f['last_nats'])} is no "
            f"better than by the frequencies of the characters ({perplexity(f['unigram_nats'])})."
        )
    return (
        f"The loss keeps jumping: it was as low as perplexity {perplexity(f['best_nats'])} and ended at "
        f"{perplexity(f['last_nats'])}."
    )


def _unlike(f: Figures) -> str:
    if "unknown_share" in f:
        return f"{f['unknown_share']:.0%} of its characters are unknown to the model."
    if "text_nats" in f:
        return (
            f"By their frequencies in what it learned, these characters cost perplexity {perplexity(f['text_nats'])} "
            f"instead of {perplexity(f['corpus_nats'])}."
        )
    return f"Its perplexity here is {perplexity(f['score_nats'])}; at the end of training it was {perplexity(f['last_nats'])}."


REMEDIES = {  # against a vanishing gradient, by cell
    "rnn": "Try a gated cell: its copy path multiplies by z, not by U.",
    "gru": "Try gates that start open: init='chrono'.",
    "lstm": "Try gates that start open: init='chrono', or keep_bias=1.",
}


def _saturated(f: Figures) -> str:
    if "gate" in f:
        return f"{f['share']:.0%} of the values of the {f['gate']} are under 0.1 or over 0.9, where it hardly learns."
    where = {"tanh": "beyond ±0.8", "sigmoid": "under 0.1 or over 0.9"}[str(f["activation"])]
    return f"{f['share']:.0%} of the states are {where}."


def _exploding(f: Figures) -> str:
    if "non_finite" in f:
        return f"The first value that is not a finite number: {f['non_finite']}."
    return f"The median loss is {f['share']:,.3g} times its local gradient {_steps(f['lag'])} back."


EVIDENCE: dict[str, Callable[[Figures], str]] = {
    "exploding": _exploding,
    "untrained": lambda f: f"It has finished no epoch; a blind guess has perplexity {perplexity(f['uniform_nats'])}.",
    "rate-too-large": _too_large,
    "rate-too-small": lambda f: (
        f"After training the perplexity is {perplexity(f['last_nats'])}, no better than by the frequencies of the "
        f"characters ({perplexity(f['unigram_nats'])}), and a step changes the weights by {f['update_share']:.1g} of their size."
    ),
    "clip-bound": lambda f: (
        f"Clipping at {f['clip_norm']:g} shortened {f['clipped_share']:.0%} of the steps, from a norm of "
        f"{f['grad_norm_before']:.2g} on average; a step now changes the weights by {f['update_share']:.1g} of their size, and "
        f"little is learned."
    ),
    "overfitting": lambda f: (
        f"Text it was not trained on was read best after epoch {f['best_epoch']:,}, with perplexity "
        f"{perplexity(f['best_nats'])}; now it is {perplexity(f['held_out_nats'])}, while training reached "
        f"{perplexity(f['last_nats'])}."
    ),
    "by-heart": lambda f: (
        f"Its training ended at perplexity {perplexity(f['last_nats'])}; this text, of the same kind of characters, has "
        f"{perplexity(f['score_nats'])}."
    ),
    "unlike": _unlike,
    "leaks": lambda f: (
        f"One of its nets reads from the end, past the character it is asked for, so its score of "
        f"{perplexity(f['score_nats'])} says nothing about what it can predict. {_reach(f)}"
    ),
    "disconnected": lambda f: "No loss gives its state any gradient.",
    "saturated": _saturated,
    "dead-units": lambda f: f"{f['share']:.0%} of the units are zero at every step of this text, so no gradient passes them.",
    "truncated": lambda f: (
        f"The gradient is carried back over {_steps(f['num_steps'])} in training, but it would reach farther: "
        + (f"1 % of it is left after {_steps(f['horizon_steps'])}." if "horizon_steps" in f
           else "more than 1 % of it is left at the beginning of this text.")
    ),
    "vanishing": _reach,
    "still-learning": lambda f: (
        f"Over the last {f['epochs']:g} epoch(s) the perplexity still fell from {perplexity(f['earlier_nats'])} to "
        f"{perplexity(f['last_nats'])}."
    ),
    "healthy": lambda f: f"It reads this text with a {f['score']} of {perplexity(f['score_nats'])}. {_reach(f)}",
    "unclear": lambda f: f"It reads this text with a {f['score']} of {perplexity(f['score_nats'])}. {_reach(f)}",
    "too-short": lambda f: f"{f['least']:g} characters or more are needed; this text has {f['characters']:g}.",
}  # fmt: skip


def _lower_rate(f: Figures) -> str:
    rate = float(f["learning_rate"])
    return f"Train again with a learning rate of {rate / 10:g}" + (
        "." if "clip_norm" in f else f", or clip the gradient at 1: now it is {rate:g} and nothing is clipped."
    )


ADVICE: dict[str, Callable[[Figures], str]] = {
    "exploding": lambda f: (
        "Try smaller recurrent weights, such as init='orthogonal', or clip the gradient while training."
    ),
    "untrained": lambda f: "Train it; what its gradient does now says little about what it will do.",
    "rate-too-large": _lower_rate,
    "rate-too-small": lambda f: f"Train again with a learning rate of {10 * float(f['learning_rate']):g}.",
    "clip-bound": lambda f: (
        f"Raise the threshold to about {f['grad_norm_before']:.2g}, or raise the learning rate: under clipping only their "
        f"product counts."
    ),
    "overfitting": lambda f: f"Stop at epoch {f['best_epoch']:,}, take fewer units, or give it more text.",
    "by-heart": lambda f: "To read other texts as well, it needs a longer text to learn from.",
    "leaks": lambda f: "Ask for each character from what stands around it: objective='cloze'.",
    "unlike": lambda f: "Judge it on a text like the one it learned.",
    "disconnected": lambda f: "Look at the output weights.",
    "saturated": lambda f: "Try a lower learning rate or smaller initial weights.",
    "dead-units": lambda f: "Try tanh, or a lower learning rate.",
    "truncated": lambda f: "Raise the number of steps, so that a batch spans what has to be remembered.",
    "vanishing": lambda f: REMEDIES[str(f["cell"])],
    "still-learning": lambda f: "Train it for more epochs.",
}


class Reach(NamedTuple):
    """How far back the gradient of one model reaches on a text, and how well the model reads the text.

    Attributes:
        name: of the model.
        half_life_steps: the first lag at which the median loss has less than half of its local gradient left; None where
            it has more at every lag of the text.
        horizon_steps: the same for 1 %.
        perplexity: of the text; None where it is not defined, or not to be compared.

    """

    name: str
    half_life_steps: int | None
    horizon_steps: int | None
    perplexity: float | None


def reach_compared(first: Reach, second: Reach) -> str:
    """What it means that the gradient reaches farther in one of two models, and what it does not; "" if it does not.

    Judged by the horizons, and by the half-lives where the horizons are equal.
    """
    for share, key in (("1 %", "horizon_steps"), ("half", "half_life_steps")):
        far, near = sorted((first, second), key=lambda reach: -_lag(reach, key))
        if _lag(far, key) != _lag(near, key):
            falls = f"falls under {share} after {_steps(_lag(far, key))}"
            stays = f"stays over {share} at every step of this text"
            return (
                f"The gradient reaches farther in {far.name}: it {falls if _lag(far, key) < math.inf else stays}, in {near.name} "
                f"it falls under {share} after {_steps(_lag(near, key))}. So what {far.name} predicts badly can still correct "
                f"what it did longer ago. {_read(far, near)}"
            )
    return ""


def _lag(reach: Reach, key: str) -> float:
    lag = getattr(reach, key)
    return math.inf if lag is None else float(lag)


def _read(far: Reach, near: Reach) -> str:
    """What the farther reach has to do with how well the two models read."""
    if far.perplexity is None or near.perplexity is None or not far.perplexity < math.inf > near.perplexity:
        return (
            "That alone makes it no better reader: a gate that lets go of what is of no use ends the reach on purpose."
        )
    figures = f"(perplexity {perplexity(math.log(far.perplexity))} against {perplexity(math.log(near.perplexity))})"
    if far.perplexity < near.perplexity:
        return f"It also reads this text better {figures}; a long reach alone does not bring that."
    return f"It is not the better reader for that {figures}: a gate that lets go of what is of no use ends the reach on purpose."


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
    "names": _names,
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
    "expected.choice": "one of {allowed:names}",
    "expected.whole": "a whole number from {least:,} to {most:,}",
    "expected.above-zero": "a finite number above 0",
    "expected.flag": "True or False",
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
    "text.too-large": "Expected a text of at most {most:whole MB}; this one has {size:MB}. Cut it and try again.",
    "text.foreign": "Expected plain text; this is {kind}. Save or copy the text you mean into a .txt file.",
    "text.nothing-visible": "Expected a text with at least one visible character; this file has none.",
    "text.binary": "Expected plain text; this file holds control characters (read as {encoding}), so it is binary.",
    "text.unreadable": "Expected plain text. {reason} Save it as UTF-8 and try again.",
    "text.encoding-in-doubt": (
        "Expected a text whose encoding can be told for certain. {reason} Choose one: {candidates:choices}. Or save it as UTF-8."
    ),
    "text.encoding-unknown": "Expected an encoding out of {known:choices}. Got {got:quoted}.",
    "text.other-encoding": "Expected a text in {encoding}, but {flaw} Choose another encoding, or save the file as UTF-8.",
    "text.end-of-file-dropped": "The end-of-file mark of DOS (^Z) was dropped.",
    "text.breaks-became-line-ends": _breaks,
    "vocabulary.too-few": "Expected {unknown!r} followed by at least one character; got {count} symbols.",
    "vocabulary.odd": "Expected different single characters as symbols; got {symbols!a:.60}.",
    "vocabulary.repeated": "Expected different single characters as symbols; got a repeated one.",
    "vocabulary.counts": "Expected one count from 0 to {most:,} for each of {count} symbols.",
    "vocabulary.empty-text": "Expected a text with at least one character to make a vocabulary from; it is empty.",
    # encodings
    "encodings.cut-at-its-beginning": lambda count: _cut(count, "beginning"),
    "encodings.cut-at-its-end": lambda count: _cut(count, "end"),
    "encodings.replaced": lambda places: f"{_some(places, 'place')} could not be read and became \ufffd.",
    "encodings.marked": "This file has the mark of {encoding}, but {flaw}",
    "encodings.alike": "This file looks like {encoding}, but {flaw}",
    "encodings.flaw": "byte {place:,} (0x{byte:02X}, in line {line:,}) does not fit.",
    "encodings.binary": "This file holds control characters, so it is binary, not a text.",
    "encodings.none": "No encoding that is known here gives a text of these bytes.",
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
    "checkpoint.no-such-epoch": "Expected an epoch out of {epochs:names}; got {got}.",
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
    "corpora.no-way": "there is no way to it, so this machine is probably offline",
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
}
