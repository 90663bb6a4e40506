"""Make ``tests/kept/1.0.0-dev.1``: a checkpoint of every kind, as the last package of that version wrote it.

It runs with that package, not with this one; what it made is never made again:

    git worktree add ../dev1 fa91fda
    PYTHONPATH=../dev1 python tests/helpers/made_by_dev_1.py tests/kept/1.0.0-dev.1
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from candle_spec.api import convert, seal
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.contents import SideFile
from candle_spec.conversion.convert import Options
from candle_spec.conversion.convert import convert as convert_with
from candle_spec.publish.bundle import bundle
from tests.helpers import checkpoints
from tests.helpers.series import operations

DIGEST = "sha256:" + "9f2c" * 16
MODAC = "urn:candle-spec:repositories:modac:1"
SOURCE = b"def build():\n    return None\n"


class Described(checkpoints.TinyConverter):
    """Brings the files that a described model has: code, and samples of its behaviour."""

    def read(self, source: Any) -> Any:
        found = super().read(source)
        found.side_files += [
            SideFile("code/net.py", SOURCE, "text/x-python", "code"),
            SideFile("samples/in.npy", b"in", "application/octet-stream", "sample-input"),
            SideFile("samples/out.npy", b"out", "application/octet-stream", "expected-output"),
        ]
        return found


def values() -> dict[str, Any]:
    """Return members of which the next version renames, wraps or leaves out something."""
    from candle_spec.digests import digest_bytes

    names = {"/identifiers": "/identifier", "/evaluations": "/evaluation"}
    people = {names.get(at, at): value for at, value in checkpoints.PEOPLE.items()}
    return people | {
        "/base_model": [
            {"identifier": {"scheme": "doi", "value": "10.5072/base"}, "relation": "finetune", "digest": DIGEST}
        ],
        "/model/implementation": {
            "callable": "build",
            "source": {"path": "code/net.py", "sha256": digest_bytes(SOURCE)},
        },
        "/verification": {"vectors": [{"inputs": "samples/in.npy", "outputs": "samples/out.npy"}]},
        "/extensions": {MODAC: {"model_type": "Tumor Classifier"}, "urn:example:ward:1": {"urn:candle-spec:x": "kept"}},
        "/conformsTo": [MODAC, "urn:example:profile:1"],
    }


def torch_encodings(path: Path) -> None:
    """Write tensors that PyTorch has and safetensors has no dtype for."""
    import torch

    dense = torch.arange(24, dtype=torch.float32).reshape(4, 6) * (torch.arange(24).reshape(4, 6) % 3 == 0)
    floats = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    torch.save(
        {
            "model": {
                "complex": torch.complex(floats.double(), -floats.double()),
                "coo": dense.to_sparse(),
                "csr": dense.to_sparse_csr(),
                "csc": dense.to_sparse_csc(),
                "bsr": dense.to_sparse_bsr((2, 3)),
                "bsc": dense.to_sparse_bsc((2, 3)),
                "per_tensor": torch.quantize_per_tensor(floats, 0.5, 3, torch.quint8),
                "per_channel": torch.quantize_per_channel(
                    floats, torch.tensor([0.5, 1, 2, 4]).double(), torch.tensor([0, 1, 2, 3]), 0, torch.qint8
                ),
            }
        },
        path,
    )


def numpy_encodings(path: Path) -> None:
    """Write arrays that NumPy has and safetensors has no dtype for."""
    records = np.zeros(3, dtype=[("gene", "S8"), ("score", "<f4"), ("count", "<i8", (2,))])
    records["score"] = [1, 2, 3]
    np.savez(
        path,
        text=np.array(["TP53", "BRCA1", "é"]),
        data=np.array([b"ab", b"c"]),
        records=records,
        dates=np.array(["2026-01-02", "2026-01-03"], dtype="datetime64[D]"),
    )


def onnx_encodings(path: Path) -> None:
    """Write a model whose weight takes four bits an element."""
    import onnx
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.INT4, [2, 4], bytes([0x21, 0x43, 0x65, 0x07]), raw=True)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["y"])],
        "g",
        [],
        [helper.make_tensor_value_info("y", TensorProto.INT4, [2, 4])],
        [weight],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


def booster(path: Path) -> None:
    """Write a model that is a program of its framework: its file is the payload."""
    import xgboost

    data = xgboost.DMatrix(np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0))
    xgboost.train({"max_depth": 2}, data, 2).save_model(path)


def main(out: Path) -> None:
    """Make all of them."""
    with tempfile.TemporaryDirectory() as scratch:
        natives = Path(scratch)
        for kind in ("plain", "alias", "groups", "towers", "sharded", "inventory"):
            shutil.move(checkpoints.make(kind, natives).path, out / kind)
        for name, suffix, write in (
            ("encoded-torch", ".pt", torch_encodings),
            ("encoded-numpy", ".npz", numpy_encodings),
            ("encoded-onnx", ".onnx", onnx_encodings),
            ("payload", ".ubj", booster),
        ):
            native = natives / f"{name}{suffix}"
            write(native)
            convert(native, out / name)
        described(natives, out / "described")
        withheld(Checkpoint(out / "described"), out / "withheld")
        series = natives / "ckpts"
        operations.start(series)
        (series / ".candle" / "lock").unlink()
        operations.copy(series, out / "series")


def described(natives: Path, target: Path) -> None:
    """Make the checkpoint that says as much of itself as one can, and seal it."""
    native = checkpoints.Tiny().write(natives / "described.tiny")
    with checkpoints.pytest.MonkeyPatch.context() as patch:
        patch.setattr("candle_spec.conversion.registry.converters", lambda: (Described(),))
        convert_with(native, target, Options(values=values()))
    seal(target)


def withheld(source: Checkpoint, target: Path) -> None:
    """Write a checkpoint as it is published: without what brings the native file back."""
    for item in bundle(source, {}):
        path = target / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(item.blocks()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
