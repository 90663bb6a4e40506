"""The tensors of checkpoints that are neither torch's nor Keras': by their reference libraries, and by nothing of ours.

Pickles go through joblib's own unpickler in which every class that is not NumPy's or joblib's is an empty stand-in, so
that nothing of a stranger is run and files of any age can be compared.
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.corpus.native import StandIn, Tensors, digest, tensors


def other_tensors(path: Path, framework: str) -> Tensors:
    """Return the tensors of a checkpoint of one of the families of ``corpus.json``."""
    return _READERS.get(framework, tensors)(path)


def _count(arrays: Iterator[np.ndarray[Any, Any]]) -> Tensors:
    found: Tensors = Counter()
    for array in arrays:
        found[array.shape, digest(np.ascontiguousarray(array).tobytes())] += 1
    return found


def _onnx(path: Path) -> Tensors:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    found = _count(numpy_helper.to_array(tensor) for tensor in _protos(model, onnx.TensorProto))
    return found + _count(array for node in _protos(model, onnx.NodeProto) for array in onnx_lists(node))


def onnx_lists(node: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the numbers that attributes of a node of ONNX hold without a tensor around them, as onnx reads them."""
    for attribute in node.attribute:
        if node.op_type == "Constant" and attribute.name in ("value_float", "value_int"):
            yield np.array(attribute.f, "<f4") if attribute.name == "value_float" else np.array(attribute.i, "<i8")
        for values, dtype in ((attribute.floats, "<f4"), (attribute.ints, "<i8")):
            of_data = node.domain == "ai.onnx.ml" or node.op_type in ("Constant", "TfIdfVectorizer") or len(values) > 32
            if values and of_data:
                yield np.array(values, dtype)


def _protos(message: Any, kind: type) -> Iterator[Any]:
    """Yield every message of a kind below a message, wherever it stands."""
    if isinstance(message, kind):
        yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in value if field.is_repeated else [value]:
            yield from _protos(item, kind)


def _tensorflow(path: Path) -> Tensors:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    arrays = (np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map())
    return _count(array for array in arrays if array.dtype.kind in "fiubc")


def _numpy(path: Path) -> Tensors:
    with np.load(path, allow_pickle=False) as archive:
        return _count(archive[name] for name in archive.files)


def _equinox(path: Path) -> Tensors:
    def arrays() -> Iterator[np.ndarray[Any, Any]]:
        with path.open("rb") as file:
            while file.tell() < path.stat().st_size:
                yield np.load(file, allow_pickle=False)

    return _count(arrays())


def _safetensors(path: Path) -> Tensors:
    from safetensors import safe_open

    with safe_open(path / "model.safetensors" if path.is_dir() else path, "np") as file:
        return _count(file.get_tensor(name) for name in file.keys())  # noqa: SIM118 - no mapping


def _archive(path: Path) -> Tensors:
    """medaka's archives: a torch file, and a pickle without tensors."""
    with tarfile.open(path) as archive:
        member = next(name for name in archive.getnames() if name.endswith("weights.pt"))
        opened = archive.extractfile(member)
        assert opened is not None
        (copy := path.with_name(f".{path.name}.weights.pt")).write_bytes(opened.read())
    try:
        return tensors(copy)
    finally:
        copy.unlink()


def _pickled(path: Path) -> Tensors:
    """Return every array in a pickle, the fields of structured ones by themselves."""
    from joblib import numpy_pickle, numpy_pickle_utils

    found: list[np.ndarray[Any, Any]] = []

    class Unpickler(numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            root = module.partition(".")[0]
            if root in ("numpy", "collections", "_codecs") or (module, name) == (
                "joblib.numpy_pickle",
                "NumpyArrayWrapper",
            ):
                return super().find_class(module, name)
            if (module, name) == ("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper"):
                return numpy_pickle.NumpyArrayWrapper
            return StandIn

    unpacked = numpy_pickle_utils._validate_fileobject_and_memmap
    with path.open("rb") as file, unpacked(file, str(path), None) as (opened, _):
        _arrays(Unpickler(str(path), opened, ensure_native_byte_order=False).load(), found, set())
    return _count(field for array in found for field in _fields(array))


def _fields(array: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    names = array.dtype.names
    yield from (array[name] for name in names) if names else [array]


def _arrays(value: Any, found: list[np.ndarray[Any, Any]], seen: set[int]) -> None:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            for item in value.ravel():
                _arrays(item, found, seen)
        elif value.dtype.kind not in "US":
            found.append(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _arrays(key, found, seen)
            _arrays(item, found, seen)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            _arrays(item, found, seen)
    elif isinstance(value, StandIn):
        _arrays(vars(value), found, seen)


_READERS: dict[str, Callable[[Path], Tensors]] = {
    "onnx": _onnx,
    "tensorflow": _tensorflow,
    "numpy": _numpy,
    "jax": _equinox,
    "safetensors": _safetensors,
    "archive": _archive,
    "scikit-learn": _pickled,
}
