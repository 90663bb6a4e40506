"""Checkpoints of TensorFlow before 1.0: one sorted string table that holds names, shapes and the numbers themselves.

Layout: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/saved_tensor_slice.proto. Every byte
is under the checksum of its block. Where blocks are not packed, the numbers stand in the file as they are.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from candle_spec.conversion.contract import NativeFile
from candle_spec.converters._shared.encodings import parts_of
from candle_spec.converters._shared.tensorflow.constants import Constants, Value
from candle_spec.converters._shared.tensorflow.names import kinds_of
from candle_spec.converters._shared.tensorflow.types import data_type
from candle_spec.converters._shared.tiles import Tile, join
from candle_spec.errors import CorruptFileError, UnsupportedFormatError
from candle_spec.readers import protobuf
from candle_spec.readers.protobuf import Window
from candle_spec.readers.sstable import read_rows
from candle_spec.readers.tensor_bundle import piece_of, shape_of
from candle_spec.weights import state_tree
from candle_spec.weights.sources import TensorSource

Place = tuple[tuple[int, int | None], ...]


@dataclass(slots=True)
class _Named:
    """What the header says of one tensor, and its pieces."""

    shape: tuple[int, ...] | None = ()
    dtype: int = 0
    pieces: int = 0
    tiles: list[tuple[Tile, Value]] = field(default_factory=list)


def read_table(file: NativeFile, roles: Mapping[str, str]) -> tuple[list[TensorSource], Any]:
    """Return tensors and state tree of a checkpoint of the first version.

    Args:
        file: Its file.
        roles: What else is known of the tensors' roles, by name.

    Raises:
        CorruptFileError: The table, or what it says of its tensors, is damaged.
        UnsupportedFormatError: A dtype is not known.
    """
    rows = read_rows(file.path)
    with file.path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        windows = [
            Window(value, 0, len(value), file.name) if place is None else Window(data, place, len(value), file.name)
            for _, value, place in rows
        ]
        named = _header(windows[0])
        for window in windows[1:]:
            _add(named, window, Constants(file.path))
    shapes = {name: about.shape or () for name, about in named.items()}
    groups = kinds_of(shapes)
    tensors = [_tensor(groups[name], name, about, file.name) for name, about in named.items()]
    tensors = [replace(t, role=roles.get(t.name, "") if t.group in ("model", "ema") else "") for t in tensors]
    text = state_tree.encode_scalar
    entries = state_tree.mapping([(text(t.name), state_tree.tensor(t.group, t.name)) for t in tensors])
    return tensors, state_tree.mapping([("version", 1), ("entries", entries)])


def _header(message: Window) -> dict[str, _Named]:
    named: dict[str, _Named] = {}
    for meta in (item.window for item in protobuf.fields(message) if item.number == 1):
        for item in protobuf.fields(meta):
            if item.number != 1:
                continue
            name, about = "", _Named()
            for part in protobuf.fields(item.window):
                if part.number == 1:
                    name = part.window.text()
                elif part.number == 2:
                    about.shape = shape_of(part.window)
                elif part.number == 3:
                    about.dtype = part.signed
                elif part.number == 4:
                    about.pieces += 1
            named[name] = about
    return named


def _add(named: dict[str, _Named], message: Window, constants: Constants) -> None:
    """Add one piece to its tensor."""
    name, tensor = "", None
    place: Place = ()
    for item in (
        p for slices in protobuf.fields(message) if slices.number == 2 for p in protobuf.fields(slices.window)
    ):
        if item.number == 1:
            name = item.window.text()
        elif item.number == 2:
            place = piece_of(item.window)
        elif item.number == 3:
            tensor = item.window
    about = named.get(name)
    if about is None or about.shape is None or tensor is None or len(place) != len(about.shape):
        raise CorruptFileError(f"a piece of {name[:200]!r} does not fit the header", location=message.location)
    start, shape = _region(place, about.shape)
    if any(s + n > axis for s, n, axis in zip(start, shape, about.shape, strict=True)):
        raise CorruptFileError(f"a piece of {name[:200]!r} goes beyond it", location=message.location)
    value = constants.read(tensor, (about.dtype, shape))
    if value is None:
        raise UnsupportedFormatError(f"{name[:200]!r} is no tensor", location=message.location)
    data = next(iter(value.parts.values())).data
    about.tiles.append((Tile(start, shape, data), value))


def _region(place: Place, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    lengths = tuple(axis if length is None else length for (_, length), axis in zip(place, shape, strict=True))
    return tuple(begin for begin, _ in place), lengths


def _tensor(group: str, name: str, about: _Named, where: str) -> TensorSource:
    shape: tuple[int, ...] = () if about.shape is None else about.shape
    found = data_type(about.dtype)
    where = f"{where}, {name[:200]!r}"
    if found is None or not found.dtype:
        raise UnsupportedFormatError(f"the dtype {about.dtype} of TensorFlow is not known", location=where)
    if len(about.tiles) == 1 and about.tiles[0][0].shape == shape:
        value = about.tiles[0][1]
        return TensorSource(group, name, value.dtype, shape, value.parts, value.encoding, attributes=value.attributes)
    if not about.tiles and math.prod(shape) > 0:
        raise CorruptFileError("the table does not hold the tensor", location=where)
    if found.dtype == "BYTES":
        raise UnsupportedFormatError("strings that are kept in pieces are not read", location=where)
    data = join([tile for tile, _ in about.tiles], shape, found.width, where)
    parts, encoding = parts_of(found.dtype, shape, data)
    attributes = {**found.attributes, "pieces": len(about.tiles)}
    return TensorSource(group, name, found.dtype, shape, parts, encoding, attributes=attributes)
