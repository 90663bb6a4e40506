"""What the callbacks of LightGBM and XGBoost share: rounds instead of epochs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.loop import policy_of
from candle_spec.callbacks._recording.recorder import Options, Recorder, Restart
from candle_spec.callbacks._states.booster_state import BoosterState
from candle_spec.series.policy.params import CheckpointPolicy
from candle_spec.series.store import RunIdentity


class Rounds:
    """Records a training round by round.

    Args:
        state: The booster.
        folder: Folder of the series; ``None``: as the policy says.
        params: A policy, or hyperparameters with ``ckpt_*`` keys; by default every round is saved.
        name: Name of the model in the manifest.
        model_description: What is true of the whole study.
        run: Who the run is, for workflows.
        rank: Number of this process.
        asynchronous: Whether to write in the background; the default is yes.
        say: Where the lines for people go; by default the standard error.
    """

    def __init__(
        self,
        state: BoosterState,
        folder: str | Path | None,
        *,
        params: CheckpointPolicy | Mapping[str, Any] | None = None,
        name: str = "",
        model_description: Mapping[str, Any] | None = None,
        run: RunIdentity | None = None,
        rank: int = 0,
        asynchronous: bool | None = None,
        say: Any = None,
    ) -> None:
        options = Options(folder, name, model_description, run, rank=rank, asynchronous=asynchronous, say=say)
        self._state = state
        self.recorder = Recorder(state, policy_of(params), options)

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
