"""Where runs are kept, and how many at once: the environment decides."""

from pathlib import Path

import pytest

from explorer.runs.facts import RunError
from explorer.runs.settings import Settings, data_folder, settings


def test_the_data_folder_follows_the_setting_and_then_the_platform(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert data_folder() == tmp_path / "mine"
    monkeypatch.delenv("GATE_EXPLORER_DATA")
    assert data_folder() == tmp_path / "xdg" / "gate-explorer"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert data_folder() == tmp_path / "local" / "gate-explorer"
    monkeypatch.delenv("LOCALAPPDATA")
    assert data_folder() == tmp_path / ".local" / "share" / "gate-explorer"


def test_a_relative_data_folder_does_not_move_with_the_process(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATE_EXPLORER_DATA", "here")
    assert data_folder() == tmp_path / "here"


def test_there_are_no_limits_until_they_are_set(monkeypatch, folder):
    for name in ("SPARE", "NICE"):
        monkeypatch.delenv(f"GATE_EXPLORER_{name}", raising=False)
    assert settings() == Settings(folder)
    assert settings().max_steps is None
    assert settings().max_seconds is None
    assert settings().workers >= 1
    monkeypatch.setenv("GATE_EXPLORER_MAX_STEPS", "500")
    monkeypatch.setenv("GATE_EXPLORER_WORKERS", "3")
    monkeypatch.setenv("GATE_EXPLORER_SPARE", "0")
    assert settings() == Settings(folder, max_steps=500, workers=3, spare=0)


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "0", "9" * 400, "²", " "])
def test_a_setting_that_is_no_number_is_told(monkeypatch, folder, value):
    monkeypatch.setenv("GATE_EXPLORER_WORKERS", value)
    with pytest.raises(RunError, match=r"^GATE_EXPLORER_WORKERS: expected a whole number of at least 1; got "):
        settings()
