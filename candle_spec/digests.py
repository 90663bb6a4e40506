"""Digests of the format: ``sha256:<hex>``, the only hash. What is hashed is said in ``spec.md``, with test vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec.canonical import canonical
from candle_spec.errors import TruncatedFileError
from candle_spec.names import sort_key, to_json

Progress = Callable[[int], None]
"""Called with the number of bytes done since the last call, from any thread."""


def no_progress(count: int) -> None:
    """Ignore progress."""


BLOCK: Final = 1 << 20
"""Bytes read at once: fits the second-level cache, so that hashing runs at the speed of the processor."""


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the digest of bytes."""
    import hashlib

    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Return the digest of the RFC 8785 canonical form of ``value``."""
    return digest_bytes(canonical(value))


def digest_blocks(blocks: Iterable[bytes | memoryview]) -> str:
    """Return the digest of streamed bytes."""
    import hashlib

    state = hashlib.sha256()
    for block in blocks:
        state.update(block)
    return "sha256:" + state.hexdigest()


def digest_file(path: Path, progress: Progress = no_progress) -> str:
    """Return the digest of a whole file, read in blocks."""
    import hashlib

    state = hashlib.sha256()
    buffer = memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            state.update(buffer[:count])
            progress(count)
    return "sha256:" + state.hexdigest()


def digest_range(path: Path, offset: int, size: int, progress: Progress = no_progress) -> str:
    """Return the digest of a range of a file, read in blocks.

    Raises:
        CorruptFileError: The file ends before the range does.
    """
    return digest_ranges(path, [(offset, size)], progress)[0]


def digest_ranges(path: Path, ranges: Sequence[tuple[int, int]], progress: Progress = no_progress) -> list[str]:
    """Return the digests of ranges of a file, each an offset and a size, read in blocks.

    Raises:
        CorruptFileError: The file ends before a range does.
    """
    import hashlib

    found: list[str] = []
    buffer = memoryview(bytearray(min(BLOCK, max((size for _, size in ranges), default=0)) or 1))
    with path.open("rb", buffering=0) as file:
        for offset, size in ranges:
            state = hashlib.sha256()
            file.seek(offset)
            while size:
                count = file.readinto(buffer[: min(size, len(buffer))])
                if not count:
                    raise TruncatedFileError("the file ended inside a tensor", location=str(path))
                state.update(buffer[:count])
                progress(count)
                size -= count
            found.append("sha256:" + state.hexdigest())
    return found


def digest_file_list(files: Iterable[tuple[str, int, str]]) -> str:
    """Return the digest of a directory: of its sorted rows ``[path, size, sha256]``.

    Args:
        files: Relative path with ``/``, size in bytes, digest of each file.
    """
    rows = sorted((list(row) for row in files), key=lambda row: str(row[0]).encode())
    return digest_json(rows)


def digest_encoded(
    encoding: str, params: Mapping[str, Any], parts: Mapping[str, tuple[str, Sequence[int], str]]
) -> str:
    """Return the digest of a tensor that is stored encoded.

    Args:
        encoding: The encoding's name.
        params: Its parameters.
        parts: For each part its stored dtype, shape and digest.
    """
    rows = {name: [dtype, list(shape), digest] for name, (dtype, shape, digest) in parts.items()}
    return digest_json({"encoding": encoding, "params": dict(params), "parts": rows})


def content_digest(rows: Iterable[tuple[str, str, Sequence[int], str]]) -> str:
    """Return the identity of a set of tensors.

    Args:
        rows: Name, logical dtype, logical shape and digest, one row for every name, aliases included.
    """
    return digest_json(_with_names(rows))


def values_digest(rows: Iterable[tuple[str, str, Sequence[int], str]]) -> str:
    """Return the identity of the same tensors under any names: the rows without names, sorted by their digest."""
    return digest_json(sorted(((dtype, list(shape), digest) for _, dtype, shape, digest in rows), key=_by_digest))


def payload_digest(
    rows: Iterable[tuple[str, str, int, str]], tensors: Iterable[tuple[str, str, Sequence[int], str]] = ()
) -> str:
    """Return the identity of a model that is a file: a booster's text, a program, with or without tensors.

    Args:
        rows: Role, media type, size and digest of each payload file.
        tensors: As for :func:`content_digest`: what the model has besides, a scaler before the booster.
    """
    return digest_json([*sorted(list(row) for row in rows), *_with_names(tensors)])


def _with_names(rows: Iterable[tuple[str, str, Sequence[int], str]]) -> list[list[Any]]:
    ordered = sorted(rows, key=lambda row: sort_key(row[0]))
    return [[to_json(name), *about] for name, *about in ordered]


def _by_digest(row: tuple[str, list[int], str]) -> tuple[str, str, list[int]]:
    dtype, shape, digest = row
    return digest, dtype, shape
