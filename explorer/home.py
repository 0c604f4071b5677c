"""Where the app and the shipped models lie: beside this package in a checkout, in the share folder of an installation."""

from __future__ import annotations

import sysconfig
from pathlib import Path

SHARE = "share/gate-explorer"  # pyproject.toml puts app.py, door.py, .streamlit/ and checkpoints/ there


def home() -> Path:
    """The folder with app.py, .streamlit/ and checkpoints/."""
    beside = Path(__file__).parents[1]
    return beside if (beside / "app.py").is_file() else Path(sysconfig.get_path("data")) / SHARE


CHECKPOINTS = home() / "checkpoints"
