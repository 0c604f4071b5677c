"""What the page calls its models: by what they are, no two alike, and without reading their weights."""

import itertools
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from hypothesis import given, settings
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

import explorer
from explorer.cells import CELLS
from explorer.checkpoints import Outline, read_outline
from explorer.models import ModelConfig
from explorer.pages.shell import labels, models, pickers
from explorer.recording import EpochRecord
from explorer.text import UNKNOWN, Vocabulary
from explorer.training import RECIPES

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
# The table that `make checkpoints` writes from what was asked for when the models were made.
TABLE = (models.CHECKPOINTS / "README.md").read_text("utf-8")
TITLES = {"lighthouse": "The Lighthouse", "river-town": "河镇", "time-machine": "The Time Machine"}


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def rows():
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line[:1] == "|"]
    return {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[2:]}


def opened(page="gates", **query):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update(query)
    app.run()
    if page != "gates":
        app.switch_page(f"scripts/{page}.py").run()
    assert not app.exception
    return app


@pytest.mark.parametrize("name", rows())
def test_a_shipped_model_is_called_by_what_the_table_says_of_it(name):
    row, said = rows()[name], models.model_label(name)
    assert TITLES[row["corpus"]] in said
    assert row["cell"].split()[0].strip(",") in said
    mistake = "leaky" in row["cell"] or "parallel" in row["cell"]
    assert said.startswith("Mistake: ") == mistake
    assert mistake or re.search(rf" {row['units']}( units|$)", said)
    assert name not in said
    assert len(said) <= 56


def test_the_plain_gru_is_called_as_a_person_would():
    assert models.model_label("lighthouse-gru") == "GRU · The Lighthouse · 128 units"
    assert models.model_label("lighthouse-gru-words") == "GRU · The Lighthouse, words · 96"
    assert models.model_label("river-town-gru") == "GRU · 河镇 · 96 units"
    assert models.model_label("time-machine-birnn-leaky") == "Mistake: BiRNN, leaky · The Time Machine"
    assert models.Which.of("lighthouse-gru", 16).label == "GRU · The Lighthouse · 128 units, epoch 16"


def test_files_and_links_keep_the_plain_name():
    assert models.Which.of("lighthouse-gru", 16).file_label == "lighthouse-gru, epoch 16"
    altered = models.Which.of("lighthouse-gru", 16, intervention=explorer.Intervention({"z": 1}))
    assert altered.file_label == "lighthouse-gru, epoch 16, altered"
    app = opened(model="lighthouse-mingru")
    assert app.query_params == {"model": "lighthouse-mingru"}
    assert app.selectbox(key="model").value == "lighthouse-mingru"


@pytest.mark.parametrize("page", ["gates", "gradients"])
def test_the_picker_speaks_and_the_mistakes_stand_at_its_end(page):
    options = opened(page).selectbox(key="model").options
    assert options[0] == models.model_label(pickers.FIRST_MODEL)
    assert set(options) == {models.model_label(name) for name in rows()}
    assert [option.startswith("Mistake: ") for option in options] == [False] * 10 + [True] * 2


OUTLINE = read_outline(models.CHECKPOINTS / "lighthouse-gru.safetensors")


def outline(config=OUTLINE.config, corpus="lighthouse"):
    return replace(OUTLINE, config=config, corpus=corpus)


def every_config():
    for cell, layers in itertools.product(CELLS, (1, 2)):
        kind = CELLS[cell]
        for variant in kind.variants:
            own = (
                {"cell": cell, "num_layers": layers}
                | kind.suggested
                | ({kind.setting: variant} if kind.setting else {})
            )
            yield ModelConfig(**own)
            yield ModelConfig(**own | {"direction": "bidirectional", "objective": "cloze"})
            yield ModelConfig(**own | {"direction": "bidirectional", "objective": "leaky"})
            yield ModelConfig(**own | {"direction": "parallel"})


def test_models_of_every_kind_have_labels_of_their_own():
    kinds = {f"model {place}": outline(config) for place, config in enumerate(every_config())}
    said = labels.labels(kinds)
    assert len(kinds) > 40
    assert len(set(said.values())) == len(kinds)


CORPORA = some.sampled_from(
    ["lighthouse", "The Lighthouse", "x (a)", "x", "a", "", "河镇", "river-town", "long " * 9, "long " * 8]
)
SIZES = some.sampled_from([1, 128])
CONFIGS = some.builds(ModelConfig, hidden_size=SIZES) | some.builds(
    ModelConfig, hidden_size=SIZES, direction=some.just("parallel")
)
NAMES = some.sampled_from(
    [
        "a", "b", "c", "Mistake: GRU, twice forward · x", "GRU · x · 1 units", "GRU · x · 1 units (a)",
        "GRU · The Lighthouse · 128 units",
    ]
)  # fmt: skip


@given(some.dictionaries(NAMES, some.none() | some.builds(outline, CONFIGS, CORPORA)))
@settings(max_examples=400, deadline=None)
def test_no_two_models_are_called_alike_whatever_their_files_say(found):
    said = labels.labels(found)
    assert said.keys() == found.keys()
    assert len(set(said.values())) == len(found)


def test_models_alike_in_all_that_a_label_says_are_told_apart_by_their_names():
    twins = labels.labels({"mine": outline(), "yours": outline(), "other": outline(ModelConfig(hidden_size=5))})
    assert twins == {
        "mine": "GRU · The Lighthouse · 128 units (mine)",
        "yours": "GRU · The Lighthouse · 128 units (yours)",
        "other": "GRU · The Lighthouse · 5 units",
    }


def test_a_name_of_a_corpus_that_is_long_or_odd_is_cut_and_shown_to_the_letter():
    assert labels.label(OUTLINE.config, "*my* $x$") == "GRU · *my* $x$ · 128 units"
    said = labels.label(OUTLINE.config, "a file with a long name.txt, read as UTF-8")
    assert said == "GRU · a file with a long name… · 128 units"


def test_runs_that_have_one_name_and_alike_ids_are_told_apart(monkeypatch):
    called = {"run:abcd1": "my run · abcd", "run:abcd2": "my run · abcd", "lighthouse-gru": "lighthouse-gru"}
    monkeypatch.setattr(pickers, "model_labels", lambda names: {name: called[name] for name in names})
    said = pickers._labels(["run:abcd1", "run:abcd2", "lighthouse-gru"])
    assert list(said.values()) == ["my run · abcd (run:abcd1)", "my run · abcd (run:abcd2)", "lighthouse-gru"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CHECKPOINTS", tmp_path)
    return tmp_path


def test_a_label_reads_the_head_of_a_file_once_and_again_when_it_changed(folder, monkeypatch):
    read = []
    monkeypatch.setattr(models, "read_outline", lambda path: read.append(path.stem) or read_outline(path))
    monkeypatch.setattr(models, "_load", None)  # whoever loads a checkpoint fails
    for name in ("one", "two"):
        shutil.copy(Path(APP).parents[2] / "checkpoints" / "lighthouse-gru.safetensors", folder / f"{name}.safetensors")
    for _ in range(3):
        assert models.model_label("one") == "GRU · The Lighthouse · 128 units (one)"
    assert read == ["one", "two"]
    time.sleep(0.02)  # the time of a file is as fine as the system's clock
    shutil.copy(Path(APP).parents[2] / "checkpoints" / "river-town-gru.safetensors", folder / "two.safetensors")
    assert models.model_label("two") == "GRU · 河镇 · 96 units"
    assert models.model_label("one") == "GRU · The Lighthouse · 128 units"
    assert read == ["one", "two", "two"]


@pytest.mark.parametrize("data", [b"", b"\x05", b"no checkpoint at all", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_no_checkpoint_is_called_by_its_name(folder, data):
    (folder / "odd.safetensors").write_bytes(data)
    assert models.model_label("odd") == "odd"
    assert models.shipped() == (["odd"], [])


def test_the_head_of_a_file_says_what_the_whole_file_says():
    for name in rows():
        path = models.CHECKPOINTS / f"{name}.safetensors"
        whole, head = explorer.load_checkpoint(path), read_outline(path)
        assert head == Outline(whole.config, whole.vocabulary, whole.recipe, whole.seed, whole.corpus, whole.history)


def test_an_outline_needs_no_more_of_a_file_than_its_head(tmp_path):
    data = (models.CHECKPOINTS / "lighthouse-gru.safetensors").read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(data[: 8 + int.from_bytes(data[:8], "little")])
    assert read_outline(cut) == OUTLINE
    cut.write_bytes(data[: 7 + int.from_bytes(data[:8], "little")])
    with pytest.raises(explorer.CheckpointError, match="cut off"):
        read_outline(cut)
    with pytest.raises(explorer.CheckpointError, match="could not be read"):
        read_outline(tmp_path)


def test_an_outline_that_makes_no_sense_is_refused_as_the_whole_file_is(tmp_path):
    odd = explorer.Checkpoint(
        explorer.CharModel(ModelConfig(hidden_size=2), Vocabulary((UNKNOWN, "a"), (0, 1)), seed=0), RECIPES["quick"], 0, "x",
        (EpochRecord(1, 2, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0),),
    )  # fmt: skip
    path = tmp_path / "odd.safetensors"
    explorer.save_checkpoint(path, odd)
    assert read_outline(path).corpus == "x"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'\\"hidden_size\\": 2', b'\\"hidden_size\\": 0'))
    assert path.read_bytes() != data
    for read in (read_outline, explorer.load_checkpoint):
        with pytest.raises(explorer.CheckpointError, match="makes no sense"):
            read(path)
