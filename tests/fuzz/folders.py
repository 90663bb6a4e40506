"""Folders and archives around a model, and models whose file is the payload: small ones, to be damaged."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_ARRAY = np.arange(24, dtype="f4").reshape(4, 6)


def _weights(path: Path) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"w": torch.from_numpy(_ARRAY.copy())}, path)


def _safetensors(path: Path, **arrays: Any) -> None:
    import safetensors.numpy

    safetensors.numpy.save_file(arrays or {"w": _ARRAY}, path, {"format": "pt"})


def huggingface(folder: Path) -> None:
    _safetensors(folder / "model.safetensors")
    (folder / "config.json").write_text(
        '{"architectures": ["Bert"], "model_type": "bert", "id2label": {"0": "normal"}, "transformers_version": "4.41"}'
    )


def card(folder: Path) -> None:
    huggingface(folder)
    (folder / "README.md").write_text(
        "---\nlicense: mit\ntags: [a, on]\nmodel-index:\n- name: M\n  results:\n  - task: {type: t}\n"
        "    dataset: {name: d, type: d}\n    metrics:\n    - {type: accuracy, value: 0.9}\n---\n# M\n\nText.\n"
    )


def shards(folder: Path) -> None:
    _safetensors(folder / "model-00001-of-00002.safetensors", a=_ARRAY)
    _safetensors(folder / "model-00002-of-00002.safetensors", b=_ARRAY)
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = {"metadata": {"total_size": 2 * _ARRAY.nbytes}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def monai(folder: Path) -> None:
    _weights(folder / "models" / "model.pt")
    image = {"type": "image", "num_channels": 1, "spatial_shape": [96, "16*n", "*"], "channel_def": {"0": "image"}}
    about = {
        "version": "0.5.6",
        "monai_version": "1.4.0",
        "authors": "A. Lovelace",
        "eval_metrics": {"mean_dice": 0.9},
        "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": image}},
    }
    (folder / "configs").mkdir()
    (folder / "configs" / "metadata.json").write_text(json.dumps(about))


def mlflow(folder: Path) -> None:
    _weights(folder / "data" / "model.pth")
    (folder / "MLmodel").write_text(
        "flavors:\n  pytorch:\n    model_data: data\n    pytorch_version: 2.13.0\nmlflow_version: 3.17.2\n"
        'signature:\n  inputs: \'[{"type": "double", "name": "a"}]\'\nutc_time_created: "2026-11-24 15:03:20"\n'
    )


def bioimageio(folder: Path) -> None:
    _weights(folder / "weights.pt")
    axes = [{"type": "batch"}, {"type": "channel", "channel_names": ["a"]}, {"type": "space", "id": "x", "size": 16}]
    about = {
        "format_version": "0.5.4",
        "type": "model",
        "name": "UNet",
        "authors": [{"name": "A. Lovelace"}],
        "inputs": [{"id": "raw", "axes": axes, "test_tensor": {"source": "in.npy"}, "data": {"type": "float32"}}],
        "outputs": [{"id": "mask", "axes": axes, "test_tensor": {"source": "out.npy"}}],
        "weights": {"pytorch_state_dict": {"source": "weights.pt", "pytorch_version": "2.4"}},
    }
    (folder / "bioimageio.yaml").write_text(json.dumps(about))


def improve(folder: Path) -> None:
    _weights(folder / "model.pt")
    (folder / "param_log_file.txt").write_text(
        "{'input_dir': './x', 'model_file_name': 'model', 'model_file_format': '.pt', 'betas': (0.9, None)}"
    )
    (folder / "val_scores.json").write_text('{"mse": 0.0052, "r2": 0.8, "oddity": 1.0}')


def orbax(folder: Path) -> None:
    import orbax.checkpoint as ocp

    tree = {"params": {"kernel": _ARRAY, "bias": np.ones(6)}, "list": [np.ones(2), None], "step": 3}
    ocp.Checkpointer(ocp.PyTreeCheckpointHandler()).save(
        folder.absolute() / "m", args=ocp.args.PyTreeSave(tree), force=True
    )


def coreml(folder: Path) -> None:
    inner = folder / "Data" / "com.apple.CoreML"
    (inner / "weights").mkdir(parents=True)
    (inner / "model.mlmodel").write_bytes(b"\x08\x06\x12\x04\x0a\x02ab\xb2\x1f\x03\x08\x01\x00")
    blob = struct.pack("<II", 1, 2).ljust(64, b"\0")
    blob += struct.pack("<IIQQ", 0xDEADBEEF, 2, _ARRAY.nbytes, 128).ljust(64, b"\0") + _ARRAY.tobytes()
    (inner / "weights" / "weight.bin").write_bytes(blob)
    entries = {"1": {"path": "com.apple.CoreML/model.mlmodel"}}
    (folder / "Manifest.json").write_text(json.dumps({"fileFormatVersion": "1.0.0", "itemInfoEntries": entries}))


def tflite(folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    call = tf.function(lambda x: x @ tf.constant(_ARRAY), [tf.TensorSpec((1, 4))]).get_concrete_function()
    (folder / "m").write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([call], module).convert())


def first_version(folder: Path) -> None:
    from tests.helpers.native.tensorflow_files import copy_of, tf1_version_1

    copy_of(tf1_version_1, folder / "made")
    for file in (folder / "made").iterdir():
        file.rename(folder / file.name)
    (folder / "made").rmdir()


def torchscript(folder: Path) -> None:
    import torch

    torch.jit.script(torch.nn.Linear(4, 2)).save(str(folder / "m"))


def packed(folder: Path) -> None:
    _weights(folder / "model.pt")
    with zipfile.ZipFile(folder / "m", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "model.pt", "a/model.pt")
        archive.writestr("a/README.md", "text " * 20)
    (folder / "model.pt").unlink()


def keras_archive(folder: Path) -> None:
    import keras

    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    net.compile("adam", "mse")
    net.save(folder / "m.keras")
    (folder / "m.keras").rename(folder / "m")
