"""ONNX graphs; the oracles are torch's own exporter with the module it exported, and ONNX' reference evaluator."""

import io
import random
import sys
import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from explorer import ImportRefusedError, import_model
from readers import KINDS, SYMBOLS, Reader, agrees, logits_of

V, H, E = len(SYMBOLS), 6, 5


def exported(module):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its successor
        torch.onnx.export(module.eval(), (torch.zeros(6, 1, dtype=torch.int64),), file, dynamo=False)
    return file.getvalue()


@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}, {"embedding": None}]
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_torch_exports(kind, options):
    torch.manual_seed(6)
    module = Reader(kind, **options)
    agrees(import_model(exported(module), vocabulary=SYMBOLS), module)


def test_an_activation_that_torch_exports():
    module = Reader("rnn", nonlinearity="relu")
    agrees(import_model(exported(module), vocabulary=SYMBOLS), module)


def graph_of(kind, ways=1, head="MatMul", **options):
    """A graph as other exporters write it, with random weights in float64: Gather, the layer, Squeeze, and the output."""
    chance = np.random.default_rng(7)
    blocks = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    constants = {
        "table": chance.normal(size=(V, E)), "W": chance.normal(size=(ways, blocks * H, E)) / 2,
        "R": chance.normal(size=(ways, blocks * H, H)) / 2, "B": chance.normal(size=(ways, 2 * blocks * H)),
        "out": chance.normal(size=(H, V)), "bias": chance.normal(size=V), "axis": np.array([1]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"]),
        helper.make_node(kind, ["x", "W", "R", "B"], ["y"], hidden_size=H, name="layer", **options),
        helper.make_node("Squeeze", ["y", "axis"], ["h"]),
    ]
    if head == "Gemm":
        constants |= {"out": constants["out"].T.copy(), "flat": np.array([-1, H])}
        nodes += [helper.make_node("Reshape", ["h", "flat"], ["rows"]),
                  helper.make_node("Gemm", ["rows", "out", "bias"], ["logits"], transB=1)]  # fmt: skip
    else:
        nodes += [
            helper.make_node("MatMul", ["h", "out"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["logits"]),
        ]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    return model_of(nodes, tensors, 2 if head == "Gemm" else 3)


def model_of(nodes, tensors, rank):
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [None, None])
    logits = helper.make_tensor_value_info("logits", TensorProto.DOUBLE, [None] * rank)
    graph = helper.make_graph(nodes, "model", [ids], [logits], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


@pytest.mark.parametrize("head", ["MatMul", "Gemm"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("GRU", {}), ("GRU", {"linear_before_reset": 1}), ("LSTM", {}), ("RNN", {})],
)
def test_what_the_reference_evaluator_gives(kind, options, head):
    model = graph_of(kind, head=head, **options)
    checker.check_model(model, full_check=True)
    text = "a bad jig\nfed"
    ids_T1 = np.array([[SYMBOLS.index(c)] for c in text])
    (expected,) = ReferenceEvaluator(model).run(None, {"ids": ids_T1})
    imported = import_model(model.SerializeToString(), vocabulary=SYMBOLS)
    np.testing.assert_allclose(logits_of(imported, text).detach().numpy(), expected.reshape(-1, V), rtol=0, atol=1e-12)
    if kind == "GRU":
        assert imported.model.config.reset == ("after" if options else "before")


def refused(model):
    with pytest.raises(ImportRefusedError) as caught:
        import_model(model if isinstance(model, bytes) else model.SerializeToString(), vocabulary=SYMBOLS)
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    ("kind", "options"),
    [("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}), ("GRU", {"direction": "reverse"}), ("LSTM", {"clip": 3.0}),
     ("GRU", {"layout": 1}), ("LSTM", {"input_forget": 1}), ("RNN", {"activations": ["Elu"]})],
)  # fmt: skip
def test_attributes_that_our_cells_do_not_have_are_refused(kind, options):
    assert refused(graph_of(kind, **options)) == "import.onnx-attributes"


def test_operators_that_our_models_do_not_have_are_refused():
    model = graph_of("GRU")
    model.graph.node.insert(3, helper.make_node("Relu", ["h"], ["r"]))
    assert refused(model) == "import.onnx-operator"
    model = graph_of("GRU")
    model.graph.node.insert(3, helper.make_node("Add", ["h", "h"], ["r"]))
    assert refused(model) == "import.onnx-operator"


def test_a_first_state_that_is_not_zero_is_refused():
    model = graph_of("GRU")
    model.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1, H)), "start"))
    model.graph.node[1].input.extend(["", "start"])
    assert refused(model) == "import.onnx-state"
    model.graph.initializer[-1].CopyFrom(numpy_helper.from_array(np.zeros((1, 1, H)), "start"))
    import_model(model.SerializeToString(), vocabulary=SYMBOLS)


def test_a_file_beside_it_is_never_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = graph_of("GRU")
    (tmp_path / "weights.bin").write_bytes(bytes(8 * V * E))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    assert refused(model) == "import.onnx-elsewhere"


def test_declared_sizes_are_checked():
    for dims in ([2**40, 2**20], [-1, 5], [V, E, 10**6]):
        model = graph_of("GRU")
        model.graph.initializer[0].ClearField("dims")
        model.graph.initializer[0].dims.extend(dims)
        refused(model)


def test_a_missing_package_is_named(monkeypatch):
    data = graph_of("GRU").SerializeToString()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportRefusedError, match="pip install onnx"):
        import_model(data, vocabulary=SYMBOLS)


def test_a_damaged_file_is_read_or_refused():
    chance = random.Random(8)
    data = onnx.ModelProto.SerializeToString(graph_of("LSTM"))
    refusals = 0
    for _ in range(400):
        odd = bytearray(data)
        for _ in range(chance.choice([1, 2, 8])):
            odd[chance.randrange(len(odd) if chance.random() < 0.5 else 600)] = chance.randrange(256)
        try:
            import_model(bytes(odd[: chance.choice([len(odd), chance.randrange(len(odd))])]), vocabulary=SYMBOLS)
        except ImportRefusedError as fault:
            refusals += "\n" not in str(fault)
    assert refusals
