"""The resumable state of a run: one .safetensors file, whole or not there. Nothing is ever unpickled."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors

from explorer.files import write_atomically
from explorer.models import ConfigError
from explorer.recording import Recording
from explorer.runs.facts import RunError, disk_sentence
from explorer.training import Training, TrainingState

FORMAT = "gate-explorer-state/1"


def save_state(path: Path, state: TrainingState, recording: Recording) -> None:
    """Write the state a training is in and what was recorded on the way.

    Raises:
        RunError: the disk refused; the state written before is still there.

    """
    numbers = {f.name: getattr(state, f.name) for f in fields(state) if f.name != "tensors"}
    metadata = {"format": FORMAT, "training": json.dumps(numbers), "recording": json.dumps(recording.state())}
    snapshots = {f"snapshot.{epoch}": flat for epoch, flat in recording.snapshots.items()}
    data = dump_tensors({**state.tensors, **snapshots}, metadata)
    try:
        write_atomically(path, data)
    except OSError as fault:
        raise RunError(disk_sentence(fault)) from fault


def restore_state(path: Path, training: Training, recording: Recording) -> None:
    """Bring a training and its recording to the state in a file.

    Raises:
        RunError: the file cannot be read, or belongs to another run.

    """
    try:
        data = path.read_bytes()
        tensors, metadata = load_tensors(data), _metadata(data)
        snapshots = {n: tensors.pop(n) for n in list(tensors) if n.startswith("snapshot.")}
        training.restore(TrainingState(**json.loads(metadata["training"]), tensors=tensors))
        recording.restore(
            json.loads(metadata["recording"]), {int(n.removeprefix("snapshot.")): t for n, t in snapshots.items()}
        )
    except (OSError, SafetensorError, ConfigError, ValueError, TypeError, KeyError) as fault:
        raise RunError(f"The saved state {path.name} of this run cannot be used: {str(fault)[:200]}") from fault


def _metadata(data: bytes) -> dict[str, Any]:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata: dict[str, Any] = header["__metadata__"]
    if metadata["format"] != FORMAT:
        raise ValueError(f"expected the format {FORMAT}; got {str(metadata['format'])[:40]!r}.")
    return metadata
