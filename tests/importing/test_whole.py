"""Every probe reads an imported model like one of ours, in either precision, and from a saved checkpoint."""

import numpy as np
import pytest
import torch

from explorer import (
    diagnose,
    gradient_flow,
    import_model,
    load_checkpoint,
    save_checkpoint,
    score_text,
    trace_gates,
    weight_gradient_steps,
)  # fmt: skip
from readers import SYMBOLS, Reader

TEXT = "a bad dad fed a jig\n" * 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{"num_layers": 2}, {"bidirectional": True}, {"bias": False}])
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_probes_read_it(kind, options, dtype):
    torch.manual_seed(9)
    model = import_model(Reader(kind, **options).to(dtype), vocabulary=SYMBOLS).model
    trace = trace_gates(model, TEXT)
    assert trace.score.mean_nll_nats == pytest.approx(score_text(model, TEXT).mean_nll_nats)
    assert np.isfinite(gradient_flow(model, TEXT).median_L[1:20]).all()
    assert diagnose(model, TEXT).findings
    weight_gradient_steps(model, TEXT)


def test_a_saved_one_is_a_checkpoint_like_others(tmp_path):
    imported = import_model(Reader("gru").double(), vocabulary=SYMBOLS)
    save_checkpoint(tmp_path / "m.safetensors", imported.checkpoint("a stranger's"))
    again = load_checkpoint(tmp_path / "m.safetensors")
    assert (again.corpus, again.epochs, again.vocabulary) == ("a stranger's", (0,), imported.model.vocabulary)
    assert score_text(again.model, TEXT).mean_nll_nats == pytest.approx(
        score_text(imported.model, TEXT).mean_nll_nats, abs=1e-5
    )
    assert diagnose(again, TEXT).findings
