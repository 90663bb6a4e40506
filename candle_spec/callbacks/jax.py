"""JAX, in a loop of one's own: the whole state is one tree (parameters, optax state, random keys).

>>> state = {"params": params, "opt_state": opt_state, "rng": key}                      # doctest: +SKIP
>>> with Checkpoints("out/ckpts", state) as checkpoints:                                # doctest: +SKIP
...     for epoch in checkpoints.epochs(20):
...         state = train_epoch(checkpoints.state)
...         checkpoints.update(state, val_loss=validate(state))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.adapter import Restored
from candle_spec.callbacks._recording.loop import Loop
from candle_spec.callbacks._recording.recorder import Recorder
from candle_spec.callbacks._recording.settings import DEFAULTS, Params, Settings
from candle_spec.callbacks._states.jax_state import JaxState
from candle_spec.checkpoint.checkpoint import Checkpoint

__all__ = ["Checkpoints", "restore"]


class Checkpoints(Loop):
    """The checkpoints of a training in JAX; use it as a context manager around the loop.

    Args:
        folder: Folder of the series; ``None``: as the policy says.
        state: The state at the beginning: a dictionary with ``params``, ``opt_state``, random keys, …, or a named
            tuple or dataclass of JAX with such members (Flax's ``TrainState``).
        data: The training's loader, if it has a state of its own.
        generators: Random generators of Python or NumPy that are used besides.
        params: When to save and what to keep: ``ckpt_*`` hyperparameters or a policy; by default, all epochs are saved.
        settings: See :class:`candle_spec.callbacks.Settings`.
    """

    def __init__(
        self,
        folder: str | Path | None,
        state: Any,
        *,
        data: Any = None,
        generators: Mapping[str, Any] | None = None,
        params: Params = None,
        settings: Settings = DEFAULTS,
    ) -> None:
        import jax

        self._state = JaxState(state, data, dict(generators or {}))
        known = settings.filled(rank=jax.process_index())
        super().__init__(Recorder.of(self._state, folder, params, known))

    @property
    def state(self) -> Any:
        """The newest state: the restored one behind a restart."""
        return self._state.state

    def update(self, state: Any, **metrics: float) -> None:
        """Give the state after an epoch or a step, and what was measured in this epoch."""
        self._state.state = state
        if metrics:
            self.log(**metrics)


def restore(checkpoint: str | Path | Checkpoint, state: Any, *, weights_only: bool = False) -> tuple[Any, Restored]:
    """Return a state like ``state`` with the values of a checkpoint, and what was restored.

    Raises:
        InvalidInputError: The checkpoint is of another state.
    """
    opened = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
    found = JaxState(state)
    restored = found.restore(opened, weights_only=weights_only)
    return found.state, restored
