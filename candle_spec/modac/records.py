"""The metadata that a publication sends, as the mapping makes it: collections and files with their entries.

A record is what ``candle-spec map --to modac`` writes: the documents ``program``, ``study``, ``asset`` and ``files``,
each with the full ``path`` at MoDaC and its ``metadataEntries``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from candle_spec.canonical import loads
from candle_spec.errors import CorruptFileError, MissingPathError


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """A collection: its full path and its metadata."""

    path: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file: its path in the checkpoint, its full path at MoDaC, its metadata."""

    source: str
    path: str
    metadata: Mapping[str, str]


class AssetPlan(Protocol):
    """What a mapping must give to publish one asset; ``program`` and ``study`` only where they may be created."""

    @property
    def program(self) -> CollectionEntry | None:
        """The program, if it is described."""
        ...

    @property
    def study(self) -> CollectionEntry | None:
        """The study, if it is described."""
        ...

    @property
    def asset(self) -> CollectionEntry:
        """The asset."""
        ...

    @property
    def files(self) -> Mapping[str, FileEntry]:
        """Files by their path in the checkpoint."""
        ...


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """A record that was read from documents."""

    asset: CollectionEntry
    program: CollectionEntry | None = None
    study: CollectionEntry | None = None
    files: Mapping[str, FileEntry] = field(default_factory=dict)


def read_record(documents: Mapping[str, Any], *, location: str) -> AssetRecord:
    """Return the record that a mapping's documents hold.

    Raises:
        CorruptFileError: They have another shape.
    """
    try:
        found = documents.get("asset") or documents["dataset"]
        files = [FileEntry(row["source"], row["path"], _values(row)) for row in documents.get("files") or ()]
        return AssetRecord(
            asset=_collection(found),
            program=_collection(documents["program"]) if documents.get("program") else None,
            study=_collection(documents["study"]) if documents.get("study") else None,
            files={entry.source: entry for entry in files},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(
            f"this is no record for MoDaC: {error}", location=location, hint="candle-spec map CKPT --to modac --out DIR"
        ) from error


def load_record(path: Path) -> AssetRecord:
    """Read a record: the folder that ``candle-spec map --out`` writes, or one JSON file with all documents.

    Raises:
        MissingPathError: Nothing is there.
        CorruptFileError: It is no record.
    """
    if path.is_dir():
        names = ("program", "study", "asset", "dataset", "folder", "files")
        parts = {name: path / f"{name}.json" for name in names}
        documents = {
            name: loads(part.read_bytes(), location=str(part)) for name, part in parts.items() if part.is_file()
        }
    elif path.is_file():
        documents = loads(path.read_bytes(), location=str(path))
        if isinstance(documents, dict) and "documents" in documents:
            documents = documents["documents"]
    else:
        raise MissingPathError("there is no record", location=str(path))
    return read_record(documents, location=str(path))


def _collection(document: Mapping[str, Any]) -> CollectionEntry:
    return CollectionEntry(str(document["path"]), _values(document))


def _values(document: Mapping[str, Any]) -> dict[str, str]:
    return {str(entry["attribute"]): str(entry["value"]) for entry in document["metadataEntries"]}
