"""The same weights out of every container; the oracle is the module that was saved, and torch's and numpy's own writers."""

import io
import pickle
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save as safetensors_bytes
from torch import nn

from explorer import ImportRefusedError, import_model
from readers import SYMBOLS, Reader, agrees


def torch_bytes(value, old=False):
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not old)
    return file.getvalue()


def npz_bytes(state):
    file = io.BytesIO()
    np.savez(file, **{name: tensor.numpy() for name, tensor in state.items()})
    return file.getvalue()


@pytest.fixture
def module():
    torch.manual_seed(2)
    return Reader("lstm", ("emb", "encoder", "out"), num_layers=2)


def wrapped(state):
    return {
        "bare": state,
        "model": {"model": state, "epoch": 3},
        "nested": {"checkpoint": {"model_state_dict": state, "best": 0.5}, "args": {"lr": 1.0, "name": "x"}},
        "of parameters": OrderedDict((name, nn.Parameter(tensor)) for name, tensor in state.items()),
    }


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", ["bare", "model", "nested", "of parameters"])
def test_a_state_dict_of_torch(module, kind, old, tmp_path):
    data = torch_bytes(wrapped(module.state_dict())[kind], old)
    agrees(import_model(data, vocabulary=SYMBOLS), module)
    (tmp_path / "model.pth").write_bytes(data)
    agrees(import_model(tmp_path / "model.pth", vocabulary=list(SYMBOLS)), module)


@pytest.mark.parametrize("old", [False, True])
def test_a_whole_module(module, old):
    agrees(import_model(torch_bytes(module, old), vocabulary=SYMBOLS), module)


@pytest.mark.parametrize("old", [False, True])
def test_what_training_kept_beside_the_model_is_left_out(module, old):
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.zeros(3, 1, dtype=torch.int64)).sum().backward()
    optimizer.step()
    saved = {
        "model_state_dict": module.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "chars": list(SYMBOLS),
    }
    imported = import_model(torch_bytes(saved, old))
    agrees(imported, module)
    assert [left.name for left in imported.report.left_out] == ["optimizer_state_dict"]


def test_safetensors_and_npz(module):
    state = module.state_dict()
    for data in (safetensors_bytes(state), npz_bytes(state)):
        agrees(import_model(data, vocabulary=SYMBOLS), module)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(module, dtype):
    state = {name: tensor.to(dtype) for name, tensor in module.state_dict().items()}
    module.load_state_dict(state)
    sources = [torch_bytes(state), torch_bytes(state, old=True), safetensors_bytes(state), state]
    for source in sources:
        agrees(import_model(source, vocabulary=SYMBOLS), module)


def test_an_activation_is_read_out_of_a_module():
    module = Reader("rnn", nonlinearity="relu")
    for source in (module, torch_bytes(module)):
        imported = import_model(source, vocabulary=SYMBOLS)
        assert imported.model.config.activation == "relu"
        agrees(imported, module)
    agrees(import_model(module.state_dict(), vocabulary=SYMBOLS, activation="relu"), module)


def test_what_is_no_model_is_refused(tmp_path):
    for source in (b"", b"hello", b"%PDF-1.7", tmp_path / "none.pt", tmp_path, str(tmp_path / "none.pt")):
        with pytest.raises(ImportRefusedError, match="Expected"):
            import_model(source, vocabulary=SYMBOLS)


@pytest.mark.parametrize("old", [False, True])
def test_weights_alone_can_be_asked_for(module, old):
    state = module.state_dict()
    for data in (
        torch_bytes(state, old),
        torch_bytes({"model": state}, old),
        safetensors_bytes(state),
        npz_bytes(state),
    ):
        agrees(import_model(data, vocabulary=SYMBOLS, weights_only=True), module)
    for data in (
        torch_bytes(module, old),
        torch_bytes({"model": state, "args": SimpleNamespace(lr=1)}, old),
        b"\x89HDF\r\n\x1a\n",
    ):
        with pytest.raises(ImportRefusedError, match="weights alone"):
            import_model(data, vocabulary=SYMBOLS, weights_only=True)
    large = torch_bytes(state | {"more": torch.zeros(7_000_000)}, old)
    with pytest.raises(ImportRefusedError, match="at most 25 MB"):
        import_model(large, vocabulary=SYMBOLS, weights_only=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_plain_pickle_of_tensors(module, protocol, dtype):
    state = {name: tensor.to(dtype) for name, tensor in module.state_dict().items()}
    module.to(torch.float64 if dtype == torch.float64 else torch.float32).load_state_dict(state)
    agrees(import_model(pickle.dumps(state, protocol), vocabulary=SYMBOLS), module)


def test_long_lists_beside_a_model_are_passed_over(module):
    saved = {"model": module.state_dict(), "losses": [0.5] * 300_000, "optimizer": {}}
    agrees(import_model(torch_bytes(saved), vocabulary=SYMBOLS), module)


class GRU(nn.Module):
    """Not torch's."""

    def __init__(self):
        super().__init__()
        self.weight_ih, self.weight_hh = nn.Parameter(torch.ones(9, 12)), nn.Parameter(torch.ones(9, 3))


def test_only_torchs_own_gru_is_known_to_reset_after():
    class Net(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.rnn, self.out = layer, nn.Linear(3, 12)

    def assumed(layer):
        notes = import_model(Net(layer), vocabulary=SYMBOLS).report.notes
        return "import.note.reset-assumed" in [note.code for note in notes]

    assert assumed(GRU())
    assert not assumed(nn.GRU(12, 3))
    assert not assumed(nn.GRUCell(12, 3))
