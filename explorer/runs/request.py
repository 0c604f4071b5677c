"""What someone asks to be trained, from a form to the run that is put in line."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from explorer.fields import expected, got
from explorer.models import ConfigError, ModelConfig
from explorer.runs import validation
from explorer.runs.facts import Run, RunError
from explorer.runs.recorder import held_out_tokens, split_text
from explorer.runs.status import WAITING
from explorer.runs.validation import Complaint
from explorer.text import Vocabulary, clean_text
from explorer.tokens import CHARACTER, joined, split
from explorer.training import Recipe
from explorer.words import knows, say

PREFIX_CHARACTERS, PREFIX_WORDS = 16, 4


@dataclass(frozen=True)
class RunRequest:
    """A wish for a run. Anything may stand in it: it is checked when it is asked for its problems.

    Attributes:
        config: the model: a ModelConfig, or some of its fields as a form has them; what is missing has its default.
        recipe: how it is trained: a Recipe, or some of its fields.
        text: what it learns from.
        corpus: the name of the text.
        session: names the person's browser.
        name: of the run; a description where it is empty.
        seed: of the weights and batches.
        sentence: whose perplexity and gates are measured along the way; may be empty.
        prefixes: what the generated samples begin with; where there are none, the first words of the text.
        held_out_share: share of the text that is not trained on, in [0, 0.5].

    """

    config: ModelConfig | Mapping[str, Any]
    recipe: Recipe | Mapping[str, Any]
    text: str
    _: KW_ONLY
    corpus: str
    session: str
    name: str = ""
    seed: int = 0
    sentence: str = ""
    prefixes: tuple[str, ...] = ()
    held_out_share: float = 0.1

    def problems(self, max_steps: int | None = None) -> dict[str, Complaint]:
        """What makes no sense: control -> complaint; empty when the run may start.

        What makes no sense only together is told once each part is well by itself.

        Args:
            max_steps: the most that are allowed here.

        """
        config, problems = _built(ModelConfig, self.config)
        recipe, of_recipe = _built(Recipe, self.recipe)
        problems |= of_recipe
        own = (
            validation.name_problem(self.name), validation.sentence_problem(self.sentence),
            validation.share_problem(self.held_out_share), validation.text_problem(self.text),
            validation.seed_problem(self.seed),
        )  # fmt: skip
        problems |= {complaint.field: complaint for complaint in own if complaint}
        if not problems and (
            complaint := validation.together(config, recipe, self.text, self.held_out_share, max_steps)
        ):
            problems[complaint.field] = complaint
        return problems

    def run(self, max_steps: int | None = None) -> Run:
        """The run as it would be put in line.

        Raises:
            RunError: something of it makes no sense.

        """
        if problems := self.problems(max_steps):
            raise RunError("run.said", said=" ".join(map(str, problems.values())))
        config, recipe = _built(ModelConfig, self.config)[0], _built(Recipe, self.recipe)[0]
        text, now = clean_text(self.text), time.time()
        vocabulary = Vocabulary.from_text(recipe.learned(text), recipe.token)
        weights = validation.weight_count(config, len(vocabulary))
        trained, held_out = split_text(split(text, recipe.token), recipe, self.held_out_share)
        return Run(
            id=new_id(), name=self.name.strip() or validation.describe(config, recipe, self.corpus),
            status=WAITING, owner=self.session, corpus=self.corpus, text="", config=config, recipe=recipe, seed=self.seed,
            sentence=joined(vocabulary.folded(self.sentence)),
            prefixes=tuple(self.prefixes) or (_first_words(text, recipe.token),),
            held_out_share=self.held_out_share, held_out=held_out_tokens(held_out, weights), trained_on=len(trained),
            symbols=len(vocabulary), unigram_nll_nats=_mean_unigram_nll_nats(vocabulary),
            parameters=tuple(config.parameter_shapes(len(vocabulary))), weights=weights,
            steps_total=validation.steps_total(recipe, len(trained)), created=now, queued=now,
        )  # fmt: skip


def _first_words(text: str, token: str) -> str:
    """What a sample begins with: the first characters of a text, or its first words."""
    begins = split(text.strip(), token)
    return joined(begins[:PREFIX_CHARACTERS] if token == CHARACTER else begins[:PREFIX_WORDS]).replace("\n", " ")


def new_id() -> str:
    """An id nobody guesses, safe in a URL and on a command line, where what begins with - is an option."""
    while (made := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return made


def setting(field: str) -> str:
    """What a person calls a field of a request, of its model or of its recipe; one that has no name keeps its own."""
    code = f"setting.{field.replace('_', '-')}"
    return say(code) if knows(code) else field


def _built(kind: type[Any], given: Any) -> tuple[Any, dict[str, Complaint]]:
    """The configuration, and a complaint about each field that had to be replaced by its default to make one."""
    if isinstance(given, kind):
        return given, {}
    fields, problems = dict(given), {}
    for name in fields.keys() - kind.__dataclass_fields__.keys():
        problems[name] = Complaint(name, expected("field-of", kind=kind.__name__), got("no-such-name"))
        del fields[name]
    while True:
        try:
            return kind(**fields), problems
        except ConfigError as fault:
            problems[fault.field] = Complaint.of(fault)
            if fault.field not in fields:  # it makes no sense together with another one that is well by itself
                return kind(), problems
            del fields[fault.field]


def _mean_unigram_nll_nats(vocabulary: Vocabulary) -> float:
    """What the frequencies of the symbols alone give on their text, in nats a character."""
    nll_nats_V: list[float] = vocabulary.unigram_nll_nats().tolist()
    weighed = (count * nll_nats for count, nll_nats in zip(vocabulary.counts, nll_nats_V, strict=True))
    return sum(weighed) / sum(vocabulary.counts)
