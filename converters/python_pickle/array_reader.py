"""Arrays out of the records of a pickle: which records describe one, and where its items stand in the file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from candle_spec.converters._shared.pickle.arrays import ArrayNode, dtype_of, make_array, shape_of, strides_of
from candle_spec.errors import CorruptFileError
from candle_spec.readers.inert_pickle import Call, Global, Span, bytes_of_old
from candle_spec.readers.numpy_objects import bytes_of
from candle_spec.weights.sources import FileBytes, MemoryBytes

_MULTIARRAY: Final = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC: Final = ("numpy.core.numeric", "numpy._core.numeric")


class ArrayReader:
    """Reads arrays out of the records of one file.

    Args:
        path: The file in which the spans stand.
        location: The file in words, for errors.
    """

    def __init__(self, path: Path, location: str) -> None:
        self._path = path
        self._location = location

    def array(self, node: Any) -> ArrayNode | None:
        """Return the array that a record describes, or ``None`` if it describes none.

        Raises:
            CorruptFileError: It is malformed.
        """
        if isinstance(node, ArrayNode):
            return node
        if not isinstance(node, Call) or not isinstance(node.function, Global):
            return None
        module, name = node.function.module, node.function.name
        if name == "_reconstruct" and module in _MULTIARRAY:
            return self._reconstructed(node)
        if name == "_frombuffer" and module in _NUMERIC:
            return self._from_buffer(node.args)
        if name == "_reconstruct_array" and module.startswith("jax."):
            return self._of_jax(node.args)
        return None

    def _of_jax(self, args: Any) -> ArrayNode | None:
        """Arguments: what makes the NumPy array, its arguments, its state, what jax knows besides."""
        if not isinstance(args, tuple) or len(args) < 3:
            return None
        return self.array(Call(args[0], args[1], states=[args[2]]))

    def _reconstructed(self, node: Call) -> ArrayNode | None:
        """Arguments: class, shape, type, all of an empty array; the state tells what is in it."""
        state = node.state
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            return None
        shape, described, fortran, raw = state[-4:]
        dtype = dtype_of(described)
        if dtype is None:
            return None
        named = node.args[0] if isinstance(node.args, tuple) and node.args else None
        subclass = named.path if isinstance(named, Global) and named.path != "numpy.ndarray" else ""
        order = "F" if fortran is True or (type(fortran) is int and fortran) else "C"
        if isinstance(raw, list):
            return self._of_objects(dtype, shape, raw, subclass)
        data = self.stored(raw)
        return None if data is None else make_array(dtype, shape, order, data, self._location, subclass)

    def _of_objects(self, dtype: Any, shape: Any, items: list[Any], subclass: str) -> ArrayNode | None:
        """Objects stand in row-major order, whatever the array's order in memory was."""
        sizes = shape_of(shape, self._location)
        if dtype.kind != "O":
            return None
        if math.prod(sizes) != len(items):
            raise CorruptFileError(
                f"an array of objects of shape {list(sizes)} has {len(items)} items", location=self._location
            )
        return ArrayNode(dtype, sizes, strides_of(sizes, "C"), items, subclass)

    def _from_buffer(self, args: Any) -> ArrayNode | None:
        """Arguments: bytes, dtype, shape, order, and for order K the axes by which it was transposed."""
        if not isinstance(args, tuple) or len(args) not in (4, 5):
            return None
        dtype, data = dtype_of(args[1]), self.stored(args[0])
        if dtype is None or data is None:
            return None
        axes = args[4] if len(args) == 5 else None
        if args[3] != "K" or axes is None:
            return make_array(dtype, args[2], "F" if args[3] == "F" else "C", data, self._location)
        made = make_array(dtype, args[2], "C", data, self._location)
        if not isinstance(axes, (tuple, list)) or sorted(map(str, axes)) != sorted(map(str, range(len(made.shape)))):
            raise CorruptFileError("the axes of a transposed array are none", location=self._location)
        made.shape, made.strides = tuple(made.shape[a] for a in axes), tuple(made.strides[a] for a in axes)
        return made

    def place(self, span: Span) -> FileBytes:
        """Return where a span stands."""
        return FileBytes(self._path, span.offset, len(span.view))

    def stored(self, raw: Any) -> FileBytes | MemoryBytes | None:
        """Return where bytes stand, or ``None`` where there are none."""
        if isinstance(raw, Span) and raw.encoding != "utf-8":
            return self.place(raw)
        if isinstance(raw, Call) and raw.path in ("builtins.bytearray", "__builtin__.bytearray"):
            return self.stored(raw.args[0]) if isinstance(raw.args, tuple) and len(raw.args) == 1 else None
        if isinstance(raw, str):
            try:  # a pickle of Python 2
                return MemoryBytes(bytes_of_old(raw))
            except UnicodeEncodeError:
                return None
        data = bytes_of(raw)
        return None if data is None else MemoryBytes(data)
