"""LightGBM: a callback for ``lightgbm.train``; a round is an epoch.

>>> with checkpoint_callback("out/ckpts") as checkpoints:                                # doctest: +SKIP
...     booster = lightgbm.train(params, data, checkpoints.remaining(200), init_model=checkpoints.booster,
...                              valid_sets=[valid], callbacks=[checkpoints])
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.rounds import Rounds
from candle_spec.callbacks._recording.settings import DEFAULTS, Params, Settings
from candle_spec.callbacks._states.booster_state import BoosterState
from candle_spec.checkpoint.contents import Framework

__all__ = ["CheckpointCallback", "checkpoint_callback"]


class CheckpointCallback(Rounds):
    """Saves the booster as a series."""

    order = 100
    """Behind the callbacks that evaluate and stop: https://lightgbm.readthedocs.io (``callback.py``)."""
    before_iteration = False

    def __call__(self, env: Any) -> None:
        """Note a round.

        Raises:
            EarlyStopException: The training has to stop now: LightGBM's own way to say so.
        """
        import lightgbm

        metrics = {f"{row[0]}_{row[1]}": float(row[2]) for row in env.evaluation_result_list or ()}
        if self.record(env.model, env.iteration + 1, metrics):
            raise lightgbm.callback.EarlyStopException(env.iteration, env.evaluation_result_list or [])


def checkpoint_callback(
    folder: str | Path | None, *, params: Params = None, settings: Settings = DEFAULTS
) -> CheckpointCallback:
    """Return the callback.

    Args:
        folder: Folder of the series; ``None``: as the policy says.
        params: When to save and what to keep: ``ckpt_*`` hyperparameters or a policy; by default, all rounds are saved.
        settings: See :class:`candle_spec.callbacks.Settings`.
    """
    import lightgbm

    state = BoosterState(
        Framework("lightgbm", lightgbm.__version__),
        ("payload/model.txt", "text/plain"),
        lambda booster: booster.model_to_string(num_iteration=-1).encode("utf-8"),
        lambda data: lightgbm.Booster(model_str=data.decode("utf-8")),
    )
    return CheckpointCallback(state, Recorder.of(state, folder, params, settings))
