"""A file is written whole or not at all, and no other one is left beside it."""

import errno
import io
import os
import stat
import tempfile

import pytest

from explorer.files import write_atomically


class FullDisk(io.FileIO):
    """Takes ten bytes and then has no space left."""

    def write(self, data):
        super().write(bytes(data)[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail(fault):
    def refuse(*args, **kwargs):
        raise fault

    return refuse


FAULTS = {
    "write": ("fdopen", lambda descriptor, *args, **kwargs: FullDisk(descriptor, "w")),
    "flush to disk": ("fsync", fail(OSError(errno.EIO, "flush"))),
    "rename": ("replace", fail(OSError(errno.EXDEV, "rename"))),
    "Ctrl-C": ("replace", fail(KeyboardInterrupt())),
}


@pytest.mark.parametrize(("name", "instead"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("before", [[b"the old one"], []])
def test_a_write_that_fails_leaves_the_folder_as_it_was(tmp_path, monkeypatch, name, instead, before):
    path = tmp_path / "m"
    for data in before:
        path.write_bytes(data)
    with monkeypatch.context() as patch:
        patch.setattr(os, name, instead)
        with pytest.raises((OSError, KeyboardInterrupt)):
            write_atomically(path, b"x" * 5000)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == before


def test_a_write_over_the_systems_own_limit_leaves_the_old_file(tmp_path):
    resource = pytest.importorskip("resource", reason="only POSIX systems limit the size of a file")
    path = tmp_path / "m"
    path.write_bytes(b"the old one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"the old one"]


def test_a_folder_that_cannot_be_flushed_is_no_fault(tmp_path, monkeypatch):
    # Some network and user-space file systems refuse to flush a folder, after the file itself is in place.
    def files_only(descriptor, flush=os.fsync):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        flush(descriptor)

    (tmp_path / "m").write_bytes(b"the old one")
    monkeypatch.setattr(os, "fsync", files_only)
    write_atomically(tmp_path / "m", b"the new one")
    assert (tmp_path / "m").read_bytes() == b"the new one"


def test_writing_replaces_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "new" / "folder" / "m"
    for data in (b"one", b"two" * 100_000):
        write_atomically(path, data)
        assert [(p.name, p.read_bytes()) for p in path.parent.iterdir()] == [("m", data)]


def test_a_folder_that_cannot_be_made_or_written_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "m", tmp_path / "file" / "deeper" / "m", tmp_path / "folder"):
        with pytest.raises(OSError, match=r"file|folder"):
            write_atomically(path, b"new")
    monkeypatch.setattr(tempfile, "mkstemp", fail(OSError(errno.EROFS, "no new files")))
    with pytest.raises(OSError, match="no new files"):
        write_atomically(tmp_path / "m", b"new")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write into every folder")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            write_atomically(tmp_path / "m", b"new")
    finally:
        tmp_path.chmod(0o755)
