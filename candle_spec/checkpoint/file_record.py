"""The rows of a manifest's ``files``: what is said of each file, and which role it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec.checkpoint.code_files import kind_of_code
from candle_spec.checkpoint.layout import resolve
from candle_spec.digests import digest_bytes, digest_file

SAFETENSORS: Final = "application/vnd.safetensors"
JSON: Final = "application/json"

_WEIGHTS: Final = ("model", "ema", "adapter", "derived")
"""Kinds of the groups whose files are weights; those of all others are training state."""


@dataclass(slots=True)
class FileRecord:
    """One row of ``files``.

    Attributes:
        digest: Digest of all bytes; ``""`` where header and arrays tell all of them and nobody asked for it.
        header: The first bytes of a safetensors file, length field included: how many, and their digest.
    """

    path: str
    size: int
    digest: str
    media_type: str
    role: str
    header: tuple[int, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """The record as it stands in the manifest."""
        about: dict[str, Any] = {"path": self.path, "size": self.size}
        if self.digest:
            about["digest"] = self.digest
        if self.header is not None:
            about["header"] = {"size": self.header[0], "digest": self.header[1]}
        return {**about, "media_type": self.media_type, "role": self.role}


def head_of(first: bytes) -> tuple[int, str]:
    """Return the ``header`` of a file's record: size and digest of its first bytes, length field included."""
    return len(first), digest_bytes(first)


def file_rows(records: Iterable[FileRecord], before: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Return the rows of ``files``, sorted by path.

    Args:
        records: Files that were written.
        before: Rows of an earlier manifest; of a file that was written anew, the row keeps what else it says.
    """
    written = {record.path: record.to_json() for record in records}
    rows = [{**_kept(row), **new} if (new := written.pop(row["path"], None)) else dict(row) for row in before]
    return sorted([*rows, *written.values()], key=lambda row: row["path"].encode())


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an earlier row says besides what a file's bytes are."""
    return {key: value for key, value in row.items() if key not in ("digest", "header")}


def digested_row(row: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return a row of ``files`` with the digest of the file, which is taken if it is here and not stated."""
    if "digest" in row or not root.joinpath(*row["path"].split("/")).is_file():
        return dict(row)
    about = {"path": row["path"], "size": row["size"], "digest": digest_file(resolve(root, row["path"]))}
    return about | {key: value for key, value in row.items() if key not in about}


def group_role(group: str) -> str:
    """Return the role of the weights files of a group, by its id."""
    return "weights" if group.partition(".")[0] in _WEIGHTS else "training-state"


def payload_role(path: str, start: bytes) -> str:
    """Return the role of a file that is the model: one that could run when it is opened is code (CS-081)."""
    return "code" if kind_of_code(path, start) else "payload"
