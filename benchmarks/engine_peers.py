"""How each engine saves one state to a new folder, durably or as it comes; those that are not installed are left out.

Run as ``python -m benchmarks.engine_peers FOLDER MEGABYTES ROUNDS``: one process, all engines in random order in each
round, the state changed in between; prints seconds as JSON: ``{name: [seconds of each round]}``.
"""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

RAW = "raw: fallocate, write, fsync"
OURS = "candle-spec"
DURABLE = " + fsync"
PIECE = 8 << 20

Save = Callable[[Path], object]


def layers(megabytes: int) -> dict[str, Any]:
    """Return a state of that size: square matrices of 4 MB, of 1 MB below 50 MB."""
    import torch

    side = 1024 if megabytes >= 50 else 512
    count = max(1, megabytes * 1_000_000 // (4 * side * side))
    generator = torch.Generator().manual_seed(0)
    return {f"layer{n}.weight": torch.randn(side, side, generator=generator) for n in range(count)}


def sync_tree(path: Path) -> None:
    """Make a file or a folder, all below it and its own name durable."""
    for folder, _, names in os.walk(path) if path.is_dir() else [(path.parent, (), [path.name])]:
        for name in (*names, "."):
            _sync(Path(folder, name))
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def raw(state: dict[str, Any]) -> Save:
    size = sum(tensor.nbytes for tensor in state.values())

    def save(folder: Path) -> None:
        descriptor = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.posix_fallocate(descriptor, 0, size)
        for tensor in state.values():
            view = memoryview(tensor.numpy()).cast("B")
            while len(view):
                view = view[os.write(descriptor, view[:PIECE]) :]
        os.fsync(descriptor)
        os.close(descriptor)
        _sync(folder)

    return save


def torch_save(state: dict[str, Any]) -> Save:
    import torch

    return lambda folder: torch.save(state, folder / "m.pt")


def safetensors(state: dict[str, Any]) -> Save:
    import safetensors.torch

    return lambda folder: safetensors.torch.save_file(state, folder / "m.safetensors")


def dcp(state: dict[str, Any]) -> Save:
    from torch.distributed.checkpoint.state_dict_saver import save

    return lambda folder: save({"model": state}, checkpoint_id=str(folder / "dcp"), no_dist=True)


def lightning(state: dict[str, Any]) -> Save:
    from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

    plugin = TorchCheckpointIO()
    return lambda folder: plugin.save_checkpoint({"state_dict": state}, folder / "m.ckpt")


def keras(state: dict[str, Any]) -> Save:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    class Holder(keras.layers.Layer):  # type: ignore[misc]
        def build(self, _: object) -> None:
            for name, tensor in state.items():
                self.add_weight(shape=tuple(tensor.shape), name=name.replace(".", "_"))

        def call(self, x: Any) -> Any:
            return x

    model = keras.Sequential([keras.Input((1,)), Holder()])
    return lambda folder: model.save_weights(folder / "m.weights.h5")


def orbax(state: dict[str, Any]) -> Save:
    import orbax.checkpoint as ocp

    checkpointer = ocp.PyTreeCheckpointer()
    tree = {name: tensor.numpy() for name, tensor in state.items()}
    return lambda folder: checkpointer.save(folder / "orbax", tree)


def trainer(state: dict[str, Any]) -> Save:
    import torch
    from transformers import Trainer, TrainingArguments

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, tensor in state.items():
                self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(tensor, requires_grad=False))

    def save(folder: Path) -> None:
        made.args.output_dir = str(folder)
        made._save_checkpoint(net, None)

    arguments: dict[str, Any] = {"save_only_model": True, "report_to": [], "use_cpu": True, "disable_tqdm": True}
    net = Net()
    made = Trainer(net, TrainingArguments("unused", **arguments))
    return save


class CandleSpec:
    """One series; every round is an epoch, and nothing in it can be shared, because every tensor changed."""

    def __init__(self, state: dict[str, Any], folder: Path) -> None:
        from candle_spec.series.series import Series

        self._series = Series.create_or_open(folder)
        self._state = state
        self._epoch = 0

    def __call__(self, _: Path) -> None:
        self._epoch += 1
        self._series.save(state_of(self._state, self._epoch))

    def clean(self) -> None:
        """Remove what was saved before, outside the measured time, as the others' folders are."""
        self._series.prune([self._epoch])


def state_of(state: dict[str, Any], epoch: int, frozen: Collection[str] = ()) -> Any:
    """Return what a callback would give to the series: it names the tensors that no gradient reaches."""
    from candle_spec.callbacks._states.structure import capture
    from candle_spec.callbacks._states.torch_state import leaf_of
    from candle_spec.checkpoint.contents import Contents, Framework
    from candle_spec.series.saves.training_state import TrainingState

    captured = capture({"model_state_dict": state}, leaf_of)
    contents = Contents(Framework("pytorch"), captured.groups, captured.tensors, captured.state)
    group = captured.groups[0].id
    return TrainingState(epoch, contents, stable=frozenset((group, name) for name in frozen))


PEERS: dict[str, Callable[[dict[str, Any]], Save]] = {
    RAW: raw,
    "torch.save": torch_save,
    "safetensors": safetensors,
    "DCP": dcp,
    "Lightning": lightning,
    "Keras": keras,
    "Orbax": orbax,
    "HF Trainer": trainer,
}
"""To add an engine: one function and its line. Each is measured with all made durable behind it, and as it comes."""


def measure(work: Path, megabytes: int, rounds: int) -> dict[str, list[float]]:
    """Measure all engines in every round."""
    state = layers(megabytes)
    own = CandleSpec(state, work / "series")
    engines: dict[str, Save] = {OURS: own}
    for name, make in PEERS.items():
        try:
            save = make(state)
        except ImportError:
            continue
        engines[name] = save
        if name != RAW:
            engines[name + DURABLE] = _durable(save)
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    order = random.Random(megabytes)
    for number in range(rounds + 1):
        names = list(engines)
        order.shuffle(names)
        for name in names:
            spent = _once(engines[name], state, work / "one")
            own.clean()
            if number:  # the first round warms up what each engine prepares
                seconds[name].append(spent)
    return seconds


def _durable(save: Save) -> Save:
    def both(folder: Path) -> None:
        save(folder)
        sync_tree(folder)

    return both


def _once(save: Save, state: dict[str, Any], folder: Path) -> float:
    folder.mkdir()
    for tensor in state.values():
        tensor.add_(1)
    os.sync()
    begun = time.perf_counter()
    save(folder)
    spent = time.perf_counter() - begun
    shutil.rmtree(folder)
    return spent


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
