"""Checkpoints: model, vocabulary, recipe, history and snapshots in one .safetensors file, read strictly.

Layout: every parameter under its own name in float32; `snapshot.<epoch>` for each snapshot, all parameters as one
vector in the order of named_parameters; everything else as JSON in the metadata. Nothing is ever unpickled, and
a file is checked against its own stated configuration before the library sees it.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from explorer import foreign, strict
from explorer.files import write_atomically
from explorer.models import MAX_PARAMETERS, CharModel, ConfigError, ModelConfig
from explorer.recording import EpochRecord
from explorer.text import UNKNOWN, TextError, Vocabulary
from explorer.tokens import WORD
from explorer.training import Recipe
from explorer.words import Saying, Told

FORMAT = "gate-explorer/3"
MAX_FILE_BYTES, MAX_HEADER_BYTES, MAX_TENSORS = 25_000_000, 1_000_000, 256
ITEM_TYPES = ("F32", "F16")
METADATA_KEYS = ("format", "config", "vocabulary", "corpus", "recipe", "seed", "history")


class CheckpointError(Told, ValueError):
    """A checkpoint that cannot be read or written; says what was expected and what came.

    Attributes:
        code: of its sentence in explorer/words/, such as "checkpoint.no-such-epoch".
        figures: that stand in the sentence, by name.

    """


@dataclass(frozen=True)
class Checkpoint:
    """A trained model and how it came to be.

    Attributes:
        model: the CharModel, final weights, float32.
        recipe: how it was trained.
        seed: of its weights and batches.
        corpus: the name of the text it was trained on.
        history: one EpochRecord for each finished epoch.
        snapshots: epoch -> flat weights, for epochs before the last; see model_at.

    """

    model: CharModel
    recipe: Recipe
    seed: int
    corpus: str
    history: tuple[EpochRecord, ...] = ()
    snapshots: Mapping[int, Tensor] = field(default_factory=dict)

    @property
    def config(self) -> ModelConfig:
        """The model's configuration."""
        return self.model.config

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's vocabulary."""
        return self.model.vocabulary

    @property
    def last_epoch(self) -> int:
        """How many epochs were finished."""
        return self.history[-1].epoch if self.history else 0

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose weights are here, ascending; the last one is the model itself."""
        return (*sorted(epoch for epoch in self.snapshots if epoch < self.last_epoch), self.last_epoch)

    def model_at(self, epoch: int) -> CharModel:
        """The model as it was after an epoch (0: before training), a new one each time.

        Snapshots are kept in half precision: three significant digits of each weight.

        Args:
            epoch: one of `epochs`.

        Raises:
            CheckpointError: no weights of that epoch are in the file.

        """
        if epoch not in self.epochs:
            raise CheckpointError("checkpoint.no-such-epoch", epochs=self.epochs, got=epoch)
        model = copy.deepcopy(self.model)
        if epoch != self.last_epoch:
            torch.nn.utils.vector_to_parameters(self.snapshots[epoch].to(torch.float32, copy=True), model.parameters())
        return model


@dataclass(frozen=True)
class Outline:
    """What a file says of a checkpoint beside its weights; the fields are those of Checkpoint."""

    config: ModelConfig
    vocabulary: Vocabulary
    recipe: Recipe
    seed: int
    corpus: str
    history: tuple[EpochRecord, ...]


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file is there whole or not at all.

    Args:
        path: of the file. Its folder is made where it is missing, and a file that is there already is replaced.
        checkpoint: what is written: the weights in float32, the snapshots as they are.

    Raises:
        CheckpointError: the disk refused, the weights are not finite, the file would be too large to be read again, or its recipe
            and its vocabulary name different tokens.

    """
    tensors = {name: p.detach().float().contiguous() for name, p in checkpoint.model.named_parameters()}
    tensors |= {f"snapshot.{epoch}": checkpoint.snapshots[epoch] for epoch in checkpoint.epochs[:-1]}
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise CheckpointError("checkpoint.not-finite-to-save", tensor=name)
    vocabulary = checkpoint.vocabulary
    if vocabulary.token != checkpoint.recipe.token:
        raise CheckpointError("checkpoint.token", recipe=checkpoint.recipe.token, vocabulary=vocabulary.token)
    columns = {
        name: [_short(getattr(e, name)) for e in checkpoint.history] for name in EpochRecord.__dataclass_fields__
    }
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(checkpoint.config)),
        "vocabulary": written(vocabulary),
        "corpus": checkpoint.corpus.encode("utf-8", "replace").decode("utf-8"),  # a file name may hold lone surrogates
        "recipe": json.dumps(asdict(checkpoint.recipe)),
        "seed": str(checkpoint.seed),
        "history": json.dumps(columns, separators=(",", ":")),
    }
    data = dump_tensors(tensors, metadata)
    if len(data) > MAX_FILE_BYTES or int.from_bytes(data[:8], "little") > MAX_HEADER_BYTES:
        raise CheckpointError(
            "checkpoint.too-large-to-save", most=MAX_FILE_BYTES, header=MAX_HEADER_BYTES, size=len(data)
        )
    try:
        write_atomically(Path(path), data)
    except OSError as fault:
        raise CheckpointError("checkpoint.not-written", path=path, reason=fault.strerror or fault) from fault


def load_checkpoint(source: str | Path | bytes) -> Checkpoint:
    """Read a checkpoint from a file, or from the bytes of an upload.

    Args:
        source: the path of a file, or the bytes of one; at most 25 MB.

    Returns:
        The checkpoint, its model in float32 and in evaluation mode.

    Raises:
        CheckpointError: no file is there, it cannot be read or is too large, it is not of this format, or it contradicts
            itself; nothing of it is used.

    """
    data = source if isinstance(source, bytes) else _read_file(Path(source))
    if len(data) > MAX_FILE_BYTES:
        _refuse_size(len(data), data[:4096])
    try:
        metadata, entries = _parse_header(data)
        return _build(metadata, entries, data)
    except strict.StrictError as fault:
        raise CheckpointError(fault.code, **fault.figures) from fault
    except (ConfigError, TextError) as fault:
        raise CheckpointError("checkpoint.makes-no-sense", reason=fault) from fault


def read_outline(path: str | Path) -> Outline:
    """What a file says of its checkpoint beside the weights, of which none are read: a few milliseconds.

    Raises:
        CheckpointError: not a file of this format, or one whose description contradicts itself.

    """
    try:
        with Path(path).open("rb") as file:
            length = file.read(8)
            data = length + file.read(min(int.from_bytes(length, "little"), MAX_HEADER_BYTES))
    except OSError as fault:
        raise CheckpointError("checkpoint.not-read", path=path, reason=fault.strerror or fault) from fault
    try:
        return _outlined(_parse_metadata(data)[0])
    except strict.StrictError as fault:
        raise CheckpointError(fault.code, **fault.figures) from fault
    except (ConfigError, TextError) as fault:
        raise CheckpointError("checkpoint.makes-no-sense", reason=fault) from fault


def _read_file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise CheckpointError("checkpoint.no-file" if path.exists() else "checkpoint.nothing-there", path=path)
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            with path.open("rb") as file:
                _refuse_size(size, file.read(4096))
        return path.read_bytes()
    except OSError as fault:
        raise CheckpointError("checkpoint.not-read", path=path, reason=fault.strerror or fault) from fault


def _refuse_size(size: int, head: bytes) -> NoReturn:
    _refuse_foreign(head)
    raise CheckpointError("checkpoint.too-large", most=MAX_FILE_BYTES, size=size)


def _refuse_foreign(data: bytes) -> None:
    """Refuse a file of somebody else's program by its name; what may be a checkpoint passes."""
    kind = foreign.recognised(data) or foreign.kind_of_text(data)
    if kind not in (None, foreign.SAFETENSORS):
        raise CheckpointError("checkpoint.foreign", kind=Saying(kind), advice=Saying("checkpoint.only-own"))


def _parse_header(data: bytes) -> tuple[dict[str, str], dict[str, strict.Entry]]:
    """The metadata and entries of a checkpoint, refused where anything in them is odd."""
    metadata, described = _parse_metadata(data)
    return metadata, strict.read_entries(described, data, MAX_TENSORS, ITEM_TYPES)


def _parse_metadata(data: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """The metadata of a checkpoint, and what its header says of the tensors, not yet looked at; `data` may end there."""
    _refuse_foreign(data)
    header = strict.read_header(data, MAX_HEADER_BYTES)
    metadata = header.pop("__metadata__", None)
    if (
        not isinstance(metadata, dict)
        or not all(isinstance(v, str) for v in metadata.values())
        or metadata.get("format") in ("pt", "np", "tf", "flax", "mlx")
    ):
        raise CheckpointError("checkpoint.of-another-program", advice=Saying("checkpoint.only-own"))
    if metadata.get("format") != FORMAT:
        raise CheckpointError("checkpoint.format", format=FORMAT, got=metadata.get("format", "none"))
    if set(metadata) != set(METADATA_KEYS):
        odd = sorted(set(metadata) ^ set(METADATA_KEYS))
        raise CheckpointError("checkpoint.metadata", names=METADATA_KEYS, odd=odd)
    return metadata, header


def _outlined(metadata: dict[str, str]) -> Outline:
    config = ModelConfig(**strict.read_fields(metadata["config"], "config", ModelConfig.__dataclass_fields__))
    recipe = Recipe(**strict.read_fields(metadata["recipe"], "recipe", Recipe.__dataclass_fields__))
    recipe.check_gate(config)
    vocabulary = _parse_vocabulary(strict.read_json(metadata["vocabulary"], "vocabulary"), recipe.token)
    history = _parse_history(strict.read_json(metadata["history"], "history"))
    if not re.fullmatch(r"-?[0-9]{1,18}", metadata["seed"]):
        raise CheckpointError("checkpoint.seed", got=metadata["seed"])
    return Outline(config, vocabulary, recipe, int(metadata["seed"]), metadata["corpus"][:200], history)


def _build(metadata: dict[str, str], entries: dict[str, strict.Entry], data: bytes) -> Checkpoint:
    outline = _outlined(metadata)
    config, vocabulary, history = outline.config, outline.vocabulary, outline.history
    shapes = config.parameter_shapes(len(vocabulary))
    size = sum(map(math.prod, shapes.values()))
    if size > MAX_PARAMETERS:
        raise CheckpointError("checkpoint.too-many-parameters", most=MAX_PARAMETERS, count=size)
    epochs = _check_entries(entries, shapes, size, history[-1].epoch if history else 0)
    _check_finite(entries, data)
    try:
        tensors = load_tensors(data)
    except SafetensorError as fault:
        raise CheckpointError("checkpoint.refused-by-library", reason=str(fault)) from fault
    model = CharModel(config, vocabulary, seed=0)
    model.load_state_dict({name: tensors[name] for name in shapes})
    snapshots = {epoch: tensors[f"snapshot.{epoch}"] for epoch in epochs}
    return Checkpoint(model.eval(), outline.recipe, outline.seed, outline.corpus, history, snapshots)


def written(vocabulary: Vocabulary) -> str:
    """The symbols but for the unknown one, as one string of characters or as a list of words, and their counts, as JSON.

    Args:
        vocabulary: of a model.

    """
    symbols = vocabulary.symbols[1:]
    listed = {"words": symbols} if vocabulary.token == WORD else {"characters": "".join(symbols)}
    return json.dumps({**listed, "counts": vocabulary.counts}, ensure_ascii=False)


def _parse_vocabulary(values: Any, token: str) -> Vocabulary:
    listed = "words" if token == WORD else "characters"
    if not isinstance(values, dict) or set(values) != {listed, "counts"} or not _holds_symbols(values[listed], token):
        raise CheckpointError("checkpoint.vocabulary")
    counts = values["counts"]
    if not isinstance(counts, list) or not all(type(count) is int for count in counts):
        raise CheckpointError("checkpoint.counts")
    return Vocabulary((UNKNOWN, *values[listed]), tuple(counts), token)


def _holds_symbols(listed: Any, token: str) -> bool:
    if token == WORD:
        return isinstance(listed, list) and all(isinstance(word, str) for word in listed)
    return isinstance(listed, str)


def _parse_history(columns: Any) -> tuple[EpochRecord, ...]:
    names = tuple(EpochRecord.__dataclass_fields__)
    if (
        not isinstance(columns, dict)
        or set(columns) != set(names)
        or not all(isinstance(c, list) for c in columns.values())
    ):
        raise CheckpointError("checkpoint.history.columns", names=names)
    if len({len(column) for column in columns.values()}) != 1:
        raise CheckpointError("checkpoint.history.lengths")
    for name, column in columns.items():
        kinds = (int,) if name in ("epoch", "step") else (int, float)
        if not all(type(value) in kinds and abs(value) < 1e300 for value in column):  # also false for NaN
            raise CheckpointError("checkpoint.history.numbers", column=name)
    if columns["epoch"] != list(range(1, len(columns["epoch"]) + 1)):
        raise CheckpointError("checkpoint.history.epochs")
    return tuple(EpochRecord(*row) for row in zip(*(columns[name] for name in names), strict=True))


def _check_entries(
    entries: dict[str, strict.Entry], shapes: dict[str, tuple[int, ...]], size: int, last_epoch: int
) -> list[int]:
    """Check that the tensors are exactly the parameters and snapshots; returns the snapshots' epochs."""
    epochs = []
    for name, entry in entries.items():
        if name in shapes:
            if entry.shape != shapes[name] or entry.dtype != "F32":
                raise CheckpointError(
                    "checkpoint.parameter", tensor=name, expected=shapes[name], dtype=entry.dtype, shape=entry.shape
                )
        elif match := re.fullmatch(r"snapshot\.(0|[1-9]\d{0,8})", name):
            epochs.append(int(match[1]))
            if entry.shape != (size,) or epochs[-1] >= max(last_epoch, 1):
                raise CheckpointError(
                    "checkpoint.snapshot", tensor=name, count=size, last_epoch=last_epoch, shape=entry.shape
                )
        else:
            raise CheckpointError("checkpoint.odd-tensor", tensor=name)
    if missing := sorted(set(shapes) - set(entries)):
        raise CheckpointError("checkpoint.missing-tensor", tensor=missing[0])
    return epochs


def _check_finite(entries: dict[str, strict.Entry], data: bytes) -> None:
    for name, entry in entries.items():
        # Before anything is copied.
        if not np.isfinite(strict.read_values(data, entry)).all():
            raise CheckpointError("checkpoint.not-finite", tensor=name)


def _short(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")
