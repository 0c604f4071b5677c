"""The picture of a result, as a fragment of HTML for a notebook."""

from __future__ import annotations

import html
from functools import singledispatch
from typing import Any

from explorer.figures import cell, eigenvalues, gates, gradients, series
from explorer.figures.panel import Panel
from explorer.probes.cell import OpenedCell
from explorer.probes.clipping import ClipLedger
from explorer.probes.diagnosis import Diagnosis
from explorer.probes.eigenvalues import Eigenvalues
from explorer.probes.gates import GateTrace
from explorer.probes.gradients import GradientFlow
from explorer.probes.series import SeriesTrace


@singledispatch
def html_of(result: Any) -> str:
    """The picture of a trace, a flow, a ledger or an opened cell, and the sentences of a diagnosis.

    A picture brings plotly from its own address, as plotly's notebooks do.

    Raises:
        TypeError: it has none.

    """
    raise TypeError(type(result).__name__)


@html_of.register
def _(trace: GateTrace) -> str:
    return _drawn(gates.tape(trace))


@html_of.register
def _(flow: GradientFlow) -> str:
    return _drawn(gradients.flow(flow))


@html_of.register
def _(trace: SeriesTrace) -> str:
    columns, targets = ([f"{letter}[{i}]" for i in range(n)] for letter, n in
                        (("x", trace.inputs_TE.shape[1]), ("y", trace.outputs_TV.shape[1])))  # fmt: skip
    return _drawn(series.tape(trace, columns, targets))


@html_of.register
def _(ledger: ClipLedger) -> str:
    return _drawn(gradients.clip(ledger))


@html_of.register
def _(opened: OpenedCell) -> str:
    moves_most = int(abs(opened.values["h"] - opened.values["h_prev"]).argmax())
    return cell.drawing(opened, moves_most)


@html_of.register
def _(found: Eigenvalues) -> str:
    return eigenvalues.circle(found)


@html_of.register
def _(diagnosis: Diagnosis) -> str:
    findings = (
        f"<li><b>{html.escape(finding.title)}.</b> {html.escape(' '.join((finding.evidence, finding.advice)).strip())}</li>"
        for finding in diagnosis.findings
    )
    return f"<ul>{''.join(findings)}</ul>"


def _drawn(panel: Panel) -> str:
    return panel.to_html(full_html=False, include_plotlyjs="cdn")
