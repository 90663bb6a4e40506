"""Run by :mod:`candle_spec.conversion.predictions` in a process of its own; prints one line of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SEED = 20240229
_OPEN_AXES = (64, 1_024, 12_000)
"""Sizes tried for an axis of open length: convolutions and croppings need a certain one."""

_BATCH = 4


def keras(native: str, rebuilt: str, batch: str) -> dict[str, Any]:
    """Predictions of two Keras files on one batch; the old loader takes over where the new one refuses both."""
    errors = []
    for loader in ("keras", "tf_keras"):
        try:
            first, second = _keras_model(loader, native), _keras_model(loader, rebuilt)
            return _predicted(loader, first, second, batch)
        except Exception as error:  # noqa: BLE001 - whatever a loader raises, the other one may read the file
            errors.append(f"{loader}: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
    return {"error": "; ".join(errors)}


def _predicted(loader: str, first: Any, second: Any, batch: str) -> dict[str, Any]:
    open_axes = any(n is None for tensor in first.inputs for n in tensor.shape[1:])
    for size in _OPEN_AXES if open_axes and not batch else _OPEN_AXES[:1]:
        inputs, about = _inputs(first, batch, size)
        try:
            outputs = first.predict(inputs, verbose=0)
        except Exception:  # too short an input raises errors of many kinds
            if size == _OPEN_AXES[-1] or not open_axes:
                raise
            continue
        if all(item.size for item in _flat(outputs)):
            return _compared(loader, outputs, second.predict(inputs, verbose=0), about)
    raise ValueError("no length of the open axes gives an output")


def _keras_model(loader: str, path: str) -> Any:
    """Load a file by content: Keras goes by the name's ending."""
    import importlib
    import shutil
    import tempfile

    module = importlib.import_module(loader)
    ending = ".keras" if Path(path).read_bytes()[:2] == b"PK" else ".h5"
    with tempfile.TemporaryDirectory() as folder:
        named = shutil.copy(path, Path(folder) / f"model{ending}")
        return module.models.load_model(named, compile=False, safe_mode=True)


def _inputs(model: Any, batch: str, open_axis: int) -> tuple[list[Any], str]:
    import numpy as np

    if batch:
        from candle_spec.weights.reader import SafetensorsFile

        stored = SafetensorsFile(Path(batch))
        return [stored.numpy(key) for key in sorted(stored.keys())], "stored batch"
    random = np.random.default_rng(SEED)
    inputs = []
    for tensor in model.inputs:
        shape = [1 if open_axis > _OPEN_AXES[0] else _BATCH] + [
            open_axis if n is None else int(n) for n in tensor.shape[1:]
        ]
        dtype = getattr(tensor.dtype, "name", str(tensor.dtype))
        whole = "int" in dtype or dtype == "bool"
        values = random.integers(0, 2, shape) if whole else random.standard_normal(shape)
        inputs.append(values.astype(dtype if dtype != "bfloat16" else "float32"))
    return inputs, f"seeded batch of {inputs[0].shape[0]}"


def _compared(loader: str, first: Any, second: Any, about: str) -> dict[str, Any]:
    import numpy as np

    pairs = list(zip(_flat(first), _flat(second), strict=True))
    equal = all(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in pairs)
    result = {"kind": "predictions", "loader": loader, "count": len(pairs), "equal": equal, "batch": about}
    if not equal:
        result["max_abs"] = max(float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max()) for a, b in pairs)
        result["max_ulp"] = max(_ulp(a, b) for a, b in pairs)
    return result


def _flat(outputs: Any) -> list[Any]:
    import numpy as np

    if isinstance(outputs, dict):
        return [np.asarray(outputs[key]) for key in sorted(outputs)]
    return [np.asarray(item) for item in outputs] if isinstance(outputs, (list, tuple)) else [np.asarray(outputs)]


def _ulp(a: Any, b: Any) -> int:
    """Largest distance in units in the last place, for floats of 32 bits; -1 for others."""
    import numpy as np

    if a.dtype != np.float32 or b.dtype != np.float32:
        return -1
    ordered = [np.where(x.view(np.int32) < 0, -(x.view(np.int32) & 0x7FFFFFFF), x.view(np.int32)) for x in (a, b)]
    return int(np.abs(ordered[0].astype(np.int64) - ordered[1].astype(np.int64)).max(initial=0))


def pytorch(native: str, rebuilt: str, batch: str) -> dict[str, Any]:
    """Tensors of two files as torch's safe loader gives them."""
    import torch

    del batch  # without the network's code there is nothing to run it through
    try:
        first = torch.load(native, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - torch raises many kinds; each means that its safe loader refuses
        return {"error": f"torch's safe loader refuses the native file: {str(error).splitlines()[0][:160]}"}
    second = torch.load(rebuilt, map_location="cpu", weights_only=True)
    left, right = list(_torch_tensors(first, "")), list(_torch_tensors(second, ""))
    equal = [name for name, _ in left] == [name for name, _ in right] and all(
        _same(a, b) for (_, a), (_, b) in zip(left, right, strict=False)
    )
    return {"kind": "tensors", "loader": f"torch {torch.__version__}", "count": len(left), "equal": equal}


def lightgbm(native: str, rebuilt: str, batch: str) -> dict[str, Any]:
    """Predictions of two LightGBM texts on the same rows, some values missing."""
    import lightgbm as library

    first, second = (library.Booster(model_file=path) for path in (native, rebuilt))
    rows, about = _rows(first.num_feature(), batch)
    return _compared(f"lightgbm {library.__version__}", first.predict(rows), second.predict(rows), about)


def xgboost(native: str, rebuilt: str, batch: str) -> dict[str, Any]:
    """Predictions of two XGBoost documents on the same rows, some values missing."""
    import xgboost as library

    first, second = (library.Booster(model_file=bytearray(Path(path).read_bytes())) for path in (native, rebuilt))
    rows, about = _rows(first.num_features(), batch)
    data = library.DMatrix(rows, feature_names=first.feature_names, feature_types=first.feature_types)
    return _compared(f"xgboost {library.__version__}", first.predict(data), second.predict(data), about)


def _rows(features: int, batch: str) -> tuple[Any, str]:
    import numpy as np

    if batch:
        from candle_spec.weights.reader import SafetensorsFile

        stored = SafetensorsFile(Path(batch))
        return stored.numpy(next(iter(stored.keys()))), "stored batch"
    random = np.random.default_rng(SEED)
    rows = random.standard_normal((64, features))
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows, "seeded batch of 64 rows"


def onnx(native: str, rebuilt: str, batch: str) -> dict[str, Any]:
    """Outputs of two ONNX models on one batch, on the CPU."""
    import numpy as np
    import onnxruntime as library

    first, second = (library.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in (native, rebuilt))
    random = np.random.default_rng(SEED)
    feed = {}
    for value in first.get_inputs():
        shape = [n if isinstance(n, int) and n > 0 else 1 for n in value.shape]
        dtype = _ONNX_TYPES.get(value.type)
        if dtype is None:
            return {"error": f"an input of {value.type} cannot be made up"}
        made = random.standard_normal(shape) if dtype.startswith("float") else random.integers(0, 2, shape)
        feed[value.name] = np.asarray(made, dtype)
    del batch  # named inputs: a stored batch of several would have to say which is which
    return _compared(
        f"onnxruntime {library.__version__}", first.run(None, feed), second.run(None, feed), "seeded batch"
    )


_ONNX_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
    "tensor(uint8)": "uint8",
}


def _torch_tensors(value: Any, at: str) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        yield at, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _torch_tensors(item, f"{at}/{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _torch_tensors(item, f"{at}/{index}")


def _same(a: Any, b: Any) -> bool:
    import torch

    if (a.dtype, a.shape, a.layout, a.is_quantized) != (b.dtype, b.shape, b.layout, b.is_quantized):
        return False
    if a.is_quantized:
        return bool(torch.equal(a.int_repr(), b.int_repr()) and a.qscheme() == b.qscheme())
    if a.layout is not torch.strided:
        a, b = a.to_dense(), b.to_dense()
    rows = [x.detach().resolve_conj().resolve_neg().contiguous().reshape(-1) for x in (a, b)]
    return not rows[0].numel() or torch.equal(rows[0].view(torch.uint8), rows[1].view(torch.uint8))


if __name__ == "__main__":
    runners = {"keras": keras, "pytorch": pytorch, "lightgbm": lightgbm, "xgboost": xgboost, "onnx": onnx}
    print(json.dumps(runners[sys.argv[1]](*sys.argv[2:5])))
