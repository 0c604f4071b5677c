"""The command line beside training: traces, verdicts and their exit codes, and the list of runs."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import explorer
from attaching.loops import Net
from attaching.rigs import learn as watched
from attaching.rigs import waves
from explorer import GateProbe, runs
from explorer.attaching import logged
from explorer.attaching.logged import diagnose_norms
from explorer.commands import cli
from explorer.fields import ConfigError
from explorer.home import CHECKPOINTS

TEXT = '"Go home," he said.'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GATE_EXPLORER_SPARE", "0")
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def refused(result, *words, code=1):
    assert result.exit_code == code
    assert "Traceback" not in result.output
    assert all(word in result.output for word in words), result.output


# ---- trace


def test_trace_tells_and_writes_what_the_library_knows(folder):
    table, picture = folder / "t.csv", folder / "t.html"
    result = run("trace", "lighthouse-gru", TEXT, "--csv", table, "--html", picture, "--json")
    told, _ = json.JSONDecoder().raw_decode(result.output)
    trace = explorer.trace_gates(explorer.load_checkpoint(CHECKPOINTS / "lighthouse-gru.safetensors").model, TEXT)
    assert told["perplexity"] == pytest.approx(trace.perplexity)
    assert told["gates"]["z"]["mean"] == pytest.approx(float(trace.tape()["z"].mean()), rel=1e-5)
    assert len(pd.read_csv(table)) == len(TEXT)
    assert "plotly" in picture.read_text("utf-8")
    assert "update gate z: mean" in run("trace", "lighthouse-gru", TEXT).output


def test_trace_of_nothing_and_of_no_model():
    assert run("trace", "lighthouse-gru", "", "--json").exit_code == 0
    refused(run("trace", "no-such", "x"), "lighthouse-gru", "no-such")
    refused(run("trace", "lighthouse-gru", "x", "--layer", 4), "layer 0")
    refused(run("trace"), code=2)


def test_a_damaged_file_is_refused_in_a_line(folder):
    (folder / "bad.safetensors").write_bytes(b"12345678{}")
    refused(run("trace", folder / "bad.safetensors", "x"))


# ---- diagnose


def test_a_shipped_model_is_well_and_the_code_says_so():
    result = run("diagnose", "lighthouse-gru")
    assert result.exit_code == 0
    assert "Healthy" in result.output


def test_a_mistake_is_found_and_the_code_says_so():
    result = run(
        "diagnose", "time-machine-birnn-leaky", "--text", "the time traveller came back to the machine", "--json"
    )
    assert result.exit_code == 3
    assert "leaks" in [finding["rule"] for finding in json.loads(result.output)]


def test_one_of_both_is_judged():
    refused(run("diagnose"), code=2)
    refused(run("diagnose", "lighthouse-gru", "--csv", "x.csv"), code=2)


def norms(*, steps=200, **columns):
    steady = np.exp(0.3 * np.random.default_rng(1).normal(size=steps))
    return pd.DataFrame({"step": range(1, steps + 1), "loss": np.linspace(3, 1, steps), "grad_norm": steady} | columns)


def test_healthy_norms_are_silent():
    table = norms()
    assert diagnose_norms(table).rules == ("healthy",)
    assert diagnose_norms(table.drop(columns="loss")).rules == ("unclear",)


@pytest.mark.parametrize(
    "name", ["grad_norm", "Gradient norm", "train/grad_norm", "gradient norm before", "norm_before"]
)
def test_the_usual_names_are_known(name):
    table = norms().rename(columns={"grad_norm": name})
    assert diagnose_norms(table).rules == ("healthy",)


def test_a_spike_is_found_and_one_that_was_clipped_is_not():
    table = norms()
    table.loc[150, "grad_norm"] = 1e4
    (found,) = diagnose_norms(table).findings
    assert (found.rule, found.figures["at_step"]) == ("exploding", 151)
    assert "not clipped" in str(found)
    assert diagnose_norms(table, max_norm=1.0).rules == ("healthy",)


def test_a_large_norm_at_the_start_is_no_spike():
    table = norms()
    table.loc[0, "grad_norm"] = 1e4
    assert diagnose_norms(table).rules == ("healthy",)


@pytest.mark.parametrize("column", ["loss", "grad_norm"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_run_that_ends_in_numbers_that_are_none_has_exploded(column, value):
    table = norms()
    table.loc[170:, column] = value
    (found,) = diagnose_norms(table).findings
    assert (found.rule, found.figures["at_step"]) == ("exploding", 171)


def test_gaps_of_a_log_are_no_fault():
    table = norms()
    table.loc[::2, "loss"] = math.nan
    assert diagnose_norms(table).rules == ("healthy",)


def test_a_threshold_that_is_never_reached_is_told():
    assert "clip-idle" in diagnose_norms(norms(), max_norm=1e3).rules


def test_what_a_probe_recorded_is_judged_alike():
    torch.manual_seed(0)
    net = Net(nn.GRU(1, 8), 1)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    probe = watched(net, waves(120, length=12), optimizer, clip=0.5, loss_of=nn.functional.mse_loss)
    assert diagnose_norms(probe.frame()).rules == ("healthy",) == probe.diagnose().rules


@pytest.mark.parametrize(
    ("field", "table"),
    [
        ("columns", pd.DataFrame({"step": [1], "loss": [1.0]})), ("columns", pd.DataFrame()),
        ("grad_norm", norms().astype({"grad_norm": str})),
    ],
)  # fmt: skip
def test_a_table_without_norms_is_refused(field, table):
    with pytest.raises(ConfigError) as fault:
        diagnose_norms(table)
    assert fault.value.field == field


def test_a_log_is_judged_from_a_file(folder):
    path = folder / "norms.csv"
    norms().to_csv(path, index=False)
    assert run("diagnose", "--csv", path).exit_code == 0
    table = norms()
    table.loc[190:, "loss"] = math.inf
    table.to_csv(path, index=False)
    assert run("diagnose", "--csv", path).exit_code == 3
    path.write_bytes(b"\x00\xff\xfe,,\n\x00")
    refused(run("diagnose", "--csv", path))
    refused(run("diagnose", "--csv", folder / "none.csv"), "none.csv")
    refused(run("diagnose", "--csv", path, "--max-norm", -1))


# ---- runs


def loop(name, steps=12):
    net = Net(nn.GRU(1, 8), 1)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with GateProbe(net, run=name) as probe:
        for x, y in waves(steps, length=12):
            nn.functional.mse_loss(net(x), y).backward()
            probe.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    return probe


def test_runs_are_listed_shown_exported_and_deleted(folder):
    assert "no runs yet" in run("runs", "list").output
    probe = loop("mine")
    (listed,) = json.loads(run("runs", "list", "--json").output)
    assert (listed["name"], listed["kind"], listed["step"]) == ("mine", "loop", 12)
    shown = run("runs", "show", "mine").output
    assert "GRU, reset after, 8 units (rnn)" in shown
    for kind, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        assert run("runs", "export", listed["id"], folder / f"x.{kind}").exit_code == 0
        table = read(folder / f"x.{kind}")
        assert table["gradient norm before"].tolist() == pytest.approx(probe.ledger["norm_before"].tolist())
    assert "Deleted mine" in run("runs", "delete", "mine").output
    assert json.loads(run("runs", "list", "--json").output) == []
    assert runs.restore(listed["id"]).name == "mine"


def test_a_run_of_the_app_is_shown_and_exported_too(folder):
    text, output = folder / "t.txt", folder / "m.safetensors"
    text.write_text("abcd efgh " * 30, "utf-8")
    sizes = ["--epochs", 3, "--hidden-size", 4, "--batch-size", 2, "--num-steps", 5]
    assert run("train", "--corpus", text, "--output", output, *sizes).exit_code == 0
    (listed,) = json.loads(run("runs", "list", "--json").output)
    assert listed["kind"] == "run"
    told = json.loads(run("runs", "show", listed["id"], "--json").output)
    assert told["last"][-1]["step"] == listed["step"]
    assert run("runs", "export", listed["id"], folder / "x.csv").exit_code == 0
    assert len(pd.read_csv(folder / "x.csv")) == listed["step"]


def test_names_that_several_have_or_none(folder):
    loop("same", 1)
    loop("same", 1)
    refused(run("runs", "show", "same"), "loop-")
    refused(run("runs", "show", "other"), "other")
    refused(run("runs", "export", "same", folder / "x.txt"), code=2)


@pytest.mark.parametrize("column", ["loss", "grad_norm"])
def test_a_log_of_nothing_but_gaps_is_told_and_not_thrown(column, folder):
    table = norms()
    table[column] = math.nan
    path = folder / "norms.csv"
    table.to_csv(path, index=False)
    assert run("diagnose", "--csv", path, "--max-norm", 1).exit_code in (0, 1, 3)


def test_a_long_log_with_gaps_to_its_end_is_read_at_once():
    """What was quadratic: each gap was looked at with all that follows it, an hour for this."""
    loss_S = np.where(np.arange(400_000) % 2, np.nan, 1.0)
    loss_S[-1] = 1.0
    assert logged._first_fault({"loss": loss_S, "norm_before": None, "step": None}) is None
    loss_S[300_001:] = np.nan
    assert logged._first_fault({"loss": loss_S, "norm_before": None, "step": None}).step == 300_002


def written(table, path, **how):
    table.to_csv(path, index=False, **how)
    return path


def test_the_last_row_of_a_trainer_that_sums_up_is_a_gap(folder):
    """Hugging Face's: it has the run's time and mean loss, and no norm."""
    table = pd.concat([norms(), pd.DataFrame({"step": [200], "train_runtime": [12.0]})])
    assert diagnose_norms(table).rules == ("healthy",)
    assert run("diagnose", "--csv", written(table, folder / "hf.csv")).exit_code == 0
    apart = pd.concat([norms()[["step", "loss"]], norms()[["step", "grad_norm"]]]).sort_values("step", kind="stable")
    assert diagnose_norms(apart).rules == ("healthy",)


@pytest.mark.parametrize("last", ["nan", "NaN", "inf", "-inf"])
def test_a_value_that_is_written_as_no_number_is_none_even_in_the_last_row(last, folder):
    lines = written(norms(), folder / "x.csv").read_text("utf-8").splitlines()
    step, _, norm = lines[-1].split(",")
    path = folder / "x.csv"
    path.write_text("\n".join([*lines[:-1], f"{step},{last},{norm}"]), "utf-8")
    assert run("diagnose", "--csv", path).exit_code == 3
    path.write_text("\n".join([*lines[:-1], f"{step},,{norm}"]), "utf-8")
    assert run("diagnose", "--csv", path).exit_code == 0


@pytest.mark.parametrize("how", [{"sep": ";"}, {"sep": "\t"}, {"sep": ";", "decimal": ","}, {"encoding": "utf-16"}])
def test_a_log_is_read_however_it_is_written(how, folder):
    spiked = norms()
    spiked.loc[150, "grad_norm"] = 1e4
    assert run("diagnose", "--csv", written(norms(), folder / "x.csv", **how)).exit_code == 0
    assert run("diagnose", "--csv", written(spiked, folder / "x.csv", **how)).exit_code == 3


@pytest.mark.parametrize(
    "name", ["run1 - train/grad_norm", "grad_2.0_norm_total", "gradnorm", "charming-dew-7 - grad_norm"]
)
def test_names_as_other_tools_write_them(name):
    assert diagnose_norms(norms().rename(columns={"grad_norm": name})).rules == ("healthy",)


def test_a_column_can_be_named(folder):
    table = norms().rename(columns={"grad_norm": "Value"}).drop(columns="loss")
    path = written(table, folder / "board.csv")
    refused(run("diagnose", "--csv", path), "step, Value")
    assert run("diagnose", "--csv", path, "--column", "Value").exit_code == 0
    refused(run("diagnose", "--csv", path, "--column", "value"))


def test_steps_are_those_of_the_log():
    table = norms().assign(step=range(500, 100_500, 500))
    table.loc[150, "grad_norm"] = 1e4
    (found,) = diagnose_norms(table).findings
    assert found.figures["at_step"] == 75_500
    table.loc[150:, "loss"] = math.nan
    assert diagnose_norms(table).findings[0].figures["at_step"] == 75_500


def test_a_loss_that_rises_is_told_and_one_that_falls_is_not():
    (found,) = diagnose_norms(norms(loss=np.linspace(1, 50, 200))).findings
    assert (found.rule, found.case) == ("rate-too-large", "logged")
    assert "rose from 1 to" in str(found)
    for healthy in (np.linspace(50, 1, 200), np.full(200, 2.0), -np.linspace(1, 50, 200)):
        assert "rate-too-large" not in diagnose_norms(norms(loss=healthy)).rules


def test_norms_of_zero_are_no_health_and_norms_below_it_are_none():
    (found,) = diagnose_norms(norms(grad_norm=np.zeros(200))).findings
    assert (found.rule, found.case) == ("no-gradient", "zero")
    with pytest.raises(ConfigError, match=r"^grad_norm: expected a column of norms, none of them below 0; got -1"):
        diagnose_norms(norms(grad_norm=np.linspace(-1, 1, 200)))


def test_a_head_without_rows_is_told(folder):
    with pytest.raises(ConfigError, match=r"^table: expected a row for each step"):
        diagnose_norms(norms()[:0])
