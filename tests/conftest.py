import functools
import os
import tempfile

import pytest
from streamlit.components.v2 import manifest_scanner

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many processes as there are cores may run tests
# Nothing a test does may land among a person's own runs, nor keep a worker waiting that nobody asked for.
os.environ["GATE_EXPLORER_DATA"] = tempfile.mkdtemp(prefix="gate-explorer-tests-")
os.environ["GATE_EXPLORER_SPARE"] = "0"
os.environ["GATE_EXPLORER_NICE"] = "0"  # a test waits for the runs it starts, beside others that never rest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that need a machine with something to spare are run one after the other, by one of the processes of pytest."""
    for item in items:
        if item.get_closest_marker("process"):
            item.add_marker(pytest.mark.xdist_group("process"))


@pytest.fixture(autouse=True, scope="session")
def _installed_components_are_looked_up_once():
    """A session of AppTest reads the metadata of everything that is installed, a third of a second; nothing is installed here."""
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield
