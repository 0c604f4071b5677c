"""What a reading says in a sentence: of its gates, of its surprises, of what carries its gradient, and what to doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from explorer.characters import visible
from explorer.interventions import Intervention
from explorer.probes.finding import Finding
from explorer.probes.gates import GateTrace, Tape
from explorer.probes.jacobians import JacobianPaths
from explorer.probes.perplexity import NATS_PER_BIT
from explorer.text import Vocabulary
from explorer.tokens import WORD, Tokens, token_of
from explorer.words import Saying, say

MANY_UNKNOWN = 0.05  # from this share on, the score is that of another text
NAMED_CHARACTERS, KNOWN_CHARACTERS = 8, 60
LEAST_MEMORY, MOST_MEMORY = 0.05, 1e4  # steps; a longer one is told as more than this
LEAST_TOLD = 0.005  # a probability that is not written as 0 %


@dataclass(frozen=True)
class Notice:
    """What a person should know before they believe the numbers.

    Attributes:
        saying: what it is.
        grave: whether the numbers mean something else than they seem to.

    """

    saying: Saying
    grave: bool = True

    def __str__(self) -> str:
        return str(self.saying)


def gates_read(trace: GateTrace, tape: Tape) -> Saying:
    """What the numbers of one net say of a text: how long its units hold, and where the model is surprised."""
    if not len(trace):
        return Saying("reading.no-text")
    return Saying("sentences", {"sentences": (*_memory(tape), _surprise(trace))})


def _memory(tape: Tape) -> Iterator[Saying]:
    if (tau_H := tape.tau_H) is not None:
        slow = int(tau_H.argmax())
        if bool((tau_H >= MOST_MEMORY).all()) or bool((tau_H < LEAST_MEMORY).all()):
            way = "reading.keeps-all" if tau_H[0] >= MOST_MEMORY else "reading.keeps-nothing"
            yield Saying("reading.memory-all", {"way": Saying(way)})
            return
        figures = {"median": float(np.median(tau_H)), "unit": slow, "longest": float(tau_H[slow])}
        yield Saying("reading.memory", figures)


def _surprise(trace: GateTrace) -> Saying:
    if trace.perplexity is None:
        return Saying("reading.no-surprise")
    worst = int(np.nanargmax(trace.nll_nats_T))
    first, *others = trace.expected(worst)[:2]
    likeliest = [_expected(symbol, p) for symbol, p in (first, *(one for one in others if one[1] >= LEAST_TOLD))]
    figures = {
        "character": visible(trace.text[worst]), "step": worst, "bits": float(trace.nll_nats_T[worst]) / NATS_PER_BIT,
        "likeliest": likeliest,
    }  # fmt: skip
    return Saying("reading.surprise", figures)


def _expected(symbol: str, probability: float) -> Saying:
    return Saying("reading.expected", {"character": visible(symbol), "probability": probability})


def paths_read(paths: JacobianPaths) -> Saying:
    """Which path carries most of the gradient, on average over the steps at which any arrives."""
    carried = {path: gain_T[np.isfinite(gain_T)] for path, gain_T in paths.carried.items()}
    means = {path: float(gains.mean()) for path, gains in carried.items() if gains.size}
    if len(means) < 2:
        return Saying("reading.one-path") if means else Saying("reading.no-gradient")
    first = max(means, key=lambda path: means[path])
    others = [Saying("reading.path", {"path": path, "share": mean}) for path, mean in means.items() if path != first]
    return Saying("reading.paths", {"path": first, "share": means[first], "others": others})


def advice(finding: Finding, intervention: Intervention) -> str:
    """One change to try; where gates are saturated because they are held, that."""
    if finding.rule == "saturated" and intervention.held:
        return say("verdict.saturated.advice.held", gates=tuple(intervention.held))
    return finding.advice


def notices(trace: GateTrace) -> Iterator[Notice]:
    """What holds of the whole reading of a text: that the model saw the answer, diverged, or lacks characters."""
    if trace.config.objective == "leaky":
        yield Notice(Saying("notice.leaky", {"of_token": token_of(trace.text)}))
    if trace.config.direction == "parallel":
        yield Notice(Saying("notice.parallel"))
    lost_T = np.any([~np.isfinite(tape.h_TH).all(1) for tape in trace.tapes.values()], axis=0)
    if lost_T.any():
        figures = {"count": int(lost_T.sum()), "total": len(trace), "first": int(lost_T.argmax())}
        yield Notice(Saying("notice.not-finite", figures))
    if trace.unknown_T.any():
        yield _unknown(trace)


def _unknown(trace: GateTrace) -> Notice:
    """Which characters the model does not know, and what they do to its score."""
    unknown = dict.fromkeys(c for c, lacks in zip(trace.text, trace.unknown_T, strict=True) if lacks)
    figures = {
        "count": int(trace.unknown_T.sum()), "total": len(trace), "characters": _named(tuple(unknown)),
        "of_token": token_of(trace.text),
    }  # fmt: skip
    sentences = [Saying("notice.unknown", figures)]
    score_nats = trace.score.mean_nll_nats
    if trace.score.unnamed_T.any():
        sentences.append(Saying("notice.unnamed"))
    elif score_nats is not None:
        without_nats = trace.score.mean_over(~trace.unknown_T)
        scored = {"score": trace.score_name, "score_nats": score_nats, "without_nats": without_nats}
        sentences.append(Saying("notice.unknown-scored", scored))
    grave = trace.unknown_share > MANY_UNKNOWN
    if grave:
        sentences.append(_known(trace))
    return Notice(Saying("sentences", {"sentences": sentences}), grave)


def _known(trace: GateTrace) -> Saying:
    """What the model knows: its characters, or some of its words."""
    if token_of(trace.text) == WORD:
        own = trace.symbols[1:]
        return Saying("notice.knows-words", {"count": len(own), "known": _named(own[:NAMED_CHARACTERS])})
    known = "".join(map(visible, trace.symbols[1 : KNOWN_CHARACTERS + 1]))
    more = len(trace.symbols) > KNOWN_CHARACTERS + 1
    return Saying("notice.knows-more" if more else "notice.knows", {"known": known})


def folded(typed: str, vocabulary: Vocabulary) -> Notice | None:
    """Which characters of what was typed are read as others, the nearest that a model knows, or left out; None where none is."""
    read = vocabulary.as_read(typed)
    left = set(vocabulary.folded(typed))
    changed = [c for c in dict.fromkeys(read) if c not in vocabulary.symbols and c not in left]
    if not changed:
        return None
    out = [c for c in changed if vocabulary.leaves_out(c)]
    parts = {"notice.folded": [c for c in changed if c not in out], "notice.dropped": out}
    said = [Saying(code, {"characters": _named(characters)}) for code, characters in parts.items() if characters]
    return Notice(said[0] if len(said) == 1 else Saying("notice.both", {"parts": said}), grave=False)


def unread(sentence: str, learned: Tokens) -> Notice | None:
    """Which symbols of a sentence do not occur in the text that a model is going to learn; None where all do."""
    if isinstance(learned, str) and all(c in learned for c in sentence):
        return None
    vocabulary = Vocabulary.from_text(learned, token_of(learned))
    read = vocabulary.folded(sentence)
    missing = [c for c in dict.fromkeys(read) if c not in vocabulary.symbols]
    if not missing:
        return None
    share = vocabulary.unknown_share(read)
    return Notice(
        Saying("notice.unread", {"share": share, "characters": _named(missing), "of_token": vocabulary.token}),
        share > MANY_UNKNOWN,
    )


def _named(characters: Sequence[str]) -> Saying:
    """The first of some characters, and how many more there are."""
    shown = [visible(c) for c in characters[:NAMED_CHARACTERS]]
    return Saying("characters", {"shown": shown, "more": len(characters) - len(shown)})
