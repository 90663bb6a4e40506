"""The safetensors file: its header, read with every rule checked and written deterministically.

Layout (https://github.com/huggingface/safetensors#format): 8 bytes little-endian header length, a JSON object
``{name: {dtype, shape, data_offsets}}`` with an optional ``__metadata__`` of strings, padded with spaces to a multiple
of 8, then the tensors' row-major little-endian bytes without gap, overlap or trailing bytes.

The official reader accepts duplicate names; its NumPy writer of 0.8.0 writes wrong values for arrays that are not
contiguous, and the order of its metadata is random. Files written here equal those of
``safetensors.torch.save_file(tensors, metadata={"format": "pt"})`` byte for byte.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from candle_spec import limits
from candle_spec.errors import CorruptFileError, InvalidInputError, LimitExceededError, UnknownDtypeError
from candle_spec.weights.dtypes import STORED, whole_bytes

METADATA: Final = "__metadata__"

# The official writer sorts by its dtype enumeration, largest first, then by name.
_FILE_ORDER: Final = {
    name: rank
    for rank, name in enumerate(
        """U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16 F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 F8_E4M3 F8_E5M2 I8 U8
        F6_E3M2 F6_E2M3 F4 BOOL""".split()
    )
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored array: dtype, shape, and where its bytes stand in the file."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Header:
    """The header of one file.

    Attributes:
        entries: Its arrays, in file order.
        metadata: Strings.
        file_size: The size that the file must have.
        size: Bytes of the header itself, its length field included.
    """

    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    file_size: int
    size: int


def layout(arrays: Iterable[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str]) -> tuple[bytes, Header]:
    """Return the first bytes of a file (length and header) and the header they describe.

    Args:
        arrays: Key, stored dtype and shape of each array, in any order.
        metadata: Strings for ``__metadata__``; written sorted, left out when empty.

    Raises:
        InvalidInputError: A key is taken twice or is reserved, elements do not fill whole bytes, or the header would be
            larger than the format allows.
    """
    ordered = sorted(arrays, key=lambda row: (_FILE_ORDER[row[1]], row[0].encode("utf-8")))
    document: dict[str, Any] = {METADATA: {key: metadata[key] for key in sorted(metadata)}} if metadata else {}
    relative: list[tuple[str, str, tuple[int, ...], int, int]] = []
    position = 0
    for key, dtype, shape in ordered:
        if key in document or key == METADATA:
            raise InvalidInputError(f"the key {key!r} cannot be used for a tensor: it is taken or reserved")
        size = whole_bytes(dtype, shape)
        if size is None:
            raise InvalidInputError(f"the {dtype} elements of {key!r} do not fill whole bytes")
        document[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
        relative.append((key, dtype, shape, position, size))
        position += size
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    if len(text) > limits.SAFETENSORS_HEADER:
        raise InvalidInputError("too many tensors for one safetensors file", hint="use smaller shards")
    start = 8 + len(text)
    entries = {key: Entry(key, dtype, shape, start + begin, size) for key, dtype, shape, begin, size in relative}
    return struct.pack("<Q", len(text)) + text, Header(
        entries, dict(document.get(METADATA, {})), start + position, start
    )


def read_header(path: Path) -> Header:
    """Read and check the header of one file.

    Raises:
        CorruptFileError: A rule of the format is broken; ``code`` says which (``CKP4001`` to ``CKP4008``).
        LimitExceededError: The stated header length is beyond the format's limit (``CKP4009``).
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        return parse_header(file, size, str(path))


def parse_header(file: BinaryIO, file_size: int, location: str) -> Header:
    """Read and check a header from an open file positioned at its start; see :func:`read_header`."""
    start = file.read(8)
    if len(start) < 8:
        raise _corrupt("the file is shorter than 8 bytes", location, "CKP4001")
    length = struct.unpack("<Q", start)[0]
    if length > limits.SAFETENSORS_HEADER:
        raise LimitExceededError(
            f"the header states {length} bytes, more than {limits.SAFETENSORS_HEADER}",
            location=location,
            code="CKP4009",
        )
    if 8 + length > file_size:
        raise _corrupt(f"the header states {length} bytes, but {file_size - 8} follow", location, "CKP4001")
    document = _parse_json(file.read(length), location)
    metadata = document.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _corrupt("__metadata__ is not an object of strings", location, "CKP4008")
    rows = [_row(key, value, location) for key, value in document.items()]
    return _contiguous(rows, metadata, 8 + length, file_size, location)


def _corrupt(message: str, location: str, code: str) -> CorruptFileError:
    return CorruptFileError(message, location=location, code=code)


def _parse_json(text: bytes, location: str) -> dict[str, Any]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            raise _corrupt("a name appears twice in the header", location, "CKP4003")
        return result

    if not text.startswith(b"{"):
        raise _corrupt("the header does not start with '{'", location, "CKP4002")
    if text.count(b"{") > 4 and text[: 1 << 16].count(b"[" * 64):
        raise _corrupt("the header is nested too deeply", location, "CKP4002")
    try:
        document = json.loads(text.decode("utf-8"), object_pairs_hook=pairs)
        "".join(document).encode("utf-8")  # half a surrogate pair, escaped, is JSON but no text
    except CorruptFileError:
        raise
    except (ValueError, RecursionError) as error:  # also a number of more digits than the interpreter converts
        raise _corrupt(f"the header is not JSON: {error}", location, "CKP4002") from error
    if not isinstance(document, dict):
        raise _corrupt("the header is not a JSON object", location, "CKP4002")
    return document


def _row(key: str, value: Any, location: str) -> tuple[str, str, tuple[int, ...], int, int]:
    """Check one entry by itself; return key, dtype, shape and relative offsets."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _corrupt(f"the entry of {key!r} must hold dtype, shape and data_offsets", location, "CKP4002")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in STORED:
        raise UnknownDtypeError(f"the dtype {dtype!r} of {key!r} is not known", location=location, code="CKP4007")
    if not _naturals(shape) or len(shape) > limits.TENSOR_RANK:
        raise _corrupt(f"the shape of {key!r} is not a list of sizes", location, "CKP4005")
    if not _naturals(offsets) or len(offsets) != 2:
        raise _corrupt(f"the data_offsets of {key!r} are not two positions", location, "CKP4005")
    size = whole_bytes(dtype, tuple(shape))
    if size is None:
        raise _corrupt(f"the {dtype} elements of {key!r} do not fill whole bytes", location, "CKP4007")
    if offsets[1] - offsets[0] != size:
        raise _corrupt(
            f"{key!r} takes {offsets[1] - offsets[0]} bytes, but its shape and dtype need {size}", location, "CKP4005"
        )
    return key, dtype, tuple(shape), offsets[0], size


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 63 for item in value)


def _contiguous(
    rows: list[tuple[str, str, tuple[int, ...], int, int]],
    metadata: dict[str, str],
    start: int,
    file_size: int,
    location: str,
) -> Header:
    """Check that the entries fill the rest of the file exactly."""
    rows.sort(key=lambda row: (row[3], row[4]))
    position = 0
    for key, _, _, begin, size in rows:
        if begin != position:
            kind = "a hole before" if begin > position else "an overlap at"
            raise _corrupt(f"{kind} {key!r}: it starts at {begin}, expected {position}", location, "CKP4004")
        position += size
    if start + position != file_size:
        missing = start + position - file_size
        text = f"{missing} bytes are missing at the end" if missing > 0 else f"{-missing} bytes too many at the end"
        raise _corrupt(text, location, "CKP4006")
    entries = {key: Entry(key, dtype, shape, start + begin, size) for key, dtype, shape, begin, size in rows}
    return Header(entries, metadata, file_size, start)
