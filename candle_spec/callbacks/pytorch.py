"""PyTorch, in a loop of one's own.

>>> with Checkpoints("out/ckpts", model, optimizer, scheduler=schedule, data=loader) as checkpoints:  # doctest: +SKIP
...     for epoch in checkpoints.epochs(20):
...         for batch in loader:
...             train(batch)
...         checkpoints.log(val_loss=validate())

Started again, the loop goes on behind the last completed epoch, bit for bit as it would have without the interruption
(on the same machine with deterministic operations, if all that is random is seeded through the given objects).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.adapter import Restored
from candle_spec.callbacks._recording.loop import Loop
from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.settings import DEFAULTS, Params, Settings
from candle_spec.callbacks._recording.team import TeamRecorder, TorchTeam
from candle_spec.callbacks._states.torch_state import TorchState
from candle_spec.callbacks._states.torch_team import TorchTeamState
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.errors import InvalidInputError

__all__ = ["Checkpoints", "restore"]


class Checkpoints(Loop):
    """The checkpoints of a training in PyTorch; use it as a context manager around the loop.

    Args:
        folder: Folder of the series; ``None``: as the policy says.
        model: The module, or modules by name.
        optimizer: The optimizer, or optimizers by name.
        scheduler: The learning-rate schedule, or several by name.
        scaler: The ``GradScaler`` of mixed precision.
        ema: An average of the weights: a module, or anything with ``state_dict``.
        data: The loader or sampler that orders the training data, or several.
        generators: Further random generators by name.
        params: When to save and what to keep: ``ckpt_*`` hyperparameters or a policy; by default, all epochs are saved.
        settings: See :class:`candle_spec.callbacks.Settings`.
    """

    def __init__(
        self,
        folder: str | Path | None,
        model: Any,
        optimizer: Any = None,
        *,
        scheduler: Any = None,
        scaler: Any = None,
        ema: Any = None,
        data: Any = None,
        generators: Mapping[str, Any] | None = None,
        params: Params = None,
        settings: Settings = DEFAULTS,
    ) -> None:
        known = settings.filled(name=_class_name(model), rank=distributed_rank())
        if settings.rank is None and distributed_size() > 1:
            if isinstance(model, Mapping) or ema is not None or generators:
                raise InvalidInputError("several models, an average or further generators need a single process")
            team = TorchTeam()
            shared = TorchTeamState(team, model, optimizer, scheduler, scaler, data)
            super().__init__(TeamRecorder.of(shared, folder, params, known, team=team))
        else:
            state = TorchState(model, optimizer, scheduler, scaler, ema, data, dict(generators or {}))
            super().__init__(Recorder.of(state, folder, params, known))


def restore(checkpoint: str | Path | Checkpoint, model: Any, optimizer: Any = None, **more: Any) -> Restored:
    """Put a checkpoint into live objects, without a training: weights alone, or the parts that are given.

    Args:
        checkpoint: The checkpoint.
        model: The module.
        optimizer: The optimizer; ``None`` and nothing in ``more``: only the weights are restored.
        more: ``scheduler``, ``scaler``, ``ema``, ``data``, ``generators``.

    Raises:
        InvalidInputError: The checkpoint is of another model; nothing was changed.
    """
    opened = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
    state = TorchState(model, optimizer, **more)
    return state.restore(opened, weights_only=optimizer is None and not more)


def distributed_rank() -> int:
    """Return the rank of this process in ``torch.distributed``, 0 where it is alone."""
    import torch.distributed as distributed

    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0


def distributed_size() -> int:
    """Return the number of processes of ``torch.distributed``, 1 where this one is alone."""
    import torch.distributed as distributed

    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _class_name(model: Any) -> str:
    from candle_spec.callbacks._states.torch_model import unwrapped

    found = type(unwrapped(model)).__name__
    return "" if isinstance(model, Mapping) or found in ("Sequential", "Module") else found
