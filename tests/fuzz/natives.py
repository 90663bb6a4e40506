"""Small native checkpoints of every family, made by the frameworks themselves, and a reader that looks at all of one.

To add a family: one row in ``NATIVES``, the file that is damaged and a function that writes the checkpoint.
"""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from candle_spec.conversion.native import read_native
from tests.fuzz import folders

Writer = Callable[[Path], None]

_ARRAY = np.arange(24, dtype="f4").reshape(4, 6)


def _torch(folder: Path, **options: Any) -> None:
    import torch

    shared = torch.from_numpy(_ARRAY.copy())
    torch.save({"model": {"a": shared, "b": shared[1:], "c": shared.t()}, "epoch": 3}, folder / "m", **options)


def _keras(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "m", "w") as file:
        file.attrs["layer_names"] = np.array([b"dense"])
        layer = file.create_group("dense")
        layer.attrs["weight_names"] = np.array([b"dense/kernel:0"])
        layer["dense/kernel:0"] = _ARRAY


def _onnx(folder: Path) -> None:
    import onnx
    from onnx import helper, numpy_helper

    weights = [numpy_helper.from_array(_ARRAY, "w"), helper.make_tensor("h", onnx.TensorProto.FLOAT16, [2], [1.0, 2.0])]
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 4])
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 6])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [value], [output], weights)
    onnx.save(helper.make_model(graph), folder / "m")


def _bundle(folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(_ARRAY, name="kernel")
    module.names = tf.Variable(["a", "bc"], name="names")
    tf.train.Checkpoint(module=module).write(str(folder / "m"))


def _saved_model(folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(_ARRAY, name="kernel")
    module.__call__ = tf.function(lambda x: x @ module.kernel + tf.constant(_ARRAY[0]), [tf.TensorSpec((None, 4))])
    tf.saved_model.save(module, str(folder))


def _frozen(folder: Path) -> None:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.constant(_ARRAY, name="w") @ tf.ones((6, 2), name="ones")
        (folder / "m").write_bytes(graph.as_graph_def().SerializeToString())


def _flax(folder: Path) -> None:
    import flax.serialization

    state = {"params": {"dense": {"kernel": _ARRAY, "bias": np.ones(3)}}, "step": 3, "opt_state": {"0": {}}}
    (folder / "m").write_bytes(flax.serialization.to_bytes(state))


def _equinox(folder: Path) -> None:
    with (folder / "m").open("wb") as file:
        for array in (_ARRAY, np.ones(3), np.asfortranarray(_ARRAY)):
            np.save(file, array)


def _lightgbm(folder: Path) -> None:
    import lightgbm

    data = lightgbm.Dataset(np.random.default_rng(0).normal(size=(80, 3)), np.arange(80.0))
    lightgbm.train({"verbose": -1, "num_leaves": 4}, data, 3).save_model(str(folder / "m"))


def _booster() -> Any:
    import xgboost

    data = xgboost.DMatrix(np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0))
    return xgboost.train({"max_depth": 2}, data, 2)


def _xgboost(folder: Path, ending: str) -> None:
    (folder / "m").write_bytes(_booster().save_raw(ending))


def _forest() -> Any:
    import sklearn.ensemble

    random = np.random.default_rng(0)
    return sklearn.ensemble.RandomForestClassifier(2, max_depth=2).fit(random.normal(size=(30, 3)), np.arange(30) % 2)


def _joblib(folder: Path, compress: int = 0) -> None:
    import joblib

    joblib.dump(
        {"forest": _forest(), "object": np.array([1, "a", None], dtype=object)}, folder / "m", compress=compress
    )


def _skops(folder: Path) -> None:
    import skops.io

    skops.io.dump(_forest(), folder / "m")


def _tar(folder: Path) -> None:
    import tarfile

    _torch(folder)
    (folder / "m").rename(folder / "model.pt")
    with tarfile.open(folder / "m", "w:gz") as archive:
        archive.add(folder / "model.pt", "model.pt")
    (folder / "model.pt").unlink()


def _candle(folder: Path) -> None:
    _torch(folder)
    (folder / "m").rename(folder / "model.h5")
    (folder / "ckpt-info.json").write_text(json.dumps({"epoch": 3, "model_file": "model.h5", "checksum": "1"}))
    (folder / "final_params.txt").write_text("{'a': [1, 2.5], 'b': <class 'int'>, 'c': (None, 'x')}")


def _distributed(folder: Path) -> None:
    import torch
    import torch.distributed.checkpoint as dcp

    dcp.save({"model": {"a": torch.ones(8, 4), "n": 3}}, checkpoint_id=folder)


def _export(folder: Path) -> None:
    import torch

    exported = torch.export.export(torch.nn.Linear(4, 2), (torch.ones(1, 4),))
    torch.export.save(exported, folder / "m.pt2")
    (folder / "m.pt2").rename(folder / "m")


NATIVES: dict[str, tuple[str, Writer]] = {
    "torch-zip": ("m", _torch),
    "torch-legacy": ("m", lambda folder: _torch(folder, _use_new_zipfile_serialization=False)),
    "torch-export": ("m", _export),
    "torch-distributed": (".metadata", _distributed),
    "torchscript": ("m", folders.torchscript),
    "keras": ("m", _keras),
    "keras-archive": ("m", folders.keras_archive),
    "onnx": ("m", _onnx),
    "tensorflow-index": ("m.index", _bundle),
    "saved-model": ("saved_model.pb", _saved_model),
    "frozen-graph": ("m", _frozen),
    "tensorflow-version-1": ("drug.ckpt", folders.first_version),
    "tflite": ("m", folders.tflite),
    "coreml": ("Manifest.json", folders.coreml),
    "coreml-weights": ("Data/com.apple.CoreML/weights/weight.bin", folders.coreml),
    "orbax": ("m/_METADATA", folders.orbax),
    "flax": ("m", _flax),
    "equinox": ("m", _equinox),
    "npz": ("m", lambda folder: np.savez((folder / "m").open("wb"), a=_ARRAY, b=_ARRAY.T, c=np.array(["x", "yz"]))),
    "lightgbm": ("m", _lightgbm),
    "xgboost-json": ("m", lambda folder: _xgboost(folder, "json")),
    "xgboost-ubj": ("m", lambda folder: _xgboost(folder, "ubj")),
    "xgboost-pickle": ("m", lambda folder: (folder / "m").write_bytes(pickle.dumps(_booster())) and None),
    "pickle": ("m", lambda folder: (folder / "m").write_bytes(pickle.dumps(_forest())) and None),
    "joblib": ("m", _joblib),
    "joblib-zlib": ("m", lambda folder: _joblib(folder, 3)),
    "skops": ("m", _skops),
    "tar-gz": ("m", _tar),
    "zip-archive": ("m", folders.packed),
    "safetensors-index": ("model.safetensors.index.json", folders.shards),
    "huggingface-config": ("config.json", folders.huggingface),
    "huggingface-card": ("README.md", folders.card),
    "monai": ("configs/metadata.json", folders.monai),
    "mlflow": ("MLmodel", folders.mlflow),
    "bioimageio": ("bioimageio.yaml", folders.bioimageio),
    "improve-settings": ("param_log_file.txt", folders.improve),
    "improve-scores": ("val_scores.json", folders.improve),
    "candle-note": ("ckpt-info.json", _candle),
    "candle-settings": ("final_params.txt", _candle),
}
"""Family -> the file that is damaged, and who writes the checkpoint."""

_made: dict[str, tempfile.TemporaryDirectory[str]] = {}
_sound: dict[str, bytes] = {}


def _folder(name: str) -> Path:
    """Return the folder of a family's checkpoint, written once."""
    if name not in _made:
        _made[name] = tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-")
        NATIVES[name][1](Path(_made[name].name))
        _sound[name] = (Path(_made[name].name) / NATIVES[name][0]).read_bytes()
    return Path(_made[name].name)


def seeds(name: str) -> list[bytes]:
    """Return the sound bytes of the file that is damaged."""
    _folder(name)
    return [_sound[name]]


def reader(name: str) -> Callable[[bytes, Path], object]:
    """Return a function that reads a whole checkpoint of a family, one file of it replaced by the given bytes."""

    def read(data: bytes, _: Path) -> None:
        folder = _folder(name)
        damaged = folder / NATIVES[name][0]
        damaged.write_bytes(data)
        several = len([path for path in folder.rglob("*") if path.is_file()]) > 1
        native, _detection = read_native(folder if several else damaged)
        with native.resources:
            for tensor in native.tensors:
                for part in tensor.parts.values():
                    assert sum(len(block) for block in part.data.blocks()) == part.data.size
            for check in native.checks:
                check()

    return read
