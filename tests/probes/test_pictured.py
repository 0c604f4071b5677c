"""What a prompt and a notebook show of a result."""

import re

import pytest

import explorer
from explorer import CharModel, ModelConfig, Vocabulary
from explorer.figures.pictures import html_of

TEXT = "the cat sat on the mat <b>&amp;</b>"
MODEL = CharModel(ModelConfig("lstm", hidden_size=6), Vocabulary.from_text(TEXT), seed=0)
RESULTS = {
    "trace": explorer.trace_gates(MODEL, TEXT),
    "flow": explorer.gradient_flow(MODEL, TEXT),
    "ledger": explorer.clip_ledger(MODEL, TEXT, 1.0),
    "diagnosis": explorer.diagnose(MODEL, TEXT),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_prompt_is_told_in_a_line(name):
    said = repr(RESULTS[name])
    assert said.startswith(f"{type(RESULTS[name]).__name__}(")
    assert len(said) < 160
    assert "array" not in said


def test_its_facts_are_the_results():
    trace, ledger = RESULTS["trace"], RESULTS["ledger"]
    assert f"steps={len(TEXT)}, cell='LSTM'" in repr(trace)
    assert float(re.search(r"perplexity=([\d.]+)", repr(trace))[1]) == pytest.approx(trace.perplexity, rel=1e-3)
    assert float(re.search(r"norm_before=([\d.]+)", repr(ledger))[1]) == pytest.approx(ledger.norm_before, rel=1e-3)
    assert repr(RESULTS["diagnosis"]) == f"Diagnosis(net=(0, 'forward'), rules={RESULTS['diagnosis'].rules!r})"


@pytest.mark.parametrize("name", ["trace", "flow", "ledger"])
def test_a_notebook_shows_the_figure(name):
    drawn = RESULTS[name]._repr_html_()
    assert "Plotly.newPlot" in drawn
    assert "<html" not in drawn


def test_a_diagnosis_is_its_sentences():
    shown = RESULTS["diagnosis"]._repr_html_()
    assert all(finding.title in shown for finding in RESULTS["diagnosis"].findings)


def test_what_has_no_picture_is_refused():
    with pytest.raises(TypeError, match="int"):
        html_of(3)
