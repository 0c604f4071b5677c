"""The house rules a linter cannot see: imports run one way, and the public names are there."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

import explorer
from explorer import home

ROOT = Path(explorer.__file__).parent
# A module may import what stands before it, and its own room.
ORDER = [
    "words", "fields", "characters", "everyday", "likelihood", "encodings", "composition", "folding", "foreign", "tokens",
    "text",
    "features", "tables", "files", "home", "strict", "corpora", "batches", "clipping", "cells", "initialisation", "models",
    "interventions", "training", "problems", "series", "recording", "checkpoints", "reads", "probes", "importing", "runs",
    "attaching", "lessons", "cli", "figures", "commands", "pages",
]  # fmt: skip
MODULES = [path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.stem not in ("__init__", "__main__")]


def room(parts):
    return ORDER.index(parts[0])


def imported_rooms(path):
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {id(node) for block in ast.walk(tree) if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
                 for node in ast.walk(block)}  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("explorer."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("explorer."))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    backwards = [other for other in imported_rooms(path) if other != own and ORDER.index(other) > ORDER.index(own)]
    assert backwards == []


def test_the_rule_above_sees_every_module():
    assert {path.relative_to(ROOT).with_suffix("").parts[0] for path in MODULES} == set(ORDER)


def test_all_public_names_exist():
    assert all(hasattr(explorer, name) for name in explorer.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = explorer.nonsense


def test_the_library_needs_neither_plotly_nor_streamlit():
    code = (
        "import sys, explorer; assert not {'plotly', 'streamlit'} & set(sys.modules), 'imported';"
        "assert explorer.figures.gates and 'plotly' in sys.modules and 'streamlit' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_comes_of_a_text_is_kept_for_its_session_only():
    cached = []
    for path in (ROOT / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            # What takes a text, and the shelf of what else is known of it.
            if isinstance(node, ast.FunctionDef) and (node.name == "own" or "text" in [a.arg for a in node.args.args]):
                for call in node.decorator_list:
                    if isinstance(call, ast.Call) and "cache" in ast.unparse(call.func):
                        scopes = [ast.literal_eval(k.value) for k in call.keywords if k.arg == "scope"]
                        cached.append((node.name, scopes))
    assert len(cached) >= 2  # the rule sees them
    assert [name for name, scopes in cached if scopes != ["session"]] == []


def required():
    """Each distribution that requirements.txt names, with its bounds."""
    lines = (ROOT.parent / "requirements.txt").read_text("utf-8").splitlines()
    return dict(re.fullmatch(r"([a-z-]+)([=<>].+)", line).groups() for line in lines if line and line[0] != "#")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def test_what_is_imported_is_required_and_nothing_else():
    ours = {path.stem for path in ROOT.parent.glob("*.py")} | {"explorer"}
    files = [*ROOT.rglob("*.py"), *ROOT.parent.glob("*.py")]
    others = {name for path in files for name in imported(path)} - set(sys.stdlib_module_names) - ours
    assert {"torch", "streamlit", "click", "starlette"} <= others  # the rule sees them
    # plotly and Streamlit import two of these, and what is older has known faults; uvicorn the third, which makes it faster
    assert others | {"orjson", "python-multipart", "uvloop"} == set(required())


def test_every_requirement_has_a_lower_and_an_upper_bound():
    assert [name for name, bounds in required().items() if not re.fullmatch("==.+|>=.+,<.+", bounds)] == []


@pytest.mark.parametrize(
    ("name", "faulty", "mended"),
    [("starlette", "1.3.0", "1.3.1"), ("orjson", "3.11.5", "3.11.6"), ("python-multipart", "0.0.26", "0.0.27")],
)
def test_versions_with_known_faults_are_excluded(name, faulty, mended):
    allowed = SpecifierSet(required()[name])
    assert faulty not in allowed
    assert mended in allowed
    assert version(name) in allowed


UNPICKLING = re.compile(
    r"^\s*(import|from)\b.*\b(_?pickle|cPickle|pickletools|dill|cloudpickle|shelve|marshal|joblib)\b"
    r"|torch\.(load|serialization)\b|^\s*from torch import\b.*\bload\b|allow_pickle|read_pickle",
    re.MULTILINE,
)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "import pickle as p", "from pickle import loads", "import torch\ntorch.load('x')",
        "from torch import load", "import os, shelve", "load = torch.load",
        "np.load(f, allow_pickle=True)", "from torch.serialization import pickle",
    ],
)  # fmt: skip
def test_the_search_for_unpickling_finds_it(source):
    assert UNPICKLING.search(source)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_of_the_project_can_unpickle(path):
    assert UNPICKLING.search(path.read_text("utf-8")) is None


def packaged():
    """What pyproject.toml says of the installation."""
    return tomllib.loads((ROOT.parent / "pyproject.toml").read_text("utf-8"))


def test_an_installation_has_every_file_that_is_no_module():
    patterns = packaged()["tool"]["setuptools"]["package-data"]["explorer"]
    covered = {path for pattern in patterns for path in ROOT.glob(pattern)}
    others = {path for path in ROOT.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert len(others) > 10  # the rule sees them
    assert others - covered == set()


def test_an_installation_has_the_app_and_its_models_where_the_library_looks():
    folders = packaged()["tool"]["setuptools"]["data-files"]
    assert {Path(folder).parts[:2] for folder in folders} == {Path(home.SHARE).parts}
    kept = {Path(folder).relative_to(home.SHARE) / Path(file).name for folder, files in folders.items() for pattern in files
            for file in ROOT.parent.glob(pattern)}  # fmt: skip
    needed = {
        Path("app.py"),
        Path("door.py"),
        Path("servers.py"),
        Path(".streamlit/config.toml"),
        Path("checkpoints/roles.json"),
    }
    assert kept >= needed | {Path("checkpoints") / path.name for path in home.CHECKPOINTS.glob("*.safetensors")}


def test_the_command_of_an_installation_is_there():
    module, function = packaged()["project"]["scripts"]["gate-explorer"].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_home_is_the_checkout_where_there_is_one_and_else_the_share_folder(monkeypatch, tmp_path):
    assert home.home() == ROOT.parent
    monkeypatch.setattr(home, "__file__", str(tmp_path / "site-packages" / "explorer" / "home.py"))
    assert home.home().parts[-2:] == ("share", "gate-explorer")
