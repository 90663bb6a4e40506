"""A training loop of one's own: epochs that start where the last run stopped, and saves that nobody can forget."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.restart import Restart
from candle_spec.errors import InvalidInputError


class Loop:
    """What the callbacks for plain loops share; a context manager.

    Args:
        recorder: Records the training.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._measured: dict[str, float] = {}
        self._noted = False
        self._cut_short = False
        self._open_epoch: int | None = None

    def __enter__(self) -> Self:
        self.recorder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self.recorder.close(failed=error is not None)

    def restart(self) -> Restart | None:
        """Restore the newest state, once; :meth:`epochs` does so by itself.

        Raises:
            CandleSpecError: A restart is required and impossible, or the checkpoint is of another training.
        """
        return self.recorder.restart()

    def epochs(self, count: int) -> Iterator[int]:
        """Yield the numbers of the epochs still to be trained, as ``range(count)`` would from the right place on.

        The state is restored before the first one, and saved by the policy after each. The loop ends early when the
        training has to stop: by a signal, at the wall-time limit, or because :meth:`stop` was called.
        """
        self.recorder.epochs = count
        self.restart()
        for epoch in range(self.recorder.epoch, count):
            self._measured, self._noted, self._open_epoch = {}, False, epoch
            yield epoch
            self._complete()
            if self.recorder.stop_reason:
                return

    def log(self, **metrics: float) -> None:
        """Note what was measured in this epoch, by the training's own names."""
        self._measured |= {name: float(value) for name, value in metrics.items()}
        self._noted = True

    def step(self, **metrics: float) -> bool:
        """Note an optimizer step; saves where the policy counts steps or seconds, or a signal asks for it.

        Returns:
            Whether the training may go on; ``False``: leave the loop over the batches.
        """
        step = (self.recorder.step or 0) + 1
        self._cut_short = False  # whoever goes on after a stop completes the epoch
        if self.recorder.stopped_inside:
            self.recorder.step = step
        else:
            self.recorder.step_end(step, metrics)
            self._cut_short = self.recorder.stopped_inside
        return not self._cut_short

    def stop(self, reason: str = "early stop") -> None:
        """End the loop after this epoch, and save it."""
        self.recorder.stop(reason)

    @property
    def stop_reason(self) -> str:
        """Why the training stops; empty while it does not."""
        return self.recorder.stop_reason

    @property
    def history(self) -> list[dict[str, Any]]:
        """Metrics of all epochs, those before a restart too."""
        return self.recorder.history

    def _complete(self) -> None:
        """The epoch is over: note it, and save if the policy says so."""
        epoch, self._open_epoch = self._open_epoch, None
        if epoch is None:
            raise InvalidInputError("no epoch is open")
        if self._cut_short:
            return
        self.recorder.epoch_end(epoch + 1, self._measured)

    def _finish(self) -> None:
        """The block ends without an error: a ``break`` behind :meth:`log` is an early stop of a complete epoch."""
        if self._open_epoch is not None and self._noted:
            self.recorder.stop("early stop")
            self._complete()
        if not self._cut_short:
            self.recorder.train_end(self.recorder.stop_reason or "train end")
