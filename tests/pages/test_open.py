"""The page Open: a stranger's file, from its bytes to its gates."""

import io
import json
import string
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from safetensors.torch import save as saved
from streamlit.testing.v1 import AppTest

import explorer
from explorer.pages import open as open_page
from explorer.pages import series
from explorer.pages.shell import links, models, opened
from explorer.pages.shell.texts import Upload
from readers import SYMBOLS, Reader

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
TYPED = json.dumps(list(SYMBOLS))
SENTENCE = "a bad dad fed a jig"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    st.cache_data.clear()
    st.cache_resource.clear()
    torch.manual_seed(4)


def pth(module):
    file = io.BytesIO()
    torch.save(module if isinstance(module, dict) else module.state_dict(), file)
    return file.getvalue()


def npz(module):
    file = io.BytesIO()
    np.savez(file, **{name: tensor.numpy() for name, tensor in module.state_dict().items()})
    return file.getvalue()


def page(data=None, name="mine.pth", **chosen):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("scripts/open.py")
    values = dict(chosen) | ({open_page.WEIGHTS: Upload(name, data)} if data is not None else {})
    app.session_state["chosen"] = links._State(page="open", values=values)
    app.run()
    assert not app.exception
    return app


def read(data, **more):
    return page(data, symbols="typed", typed_symbols=TYPED, **more)


def said(app):
    kinds = (app.success, app.warning, app.info, app.error, app.caption, app.markdown)
    return " ".join(one.value for kind in kinds for one in kind)


def name_of(app):
    (name,) = app.session_state["opened"]
    return name


@pytest.mark.parametrize(
    "pack", [pth, npz, lambda module: saved(module.state_dict())], ids=["pth", "npz", "safetensors"]
)
@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn"])
def test_its_gates_are_those_of_the_stranger_s_own_module(pack, kind):
    module = Reader(kind, num_layers=2)
    app = read(pack(module))
    assert f"{kind.upper()}" in app.success[0].value
    gates = AppTest.from_file(str(APP), default_timeout=60)
    gates.query_params.update({"model": name_of(app), "sentence": SENTENCE})
    gates.run()
    assert not gates.exception
    with torch.no_grad():
        ids_T = torch.tensor([SYMBOLS.index(c) for c in SENTENCE])
        logp_TV = module(ids_T.unsqueeze(1))[:-1, 0].double().log_softmax(1)
        expected = float(torch.exp(-logp_TV.gather(1, ids_T[1:, None]).mean()))
    (shown,) = [float(metric.value) for metric in gates.metric if metric.label == "Perplexity"]
    assert shown == pytest.approx(expected, abs=0.06)
    assert "from the file mine\\.pth" in said(gates)


def test_nothing_is_said_of_a_training_that_nobody_knows():
    app = read(pth(Reader("gru")))
    gradients = AppTest.from_file(str(APP), default_timeout=60)
    gradients.switch_page("scripts/gradients.py")
    gradients.query_params.update({"model": name_of(app), "sentence": SENTENCE})
    gradients.run()
    assert not gradients.exception
    assert "Not trained yet" not in said(gradients)
    assert "epoch 0" not in said(gradients)
    assert not [slider for slider in gradients.select_slider if slider.key == "epoch"]


def test_it_is_asked_for_the_symbols_and_says_how_many():
    app = page(pth(Reader("gru")))
    assert "knows 12 symbols" in app.info[0].value
    assert not app.success


@pytest.mark.parametrize("typed", [SYMBOLS, json.dumps({c: i for i, c in enumerate(SYMBOLS)}), TYPED])
def test_symbols_are_typed_in_a_row_as_a_list_or_as_a_map(typed):
    app = page(pth(Reader("gru")), symbols="typed", typed_symbols=typed)
    assert app.success
    assert models.load(name_of(app)).vocabulary.symbols[1:] == tuple(SYMBOLS)


def test_the_hundred_printable_characters():
    class Printable(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.gru = torch.nn.Embedding(100, 4), torch.nn.GRU(4, 6)
            self.decoder = torch.nn.Linear(6, 100)

    app = page(pth(Printable()), symbols="printable")
    assert app.success
    assert set(models.load(name_of(app)).vocabulary.symbols[1:]) == set(string.printable)


def test_symbols_that_were_typed_are_no_path_of_the_server(tmp_path):
    secret = tmp_path / "symbols.txt"
    secret.write_text(SYMBOLS)
    app = page(pth(Reader("gru")), symbols="typed", typed_symbols=str(secret))
    assert not app.success
    text = tmp_path / "text.txt"
    text.write_text(SYMBOLS * 30)
    app = page(pth(Reader("gru")), symbols="learned", rule="sorted", learned=Upload("a.txt", str(text).encode()))
    assert not app.success


def test_the_text_that_it_learned_gives_the_symbols_and_a_sample():
    text = (SYMBOLS[::-1] * 4).encode()
    app = page(pth(Reader("gru")), symbols="learned", learned=Upload("a.txt", text))
    assert app.success
    assert models.load(name_of(app)).vocabulary.symbols[1:] == tuple(sorted(SYMBOLS))
    assert "before" in said(app)  # both conventions were tried


def test_where_a_choice_decides_it_is_offered():
    module = Reader("gru").state_dict() | {"other.weight": torch.randn(12, 7)}
    app = read(pth(module))
    assert app.warning
    (offered,) = [one for one in app.multiselect if one.key == "import_leave_out"]
    assert offered.options == ["other.weight"]
    offered.select("other.weight").run()
    next(button for button in app.button if button.label == "Take this").click().run()
    assert not app.exception
    assert app.success


@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense", b"PK\x03\x04" + bytes(50), pth({"a": torch.zeros(3)}), pth(Reader("gru"))[:-200],
     b"\x80\x02c__main__\nX\n."],
    ids=["empty", "text", "zip", "no layers", "cut", "class"],
)  # fmt: skip
def test_what_is_no_such_model_is_refused_in_a_sentence(data):
    app = read(data)
    assert len(app.warning) == 1
    assert not app.success
    assert "Traceback" not in said(app)


def test_the_words_of_a_file_are_shown_to_the_letter():
    state = {f"](https://x)<b>.{name}": tensor for name, tensor in Reader("gru").state_dict().items()}
    app = read(pth(state), name=":red[x] <script>.pth")
    assert app.success
    assert not any("](https://x)" in one.value for one in app.markdown)


def test_the_same_file_is_kept_once_and_the_oldest_goes_when_there_are_too_many(monkeypatch):
    data = pth(Reader("gru"))
    first, again = name_of(read(data)), name_of(read(data))
    assert first == again
    folder = opened.file_of(first).parent
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(opened, "MOST_BYTES", 3 * opened.file_of(first).stat().st_size + 100)
    names = [name_of(read(pth(Reader("gru")))) for _ in range(4)]
    assert len({*names}) == 4
    assert [opened.file_of(name).is_file() for name in (first, *names)] == [False, False, True, True, True]


@pytest.mark.parametrize("name", ["own:", "own:../../x", "own:" + "0" * 32, "own:" + "g" * 32])
def test_a_link_to_a_model_that_is_not_there_is_told(name):
    gates = AppTest.from_file(str(APP), default_timeout=60)
    gates.query_params["model"] = name
    gates.run()
    assert not gates.exception
    assert "which is not here" in said(gates)


def test_a_disk_that_refuses_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "file"))
    app = read(pth(Reader("gru")))
    assert app.error
    assert not app.success


def test_no_file_is_ever_in_an_address():
    app = read(pth(Reader("gru")))
    assert "Upload" not in str(app.query_params)
    assert len(str(app.query_params)) < 200
    assert {open_page.WEIGHTS, series.TABLE, "file", "new_file"}.isdisjoint(links.CHOICES)
