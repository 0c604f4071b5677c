"""The command line: `python -m explorer train` trains a model and writes a checkpoint, `... import` makes one of somebody
else's file, `... app` serves the app.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import runpy
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from click._termui_impl import ProgressBar

from explorer import runs
from explorer.cells import CELLS
from explorer.cells.gru import RESETS
from explorer.cells.rnn import ACTIVATIONS
from explorer.checkpoints import Checkpoint, CheckpointError, save_checkpoint
from explorer.corpora import NAMES, load_corpus
from explorer.home import home
from explorer.importing import RULES, ImportRefusedError, import_model
from explorer.models import OBJECTIVES, CharModel, ConfigError, ModelConfig
from explorer.recording import Recording
from explorer.runs.foreground import recorded
from explorer.text import EncodingError, TextError, Vocabulary, clean_text, decode_text
from explorer.text import newlines_to_blanks as without_newlines
from explorer.training import RECIPE_MODELS, RECIPES, Recipe, StepRecord, TrainingDivergedError, check_seed, train
from explorer.words import TOKEN, say

MODEL_OPTIONS = (
    "cell",
    "reset",
    "activation",
    "direction",
    "objective",
    "init",
    "hidden_size",
    "num_layers",
    "embedding_size",
    "hidden_size_backward",
    "hidden_sizes",
    "chrono_t_max",
    "bias",
    "keep_bias",
)
RECIPE_OPTIONS = tuple(field.name for field in fields(Recipe))


def read_corpus(name_or_file: str, encoding: str | None = None) -> tuple[str, str]:
    """A corpus's name and text: one of corpora.NAMES, or a text file; stderr hears of any encoding but whole UTF-8."""
    if name_or_file in NAMES:
        return name_or_file, load_corpus(name_or_file)
    path = Path(name_or_file)
    try:
        if not path.is_file():
            raise TextError("cli.no-such-text", names=NAMES, got=name_or_file)
        decoded = decode_text(path.read_bytes(), encoding)
    except EncodingError as fault:
        raise TextError("cli.choose-encoding", why=fault, encoding=fault.candidates[0]) from fault
    except OSError as fault:
        raise TextError("cli.not-read", path=name_or_file, reason=fault.strerror or fault) from fault
    if decoded.encoding != "UTF-8" or decoded.notes:
        click.echo(say("cli.read-as", name=path.name, encoding=decoded.encoding, notes=decoded.notes), err=True)
    return clean_text(path.stem), decoded.text


def run_training(corpus: str, text: str, config: ModelConfig, recipe: Recipe, seed: int) -> Checkpoint:
    """Train from scratch with a progress bar; Ctrl-C, or a divergence, ends with the last finite weights."""
    model = CharModel(config, Vocabulary.from_text(recipe.learned(text), recipe.token), seed=seed)
    return _finish(corpus, model, recipe, seed, train(model, text, recipe, seed))


def record_training(corpus: str, text: str, config: ModelConfig, recipe: Recipe, seed: int) -> Checkpoint:
    """The same, shown in the app while it goes, where it can be stopped."""
    model = CharModel(config, Vocabulary.from_text(recipe.learned(text), recipe.token), seed=check_seed(seed))
    steps = train(model, text, recipe, seed)
    asked = runs.RunRequest(config, recipe, text, corpus=corpus, session=runs.COMMAND_LINE, seed=seed, held_out_share=0)
    run = runs.new_run(asked)
    with contextlib.closing(
        recorded(run, text, model, steps, lambda sentence: click.echo(sentence, err=True))
    ) as shown:
        return _finish(corpus, model, recipe, seed, shown)


def _finish(corpus: str, model: CharModel, recipe: Recipe, seed: int, steps: Iterator[StepRecord]) -> Checkpoint:
    recording = Recording(model, recipe)
    label = say("cli.training", cell=model.config.cell, corpus=corpus)
    try:
        with click.progressbar(length=recipe.epochs, item_show_func=_describe, width=24, label=label) as bar:
            _follow(steps, recording, bar)
    except KeyboardInterrupt:
        click.echo(say("cli.stopped", epoch=len(recording.history)))
    except TrainingDivergedError as fault:
        click.echo(str(fault), err=True)
    return Checkpoint(model.eval(), recipe, seed, corpus, tuple(recording.history), recording.snapshots)


def _follow(steps: Iterator[StepRecord], recording: Recording, bar: ProgressBar[StepRecord | None]) -> None:
    for record in steps:
        recording.add(record)
        bar.update(int(record.epoch_ends), record)


def _describe(record: StepRecord | None) -> str:
    if record is None:
        return ""
    return say(
        "cli.step", perplexity=record.epoch_perplexity, before=record.grad_norm_before, after=record.grad_norm_after,
        speed=record.tokens_per_s,
    )  # fmt: skip


def _sizes(given: str) -> tuple[int, ...]:
    """Units of each layer: "64,32"."""
    return tuple(int(size) for size in given.split(","))


def suggested(of_model: Mapping[str, Any]) -> dict[str, Any]:
    """What makes sense beside the cell that was asked for; nothing for a cell that is none."""
    cell = CELLS.get(of_model.get("cell", ModelConfig.cell))
    return dict(cell.suggested) if cell else {}


def _options(command: Any) -> Any:
    """One option for each field of ModelConfig and Recipe; what is not given keeps the default or the recipe's value."""
    kinds = {"int": int, "float": float, "bool": bool, "str": str, "tuple[int, ...]": _sizes}
    for kind, names in ((Recipe, RECIPE_OPTIONS), (ModelConfig, MODEL_OPTIONS)):
        for field in reversed([f for f in fields(kind) if f.name in names]):
            option = kinds[str(field.type).split(" |")[0]]
            flag = f"--{field.name.replace('_', '-')}"
            name = f"{flag}/--no-{flag[2:]}" if option is bool else flag
            shown = "64,32,..." if option is _sizes else None
            command = click.option(name, type=option, default=None, metavar=shown)(command)
    return command


@click.group(help=say("cli.help"))
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help=say("cli.data.help"))
def cli(data: Path | None) -> None:
    """Where the runs are kept, for every command."""
    if data is not None:
        os.environ["GATE_EXPLORER_DATA"] = str(data.absolute())


@cli.command("app", help=say("cli.app.help"), context_settings={"ignore_unknown_options": True})
@click.option("--processes", type=click.IntRange(1, 64), help=say("cli.processes.help"))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def app_command(processes: int | None, options: tuple[str, ...]) -> None:
    """Serve the app with the options of Streamlit that follow."""
    root = home()
    os.chdir(root)  # where .streamlit/ is
    sys.path.insert(0, str(root))
    if (processes or 1) > 1 and sys.platform != "linux":
        raise click.UsageError(say("cli.processes.linux"))
    if processes != 1 and sys.platform == "linux":
        servers = importlib.import_module("servers")  # it lies beside app.py
        flags = servers.read(options)
        number = processes or servers.sensible_number()
        if number > 1 and servers.has_certificate():
            raise click.UsageError(say("cli.processes.certificate"))
        if number > 1:
            sys.exit(_served(servers, number, flags))
    # In this process: whatever ends it ends the server.
    sys.argv = ["streamlit", "run", str(root / "app.py"), *options]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def _served(servers: Any, number: int, flags: Mapping[str, Any]) -> int:
    try:
        status: int = servers.serve(
            number, flags, lambda address: click.echo(say("cli.serving", address=address, number=number))
        )
    except OSError as fault:
        said = say("cli.processes.address", reason=fault.strerror or fault, address=servers.asked_address())
        raise click.ClickException(said) from fault
    return status


@cli.command("train", help=say("cli.train.help"))
@click.option("--corpus", default="lighthouse", show_default=True, help=say("cli.corpus.help", names=NAMES))
@click.option("--encoding", help=say("cli.encoding.help"))
@click.option("--recipe", "recipe_name", type=click.Choice(list(RECIPES)), default="quick", show_default=True)
@click.option("--seed", default=0, show_default=True, help=say("cli.seed.help"))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help=say("cli.output.help"))
@click.option("--newlines-to-blanks", is_flag=True, help=say("cli.newlines-to-blanks.help"))
@click.option("--no-clip", is_flag=True, help=say("cli.no-clip.help"))
@_options
def train_command(
    corpus: str,
    encoding: str | None,
    recipe_name: str,
    seed: int,
    output: Path,
    newlines_to_blanks: bool,
    no_clip: bool,
    **given: Any,
) -> None:
    """Train a model and write it as a checkpoint."""
    if output.suffix != ".safetensors":
        raise click.UsageError(say("cli.not-an-output", name=output.name))
    given = {name: value for name, value in given.items() if value is not None}
    try:
        of_model = {name: given[name] for name in MODEL_OPTIONS if name in given}
        config = ModelConfig(**RECIPE_MODELS[recipe_name] | suggested(of_model) | of_model)
        recipe = replace(RECIPES[recipe_name], **{name: given[name] for name in RECIPE_OPTIONS if name in given})
        recipe = replace(recipe, clip_norm=None) if no_clip else recipe
        TOKEN.set(recipe.token)
        name, text = read_corpus(corpus, encoding)
        text = without_newlines(text) if newlines_to_blanks else text
        checkpoint = record_training(name, text, config, recipe, seed)
        save_checkpoint(output, checkpoint)
    except (ConfigError, TextError, CheckpointError, runs.RunError) as fault:
        raise click.ClickException(str(fault)) from fault
    click.echo(say("cli.wrote", path=output, size=output.stat().st_size, epochs=checkpoint.last_epoch))


IMPORT_CHOICES: dict[str, tuple[str, ...]] = {
    "rule": RULES,
    "cell": ("rnn", "gru", "lstm"),
    "reset": RESETS,
    "activation": tuple(ACTIVATIONS),
    "objective": OBJECTIVES,
}
IMPORT_NAMES = ("gate_order", "embedding", "head")


def _import_options(command: Any) -> Any:
    """An option for each argument of import_model that decides something."""
    for name in reversed((*IMPORT_CHOICES, *IMPORT_NAMES)):
        kind = click.Choice(IMPORT_CHOICES[name]) if name in IMPORT_CHOICES else str
        command = click.option(
            f"--{name.replace('_', '-')}", type=kind, help=say(f"cli.import.{name.replace('_', '-')}")
        )(command)
    return command


@cli.command("import", help=say("cli.import.help"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--vocabulary", type=click.Path(path_type=Path), help=say("cli.import.vocabulary"))
@click.option("--sample", help=say("cli.import.sample", names=NAMES))
@click.option("--layers", help=say("cli.import.layers"))
@click.option("--leave-out", multiple=True, help=say("cli.import.leave-out"))
@click.option("--z-takes-candidate", is_flag=True, help=say("cli.import.z-takes"))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help=say("cli.output.help"))
@_import_options
def import_command(
    file: Path,
    vocabulary: Path | None,
    sample: str | None,
    layers: str | None,
    leave_out: tuple[str, ...],
    z_takes_candidate: bool,
    output: Path | None,
    **given: Any,
) -> None:
    """Say what a file holds, and write it as a checkpoint."""
    if output is not None and output.suffix != ".safetensors":
        raise click.UsageError(say("cli.not-an-output", name=output.name))
    try:
        text = None if sample is None else read_corpus(sample)[1]
        named = None if layers is None else layers.split(",")
        imported = import_model(
            file,
            vocabulary=vocabulary,
            sample=text,
            layers=named,
            leave_out=leave_out,
            z_keeps=not z_takes_candidate,
            **given,
        )
        click.echo(str(imported.report))
        if output is not None:
            save_checkpoint(output, imported.checkpoint(clean_text(file.stem)))
            click.echo(say("cli.import.wrote", path=output, size=output.stat().st_size))
    except (ImportRefusedError, TextError, CheckpointError) as fault:
        raise click.ClickException(str(fault)) from fault
