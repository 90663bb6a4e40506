"""What of one checkpoint changes: its manifest, and the documents that are rewritten; nothing is written here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from candle_spec import pointer
from candle_spec.canonical import load_file, pretty
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.file_record import JSON, SAFETENSORS, FileRecord, file_rows
from candle_spec.checkpoint.large_values import moved_out
from candle_spec.checkpoint.layout import INVENTORY, MANIFEST, pointer_target, resolve
from candle_spec.checkpoint.manifest_builder import is_apart, timestamp, tool
from candle_spec.checkpoint.older import current_document, current_manifest
from candle_spec.digests import digest_bytes
from candle_spec.errors import (
    CorruptFileError,
    InvalidInputError,
    MissingPathError,
    ProofFailedError,
    UnknownVersionError,
)
from candle_spec.manifest import CURRENT, check, identify, migrations
from candle_spec.problems import Severity
from candle_spec.validation.run import checkpoint_root

IDENTITY: Final = ("content_digest", "values_digest", "state_digest")
"""What no migration changes, but that of a payload: since 1.0.0-rc.1 it covers the model's tensors, too."""

WEIGHTS_ROLES: Final = ("weights", "training-state")
"""Roles of files whose header the manifest states."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one checkpoint.

    Attributes:
        path: Its folder.
        version: The version that it has.
        before: Its manifest as it stands there.
        migrated: The same in the current version, whole.
        after: The manifest to be written, sealed if it was; what is too large for it is in ``documents``.
        documents: Files that are rewritten or new, by path.
        stays: Files that are withheld from this copy and stay as they are described.
    """

    path: Path
    version: str
    before: Mapping[str, Any]
    migrated: Mapping[str, Any]
    after: dict[str, Any]
    documents: Mapping[str, bytes]
    stays: tuple[str, ...]


def plan(path: str | Path) -> Plan | None:
    """Return what a migration changes in a checkpoint; ``None`` where it is of the current version.

    Raises:
        MissingPathError, InvalidInputError: It is no checkpoint; what must be rewritten is withheld or not fetched.
        CorruptFileError: It is not what it was when it was written.
        UnknownVersionError: It is of a version from which no migration leads here.
    """
    root = checkpoint_root(path)
    before = manifest_file.read(root / MANIFEST)
    if not isinstance(before, dict):
        raise CorruptFileError("the manifest is not a JSON object", location=str(root / MANIFEST), code="CKP1003")
    if not migrations.is_older(before):
        if identify(before) != CURRENT:
            raise UnknownVersionError(
                f"the manifest is of the newer version {before['schema_version']}",
                location=str(root),
                hint="pip install --upgrade candle-spec",
                code="CKP1011",
            )
        return None
    _check_seal(before, root)
    return _Planning(root, before).plan()


def _check_seal(manifest: dict[str, Any], root: Path) -> None:
    stated = manifest.get("manifest_digest")
    if stated is not None and stated != manifest_file.manifest_digest(manifest):
        raise CorruptFileError(
            "the manifest was changed after it was sealed; it is not sealed anew",
            location=str(root / MANIFEST),
            hint="take the manifest that was sealed, or remove manifest_digest to migrate what stands there",
            code="CKP2020",
        )


class _Planning:
    """The planning of one checkpoint."""

    def __init__(self, root: Path, before: dict[str, Any]) -> None:
        self._root = root
        self._before = before
        self._version = str(before["schema_version"])
        self._migrated = current_manifest(before, root)
        self._refuse_without_header()
        self._refuse_malformed()
        self._rows: dict[str, dict[str, Any]] = {row["path"]: row for row in self._migrated["files"]}
        self._stays = tuple(path for path, row in self._rows.items() if "withheld" in row and not self._is_here(path))

    def plan(self) -> Plan:
        """Return what changes."""
        documents = {path: self._document(path) for path in self._side_documents() if path not in self._stays}
        after = self._with_files(self._migrated, documents)
        after["migrations"] = [*after.get("migrations", []), self._entry()]
        after = manifest_file.sealed_as(self._before, after)
        self._compare(after)
        return Plan(self._root, self._version, self._before, self._migrated, after, documents, self._stays)

    def _entry(self) -> dict[str, Any]:
        entry = {"from": self._version, "date": timestamp(datetime.now(UTC)), "tool": tool()}
        seal = self._before.get("manifest_digest")
        return entry if seal is None else {**entry, "manifest_digest": seal}

    def _refuse_without_header(self) -> None:
        """Refuse weights of which nothing is known but their digest: the manifest must state their header."""
        files = self._migrated.get("files")
        for row in files if isinstance(files, list) else ():
            is_weights = isinstance(row, dict) and row.get("role") in WEIGHTS_ROLES
            if is_weights and row.get("media_type") == SAFETENSORS and "header" not in row:
                raise self._not_here(str(row.get("path")))

    def _refuse_malformed(self) -> None:
        """Refuse what its schema refuses: what is no manifest cannot be migrated."""
        fault = next((found for found in check(self._migrated) if found.severity is Severity.ERROR), None)
        if fault is not None:
            raise CorruptFileError(
                f"it is not valid as version {self._version}: {fault.message}",
                location=f"{self._root / MANIFEST} {fault.location.pointer}",
                hint="mend it first, or convert the native checkpoint again",
                code=fault.code,
            )

    def _side_documents(self) -> Iterator[str]:
        """Yield the paths of the documents that state a version."""
        yield from self._migrated["weights"].get("inventory", ())
        if path := pointer.get(self._migrated, "/training_state/state_tree"):
            yield path
        for original in pointer.get(self._migrated, "/conversion/restore/originals") or ():
            yield original["extents"]

    def _document(self, path: str) -> bytes:
        """Return a side document in the current version; it must be the one that is listed.

        Raises:
            CorruptFileError: It is another one, or no document of the format.
        """
        if not self._is_here(path):
            raise self._not_here(path)
        file = self._root / path
        if digest_bytes(file.read_bytes()) != self._rows.get(path, {}).get("digest"):
            message = "the file is not the one that the manifest lists: it was changed after it was written"
            raise CorruptFileError(message, location=str(file), code="CKP3003")
        document = current_document(load_file(file), self._root)
        if not isinstance(document, dict) or document.get("schema_version") != CURRENT:
            message = f"it is no document of version {self._version}, which the manifest has"
            raise CorruptFileError(message, location=str(file), code="CKP4030")
        if "residue" in document and "digest" not in document["residue"]:
            raise self._not_here(str(document["residue"].get("path")))
        return pretty(document, one_line=manifest_file.ONE_LINE)

    def _with_files(self, manifest: Mapping[str, Any], documents: dict[str, bytes]) -> dict[str, Any]:
        """Return the manifest with the rows of all documents; what is too large for it becomes one."""
        after, large = moved_out(dict(manifest), tuple(self._rows))
        records = [self._record(path, data) for path, data in documents.items()]
        records += [FileRecord(path, len(data), digest_bytes(data), JSON, "document") for path, data in large.items()]
        weights = after["weights"]
        if is_apart(weights.get("tensors", ())) and INVENTORY not in self._rows:
            data = manifest_file.document("tensors", {"tensors": weights["tensors"]})
            rest = {key: value for key, value in weights.items() if key != "tensors"}
            after["weights"] = {**rest, "inventory": [INVENTORY]}
            records.append(FileRecord(INVENTORY, len(data), digest_bytes(data), JSON, "tensor-inventory"))
            large = {**large, INVENTORY: data}
        documents |= large
        return {**after, "files": file_rows(records, after["files"])}

    def _record(self, path: str, data: bytes) -> FileRecord:
        row = self._rows[path]
        return FileRecord(path, len(data), digest_bytes(data), row["media_type"], row["role"])

    def _compare(self, after: Mapping[str, Any]) -> None:
        """Make sure that the model is the same one."""
        for name in IDENTITY:
            # That of a payload may cover tensors which it did not, and follows from the inventory.
            covers = name == "content_digest" and self._before["weights"].get("kind") == "payload"
            if after["weights"].get(name) != (self._migrated if covers else self._before)["weights"].get(name):
                raise ProofFailedError(f"the migration would change {name}", location=str(self._root))

    def _is_here(self, path: str) -> bool:
        """Whether a file is here, and not a pointer to one that was not fetched."""
        try:
            return pointer_target(resolve(self._root, path)) is None
        except MissingPathError:
            return False

    def _not_here(self, path: str) -> InvalidInputError:
        return InvalidInputError(
            f"{path!r} is withheld, missing or not fetched, and version {CURRENT} says more of it than is known",
            location=str(self._root),
            hint="migrate the checkpoint that has it, or fetch it first (git lfs pull)",
        )
