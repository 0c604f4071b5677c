"""What a training leaves in the store while it goes: its steps a few times a second, measurements, states, a checkpoint."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import replace

from explorer.checkpoints import Checkpoint, CheckpointError, save_checkpoint
from explorer.models import CharModel, ModelDivergedError
from explorer.probes.gates import gate_statistics, trace_gates
from explorer.probes.perplexity import score_text
from explorer.recording import Recording
from explorer.runs.claim import Claim
from explorer.runs.facts import EpochEvent, GateSummary, Run, RunError
from explorer.runs.state import refused_path, restore_state, save_state
from explorer.runs.store import Store
from explorer.tokens import Tokens
from explorer.training import Recipe, StepRecord, Training
from explorer.words import say

WRITE_EVERY_S = 0.25
MEASURING_SHARE = 0.05  # of the time may go into reading the sentence, and as much into reading the held-out part
MAX_HELD_OUT, MIN_HELD_OUT, HELD_OUT_WORK = 2_000, 200, 10**9  # characters, characters, characters * weights
SAMPLE_CHARACTERS = 50  # as d2l prints them
SLOW_STEP_S = 0.3  # after a step this long the state is kept at once: Stop does not wait for the end of the next
KEEPING_SHARE = 0.1  # of the time may go into that


def split_text(text: Tokens, recipe: Recipe, share: float) -> tuple[Tokens, Tokens]:
    """The part of a text to train on, and the part held out: what comes after it.

    A recipe that reads only the first max_tokens leaves the rest anyway; from one that reads everything the last
    `share` is taken away, unless what remains would not fill a batch.
    """
    whole = text[: recipe.max_tokens]
    if len(whole) < len(text) or not share:
        return whole, text[len(whole) :]
    cut = round(len(text) * (1 - share))
    return (text[:cut], text[cut:]) if cut >= recipe.shortest_text else (text, text[:0])


def held_out_tokens(held_out: Tokens, weights: int) -> int:
    """How many of the held-out tokens are measured: at most 2,000, fewer with a large model; none if there is only one."""
    wanted = max(MIN_HELD_OUT, min(MAX_HELD_OUT, HELD_OUT_WORK // weights))
    return min(len(held_out), wanted) if len(held_out) > 1 else 0


class Recorder:
    """Records a run while it is trained, wherever that happens (in a worker, on the command line).

        recorder = Recorder(store, claim, run, model, steps, held_out, state_seconds)
        recorder.begin()
        for record in steps:
            recorder.add(record)
        recorder.keep()

    A run recorded from a plain iterator of records is shown all the same; only a Training can be resumed.

    Attributes:
        recording: history and snapshots.
        trained_s: seconds of training, over all resumptions.

    """

    def __init__(
        self,
        store: Store,
        claim: Claim,
        run: Run,
        model: CharModel,
        steps: Iterator[StepRecord],
        held_out: Tokens,
        state_seconds: float,
    ) -> None:
        self._files, self._claim, self._run, self._model = store.files, claim, run, model
        self._training = steps if isinstance(steps, Training) else None
        self._state = store.files.state_path(run.id)
        self._held_out = held_out[: held_out_tokens(held_out, run.weights)]
        self._state_seconds = state_seconds
        self._steps: list[StepRecord] = []
        self._events: list[EpochEvent] = []
        self.recording = Recording(model, run.recipe)
        self.trained_s = run.trained_s
        self._keeping_s = 0.0
        self._spent_s = {"held-out": 0.0, "sentence": 0.0}
        self._began_at = self._written_at = self._kept_at = self._step_at = time.monotonic()

    # ---- from the beginning to the end ----------------------------------------------------------------------

    def begin(self) -> None:
        """Go on from the run's state if there is one; else measure and keep the model as it is before training.

        Raises:
            StateError: a run that was trained before has no state that can be used, and none was set aside.

        """
        if self._goes_on():
            self.rewind()
        else:
            self._events.append(self._measured(EpochEvent(0, 0, snapshot=True)))
            self.keep()
            refused_path(self._state).unlink(missing_ok=True)
        self._began_at = self._written_at = self._kept_at = self._step_at = time.monotonic()

    def _goes_on(self) -> bool:
        """Whether this run was trained before; not where its state was refused then and the person resumed it all the same."""
        missed = self._run.step > 0 and not refused_path(self._state).exists()
        return self._training is not None and (self._state.is_file() or missed)

    def add(self, record: StepRecord) -> None:
        """Take the record of the step just made, with the model as it is after that step."""
        took_s = time.monotonic() - self._step_at
        self._steps.append(record)
        snapshot = self.recording.add(record)
        if record.epoch_ends:
            event = EpochEvent(record.epoch, record.step, self.recording.history[-1], snapshot=snapshot)
            self._events.append(self._measured(event))
        now = time.monotonic()
        if snapshot:
            self.keep()
        elif now - self._kept_at >= min(self._state_seconds, self._soon_s(took_s)):
            self.keep_state()
        elif now - self._written_at >= WRITE_EVERY_S or record.step == 1:
            self.write()
        self._step_at = time.monotonic()

    def write(self) -> None:
        """Put the steps and epochs so far into the store."""
        now = time.monotonic()
        self._claim.write(self._steps, self._events, now - self._written_at)
        self.trained_s += now - self._written_at
        self._written_at = now
        self._steps, self._events = [], []

    def keep_state(self) -> None:
        """The same, and the state to resume from."""
        started = time.monotonic()
        self.write()
        if self._training is not None:
            save_state(self._state, self._run.id, self._training, self.recording)
        self._kept_at = time.monotonic()
        self._keeping_s = self._kept_at - started

    def _soon_s(self, took_s: float) -> float:
        """How long a state is good enough where steps take so long."""
        return self._keeping_s / KEEPING_SHARE if took_s > SLOW_STEP_S else math.inf

    def keep(self) -> None:
        """The same, and the checkpoint."""
        self.keep_state()
        self.keep_checkpoint()

    def keep_checkpoint(self) -> None:
        """Only the checkpoint."""
        save_checkpoint(self._files.checkpoint_path(self._run.id), self.checkpoint())
        self._claim.note_checkpoint()

    def keep_files(self) -> str:
        """Only the files of the run, where its store is gone; says in a sentence what became of them."""
        try:
            if self._training is not None:
                save_state(self._state, self._run.id, self._training, self.recording)
            save_checkpoint(self._files.checkpoint_path(self._run.id), self.checkpoint())
        except (RunError, CheckpointError):
            return say("run.files-lost")
        return say("run.files-kept", epoch=len(self.recording.history))

    def rewind(self) -> None:
        """Back to the state that was kept last.

        Raises:
            StateError: it cannot be used.

        """
        if self._training is not None:
            restore_state(self._state, self._run.id, self._training, self.recording)

    def checkpoint(self) -> Checkpoint:
        """The run as it is now."""
        history = tuple(self.recording.history)
        return Checkpoint(
            self._model, self._run.recipe, self._run.seed, self._run.corpus, history, self.recording.snapshots
        )

    # ---- what is measured along the way ---------------------------------------------------------------------

    def _measured(self, event: EpochEvent) -> EpochEvent:
        """The event with what is measured at it: everything at a snapshot, else what there is time for."""
        if event.snapshot or self._affordable("held-out"):
            with self._timed("held-out"):
                event = replace(event, held_out_nll_nats=self._read_held_out())
        if event.snapshot or self._affordable("sentence"):
            with self._timed("sentence"):
                nll_nats, gates = self._read_sentence()
                event = replace(event, sentence_nll_nats=nll_nats, gates=gates)
        return replace(event, samples=self._samples()) if event.snapshot else event

    def _affordable(self, what: str) -> bool:
        return self._spent_s[what] < MEASURING_SHARE * (time.monotonic() - self._began_at)

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._spent_s[what] += time.monotonic() - started

    def _read_held_out(self) -> float | None:
        return score_text(self._model, self._held_out).mean_nll_nats if self._held_out else None

    def _read_sentence(self) -> tuple[float | None, tuple[GateSummary, ...] | None]:
        """Mean surprise of the run's sentence, and every gate while it is read."""
        if not self._run.sentence:
            return None, None
        trace = trace_gates(self._model, self._run.sentence)
        gates = [
            GateSummary(net.layer, net.direction, letter, s.mean, s.low_share, s.high_share, s.sensitivity)
            for net, tape in trace.tapes.items()
            for letter, gate_TH in tape.gates.items()
            if (s := gate_statistics(gate_TH)) is not None
        ]
        return trace.score.mean_nll_nats, tuple(gates)

    def _samples(self) -> tuple[str, ...] | None:
        if self._run.config.objective != "next":
            return None  # a model that needs the text after the character cannot write one
        try:
            return tuple(self._model.generate(p, SAMPLE_CHARACTERS, temperature=0) for p in self._run.prefixes)
        except ModelDivergedError:
            return None  # its weights are finite and what it computes is not: it has nothing to write
