"""Models that a person opened from a file of somebody else's: kept as checkpoints of ours in the data folder, each once.

A model is named by what it was made of, so that the same file opened twice is one model, and its address shows it to whoever has
it. What was not looked at for longest goes first where there are too many.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path

import explorer
from explorer import runs
from explorer.pages.shell import session
from explorer.words import say

OPENED = "own:"  # begins the name of such a model
MOST_BYTES = 500_000_000  # of all of them
IS_DIGEST = re.compile("[0-9a-f]{32}")
MOST_NAME = 60  # characters of a file's name that are kept


def file_of(name: str) -> Path:
    """The checkpoint of an opened model; nothing is there for a name that is none.

    Raises:
        RunError: no data folder can be found.

    """
    digest = name.removeprefix(OPENED)
    return runs.data_folder() / "opened" / (f"{digest}.safetensors" if IS_DIGEST.fullmatch(digest) else "none")


def keep(model: explorer.CharModel, file_name: str, *made_of: object) -> str:
    """Keep a model; returns its name.

    Args:
        model: to keep, in single precision.
        file_name: of the file that it came in.
        made_of: all that decides what it is: the bytes of the file, and how they were read.

    Raises:
        CheckpointError: the disk refused.

    """
    digest = hashlib.sha256()
    for part in made_of:
        data = part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    name = OPENED + digest.hexdigest()[:32]
    path = file_of(name)
    if not path.is_file():
        _make_folder(path.parent)
        corpus = Path(file_name).name[:MOST_NAME] or say("open-page.unnamed")
        explorer.save_checkpoint(
            path, explorer.Checkpoint(model, explorer.Recipe(clip_norm=None, token=model.vocabulary.token), 0, corpus)
        )
        _let_go(path)
    session.fill({"opened": tuple(dict.fromkeys((*mine(), name)))})
    return name


def mine() -> tuple[str, ...]:
    """The names of the models that this session opened and that are still there."""
    with contextlib.suppress(runs.RunError):
        return tuple(name for name in session.kept("opened", ()) if file_of(name).is_file())
    return ()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise explorer.CheckpointError("checkpoint.not-written", path=folder, reason=fault.strerror or fault) from fault


def _let_go(kept: Path) -> None:
    """Remove what was written first, where all together are too large."""
    with contextlib.suppress(OSError):
        files = sorted(kept.parent.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
        total = sum(path.stat().st_size for path in files)
        for path in files:
            if total > MOST_BYTES and path != kept:
                total -= path.stat().st_size
                path.unlink()
