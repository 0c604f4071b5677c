"""What makes no sense before a run is started: a plain sentence for each control."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from explorer.models import MAX_PARAMETERS, ConfigError, ModelConfig
from explorer.recording import MAX_BYTES
from explorer.runs.recorder import split_text
from explorer.text import MAX_FILE_BYTES, TextError, Vocabulary, clean_text
from explorer.training import Recipe

MAX_NAME, MAX_SENTENCE = 80, 2_000
MAX_STEP_BYTES = 2 * 10**9
MAX_HEADER, HISTORY_BYTES = 900_000, 75  # of a checkpoint: its header, and an epoch of history in it


def validate(
    config: ModelConfig | Mapping[str, Any],
    recipe: Recipe | Mapping[str, Any],
    text: str,
    *,
    name: str = "",
    sentence: str = "",
    held_out_share: float = 0.1,
    max_steps: int | None = None,
) -> dict[str, str]:
    """What makes no sense: control -> a sentence; empty when the run may start.

    The controls are the fields of ModelConfig and Recipe, and text, name, sentence, held_out_share.

    Args:
        config: a ModelConfig, or some of its fields as a form has them; what is missing has its default.
        recipe: a Recipe, or some of its fields.
        text: what to train on.
        name: of the run; may be empty.
        sentence: to watch; may be empty.
        held_out_share: share of the text that is not trained on.
        max_steps: the most that are allowed here.

    """
    model, problems = _build(ModelConfig, config)
    how, of_recipe = _build(Recipe, recipe)
    problems |= of_recipe
    for control, problem in (
        ("name", name_problem(name)),
        ("sentence", _sentence_problem(sentence)),
        ("held_out_share", _share_problem(held_out_share)),
        ("text", text_problem(text)),
    ):
        if problem:
            problems[control] = problem
    return problems or _together(model, how, clean_text(text), held_out_share, max_steps)


def name_problem(name: str) -> str:
    """Why a name cannot be one; "" if it can. An empty name is replaced by a description."""
    odd = {c for c in name if c in "/\\" or unicodedata.category(c) in ("Cc", "Cs", "Cf", "Zl", "Zp")}
    if odd or name.strip(". ") != name.strip():
        shown = ", ".join(sorted(map(repr, odd))) or repr(name[:20])
        return (
            f"name: expected letters, digits, blanks and signs other than slashes and control characters; got {shown}."
        )
    if len(name) > MAX_NAME:
        return f"name: expected at most {MAX_NAME} characters; got {len(name):,}."
    return ""


def text_problem(text: str) -> str:
    """Why a text cannot be learned from; "" if it can."""
    if not text.strip():
        return "text: expected a text with at least one visible character; this one is empty."
    if "\0" in text:
        return "text: expected plain text; this one contains NUL characters, so it is binary."
    if (size := len(text.encode("utf-8", "replace"))) > MAX_FILE_BYTES:
        return f"text: expected at most {MAX_FILE_BYTES // 10**6} MB; this one has {size / 1e6:.1f} MB. Cut it and try again."
    if len(set(clean_text(text))) < 2:
        return f"text: expected at least two different characters; this one has only {text[0]!r}, there is nothing to learn."
    return ""


def _sentence_problem(sentence: str) -> str:
    if len(sentence) > MAX_SENTENCE:
        return f"sentence: expected at most {MAX_SENTENCE:,} characters; got {len(sentence):,}."
    return ""


def _share_problem(share: float) -> str:
    if not isinstance(share, int | float) or not 0 <= share <= 0.5:
        return f"held_out_share: expected a number from 0 to 0.5; got {repr(share)[:40]}."
    return ""


def _build(kind: type[Any], given: Any) -> tuple[Any, dict[str, str]]:
    """The configuration, and a sentence for each field that had to be replaced by its default to make one."""
    if isinstance(given, kind):
        return given, {}
    fields, problems = dict(given), {}
    for name in set(fields) - set(kind.__dataclass_fields__):
        problems[name] = f"{name}: expected a field of {kind.__name__}; there is none of this name."
        del fields[name]
    while True:
        try:
            return kind(**fields), problems
        except ConfigError as fault:
            field = str(fault).partition(":")[0]
            problems[field] = str(fault)
            if field not in fields:  # it makes no sense together with another one that is well by itself
                return kind(), problems
            del fields[field]


def _together(
    config: ModelConfig, recipe: Recipe, text: str, held_out_share: float, max_steps: int | None
) -> dict[str, str]:
    """What makes no sense together, each part being well by itself."""
    trained, _ = split_text(text, recipe, held_out_share)
    if recipe.max_tokens is not None and recipe.max_tokens < recipe.shortest_text <= len(text):
        return {
            "max_tokens": f"max_tokens: expected at least {recipe.shortest_text:,} characters for this recipe (batch_size "
            f"{recipe.batch_size}, num_steps {recipe.num_steps}); got {recipe.max_tokens:,}."
        }
    if len(trained) < recipe.shortest_text:
        return {
            "text": f"text: expected at least {recipe.shortest_text:,} characters for this recipe (batch_size "
            f"{recipe.batch_size}, num_steps {recipe.num_steps}); got {len(trained):,}. Take a longer text, or lower "
            f"batch_size or num_steps."
        }
    try:
        vocabulary = Vocabulary.from_text(recipe.learned(text))
    except TextError as fault:
        return {"text": f"text: {fault}"}
    weights = weight_count(config, len(vocabulary))
    most = min(MAX_PARAMETERS, MAX_BYTES // 4)
    if weights > most:
        return {
            "hidden_size": f"hidden_size: expected a model of at most {most:,} weights; {config.hidden_size} units with "
            f"{config.num_layers} layer(s) and {len(vocabulary):,} symbols give {weights:,}. Take fewer units."
        }
    symbols = json.dumps([vocabulary.symbols, vocabulary.counts], ensure_ascii=False).encode()
    if len(symbols) + HISTORY_BYTES * recipe.epochs > MAX_HEADER:
        return {"text": f"text: expected fewer different characters; {len(vocabulary):,} do not fit into a checkpoint."}
    if (size := step_bytes(config, recipe, len(vocabulary))) > MAX_STEP_BYTES:
        return {
            "batch_size": f"batch_size: expected a step that needs at most {MAX_STEP_BYTES / 1e9:.0f} GB of memory; this one "
            f"needs about {size / 1e9:.1f} GB. Lower batch_size, num_steps or hidden_size."
        }
    if max_steps is not None and (steps := steps_total(recipe, len(trained))) > max_steps:
        return {
            "epochs": f"epochs: expected at most {max_steps:,} steps, the limit of this server; this recipe makes about "
            f"{steps:,}. Lower the epochs."
        }
    try:
        recipe.check_precision()
    except ConfigError as fault:
        return {"learning_rate": str(fault)}
    return {}


def weight_count(config: ModelConfig, symbols: int) -> int:
    """How many numbers a model of this configuration has."""
    return sum(_product(shape) for shape in config.parameter_shapes(symbols).values())


def step_bytes(config: ModelConfig, recipe: Recipe, symbols: int) -> int:
    """About how much memory a step takes: gates, factors and states of every net, logits and their gradients, float32."""
    widths = sum(config.width(net) for net in config.nets)
    a_character = (3 * len(config.kind.stacked) + 4) * widths + 3 * symbols
    return 4 * recipe.batch_size * recipe.num_steps * a_character


def steps_total(recipe: Recipe, characters: int) -> int:
    """About how many steps a recipe makes of a text; a random offset may save one an epoch."""
    left = characters - 1 - (recipe.num_steps // 2 if recipe.random_offset else 0)
    if recipe.sampling == "sequential":
        an_epoch = left // recipe.batch_size // recipe.num_steps
    else:
        an_epoch = left // recipe.num_steps // recipe.batch_size
    return recipe.epochs * max(1, an_epoch)


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for side in shape:
        result *= side
    return result


def describe(config: ModelConfig, recipe: Recipe, corpus: str) -> str:
    """A name for a run that was given none."""
    asked = "" if config.objective == "next" else f" {config.objective}"
    name = f"{config.title}{asked}, {config.units} units, {recipe.optimizer}, {corpus}"
    return "".join(c for c in name if not name_problem(f"a{c}a"))[:MAX_NAME]
