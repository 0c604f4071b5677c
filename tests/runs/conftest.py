import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder of the test's own."""
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    return tmp_path / "data"
