"""Numbers in time: a squared error at every step or at some, classes, and a first state; against autograd and by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

import explorer
from explorer.cells import CELLS
from explorer.fields import ConfigError
from explorer.models import CharModel, ModelConfig, NetKey, SequenceModel
from explorer.probes.clipping import mean_gradient
from explorer.probes.gates import record_tapes
from explorer.probes.proof import flow_residual
from explorer.reads import read_of
from explorer.reads.series import SeriesRead
from explorer.series import Table, series_model
from explorer.text import Vocabulary

STEPS, COLUMNS, TARGETS = 23, 3, 2
every_cell = pytest.mark.parametrize("cell", CELLS)


def series(cell, layers=1, first=True):
    generator = torch.Generator().manual_seed(3)
    config = ModelConfig(cell, hidden_size=5, num_layers=layers)
    model = SequenceModel(config, COLUMNS, TARGETS, seed=1).double()
    x_TE, y_TV = (torch.randn(STEPS, width, dtype=torch.float64, generator=generator) for width in (COLUMNS, TARGETS))
    begun = {
        net: tuple(torch.randn(1, 5, generator=generator).double() for _ in CELLS[cell].state) for net in config.nets
    }
    labels = [f"day {t}" for t in range(STEPS)]
    return SeriesRead(model, x_TE, y_TV, labels=labels, first=begun if first else None)


def loss_of(read, model):
    """The mean loss, by the model itself."""
    first = {net: tuple(part.double() for part in parts) for net, parts in read.first_of(model).items()}
    outputs_TBV, _ = model(read.inputs.unsqueeze(1), first)
    return (outputs_TBV[:, 0] - read.target).square().mean(1).mean()


@every_cell
@pytest.mark.parametrize("first", [False, True])
def test_states_and_gates_are_recovered_from_any_first_state(cell, first):
    read = series(cell, layers=2, first=first)
    tapes, _ = record_tapes(read)
    h, _ = read.model.states(read.inputs.unsqueeze(1), dict(read.first_of(read.model)))
    for net, tape in tapes.items():
        np.testing.assert_allclose(tape.h_TH, h[net][:, 0].detach(), atol=1e-6)
        np.testing.assert_allclose(tape.h_prev_TH[0], read.first_of(read.model)[net][0][0], atol=1e-6)
        assert tape.residual < 1e-12
        assert list(tape.parts) == list(CELLS[cell].letters)


@every_cell
@pytest.mark.parametrize("layer", [0, 1])
def test_the_flow_of_a_squared_error_is_autograds(cell, layer):
    read = series(cell, layers=2)
    flow = explorer.gradient_flow(read.model, read, layer)
    assert flow.labels[3] == "day 3"
    assert len(flow) == STEPS
    assert flow_residual(read, flow) < 1e-10
    assert np.isfinite(flow.norms_TT[np.tril_indices(STEPS)]).all()
    paths = explorer.jacobian_paths(read.model, read, layer, flow=flow)
    assert set(paths.carried) == set(CELLS[cell].paths)
    assert np.isfinite(explorer.lyapunov_exponents(read.model, read, 2, layer).exponents_K).all()


@every_cell
def test_the_gradient_of_the_weights_is_autograds_and_the_steps_add_up_to_it(cell):
    read = series(cell)
    loss = loss_of(read, read.model)
    expected = dict(
        zip(dict(read.model.named_parameters()), torch.autograd.grad(loss, list(read.model.parameters())), strict=True)
    )
    got, gradients = mean_gradient(read)
    assert got == pytest.approx(loss.item(), rel=1e-12)
    torch.testing.assert_close(gradients, expected, rtol=1e-10, atol=1e-12)
    steps = explorer.weight_gradient_steps(read.model, read)
    for name, gradient in expected.items():
        assert steps.total_norms[name] == pytest.approx(float(gradient.norm()), rel=1e-9)
    ledger = explorer.clip_ledger(read.model, read, 0.01)
    assert ledger.norm_before == pytest.approx(math.hypot(*(float(g.norm()) for g in expected.values())), rel=1e-9)
    assert ledger.norm_after == pytest.approx(0.01, rel=1e-9)


def test_the_first_state_counts():
    with_, without = series("lstm"), series("lstm", first=False)
    assert mean_gradient(with_)[0] != mean_gradient(without)[0]
    assert not np.array_equal(
        record_tapes(with_)[0][NetKey(0, "forward")].h_TH, record_tapes(without)[0][NetKey(0, "forward")].h_TH
    )


def test_a_read_is_of_one_model_and_gates_of_numbers_are_tapes():
    read = series("gru")
    other = SequenceModel(read.model.config, COLUMNS, TARGETS, seed=2)
    with pytest.raises(ConfigError, match="read: expected a read of the same model; got another"):
        read_of(other, read)
    with pytest.raises(ConfigError, match="text: expected a text, or one that the model has read"):
        explorer.trace_gates(read.model, read)
    assert read_of(read.model, read) is read


def test_what_was_read_once_is_not_read_again(monkeypatch):
    text = "the cat sat on the mat"
    model = CharModel(ModelConfig(hidden_size=4, num_layers=2), Vocabulary.from_text(text), seed=0)
    read = read_of(model, text)
    flow = explorer.gradient_flow(model, read)
    monkeypatch.setattr("explorer.reads.base.through_nets", lambda *_: pytest.fail("it was read again"))
    explorer.jacobian_paths(model, read, flow=flow)
    explorer.gradient_flow(model, read, 1)
    explorer.lyapunov_exponents(model, read, 2)
    assert flow_residual(read, flow) < 1e-10


# ---- what is asked where -------------------------------------------------------------------------------------------


def asked_at_end(cell="gru", steps=9):
    model = SequenceModel(ModelConfig(cell, hidden_size=4), COLUMNS, 1, seed=1).double()
    generator = torch.Generator().manual_seed(5)
    x_TE = torch.randn(steps, COLUMNS, dtype=torch.float64, generator=generator)
    return SeriesRead(model, x_TE, torch.ones(steps, 1).double(), asked_T=torch.arange(steps) == steps - 1)


@every_cell
def test_a_loss_at_the_end_alone_reaches_back_as_autograd_says(cell):
    read = asked_at_end(cell)
    trace = explorer.trace_series(read)
    assert np.isnan(trace.loss_T[:-1]).all()
    assert trace.loss == trace.loss_T[-1] == pytest.approx((trace.outputs_TV[-1, 0] - 1) ** 2, rel=1e-12)
    flow = explorer.gradient_flow(read.model, read)
    assert (flow.asked_T[:-1] < 0).all()
    assert flow_residual(read, flow) < 1e-12
    outputs_TBV, _ = read.model(read.inputs.unsqueeze(1))
    assert trace.outputs_TV == pytest.approx(outputs_TBV[:, 0].detach().numpy(), rel=1e-12)


def test_classes_have_a_cross_entropy():
    model = SequenceModel(ModelConfig("lstm", hidden_size=4), COLUMNS, 3, seed=1).double()
    x_TE = torch.randn(7, COLUMNS, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    classes_T = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    read = SeriesRead(model, x_TE, classes_T)
    logits_TBV, _ = model(x_TE.unsqueeze(1))
    expected = torch.nn.functional.cross_entropy(logits_TBV[:, 0], classes_T)
    loss, gradients = mean_gradient(read)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    truth = torch.autograd.grad(expected, list(model.parameters()))
    torch.testing.assert_close(list(gradients.values()), list(truth), rtol=1e-10, atol=1e-12)
    trace = explorer.trace_series(read)
    assert trace.outputs_TV.sum(1) == pytest.approx(1)
    assert trace.score_name == "cross-entropy"


def test_what_is_padding_is_not_asked():
    """A sequence that ends early has the loss and the gradient of the same sequence without what stands behind it."""
    whole = series("gru", first=False)
    asked_T = torch.arange(STEPS) < 15
    padded = SeriesRead(whole.model, whole.inputs, whole.target, asked_T=asked_T)
    short = SeriesRead(whole.model, whole.inputs[:15], whole.target[:15])
    (loss, gradients), (expected, truth) = mean_gradient(padded), mean_gradient(short)
    assert loss == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(gradients, truth, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("x_TE", {"x_TE": torch.zeros(5, COLUMNS + 1)}), ("x_TE", {"x_TE": torch.zeros(5, COLUMNS, dtype=torch.int64)}),
        ("x_TE", {"x_TE": torch.zeros(0, COLUMNS)}), ("x_TE", {"x_TE": torch.full((5, COLUMNS), math.nan)}),
        ("target", {"target": torch.zeros(5)}), ("target", {"target": torch.zeros(4, TARGETS)}),
        ("target", {"target": torch.tensor([0, 1, 2, 1, 0])}), ("target", {"target": torch.tensor([0, -1, 0, 1, 0])}),
        ("asked_T", {"asked_T": torch.ones(4, dtype=torch.bool)}), ("asked_T", {"asked_T": torch.ones(5)}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(field, change):
    model = SequenceModel(ModelConfig("gru", hidden_size=4), COLUMNS, TARGETS, seed=1)
    fits = {"x_TE": torch.zeros(5, COLUMNS), "target": torch.zeros(5, TARGETS), "asked_T": None}
    with pytest.raises(ConfigError) as refused:
        SeriesRead(model, **fits | change)
    assert refused.value.field == field


def test_nothing_asked_is_refused():
    model = SequenceModel(ModelConfig("gru", hidden_size=4), COLUMNS, TARGETS, seed=1)
    nothing = torch.zeros(5, dtype=torch.bool)
    read = SeriesRead(model, torch.zeros(5, COLUMNS), torch.zeros(5, TARGETS), asked_T=nothing)
    with pytest.raises(ConfigError, match="asked_T"):
        explorer.trace_series(read)


def test_labels_are_as_many_as_the_steps():
    model = SequenceModel(ModelConfig(hidden_size=3), 1, 1, 0)
    for count in (0, 1, 9):
        with pytest.raises(ConfigError, match=r"^labels: expected 5 labels"):
            SeriesRead(model, torch.zeros(5, 1), torch.zeros(5, 1), labels=["x"] * count)


def test_a_later_row_of_what_was_drawn_does_not_take_the_labels_of_the_first():
    frame = pd.DataFrame({"a": np.sin(np.arange(80.0)), "day": [f"day{i}" for i in range(80)]})
    task = Table.of(frame, "a", labels="day")
    drawn = task.draw(3, 6, torch.Generator().manual_seed(0))
    model = series_model(task, ModelConfig(hidden_size=3))
    assert list(SeriesRead.of(model, drawn).labels) == list(drawn.labels)
    assert list(SeriesRead.of(model, drawn, row=2).labels) == ["0", "1", "2", "3", "4", "5"]
