"""What the callbacks of LightGBM and XGBoost share: rounds instead of epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.restart import Restart
from candle_spec.callbacks._states.booster_state import BoosterState


class Rounds:
    """Records a training round by round.

    Args:
        state: The booster.
        recorder: Records it.
    """

    def __init__(self, state: BoosterState, recorder: Recorder) -> None:
        self._state = state
        self.recorder = recorder

    def restart(self) -> Restart | None:
        """Restore the newest booster, once.

        Raises:
            CandleSpecError: A restart is required and impossible, or the checkpoint is of another training.
        """
        return self.recorder.restart()

    @property
    def booster(self) -> Any:
        """The booster to go on from; ``None`` at the beginning."""
        self.restart()
        return self._state.booster

    def remaining(self, rounds: int) -> int:
        """Return how many of the planned rounds are still to be trained."""
        self.restart()
        self.recorder.epochs = rounds
        return max(rounds - self.recorder.epoch, 0)

    def close(self) -> None:
        """Save the end of the training, wait until all is durable, and let the series go."""
        if self._state.booster is not None:
            self.recorder.train_end(self.recorder.stop_reason or "train end")
        self.recorder.close()

    def __enter__(self) -> Any:
        self.recorder.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None:
            self.close()
        else:
            self.recorder.close(failed=True)

    def record(self, booster: Any, rounds: int, metrics: Mapping[str, float]) -> bool:
        """Note a round; returns whether the training has to stop."""
        self._state.booster = booster
        self.recorder.epoch_end(rounds, metrics)
        return bool(self.recorder.stop_reason)
