"""The resumable state of a run: one .safetensors file, whole or not there. Nothing is ever unpickled.

The last tensor of the file, and so its last 32 bytes, is the SHA-256 of every byte before it. The metadata names the run, its
configuration, its recipe, its seed and its text; a training of anything else refuses the file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors

from explorer import strict
from explorer.files import write_atomically
from explorer.models import ConfigError
from explorer.recording import MAX_BYTES, Recording
from explorer.runs.facts import RunError, disk_fault
from explorer.training import Training, TrainingState
from explorer.words import Saying

FORMAT = "gate-explorer-state/3"
MAX_HEADER_BYTES, MAX_TENSORS = 1_000_000, 1_000
ITEM_TYPES = ("F64", "F32", "F16", "U8")
CHECKSUM, CHECKSUM_BYTES = "sha256", 32
PLACE = tuple(f.name for f in fields(TrainingState) if f.name != "tensors")
RECORDED = ("history", "steps", "snapshot.")  # what the names of a recording's tensors begin with


class StateError(RunError):
    """The saved state of a run is damaged, gone, or another run's; the message says what was expected and what came."""


def save_state(path: Path, run_id: str, training: Training, recording: Recording) -> None:
    """Write the state a training is in and what was recorded on the way.

    Raises:
        RunError: the disk refused; the state written before is still there.

    """
    state = training.state()
    place = {name: getattr(state, name) for name in PLACE}
    metadata = _identity(run_id, training) | {"training": json.dumps(place)}
    checksum = {CHECKSUM: torch.zeros(CHECKSUM_BYTES, dtype=torch.uint8)}  # the library writes the smallest items last
    data = dump_tensors({**state.tensors, **recording.state(), **checksum}, metadata)
    whole = memoryview(data)[:-CHECKSUM_BYTES]
    try:
        write_atomically(path, b"".join((whole, hashlib.sha256(whole).digest())))
    except OSError as fault:
        raise disk_fault(fault) from fault


def restore_state(path: Path, run_id: str, training: Training, recording: Recording) -> None:
    """Bring a training and its recording to the state in a file.

    Raises:
        StateError: the file is damaged, gone, or another run's; training and recording are as they were.
        RunError: the disk refused to read it.

    """
    data = _read(path, _most_bytes(training))
    try:
        state, recorded = _parse(data, _identity(run_id, training))
        training.check(state)
        finished = _finished(training, state)
        recording.restore(recorded, training.last_steps(finished), state.step)
        training.restore(state, checked=True)
    except (strict.StrictError, ConfigError, SafetensorError) as fault:
        raise _refusal(path, fault) from fault


def set_aside(path: Path) -> None:
    """Keep a refused state, or that it was missed, beside its place: whoever resumes the run now begins it anew.

    Raises:
        RunError: the disk refused; the state is where it was.

    """
    try:
        if path.exists():
            path.replace(refused_path(path))
        else:
            refused_path(path).touch()
    except OSError as fault:
        raise disk_fault(fault) from fault


def refused_path(path: Path) -> Path:
    """Where a refused state is kept until the run has a new one."""
    return path.with_suffix(".refused")


def _identity(run_id: str, training: Training) -> dict[str, str]:
    """What a state must be of, word for word, to belong to a run."""
    return {
        "format": FORMAT,
        "run": run_id,
        "config": json.dumps(asdict(training.model.config)),
        "recipe": json.dumps(asdict(training.recipe)),
        "seed": str(training.seed),
        "tokens": str(training.tokens),
        "text": training.text_sha256,
    }


def _most_bytes(training: Training) -> int:
    """What no state of this training exceeds: weights, two moments, the carried states; snapshots; a row an epoch and step."""
    config, recipe = training.model.config, training.recipe
    numbers = 3 * sum(p.numel() for p in training.model.parameters())
    numbers += (
        recipe.backward_batches * recipe.batch_size * config.parts * sum(config.width(net) for net in config.nets)
    )
    rows = recipe.epochs + training.tokens // recipe.num_steps + 1
    return 8 * numbers + MAX_BYTES + 64 * rows + MAX_HEADER_BYTES + 1_000


def _read(path: Path, most: int) -> bytes:
    try:
        if not path.is_file():
            raise _refusal(path, Saying("run-state.no-file" if path.exists() else "run-state.nothing"))
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as fault:
        raise disk_fault(fault) from fault
    if len(data) > most:
        raise _refusal(path, Saying("run-state.too-large", {"most": most}))
    whole = memoryview(data)[:-CHECKSUM_BYTES]
    if hashlib.sha256(whole).digest() != data[-CHECKSUM_BYTES:]:
        raise _refusal(path, Saying("run-state.checksum"))
    return data


def _parse(data: bytes, identity: dict[str, str]) -> tuple[TrainingState, dict[str, torch.Tensor]]:
    """The state of the training in a file, and the tensors of its recording."""
    header = strict.read_header(data, MAX_HEADER_BYTES)
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or set(metadata) != {*identity, "training"}:
        raise strict.StrictError("run-state.metadata", names=(*identity, "training"))
    for key, own in identity.items():
        if metadata[key] != own:
            raise _of_another(key, own, metadata[key])
    if not isinstance(metadata["training"], str):
        raise strict.StrictError("run-state.place")
    place = strict.read_fields(metadata["training"], "training", PLACE)
    entries = strict.read_entries(header, data, MAX_TENSORS, ITEM_TYPES)
    if entries.pop(CHECKSUM, None) != strict.Entry("U8", (CHECKSUM_BYTES,), _body(data) - CHECKSUM_BYTES, _body(data)):
        raise strict.StrictError("run-state.last-tensor", name=CHECKSUM, size=CHECKSUM_BYTES)
    tensors = load_tensors(data)
    recorded = {name: tensors[name] for name in entries if name.startswith(RECORDED)}
    return TrainingState(**place, tensors={name: tensors[name] for name in entries.keys() - recorded.keys()}), recorded


def _of_another(key: str, own: str, got: object) -> strict.StrictError:
    """Which part of a state's identity is another's, with as much of both as differs."""
    got = got if isinstance(got, str) else repr(got)
    same = next((i for i, (a, b) in enumerate(zip(own, got, strict=False)) if a != b), min(len(own), len(got)))
    start = max(0, same - 20)
    return strict.StrictError("run-state.of-another", key=key, own=own[start : start + 60], got=got[start : start + 60])


def _body(data: bytes) -> int:
    return len(data) - 8 - strict.header_bytes(data)


def _finished(training: Training, state: TrainingState) -> int:
    """How many epochs were finished at a state."""
    return state.epoch if training.last_steps(state.epoch)[-1:] == [state.step] else max(0, state.epoch - 1)


def _refusal(path: Path, why: object) -> StateError:
    said = str(why)
    return StateError("run-state.unusable", name=path.name, why=said if said.isprintable() else ascii(said)[1:-1])
