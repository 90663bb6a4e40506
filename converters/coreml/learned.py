"""Learned numbers in the message of a Core ML model: trees, coefficients, support vectors, scalers, also in pipelines.

Names are those of the messages' own fields, of the models in a pipeline behind ``models.<position>.``. Layouts:
https://github.com/apple/coremltools/tree/main/mlmodel/format. The weights of layers of neural networks, which newer
models keep in a file of their own, stand in the payload only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec import limits
from candle_spec.converters.coreml.trees import read_trees
from candle_spec.errors import CorruptFileError, LimitExceededError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Field, Window
from candle_spec.weights.dtypes import from_numpy_name
from candle_spec.weights.sources import MemoryBytes, TensorSource, plain

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GROUP: Final = "derived"
_PIPELINES: Final = {200: 1, 201: 1, 202: 0}
"""Fields of pipelines, and whether the pipeline lies in a message of its own in them."""

_FORESTS: Final = {302: "treeEnsembleRegressor", 402: "treeEnsembleClassifier"}


@dataclass(frozen=True, slots=True)
class _List:
    """Numbers of a field: by themselves, or as a list of messages of such lists, the rows of a matrix."""

    name: str
    rows: tuple[int, ...] = ()
    integers: bool = False


_OF_SVM: Final = {5: _List("rho"), 4: _List("coefficients.alpha", (1,)), 3: _List("denseSupportVectors", (1, 1))}
_OF_SVC: Final = {
    2: _List("numberOfSupportVectorsPerClass", integers=True),
    4: _List("denseSupportVectors", (1, 1)),
    5: _List("coefficients.alpha", (1,)),
    6: _List("rho"),
    7: _List("probA"),
    8: _List("probB"),
}
_OF_GLM: Final = {1: _List("weights", (1,)), 2: _List("offset")}
_LISTS: Final[Mapping[int, tuple[str, Mapping[int, _List]]]] = {
    300: ("glmRegressor", _OF_GLM),
    400: ("glmClassifier", _OF_GLM),
    301: ("supportVectorRegressor", _OF_SVM),
    401: ("supportVectorClassifier", _OF_SVC),
    601: ("imputer", {1: _List("imputedDoubleValue"), 4: _List("imputedDoubleArray", (1,))}),
    604: ("scaler", {1: _List("shiftValue"), 2: _List("scaleValue")}),
}


def learned_arrays(model: Window, prefix: str = "") -> Iterator[TensorSource]:
    """Yield the learned numbers of a model.

    Args:
        model: Its message.
        prefix: What the names begin with.

    Raises:
        CorruptFileError: It breaks its layout.
        LimitExceededError: It is too large, or nested too deeply.
    """
    if model.size > limits.BOOSTER_BYTES:
        raise LimitExceededError(f"a model of {model.size} bytes", location=model.location)
    for item in protobuf.fields(model):
        if item.wire != protobuf.BYTES:
            continue
        if item.number in _PIPELINES:
            yield from _pipeline(item.window, prefix, _PIPELINES[item.number])
        elif item.number in _FORESTS:
            arrays = read_trees(item.window)
            yield from (_tensor(f"{prefix}{_FORESTS[item.number]}.{name}", value) for name, value in arrays.items())
        elif item.number in _LISTS:
            name, lists = _LISTS[item.number]
            for key, rows in _rows(item.window, lists).items():
                yield from _matrix(f"{prefix}{name}.{key}", rows)


def _pipeline(window: Window, prefix: str, inner: int) -> Iterator[TensorSource]:
    if inner:
        for item in protobuf.fields(window):
            if item.number == 1 and item.wire == protobuf.BYTES:
                yield from _pipeline(item.window, prefix, 0)
        return
    models = [item.window for item in protobuf.fields(window) if item.number == 1 and item.wire == protobuf.BYTES]
    for position, model in enumerate(models):
        yield from learned_arrays(model, f"{prefix}models.{position}.")


def _rows(window: Window, lists: Mapping[int, _List]) -> dict[str, list[npt.NDArray[Any]]]:
    """Return the lists of a message by name: one array for each row."""
    import numpy as np

    single: dict[str, list[npt.NDArray[Any]]] = {}
    found: dict[str, list[npt.NDArray[Any]]] = {}
    for item in protobuf.fields(window):
        about = lists.get(item.number)
        if about is None:
            continue
        if about.rows:
            found.setdefault(about.name, []).extend(_inner(item, about.rows))
        else:
            single.setdefault(about.name, []).append(_numbers(item, integers=about.integers))
    return found | {name: [np.concatenate(parts)] for name, parts in single.items()}


def _inner(item: Field, path: tuple[int, ...]) -> Iterator[npt.NDArray[Any]]:
    """Yield the row of a message of numbers, or the rows of a message of such messages."""
    import numpy as np

    if item.wire != protobuf.BYTES:
        raise CorruptFileError("a list of numbers is none", location=item.window.location)
    inside = [each for each in protobuf.fields(item.window) if each.number == path[0]]
    if len(path) > 1:
        for each in inside:
            yield from _inner(each, path[1:])
        return
    parts = [_numbers(each) for each in inside]
    yield np.concatenate(parts) if parts else np.zeros(0)


def _numbers(item: Field, *, integers: bool = False) -> npt.NDArray[Any]:
    """Return doubles or integers of one occurrence of a field, packed or not."""
    import numpy as np

    wires = (protobuf.BYTES, protobuf.VARINT if integers else protobuf.FIXED64)
    data = item.window.bytes() if item.wire in wires else None
    if data is None or (not integers and len(data) % 8):
        raise CorruptFileError("numbers of another type than they should have", location=item.window.location)
    return np.array(protobuf.ints(item), "<i8") if integers else np.frombuffer(data, "<f8")


def _matrix(name: str, rows: list[npt.NDArray[Any]]) -> Iterator[TensorSource]:
    """Yield rows as one array: a matrix if they are of one length, else one after the other with their offsets."""
    import numpy as np

    if len(rows) == 1:
        yield _tensor(name, rows[0])
    elif len({len(row) for row in rows}) == 1:
        yield _tensor(name, np.stack(rows))
    else:
        yield _tensor(name, np.concatenate(rows))
        yield _tensor(f"{name}_offsets", np.cumsum([0, *map(len, rows)], dtype=np.int64))


def _tensor(name: str, values: npt.NDArray[Any]) -> TensorSource:
    little: np.ndarray[Any, Any] = values.astype(values.dtype.newbyteorder("<"), copy=False)
    dtype = from_numpy_name(values.dtype.name).name
    return plain(GROUP, name, dtype, values.shape, MemoryBytes(little.tobytes()))
