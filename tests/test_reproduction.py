"""The independent loop and explorer's training tell the same story, and the commands in docs/reproduction.md work as printed."""

import ast
import random
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import explorer.cli
from explorer.checkpoints import load_checkpoint
from explorer.models import ModelConfig
from explorer.pages import new_run
from explorer.runs.request import setting
from explorer.training import RECIPES
from explorer.words import say

ROOT = Path(__file__).parents[1]
TEXT = "".join(random.Random(3).choices("abcdef gh", [9, 5, 3, 2, 2, 1, 7, 1, 1], k=330))
SMALL = replace(RECIPES["d2l-zh-v1"], epochs=6, batch_size=4, num_steps=10)  # 8 batches an epoch
# Both loops compute in float64 and differ in the order of their sums alone; 48 steps magnify 1e-16 to far less than this.
SAME = 1e-10


@pytest.fixture(scope="module")
def make():
    sys.path[:0] = [str(ROOT), str(ROOT / "reproduction")]
    import make

    yield make
    del sys.path[:2]


def small(chinese, **recipe):
    return replace(chinese, config=replace(chinese.config, hidden_size=12), recipe=replace(SMALL, **recipe))


@pytest.mark.parametrize("name", ["RNN", "GRU", "GRU_AFTER", "BIRNN"])
def test_both_loops_give_the_same_perplexities_from_the_same_weights(make, name):
    ours, theirs = make.same_weights(small(getattr(make, name)), TEXT, seed=5)
    assert len(ours) == len(theirs) == 6
    assert ours == pytest.approx(theirs, rel=SAME)
    assert ours[-1] < 0.99 * ours[0]  # something was learned


@pytest.mark.parametrize("field", ["learning_rate", "clip_norm"])
def test_the_comparison_sees_a_difference_of_a_thousandth(make, field):
    chinese = small(make.GRU)
    ours, theirs = make.same_weights(chinese, TEXT, seed=5)
    other = replace(chinese, recipe=replace(chinese.recipe, **{field: 1.001 * getattr(chinese.recipe, field)}))
    altered, _ = make.same_weights(other, TEXT, seed=5)
    assert altered != pytest.approx(theirs, rel=100 * SAME)
    assert ours == pytest.approx(theirs, rel=SAME)


def test_the_comparison_sees_the_other_reset_and_a_second_bias(make):
    chinese = small(make.GRU)
    _, theirs = make.same_weights(chinese, TEXT, seed=5)
    for change in ({"reset": "after"}, {"bias": "two"}):
        altered, _ = make.same_weights(replace(chinese, config=replace(chinese.config, **change)), TEXT, seed=5)
        assert altered != pytest.approx(theirs, rel=100 * SAME)


def test_the_control_starts_from_the_nudged_weights_and_comes_apart_no_further(make):
    chinese = small(make.RNN)
    ours, _ = make.same_weights(chinese, TEXT, seed=5)
    control = make.nudged(chinese, TEXT, seed=5)
    assert control != ours
    assert 0 < make.apart(ours, control) < SAME


def test_the_independent_loop_is_independent():
    tree = ast.parse((ROOT / "reproduction" / "independent.py").read_text("utf-8"))
    named = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    named |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert named == {"__future__", "math", "collections", "collections.abc", "torch"}


def test_the_independent_loop_draws_what_the_book_draws(make):
    weights = make.independent.normal_weights("gru before", 2, 40, 30, seed=1)
    assert {name for name in weights if name.startswith("b_")} == {
        "b_z0",
        "b_r0",
        "b_n0",
        "b_z1",
        "b_r1",
        "b_n1",
        "b_q",
    }
    for name, tensor in weights.items():
        if name.startswith("b_"):
            assert not tensor.any()
        else:
            assert float(tensor.std()) == pytest.approx(0.01, rel=0.1)  # of at least 900 draws: 4 standard errors


# ---- the document -------------------------------------------------------------------------------------------


def document():
    return (ROOT / "docs" / "reproduction.md").read_text("utf-8")


def commands():
    return re.findall(r"^python -m explorer (train .*)$", document(), re.MULTILINE)


ZH = RECIPES["d2l-zh-v1"]
BOOK = ModelConfig(hidden_size=256, init="normal", bias="one")
MEANT = {
    "rnn": (replace(BOOK, cell="rnn"), replace(ZH, epochs=250)),
    "rnn-random": (replace(BOOK, cell="rnn"), replace(ZH, epochs=250, sampling="random")),
    "gru": (replace(BOOK, cell="gru", reset="after"), ZH),
    "lstm": (replace(BOOK, cell="lstm"), ZH),
    "birnn": (
        replace(BOOK, cell="rnn", activation="sigmoid", direction="parallel"),
        replace(ZH, clip_norm=0.1),
    ),
}


def test_there_is_a_command_for_every_table_of_the_lyrics():
    assert [Path(shlex.split(command)[-1]).stem for command in commands()] == list(MEANT)


@pytest.mark.parametrize("command", commands(), ids=lambda command: Path(shlex.split(command)[-1]).stem)
def test_a_command_in_the_document_runs_as_it_is_printed(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "".join(random.Random(4).choices("江上渡口灯火\n", k=1200))
    Path("lyrics.txt").write_text(text + "late" * 3000, "utf-8")  # what comes after the first 10,000 is not learned
    output = Path(shlex.split(command)[-1])
    done = CliRunner().invoke(explorer.cli.cli, [*shlex.split(command), "--epochs", "1"])
    assert done.exit_code == 0, done.output
    checkpoint = load_checkpoint(output)
    config, recipe = MEANT[output.stem]
    assert checkpoint.config == config
    assert checkpoint.recipe == replace(recipe, epochs=1)
    assert set(checkpoint.vocabulary.symbols) == {"<unk>", *"江上渡口灯火 late"}  # no line end


def test_the_python_in_the_document_prints_the_epochs(make, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    checkpoint = load_checkpoint(ROOT / "checkpoints" / "lighthouse-birnn-parallel.safetensors")
    explorer.save_checkpoint(Path("birnn.safetensors"), checkpoint)
    (code,) = re.findall(r"```python\n(.*?)```", document(), re.DOTALL)
    exec(code, {})
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [int(epoch) for epoch, _ in printed] == [40, 80, 120, 160]
    ends = {e.epoch: make.perplexity(e.nll_nats) for e in checkpoint.history}
    assert [float(value) for _, value in printed] == pytest.approx([ends[e] for e in (40, 80, 120, 160)], rel=1e-9)


def test_the_steps_on_the_page_speak_of_its_controls():
    steps = document().partition("In the web page")[2].partition("We do not have the lyrics")[0]
    named = set(re.findall(r"\*\*(.*?)\*\*", steps)) - {"Train", "d2l-zh-v1"}
    assert {say("run-form.start"), say("run-form.recipes"), setting(new_run.NEWLINES)} <= named
    named -= {say("run-form.start"), say("run-form.recipes"), setting(new_run.NEWLINES)}
    assert len(named) == 7
    assert named <= {setting(field) for field in ("corpus", *new_run.MODEL, *new_run.RECIPE)}
    assert set(re.findall('"(.*?)"', steps)) == {
        new_run.called(new_run.OWN_FILE),
        "gru",
        "after",
        "lstm",
        "rnn",
        "sigmoid",
        "parallel",
    }


def test_the_document_counts_the_characters_of_river_town(make):
    text = make.river_town()
    assert len(text) == 10_000
    assert "\n" not in text
    assert f"cut to 10,000 characters: {len(set(text))} different characters" in document()


def test_the_document_is_the_template_with_every_row_made(make):
    lines = make.lines_of(make.DOCUMENT)
    assert list(lines) == list(make.ROWS)
    assert not [name for name, line in lines.items() if "not made yet" in line]
    assert make.rendered(lines) == document()


def test_rows_read_from_shipped_files_are_those_of_the_files(make):
    lines = make.lines_of(make.DOCUMENT)
    shipped = [name for name, row in make.ROWS.items() if isinstance(row, make.Shipped)]
    assert len(shipped) == 5
    assert [lines[name] for name in shipped] == [make.made(name) for name in shipped]


def test_rows_that_are_not_named_stay(make, tmp_path, monkeypatch):
    monkeypatch.setattr(make, "DOCUMENT", tmp_path / "kept.md")
    make.DOCUMENT.write_text(make.rendered({"zh-rnn-same": "| `zh-rnn-same` | kept |"}), "utf-8")
    assert make.lines_of(make.DOCUMENT)["zh-rnn-same"] == "| `zh-rnn-same` | kept |"
    with pytest.raises(SystemExit, match="Expected names out of rnn-concise"):
        make.main(["nonsense"])
