"""The tensors of a native checkpoint as the framework's own loader gives them: the reference for conversions.

torch files go through ``torch.load`` with torch's own rebuilding functions; classes that a file names and that are
not torch's become empty stand-ins, so that nothing of a stranger is run. Keras files go through h5py.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import types
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.weights.encodings import EncodedArray

Tensors = Counter[tuple[tuple[int, ...], str]]
"""How often each shape with each digest of row-major little-endian bytes occurs."""


def tensors(path: Path) -> Tensors:
    """Return the tensors of a torch or Keras file."""
    head = path.read_bytes()[:8]
    if head.startswith(b"\x89HDF"):
        return _hdf5(path.read_bytes())
    if head.startswith(b"PK") and "model.weights.h5" in zipfile.ZipFile(path).namelist():
        return _hdf5(zipfile.ZipFile(path).read("model.weights.h5"))
    return _torch(path)


def stored_tensors(checkpoint: Checkpoint) -> Tensors:
    """Return the tensors of a checkpoint in the form of the reference: numbers, records field by field."""
    found: Tensors = Counter()
    for tensor in checkpoint.tensors:
        if tensor.dtype in ("STR", "BYTES"):
            continue
        value = checkpoint.tensor(tensor.group, tensor.name, framework="numpy")
        arrays = list(value.parts.values()) if isinstance(value, EncodedArray) else [value]
        if tensor.dtype == "STRUCT":
            arrays = [np.ascontiguousarray(value[name]) for name in value.dtype.names]
        for array in arrays:
            found[tuple(array.shape), digest(array.tobytes())] += 1
    return found


def digest(data: bytes) -> str:
    """Return the sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def _hdf5(data: bytes) -> Tensors:
    import h5py

    found: Tensors = Counter()

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiubc":
            values = item[()]
            found[item.shape, digest(values.astype(values.dtype.newbyteorder("<")).tobytes())] += 1

    with h5py.File(io.BytesIO(data)) as file:
        file.visititems(visit)
    return found


class StandIn:
    """An object of a class that is not torch's: it keeps what it is given and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = object.__new__(cls)
        made.__dict__["args"] = args
        made.__dict__["items"] = []
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any) -> Any:
        return StandIn(*args)

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__dict__["items"].append(value)

    def append(self, value: Any) -> None:
        self.__dict__["items"].append(value)

    def extend(self, values: Any) -> None:
        self.__dict__["items"].extend(values)


_TORCH = ("torch._utils", "torch.storage", "torch._tensor")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        import torch

        if module in _TORCH or (
            module == "torch" and ("Storage" in name or isinstance(getattr(torch, name, None), torch.dtype))
        ):
            return super().find_class(module, name)
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        return type(name, (StandIn,), {})


def _torch(path: Path) -> Tensors:
    import torch

    try:
        names = zipfile.ZipFile(path).namelist()
    except zipfile.BadZipFile:
        names = []
    if any(name.endswith("/constants.pkl") for name in names):
        script = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        values = [*script.parameters(), *script.buffers()]
        return Counter(_torch_row(value) for value in values)
    inert = types.ModuleType("inert_pickle")
    inert.Unpickler = _Unpickler  # type: ignore[attr-defined]
    inert.load = lambda file, **kwargs: _Unpickler(file, **kwargs).load()  # type: ignore[attr-defined]
    loaded = torch.load(path, map_location="cpu", pickle_module=inert, weights_only=False)
    found: Tensors = Counter()
    _walk(loaded, found, set())
    return found


def _walk(value: Any, found: Tensors, seen: set[int]) -> None:
    import torch

    if isinstance(value, torch.Tensor):
        found[_torch_row(value)] += 1
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    children: list[Any] = []
    if isinstance(value, dict):
        children = list(value.values())
    elif isinstance(value, (list, tuple, set)):
        children = list(value)
    elif isinstance(value, StandIn):
        children = list(value.__dict__.values())
    for child in children:
        _walk(child, found, seen)


def _torch_row(value: Any) -> tuple[tuple[int, ...], str]:
    import torch

    plain = value.detach().resolve_conj().resolve_neg().contiguous()
    data = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    return tuple(plain.shape), digest(data)
