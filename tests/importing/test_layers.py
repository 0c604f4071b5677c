"""Layers under the names people give them; the oracles are torch's modules and cells, looped by hand where torch has no layer."""

import numpy as np
import pytest
import torch
from torch import nn

from explorer import ImportRefusedError, import_model
from readers import KINDS, SYMBOLS, Reader, agrees, logits_of

V = len(SYMBOLS)


def refused(source, **options):
    with pytest.raises(ImportRefusedError) as caught:
        import_model(source, **{"vocabulary": SYMBOLS} | options)
    assert "\n" not in str(caught.value)
    return caught.value


class Chain(nn.Module):
    """Separate layers, each with its own width."""

    def __init__(self, kind, widths, pattern="lstm{}"):
        super().__init__()
        self.names = [pattern.format(n + 1) for n in range(len(widths))]
        self.word_embeddings = nn.Embedding(V, 6)
        for name, below, width in zip(self.names, [6, *widths], widths, strict=False):
            setattr(self, name, KINDS[kind](below, width))
        self.hidden2tag = nn.Linear(widths[-1], V)

    def forward(self, ids_TB):
        x = self.word_embeddings(ids_TB)
        for name in self.names:
            x, _ = getattr(self, name)(x)
        return self.hidden2tag(x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [(8, 8), (9, 5), (4, 8, 3)])
def test_separate_layers_of_any_width(kind, widths):
    torch.manual_seed(4)
    module = Chain(kind, widths)
    imported = import_model(module.state_dict(), vocabulary=SYMBOLS)
    agrees(imported, module)
    assert imported.model.config.num_layers == len(widths)


def test_ten_layers_are_counted_as_numbers():
    module = Chain("rnn", (4,) * 8, "layer{}0")
    agrees(import_model(dict(reversed(module.state_dict().items())), vocabulary=SYMBOLS), module)


class Loop(nn.Module):
    """A cell in a loop."""

    def __init__(self, cell):
        super().__init__()
        self.lookup, self.lstm_cell, self.dense = nn.Embedding(V, 5), cell(5, 6), nn.Linear(6, V)

    def forward(self, ids_TB):
        state, logits = None, []
        for x_BE in self.lookup(ids_TB):
            state = self.lstm_cell(x_BE, state)
            logits.append(self.dense(state[0] if isinstance(state, tuple) else state))
        return torch.stack(logits)


@pytest.mark.parametrize("cell", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_a_cell_in_a_loop(cell):
    module = Loop(cell)
    agrees(import_model(module.state_dict(), vocabulary=SYMBOLS), module)


class Linears(nn.Module):
    """A recurrent cell of two linear layers, as tutorials have it."""

    def __init__(self, biases=(True, True)):
        super().__init__()
        self.i2h, self.h2h = nn.Linear(V, 3 * 6, bias=biases[0]), nn.Linear(6, 3 * 6, bias=biases[1])
        self.h2o = nn.Linear(6, V)

    def forward(self, ids_TB):
        h_BH, logits = torch.zeros(ids_TB.shape[1], 6), []
        for x_BE in nn.functional.one_hot(ids_TB, V).float():
            (x_r, x_z, x_n), (h_r, h_z, h_n) = self.i2h(x_BE).chunk(3, 1), self.h2h(h_BH).chunk(3, 1)
            r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
            n = torch.tanh(x_n + r * h_n)
            h_BH = z * h_BH + (1 - z) * n
            logits.append(self.h2o(h_BH))
        return torch.stack(logits)


@pytest.mark.parametrize("biases", [(True, True), (True, False), (False, True), (False, False)])
def test_linear_layers_with_any_biases(biases):
    module = Linears(biases)
    imported = import_model(module.state_dict(), vocabulary=SYMBOLS)
    agrees(imported, module)
    assert imported.model.config.bias == ("two" if biases[1] else "one" if biases[0] else "none")


def test_weights_that_multiply_from_the_right():
    module = Reader("gru", embedding=None, hidden=6)
    state = module.state_dict()
    turned = {"W_ih": state["rnn.weight_ih_l0"].T, "W_hh": state["rnn.weight_hh_l0"].T, "b_ih": state["rnn.bias_ih_l0"],
              "b_hh": state["rnn.bias_hh_l0"], "W_hq": state["fc.weight"].T, "b_q": state["fc.bias"]}  # fmt: skip
    agrees(import_model(turned, vocabulary=SYMBOLS), module)


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"), [("gru", "rzn", "zrn"), ("lstm", "ifgo", "ifog"), ("lstm", "ifgo", "ofig")]
)
def test_gates_in_another_order(kind, ours, theirs):
    module = Reader(kind)
    state = module.state_dict()
    for name, tensor in state.items():
        if name.startswith("rnn."):
            parts = dict(zip(ours, tensor.chunk(len(ours)), strict=True))
            state[name] = torch.cat([parts[letter] for letter in theirs])
    agrees(import_model(state, vocabulary=SYMBOLS, gate_order=theirs), module)
    fault = refused(state, gate_order="xyz")
    assert (fault.argument, "".join(fault.candidates)) == ("gate_order", ours)


def test_tied_weights():
    module = Reader("lstm", embedding=7)
    module.fc.weight = module.embedding.weight
    agrees(import_model(module.state_dict(), vocabulary=SYMBOLS), module)
    once = {name: tensor for name, tensor in module.state_dict().items() if name != "embedding.weight"}
    imported = import_model(once, vocabulary=SYMBOLS)
    agrees(imported, module)
    assert "import.note.tied" in [note.code for note in imported.report.notes]


@pytest.mark.parametrize(
    "names", [("encoder", "rnn", "decoder"), ("emb", "lstm", "fc"), ("i2e", "l", "head"), ("wte", "r", "o")]
)
def test_ends_of_one_shape_are_told_apart(names):
    module = Reader("lstm", names, embedding=7)
    agrees(import_model(module.state_dict(), vocabulary=SYMBOLS), module)


def test_ends_that_nothing_tells_apart_are_named():
    module = Reader("lstm", ("first", "lstm", "second"), embedding=7, bias=False)
    fault = refused(module.state_dict())
    assert fault.argument == "head"
    assert set(fault.candidates) == {"first.weight", "second.weight"}
    agrees(import_model(module.state_dict(), vocabulary=SYMBOLS, head="second", embedding="first"), module)
    assert refused(module.state_dict(), head="third").argument == "head"


# ---- what is refused, and which argument decides


def test_two_stacks_are_named():
    module = Reader("lstm", hidden=5)
    both = {f"enc.{name}": tensor for name, tensor in module.state_dict().items()}
    both |= {f"dec.{name}": tensor for name, tensor in module.state_dict().items()}
    fault = refused(both)
    assert (fault.argument, fault.candidates) == ("layers", ("enc.rnn", "dec.rnn"))
    imported = import_model(both, vocabulary=SYMBOLS, layers=["dec.rnn"], leave_out=["enc."])
    agrees(imported, module)
    assert {left.name for left in imported.report.left_out} == {name for name in both if name.startswith("enc.")}
    assert refused(both, layers=["rnn"]).argument == "layers"


def test_a_tensor_that_no_model_of_ours_has_is_named():
    module = Reader("gru")
    state = module.state_dict() | {"attn.weight": torch.ones(7, 7), "norm.weight": torch.ones(7)}
    fault = refused(state)
    assert (fault.argument, fault.candidates) == ("leave_out", ("attn.weight", "norm.weight"))
    agrees(import_model(state, vocabulary=SYMBOLS, leave_out=["attn", "norm"]), module)
    counted = module.state_dict() | {"steps": torch.tensor(3)}
    assert [left.name for left in import_model(counted, vocabulary=SYMBOLS).report.left_out] == ["steps"]


def test_projections_are_refused():
    lstm = nn.LSTM(5, 6, proj_size=3)
    assert refused(lstm.state_dict()).code == "import.projection"


def test_models_of_numbers_and_classifiers_are_refused():
    numbers = {f"lstm.{name}": tensor for name, tensor in nn.LSTM(1, 6).state_dict().items()}
    for outputs in (1, 5):
        head = {f"fc.{name}": tensor for name, tensor in nn.Linear(6, outputs).state_dict().items()}
        assert refused(numbers | head).code == "import.not-symbols"
    assert refused(numbers).code == "import.no-head"
    assert refused({"fc.weight": torch.ones(3, 4)}).code == "import.no-layers"


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_a_cell_that_the_shapes_deny_is_refused(cell):
    fault = refused(Reader("lstm").state_dict(), cell=cell)
    assert (fault.code, fault.argument) == ("import.other-cell", "cell")
    assert import_model(Reader("lstm").state_dict(), vocabulary=SYMBOLS, cell="lstm").model.config.cell == "lstm"


def test_layers_that_do_not_fit_each_other_are_refused():
    state = Chain("lstm", (8, 4)).state_dict()
    swapped = {
        name.replace("lstm1", "x").replace("lstm2", "lstm1").replace("x", "lstm2"): t for name, t in state.items()
    }
    assert refused(swapped).code == "import.chain"
    only_back = {name + "_reverse": t for name, t in nn.GRU(5, 6).state_dict().items()}
    assert refused(only_back).code == "import.only-backward"
    mixed = {f"a1.{name}": t for name, t in nn.GRU(5, 6).state_dict().items()}
    mixed |= {f"a2.{name}": t for name, t in nn.LSTM(6, 6).state_dict().items()}
    assert refused(mixed).code == "import.several-cells"


def test_weights_that_are_not_finite_and_too_many_are_refused():
    state = Reader("gru").state_dict()
    state["fc.bias"][0] = torch.nan
    assert refused(state).code == "import.not-finite"
    wide = Reader("lstm", hidden=1300)
    assert refused(wide.state_dict()).code == "import.configuration"


def test_a_3_x_512_lstm_is_opened_and_can_be_saved(tmp_path):
    from explorer import Checkpoint, Recipe, load_checkpoint, save_checkpoint

    module = Reader("lstm", embedding=None, hidden=512, num_layers=3)
    imported = import_model(module, vocabulary=SYMBOLS)
    agrees(imported, module)
    save_checkpoint(tmp_path / "m.safetensors", Checkpoint(imported.model, Recipe(), 0, "a stranger's"))
    again = load_checkpoint(tmp_path / "m.safetensors").model
    torch.testing.assert_close(logits_of(type(imported)(again, imported.report), "abc"), logits_of(imported, "abc"))


def test_an_unknown_symbol_is_never_predicted_and_changes_nothing():
    module = Reader("lstm")
    model = import_model(module, vocabulary=SYMBOLS).model
    logits_TV = model(model.vocabulary.encode("abcabc").unsqueeze(1))[0][:, 0]
    p_TV = logits_TV.double().softmax(1)
    assert (p_TV[:, 0] == 0).all()
    torch.testing.assert_close(p_TV[:, 1:], logits_TV[:, 1:].double().softmax(1), rtol=1e-14, atol=0)


def test_what_a_module_in_memory_holds_is_left_as_it_was():
    module = Reader("lstm")
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    model = import_model(module, vocabulary=SYMBOLS).model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_arrays_of_numpy_are_weights_too():
    module = Reader("gru")
    state = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    agrees(import_model(state, vocabulary=SYMBOLS), module)
    assert refused(state | {"fc.bias": np.array(["a"])}).code == "import.not-numbers"


def test_the_account_says_what_every_tensor_became():
    module = Reader("gru")
    report = import_model(module.state_dict(), vocabulary=SYMBOLS).report
    assert {each.name for each in report.taken} == set(module.state_dict())
    became = {each.name: each.became for each in report.taken}
    assert became["embedding.weight"] == "embedding.weight"
    assert became["fc.bias"] == "out.bias"
    assert len(report.lines) == len(str(report).splitlines()) >= len(report.taken) + 2


def test_a_plain_cell_as_it_is_written_in_numpy():
    module = Reader("rnn", embedding=None, hidden=6)
    s = module.state_dict()
    weights = {"Wxh": s["rnn.weight_ih_l0"], "Whh": s["rnn.weight_hh_l0"], "Why": s["fc.weight"],
               "bh": (s["rnn.bias_ih_l0"] + s["rnn.bias_hh_l0"]).unsqueeze(1), "by": s["fc.bias"].unsqueeze(1)}  # fmt: skip
    imported = import_model(weights, vocabulary=SYMBOLS)
    agrees(imported, module)
    assert imported.model.config.bias == "one"


@pytest.mark.parametrize("wish", [{"reset": "never"}, {"activation": "gelu"}, {"objective": "cloze"}, {"cell": "tree"}])
def test_an_argument_that_makes_no_sense_is_named(wish):
    assert refused(Reader("gru"), **wish).argument == next(iter(wish))


def test_one_name_needs_no_list():
    module = Reader("gru")
    state = module.state_dict() | {"attn.weight": torch.ones(7, 7)}
    agrees(import_model(state, vocabulary=SYMBOLS, leave_out="attn", layers="rnn"), module)
