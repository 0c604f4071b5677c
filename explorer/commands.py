"""More of the command line: `trace` shows a model on a text, `diagnose` judges a model or a log of norms, `runs` has the runs.

Exit codes: 0 done, and nothing wrong was found; 1 it could not be done, and a line says why; 2 it was called wrongly; 3 a
diagnosis found something wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from explorer import runs
from explorer.checkpoints import Checkpoint, CheckpointError, load_checkpoint
from explorer.cli import cli
from explorer.home import CHECKPOINTS
from explorer.models import ConfigError, ModelDivergedError
from explorer.probes.diagnosis import diagnose
from explorer.probes.finding import Finding
from explorer.text import TextError
from explorer.words import TOKEN, say

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cli"]
FOUND = 3  # exit code of a diagnosis that found something wrong
HARMLESS = ("healthy", "unclear", "too-short", "still-learning")
SHOWN_STEPS = 5


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong, in one line.

    Raises:
        click.ClickException: it did.

    """
    try:
        yield
    except (ConfigError, TextError, CheckpointError, ModelDivergedError, runs.RunError) as fault:
        raise click.ClickException(str(fault)) from fault
    except OSError as fault:
        name = fault.filename or ""
        raise click.ClickException(say("cli.not-read", path=name, reason=fault.strerror or fault)) from fault


def opened(model: str) -> Checkpoint:
    """A checkpoint by its path, or a shipped one by its name."""
    path = Path(model)
    if not path.is_file() and (CHECKPOINTS / f"{model}.safetensors").is_file():
        path = CHECKPOINTS / f"{model}.safetensors"
    if not path.is_file():
        names = sorted(each.stem for each in CHECKPOINTS.glob("*.safetensors"))
        raise click.ClickException(say("cli.no-such-model", names=names, got=model))
    return load_checkpoint(path)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def _saved(frame: pd.DataFrame, path: Path) -> None:
    """A table as CSV or Parquet, by the end of the file's name."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    click.echo(say("cli.wrote-table", path=path, rows=len(frame)))


def main() -> None:
    """What `gate-explorer` calls: the app, where no command is named."""
    if len(sys.argv) == 1:
        sys.argv.append("app")
    cli(prog_name="gate-explorer")


# ---- a model on a text ---------------------------------------------------------------------------------------------


@cli.command("trace", help=say("cli.trace.help"))
@click.argument("model")
@click.argument("text")
@click.option("--csv", type=click.Path(dir_okay=False, path_type=Path), help=say("cli.trace.csv"))
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help=say("cli.trace.html"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.json"))
@click.option("--layer", type=int, default=0, show_default=True)
def trace_command(model: str, text: str, csv: Path | None, html: Path | None, as_json: bool, layer: int) -> None:
    """Every gate at every step: a summary, a table, a picture."""
    from explorer.figures import gates
    from explorer.probes.gates import gate_statistics, trace_gates

    with told():
        reader = opened(model).model
        TOKEN.set(reader.vocabulary.token)
        trace = trace_gates(reader, reader.vocabulary.folded(text))
        tape = trace.tape(layer)
        found = {letter: stats for letter, gate_TH in tape.gates.items() if (stats := gate_statistics(gate_TH))}
        about = {
            "model": model, "cell": trace.config.title, "steps": len(trace), trace.score_name: trace.perplexity,
            "residual": trace.residual, "gates": {letter: vars(stats) for letter, stats in found.items()},
        }  # fmt: skip
        if as_json:
            _print_json(about)
        else:
            click.echo(say("cli.traced", title=trace.config.title, steps=len(trace), score=trace.score_name,
                           value=trace.perplexity))  # fmt: skip
            for letter, stats in found.items():
                title = tape.cell.gate(letter).title
                click.echo(say("cli.traced-gate", title=title, mean=stats.mean, saturated=stats.saturated_share))
            if trace.residual is not None:
                click.echo(say("cli.traced-proof", residual=trace.residual))
        if csv is not None:
            _saved(gates.step_frame(trace, layer=layer), csv)
        if html is not None:
            gates.tape(trace, layer=layer).write_html(html)
            click.echo(say("cli.wrote-picture", path=html))


# ---- a verdict -----------------------------------------------------------------------------------------------------


@cli.command("diagnose", help=say("cli.diagnose.help"))
@click.argument("model", required=False)
@click.option("--text", help=say("cli.diagnose.text"))
@click.option("--csv", type=click.Path(dir_okay=False, path_type=Path), help=say("cli.diagnose.csv"))
@click.option("--max-norm", type=float, help=say("cli.diagnose.max-norm"))
@click.option("--column", help=say("cli.diagnose.column"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.json"))
def diagnose_command(
    model: str | None, text: str | None, csv: Path | None, max_norm: float | None, column: str | None, as_json: bool
) -> None:
    """A verdict on a model, or on norms that somebody logged; exit code 3 where something is wrong."""
    if (model is None) == (csv is None):
        raise click.UsageError(say("cli.diagnose.one-of"))
    with told():
        findings, notes = _judged_csv(csv, max_norm, column) if csv is not None else _judged_model(str(model), text)
    if as_json:
        _print_json([
            {"rule": one.rule, "confidence": one.confidence, "title": one.title, "evidence": one.evidence,
             "advice": one.advice, "figures": dict(one.figures)} for one in findings
        ])  # fmt: skip
    else:
        for line in (*findings, *notes):
            click.echo(str(line))
    if any(finding.rule not in HARMLESS for finding in findings):
        sys.exit(FOUND)


def _judged_model(model: str, text: str | None) -> tuple[tuple[Finding, ...], tuple[object, ...]]:
    checkpoint = opened(model)
    TOKEN.set(checkpoint.vocabulary.token)
    from explorer.corpora import BUILT_IN, load_corpus

    if text is None:
        if checkpoint.corpus not in BUILT_IN:
            raise click.UsageError(say("cli.diagnose.needs-text", corpus=checkpoint.corpus))
        text = load_corpus(checkpoint.corpus)[:2_000]
    return tuple(diagnose(checkpoint, checkpoint.vocabulary.folded(text)).findings), ()


def _judged_csv(
    path: Path, max_norm: float | None, column: str | None
) -> tuple[tuple[Finding, ...], tuple[object, ...]]:
    from explorer.attaching.logged import diagnose_norms, read_log

    try:
        table = read_log(path.read_bytes())
    except ValueError as fault:  # pandas' own errors are, and ConfigError is
        raise click.ClickException(
            say("cli.not-a-table", path=path, reason=" ".join(str(fault).split())[:200])
        ) from fault
    verdict = diagnose_norms(table, max_norm=max_norm, column=column)
    return verdict.findings, verdict.notes


# ---- the runs ------------------------------------------------------------------------------------------------------


@cli.group("runs", help=say("cli.runs.help"))
def runs_group() -> None:
    """What was trained in the app, on the command line, and in loops with a probe."""


def _everything() -> list[runs.Run | runs.Loop]:
    both: list[runs.Run | runs.Loop] = [*runs.runs(), *runs.loops()]
    return sorted(both, key=lambda one: -one.created)


def _the_one(named: str) -> runs.Run | runs.Loop:
    """A run by its id, or by its name where only one has it."""
    fitting = [one for one in _everything() if named in (one.id, one.name)]
    if len(fitting) != 1:
        code = "cli.runs.none" if not fitting else "cli.runs.several"
        raise click.ClickException(say(code, named=named, ids=[one.id for one in fitting]))
    return fitting[0]


def _about(one: runs.Run | runs.Loop) -> dict[str, Any]:
    kind = "loop" if isinstance(one, runs.Loop) else "run"
    return {
        "id": one.id,
        "name": one.name,
        "kind": kind,
        "status": one.status,
        "step": one.step,
        "created": one.created,
    }


@runs_group.command("list", help=say("cli.runs.list"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.json"))
def list_command(as_json: bool) -> None:
    """Newest first."""
    with told():
        every = [_about(one) for one in _everything()]
    if as_json:
        _print_json(every)
        return
    for one in every:
        click.echo(say("cli.runs.line", **one))
    if not every:
        click.echo(say("cli.runs.empty"))


@runs_group.command("show", help=say("cli.runs.show"))
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help=say("cli.json"))
def show_command(run: str, as_json: bool) -> None:
    """One run: what it is, how it stands, its last steps."""
    with told():
        one = _the_one(run)
        last = _last_steps(one)
        if as_json:
            _print_json(_about(one) | {"message": one.message, "last": json.loads(last.to_json(orient="records"))})
            return
        click.echo(say("cli.runs.line", **_about(one)))
        if isinstance(one, runs.Loop):
            click.echo(", ".join(layer.title for layer in one.layers))
            for finding in one.findings:
                click.echo(str(finding))
        else:
            click.echo(runs.summary(one.config, one.recipe, one.corpus, one.steps_total))
        if one.message:
            click.echo(one.message)
        if len(last):
            click.echo(last.iloc[:, :7].to_string(index=False))


@runs_group.command("export", help=say("cli.runs.export"))
@click.argument("run")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_command(run: str, file: Path) -> None:
    """Every step of a run as a table."""
    import pandas as pd

    if file.suffix not in (".csv", ".parquet"):
        raise click.UsageError(say("cli.not-a-table-name", name=file.name))
    with told():
        _saved(pd.concat(_blocks(_the_one(run)), ignore_index=True), file)


@runs_group.command("delete", help=say("cli.runs.delete"))
@click.argument("run")
def delete_command(run: str) -> None:
    """Take a run out of every list; a run that goes on is stopped."""
    with told():
        one = _the_one(run)
        runs.delete(one.id)
    click.echo(say("cli.runs.deleted", name=one.name))


def _last_steps(one: runs.Run | runs.Loop) -> pd.DataFrame:
    """The last steps that there are, and no others read."""
    from explorer.figures import training

    if isinstance(one, runs.Loop):
        return next(_blocks(one)).tail(SHOWN_STEPS)
    last = runs.metrics_since(one.id, max(0, one.step - SHOWN_STEPS))
    return training.step_frame(training.Progress(one, last, []))


def _blocks(one: runs.Run | runs.Loop) -> Iterator[pd.DataFrame]:
    from explorer.figures import loops, training

    if isinstance(one, runs.Loop):
        yield loops.step_frame(runs.loop_record(one.id, 2 * one.step + 2))
        return
    frame: Callable[[Any], pd.DataFrame] = training.step_frame
    for block in runs.steps(one.id):
        yield frame(training.Progress(one, block, []))
