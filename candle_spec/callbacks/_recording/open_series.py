"""The series of a training while it is open: saves are written in one thread, in order, and pruned behind each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from candle_spec.callbacks._recording.settings import Settings
from candle_spec.series.policy import retention
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.policy.retention import KeepPolicy
from candle_spec.series.saves.background import BackgroundWriter
from candle_spec.series.saves.crew import Crew
from candle_spec.series.saves.save import Saved
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series
from candle_spec.series.store import Documents, StoreSettings


class OpenSeries:
    """A series that a training writes into.

    Args:
        folder: Folder of the series; it is made.
        policy: How checkpoints are stored, and what a failed save does.
        settings: Who is told of saves, and whether they are made in the background.

    Raises:
        CandleSpecError: The series cannot be opened for writing.
    """

    def __init__(self, folder: Path, policy: CheckpointPolicy, settings: Settings) -> None:
        self.series = Series.create_or_open(
            folder,
            settings=StoreSettings(**dict(policy.store)),
            model_description=settings.model_description,
            run=settings.run,
            fs=settings.fs,
        )
        self._keep = policy.keep
        self._on_saved = settings.on_saved
        background = (settings.asynchronous, policy.asynchronous, True)
        self._writer = BackgroundWriter(
            self.series,
            self.series.plan,
            max_inflight=policy.max_inflight,
            on_error=policy.on_error,  # type: ignore[arg-type]
            on_full=policy.on_full,  # type: ignore[arg-type]
            make_space=lambda: self._prune(replace(self._keep, mode="linear", limit=1, every=0)),
            background=next(value for value in background if value is not None),
        )

    def save(
        self, state: TrainingState, keep: KeepPolicy, *, best: bool, document: Documents, crew: Crew | None = None
    ) -> None:
        """Save a state, and prune behind it; returns as soon as the training may go on.

        Args:
            state: The live state.
            keep: What is kept behind the save.
            best: Whether it is the best so far.
            document: Makes the note in the checkpoint.
            crew: The processes that write it together.

        Raises:
            CandleSpecError: This save, or an earlier one, failed and the policy says ``raise``.
        """
        self._keep = keep
        self._writer.submit(state, self._after, best=best, document=document, crew=crew)

    def drain(self) -> None:
        """Wait for the saves under way.

        Raises:
            CandleSpecError: One failed and the policy says ``raise``.
        """
        self._writer.drain()

    def close(self) -> None:
        """Wait for the saves under way, and let the series go.

        Raises:
            CandleSpecError: One failed and the policy says ``raise``.
        """
        try:
            self._writer.close()
        finally:
            self.series.close()

    def _after(self, saved: Saved) -> None:
        """Behind a save, in the writer's thread."""
        for listener in self._on_saved:
            listener(saved)
        self._prune(self._keep)

    def _prune(self, keep: KeepPolicy) -> int:
        plan = retention.keep(self.series.entries(), keep)
        return self.series.prune([entry.name for entry in plan.keep]).freed_bytes if plan.remove else 0
