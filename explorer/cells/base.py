"""What a recurrent cell is: one `Cell` holds all that the explorer knows of it. docs/decisions.md says why it is one object.

A cell is its equation (`update`), the names of what the equation gives, and what follows from it. What follows has a default
that autograd computes from the equation: it serves any cell, and is the oracle of the hand-written ones.

z keeps the old state: h = z * h_prev + (1 - z) * n, as in d2l, PyTorch and Keras.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.cells.equations import Equation, Node
from explorer.words import own

State = tuple[Tensor, ...]
"""What a net carries from step to step, the parts in the order of `Cell.state`: (h_BH,), or (h_BH, c_BH) of an LSTM."""
Outer = tuple[Tensor, Tensor]
"""Two blocks of rows whose outer products, step by step, make a part of a gradient: (rows_TA, columns_TB)."""


SHUT = 1_000.0  # sigma(-1000) is 0 and sigma(1000) is 1, exactly, in float32 and in float64


def logit(value: float) -> float:
    """What sigma makes a value in [0, 1] of."""
    if value in (0, 1):
        return SHUT if value else -SHUT
    return math.log(value / (1 - value))


class CellWeights(NamedTuple):
    """One layer in one direction. G = number of stacked gates x H; E input width (the vocabulary for one-hot).

    A bias that the model does not have is zero here. A cell without recurrent weights has none of either kind: w_hh_GH is
    (0, H) and b_hh_G is (0,).
    """

    w_ih_GE: Tensor
    w_hh_GH: Tensor
    b_ih_G: Tensor
    b_hh_G: Tensor


@dataclass(frozen=True)
class Gate:
    """A gate: a value in [0, 1] for each unit at each step, sigma of an argument whose rows are stacked in the weights.

    Attributes:
        letter: in equations, tables and links.
        name: in words.
        light: what a value near 1 does, as in "light keeps the old state".
        dark: what a value near 0 does.
        keeps: whether it is the gate that keeps the old state.
        forgets: whether it can hide the old state from what is computed next, without being the one that keeps.

    """

    letter: str
    name: str
    light: str
    dark: str
    keeps: bool = False
    forgets: bool = False

    @property
    def title(self) -> str:
        """Name and letter."""
        return f"{own(self.name)} {self.letter}"


class Cell(ABC):
    """A kind of recurrent cell. Its subclasses, one a file, are listed in `explorer.cells.CELLS`.

    Attributes:
        key: in configurations and files.
        stacked: the letters of the parts whose arguments are stacked in the weights, in their order (PyTorch's).
        gates: those of them that are gates, the one that keeps the old state first.
        state: the letters of the state's parts; h first, which is what other layers read.
        paths: the names of the ways by which a gradient passes a step.
        recurrent: whether it has recurrent weights U and c at all.
        setting: the field of ModelConfig that chooses its variant; "" where it has none.
        variants: variant -> what the cell is called then.
        looked_at: the variants that a person is offered untrained beside a trained model.
        look_for: what to look for in its gates, in markdown.
        suggested: fields of ModelConfig with which it makes sense, where those differ from the defaults.
        presets: what one may try with its gates, by code: letter -> the value it is held at.
        book: letter -> the symbol in Dive into Deep Learning, and the index of its weights there, where these are not the
            letter itself.

    """

    key: ClassVar[str]
    stacked: ClassVar[tuple[str, ...]]
    gates: ClassVar[tuple[Gate, ...]] = ()
    state: ClassVar[tuple[str, ...]] = ("h",)
    paths: ClassVar[tuple[str, ...]] = ("step",)
    recurrent: ClassVar[bool] = True
    setting: ClassVar[str] = ""
    variants: ClassVar[Mapping[str, str]]
    looked_at: ClassVar[tuple[str, ...]] = ("",)
    look_for: ClassVar[str]
    suggested: ClassVar[Mapping[str, Any]] = {}
    presets: ClassVar[Mapping[str, Mapping[str, float]]] = {}
    book: ClassVar[Mapping[str, tuple[str, str]]] = {}

    # ---- the equation ---------------------------------------------------------------------------------------------

    @abstractmethod
    def update(self, projected_BG: Tensor, state: State, weights: CellWeights, variant: str) -> Any:
        """One step, once the input is projected: a NamedTuple of every part, each _BH, those of the state among them.

        A step does not care what its leading axis is. Called in a loop with the batch as leading axis it runs a network;
        called once with *time* as leading axis, on the states a kernel has already produced, it recovers every gate at the
        price of two matrix products.

        Args:
            projected_BG: W x + b of every stacked part.
            state: the state before the step, each part _BH.
            weights: of which only U and c are looked at.
            variant: one of `variants`.

        """

    @abstractmethod
    def equations(self, variant: str) -> tuple[Equation, ...]:
        """The same as a person reads it, in the order in which it is computed: one equation for each of `letters`."""

    @abstractmethod
    def drawn(self, variant: str) -> tuple[Node, ...]:
        """The same as a drawing: what stands where, and what it is made from. Inputs first."""

    def seen(self, letter: str, variant: str) -> str:
        """What U of a part is multiplied with, as a form."""
        return "h_prev"

    def plain(self, projected_BG: Tensor, h_prev_BH: Tensor, weights: CellWeights) -> Tensor | None:
        """The state that a plain cell with the candidate's weights would come to; None where the cell has no such limit."""
        return None

    def step(self, x: Tensor, state: State, weights: CellWeights, variant: str = "") -> Any:
        """One step as a pure function of its input, floats x_BE or ids_B. See `update`."""
        return self.update(input_projection(x, weights), state, weights, variant or next(iter(self.variants)))

    def state_of(self, step: Any) -> State:
        """The state that a step ends in."""
        return tuple(getattr(step, part) for part in self.state)

    # ---- what follows from it -------------------------------------------------------------------------------------

    def scan(self, projected_TBG: Tensor, state: State, weights: CellWeights, variant: str) -> tuple[Tensor, State]:
        """Run over time: all states h_TBH and the state after the last step. Autograd goes through it; T >= 1."""
        states = []
        for projected_BG in projected_TBG.unbind(0):
            state = self.state_of(self.update(projected_BG, state, weights, variant))
            states.append(state[0])
        return torch.stack(states), state

    def recover(
        self, projected_TG: Tensor, h_prev_TH: Tensor, rest: State, weights: CellWeights, variant: str
    ) -> tuple[Any, State]:
        """Every part of every step from the states h, which a kernel has produced: with time as the batch.

        Args:
            projected_TG: W x + b of every step.
            h_prev_TH: the state h before each step.
            rest: the other parts of the state before the first step, each _H.
            weights: the net's.
            variant: one of `variants`.

        Returns:
            The steps, each part _TH, and the other parts of the state after the last one.

        """
        if not rest:
            return self.update(projected_TG, (h_prev_TH,), weights, variant), ()
        steps = []
        for projected_1G, h_prev_1H in zip(projected_TG.split(1), h_prev_TH.split(1), strict=True):
            before = (h_prev_1H, *(part_H.unsqueeze(0) for part_H in rest))
            steps.append(self.update(projected_1G, before, weights, variant))
            rest = tuple(part_1H[0] for part_1H in self.state_of(steps[-1])[1:])
        kind = type(steps[0])
        return kind(*(torch.cat(parts) for parts in zip(*steps, strict=True))), rest

    def linearised(self, read: Tensor, h_TH: Tensor, first: State, weights: CellWeights, variant: str) -> LinearNet:
        """The cell along what it read (ids_T or x_TE) and the states it went through, in the order in which it reads.

        `first` is the state it began in, each part _H.
        """
        projected_TG, h_prev_TH = input_projection(read, weights).detach(), previous(h_TH, first[0])
        step, _ = self.recover(projected_TG, h_prev_TH, first[1:], weights, variant)
        others = [
            previous(part_TH.detach(), part_H)
            for part_TH, part_H in zip(self.state_of(step)[1:], first[1:], strict=True)
        ]
        return AutogradNet(self, projected_TG, (h_prev_TH, *others), weights, variant)

    def around(self, projected_NG: Tensor, before: State, step: Any, weights: CellWeights, variant: str) -> LinearNet:
        """The cell linearised around steps that need not follow each other, such as those of a whole batch.

        Args:
            projected_NG: W x + b of every step.
            before: the state before each step, each part _NH.
            step: what `update` made of them, each part _NH.
            weights: the net's.
            variant: one of `variants`.

        """
        return AutogradNet(self, projected_NG, before, weights, variant)

    def recurrent_parts(
        self, dgates_TG: Tensor, step: Any, h_prev_TH: Tensor, variant: str
    ) -> tuple[list[Outer], Tensor] | None:
        """The parts of the gradient of U as outer products, in the order of its rows, and what each step adds to that of c.

        Args:
            dgates_TG: the gradient at W x + b of every step.
            step: all steps, as `recover` gives them.
            h_prev_TH: the state h before each step.
            variant: one of `variants`.

        Returns:
            None where it is not written by hand; autograd is then asked step by step.

        """
        return None

    def kernel(self, variant: str) -> tuple[str, Callable[..., tuple[Tensor, ...]]] | None:
        """The name of torch's own module for this cell and what it calls; None where torch has none."""
        return None

    def torchs_step(self, variant: str) -> Callable[[Tensor, State, CellWeights], State] | None:
        """One step by torch's own function, from x_BE and a state to the next one; None where torch has none."""
        return None

    # ---- what is said and asked of it -----------------------------------------------------------------------------

    @property
    def keeps(self) -> Gate | None:
        """The gate that keeps the old state; None where there is none."""
        return next((gate for gate in self.gates if gate.keeps), None)

    @property
    def letters(self) -> tuple[str, ...]:
        """Every part of a step: gates, the others that are stacked, the state, h last."""
        gates = [gate.letter for gate in self.gates]
        others = [letter for letter in self.stacked if letter not in (*gates, *self.state)]
        return (*gates, *others, *reversed(self.state))

    def gate(self, letter: str) -> Gate:
        """The gate of this letter; KeyError where there is none."""
        return {gate.letter: gate for gate in self.gates}[letter]

    def rows(self, stacked: Tensor, letter: str) -> Tensor:
        """The rows of one part inside stacked weights or biases, (H, ...)."""
        return stacked.chunk(len(self.stacked))[self.stacked.index(letter)]

    def held(self, part: str, value: float, variant: str) -> dict[str, float] | None:
        """The arguments at which a part of a unit has one value at every step, by the letters of their rows.

        Args:
            part: a letter of the cell; a gate can always be held, a cell says what else of it can.
            value: of it.
            variant: one of `variants`.

        Returns:
            None where no weights hold it so.

        """
        gates = [gate.letter for gate in self.gates]
        return {part: logit(value)} if part in gates and 0 <= value <= 1 else None

    def chrono(self, memory_H: Tensor) -> dict[str, Tensor]:
        """The initial biases of gates, by letter, for memory_H = ln of the steps each unit shall remember."""
        return {self.keeps.letter: memory_H} if self.keeps else {}

    def initialisations(self) -> tuple[str, ...]:
        """Which of initialisation.INITS make sense for it."""
        return ("torch", "normal", *(("chrono",) if self.keeps else ()), *(("orthogonal",) if self.recurrent else ()))

    def bound(self, weights: CellWeights, variant: str) -> Tensor | None:
        """A matrix whose largest singular value bounds that of every step's Jacobian; None where no such bound is known."""
        return None

    def stuck(self, h_TH: Any, variant: str) -> float | None:
        """Share of the states whose activation is saturated; None for a cell whose gates say so themselves."""
        return None

    def dies(self, variant: str) -> bool:
        """Whether a unit whose state is zero at every step passes no gradient."""
        return False

    def unbounded(self, variant: str) -> bool:
        """Whether its state can outgrow the precision while loss and weights are finite."""
        return False


def input_projection(x: Tensor, weights: CellWeights) -> Tensor:
    """W x + b for every stacked gate, shape (..., G).

    Args:
        x: floats (..., E), or int64 ids (...): a one-hot x only picks a column of W, so it is looked up.
        weights: the cell's weights.

    """
    if x.is_floating_point():
        return F.linear(x, weights.w_ih_GE, weights.b_ih_G)
    return F.embedding(x, weights.w_ih_GE.T) + weights.b_ih_G


def previous(h_TH: Tensor, first_H: Tensor) -> Tensor:
    """The state before each step."""
    return torch.cat([first_H.unsqueeze(0), h_TH])[: len(h_TH)]


# ---- one net along a text ---------------------------------------------------------------------------------------------


FEW_ROWS = 16  # fewer are carried back gate by gate


class LinearNet(ABC):
    """One net linearised along a text, t counted in the order in which it reads; ds is a block of gradients at s_t.

    s is the whole state, its parts beside each other: h_H, and for an LSTM (h | c). S is its width. Rows of ds are different
    losses. docs/gradients.md has the algebra.
    """

    parts = 1  # vectors of H in the state

    def __init__(self, weights: CellWeights) -> None:
        self.hidden, self.whole_u = weights.w_hh_GH.shape[1], weights.w_hh_GH.detach()
        self.u: tuple[Tensor, ...] = weights.w_hh_GH.detach().split(self.hidden)
        self.w: tuple[Tensor, ...] = weights.w_ih_GE.detach().split(self.hidden)

    def complete(self, ds_RS: Tensor, t: int | slice) -> None:  # noqa: B027 - most states have one part
        """Add, in place, what reaches one part of the state through another at the same step."""

    @abstractmethod
    def jacobian(self, t: int) -> Tensor:
        """J_t = ds_t/ds_{t-1}, (S, S)."""

    @abstractmethod
    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        """Completed gradients at s_t, carried to s_{t-1} by each path alone; t = slice(None) takes row t at step t."""

    def pull(self, ds_RS: Tensor, t: int, out_RS: Tensor) -> None:
        """Completed gradients at s_t, carried to s_{t-1} by all paths."""
        if len(ds_RS) < FEW_ROWS:
            out_RS.copy_(torch.stack(list(self.split(ds_RS, t).values())).sum(0))
        else:  # with many rows, one matrix a step is cheaper than a product for every gate
            torch.mm(ds_RS, self.jacobian(t), out=out_RS)

    def carried(self, ds_RS: Tensor, rows: slice) -> Tensor:
        """Completed gradients, each at a step of its own, carried to the state before it by all paths (`Cell.around`)."""
        return torch.stack(list(self.split(ds_RS, rows).values())).sum(0)

    @abstractmethod
    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        """Completed gradients at s_t, carried to the input x_t."""


class AutogradNet(LinearNet):
    """Any cell along a text, by autograd of its equation: exact, and slow. It has one path, the whole step.

    The parts of the state count as they leave a step: nothing is added within it (`complete`).
    """

    def __init__(self, cell: Cell, projected_TG: Tensor, before: State, weights: CellWeights, variant: str) -> None:
        super().__init__(weights)
        self.cell, self.weights, self.variant, self.parts = cell, weights, variant, len(cell.state)
        self.projected_TG, self.before_TS = projected_TG.detach(), torch.cat(before, 1).detach()

    def _back(self, ds_RS: Tensor, t: int | slice) -> tuple[Tensor, Tensor]:
        """Gradients at s_t carried to s_{t-1} and to W x_t + b: every row is one of a batch."""
        with torch.enable_grad():
            before_RS = self.before_TS[t].expand_as(ds_RS).clone().requires_grad_()
            projected_RG = self.projected_TG[t].expand(len(ds_RS), -1).clone().requires_grad_()
            step = self.cell.update(projected_RG, before_RS.split(self.hidden, 1), self.weights, self.variant)
            after_RS = torch.cat(self.cell.state_of(step), 1)
            earlier_RS, at_input_RG = torch.autograd.grad(
                after_RS, (before_RS, projected_RG), ds_RS, materialize_grads=True
            )
        return earlier_RS, at_input_RG

    def jacobian(self, t: int) -> Tensor:
        """J_t: what comes back of each unit of gradient."""
        return self._back(torch.eye(self.parts * self.hidden, dtype=self.before_TS.dtype), t)[0]

    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        """All of it by one path."""
        return {"step": self._back(ds_RS, t)[0]}

    def pull(self, ds_RS: Tensor, t: int, out_RS: Tensor) -> None:
        """Without the matrix."""
        out_RS.copy_(self._back(ds_RS, t)[0])

    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        """By way of W x + b."""
        return self._back(ds_RS, t)[1] @ self.weights.w_ih_GE.detach()
