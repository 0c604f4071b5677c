"""What every cell in `CELLS` must have and must do; a cell that forgets something, or computes it wrongly, is red here."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import explorer
from drawn import panels
from explorer import CharModel, Checkpoint, Intervention, ModelConfig, Recipe, Vocabulary
from explorer.cells import CELLS, Cell, CellWeights, equations, gate_titles, input_projection
from explorer.cells.base import previous
from explorer.figures import gates as drawing
from explorer.figures import gradients as flow_drawing
from explorer.initialisation import INITS
from explorer.models import ConfigError, NetKey
from explorer.pages.shell import models
from explorer.probes.gates import gate_statistics
from explorer.probes.proof import flow_residual
from explorer.reads import read_of
from explorer.reads.kernel import kernel_states

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
TEXT = "the cat sat on the mat and the rat ran"
VOCABULARY = Vocabulary.from_text(TEXT)
NET = NetKey(0, "forward")
VARIANTS = [(key, variant) for key, cell in CELLS.items() for variant in cell.variants]
every_cell = pytest.mark.parametrize("key", CELLS)
every_variant = pytest.mark.parametrize(("key", "variant"), VARIANTS)
BOTH_WAYS = dict(direction="bidirectional", objective="cloze")
SHAPES = {"one layer": {}, "two layers": dict(num_layers=2), "both ways": BOTH_WAYS, "embedded": dict(embedding_size=3)}


def model_of(key, variant="", **more):
    """A small model in float64, with weights large enough that everything in it moves."""
    cell = CELLS[key]
    setting = {cell.setting: variant} if cell.setting and variant else {}
    model = CharModel(ModelConfig(key, hidden_size=5, **setting, **more), VOCABULARY, seed=2).double()
    with torch.no_grad():
        for parameter in model.rnn.parameters():
            parameter.mul_(1.6)
    return model


def along(model):
    """Its first net, what it read, its states, its weights and its variant; the text is read in the net's own order."""
    read = read_of(model, TEXT)
    detached = CellWeights(*(weight.detach() for weight in read.precise.rnn.weights(NET)))
    return model.config.kind, read.x, read.h[NET], detached, model.config.variant


# ---- entries ----------------------------------------------------------------------------------------------------------


@every_cell
def test_it_says_all_that_a_cell_is(key):
    cell = CELLS[key]
    assert cell.key == key
    assert cell.stacked
    assert cell.state[0] == "h"
    assert {gate.letter for gate in cell.gates} <= set(cell.stacked)
    assert sum(gate.keeps for gate in cell.gates) <= 1
    assert not cell.gates or cell.gates[0].keeps or cell.keeps is None
    for gate in cell.gates:
        assert len(gate.letter) == 1
        assert all((gate.name, gate.light, gate.dark))
        assert gate_titles()[gate.letter] == gate.title  # cells that share a letter mean the same
    assert cell.variants
    assert set(cell.looked_at) <= set(cell.variants)
    assert all(cell.variants.values())
    assert (cell.setting == "") == (list(cell.variants) == [""])
    named = {field.name for field in fields(ModelConfig)}
    assert {cell.setting, *cell.suggested} - {""} <= named
    assert len(cell.look_for) > 20
    assert set(cell.initialisations()) <= set(INITS)
    ModelConfig(key, **cell.suggested)


def test_titles_tell_cells_apart():
    titles = [title for cell in CELLS.values() for title in cell.variants.values()]
    assert len(set(titles)) == len(titles)


@every_variant
def test_a_step_has_every_part_and_gates_are_gates(key, variant):
    cell, x, h_TH, weights, variant = along(model_of(key, variant))
    state = tuple(torch.randn(len(x), 5).double() for _ in cell.state)
    step = cell.step(x, state, weights, variant)
    assert set(step._fields) == set(cell.letters)
    assert all(getattr(step, letter).shape == h_TH.shape for letter in cell.letters)
    for gate in cell.gates:
        assert 0 <= getattr(step, gate.letter).min() <= getattr(step, gate.letter).max() <= 1


@every_cell
def test_the_keeping_gate_keeps(key):
    cell = CELLS[key]
    if cell.keeps is None:
        return
    open_, shut = (
        explorer.trace_gates(explorer.altered(model_of(key), Intervention({cell.keeps.letter: value})), TEXT).tape()
        for value in (1, 0)
    )
    kept = cell.state[-1]  # c of an LSTM, h of a GRU
    moved = np.abs(np.diff(open_[kept], axis=0)).max()
    written = {"h": 0.0, "c": float(np.abs(open_["i"] * open_["g"]).max()) if "i" in cell.letters else 0.0}[kept]
    assert moved <= written + 1e-6
    assert np.abs(np.diff(shut[kept], axis=0)).max() > 0.01


# ---- oracles: a loop over the equation in float64, and autograd -----------------------------------------------------


@every_variant
def test_scan_and_recovery_are_the_loop(key, variant):
    cell, x, _, weights, variant = along(model_of(key, variant))
    projected_TG, state = input_projection(x, weights), tuple(torch.zeros(1, 5).double() for _ in cell.state)
    rest = tuple(part[0] for part in state[1:])
    steps = []
    for t in range(len(x)):
        steps.append(cell.step(x[t : t + 1], state, weights, variant))
        state = cell.state_of(steps[-1])
    h_T1H, last = cell.scan(
        projected_TG.unsqueeze(1), tuple(torch.zeros_like(part) for part in state), weights, variant
    )
    expected_TH = torch.cat([step.h for step in steps])
    torch.testing.assert_close(h_T1H[:, 0], expected_TH, rtol=0, atol=1e-12)
    torch.testing.assert_close(last, state, rtol=0, atol=1e-12)
    recovered, rest = cell.recover(projected_TG, previous(expected_TH, torch.zeros(5).double()), rest, weights, variant)
    for letter in cell.letters:
        expected = torch.cat([getattr(step, letter) for step in steps])
        torch.testing.assert_close(getattr(recovered, letter), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(rest, tuple(part[0] for part in state[1:]), rtol=0, atol=1e-12)
    same, _ = Cell.recover(
        cell,
        projected_TG,
        previous(expected_TH, torch.zeros(5).double()),
        tuple(map(torch.zeros_like, rest)),
        weights,
        variant,
    )
    torch.testing.assert_close(tuple(same), tuple(recovered), rtol=0, atol=1e-12)


@every_variant
def test_the_gradients_of_the_scan_are_those_of_the_loop(key, variant):
    model, ids_TB = model_of(key, variant), VOCABULARY.encode(TEXT).view(-1, 2)
    loss = model(ids_TB)[0].square().sum()
    got = torch.autograd.grad(loss, list(model.parameters()))
    model.config.kind.__class__.scan, written = Cell.scan, model.config.kind.__class__.scan
    try:
        loss = model(ids_TB)[0].square().sum()
        expected = torch.autograd.grad(loss, list(model.parameters()))
    finally:
        model.config.kind.__class__.scan = written
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


@every_variant
def test_the_linearisation_is_autograds(key, variant):
    model = model_of(key, variant, embedding_size=3)
    cell, x, h_TH, weights, variant = along(model)
    first = tuple(torch.zeros(5).double() for _ in cell.state)
    ours, oracle = (
        cell.linearised(x, h_TH, first, weights, variant),
        Cell.linearised(cell, x, h_TH, first, weights, variant),
    )
    width = ours.parts * ours.hidden
    assert (ours.parts, oracle.parts) == (len(cell.state), len(cell.state))
    generator = torch.Generator().manual_seed(1)
    for t in (0, 7, len(x) - 1):
        torch.testing.assert_close(ours.jacobian(t), oracle.jacobian(t), rtol=1e-10, atol=1e-12)
        for rows in (3, 40):  # few rows go gate by gate
            ds_RS = torch.randn(rows, width, dtype=torch.float64, generator=generator)
            expected_RS = oracle.split(ds_RS, t)["step"]
            completed_RS = ds_RS.clone()
            ours.complete(completed_RS, t)
            by_path = ours.split(completed_RS, t)
            assert set(by_path) == set(cell.paths)
            torch.testing.assert_close(sum(by_path.values()), expected_RS, rtol=1e-10, atol=1e-12)
            ours.pull(completed_RS, t, pulled_RS := torch.empty_like(ds_RS))
            torch.testing.assert_close(pulled_RS, expected_RS, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(ours.push(completed_RS, t), oracle.push(ds_RS, t), rtol=1e-10, atol=1e-12)


@every_variant
def test_steps_that_do_not_follow_each_other_are_linearised_as_autograd_does(key, variant):
    cell, x, h_TH, weights, variant = along(model_of(key, variant, embedding_size=3))
    generator = torch.Generator().manual_seed(1)
    before = tuple(0.5 * torch.randn(h_TH.shape, dtype=torch.float64, generator=generator) for _ in cell.state)
    projected_NG = input_projection(x, weights)
    step = cell.update(projected_NG, before, weights, variant)
    ours = cell.around(projected_NG, before, step, weights, variant)
    oracle = Cell.around(cell, projected_NG, before, step, weights, variant)
    rows = slice(3, 9)
    ds_RS = torch.randn(6, ours.parts * ours.hidden, dtype=torch.float64, generator=generator)
    completed_RS = ds_RS.clone()
    ours.complete(completed_RS, rows)
    torch.testing.assert_close(ours.carried(completed_RS, rows), oracle.carried(ds_RS, rows), rtol=1e-10, atol=1e-12)


@every_variant
@pytest.mark.parametrize("shape", SHAPES)
def test_the_flow_is_autograds(key, variant, shape):
    model = model_of(key, variant, **SHAPES[shape])
    for net in model.config.nets:
        flow = explorer.gradient_flow(model, TEXT, *net)
        assert flow.non_finite is None
        assert flow_residual(read_of(model, TEXT), flow) < 1e-10
        paths = explorer.jacobian_paths(model, TEXT, *net, singular_values=False)
        assert set(paths.carried) == set(model.config.kind.paths)


@every_variant
def test_the_weight_gradients_are_autograds(key, variant, monkeypatch):
    model = model_of(key, variant, **BOTH_WAYS)
    got = explorer.weight_gradient_steps(model, TEXT)
    total = explorer.clip_ledger(model, TEXT, None)
    for parameter in total.parameters:
        assert got.total_norms[parameter.name] == pytest.approx(parameter.norm_before, rel=1e-9)
    monkeypatch.setattr(type(model.config.kind), "recurrent_parts", Cell.recurrent_parts)  # then step by step
    expected = explorer.weight_gradient_steps(model, TEXT)
    assert list(got.norms_T) == list(expected.norms_T) == [name for name, _ in model.named_parameters()]
    for name, norms_T in expected.norms_T.items():
        np.testing.assert_allclose(got.norms_T[name], norms_T, rtol=1e-9, atol=1e-15, err_msg=name)
        assert got.total_norms[name] == pytest.approx(expected.total_norms[name], rel=1e-9)


@every_variant
@pytest.mark.parametrize("shape", SHAPES)
def test_the_trace_proves_itself(key, variant, shape):
    model = model_of(key, variant, **SHAPES[shape])
    trace = explorer.trace_gates(model, TEXT)
    largest = max(np.abs(tape.h_TH).max() for tape in trace.tapes.values())  # a linear cell explodes
    assert trace.residual < 1e-12 * max(1, largest)  # a model in float64
    h, _ = model.states(VOCABULARY.encode(TEXT).unsqueeze(1))
    for net, tape in trace.tapes.items():
        assert list(tape.parts) == list(model.config.kind.letters)
        np.testing.assert_allclose(tape.h_TH, h[net][:, 0].detach(), rtol=1e-6, atol=1e-6)
        for gate_TH in tape.gates.values():
            assert 0 <= gate_statistics(gate_TH).mean <= 1


@every_variant
def test_torchs_kernel_where_it_is_named_is_another_code(key, variant):
    model = model_of(key, variant)
    h_TH, name = kernel_states(model, NET, VOCABULARY.encode(TEXT))
    assert name.startswith("torch.nn.") == (model.config.kind.kernel(model.config.variant) is not None)
    torch.testing.assert_close(h_TH, model.states(VOCABULARY.encode(TEXT).unsqueeze(1))[0][NET][:, 0])


@every_variant
def test_a_cell_that_gives_its_equation_alone_says_the_same(key, variant, monkeypatch):
    """What a new cell has before anything of it is written by hand: every default, from the trace to the weights."""
    model, kind = model_of(key, variant, num_layers=2), type(CELLS[key])
    trace, steps = explorer.trace_gates(model, TEXT), explorer.weight_gradient_steps(model, TEXT)
    flow = explorer.gradient_flow(model, TEXT)
    for name in ("scan", "recover", "linearised", "recurrent_parts", "kernel"):
        monkeypatch.setattr(kind, name, getattr(Cell, name))
    bare = explorer.trace_gates(model, TEXT)
    largest = max(np.abs(tape.h_TH).max() for tape in trace.tapes.values())
    for net, tape in bare.tapes.items():
        for letter, part_TH in tape.parts.items():
            np.testing.assert_allclose(part_TH, trace.tapes[net][letter], rtol=1e-5, atol=1e-6 * max(1, largest))
    if len(CELLS[key].state) == 1:  # at a state of several parts, what one passes on to another is added by hand alone
        np.testing.assert_allclose(explorer.gradient_flow(model, TEXT).norms_TT, flow.norms_TT, rtol=1e-9)
    again = explorer.weight_gradient_steps(model, TEXT)
    for name, norms_T in steps.norms_T.items():
        np.testing.assert_allclose(again.norms_T[name], norms_T, rtol=1e-9, atol=1e-15, err_msg=name)
    assert explorer.diagnose(model, TEXT).findings
    assert set(explorer.jacobian_paths(model, TEXT).carried) == {"step"}


# ---- what a person does with it ---------------------------------------------------------------------------------------


@every_cell
def test_its_gates_can_be_held_and_others_not(key):
    model, cell = model_of(key, **BOTH_WAYS), CELLS[key]
    for gate in cell.gates:
        for value in (0, 0.3, 1):
            trace = explorer.trace_gates(explorer.altered(model, Intervention({gate.letter: value})), TEXT)
            for tape in trace.tapes.values():
                np.testing.assert_allclose(tape[gate.letter], value, atol=1e-7)
    with pytest.raises(ConfigError, match="a gate of this"):
        explorer.altered(model, Intervention({"q": 0.5}))


@every_cell
def test_shifts_factors_and_variants_are_taken_or_refused(key):
    model, cell = model_of(key), CELLS[key]
    for intervention, fits in (
        (Intervention(keep_bias=1.5), cell.keeps is not None),
        (Intervention(recurrent=0.5), cell.recurrent),
        *((Intervention(variant=variant), True) for variant in cell.variants if variant),
    ):
        if fits:
            assert explorer.trace_gates(explorer.altered(model, intervention), TEXT).residual < 1e-12
        else:
            with pytest.raises(ConfigError, match="expected"):
                explorer.altered(model, intervention)


@every_cell
@pytest.mark.parametrize("init", INITS)
def test_initial_weights_are_made_or_refused(key, init):
    if init not in CELLS[key].initialisations():
        with pytest.raises(ConfigError, match="init: expected"):
            ModelConfig(key, init=init)
        return
    config = ModelConfig(key, init=init, hidden_size=4)
    assert all(p.isfinite().all() for p in CharModel(config, VOCABULARY, seed=0).parameters())


@every_cell
@pytest.mark.parametrize("bias", ["one", "none"])
def test_it_does_without_biases(key, bias):
    model = model_of(key, bias=bias)
    assert explorer.trace_gates(model, TEXT).residual < 1e-12
    assert set(explorer.weight_gradient_steps(model, TEXT).norms_T) == {name for name, _ in model.named_parameters()}


@every_variant
def test_every_figure_has_all_of_it(key, variant):
    model = model_of(key, variant)
    trace = explorer.trace_gates(model, TEXT)
    cell = model.config.kind
    assert set(cell.letters) <= set(drawing.frame(trace).columns)
    titles = " ".join(row.title for row in drawing.tape(trace, unit=0).rows)
    assert all(f"light {gate.light}, dark {gate.dark}" in titles for gate in cell.gates)
    flow = explorer.gradient_flow(model, TEXT)
    paths = explorer.jacobian_paths(model, TEXT)
    panels = [flow_drawing.flow(flow, paths), flow_drawing.singular_values(flow, paths)]
    drawn = str([panel.figure().to_dict() for panel in panels])
    assert all(path in drawn for path in cell.paths)


@pytest.fixture(scope="module")
def shelf_of_cells(tmp_path_factory):
    """A folder with a small trained model of every cell, and the record of its training."""
    folder = tmp_path_factory.mktemp("checkpoints")
    recipe = Recipe("adam", learning_rate=0.01, batch_size=2, num_steps=8, epochs=3)
    for key, cell in CELLS.items():
        model = CharModel(ModelConfig(key, **{"hidden_size": 6} | cell.suggested), VOCABULARY, seed=1)
        recording = explorer.Recording(model, recipe)
        for record in explorer.train(model, TEXT * 3, recipe, 1):
            recording.add(record)
        checkpoint = Checkpoint(model.eval(), recipe, 1, "cats", tuple(recording.history), recording.snapshots)
        explorer.save_checkpoint(folder / f"{key}.safetensors", checkpoint)
    return folder


@every_cell
def test_it_is_trained_saved_read_and_judged(key, shelf_of_cells):
    checkpoint = explorer.load_checkpoint(shelf_of_cells / f"{key}.safetensors")
    losses = [record.nll_nats for record in checkpoint.history]
    assert losses[-1] < losses[0]
    assert explorer.diagnose(checkpoint, TEXT).findings
    assert explorer.diagnose(checkpoint.model, TEXT * 2).findings


@every_cell
@pytest.mark.parametrize("page", ["gates.py", "gradients.py"])
def test_the_pages_show_it(key, page, shelf_of_cells, monkeypatch):
    monkeypatch.setattr(models, "CHECKPOINTS", shelf_of_cells)
    app = AppTest.from_file(str(APP), default_timeout=120)
    cell, told = CELLS[key], {"model": key}
    told |= {f"hold_{cell.gates[0].letter}": "0.5"} if cell.gates else {}
    for name, value in told.items():
        app.query_params[name] = value
    app.run()
    if page != "gates.py":
        app.switch_page(f"scripts/{page}").run()
    assert not app.exception
    said = " ".join(element.value for element in [*app.caption, *app.markdown])
    described = models.describe(key, explorer.load_checkpoint(shelf_of_cells / f"{key}.safetensors"))
    assert described.partition(",")[0] in said.replace("\\", "")
    assert ("This model is altered" in said) == bool(cell.gates)
    assert len(panels(app)) == 1


@every_variant
def test_torchs_own_step_is_that_of_the_equation(key, variant):
    cell, _, _, weights, variant = along(model_of(key, variant))
    torchs = cell.torchs_step(variant)
    if torchs is None:
        assert cell.kernel(variant) is None  # torch has neither
        return
    state = tuple(torch.randn(3, 5).double() for _ in cell.state)
    x_BE = torch.randn(3, len(VOCABULARY)).double()
    expected = cell.state_of(cell.step(x_BE, state, weights, variant))
    torch.testing.assert_close(torchs(x_BE, state, weights), expected, rtol=0, atol=1e-12)


# ---- as a person reads it ---------------------------------------------------------------------------------------------


@every_variant
def test_the_equations_that_are_shown_are_those_of_the_step(key, variant):
    cell, x, _, weights, variant = along(model_of(key, variant, bias="two" if CELLS[key].recurrent else "one"))
    state = tuple(torch.randn(len(x), 5).double() for _ in cell.state)
    step = cell.step(x, state, weights, variant)
    projected_TG = input_projection(x, weights)
    values = {f"{part}_prev": before for part, before in zip(cell.state, state, strict=True)}
    for number, letter in enumerate(cell.stacked):
        values[f"x_{letter}"] = projected_TG.chunk(len(cell.stacked), 1)[number]
    for letter, form in cell.equations(variant):
        if cell.recurrent and letter in cell.stacked:
            seen = equations.value(cell.seen(letter, variant), values)
            values[f"u_{letter}"] = seen @ cell.rows(weights.w_hh_GH, letter).T + cell.rows(weights.b_hh_G, letter)
        values[letter] = equations.value(form, values)
    assert {equation.letter for equation in cell.equations(variant)} == set(cell.letters)
    for letter in cell.letters:
        torch.testing.assert_close(values[letter], getattr(step, letter), rtol=0, atol=1e-12)


@every_variant
def test_the_drawing_says_what_the_equations_say(key, variant):
    cell, nodes = CELLS[key], {}
    known = {letter: torch.rand(1) for letter in cell.letters} | {f"{part}_prev": torch.rand(1) for part in cell.state}
    known |= {f"{side}_{letter}": torch.rand(1) for side in "xu" for letter in cell.stacked}
    for letter, form in cell.equations(variant):
        known[letter] = equations.value(form, known)
    for node in cell.drawn(variant):
        for wire in node.wires:
            assert (wire if isinstance(wire, str) else wire[0]) in nodes  # a wire comes from what stands before it
        assert node.at not in [other.at for other in nodes.values()]
        nodes[node.key] = node
        assert node.key == "x" or equations.value(node.form, known).shape == (1,)
    assert {*cell.letters, "x", *(f"{part}_prev" for part in cell.state)} <= set(nodes)
    # A sum is the sum of what comes to it, a product the product; an output is what comes to it.
    operation = {"+": torch.add, "×": torch.mul}
    for node in nodes.values():
        come = [
            equations.value(nodes[wire].form, known) for wire in node.wires if isinstance(wire, str) and wire != "x"
        ]
        if node.sign in operation:
            torch.testing.assert_close(operation[node.sign](*come), equations.value(node.form, known))
        elif node.key in cell.state and not node.sign:
            torch.testing.assert_close(come[0], equations.value(node.form, known))


@every_cell
def test_it_has_a_symbol_of_the_book_for_every_part_that_is_named_otherwise_there(key):
    cell = CELLS[key]
    assert set(cell.book) <= set(cell.letters)
    candidates = set(cell.stacked) - {gate.letter for gate in cell.gates} - set(cell.state)
    assert candidates == set(cell.book)
