"""What makes no sense before a run is started: a complaint about each control."""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import dataclass

from explorer.checkpoints import written
from explorer.fields import expected, got, shown
from explorer.models import MAX_PARAMETERS, ConfigError, ModelConfig
from explorer.recording import MAX_BYTES
from explorer.runs.recorder import split_text
from explorer.text import MAX_FILE_BYTES, Vocabulary, clean_text, split_clean
from explorer.training import Recipe, check_seed
from explorer.words import Saying, say

MAX_NAME, MAX_SENTENCE = 80, 2_000
MAX_STEP_BYTES = 2 * 10**9
MAX_HEADER, HISTORY_BYTES = 900_000, 75  # of a checkpoint: its header, and an epoch of history in it


@dataclass(frozen=True)
class Complaint:
    """What is wrong with one control; as a string it is one sentence that names the control.

    Attributes:
        field: the control: a field of ModelConfig or Recipe, or one of RunRequest.
        expected: what it can be.
        got: the value that came, or what is said of it.
        advice: what to do about it, where that is not plain.

    """

    field: str
    expected: Saying
    got: object
    advice: Saying | None = None

    @classmethod
    def of(cls, fault: ConfigError) -> Complaint:
        """The same as a configuration says it."""
        return cls(fault.field, fault.expected, fault.got)

    @property
    def told(self) -> str:
        """The sentence without the name, for a person who sees the control."""
        said = say("complaint.told", **self._figures)
        return said if self.advice is None else f"{said} {self.advice}"

    @property
    def _figures(self) -> dict[str, object]:
        return {"expected": self.expected, "got": self.got if isinstance(self.got, Saying) else shown(self.got)}

    def __str__(self) -> str:
        said = say("config", field=self.field, **self._figures)
        return said if self.advice is None else f"{said} {self.advice}"


def name_problem(name: str) -> Complaint | None:
    """Why a name cannot be one; None if it can. An empty name is replaced by a description."""
    odd = {c for c in name if c in "/\\" or unicodedata.category(c) in ("Cc", "Cs", "Cf", "Zl", "Zp")}
    if odd or name.strip(". ") != name.strip():
        came = got("odd-characters", characters=sorted(map(repr, odd))) if odd else name[:20]
        return Complaint("name", expected("name"), came)
    if len(name) > MAX_NAME:
        return Complaint("name", expected("at-most-characters", most=MAX_NAME), got("count", count=len(name)))
    return None


def text_problem(text: str) -> Complaint | None:
    """Why a text cannot be learned from; None if it can."""
    if not text.strip():
        return Complaint("text", expected("visible-text"), got("empty-one"))
    if "\0" in text:
        return Complaint("text", expected("plain-text"), got("binary-file"))
    if (size := len(text.encode("utf-8", "replace"))) > MAX_FILE_BYTES:
        return Complaint(
            "text", expected("at-most-bytes", most=MAX_FILE_BYTES), got("bytes", size=size), Saying("advice.cut")
        )
    if len(set(clean_text(text))) < 2:
        only = got("one-character", character=text[0])
        return Complaint("text", expected("two-characters"), only, Saying("advice.nothing-to-learn"))
    return None


def sentence_problem(sentence: str) -> Complaint | None:
    """Why a sentence cannot be watched; None if it can."""
    if len(sentence) > MAX_SENTENCE:
        return Complaint(
            "sentence", expected("at-most-characters", most=MAX_SENTENCE), got("count", count=len(sentence))
        )
    return None


def share_problem(share: object) -> Complaint | None:
    """Why so much cannot be held out; None if it can."""
    if not isinstance(share, int | float) or not 0 <= share <= 0.5:
        return Complaint("held_out_share", expected("held-out-share"), share)
    return None


def seed_problem(seed: object) -> Complaint | None:
    """Why a number cannot be a seed; None if it can."""
    try:
        check_seed(seed)  # type: ignore[arg-type]
    except ConfigError as fault:
        return Complaint.of(fault)
    return None


# ---- what makes no sense together, each part being well by itself ------------------------------------------------


def together(
    config: ModelConfig, recipe: Recipe, text: str, held_out_share: float, max_steps: int | None
) -> Complaint | None:
    """The first thing that makes no sense together, at the control to change; None where all does."""
    tokens = split_clean(text, recipe.token)
    trained = len(split_text(tokens, recipe, held_out_share)[0])
    if complaint := _length_problem(recipe, len(tokens), trained):
        return complaint
    vocabulary = Vocabulary.from_text(recipe.learned(text), recipe.token)
    return (
        _sameness_problem(vocabulary)
        or _gate_problem(config, recipe)
        or _size_problem(config, len(vocabulary))
        or _header_problem(recipe, vocabulary)
        or _memory_problem(config, recipe, len(vocabulary))
        or _steps_problem(recipe, trained, max_steps)
        or _precision_problem(recipe)
    )


def _sameness_problem(vocabulary: Vocabulary) -> Complaint | None:
    if len(vocabulary) > 2:
        return None
    only = got("one-token", symbol=vocabulary.symbols[-1])
    return Complaint("text", expected("two-tokens"), only, Saying("advice.nothing-to-learn"))


def _gate_problem(config: ModelConfig, recipe: Recipe) -> Complaint | None:
    try:
        recipe.check_gate(config)
    except ConfigError as fault:
        return Complaint.of(fault)
    return None


def _length_problem(recipe: Recipe, characters: int, trained: int) -> Complaint | None:
    least = expected("a-full-batch", least=recipe.shortest_text, rows=recipe.batch_size, steps=recipe.num_steps)
    if recipe.max_tokens is not None and recipe.max_tokens < recipe.shortest_text <= characters:
        return Complaint("max_tokens", least, got("count", count=recipe.max_tokens))
    if trained < recipe.shortest_text:
        return Complaint("text", least, got("count", count=trained), Saying("advice.longer-text"))
    return None


def _size_problem(config: ModelConfig, symbols: int) -> Complaint | None:
    weights, most = weight_count(config, symbols), min(MAX_PARAMETERS, MAX_BYTES // 4)
    if weights <= most:
        return None
    came = got("weights", count=weights, units=config.units, layers=config.num_layers, symbols=symbols)
    return Complaint("hidden_size", expected("at-most-weights", most=most), came, Saying("advice.fewer-units"))


def _header_problem(recipe: Recipe, vocabulary: Vocabulary) -> Complaint | None:
    symbols = json.dumps(written(vocabulary), ensure_ascii=False).encode()  # JSON inside the JSON of the header
    if len(symbols) + HISTORY_BYTES * recipe.epochs <= MAX_HEADER:
        return None
    return Complaint("text", expected("fewer-characters"), got("too-many-characters", count=len(vocabulary)))


def _memory_problem(config: ModelConfig, recipe: Recipe, symbols: int) -> Complaint | None:
    size = step_bytes(config, recipe, symbols)
    if size <= MAX_STEP_BYTES:
        return None
    most = expected("step-in-memory", most=MAX_STEP_BYTES)
    return Complaint("batch_size", most, got("step-of", size=size), Saying("advice.smaller-step"))


def _steps_problem(recipe: Recipe, trained: int, max_steps: int | None) -> Complaint | None:
    steps = steps_total(recipe, trained)
    if max_steps is None or steps <= max_steps:
        return None
    most = expected("at-most-updates", most=max_steps)
    return Complaint("epochs", most, got("about", count=steps), Saying("advice.fewer-epochs"))


def _precision_problem(recipe: Recipe) -> Complaint | None:
    try:
        recipe.check_precision()
    except ConfigError as fault:
        return Complaint.of(fault)
    return None


# ---- what a run will be ------------------------------------------------------------------------------------------


def weight_count(config: ModelConfig, symbols: int) -> int:
    """How many numbers a model of this configuration has."""
    return sum(map(math.prod, config.parameter_shapes(symbols).values()))


def step_bytes(config: ModelConfig, recipe: Recipe, symbols: int) -> int:
    """About how much memory a step takes: gates, factors and states of every net, logits and their gradients, float32."""
    widths = sum(config.width(net) for net in config.nets)
    a_character = (3 * len(config.kind.stacked) + 4) * widths + 3 * symbols
    return 4 * recipe.batch_size * recipe.backward_steps * a_character


def steps_total(recipe: Recipe, characters: int) -> int:
    """About how many steps a recipe makes of a text; a random offset may save one an epoch."""
    left = characters - 1 - (recipe.num_steps // 2 if recipe.random_offset else 0)
    if recipe.sampling == "sequential":
        an_epoch = left // recipe.batch_size // recipe.num_steps
    else:
        an_epoch = left // recipe.num_steps // recipe.batch_size
    return recipe.epochs * max(1, an_epoch)


def describe(config: ModelConfig, recipe: Recipe, corpus: str) -> str:
    """A name for a run that was given none."""
    name = say(
        "run.made-name", title=config.title, objective=config.objective, units=config.units, optimizer=recipe.optimizer,
        corpus=corpus, token=recipe.token,
    )  # fmt: skip
    return "".join(c for c in name if not name_problem(f"a{c}a"))[:MAX_NAME]


def summary(config: ModelConfig, recipe: Recipe, corpus: str, steps: int | None = None) -> str:
    """What a run trains, in a line.

    Args:
        config: the model.
        recipe: how it is trained.
        corpus: the name of its text.
        steps: how many there will be, about; None where that is not known yet.

    """
    return say(
        "run.summary", title=config.title, objective=config.objective, units=config.units, layers=config.num_layers,
        direction=config.direction, corpus=corpus, optimizer=recipe.optimizer, learning_rate=recipe.learning_rate,
        clip_norm=recipe.clip_norm, epochs=recipe.epochs, steps=steps, held_gate=recipe.held_gate, held_at=recipe.held_at,
        backward_batches=recipe.backward_batches, token=recipe.token,
    )  # fmt: skip
