"""Make ``tests/kept/1.0.0-rc.1``: a checkpoint of every kind of that version, and the digest of each of their files.

    python -m tests.helpers.made_by_rc_1

They are made again only while the version is in development; once it is released, what was made is never made again.
The signed one needs a private key, which was thrown away: it is what ``model_signing`` made once.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from candle_spec.api import convert, seal
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import Options
from candle_spec.conversion.convert import convert as convert_with
from candle_spec.publish.bundle import bundle
from tests.helpers import checkpoints, kept
from tests.helpers.native.pieces import Folder, write
from tests.helpers.series import operations

TARGET = kept.KEPT / "1.0.0-rc.1"
DIGESTS = "digests.json"
MOMENT = "1764547200"  # 2025-12-01


def torch_encodings(path: Path) -> None:
    """Write tensors that PyTorch has and safetensors has no dtype for."""
    import torch

    floats = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    dense = floats * (torch.arange(24).reshape(4, 6) % 3 == 0)
    scales = torch.tensor([0.5, 1, 2, 4])
    torch.save(
        {
            "model": {
                "complex": torch.complex(floats.double(), -floats.double()),
                "coo": dense.to_sparse(),
                "coo_complex": torch.complex(dense.double(), dense.double()).to_sparse(),
                "csr": dense.to_sparse_csr(),
                "csc": dense.to_sparse_csc(),
                "bsr": dense.to_sparse_bsr((2, 3)),
                "bsc": dense.to_sparse_bsc((2, 3)),
                "per_tensor": torch.quantize_per_tensor(floats, 0.5, 3, torch.quint8),
                "per_channel": torch.quantize_per_channel(
                    floats, scales.double(), torch.tensor([0, 1, 2, 3]), 0, torch.qint8
                ),
                "float_zero_points": torch.quantize_per_channel(
                    floats, scales, torch.tensor([0.0, 0.5, 1, 1.5]), 0, torch.quint8
                ),
                "four_bits": torch.quantize_per_channel(
                    floats, scales, torch.tensor([0.0, 0.5, 1, 1.5]), 0, torch.quint4x2
                ),
                "packed_floats": torch.arange(8, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
                "eight_bits": floats.to(torch.float8_e4m3fn),
            }
        },
        path,
    )


def numpy_encodings(path: Path) -> None:
    """Write arrays that NumPy has and safetensors has no dtype for."""
    records = np.zeros(3, dtype=[("gene", "S8"), ("score", ">f4"), ("count", "<i8", (2,)), ("at", [("x", "<f8")])])
    records["score"] = [1, 2, 3]
    np.savez(
        path,
        text=np.array(["TP53", "BRCA1", "é"]),
        data=np.array([b"ab", b"c"]),
        records=records,
        dates=np.array(["2026-01-02", "2026-01-03"], dtype="datetime64[D]"),
        wide=np.frombuffer(b"".join(struct.pack("<QHxxxxxx", 0xC0 << 56, 0x4000 + n) for n in range(3)), np.longdouble),
        pairs=np.arange(4, dtype=np.complex128),
    )


def numpy_orders(path: Path) -> None:
    """Write arrays of other orders of axes and bytes, large enough that the file's bytes are theirs."""
    numbers = np.arange(64.0).reshape(8, 8)
    big = numbers.astype(">f4")
    np.savez(path, columns=np.asfortranarray(numbers), swapped=big, both=np.asfortranarray(big), plain=numbers)


def onnx_encodings(path: Path) -> None:
    """Write a model whose weight takes four bits an element, and one whose numbers are attributes of a node."""
    import onnx
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.INT4, [2, 4], bytes([0x21, 0x43, 0x65, 0x07]), raw=True)
    scaler = helper.make_node(
        "Scaler", ["x"], ["y"], name="scale", domain="ai.onnx.ml", offset=[0.5, 1.5], scale=[2.0, 3.0]
    )
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in ("x", "y")]
    graph = helper.make_graph([scaler], "g", values[:1], values[1:], [weight])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)


def booster(path: Path) -> None:
    """Write a model that is a program of its framework: its file is the payload."""
    import xgboost

    data = xgboost.DMatrix(np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0))
    xgboost.train({"max_depth": 2}, data, 2).save_model(path)


def pipeline(path: Path) -> None:
    """Write a pickled pipeline: a booster, whose text is the payload, behind a scaler, whose numbers are tensors."""
    import lightgbm
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.random.default_rng(0).normal(size=(60, 3))
    booster = lightgbm.LGBMRegressor(n_estimators=2, num_leaves=4, n_jobs=1, verbose=-1)
    path.write_bytes(pickle.dumps(make_pipeline(StandardScaler(), booster).fit(x, x.sum(axis=1))))


def training(path: Path) -> None:
    """Write a training's file: a network deep in it, its average, a large setting, a long history, odd names."""
    import torch

    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    state = {"arguments": {"width": 2}, "state_dict": network.state_dict()}
    torch.save(
        {
            "model": state,
            "ema": {f"module.{name}": value / 2 for name, value in network.state_dict().items()},
            "hyper_parameters": {"lr": 1e-3, "classes": [f"class {number}" for number in range(6_000)]},
            "losses": [1 / number for number in range(1, 1_025)],
            "other": {"half \ud800": torch.ones(2), "long" * 3_000: torch.ones(1), 7: float("nan"), "large": 2**70},
        },
        path,
    )


NATIVES = {
    "encoded-torch": (".pt", torch_encodings),
    "encoded-numpy": (".npz", numpy_encodings),
    "encoded-onnx": (".onnx", onnx_encodings),
    "orders": (".npz", numpy_orders),
    "payload": (".ubj", booster),
    "pipeline": (".pkl", pipeline),
    "training": (".pt", training),
}


def make(out: Path) -> None:
    """Make all of them, but the signed one."""
    with tempfile.TemporaryDirectory() as scratch, checkpoints.pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", MOMENT)
        natives = Path(scratch)
        for kind in ("plain", "alias", "groups", "towers", "sharded", "inventory"):
            shutil.move(checkpoints.make(kind, natives).path, out / kind)
        for name, (suffix, write_native) in NATIVES.items():
            native = natives / f"{name}{suffix}"
            write_native(native)
            convert(native, out / name)
        pieces(natives / "pieces.d", out / "pieces")
        described(natives, out / "described")
        withheld(Checkpoint(out / "described"), out / "withheld")
        series = natives / "ckpts"
        operations.start(series)
        (series / ".candle" / "lock").unlink()
        operations.copy(series, out / "series")


def pieces(native: Path, target: Path) -> None:
    """Make the checkpoint whose tensor lies in two native files, and whose third file is kept as it is."""
    native.mkdir()
    write(native)
    converter: Any = Folder()
    with checkpoints.pytest.MonkeyPatch.context() as patch:
        patch.setattr("candle_spec.conversion.registry.converters", lambda: (converter,))
        convert_with(native, target, Options())


def described(natives: Path, target: Path) -> None:
    """Make the checkpoint that says as much of itself as one can, and seal it."""
    native = checkpoints.Tiny().write(natives / "described.tiny")
    with checkpoints.only_tiny():
        convert_with(native, target, Options(values=checkpoints.PEOPLE))
    seal(target, file_digests=True)


def withheld(source: Checkpoint, target: Path) -> None:
    """Write a checkpoint as it is published: without what brings the native file back."""
    for item in bundle(source, {}):
        path = target / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(item.blocks()))


def main() -> None:
    """Make them anew; the signed one stays."""
    for folder in TARGET.iterdir() if TARGET.is_dir() else ():
        if folder.is_dir() and folder.name != "signed":
            shutil.rmtree(folder)
    TARGET.mkdir(parents=True, exist_ok=True)
    make(TARGET)
    text = json.dumps(kept.digests(TARGET), indent=1, sort_keys=True, ensure_ascii=False)
    (TARGET / DIGESTS).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.umask(0o022)
    main()
