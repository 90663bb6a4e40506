"""Memory and time of converting a large file of every family that streams, beside the framework's own load and save."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Row, Subject, alternate


@dataclass(frozen=True)
class Family:
    """How to write a large native file, and how its framework loads it and saves it as safetensors.

    Attributes:
        name: What the row is called.
        native: The file or folder that is converted, in the working folder.
        make: Python that writes it: ``layers()`` yields names and arrays of 100 MB, one at a time.
        load: Python that gives ``tensors``, a dictionary of NumPy arrays, by the framework's own loader.
    """

    name: str
    native: str
    make: str
    load: str


_LAYERS = """
import os, sys, numpy as np
folder, count = sys.argv[1], int(sys.argv[2])
def layers():
    random = np.random.default_rng(0)
    for number in range(count):
        yield f"layer{number}", random.random((5000, 5000), dtype="f4")
"""

_SAVE = """
import safetensors.numpy
safetensors.numpy.save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, sys.argv[3])
"""

FAMILIES = (
    Family(
        "Keras HDF5",
        "m.h5",
        """
import h5py
with h5py.File(f"{folder}/m.h5", "w") as file:
    file.attrs["layer_names"] = np.array([f"layer{n}".encode() for n in range(count)])
    for name, array in layers():
        group = file.create_group(name)
        group.attrs["weight_names"] = np.array([b"kernel:0"])
        group["kernel:0"] = array
""",
        """
import h5py
with h5py.File(f"{folder}/m.h5") as file:
    tensors = {name: file[name]["kernel:0"][()] for name in file}
""",
    ),
    Family(
        "safetensors",
        "m.safetensors",
        "import safetensors.numpy\nsafetensors.numpy.save_file(dict(layers()), f'{folder}/m.safetensors')\n",
        "import safetensors.numpy\ntensors = safetensors.numpy.load_file(f'{folder}/m.safetensors')\n",
    ),
    Family(
        "npz",
        "m.npz",
        "np.savez(f'{folder}/m.npz', **dict(layers()))\n",
        "with np.load(f'{folder}/m.npz') as file:\n    tensors = {name: file[name] for name in file.files}\n",
    ),
    Family(
        "TensorFlow bundle",
        "bundle",
        """
import tensorflow as tf
module = tf.Module()
module.all = [tf.Variable(array, name=name) for name, array in layers()]
os.mkdir(f"{folder}/bundle")
tf.train.Checkpoint(module=module).write(f"{folder}/bundle/m")
""",
        """
import tensorflow as tf
reader = tf.train.load_checkpoint(f"{folder}/bundle/m")
names = [name for name in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in name]
tensors = {name.replace("/", "."): reader.get_tensor(name) for name in names if reader.get_tensor(name).ndim}
""",
    ),
    Family(
        "Flax msgpack",
        "m.msgpack",
        """
from flax import serialization
open(f"{folder}/m.msgpack", "wb").write(serialization.to_bytes({"params": dict(layers())}))
""",
        """
from flax import serialization
tensors = serialization.msgpack_restore(open(f"{folder}/m.msgpack", "rb").read())["params"]
""",
    ),
    Family(
        "PyTorch distributed",
        "dcp",
        """
import torch, torch.distributed.checkpoint as dcp
dcp.save({name: torch.from_numpy(array) for name, array in layers()}, checkpoint_id=f"{folder}/dcp")
""",
        """
import torch, torch.distributed.checkpoint as dcp
tensors = {f"layer{n}": torch.empty(5000, 5000) for n in range(count)}
dcp.load(tensors, checkpoint_id=f"{folder}/dcp")
tensors = {name: tensor.numpy() for name, tensor in tensors.items()}
""",
    ),
    Family(
        "PyTorch exported program",
        "m.pt2",
        """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name, array in layers():
            self.register_buffer(name, torch.from_numpy(array))
    def forward(self, x):
        return x + sum(getattr(self, f"layer{n}")[0, 0] for n in range(count))
torch.export.save(torch.export.export(Net(), (torch.ones(1),)), f"{folder}/m.pt2")
""",
        """
import torch
tensors = {name: t.numpy() for name, t in torch.export.load(f"{folder}/m.pt2").state_dict.items()}
""",
    ),
    Family(
        "joblib",
        "m.joblib",
        "import joblib\njoblib.dump(dict(layers()), f'{folder}/m.joblib')\n",
        "import joblib\ntensors = joblib.load(f'{folder}/m.joblib')\n",
    ),
    Family(
        "ONNX, external data",
        "onnx",
        """
import onnx
from onnx import TensorProto, helper, numpy_helper
os.mkdir(f"{folder}/onnx")
weights = [numpy_helper.from_array(array, name) for name, array in layers()]
value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
node = helper.make_node("Identity", ["x"], ["y"])
output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
model = helper.make_model(helper.make_graph([node], "g", [value], [output], weights))
onnx.save(model, f"{folder}/onnx/m.onnx", save_as_external_data=True, location="m.data")
""",
        """
import onnx
from onnx import numpy_helper
model = onnx.load(f"{folder}/onnx/m.onnx")
tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
""",
    ),
)
"""To add a family: one entry. Converting it must stay within the memory budget. Orbax is none of them: its chunks, each
mostly a whole array, are packed, and one is unpacked at a time."""


def rows(folder: Path, megabytes: int, rounds: int) -> list[Row]:
    """Measure each family; its file is removed before the next one is made."""
    found: list[Row] = []
    for family in FAMILIES:
        work = folder / "family"
        work.mkdir()
        found.append(_row(family, work, megabytes, rounds))
        shutil.rmtree(work)
    return found


def _row(family: Family, work: Path, megabytes: int, rounds: int) -> Row:
    arguments = [str(work), str(megabytes // 100), str(work / "peer.safetensors")]
    subprocess.run([sys.executable, "-c", _LAYERS + family.make, *arguments], check=True, capture_output=True)
    native, common = work / family.native, work / "m.candle"
    command = [sys.executable, "-m", "candle_spec"]

    def clean() -> None:
        shutil.rmtree(common, ignore_errors=True)
        (work / "peer.safetensors").unlink(missing_ok=True)

    convert = Subject("convert", [*command, "convert", "-q", str(native), str(common)], clean)
    idle = Subject("inspect", [*command, "inspect", str(native)])
    own = Subject("own loader + safetensors", [sys.executable, "-c", _LAYERS + family.load + _SAVE, *arguments], clean)
    alternate([own, idle, convert], rounds)
    extra = convert.memory - idle.memory
    return Row(
        f"convert {megabytes / 1000:.1f} GB: {family.name}",
        f"{convert.seconds:.2f} s, {convert.memory:.0f} MB",
        f"{own.name}: {own.seconds:.2f} s, {own.memory:.0f} MB; inspect: {idle.memory:.0f} MB",
        f"{extra:.0f} MB more than inspect",
        "≤ 64 MB more",
        extra <= 64,
    )
