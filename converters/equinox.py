"""Equinox: ``.eqx`` files of ``eqx.tree_serialise_leaves``, which are ``.npy`` arrays one after the other.

The file holds no names: leaves are ``leaf_000``, ``leaf_001``, … in the order of the tree, unless ``--topology`` names
a JSON list of their names. A first line of JSON, which the documentation of Equinox recommends for hyperparameters, is
read as such. What Equinox writes for numbers and booleans of Python are arrays without axes. JAX saves ``bfloat16`` as
nameless items of two bytes, which no other of its dtypes is; nameless items of one byte (``float8``, ``int4``) stay so.

Layout: https://docs.kidger.site/equinox/api/serialisation/, ``.npy``: see ``candle_spec.readers.npy_header``. Refused:
leaves that only unpickling would make.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import canonical, loads
from candle_spec.conversion.contract import (
    Card,
    Detection,
    Field,
    Group,
    Native,
    NativeFile,
    NativeFormat,
    Part,
    Source,
)
from candle_spec.converters._npy_tensors import Items, tensor_of
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    InvalidInputError,
    LimitExceededError,
    TruncatedFileError,
)
from candle_spec.readers.npy_header import MAGIC, START, NpyHeader, header_end, parse_header
from candle_spec.readers.settings import as_json
from candle_spec.weights.sources import FileBytes, TensorSource, plain

_MOST: Final = 1_000_000
"""Leaves of one file."""


class Equinox:
    """The converter of Equinox files."""

    name = "equinox"
    title = "Equinox leaves (.eqx)"
    suffixes: Sequence[str] = (".eqx",)
    card = Card(
        family="JAX",
        kept="all leaves in their order, the hyperparameters of a first JSON line; names, if --topology lists them",
        not_kept="the tree itself, which is in the program. Refused: leaves that are pickles",
        restore="byte for byte without JAX",
    )

    def detect(self, source: Source) -> Detection | None:
        """Recognise several arrays in a row, or arrays after a line of JSON."""
        if len(source.files) != 1 or not source.path.is_file():
            return None
        file = source.files[0]
        try:
            first, line = _first_leaf(file)
            headers = _headers(file, first)
            alone = next(headers, None) is None or (not line and next(headers, None) is None)
        except CandleSpecError:
            # Not one leaf could be read: another format. Damage further on is named when it is read.
            return None
        return None if alone else Detection(80, "Equinox leaves")

    def read(self, source: Source) -> Native:
        """Read the headers of all leaves.

        Raises:
            CorruptFileError: A header is damaged.
            TruncatedFileError: The file ends inside a leaf.
            InvalidInputError: The list of names does not fit.
        """
        file = source.files[0]
        first, line = _first_leaf(file)
        headers = list(_headers(file, first))
        names = _names(source, len(headers))
        native = Native(
            NativeFormat("equinox", "eqx", "Equinox leaves", "jax", evidence=(f"{len(headers)} .npy arrays in a row",)),
            source,
            groups=[Group("model", "model")],
            weights_metadata={"format": "flax"},
        )
        for name, (position, header) in zip(names, headers, strict=True):
            native.tensors.append(_leaf(file, name, position, header))
        settings = as_json(line) if isinstance(line, dict) else {}
        if settings and _fits(settings):
            native.fields.append(Field("/training/hyperparameters", settings, "file", "first line"))
        size = sum(header.size for _, header in headers)
        reason = "" if source.topology else "the file holds no names: --topology with a JSON list gives them"
        native.parts = [Part("model", "kept", reason, len(headers), size)]
        nameless = sum(tensor.dtype == "BYTES" for tensor in native.tensors)
        if nameless:
            reason = "items of one byte without a name (float8, int4): which of them, the program knows"
            native.parts.append(Part("dtypes", "absent", reason, nameless))
        if line and not native.fields:
            native.parts.append(
                Part("first line", "residue", "JSON that the manifest does not hold as hyperparameters")
            )
        native.parts.append(Part("topology", "absent", "the tree is in the program that wrote the file"))
        return native


def _fits(settings: dict[str, Any]) -> bool:
    """Whether the manifest holds an object as it is: names of usual length, text that is Unicode."""
    try:
        size = len(canonical(settings))
    except InvalidInputError:
        return False
    return size <= limits.SETTINGS_BYTES and len(settings) <= 10_000 and all(0 < len(key) <= 500 for key in settings)


def _leaf(file: NativeFile, name: str, position: int, header: NpyHeader) -> TensorSource:
    offset = position + header.offset
    data = FileBytes(file.path, offset, header.size)
    nameless = header.dtype.kind == "V" and header.dtype.names is None
    if nameless and header.dtype.itemsize == 2 and not header.fortran:
        return plain("model", name, "BF16", header.shape, data)
    return tensor_of(Items(header, f"{file.path}: {name}", file.path, offset, data.blocks), "model", name)


def _first_leaf(file: NativeFile) -> tuple[int, Any]:
    """Return where the first array begins, and what a line of JSON before it says."""
    with file.path.open("rb") as opened:
        head = opened.read(len(MAGIC))
        if head == MAGIC:
            return 0, None
        if head[:1] not in b"{[" or not head:
            raise CorruptFileError("neither an array nor a line of JSON at the beginning", location=str(file.path))
        opened.seek(0)
        line = opened.readline(limits.SETTINGS_BYTES)
    if not line.endswith(b"\n"):
        raise CorruptFileError("the first line has no end", location=str(file.path))
    return len(line), loads(line, location=f"{file.path}: first line")


def _headers(file: NativeFile, position: int) -> Iterator[tuple[int, NpyHeader]]:
    """Yield where each leaf begins, and its header."""
    with file.path.open("rb") as opened:
        for count in range(_MOST + 1):
            if position == file.size:
                return
            if count == _MOST:
                raise LimitExceededError(f"more than {_MOST} leaves", location=str(file.path))
            location = f"{file.path}, byte {position}"
            opened.seek(position)
            start = opened.read(START)
            data = start + opened.read(max(0, header_end(start, location) - START))
            header = parse_header(data, location)
            if position + header.offset + header.size > file.size:
                raise TruncatedFileError("the file ends inside a leaf", location=location, hint="fetch it again")
            yield position, header
            position += header.offset + header.size


def _names(source: Source, count: int) -> list[str]:
    """Return the names of the leaves: those that the user listed, else their numbers."""
    if source.topology is None:
        width = max(3, len(str(max(0, count - 1))))
        return [f"leaf_{number:0{width}d}" for number in range(count)]
    path: Path = source.topology.path
    if source.topology.size > limits.JSON_BYTES:
        raise LimitExceededError("the list of names is too long", location=str(path))
    names = loads(path.read_bytes(), location=str(path))
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise InvalidInputError("the names are no JSON list of texts", location=str(path))
    if len(names) != count or len(set(names)) != count:
        message = f"{len(names)} names, {len(set(names))} of them different, for {count} leaves"
        raise InvalidInputError(message, location=str(path))
    return names


CONVERTER = Equinox()
