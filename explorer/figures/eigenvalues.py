"""Eigenvalues beside the unit circle, and the powers of a matrix."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.figures.drawing import drawn, mark
from explorer.figures.panel import Axis, Level, Line, Panel, Row
from explorer.figures.style import GREY, LINES, PLAIN, Stroke, keyed
from explorer.probes.eigenvalues import POWERS, Eigenvalues
from explorer.words import say

SIZE_PX, EDGE_PX, KEY_PX, ROW_PX = 360, 26, 22, 230


def frame(found: Eigenvalues) -> pd.DataFrame:
    """One line an eigenvalue: part, real and imaginary part, modulus."""
    lines = [
        {"part": letter, "real": value.real, "imaginary": value.imag, "modulus": abs(value)}
        for letter, values in found.values.items()
        for value in values
    ]
    return pd.DataFrame(lines, columns=["part", "real", "imaginary", "modulus"])


def reach_of(*several: Eigenvalues) -> float:
    """How far from zero a drawing must reach that several can be compared in."""
    return 1.08 * max(1.0, *(found.radius(letter) for found in several for letter in found.values))


def circle(found: Eigenvalues, reach: float | None = None) -> str:
    """The eigenvalues of every part in the plane of complex numbers, as SVG, with the unit circle.

    Args:
        found: the eigenvalues.
        reach: how far from zero it reaches; None: as far as these need.

    """
    reach = reach or reach_of(found)
    middle, scale = SIZE_PX / 2, (SIZE_PX / 2 - EDGE_PX) / reach
    height = SIZE_PX + KEY_PX * len(found.values)
    marks, keys = [], []
    for number, (letter, values) in enumerate(found.values.items()):
        colour = LINES[number].colour
        for value in values:
            x, y = middle + scale * value.real, middle - scale * value.imag
            said = escape(f"{letter}: {value.real:.3f} {value.imag:+.3f}i, |λ| = {abs(value):.3f}")
            marks.append(mark(number, x, y, colour, said))
        at = SIZE_PX + KEY_PX * number + 12
        words = escape(say("eigen-figure.part", letter=letter, radius=found.radius(letter)))
        keys.append(f'{mark(number, EDGE_PX, at - 4, colour)}<text x="{EDGE_PX + 12}" y="{at}">{words}</text>')
    axis = f"M{EDGE_PX} {middle}H{SIZE_PX - EDGE_PX}M{middle} {EDGE_PX}V{SIZE_PX - EDGE_PX}"
    inside = (
        f'<path d="{axis}" stroke="currentColor" stroke-opacity="0.3"/>{"".join(marks)}'
        f'<circle cx="{middle}" cy="{middle}" r="{scale:.2f}" fill="none" stroke="currentColor" stroke-width="1.4" '
        f'stroke-dasharray="5 4"/><text x="{middle + scale + 3:.1f}" y="{middle + 14}" font-size="11">1</text>{"".join(keys)}'
    )
    return drawn(inside, height, say("eigen-figure.alt"), SIZE_PX)


def powers(found: Eigenvalues, alt: str = "") -> Panel:
    """The norm of U^k against k, with the powers of the largest eigenvalue's modulus: what is left of an eigenvector."""
    steps, radius = np.array(POWERS), found.radius(found.part)
    with np.errstate(over="ignore"):
        alone = radius ** steps.astype(np.float64)
    norm, rho = Stroke(LINES[0].colour, 2), Stroke(GREY, 1.5, "dash")
    items = [
        Level(1.0, Stroke(GREY, 1, "dot")),
        Line(steps, found.power_norms, norm, hover=f"‖U^%{{x}}‖ = %{{y{PLAIN}}}", dots_px=6),
        Line(steps, alone, rho, hover=f"ρ^%{{x}} = %{{y{PLAIN}}}"),
    ]
    title = f"{keyed('‖U^k‖', norm)}, {keyed('ρ^k', rho)}"
    x = Axis(say("eigen-figure.power"), log=True, ticks={float(k): str(k) for k in POWERS})
    axis = Axis(log=True, ticks=_powers_of_ten(np.concatenate([found.power_norms, alone, [1.0]])))
    return Panel(x, [Row(title, items, axis, ROW_PX)], hover="closest", alt=alt)


def _powers_of_ten(values: NDArray[np.float64]) -> dict[float, str]:
    """At most six ticks that are powers of ten, 1 among them."""
    exponents = np.log10(values[np.isfinite(values) & (values > 0)])
    low, high = math.floor(exponents.min()), math.ceil(exponents.max())
    step = max(1, math.ceil((high - low) / 5))
    return {
        10.0**e: "1" if e == 0 else f"10<sup>{e}</sup>" for e in range(step * math.ceil(low / step), high + 1, step)
    }
