"""The equations of a cell as a person reads them: one form, from which come its value, its symbols and its numbers.

A form is an expression such as "z * h_prev + (1 - z) * n". In it stand the letters of the parts; h_prev and c_prev, the state
before the step; x_z, which is W_z x + b_z, and u_z, which is U_z h_prev + c_z.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor


class Equation(NamedTuple):
    """What a part of a step is: its letter, and the form on the right-hand side."""

    letter: str
    form: str


class Node(NamedTuple):
    """Something that stands in the drawing of a cell: an input, a box, a sign, an output.

    Attributes:
        key: its own; of an input, an output or a box what its value is called.
        sign: what is written on it; "" for an input or an output.
        at: column and row.
        form: its value.
        wires: where its input comes from: the keys of other nodes, or a key and the column where the wire turns.

    """

    key: str
    sign: str
    at: tuple[float, float]
    form: str
    wires: tuple[str | tuple[str, float], ...] = ()


def above_half(a: Tensor) -> Tensor:
    """What keeps a candidate above 0 in Feng et al. 2024: g(a) = a + 1/2 for a >= 0 and sigma(a) below."""
    return torch.where(a >= 0, a + 0.5, torch.sigmoid(a))


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "g": above_half
}  # fmt: skip
_WRITTEN = {"sigmoid": r"\sigma", "tanh": r"\tanh", "relu": r"\mathrm{relu}", "g": "g"}
_BINARY: dict[type[ast.operator], Callable[[Tensor, Tensor], Tensor]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul
}  # fmt: skip
_SUM, _PRODUCT, _WHOLE = range(3)  # how tightly an expression holds together


@cache
def _parsed(form: str) -> ast.expr:
    return ast.parse(form, mode="eval").body


def value(form: str, values: Mapping[str, Tensor]) -> Tensor:
    """What a form comes to."""
    return _value(_parsed(form), values)


def _value(node: ast.expr, values: Mapping[str, Tensor]) -> Tensor:
    match node:
        case ast.Name(name):
            return values[name]
        case ast.Constant(number):
            return torch.tensor(number)
        case ast.Call(ast.Name(name), [argument]):
            return FUNCTIONS[name](_value(argument, values))
        case ast.BinOp(left, sign, right):
            return _BINARY[type(sign)](_value(left, values), _value(right, values))
    raise ValueError(ast.unparse(node))


def latex(form: str, written: Mapping[str, str], times: str = r"\odot") -> str:
    r"""A form as a formula.

    Args:
        form: see above.
        written: name -> what stands for it in the formula: a symbol, a sum such as "W_z x_t + b_z", or a number.
        times: the sign of a product: elementwise between symbols, \cdot between numbers.

    """
    return _latex(_parsed(form), written, times)[0]


def _latex(node: ast.expr, written: Mapping[str, str], times: str) -> tuple[str, int]:
    match node:
        case ast.Name(name):
            text = written[name]
            return text, _SUM if " " in text or text.startswith("-") else _WHOLE  # also a product of matrices
        case ast.Constant(number):
            return str(number), _WHOLE
        case ast.Call(ast.Name(name), [argument]):
            return f"{_WRITTEN[name]}({_latex(argument, written, times)[0]})", _WHOLE
        case ast.BinOp(left, ast.Mult(), right):
            factors = (_bracketed(*_latex(factor, written, times)) for factor in (left, right))
            return f" {times} ".join(factors), _PRODUCT
        case ast.BinOp(left, ast.Sub(), right):
            return f"{_latex(left, written, times)[0]} - {_bracketed(*_latex(right, written, times))}", _SUM
        case ast.BinOp(left, _, right):
            first, second = _latex(left, written, times)[0], _latex(right, written, times)[0]
            return (f"{first} - {second[1:]}" if second.startswith("-") else f"{first} + {second}"), _SUM
    raise ValueError(ast.unparse(node))


def _bracketed(text: str, holds: int) -> str:
    return f"({text})" if holds == _SUM else text
