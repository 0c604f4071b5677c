import pytest

from explorer.runs.store import Store


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder of the test's own."""
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def store(folder, monkeypatch):
    """The store of that folder; who trains in it keeps a state after every step."""
    monkeypatch.setenv("GATE_EXPLORER_STATE_SECONDS", "0")
    store = Store(folder)
    yield store
    store.close()
