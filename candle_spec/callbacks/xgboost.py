"""XGBoost: a callback for ``xgboost.train``; a round is an epoch.

>>> with checkpoint_callback("out/ckpts") as checkpoints:                                # doctest: +SKIP
...     booster = xgboost.train(params, data, checkpoints.remaining(200), xgb_model=checkpoints.booster,
...                             evals=[(valid, "val")], callbacks=[checkpoints])
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.rounds import Rounds
from candle_spec.callbacks._recording.settings import DEFAULTS, Params, Settings
from candle_spec.callbacks._states.booster_state import BoosterState
from candle_spec.checkpoint.contents import Framework

__all__ = ["checkpoint_callback"]


@cache
def _callback_class() -> Any:
    """XGBoost asks for a class of its own."""
    import xgboost

    class CheckpointCallback(Rounds, xgboost.callback.TrainingCallback):
        """Saves the booster as a series."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Any]]) -> bool:
            """Note a round; XGBoost stops where this is true."""
            newest = {
                f"{data}_{metric}": float(values[-1][0] if isinstance(values[-1], tuple) else values[-1])
                for data, rows in evals_log.items()
                for metric, values in rows.items()
                if values
            }
            return self.record(model, model.num_boosted_rounds(), newest)

    return CheckpointCallback


def checkpoint_callback(folder: str | Path | None, *, params: Params = None, settings: Settings = DEFAULTS) -> Any:
    """Return the callback.

    Args:
        folder: Folder of the series; ``None``: as the policy says.
        params: When to save and what to keep: ``ckpt_*`` hyperparameters or a policy; by default, all rounds are saved.
        settings: See :class:`candle_spec.callbacks.Settings`.
    """
    import xgboost

    state = BoosterState(
        Framework("xgboost", xgboost.__version__),
        ("payload/model.ubj", "application/ubjson"),
        lambda booster: bytes(booster.save_raw("ubj")),
        lambda data: xgboost.Booster(model_file=bytearray(data)),
    )
    return _callback_class()(state, Recorder.of(state, folder, params, settings))
