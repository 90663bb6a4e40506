"""The rows of a manifest's ``files``: what is said of each file, and which role it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from candle_spec.checkpoint.code_files import kind_of_code

SAFETENSORS: Final = "application/vnd.safetensors"
JSON: Final = "application/json"

_WEIGHTS: Final = ("model", "ema", "derived")
"""Kinds of the groups whose files are weights; those of all others are training state."""


@dataclass(slots=True)
class FileRecord:
    """One row of ``files``."""

    path: str
    size: int
    digest: str
    media_type: str
    role: str

    def to_json(self) -> dict[str, Any]:
        """The record as it stands in the manifest."""
        return {
            "path": self.path,
            "size": self.size,
            "sha256": self.digest,
            "media_type": self.media_type,
            "role": self.role,
        }


def file_rows(records: Iterable[FileRecord], before: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Return the rows of ``files``, sorted by path.

    Args:
        records: Files that were written.
        before: Rows of an earlier manifest; of a file that was written anew, the row keeps what else it says.
    """
    written = {record.path: record.to_json() for record in records}
    rows = [{**row, **written.pop(row["path"], {})} for row in before]
    return sorted([*rows, *written.values()], key=lambda row: row["path"].encode())


def group_role(group: str) -> str:
    """Return the role of the weights files of a group, by its id."""
    return "weights" if group.partition(".")[0] in _WEIGHTS else "training-state"


def payload_role(path: str, start: bytes) -> str:
    """Return the role of a file that is the model: one that could run when it is opened is code (CS-081)."""
    return "code" if kind_of_code(path, start) else "payload"
