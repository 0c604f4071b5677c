"""A run that is trained in the person's own process, on the command line, and shown in the app while it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial

from explorer.checkpoints import CheckpointError
from explorer.models import CharModel
from explorer.runs.claim import Claim, Superseded
from explorer.runs.facts import DataFolderError, Run, RunError
from explorer.runs.recorder import Recorder, split_text
from explorer.runs.settings import data_folder, settings
from explorer.runs.status import DIVERGED, FINISHED, STOPPED
from explorer.runs.store import Store
from explorer.runs.worker import Interrupted, Pulse
from explorer.tokens import split
from explorer.training import StepRecord, TrainingDivergedError
from explorer.words import say


def recorded(
    run: Run, text: str, model: CharModel, steps: Iterator[StepRecord], tell: Callable[[str], None]
) -> Generator[StepRecord]:
    """The steps of a training, each recorded as it passes; they end early when the run is stopped in the app.

    A disk that refuses costs the recording, not the training: `tell` hears why, once.

    Args:
        run: as new_run made it.
        text: its text.
        model: the one the steps train.
        steps: of the training, at its beginning.
        tell: takes a sentence.

    """
    with contextlib.ExitStack() as stack:
        try:
            store = stack.enter_context(contextlib.closing(Store(settings().data, follows=False)))
            run = replace(run, text=store.files.keep_text(text))
            store.add(run)
            claim = store.begin(run.id)
            pulse = stack.enter_context(Pulse(claim, run))
        except RunError as fault:
            tell(f"{_in_full(fault)} {say('run.unseen')}")
            yield from steps
            return
        _, held_out = split_text(split(text, run.recipe.token), run.recipe, run.held_out_share)
        recorder = Recorder(store, claim, run, model, steps, held_out, settings().state_seconds)
        yield from _followed(claim, recorder, pulse, steps, _Attempts(tell))


class _Attempts:
    """What is done as long as nothing of it was refused."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lost = False

    def __call__(self, action: Callable[[], None]) -> None:
        """Do it, unless something was refused before; the first refusal is told."""
        try:
            if not self._lost:
                action()
        except (RunError, CheckpointError) as refusal:
            self._lost = True
            self._tell(f"{_in_full(refusal)} {say('run.unseen')}")
        except Superseded:
            self._lost = True


def _followed(
    claim: Claim, recorder: Recorder, pulse: Pulse, steps: Iterator[StepRecord], attempt: _Attempts
) -> Generator[StepRecord]:
    ending: tuple[str, str] = STOPPED, ""
    fault = None
    attempt(recorder.begin)
    try:
        for record in pulse.steps(steps):
            attempt(partial(recorder.add, record))
            yield record
        ending = pulse.verdict or (FINISHED, "")
        attempt(recorder.keep_state)
    except Interrupted:
        attempt(recorder.rewind)
    except TrainingDivergedError as diverged:
        ending, fault = (DIVERGED, str(diverged)), (diverged.step, diverged.parameter)
        raise
    finally:
        # Also where Ctrl-C or a closed generator ends it, perhaps in the midst of a step: the state kept last stands.
        attempt(recorder.write)
        attempt(recorder.keep_checkpoint)
        attempt(partial(claim.end, *ending, fault=fault))


def _in_full(fault: Exception) -> str:
    """The sentence, with the data folder where it is that one which refuses: the person sits at this machine."""
    if isinstance(fault, DataFolderError):
        return f"{fault} {say('disk.where', folder=data_folder())}"
    return str(fault)
