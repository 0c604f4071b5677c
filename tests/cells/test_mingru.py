"""The minGRU against a loop in numpy, the published parallel scan, and the closed form of its gradient."""

import numpy as np
import pytest
import torch

import explorer
from explorer import CharModel, ModelConfig, Vocabulary
from explorer.cells import CELLS, CellWeights
from explorer.models import ConfigError, NetKey
from explorer.reads import read_of

TEXT = "the cat sat on the mat and the rat ran"
VOCABULARY = Vocabulary.from_text(TEXT)
NET = NetKey(0, "forward")
STEPS, INPUTS, HIDDEN = 40, 4, 5


def random_weights(seed):
    generator = torch.Generator().manual_seed(seed)
    w, b = (
        torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((2 * HIDDEN, INPUTS), (2 * HIDDEN,))
    )
    empty = torch.empty(0, HIDDEN, dtype=torch.float64)
    x, h = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((STEPS, INPUTS), (1, HIDDEN)))
    return CellWeights(w, empty, b, empty[:, 0]), x, h


def model_of(**more):
    return CharModel(ModelConfig("mingru", hidden_size=6, **more), VOCABULARY, seed=4).double()


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_loop_of_the_paper_in_numpy(seed):
    weights, x, h = random_weights(seed)
    (w_z, w_n), (b_z, b_n) = (np.split(part.numpy(), 2) for part in (weights.w_ih_GE, weights.b_ih_G))
    state = h[0].numpy()
    h_TH, _ = CELLS["mingru"].scan((x @ weights.w_ih_GE.T + weights.b_ih_G).unsqueeze(1), (h,), weights, "")
    for t in range(STEPS):
        z = 1 / (1 + np.exp(-(w_z @ x[t].numpy() + b_z)))
        a = w_n @ x[t].numpy() + b_n
        n = np.array([value + 0.5 if value >= 0 else 1 / (1 + np.exp(-value)) for value in a])
        state = z * state + (1 - z) * n
        np.testing.assert_allclose(h_TH[t, 0], state, rtol=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_published_scan_in_logarithms(seed):
    """Heinsen 2023 (arXiv 2311.06281), as the paper uses it: log h_t = log z* + logcumsumexp(log (1 - z) n - log z*)."""
    weights, x, h = random_weights(seed)
    h = h.abs() + 0.1  # logarithms want a positive state
    projected_TG = x @ weights.w_ih_GE.T + weights.b_ih_G
    a_z, a_n = projected_TG.chunk(2, 1)
    log_z, log_written = -torch.nn.functional.softplus(-a_z), -torch.nn.functional.softplus(a_z)
    log_n = torch.where(a_n >= 0, (a_n.relu() + 0.5).log(), -torch.nn.functional.softplus(-a_n))
    kept = log_z.cumsum(0)
    expected_TH = (kept + (torch.cat([h.log(), log_written + log_n - kept]).logcumsumexp(0))[1:]).exp()
    got_TH, last = CELLS["mingru"].scan(projected_TG.unsqueeze(1), (h,), weights, "")
    torch.testing.assert_close(got_TH[:, 0], expected_TH, rtol=1e-12, atol=0)
    torch.testing.assert_close(last[0], expected_TH[-1:], rtol=1e-12, atol=0)


def test_the_gradient_inside_a_layer_has_a_closed_form():
    """||g_t exp(S_t - S_k)||, S the running sum of ln z: the copy path is the only one."""
    model = model_of()
    read = read_of(model, TEXT)
    flow = explorer.gradient_flow(model, read)
    z_TH = explorer.trace_gates(model, read).tape()["z"].astype(np.float64)
    sums_TH, local_TH = np.log(z_TH).cumsum(0), read.local_gradients(NET).numpy()
    for t in range(len(TEXT) - 1):
        for k in range(t + 1):
            expected = np.linalg.norm(local_TH[t] * np.exp(sums_TH[t] - sums_TH[k]))
            assert flow.norms_TT[t, k] == pytest.approx(expected, rel=1e-5)  # z is kept in float32
    paths = explorer.jacobian_paths(model, read)
    np.testing.assert_allclose(paths.sigma_max_T, z_TH.max(1), rtol=1e-6)
    np.testing.assert_allclose(paths.sigma_min_T, z_TH.min(1), rtol=1e-6)


def test_in_one_layer_the_gate_is_a_table_of_the_characters_and_in_two_it_is_not():
    one = explorer.trace_gates(model_of(), TEXT).tape()["z"]
    two = explorer.trace_gates(model_of(num_layers=2), TEXT).tape(1)["z"]
    places = [t for t, character in enumerate(TEXT) if character == "t"]
    assert np.ptp(one[places], axis=0).max() == 0
    assert np.ptp(two[places], axis=0).max() > 1e-3


def test_it_has_no_recurrent_weights_and_one_bias():
    model = model_of()
    names = {name for name, _ in model.named_parameters()}
    assert names == {"rnn.weight_ih_l0", "rnn.bias_ih_l0", "out.weight", "out.bias"}
    assert set(explorer.weight_gradient_steps(model, TEXT).norms_T) == names
    with pytest.raises(ConfigError, match="bias: expected"):
        ModelConfig("mingru", bias="two")
