"""The example is a whole loop, and what it prints is what the probe found."""

import runpy
from pathlib import Path

import explorer

EXAMPLE = Path(explorer.__file__).parents[1] / "examples" / "sine.py"


def test_the_example_learns_and_says_so(capsys):
    probe = runpy.run_path(str(EXAMPLE))["main"]()
    assert probe.diagnose().rules == ("healthy",)
    assert len(probe.ledger) == 200
    assert "Healthy" in capsys.readouterr().out
