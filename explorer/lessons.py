"""Lessons: short courses of questions, each answered by a figure that is measured when it is asked for.

A lesson is data; its words are `lesson.<lesson>.<step>.*`. The measure of a step yields figures, and by a stated rule which
choice is right. No figure and no right answer is written down anywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import torch

from explorer.clipping import grad_norm
from explorer.fields import ConfigError
from explorer.interventions import Intervention, altered
from explorer.models import CharModel
from explorer.probes.causality import causality
from explorer.probes.claims import KEEPS, claims
from explorer.probes.clipping import clip_ledger
from explorer.probes.gates import trace_gates
from explorer.probes.gradients import HORIZON, GradientFlow, gradient_flow
from explorer.probes.perplexity import NATS_PER_BIT, score_text
from explorer.problems import PROBLEMS, accuracy, learn, problem_model
from explorer.training import perplexity
from explorer.words import Saying, say

Models = Callable[[str], CharModel]
GATES, CELL, GRADIENTS, PROBLEMS_PAGE = "gates", "cell", "gradients", "problems"

BOOK = "the time traveller for so it will be convenient to teach a small machine to keep a secret"
QUOTED = 'He looked back at the harbour. "Turn the light, and bring the little network home." Then he was sorry.'
LINES = "The lamp was lit at six.\nThe boat came in at eight.\nThey ate, and went to bed.\n"
GRU, RNN, LIGHTHOUSE = "time-machine-gru", "time-machine-rnn", "lighthouse-gru"
LEAKY, CLOZE = "time-machine-birnn-leaky", "lighthouse-bigru-cloze"
PARALLEL = "lighthouse-birnn-parallel"
UNIT = 95  # of LIGHTHOUSE: follows quotation marks
SEEN = 0.1  # a difference of means, or a share of a perplexity, under which two things count as alike
NEAR, FAR = 10, 30  # steps back, between which a reach is middling
THETA, RATE = 0.05, 1.0
TASK, TASK_LENGTH, TASK_UNITS, TASK_STEPS = "first", 20, 16, 200
ROUNDING = 1e-4  # a state of float32 may move so far by adding in another order
HUGE, HUGE_COUNT = 1e20, 100  # a gradient whose squares leave float32
MOST_OWN = 500  # characters of a person's own sentence


@dataclass(frozen=True)
class Measured:
    """What a measure found.

    Attributes:
        right: the choice that is right by the rule of the step.
        figures: that stand in the answer, by name; words are a Saying, as they are read in any language.

    """

    right: str
    figures: Mapping[str, float | Saying] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of a lesson.

    Attributes:
        key: its name.
        choices: what can be answered, by name.
        measure: (models by name, the person's own sentence) -> what is right.
        page: where it can be seen.
        values: what is chosen there.
        own: whether the measure reads the person's own sentence.

    """

    key: str
    choices: tuple[str, ...]
    measure: Callable[[Models, str], Measured]
    page: str = GATES
    values: Mapping[str, str] = field(default_factory=dict)
    own: bool = False


@dataclass(frozen=True)
class Lesson:
    """A course of three or four steps."""

    key: str
    steps: tuple[Step, ...]

    def said(self, step: Step, part: str) -> str:
        """A sentence of a step: "claim", "question", "look", "change" or "rule"."""
        return say(f"lesson.{self.key}.{step.key}.{part}")

    def choice(self, step: Step, choice: str) -> str:
        """What a choice is called."""
        return say(f"lesson.{self.key}.{step.key}.choice.{choice}")

    def answer(self, step: Step, figures: Mapping[str, object]) -> str:
        """What was measured, in a sentence."""
        return say(f"lesson.{self.key}.{step.key}.answer", **figures)


def _mean(values: object) -> float:
    return float(np.mean(np.asarray(values, np.float64)))


def _score(model: CharModel, text: str) -> float:
    nats = score_text(model, text).mean_nll_nats
    return float("nan") if nats is None else perplexity(nats)


def _than(first: float, second: float, least: float, words: tuple[str, str, str]) -> str:
    """The first word where the first is larger by more than `least`, the second where the second is, else the third."""
    lower, higher, alike = words[1], words[0], words[2]
    return higher if first - second > least else lower if second - first > least else alike


# ---- what a gate does


def _quotes(models: Models, _: str) -> Measured:
    h_T = trace_gates(models(LIGHTHOUSE), QUOTED).tape()["h"][:, UNIT]
    begins, ends = QUOTED.index('"'), QUOTED.rindex('"')
    inside = np.zeros(len(QUOTED), bool)
    inside[begins + 1 : ends] = True
    figures = {"unit": UNIT, "inside": _mean(h_T[inside]), "outside": _mean(h_T[~inside])}
    return Measured(_than(figures["inside"], figures["outside"], SEEN, ("higher", "lower", "same")), figures)


def _open(models: Models, _: str) -> Measured:
    model = models(LIGHTHOUSE)
    free, held = (trace_gates(one, QUOTED).tape().change_T for one in (model, _held(model, 1)))
    before, after = _mean(free), _mean(held)
    return Measured("still" if after < before / 100 else "moves", {"before": before, "after": after})


def _shut(models: Models, _: str) -> Measured:
    flow = gradient_flow(_held(models(LIGHTHOUSE), 0), QUOTED)
    share, lag = float(flow.median_L[5]), 5
    return Measured("something" if share >= HORIZON else "nothing", {"share": share, "lag": lag})


def _worse(models: Models, _: str) -> Measured:
    model = models(LIGHTHOUSE)
    free, open_, shut = (_score(one, QUOTED) for one in (model, _held(model, 1), _held(model, 0)))
    right = _than(open_, shut, SEEN * free, ("open", "shut", "same"))
    return Measured(right, {"free": free, "open": open_, "shut": shut})


def _held(model: CharModel, value: float) -> CharModel:
    return altered(model, Intervention(hold={"z": value}))


# ---- the motives


@lru_cache(maxsize=2)
def _pupil(cell: str) -> CharModel:
    """A cell that has just learned the problem, or not: the same number of steps for each. A second or two, then kept."""
    model = problem_model(PROBLEMS[TASK], cell, TASK_UNITS, length=TASK_LENGTH)
    for _ in learn(model, PROBLEMS[TASK], TASK_LENGTH, most_steps=TASK_STEPS):
        pass
    return model


def _first(_: Models, __: str) -> Measured:
    shares = {cell: _right_answers(_pupil(cell)) for cell in ("gru", "rnn")}
    right = _than(shares["gru"], shares["rnn"], SEEN, ("gru", "rnn", "both"))
    return Measured(right, {**shares, "chance": PROBLEMS[TASK].chance, "steps": TASK_STEPS})


def _right_answers(model: CharModel) -> float:
    return accuracy(model, PROBLEMS[TASK], TASK_LENGTH, 300, torch.Generator().manual_seed(2**41))


def _skip(_: Models, __: str) -> Measured:
    (keeps,) = (claim for claim in claims(_pupil("gru"), PROBLEMS[TASK], TASK_LENGTH).claims if claim.code == KEEPS)
    noise, kept = keeps.figures["noise"], keeps.figures["kept"]
    return Measured(_than(noise, kept, SEEN / 2, ("noise", "kept", "same")), {"noise": noise, "kept": kept})


def _breaks(models: Models, _: str) -> Measured:
    z_T = trace_gates(models(LIGHTHOUSE), LINES).tape()["z"][:, UNIT]
    begins = np.array([t > 0 and LINES[t - 1] == "\n" for t in range(len(LINES))])
    figures = {"unit": UNIT, "begins": _mean(z_T[begins]), "elsewhere": _mean(z_T[~begins])}
    return Measured(_than(figures["begins"], figures["elsewhere"], SEEN, ("opens", "shuts", "same")), figures)


# ---- why the gradient vanishes


def _untrained(models: Models, _: str) -> Measured:
    model = models(RNN)
    flow = gradient_flow(CharModel(model.config, model.vocabulary, seed=0), BOOK)
    return Measured(_how_far(flow.horizon_steps), {"horizon": _steps(flow.horizon_steps), "near": NEAR, "far": FAR})


def _how_far(steps: int | None) -> str:
    return "far" if steps is None or steps > FAR else "near" if steps < NEAR else "middle"


def _steps(steps: int | None) -> float:
    return float("inf") if steps is None else float(steps)


def _reach(models: Models, _: str) -> Measured:
    rnn, gru = (_steps(gradient_flow(models(name), BOOK).half_life_steps) for name in (RNN, GRU))
    return Measured("same" if rnn == gru else "rnn" if rnn < gru else "gru", {"rnn": rnn, "gru": gru})


def _reader(models: Models, _: str) -> Measured:
    rnn, gru = (_score(models(name), BOOK) for name in (RNN, GRU))
    return Measured(_than(rnn, gru, SEEN * gru, ("gru", "rnn", "same")), {"rnn": rnn, "gru": gru})


def _weaker(models: Models, _: str) -> Measured:
    model = models(RNN)
    weaker = altered(model, Intervention(recurrent=0.5))
    before, after = (_steps(gradient_flow(one, BOOK).half_life_steps) for one in (model, weaker))
    right = "same" if before == after else "shorter" if after < before else "longer"
    return Measured(right, {"before": before, "after": after})


# ---- what clipping does


def _turns(models: Models, _: str) -> Measured:
    ledger = clip_ledger(models(RNN), BOOK, THETA)
    outcome = ledger.outcomes["norm"]
    shorter, turned = outcome.norm_after < ledger.norm_before, outcome.angle_degrees > 0
    right = "both" if shorter and turned else "length" if shorter else "neither"
    figures = {
        "before": ledger.norm_before,
        "after": outcome.norm_after,
        "degrees": outcome.angle_degrees,
        "theta": THETA,
    }
    return Measured(right, {**figures, "value_degrees": ledger.outcomes["value"].angle_degrees})


def _lengthens(models: Models, _: str) -> Measured:
    model = models(RNN)
    flow, coefficient = gradient_flow(model, BOOK), clip_ledger(model, BOOK, THETA).outcomes["norm"].coefficient or 1.0
    before, after = _steps(flow.half_life_steps), _steps(_shortened(flow, coefficient).half_life_steps)
    right = "same" if before == after else "longer" if after > before else "shorter"
    return Measured(right, {"before": before, "after": after, "coefficient": coefficient})


def _shortened(flow: GradientFlow, coefficient: float) -> GradientFlow:
    return replace(flow, norms_TT=flow.norms_TT * coefficient)


def _one_number(models: Models, _: str) -> Measured:
    model = models(RNN)
    settings = ((RATE, 2 * THETA), (2 * RATE, THETA))
    first, second = (rate * clip_ledger(model, BOOK, theta).outcomes["norm"].norm_after for rate, theta in settings)
    right = "same" if np.isclose(first, second) else "longer" if second > first else "shorter"
    return Measured(right, {"first": first, "second": second, "rate": RATE, "theta": 2 * THETA})


# ---- two directions


def _leak(models: Models, _: str) -> Measured:
    leaky, honest = models(LEAKY), models(RNN)
    ahead = causality(leaky, BOOK).ahead
    figures = {"leaky": _score(leaky, BOOK), "honest": _score(honest, BOOK), "ahead": ahead}
    return Measured("sees" if ahead > 0 else "predicts", figures)


def _writes(models: Models, _: str) -> Measured:
    try:
        written = models(LEAKY).generate("the time ", 20)
    except ConfigError:
        return Measured("refuses", {"what": Saying("lesson.two.writes.refused")})
    return Measured("writes", {"what": Saying("lesson.two.writes.written", {"written": written})})


def _cloze(models: Models, _: str) -> Measured:
    found = causality(models(CLOZE), QUOTED)
    own, others = float(np.diag(found.energy_TT).sum()), float(found.energy_TT.sum() - np.diag(found.energy_TT).sum())
    return Measured("no" if own == 0 else "yes", {"own": own, "others": others})


# ---- mistakes that people publish


def _reset(models: Models, _: str) -> Measured:
    model = models(GRU)
    own, other = (_score(one, BOOK) for one in (model, altered(model, Intervention(variant="before"))))
    return Measured(_than(other, own, SEEN * own, ("worse", "better", "same")), {"own": own, "other": other})


def _parallel(models: Models, _: str) -> Measured:
    found = causality(models(PARALLEL), QUOTED)
    return Measured("nothing" if found.ahead == 0 else "follows", {"ahead": found.ahead, "past": found.past})


def _biases(models: Models, _: str) -> Measured:
    after, plain = (_moved_by_one_bias(models(name), BOOK) for name in (GRU, RNN))
    return Measured("same" if after < ROUNDING else "other", {"after": after, "plain": plain})


def _moved_by_one_bias(model: CharModel, text: str) -> float:
    """The most that a state moves where c is added to b and is zero then."""
    merged = copy.deepcopy(model)
    with torch.no_grad():
        for net in model.config.nets:
            weights = merged.rnn.weights(net)
            weights.b_ih_G.add_(weights.b_hh_G)
            weights.b_hh_G.zero_()
    first, second = (trace_gates(one, text).tape()["h"] for one in (model, merged))
    return float(np.abs(first - second).max())


def _huge(models: Models, _: str) -> Measured:
    gradient = torch.full((HUGE_COUNT,), HUGE)
    naive, exact = float(gradient.square().sum().sqrt()), grad_norm(gradient)
    right = "infinite" if np.isinf(naive) else "right" if np.isclose(naive, exact) else "zero"
    return Measured(right, {"count": HUGE_COUNT, "entry": HUGE, "exact": exact})


# ---- a sentence of one's own


def _backwards(models: Models, _: str) -> Measured:
    forward, backward = (_score(models(GRU), text) for text in (BOOK, BOOK[::-1]))
    right = _than(forward, backward, SEEN * min(forward, backward), ("forward", "backward", "same"))
    return Measured(right, {"forward": forward, "backward": backward})


def _words(models: Models, own: str) -> Measured:
    """Where a text surprises more: at the first character of a word, or within; of the own sentence where it has both."""
    for text in (own[:MOST_OWN], BOOK):
        read = models(GRU).vocabulary.as_read(text)
        nll_T = score_text(models(GRU), text).nll_nats_T
        starts = [t for t in range(1, len(read)) if read[t] != " " and read[t - 1] == " "]
        within = [t for t in range(1, len(read)) if read[t] != " " and read[t - 1] != " "]
        if starts and within and len(nll_T) == len(read):
            break
    start, inner = (_mean(nll_T[steps]) / NATS_PER_BIT for steps in (starts, within))
    mine = text == own[:MOST_OWN] and text != BOOK
    which = Saying("lesson.own.words.mine" if mine else "lesson.own.words.example")
    return Measured(
        _than(start, inner, SEEN, ("start", "within", "same")), {"which": which, "start": start, "within": inner}
    )


def _beside(models: Models, own: str) -> Measured:
    for text in (own[:MOST_OWN], BOOK):
        rnn, gru = (_score(models(name), text) for name in (RNN, GRU))
        if np.isfinite([rnn, gru]).all():
            break
    mine = text == own[:MOST_OWN] and text != BOOK
    which = Saying("lesson.own.words.mine" if mine else "lesson.own.words.example")
    return Measured(
        _than(rnn, gru, SEEN * min(rnn, gru), ("gru", "rnn", "same")), {"which": which, "rnn": rnn, "gru": gru}
    )


_on_quotes = {"model": LIGHTHOUSE, "sentence": QUOTED}


def _on_book(**values: str) -> dict[str, str]:
    return {"sentence": BOOK, **values}


_both = {"model": RNN, "beside": "another", "second": GRU}
_two_models = _on_book(**_both)
_problem = {"problem": TASK, "problem_length": str(TASK_LENGTH)}

LESSONS = {
    lesson.key: lesson
    for lesson in (
        Lesson(
            "gate",
            (
                Step("quotes", ("higher", "same", "lower"), _quotes, values={**_on_quotes, "unit": str(UNIT)}),
                Step("open", ("still", "moves"), _open, values={**_on_quotes, "hold_z": "1"}),
                Step("shut", ("nothing", "something"), _shut, GRADIENTS, {**_on_quotes, "hold_z": "0"}),
                Step("worse", ("open", "shut", "same"), _worse, values={**_on_quotes, "hold_z": "0"}),
            ),
        ),
        Lesson(
            "motives",
            (
                Step("first", ("gru", "rnn", "both"), _first, PROBLEMS_PAGE, _problem),
                Step("skip", ("noise", "kept", "same"), _skip, PROBLEMS_PAGE, _problem),
                Step("breaks", ("opens", "shuts", "same"), _breaks, GATES, {**_on_quotes, "unit": str(UNIT)}),
            ),
        ),
        Lesson(
            "vanish",
            (
                Step("untrained", ("near", "middle", "far"), _untrained, GRADIENTS, _on_book(model=RNN, beside="untrained")),
                Step("reach", ("rnn", "gru", "same"), _reach, GRADIENTS, _two_models),
                Step("reader", ("rnn", "gru", "same"), _reader, GATES, _two_models),
                Step("weaker", ("shorter", "same", "longer"), _weaker, GRADIENTS, _on_book(model=RNN, recurrent="0.5")),
            ),
        ),
        Lesson(
            "clip",
            (
                Step("turns", ("length", "both", "neither"), _turns, GRADIENTS, _on_book(model=RNN, theta=f"{THETA:g}")),
                Step("reach", ("longer", "same", "shorter"), _lengthens, GRADIENTS, _on_book(model=RNN, theta=f"{THETA:g}")),
                Step("rate", ("longer", "same", "shorter"), _one_number, GRADIENTS, _on_book(model=RNN, theta=f"{2 * THETA:g}")),
            ),
        ),
        Lesson(
            "two",
            (
                Step("leak", ("predicts", "sees"), _leak, GATES, _on_book(model=LEAKY)),
                Step("writes", ("writes", "refuses"), _writes, GATES, _on_book(model=LEAKY)),
                Step("cloze", ("yes", "no"), _cloze, GATES, {"model": CLOZE, "sentence": QUOTED}),
            ),
        ),
        Lesson(
            "mistakes",
            (
                Step("reset", ("worse", "same", "better"), _reset, GATES, _on_book(model=GRU, read_as="before")),
                Step("parallel", ("follows", "nothing"), _parallel, GATES, {"model": PARALLEL, "sentence": QUOTED}),
                Step("biases", ("same", "other"), _biases, CELL, _on_book(model=GRU)),
                Step("huge", ("right", "infinite", "zero"), _huge, GRADIENTS, _on_book(model=RNN, recurrent="3")),
            ),
        ),
        Lesson(
            "own",
            (
                Step("backwards", ("forward", "same", "backward"), _backwards, GATES, {"model": GRU, "sentence": BOOK[::-1]}),
                Step("words", ("start", "same", "within"), _words, GATES, {"model": GRU}, own=True),
                Step("beside", ("rnn", "same", "gru"), _beside, GATES, _both, own=True),
            ),
        ),
    )
}  # fmt: skip
"""Key -> lesson, in the order in which they are offered."""
