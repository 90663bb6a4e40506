"""CANDLE's checkpoint class for PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_spec.callbacks._recording.adapter import Adapter
from candle_spec.callbacks._states.torch_state import TorchState
from candle_spec.candle.checkpoints.back_end import BackEnd
from candle_spec.candle.checkpoints.base import CandleCkpt
from candle_spec.candle.checkpoints.native_file import converted
from candle_spec.errors import InvalidInputError

_PARTS = ("model", "optimizer", "scheduler", "scaler", "ema", "data", "generators")


class CandleCkptPyTorch(CandleCkpt):
    """Checkpoints of a training in PyTorch.

    >>> ckpt = CandleCkptPyTorch(params)                                     # doctest: +SKIP
    >>> ckpt.set_model({"model": model, "optimizer": optimizer})
    >>> J = ckpt.restart(model)
    >>> for epoch in range(J["epoch"] if J else 0, params["epochs"]):
    ...     ckpt.ckpt_epoch(epoch, train_loss)
    """

    def set_model(self, model: Any, optimizer: Any = None, **more: Any) -> None:
        """Name the objects that are saved and restored.

        Args:
            model: The module, or a dictionary with ``model``, ``optimizer`` and, if there are any, ``scheduler``,
                ``scaler``, ``ema``, ``data`` (the loader), ``generators``.
            optimizer: The optimizer.
            **more: The others by name.

        Raises:
            InvalidInputError: A name is none of them, or there is no model.
        """
        objects = dict(model) if isinstance(model, Mapping) else {"model": model}
        objects |= {name: part for name, part in {"optimizer": optimizer, **more}.items() if part is not None}
        unknown = sorted(objects.keys() - set(_PARTS))
        if unknown or objects.get("model") is None:
            raise InvalidInputError(
                f"set_model: {', '.join(unknown)} is unknown" if unknown else "set_model: there is no model",
                hint=f"the parts are {', '.join(_PARTS)}",
            )
        super().set_model(objects)

    def ckpt_epoch(  # type: ignore[override]  # as in CANDLE, the order differs from the base class
        self, epoch: int, metric_value: Any = None, direction: str = "", **metrics: Any
    ) -> bool:
        """Note the end of an epoch, and save if the hyperparameters say so.

        Args:
            epoch: Number of the epoch, from 0.
            metric_value: Value of ``ckpt_save_best_metric``.
            direction: ``+`` or ``-`` where the name of the metric does not say which way it improves.
            **metrics: Further values of this epoch by name.
        """
        return super().ckpt_epoch(epoch, direction, metric_value, **metrics)

    def make_back_end(self) -> BackEnd:
        """See :class:`CandleCkpt`."""
        return TorchBackEnd()


class TorchBackEnd:
    """PyTorch, for CANDLE's class (:class:`candle_spec.candle.checkpoints.back_end.BackEnd`)."""

    def state(self, objects: Any) -> Adapter:
        """See :class:`candle_spec.candle.checkpoints.back_end.BackEnd`."""
        return TorchState(**objects)

    def write(self, objects: Any, path: Path, epoch: int) -> None:
        """Write a dictionary as CANDLE saves it."""
        import torch

        optimizer = objects.get("optimizer")
        state = {"epoch": epoch, "model_state_dict": objects["model"].state_dict()}
        state["optimizer_state_dict"] = optimizer.state_dict() if optimizer is not None else {}
        torch.save({**state, "loss": 0}, path)

    def read(self, objects: Any, path: Path) -> str:
        """Restore the objects from a file that its converter reads: no pickle of it is run."""
        with converted(path) as checkpoint:
            return TorchState(**objects).restore(checkpoint).text()

    def rank(self) -> int:
        """See :class:`candle_spec.candle.checkpoints.back_end.BackEnd`."""
        distributed = getattr(sys.modules.get("torch"), "distributed", None)
        ready = distributed is not None and distributed.is_available() and distributed.is_initialized()
        return int(distributed.get_rank()) if distributed is not None and ready else 0
