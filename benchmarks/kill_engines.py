"""How each engine keeps a training's state, as its documentation shows it, and how its own restart finds it again.

A state is noise plus one number, the same in all tensors, 1 in the first checkpoint and 2 in the second: what a
restart gives is old, new, or a mix. Where an engine has no restart of its own (torch, safetensors, DCP), the newest
name that looks complete is taken.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

Arm = Callable[[], None]
SIDE = 128
TENSORS = 4


class Engine(Protocol):
    """One engine in one usage; frameworks are imported when it is made."""

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        """Save the state of that number; ``arm`` is called right before."""

    def found(self, folder: Path) -> set[float]:
        """Return all numbers in the state that a restart finds; none where it starts from nothing."""


def _noise(shape: Sequence[int], number: float) -> Any:
    """Multiples of 2**-20, so that adding a small number and taking it away is exact, and nothing compresses well."""
    import numpy as np

    steps = np.random.default_rng(0).integers(0, 1 << 20, math.prod(shape))
    return (number + steps / (1 << 20)).astype(np.float32).reshape(shape)


def _numbers(tensors: Iterable[Any]) -> set[float]:
    import numpy as np

    arrays = [np.asarray(tensor) for tensor in tensors]
    return {float(number) for array in arrays for number in np.unique(array - _noise(array.shape, 0))}


def _state(number: float) -> dict[str, Any]:
    import torch

    return {f"t{n}": torch.from_numpy(_noise((SIDE, SIDE), number)) for n in range(TENSORS)}


def _say_nothing(_: str) -> None:
    pass


class CandleSpec:
    """``Checkpoints`` around a loop."""

    def __init__(self) -> None:
        import rfc8785  # noqa: F401
        import torch._dynamo  # noqa: F401

        import candle_spec.callbacks.pytorch  # noqa: F401

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        from candle_spec.callbacks import Settings
        from candle_spec.callbacks.pytorch import Checkpoints

        model = _network()
        optimizer = _with_momentum(model)
        with Checkpoints(folder / "ckpts", model, optimizer, settings=Settings(say=_say_nothing)) as checkpoints:
            for epoch in checkpoints.epochs(number):
                _fill(model, optimizer, epoch + 1)
                arm()

    def found(self, folder: Path) -> set[float]:
        from candle_spec.callbacks import Settings
        from candle_spec.callbacks.pytorch import Checkpoints

        model = _network()
        optimizer = _with_momentum(model)
        with Checkpoints(folder / "ckpts", model, optimizer, settings=Settings(say=_say_nothing)) as checkpoints:
            for epoch in checkpoints.epochs(3):
                if epoch == 0:
                    return set()
                buffers = [optimizer.state[each]["momentum_buffer"] for each in model.parameters()]
                return _numbers([*(each.detach() for each in model.parameters()), *buffers])
        return set()


def _network() -> Any:
    import torch

    return torch.nn.Linear(SIDE, SIDE)


def _with_momentum(model: Any) -> Any:
    import torch

    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def _fill(model: Any, optimizer: Any, number: int) -> None:
    import torch

    with torch.no_grad():
        for each in model.parameters():
            each.copy_(torch.from_numpy(_noise(each.shape, number)))
            optimizer.state[each]["momentum_buffer"] = each.detach().clone()


class TorchSave:
    """``torch.save`` to one path."""

    def __init__(self) -> None:
        import torch  # noqa: F401

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        import torch

        arm()
        torch.save({"model": _state(number), "optimizer": _state(number)}, folder / "last.pt")

    def found(self, folder: Path) -> set[float]:
        import torch

        loaded = torch.load(folder / "last.pt")
        return _numbers([*loaded["model"].values(), *loaded["optimizer"].values()])


class Safetensors:
    """Model and optimizer in a file each."""

    def __init__(self) -> None:
        import safetensors.torch  # noqa: F401

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        from safetensors.torch import save_file

        arm()
        for name in ("model", "optimizer"):
            save_file(_state(number), folder / f"{name}.safetensors")

    def found(self, folder: Path) -> set[float]:
        from safetensors.torch import load_file

        files = [load_file(folder / f"{name}.safetensors") for name in ("model", "optimizer")]
        return _numbers(tensor for file in files for tensor in file.values())


class Dcp:
    """``torch.distributed.checkpoint``: into one folder, or into a folder for each step."""

    def __init__(self, *, steps: bool) -> None:
        import torch.distributed.checkpoint  # noqa: F401

        self._steps = steps

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        from torch.distributed.checkpoint.state_dict_saver import save

        name = f"step-{number}" if self._steps else "last"
        arm()
        save({"model": _state(number), "optimizer": _state(number)}, checkpoint_id=folder / name, no_dist=True)

    def found(self, folder: Path) -> set[float]:
        from torch.distributed.checkpoint.state_dict_loader import load

        whole = sorted(path.parent for path in folder.glob("*/.metadata"))
        if not whole:
            return set()
        into = {"model": _state(0), "optimizer": _state(0)}
        load(into, checkpoint_id=whole[-1], no_dist=True)
        return _numbers(tensor for part in into.values() for tensor in part.values())


class Lightning:
    """``TorchCheckpointIO``; the folder for temporary files on the same disk."""

    def __init__(self) -> None:
        import lightning.fabric.plugins.io.torch_io  # noqa: F401

    def _plugin(self, folder: Path) -> Any:
        from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

        (folder / "tmp").mkdir(exist_ok=True)
        tempfile.tempdir = str(folder / "tmp")
        return TorchCheckpointIO()

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        plugin = self._plugin(folder)
        arm()
        plugin.save_checkpoint({"model": _state(number), "optimizer": _state(number)}, folder / "last.ckpt")

    def found(self, folder: Path) -> set[float]:
        loaded = self._plugin(folder).load_checkpoint(folder / "last.ckpt")
        return _numbers([*loaded["model"].values(), *loaded["optimizer"].values()])


class Keras:
    """``BackupAndRestore``, as it comes."""

    def __init__(self) -> None:
        os.environ.setdefault("KERAS_BACKEND", "torch")
        import keras  # noqa: F401

    def _model(self, number: int) -> Any:
        import keras

        model = keras.Sequential([keras.Input((SIDE,)), keras.layers.Dense(SIDE), keras.layers.Dense(SIDE)])
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        for variable in self._variables(model):
            variable.assign(_noise(variable.shape, number))
        return model

    def _variables(self, model: Any) -> list[Any]:
        counters = ("iteration", "learning_rate")
        return [each for each in (*model.variables, *model.optimizer.variables) if each.name not in counters]

    def _callback(self, folder: Path, model: Any) -> Any:
        import keras

        callback = keras.callbacks.BackupAndRestore(folder / "backup")
        callback.set_model(model)
        return callback

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        model = self._model(number)
        callback = self._callback(folder, model)
        arm()
        callback.on_epoch_end(number - 1)

    def found(self, folder: Path) -> set[float]:
        import keras

        model = self._model(0)
        self._callback(folder, model).on_train_begin()
        numbers = _numbers(keras.ops.convert_to_numpy(each) for each in self._variables(model))
        return numbers - {0.0} if numbers == {0.0} else numbers | {float(model._initial_epoch)}


class Orbax:
    """``CheckpointManager``, synchronous."""

    def __init__(self) -> None:
        import orbax.checkpoint  # noqa: F401

    def _manager(self, folder: Path) -> Any:
        import orbax.checkpoint as ocp

        options = ocp.CheckpointManagerOptions(enable_async_checkpointing=False, max_to_keep=3)
        return ocp.CheckpointManager(folder / "orbax", options=options)

    def _tree(self, number: int) -> dict[str, Any]:
        import jax

        return {name: jax.numpy.asarray(_noise((SIDE, SIDE), number)) for name in ("t0", "t1", "m0", "m1")}

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        import orbax.checkpoint as ocp

        manager, tree = self._manager(folder), self._tree(number)
        arm()
        manager.save(number, args=ocp.args.StandardSave(tree))
        manager.wait_until_finished()

    def found(self, folder: Path) -> set[float]:
        import orbax.checkpoint as ocp

        manager = self._manager(folder)
        newest = manager.latest_step()
        if newest is None:
            return set()
        return _numbers(manager.restore(newest, args=ocp.args.StandardRestore(self._tree(0))).values())


class HuggingFace:
    """``Trainer`` with a checkpoint after each step; every weight grows by 1 in a step."""

    def __init__(self) -> None:
        import torch._dynamo  # noqa: F401
        from transformers import Trainer, logging  # noqa: F401

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]

    def _trainer(self, folder: Path, steps: int, callback: Any) -> Any:
        import torch
        from transformers import Trainer, TrainingArguments

        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = torch.nn.Parameter(torch.from_numpy(_noise((SIDE, SIDE), 0)))
                self.v = torch.nn.Parameter(torch.from_numpy(_noise((SIDE, SIDE), 0)))

            def forward(self, x: Any) -> Any:
                return {"loss": -(self.w.sum() + self.v.sum())}

        arguments: dict[str, Any] = {"per_device_train_batch_size": 1, "max_steps": steps, "save_steps": 1}
        arguments |= {"save_strategy": "steps", "report_to": [], "optim": "sgd", "learning_rate": 1.0}
        arguments |= {"lr_scheduler_type": "constant", "disable_tqdm": True, "logging_strategy": "no"}
        arguments |= {"max_grad_norm": 0.0, "use_cpu": True}
        data: Any = [{"x": torch.zeros(1)} for _ in range(8)]
        return Trainer(
            Net(), TrainingArguments(str(folder / "out"), **arguments), train_dataset=data, callbacks=[callback]
        )

    def save(self, folder: Path, number: int, arm: Arm) -> None:
        from transformers import TrainerCallback

        class Arming(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if state.global_step == number:
                    arm()

        self._trainer(folder, number, Arming()).train(resume_from_checkpoint=number > 1)

    def found(self, folder: Path) -> set[float]:
        from transformers import TrainerCallback

        seen: set[float] = set()

        class Looking(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
                seen.update(_numbers(each.detach() for each in model.parameters()))
                seen.add(float(state.global_step))
                control.should_training_stop = True

        self._trainer(folder, 3, Looking()).train(resume_from_checkpoint=True)
        return seen


ENGINES: dict[str, Callable[[], Engine]] = {
    "candle-spec": CandleSpec,
    "torch.save": TorchSave,
    "safetensors": Safetensors,
    "DCP": lambda: Dcp(steps=True),
    "DCP, into one folder": lambda: Dcp(steps=False),
    "Lightning": Lightning,
    "Keras": Keras,
    "Orbax": Orbax,
    "HF Trainer": HuggingFace,
}
"""To add an engine: one class and its line; the name is that of ``engine_peers.PEERS``, perhaps with a usage."""
