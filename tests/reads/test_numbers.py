"""Any kind of input fits: numbers in time, a squared error at every step and a first state, defined here in twenty lines."""

import math

import numpy as np
import pytest
import torch

import explorer
from explorer.cells import CELLS
from explorer.fields import ConfigError
from explorer.models import CharModel, ModelConfig, NetKey, SequenceModel
from explorer.probes.clipping import mean_gradient
from explorer.probes.gates import record_tapes
from explorer.probes.proof import flow_residual
from explorer.reads import Read, read_of
from explorer.text import Vocabulary

STEPS, COLUMNS, TARGETS = 23, 3, 2
every_cell = pytest.mark.parametrize("cell", CELLS)


class SeriesRead(Read):
    """Numbers x_TE, and at every step a mean squared error to y_TV."""

    score_name = "mean squared error"

    def __init__(self, model, x_TE, y_TV, first=None):
        self.y_TV = y_TV
        super().__init__(model, [f"day {t}" for t in range(len(x_TE))], x_TE, first)

    @property
    def answers(self):
        return torch.arange(len(self)), torch.arange(len(self))

    def asked_T(self, net):
        return torch.arange(len(self))

    def terms(self, outputs_CV, asked_C):
        return (outputs_CV - self.y_TV[asked_C]).square().mean(1)

    def errors(self, outputs_CV, asked_C):
        return (outputs_CV - self.y_TV[asked_C]) * 2 / outputs_CV.shape[1]

    def check_losses(self):
        assert len(self)


def series(cell, layers=1, first=True):
    generator = torch.Generator().manual_seed(3)
    config = ModelConfig(cell, hidden_size=5, num_layers=layers)
    model = SequenceModel(config, COLUMNS, TARGETS, seed=1).double()
    x_TE, y_TV = (torch.randn(STEPS, width, dtype=torch.float64, generator=generator) for width in (COLUMNS, TARGETS))
    begun = {
        net: tuple(torch.randn(1, 5, generator=generator).double() for _ in CELLS[cell].state) for net in config.nets
    }
    return SeriesRead(model, x_TE, y_TV, begun if first else None)


def loss_of(read, model):
    """The mean loss, by the model itself."""
    first = {net: tuple(part.double() for part in parts) for net, parts in read.first_of(model).items()}
    outputs_TBV, _ = model(read.inputs.unsqueeze(1), first)
    return (outputs_TBV[:, 0] - read.y_TV).square().mean(1).mean()


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
