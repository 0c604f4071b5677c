"""What is said of a reading, held to figures counted otherwise; and where nothing is said."""

import math

import pytest
import torch

import explorer
from explorer.cells import CELLS
from explorer.interventions import Intervention
from explorer.models import CharModel, ModelConfig
from explorer.probes.finding import Finding
from explorer.probes.reading import advice, gates_read, notices, paths_read, unread
from explorer.text import Vocabulary

TEXT = "a bad cab had a bed"
VOCABULARY = Vocabulary.from_text(TEXT)


def model_of(**about):
    return CharModel(ModelConfig(**{"hidden_size": 4} | about), VOCABULARY, seed=1)


def said_of(model, text):
    trace = explorer.trace_gates(model, text)
    return str(gates_read(trace, trace.tape()))


def test_a_held_gate_is_said_to_hold_as_long_as_it_does():
    held = explorer.altered(model_of(), Intervention({"z": 0.75}))
    # A unit keeps 1/e after -1/ln 0.75 steps: 3.5.
    assert "half of the units hold their state for 3.5 steps or less" in said_of(held, TEXT)
    shut = explorer.altered(model_of(), Intervention({"z": 1}))
    assert "every unit keeps its state through all of this text." in said_of(shut, TEXT)
    open_ = explorer.altered(model_of(), Intervention({"z": 0}))
    assert "every unit lets go of its state at once." in said_of(open_, TEXT)
    assert "every unit" not in said_of(model_of(), TEXT)


def test_the_greatest_surprise_is_the_one_of_torch():
    model = model_of()
    ids_T = VOCABULARY.encode(TEXT)
    with torch.no_grad():
        log_p_TV = model(ids_T.unsqueeze(1))[0][:-1, 0].log_softmax(1)
    bits_T = -log_p_TV.gather(1, ids_T[1:, None])[:, 0] / math.log(2)
    step = int(bits_T.argmax()) + 1
    likeliest = VOCABULARY.symbols[int(log_p_TV[step - 1].argmax())].replace(" ", "␣")
    said = said_of(model, TEXT)
    assert f"“{TEXT[step].replace(' ', '␣')}” at step {step}, {bits_T[step - 1]:.1f} bits; the model" in said
    assert f"expected “{likeliest}” with {log_p_TV[step - 1].max().exp():.0%} and" in said


@pytest.mark.parametrize(("text", "said"), [("", "There is no text yet"), ("a", "One character has gates but no perp")])
def test_of_too_short_a_text_is_said_what_is_missing(text, said):
    assert said in said_of(model_of(), text)


def test_the_paths_are_named_by_what_they_carry():
    paths = explorer.jacobian_paths(explorer.altered(model_of(), Intervention({"z": 0.99})), TEXT)
    said = str(paths_read(paths))
    # dh/dh along the copy path is diag(z); the update path has z (1 - z), the candidate path 1 - z before it.
    assert said.startswith("The copy path carries most: 0.99 of the gradient a step on average, the update path 0.0")
    assert " and the candidate path 0.0" in said
    assert "has one path" in str(paths_read(explorer.jacobian_paths(model_of(cell="rnn"), TEXT)))
    assert "No gradient arrives" in str(paths_read(explorer.jacobian_paths(model_of(), "")))


@pytest.mark.parametrize("cell", CELLS)
def test_an_ordinary_reading_is_not_doubted(cell):
    assert list(notices(explorer.trace_gates(model_of(cell=cell), TEXT))) == []


@pytest.mark.parametrize(
    ("about", "text", "graves"),
    [
        (dict(direction="bidirectional", objective="leaky"), TEXT, [True]),
        (dict(direction="bidirectional", objective="cloze"), TEXT, []),
        (dict(direction="parallel"), TEXT, [True]),
        ({}, TEXT + "x", [False]),
        ({}, TEXT * 2 + "xy", [False]),
        ({}, "xyz", [True]),
    ],
)
def test_what_is_to_be_doubted_is_grave_or_not(about, text, graves):
    assert [notice.grave for notice in notices(explorer.trace_gates(model_of(**about), text))] == graves


def test_a_model_that_is_not_finite_says_where_it_begins():
    model = model_of(cell="rnn", activation="relu")
    with torch.no_grad():
        model.rnn.bias_ih_l0[0] = math.inf
    (notice,) = notices(explorer.trace_gates(model, TEXT))
    assert str(notice).startswith(
        f"States at {len(TEXT)} of {len(TEXT)} steps are not finite numbers, the first at step 0:"
    )


def test_what_a_sentence_has_and_the_corpus_lacks_is_counted():
    assert unread("bad cab", TEXT) is None
    notice = unread("xxbad yet", TEXT)
    assert str(notice).startswith("44% of its characters are not in the corpus")
    assert str(notice).endswith("“x”, “y”, “t”.")
    assert notice.grave
    assert not unread("x" + TEXT * 3, TEXT).grave


def test_a_gate_that_is_held_by_hand_is_not_told_to_learn_better():
    found, held = Finding("saturated", figures={"gate": "update gate", "share": 0.95}), Intervention({"z": 1, "r": 0})
    assert advice(found, held) == "You hold r and z by hand."
    assert advice(found, Intervention(recurrent=2)) == found.advice
    assert advice(Finding("untrained", figures={"uniform_nats": 1.0}), held).startswith("Train it")
