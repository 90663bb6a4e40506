"""The manifest and its side documents, read; those of an older version as if they were migrated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candle_spec.canonical import load_file
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.code_files import START, kind_of_code
from candle_spec.checkpoint.layout import pointer_target, resolve
from candle_spec.checkpoint.residue import unpacked
from candle_spec.digests import digest_blocks, digest_range
from candle_spec.errors import CandleSpecError, CorruptFileError, MissingPathError
from candle_spec.manifest import migrations
from candle_spec.weights.native_places import is_place
from candle_spec.weights.safetensors import read_header


@dataclass(frozen=True, slots=True)
class FilesOf:
    """What the files of a checkpoint tell, as far as they are here: the facts that migrations need."""

    root: Path

    def header(self, path: str) -> dict[str, Any] | None:
        """Return size and digest of the first bytes of a safetensors file, its length field included."""
        file = self._file(path)
        if file is None:
            return None
        size = read_header(file).size
        return {"size": size, "digest": digest_range(file, 0, size)}

    def unpacked(self, path: str, size: int) -> str | None:
        """Return the digest of what a residue holds, which must be ``size`` bytes."""
        file = self._file(path)
        return None if file is None else digest_blocks(unpacked(file, size, path))

    def is_place(self, path: str, root: str) -> bool | None:
        """Return whether the root of a group is a place of the state tree in a file; what is none, L4 says."""
        file = self._file(path)
        if file is None:
            return None
        try:
            document = load_file(file, location=path)
        except CandleSpecError:
            return None
        return is_place(document["tree"], root) if isinstance(document, dict) and "tree" in document else None

    def tensors(self, path: str) -> list[Any] | None:
        """Return the entries of a file of the inventory; what is none, L4 says."""
        file = self._file(path)
        try:
            document = None if file is None else load_file(file, location=path)
        except CandleSpecError:
            return None
        entries = document.get("tensors") if isinstance(document, dict) else None
        return entries if isinstance(entries, list) else None

    def is_code(self, path: str) -> bool | None:
        """Return whether a file is program code or a pickle."""
        file = self._file(path)
        if file is None:
            return None
        with file.open("rb") as content:
            return bool(kind_of_code(path, content.read(START)))

    def _file(self, path: str) -> Path | None:
        """Return a file, or ``None`` where it is withheld, missing, or not fetched."""
        try:
            file = resolve(self.root, path)
        except MissingPathError:
            return None
        return file if pointer_target(file) is None else None


def read_manifest(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the manifest as it stands in its file, and as one of the current version; the same, mostly.

    Raises:
        CorruptFileError: It is no manifest, contradicts itself, or a file contradicts it.
        UnknownVersionError: It is of a version that this package does not know.
    """
    from candle_spec.manifest.versions import identify

    written = manifest_file.read(path)
    if not isinstance(written, dict):
        raise CorruptFileError("the manifest is not a JSON object", location=str(path), code="CKP1003")
    document = current_manifest(written, path.parent)
    identify(document)
    missing = [key for key in ("name", "model", "files", "weights") if key not in document]
    if missing:
        raise CorruptFileError(
            f"the manifest lacks {', '.join(missing)}",
            location=str(path),
            hint="candle-spec validate says all that is wrong",
            code="CKP1001",
        )
    return written, document


def current_manifest(manifest: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return a manifest as one of the current version; one that is of no older version is returned as it is.

    Raises:
        CorruptFileError: It contradicts itself, or a file contradicts it.
    """
    return migrations.migrate(manifest, facts=FilesOf(root)) if migrations.is_older(manifest) else manifest


def current_document(document: Any, root: Path) -> Any:
    """Return any JSON document of a checkpoint as one of the current version, if it is of the format and older.

    Raises:
        CorruptFileError: It contradicts itself, or a file contradicts it.
    """
    if not migrations.is_older(document) or (schema := migrations.schema_of(document)) is None:
        return document
    return migrations.migrate(document, schema=schema, facts=FilesOf(root))
