"""The files of the data folder: each text once, and for each run its weights and its resumable state."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from pathlib import Path

from explorer.files import write_atomically
from explorer.runs.database import disk_told
from explorer.runs.facts import RunError

IS_ID, IS_DIGEST = re.compile(r"[\w-]+", re.ASCII), re.compile("[0-9a-f]{64}")


class DamagedTextError(RunError):
    """The text of a run is not the one that was kept."""


class Folder:
    """A data folder; it is made where there is none.

    Raises:
        RunError: (from every method) the disk refused; nothing is half written.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with disk_told():
            for made in (path, path / "texts", path / "runs"):
                made.mkdir(mode=0o700, parents=True, exist_ok=True)  # people's own texts

    def run_folder(self, run_id: str) -> Path:
        """Where a run's weights are."""
        return self.path / "runs" / run_id

    def checkpoint_path(self, run_id: str) -> Path:
        """A run's checkpoint, as save_checkpoint writes it."""
        return self.run_folder(run_id) / "model.safetensors"

    def state_path(self, run_id: str) -> Path:
        """A run's resumable state."""
        return self.run_folder(run_id) / "state.safetensors"

    def keep_text(self, text: str) -> str:
        """Keep a text; returns its SHA-256, by which it is found. A damaged copy is written anew."""
        data = text.encode("utf-8")
        digest = hashlib.sha256(data).hexdigest()
        path = self._text_path(digest)
        with disk_told():
            if not path.is_file() or path.read_bytes() != data:
                write_atomically(path, data)
        return digest

    def text(self, digest: str) -> str:
        """A text that was kept.

        Raises:
            DamagedTextError: its SHA-256 is another one now.

        """
        with disk_told():
            data = self._text_path(digest).read_bytes()
        if (got := hashlib.sha256(data).hexdigest()) != digest:
            raise DamagedTextError("run.text-damaged", expected=digest[:12], got=got[:12])
        return data.decode("utf-8")

    def run_bytes(self, run_id: str) -> int:
        """What the files of a run take of the disk."""
        return _bytes_in(self.run_folder(run_id))

    def bytes(self) -> int:
        """What everything takes of it."""
        return _bytes_in(self.path)

    def forget_run(self, run_id: str) -> None:
        """Take away a run's files for good."""
        if IS_ID.fullmatch(run_id):  # a damaged one may be the folder of all runs, or lie elsewhere
            shutil.rmtree(self.run_folder(run_id), ignore_errors=True)

    def forget_text(self, digest: str) -> None:
        """Take away a text for good."""
        if IS_DIGEST.fullmatch(digest):
            with disk_told():
                self._text_path(digest).unlink(missing_ok=True)

    def _text_path(self, digest: str) -> Path:
        return self.path / "texts" / f"{digest}.txt"


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # written, renamed or gone meanwhile
            total += path.stat().st_size if path.is_file() else 0
    return total
