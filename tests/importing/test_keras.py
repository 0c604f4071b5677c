"""Keras' files give what Keras gave for them (keras/make.py made both), and Keras' own test of a GRU comes out as published."""

import io
import random
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import ImportRefusedError, import_model
from explorer.cells import CELLS, CellWeights
from explorer.importing import keras as reading

pytest.importorskip("pyfive")
HERE = Path(__file__).parent / "keras"
SYMBOLS = "abcdefghijk"
with np.load(HERE / "outputs.npz") as outputs:
    OUTPUTS = dict(outputs)
NAMES = ["gru", "gru_before", "gru_no_bias", "lstm_one_hot", "functional", "rnn_relu", "both_ways_lstm"]


def probabilities(model):
    text = "".join(SYMBOLS[number] for number in OUTPUTS["ids"])
    return model(model.vocabulary.encode(text).unsqueeze(1))[0][:, 0, 1:].softmax(-1).detach().numpy()


@pytest.mark.parametrize("ending", ["keras", "h5", "weights.h5"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_gives_what_keras_gave(name, ending):
    path = HERE / f"{name}.{ending}"
    if not path.exists():
        pytest.skip("not made")
    imported = import_model(path, vocabulary=SYMBOLS)
    np.testing.assert_allclose(probabilities(imported.model), OUTPUTS[name], rtol=0, atol=2e-6)
    assert all("/" in taken.name for taken in imported.report.taken)  # as the file calls them


def test_what_the_file_says_of_the_cell_is_kept():
    def config(name):
        return import_model(HERE / f"{name}.keras", vocabulary=SYMBOLS).model.config

    assert [config(name).reset for name in ("gru", "gru_before", "gru_no_bias")] == ["after", "before", "before"]
    assert config("rnn_relu").activation == "relu"
    assert (config("functional").hidden_sizes, config("functional").embedding_size) == ((6, 5), 4)
    assert import_model(HERE / "gru_before.weights.h5", vocabulary=SYMBOLS).model.config.reset == "before"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("hard_sigmoid", "import.keras-activation"),
        ("normalised", "import.keras-layer"),
        ("both_ways", "import.several-cells"),
    ],
)
def test_what_we_do_not_have_is_refused(name, code):
    with pytest.raises(ImportRefusedError) as caught:
        import_model(HERE / f"{name}.keras", vocabulary=SYMBOLS)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_keras_own_test_of_a_gru():
    # keras/src/layers/rnn/gru_test.py: kernel 0.01, recurrent kernel 0.02, bias 0.03, for the input 0 .. 71
    x_BTE = np.arange(72).reshape((3, 6, 4)).astype("float32")
    kernel, recurrent = np.full((4, 9), 0.01), np.full((3, 9), 0.02)
    after, before = [0.5217289, 0.6371659, 0.39384964], [0.51447755, 0.6426879, 0.40208298]
    for bias, expected_B in ((np.full((2, 9), 0.03), after), (np.full(9, 0.03), before)):
        found = reading._recurrent({"kernel": ("k", kernel), "recurrent_kernel": ("r", recurrent), "bias": ("b", bias)})
        weights = {name: torch.tensor(array, dtype=torch.float32) for name, (_, array) in found.items()}
        cell = CellWeights(
            weights["weight_ih"], weights["weight_hh"], weights["bias_ih"], weights.get("bias_hh", torch.zeros(9))
        )
        variant = reading._facts({}, {"": {"recurrent_kernel": ("r", recurrent), "bias": ("b", bias)}})["reset"]
        state = (torch.zeros(3, 3),)
        for x_BE in torch.tensor(x_BTE).unbind(1):
            state = CELLS["gru"].state_of(CELLS["gru"].step(x_BE, state, cell, variant))
        assert state[0][:, 0].tolist() == pytest.approx(expected_B, abs=1e-6)


def to_cudnn(kernel, blocks):
    """As Keras' preprocess_weights_for_loading turns plain kernels into those of cuDNN."""
    return np.hstack([block.T.reshape(block.shape, order="C") for block in np.hsplit(kernel, blocks)])


@pytest.mark.parametrize("blocks", [3, 4])
def test_layers_made_for_cudnn(blocks):
    chance = np.random.default_rng(1)
    kernel, recurrent, bias = (
        chance.normal(size=shape) for shape in ((5, blocks * 6), (6, blocks * 6), (2, blocks * 6))
    )
    turned = np.hstack([block.T for block in np.hsplit(recurrent, blocks)])
    ours = reading._recurrent({"kernel": ("k", to_cudnn(kernel, blocks)), "recurrent_kernel": ("r", turned),
                               "bias": ("b", bias.reshape(-1))})  # fmt: skip
    plain = reading._recurrent({"kernel": ("k", kernel), "recurrent_kernel": ("r", recurrent), "bias": ("b", bias)})
    for name, (_, array) in plain.items():
        np.testing.assert_array_equal(ours[name][1], array)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyfive", None)
    with pytest.raises(ImportRefusedError, match="pip install pyfive"):
        import_model(HERE / "gru.h5", vocabulary=SYMBOLS)


@pytest.mark.parametrize("name", ["gru.h5", "gru.keras", "functional.weights.h5"])
def test_a_damaged_file_is_read_or_refused(name):
    chance = random.Random(name)
    data = (HERE / name).read_bytes()
    refused = 0
    for _ in range(150):
        odd = bytearray(data)
        for _ in range(chance.choice([1, 4, 30])):
            odd[chance.randrange(len(odd))] = chance.randrange(256)
        try:
            import_model(bytes(odd[: chance.choice([len(odd), chance.randrange(len(odd))])]), vocabulary=SYMBOLS)
        except ImportRefusedError:
            refused += 1
    assert refused


def test_an_archive_without_weights_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
    with pytest.raises(ImportRefusedError):
        import_model(file.getvalue(), vocabulary=SYMBOLS)


@pytest.mark.parametrize("name", ["functional", "both_ways_lstm"])
def test_a_damaged_description_is_read_or_refused(name):
    chance = random.Random(name)
    with zipfile.ZipFile(HERE / f"{name}.keras") as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    words = re.findall(rb'"[^"]*"|true|false|null|\d+|\[\]', parts["config.json"])
    refused = 0
    for _ in range(300):
        odd = parts["config.json"].replace(
            chance.choice(words), chance.choice([*words, b"[]", b"{}", b"-1"]), chance.choice([1, 99])
        )
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for part, data in (parts | {"config.json": odd}).items():
                archive.writestr(part, data)
        try:
            import_model(file.getvalue(), vocabulary=SYMBOLS)
        except ImportRefusedError as fault:
            refused += "\n" not in str(fault)
    assert refused


def test_a_model_that_predicts_after_a_window():
    imported = import_model(HERE / "last_only.keras", vocabulary=SYMBOLS)
    np.testing.assert_allclose(probabilities(imported.model)[-1], OUTPUTS["last_only"], rtol=0, atol=2e-6)
    assert "import.note.last-only" in [note.code for note in imported.report.notes]
    every = import_model(HERE / "functional.keras", vocabulary=SYMBOLS)
    assert "import.note.last-only" not in [note.code for note in every.report.notes]
