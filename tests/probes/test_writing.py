"""What a model would write, against torch's own kernel, softmax and generator."""

import time
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from explorer import CharModel, ConfigError, ModelConfig, Vocabulary, trace_gates, write_on
from explorer.cells import CELLS
from explorer.figures.drawing import WIDE_PX
from explorer.figures.writing import NAME_PX, likeliest

TEXT = "the cat sat on the mat, and the cat sat on it"
VOCABULARY = Vocabulary.from_text(TEXT)


def model_of(**fields):
    return CharModel(ModelConfig(**({"hidden_size": 9} | fields)), VOCABULARY, seed=3).double()


def oracle_of(model):
    """logits_V after each character of a text, by torch's own GRU."""
    kernel = nn.GRU(len(VOCABULARY), 9).double()
    kernel.load_state_dict(model.rnn.state_dict())

    def logits_TV(text):
        ids_T = torch.tensor([VOCABULARY.symbols.index(c) for c in text])
        h_T1H, _ = kernel(torch.eye(len(VOCABULARY), dtype=torch.float64)[ids_T, None])
        return h_T1H[:, 0] @ model.out.weight.T + model.out.bias

    return logits_TV


@pytest.mark.parametrize("temperature", [0.25, 1.0, 2.0])
@pytest.mark.parametrize("at", [None, 1, 7])
def test_the_likeliest_characters_have_the_softmax_of_the_logits_over_the_temperature(temperature, at):
    model = model_of()
    with torch.no_grad():
        logits_V = oracle_of(model)(TEXT[:at])[-1][1:]  # the unknown symbol is never written
    expected_V = torch.softmax(logits_V / temperature, 0)
    done = write_on(model, TEXT, at, length=3, temperature=temperature)
    assert [symbol for symbol, _ in done.best] == [
        VOCABULARY.symbols[1 + i] for i in expected_V.argsort(descending=True)[:5]
    ]
    assert [p for _, p in done.best] == pytest.approx(sorted(expected_V.tolist(), reverse=True)[:5], abs=1e-12)
    assert done.stands == ("" if at is None else TEXT[at])
    assert len(done.written) == 3


def test_at_temperature_zero_it_goes_on_with_the_likeliest_and_all_of_the_probability_is_its():
    model = model_of()
    with torch.no_grad():
        first = VOCABULARY.symbols[1 + int(oracle_of(model)(TEXT)[-1][1:].argmax())]
    done = write_on(model, TEXT, length=1, temperature=0)
    assert done.written == first
    assert done.best[0] == (first, 1.0)


def test_from_a_place_it_reads_only_what_stands_before():
    model = model_of()
    at = 12
    whole, cut = (write_on(model, text, at, length=30, seed=5) for text in (TEXT, TEXT[:at]))
    assert whole.written == cut.written
    assert whole.best == cut.best
    other = write_on(model, TEXT[: at - 1] + "m" + TEXT[at:], at, length=30, seed=5)
    assert other.best != whole.best


def test_in_a_gap_a_cloze_model_sees_everything_but_what_stands_there():
    model = model_of(direction="bidirectional", objective="cloze")
    done = write_on(model, TEXT, 9)
    other = write_on(model, TEXT[:9] + "m" + TEXT[10:], 9)
    assert done.best == other.best
    assert (done.stands, other.stands, done.written) == (TEXT[9], "m", "")
    assert done.best != write_on(model, TEXT[:10] + "m" + TEXT[11:], 9).best
    assert write_on(model, TEXT).at == len(TEXT) - 1


@pytest.mark.parametrize("at", [0, -1, len(TEXT) + 1])
def test_a_place_outside_of_the_text_is_refused(at):
    with pytest.raises(ConfigError, match=f"from 1 to {len(TEXT)}"):
        write_on(model_of(), TEXT, at)


def test_a_model_that_has_read_the_answer_cannot_write():
    with pytest.raises(ConfigError, match="generate"):
        write_on(model_of(direction="bidirectional", objective="leaky"), TEXT)


def test_the_bars_are_as_long_as_the_characters_are_likely():
    done = write_on(model_of(), TEXT, 4)
    svg = ElementTree.fromstring(likeliest(done, "<what>"))
    assert svg.get("aria-label") == "<what>"
    bars = list(svg.iter("rect"))
    longest = WIDE_PX - NAME_PX
    assert [float(bar.get("width")) for bar in bars] == pytest.approx([longest * p for _, p in done.best], abs=0.006)
    colours = {bar.get("fill") for bar, (symbol, _) in zip(bars, done.best, strict=True) if symbol == TEXT[4]}
    others = {bar.get("fill") for bar, (symbol, _) in zip(bars, done.best, strict=True) if symbol != TEXT[4]}
    assert len(others) == 1
    assert not colours & others
    assert done.frame()["probability"].tolist() == [p for _, p in done.best]


def test_the_time_that_writing_took_lies_within_the_time_of_the_call():
    began_s = time.perf_counter()
    done = write_on(model_of(), TEXT, length=50)
    assert 0 < done.elapsed_s < time.perf_counter() - began_s
    assert done == write_on(model_of(), TEXT, length=50)  # the same writing, however long it took


def test_what_cannot_come_is_not_among_the_likeliest():
    model = CharModel(ModelConfig(hidden_size=4), Vocabulary.from_text("abc"), seed=0)
    assert len(write_on(model, "ab", length=1, temperature=0, best=5).best) == 1
    assert {symbol for symbol, _ in write_on(model, "ab", length=1, best=9).best} == set("abc")


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("more", [{}, {"num_layers": 2, "embedding_size": 5}, {"direction": "parallel"}], ids=str)
@pytest.mark.parametrize("at", [None, 1, 7])
def test_from_a_trace_it_goes_on_from_the_states_there_and_reads_nothing_again(cell, more, at, monkeypatch):
    model = model_of(cell=cell, **more)
    expected, trace = write_on(model, TEXT, at, length=40, seed=5), trace_gates(model, TEXT)
    monkeypatch.setattr(CharModel, "read_on", None)
    done = write_on(model, trace, at, length=40, seed=5)
    assert done.written == expected.written
    assert [symbol for symbol, _ in done.best] == [symbol for symbol, _ in expected.best]
    assert [p for _, p in done.best] == pytest.approx([p for _, p in expected.best], abs=1e-6)  # a trace has float32


def test_a_cloze_model_fills_the_same_gap_from_a_trace():
    model = model_of(direction="bidirectional", objective="cloze")
    assert write_on(model, trace_gates(model, TEXT), 9) == write_on(model, TEXT, 9)
