"""The command line: what it writes, what it refuses, and what is kept when a run ends early."""

import math
import os
import random
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from streamlit.web import bootstrap

import explorer.cli
from explorer.cells import CELLS
from explorer.checkpoints import load_checkpoint
from explorer.models import CharModel, ModelConfig
from explorer.runs import foreground
from explorer.text import Vocabulary
from explorer.tokens import split
from explorer.training import RECIPES, TrainingDivergedError, train
from waiting import until

TEXT = "".join(random.Random(2).choices("abcd ef\n", k=120))
SIZES = ["--epochs", "2", "--hidden-size", "8", "--batch-size", "2", "--num-steps", "5"]
RECIPE = replace(RECIPES["quick"], epochs=2, batch_size=2, num_steps=5)
DIVERGING = ["--cell", "rnn", "--activation", "relu", "--optimizer", "sgd", "--learning-rate", "1e6", "--no-clip"]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "waves.txt"
    path.write_text(TEXT, "utf-8")
    return path


@pytest.fixture
def output(tmp_path):
    return tmp_path / "model.safetensors"


def run(*arguments):
    return CliRunner().invoke(explorer.cli.cli, ["train", *map(str, arguments)])


def train_small(corpus, output, *arguments):
    """A run that must end well, and its checkpoint."""
    result = run("--corpus", corpus, "--output", output, *SIZES, *arguments)
    assert result.exit_code == 0, result.output
    assert result.exception is None
    return load_checkpoint(output), result


def assert_refused(result, *words):
    """Exit code not 0, and on stderr one sentence, after click's own hint how to call it if that was wrong."""
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code != 0
    *usage, sentence = result.stderr.strip().splitlines()
    assert all(not line or line.startswith(("Usage: ", "Try ")) for line in usage), result.stderr
    assert sentence.startswith("Error: ")
    assert sentence.endswith((".", "?"))  # click asks "Did you mean --corpus?"
    assert "Traceback" not in result.output
    for word in words:
        assert word in sentence


def weights(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# ---- what is written ----------------------------------------------------------------------------------------


def test_training_writes_a_checkpoint_of_what_was_asked_for(corpus, output):
    checkpoint, result = train_small(corpus, output, "--seed", "7")
    assert checkpoint.config == ModelConfig(hidden_size=8)
    assert checkpoint.recipe == RECIPE
    assert checkpoint.seed == 7
    assert checkpoint.corpus == "waves"
    assert checkpoint.vocabulary == Vocabulary.from_text(TEXT)
    # 119 characters in 2 rows of 59 less an offset of at most 5: 11 pieces of 5
    assert [(e.epoch, e.step) for e in checkpoint.history] == [(1, 11), (2, 22)]
    assert all(0 < e.nll_nats < 2 * math.log(9) for e in checkpoint.history)
    assert not checkpoint.model.training
    last_line = result.stdout.splitlines()[-1]
    assert last_line.startswith(f"Wrote {output} (")
    assert last_line.endswith(" 2 epochs).")
    assert result.stderr == ""


def test_a_cell_brings_what_makes_sense_beside_it_unless_something_else_is_asked_for(corpus, output):
    checkpoint, _ = train_small(corpus, output, "--cell", "mingru")
    assert checkpoint.config == ModelConfig("mingru", hidden_size=8, **CELLS["mingru"].suggested)
    checkpoint, _ = train_small(corpus, output, "--cell", "mingru", "--num-layers", "1")
    assert checkpoint.config == ModelConfig("mingru", hidden_size=8, **CELLS["mingru"].suggested | {"num_layers": 1})
    checkpoint, _ = train_small(corpus, output, "--cell", "lstm")
    assert checkpoint.config == ModelConfig("lstm", hidden_size=8)


def test_the_command_line_trains_what_the_library_trains(corpus, output):
    checkpoint, _ = train_small(corpus, output, "--seed", "7")
    model = CharModel(ModelConfig(hidden_size=8), Vocabulary.from_text(TEXT), seed=7)
    ends = [record.epoch_nll_nats for record in train(model, TEXT, RECIPE, 7) if record.epoch_ends]
    assert same(weights(checkpoint.model), weights(model))
    assert [e.nll_nats for e in checkpoint.history] == pytest.approx(ends, rel=1e-5)
    other, _ = train_small(corpus, output, "--seed", "8")
    assert not same(weights(other.model), weights(model))


@pytest.mark.parametrize(
    ("arguments", "config", "recipe"),
    [
        (["--cell", "lstm", "--num-layers", "2"], {"cell": "lstm", "num_layers": 2}, {}),
        (["--cell", "rnn", "--activation", "sigmoid"], {"cell": "rnn", "activation": "sigmoid"}, {}),
        (["--reset", "before", "--init", "normal"], {"reset": "before", "init": "normal"}, {}),
        (["--embedding-size", "3", "--direction", "parallel"], {"embedding_size": 3, "direction": "parallel"}, {}),
        (
            ["--direction", "bidirectional", "--objective", "cloze"],
            {"direction": "bidirectional", "objective": "cloze"},
            {},
        ),
        (["--optimizer", "sgd", "--learning-rate", "0.25"], {}, {"optimizer": "sgd", "learning_rate": 0.25}),
        (["--clip-norm", "0.125", "--sampling", "random"], {}, {"clip_norm": 0.125, "sampling": "random"}),
        (["--no-random-offset", "--max-tokens", "60"], {}, {"random_offset": False, "max_tokens": 60}),
        (["--random-offset"], {}, {"random_offset": True}),
        (["--no-clip"], {}, {"clip_norm": None}),
        (["--held-gate", "r", "--held-at", "0.5"], {}, {"held_gate": "r", "held_at": 0.5}),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_option_reaches_the_checkpoint(corpus, output, arguments, config, recipe):
    checkpoint, _ = train_small(corpus, output, *arguments)
    assert checkpoint.config == ModelConfig(**{"hidden_size": 8} | config)
    assert checkpoint.recipe == replace(RECIPE, **recipe)


def test_without_clipping_the_norm_is_measured_and_left_alone(corpus, output):
    clipped, _ = train_small(corpus, output, "--clip-norm", "0.01")
    unclipped, _ = train_small(corpus, output, "--no-clip")
    assert [e.clipped_share for e in clipped.history] == [1, 1]
    assert [e.grad_norm_after for e in clipped.history] == pytest.approx([0.01, 0.01], rel=1e-5)
    assert [e.clipped_share for e in unclipped.history] == [0, 0]
    assert all(e.grad_norm_after == e.grad_norm_before > 0.01 for e in unclipped.history)


def test_a_named_recipe_is_taken_with_what_is_given_changed(tmp_path, output):
    long_text = tmp_path / "long.txt"
    long_text.write_text("".join(random.Random(3).choices("abcdef", k=2_400)), "utf-8")
    changed = ["--epochs", "1", "--hidden-size", "4"]
    result = run("--corpus", long_text, "--output", output, "--recipe", "d2l-zh-v1", *changed)
    assert result.exit_code == 0, result.output
    assert load_checkpoint(output).recipe == replace(RECIPES["d2l-zh-v1"], epochs=1)


def test_a_built_in_corpus_is_the_default(output):
    result = run("--output", output, *SIZES, "--epochs", "1", "--max-tokens", "40")
    assert result.exit_code == 0, result.output
    assert load_checkpoint(output).corpus == "lighthouse"


@pytest.mark.parametrize(
    ("text", "codec", "encoding", "told"),
    [
        ("河水从山里来，不回头。" * 30, "gb18030", None, "read as GB18030 (Chinese)."),
        ("über " * 60, "latin-1", "latin-1", "read as Windows-1252 or Latin-1 (Western European)."),
        ("über " * 60, "utf-8", None, None),
        ("abc " * 60 + "\x1a", "ascii", None, "read as UTF-8. The end-of-file mark of DOS (^Z) was dropped."),
    ],
)
def test_an_encoding_is_told_unless_it_is_whole_utf_8(tmp_path, output, text, codec, encoding, told):
    path = tmp_path / "words.txt"
    path.write_bytes(text.encode(codec))
    checkpoint, result = train_small(path, output, *(("--encoding", encoding) if encoding else ()))
    assert set(checkpoint.vocabulary.symbols[1:]) == set(text) - {"\x1a"}
    assert result.stderr == (f"words.txt: {told}\n" if told else "")


def test_a_doubtful_encoding_is_refused_with_the_option_to_choose_one(tmp_path, output):
    path = tmp_path / "words.txt"
    path.write_bytes("Über".encode("latin-1"))
    refused = run("--corpus", path, "--output", output, *SIZES)
    assert_refused(refused, "--encoding 'Windows-1252 or Latin-1 (Western European)'")
    assert_refused(run("--corpus", path, "--output", output, *SIZES, "--encoding", "klingon"), "klingon")


def test_a_chinese_file_in_gb18030_is_read_and_its_characters_are_kept(tmp_path, output):
    path = tmp_path / "河.txt"
    path.write_bytes(("河边的灯塔，夜里的风。" * 6).encode("gb18030"))
    checkpoint, _ = train_small(path, output)
    assert set(checkpoint.vocabulary.symbols[1:]) == set("河边的灯塔，夜里风。")
    assert checkpoint.corpus == "河"


def test_the_output_folder_is_made_and_an_older_file_replaced(corpus, tmp_path):
    output = tmp_path / "new" / "deeper" / "model.safetensors"
    train_small(corpus, output, "--seed", "1")
    assert train_small(corpus, output, "--seed", "2")[0].seed == 2
    assert [path.name for path in output.parent.iterdir()] == ["model.safetensors"]


# ---- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hidden-size", "0"], ["hidden_size", "0"]),
        (["--hidden-size", "4000"], ["parameters", "4000"]),
        (["--hidden-size", "many"], ["--hidden-size", "'many'"]),
        (["--num-layers", "9"], ["num_layers", "9"]),
        (["--learning-rate", "nan"], ["learning_rate", "nan"]),
        (["--learning-rate", "0"], ["learning_rate", "0"]),
        (["--learning-rate", "inf"], ["learning_rate", "inf"]),
        (["--learning-rate", "-1"], ["learning_rate", "-1"]),
        (["--clip-norm", "0"], ["clip_norm", "0"]),
        (["--epochs", "0"], ["epochs", "0"]),
        (["--epochs", "1.5"], ["--epochs", "'1.5'"]),
        (["--optimizer", "rmsprop"], ["optimizer", "'rmsprop'"]),
        (["--sampling", "shuffled"], ["sampling", "'shuffled'"]),
        (["--cell", "transformer"], ["cell", "'transformer'"]),
        (["--recipe", "slow"], ["--recipe", "'slow'"]),
        (["--direction", "bidirectional"], ["objective", "cloze", "leaky"]),
        (["--objective", "cloze"], ["objective", "forward"]),
        (["--batch-size", "100"], ["at least 506 characters", "got 120"]),
        (["--max-tokens", "15"], ["at least 16 characters", "got 15"]),
        (["--seed", "x"], ["--seed", "'x'"]),
        (["--zzqxw", "1"], ["--zzqxw"]),
    ],
    ids=lambda v: " ".join(v),
)
def test_bad_options_end_in_one_sentence_and_no_file(corpus, output, arguments, words):
    result = run("--corpus", corpus, "--output", output, *SIZES, *arguments)
    assert_refused(result, *words)
    assert not output.exists()


@pytest.mark.parametrize("seed", [10**14, -(10**14), 10**30])
def test_a_seed_of_any_size_is_used_or_refused_in_a_sentence(corpus, output, seed):
    result = run("--corpus", corpus, "--output", output, *SIZES, "--seed", seed)
    if result.exit_code:
        assert_refused(result, "seed")
    else:
        assert load_checkpoint(output).seed == seed


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_learning_rate_beyond_float32_ends_without_a_traceback(corpus, output, optimizer):
    arguments = [*SIZES, "--no-clip", "--optimizer", optimizer, "--learning-rate", "1e39"]
    result = run("--corpus", corpus, "--output", output, *arguments)
    if output.exists():
        assert "Diverged at step 1" in result.stderr
        assert all(value.isfinite().all() for value in weights(load_checkpoint(output).model).values())
    else:
        assert_refused(result, "learning_rate")


@pytest.mark.parametrize("name", ["model.pt", "model", "model.safetensors.txt", ".safetensors"])
def test_another_suffix_is_refused(corpus, tmp_path, name):
    assert_refused(run("--corpus", corpus, "--output", tmp_path / name, *SIZES), "--output", ".safetensors", name)
    assert not (tmp_path / name).exists()


def test_the_output_must_be_given(corpus):
    assert_refused(run("--corpus", corpus, *SIZES), "--output")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "visible"),
        (b" \n\t \n", "visible"),
        (b"\x00\x02\x01\x00\x00" + b"text" * 40, "binary"),
        (bytes(range(128, 256)) * 4, "UTF-8"),
        (b"abc " * 1_300_000, "5 MB"),
    ],
    ids=["empty", "blank", "binary", "undecodable", "too-large"],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, output, data, word):
    path = tmp_path / "strange.txt"
    path.write_bytes(data)
    assert_refused(run("--corpus", path, "--output", output, *SIZES), word)
    assert not output.exists()


@pytest.mark.parametrize(
    "name", ["missing.txt", ".", "", "n" * 300, "nul\0byte"], ids=["missing", "folder", "empty", "too-long", "nul"]
)
def test_a_file_that_is_not_there_is_refused(tmp_path, output, name):
    assert_refused(run("--corpus", str(tmp_path / name) if name else "", "--output", output, *SIZES))
    assert not output.exists()


def test_a_file_that_may_not_be_read_is_refused(monkeypatch, corpus, output):
    # Made to fail rather than chmod: the tests may run as root, who may read everything.
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    assert_refused(run("--corpus", corpus, "--output", output, *SIZES), "waves.txt")


def test_a_file_name_that_is_not_utf_8_does_not_cost_the_run(tmp_path, output):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    try:
        path.write_text(TEXT, "utf-8")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    result = run("--corpus", path, "--output", output, *SIZES)
    if result.exit_code:
        assert_refused(result)
    else:
        assert load_checkpoint(output).corpus.startswith("caf")


@pytest.mark.parametrize("below", ["waves.txt", "waves.txt/deeper"])
def test_an_output_folder_that_cannot_be_written_is_named(corpus, tmp_path, below):
    output = tmp_path / below / "model.safetensors"  # a file where a folder would have to be
    assert_refused(run("--corpus", corpus, "--output", output, *SIZES), str(output), "could not be written")
    assert corpus.read_text("utf-8") == TEXT
    assert [path.name for path in tmp_path.iterdir()] == ["waves.txt"]


def test_a_folder_cannot_be_the_output(corpus, output):
    output.mkdir()
    assert_refused(run("--corpus", corpus, "--output", output, *SIZES), "--output", "directory")
    assert list(output.iterdir()) == []


# ---- runs that end early ------------------------------------------------------------------------------------


def ending_after(step, fault, kept):
    """explorer.cli.train that raises after a step; the weights it leaves are put into `kept`."""

    def interrupted(model, text, recipe, seed=0):
        for record in train(model, text, recipe, seed):
            if record.step > step:
                kept.update(weights(model))
                raise fault
            yield record

    return interrupted


# 11 steps an epoch, see above. The step after the last one reported may already be in the weights.
@pytest.mark.parametrize(("step", "epochs"), [(0, 0), (4, 0), (11, 1), (22, 2), (30, 2)])
def test_ctrl_c_saves_what_there_is(monkeypatch, corpus, output, step, epochs):
    kept = {}
    monkeypatch.setattr(explorer.cli, "train", ending_after(step, KeyboardInterrupt(), kept))
    checkpoint, result = train_small(corpus, output, "--epochs", "5", "--seed", "3")
    assert f"Stopped after epoch {epochs}" in result.stdout
    assert f", {epochs} epoch{'s' * (epochs != 1)})" in result.stdout
    assert [e.epoch for e in checkpoint.history] == list(range(1, epochs + 1))
    assert checkpoint.last_epoch == epochs
    assert checkpoint.recipe.epochs == 5
    assert same(weights(checkpoint.model), kept)


def test_a_divergence_saves_the_epochs_before_it(monkeypatch, corpus, output):
    kept, fault = {}, TrainingDivergedError(23, "out.weight", "gradient")
    monkeypatch.setattr(explorer.cli, "train", ending_after(22, fault, kept))
    checkpoint, result = train_small(corpus, output, "--epochs", "5")
    assert "Diverged at step 23" in result.stderr
    assert "out.weight" in result.stderr
    assert [e.epoch for e in checkpoint.history] == [1, 2]
    assert same(weights(checkpoint.model), kept)


def test_a_real_divergence_saves_the_last_finite_weights_and_says_so(corpus, output):
    arguments = ["--num-steps", "40", "--batch-size", "1", "--epochs", "50"]
    checkpoint, result = train_small(corpus, output, *DIVERGING, *arguments)
    recipe = replace(RECIPE, optimizer="sgd", learning_rate=1e6, clip_norm=None, num_steps=40, batch_size=1, epochs=50)
    model = CharModel(ModelConfig(cell="rnn", activation="relu", hidden_size=8), Vocabulary.from_text(TEXT), seed=0)
    steps = train(model, TEXT, recipe, 0)
    step, last = 0, None
    with suppress(TrainingDivergedError):
        for record in steps:
            step, last = record.step, weights(model)
    assert 0 < step < 50 * 2
    assert same(weights(checkpoint.model), last)
    assert all(value.isfinite().all() for value in last.values())
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith(f"Diverged at step {step + 1}: ")
    assert "weights of the step before are kept" in sentence
    assert f"Wrote {output}" in result.stdout
    assert "Traceback" not in result.output


# ---- help ---------------------------------------------------------------------------------------------------


def test_help_lists_every_option():
    result = run("--help")
    assert result.exit_code == 0
    for option in (
        "corpus", "recipe", "seed", "output", "no-clip", "cell", "reset", "activation", "direction", "objective",
        "init", "hidden-size", "num-layers", "embedding-size", "optimizer", "learning-rate", "clip-norm", "batch-size",
        "num-steps", "epochs", "sampling", "random-offset", "no-random-offset", "max-tokens",
    ):  # fmt: skip
        assert f"--{option}" in result.stdout
    for recipe in ("d2l-v2", "d2l-zh-v1", "quick"):
        assert recipe in result.stdout


def test_the_package_runs_as_a_module():
    result = subprocess.run(
        [sys.executable, "-m", "explorer", "--help"],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Usage: python -m explorer ")
    assert "train" in result.stdout
    assert result.stderr == ""


# ---- the app and its data folder ----------------------------------------------------------------------------


def test_the_data_folder_is_an_option(corpus, output, tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "elsewhere"))
    arguments = ["--data", str(tmp_path / "here"), "train", "--corpus", str(corpus), "--output", str(output), *SIZES]
    result = CliRunner().invoke(explorer.cli.cli, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "here" / "runs.sqlite").is_file()
    assert not (tmp_path / "elsewhere").exists()


def test_the_app_is_served_with_streamlit_and_what_follows_goes_to_it(monkeypatch, tmp_path, request):
    request.addfinalizer(lambda: bootstrap.load_config_options({}))  # what was read of the options
    called = []
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path))
    monkeypatch.setattr(explorer.cli.sys, "argv", [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        explorer.cli.runpy,
        "run_module",
        lambda name, **how: called.append((name, how, sys.argv, Path.cwd())) or sys.exit(3),
    )
    result = CliRunner().invoke(
        explorer.cli.cli, ["--data", "mine", "app", "--server.port", "8600", "--server.headless=1"]
    )
    assert result.exit_code == 3
    ((module, how, arguments, folder),) = called
    assert (module, how) == ("streamlit", {"run_name": "__main__", "alter_sys": True})
    root = Path(__file__).parents[1]
    assert arguments == ["streamlit", "run", str(root / "app.py"), "--server.port", "8600", "--server.headless=1"]
    assert folder == root
    assert os.environ["GATE_EXPLORER_DATA"] == str(tmp_path / "mine")


def descendants(pid):
    """The processes that a process started, and those they started."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split()
    parents = dict(zip(map(int, listed[::2]), map(int, listed[1::2]), strict=True))
    found = {pid}
    while new := {child for child, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {pid}


def is_alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return stat.read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.process
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_server_ends_with_the_command_and_frees_its_port(tmp_path, end, processes):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "explorer",
        "--data",
        str(tmp_path),
        "app",
        f"--processes={processes}",
        "--server.headless=true",
        "--server.port",
    ]
    with subprocess.Popen(
        [*command, str(port)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"GATE_EXPLORER_SPARE": "1"},
    ) as process:
        started = set()
        try:
            until(lambda: answers(port) and descendants(process.pid))  # the server, and its spare worker
            started = descendants(process.pid)
            process.send_signal(end)
            process.wait(30)
            until(lambda: not any(map(is_alive, started)))
        finally:
            process.kill()
            for pid in filter(is_alive, started):
                os.kill(pid, signal.SIGKILL)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))  # nobody listens there any more


def answers(port):
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as answer:
        return answer.status == 200
    return False


def test_of_words_nothing_that_is_held_out_was_learned_from(tmp_path, monkeypatch):
    """What is learned is counted in words there, and what is held out begins behind it (docs/runs.md)."""
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path))
    held = []
    real = foreground.split_text
    monkeypatch.setattr(foreground, "split_text", lambda *given: held.append(real(*given)) or held[-1])
    options = [*SIZES, "--token", "word", "--max-tokens", "300"]
    result = CliRunner().invoke(explorer.cli.cli, ["train", *options, "--output", str(tmp_path / "x.safetensors")])
    assert result.exit_code == 0, result.output
    ((trained, held_out),) = held
    words = split(explorer.load_corpus("lighthouse"), "word")
    assert (trained, held_out) == (words[:300], words[300 : 300 + len(held_out)])
