"""Our verdict on strangers' loops beside those of linters of training, where they are installed; one loop, watched by all.

They are: gradsnitch, torchmortem, traintools (`pip install gradsnitch torchmortem traintools`). Each is asked as its own README
does, with its own defaults. What it says is printed in its own words, cut; "-" where it says nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from attaching import rigs

SHOWN = 70
CASES: dict[str, tuple[str, Callable[[], object]]] = {
    "recall after 60 steps, nn.RNN": ("vanishing", rigs.recall),
    "recall after 60 steps, nn.LSTM": ("vanishing", lambda: rigs.recall(nn.LSTM)),
    "relu, 1.5 times the identity": ("exploding", rigs.exploding),
    "a sine, adam at 3": ("rate-too-large", lambda: rigs.sine(lr=3.0)),
    "a sine, adam at 1e-7": ("rate-too-small", lambda: rigs.sine(lr=1e-7)),
    "a sine, clipped at 50": ("clip-idle", lambda: rigs.sine(clip=50.0)),
    "a sine, sgd clipped at 1e-5": (
        "clip-bound", lambda: rigs.sine(optimizer=torch.optim.SGD, lr=0.3, clip=1e-5),
    ),
    "a sine, nn.RNN": ("healthy", lambda: rigs.sine(nn.RNN)),
    "a sine, nn.GRU": ("healthy", rigs.sine),
    "an echo, nn.LSTM": ("healthy", rigs.echoed),
    "recall after 4 steps, nn.RNN": ("healthy", lambda: rigs.recall(length=4)),
}  # fmt: skip
said: dict[str, list[str]] = {}


@contextlib.contextmanager
def gradsnitch(net: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[Callable[[float], None]]:
    import gradsnitch as linter

    monitor, steps = linter.watch(net, optimizer), []
    yield lambda loss: (monitor.log(len(steps), loss), steps.append(loss))[0]
    with contextlib.redirect_stdout(io.StringIO()):
        said["gradsnitch"] = [finding.name for finding in monitor.report()]


@contextlib.contextmanager
def torchmortem(net: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[Callable[[float], None]]:
    from torchmortem import Autopsy

    with Autopsy(net, optimizer=optimizer) as autopsy:
        yield lambda loss: autopsy.step(loss=loss)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        report = autopsy.report(Path(folder) / "report.json")
    said["torchmortem"] = [finding.title for finding in report.findings]


@contextlib.contextmanager
def traintools(net: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[Callable[[float], None]]:
    from traintools import GradientHealthMonitor

    monitor, warned = GradientHealthMonitor(), []

    def step(loss: float) -> None:
        report = monitor.inspect(net, step=len(warned), lr=optimizer.param_groups[0]["lr"])
        warned.append(report.warnings)

    yield step
    often = [warning for step in warned for warning in step]
    said["traintools"] = sorted(set(often), key=often.count, reverse=True)


installed = [one for one in (gradsnitch, torchmortem, traintools) if importlib.util.find_spec(one.__name__)]
print("installed:", ", ".join(one.__name__ for one in installed) or "none of the linters; only ours is printed")
torch.set_num_threads(1)
rigs.BESIDE[:] = installed
right = 0
for name, (condition, rig) in CASES.items():
    said.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of theirs
        ours = [finding.rule for finding in rig().diagnose().findings]
    right += condition in ours
    print(f"{name}; it is: {condition}")
    for who, words in {"ours": ours, **said}.items():
        print(f"    {who:12s} {'; '.join(words)[:SHOWN] or '-'}")
print(f"ours names the condition in {right} of {len(CASES)}")
