"""What a unit is for: what becomes worse when it is held at its mean, and whether that is what its role says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.features import COUNTED, feature_of
from explorer.fields import ConfigError, expected
from explorer.interventions import HeldUnit, Intervention, altered
from explorer.models import CharModel, NetKey
from explorer.probes.gates import GateTrace, trace_gates
from explorer.probes.perplexity import NATS_PER_BIT, Floats
from explorer.probes.units import Role
from explorer.tokens import Tokens, token_of

LEAST_STEPS = 5  # that a feature concerns; of fewer, a mean says little
AROUND = 1  # steps after a feature begins or ends that it concerns too: the character is predicted one step before it is read


@dataclass(frozen=True)
class Ablation:
    """A text read twice: as the model is, and with one part of one unit held at its mean over the text.

    Attributes:
        held: what was held, and at which value.
        text: that was read.
        before_nats_T: surprise at each character of the model as it is, -ln p; NaN where it is not asked.
        after_nats_T: the same with the unit held.

    """

    held: HeldUnit
    text: Tokens
    before_nats_T: Floats
    after_nats_T: Floats

    @classmethod
    def of(cls, held: HeldUnit, before: GateTrace, after: GateTrace) -> Ablation:
        """Of two readings of one text, without the unit held and with it.

        Args:
            held: what was held.
            before: the trace of the model as it is.
            after: the trace of the same text with the unit held.

        """
        return cls(held, before.text, before.nll_nats_T, after.nll_nats_T)

    @property
    def rise_nats_T(self) -> NDArray[np.float64]:
        """How much more each character surprises with the unit held, in nats; NaN where it is not asked."""
        return np.asarray(self.after_nats_T, np.float64) - np.asarray(self.before_nats_T, np.float64)

    @property
    def mean_rise_nats(self) -> float:
        """The same on average over the characters that are asked for; NaN where none is."""
        known = self.rise_nats_T[np.isfinite(self.rise_nats_T)]
        return float(known.mean()) if known.size else float("nan")

    def mean_rise_over(self, where_T: NDArray[np.bool_]) -> float:
        """The same over some of the characters; NaN where none of them is asked for.

        Args:
            where_T: True at the characters that count, bool.

        """
        known = self.rise_nats_T[where_T & np.isfinite(self.rise_nats_T)]
        return float(known.mean()) if known.size else float("nan")

    def frame(self) -> pd.DataFrame:
        """One line a symbol of the text: how often it is asked for, its surprise before and after, what rises most first."""
        known_T, token = np.isfinite(self.rise_nats_T), token_of(self.text)
        table = pd.DataFrame(
            {
                token: np.array(list(self.text), dtype=object)[known_T],
                "before_bits": np.asarray(self.before_nats_T)[known_T] / NATS_PER_BIT,
                "after_bits": np.asarray(self.after_nats_T)[known_T] / NATS_PER_BIT,
            }
        )
        by_symbol = table.groupby(token)
        means = by_symbol.mean()
        means.insert(0, "count", by_symbol.size())
        means["rise_bits"] = means["after_bits"] - means["before_bits"]
        means["total_rise_bits"] = means["rise_bits"] * means["count"]
        return means.sort_values("total_rise_bits", ascending=False, kind="stable").reset_index()


def ablate(
    model: CharModel, text: Tokens | GateTrace, unit: int, part: str = "h", *, net: NetKey | None = None
) -> Ablation:
    """Hold one part of one unit at its mean over a text, and read the text again.

    The mean takes out what the part says from step to step, and leaves what it adds to every step ("mean ablation"). What is
    held is held by weights (`interventions.altered`), so torch's own kernel reads the text.

    Args:
        model: left exactly as it was found.
        text: any text, or the model's trace of it.
        unit: its number, counted from 0.
        part: by its letter: a gate, the candidate or a part of the state.
        net: which net; None: the first layer's forward one.

    Raises:
        ConfigError: a net, a unit or a part the model does not have, or a mean that no weights hold.

    """
    trace = text if isinstance(text, GateTrace) else trace_gates(model, text)
    layer, direction = net or NetKey(0, "forward")
    tape = trace.tape(layer, direction)
    if part not in tape.parts:
        raise ConfigError("part", expected("part", parts=tuple(tape.parts)), part)
    values_TH = tape[part]
    mean = float(values_TH[:, unit].mean(dtype=np.float64)) if 0 <= unit < values_TH.shape[1] and len(trace) else 0.0
    held = HeldUnit(unit, part, mean, layer, direction)
    return Ablation.of(held, trace, trace_gates(altered(model, Intervention(units=(held,))), trace.text))


@dataclass(frozen=True)
class Trial:
    """What holding a unit does where its role says that it matters, against elsewhere and against other units.

    Attributes:
        there_nats: mean rise of the surprise at the characters that the role's feature concerns.
        elsewhere_nats: the same at all others.
        steps: how many characters it concerns.
        rank: how many of the units it is compared with raise it as much there, against elsewhere, as this one; 0: none does.
        compared: how many those are.

    """

    there_nats: float
    elsewhere_nats: float
    steps: int
    rank: int
    compared: int

    @property
    def confirmed(self) -> bool:
        """Whether holding the unit costs something where its role says so, more than elsewhere, and more than any other does."""
        return self.enough and bool(self.there_nats > max(self.elsewhere_nats, 0.0)) and self.rank == 0

    @property
    def enough(self) -> bool:
        """Whether the role concerns so many characters that a mean over them says something."""
        return self.steps >= LEAST_STEPS


def concerned(role: Role, text: Tokens) -> NDArray[np.bool_]:
    """The characters whose prediction a feature helps: where it begins or ends, and the step after; (steps,).

    Inside of quotation marks any character may follow; what one must remember is that a mark has to close them. A feature that
    is a distance concerns the characters at which it starts anew.
    """
    concerned_T = np.zeros(len(text), dtype=bool)
    values_T = feature_of(role.feature, text)
    if values_T is None or len(text) < 2:
        return concerned_T
    change_T = np.diff(values_T) < 0 if role.feature in COUNTED else np.diff(values_T) != 0
    concerned_T[1:] = change_T
    for after in range(1, AROUND + 1):
        concerned_T[1 + after :] |= change_T[:-after]
    return concerned_T


def try_role(
    model: CharModel,
    text: Tokens | GateTrace,
    role: Role,
    others: int = 20,
    *,
    net: NetKey | None = None,
    seed: int = 0,
) -> Trial:
    """Whether a unit does for the model what its role says: an experiment, where a role is a correlation.

    Args:
        model: left exactly as it was found.
        text: on which to try it, or the model's trace of it; not the text on which the role was chosen.
        role: of a unit.
        others: how many other units' same part is held, one after the other, to compare with.
        net: which net; None: the first layer's forward one.
        seed: which others.

    Raises:
        ConfigError: a part whose mean no weights hold.

    """
    trace = text if isinstance(text, GateTrace) else trace_gates(model, text)
    there_T = concerned(role, trace.text)
    layer, direction = net or NetKey(0, "forward")
    hidden = trace.tape(layer, direction).h_TH.shape[1]
    rest = [unit for unit in range(hidden) if unit != role.unit]
    compared = np.random.default_rng(seed).permutation(rest)[:others].tolist()

    def contrast(one: Ablation) -> float:
        return one.mean_rise_over(there_T) - one.mean_rise_over(~there_T)

    own = ablate(model, trace, role.unit, role.part, net=net)
    held = (ablate(model, trace, unit, role.part, net=net) for unit in compared)
    more = [contrast(other) >= contrast(own) for other in held]
    there, elsewhere = own.mean_rise_over(there_T), own.mean_rise_over(~there_T)
    return Trial(there, elsewhere, int(there_T.sum()), sum(more), len(compared))
