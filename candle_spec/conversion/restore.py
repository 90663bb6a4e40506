"""Restore a native checkpoint: the very file byte for byte, or a fresh one made from manifest and weights alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from candle_spec.atomic import Fs, Staging, private_name, recover, write_errors
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import path_fault
from candle_spec.conversion import registry
from candle_spec.conversion.contract import Rebuild
from candle_spec.conversion.splice import Splice, StoredExtent, checked_extents
from candle_spec.digests import Progress, digest_file, no_progress
from candle_spec.errors import (
    CorruptFileError,
    InvalidInputError,
    OutputExistsError,
    ProofFailedError,
    UnsafeContentError,
    UnsupportedFormatError,
)

How = Literal["byte-exact", "rebuilt"]


@dataclass(frozen=True, slots=True)
class RestoredFile:
    """One restored file: where it is, its digest, and whether that is the digest of the native file."""

    path: Path
    size: int
    digest: str
    byte_exact: bool


def restore(
    checkpoint: str | Path,
    output: str | Path | None = None,
    *,
    how: How = "byte-exact",
    overwrite: bool = False,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> list[RestoredFile]:
    """Bring the native checkpoint back.

    Args:
        checkpoint: The checkpoint's folder.
        output: The file (or, for several native files, the folder) to write; by default the native name in the
            current folder.
        how: ``"byte-exact"``: the very bytes, from residue and extents. ``"rebuilt"``: a fresh native file from
            manifest and weights alone.
        overwrite: Whether an existing file is replaced.
        progress: Called with bytes written.
        fs: The file system; replaced by tests.

    Raises:
        InvalidInputError: The checkpoint was not converted, or was converted without its original.
        OutputExistsError: The output exists.
        CorruptFileError: The checkpoint was changed.
        ProofFailedError: The restored bytes have another digest than the native file; nothing was committed.
        UnsupportedFormatError: The format cannot be rebuilt.
    """
    opened = Checkpoint(checkpoint).checked()
    conversion = opened.document.get("conversion")
    if conversion is None:
        raise InvalidInputError(
            "this checkpoint was not made from a native one",
            location=str(opened.path),
            hint="candle_spec.load(path).state_dict() gives its tensors",
        )
    if how == "rebuilt":
        return [_rebuild(opened, conversion, output, overwrite, fs or Fs())]
    originals = conversion["restore"].get("originals", [])
    if not originals:
        raise InvalidInputError(
            "it was converted without its original, so it cannot come back byte for byte",
            location=str(opened.path),
            hint="add --rebuild for a fresh native file from the weights",
        )
    documents = [_document(opened, original) for original in originals]
    if len(documents) == 1:
        target = _file_target(output, documents[0]["native"].rpartition("/")[2], overwrite)
        return [_write_file(opened, documents[0], target, progress, overwrite, fs or Fs())]
    return _restore_folder(opened, documents, output, overwrite, progress, fs)


def _document(checkpoint: Checkpoint, original: dict[str, Any]) -> dict[str, Any]:
    """Read one extents file and check the names that it brings along."""
    document = checked_extents(checkpoint.read_json(original["extents"]), original["extents"])
    checkpoint.file(document["residue"]["path"])
    for extent in document["extents"]:
        checkpoint.file(extent["file"])
    if path_fault(document["native"]) in ("absolute", "parent"):
        raise UnsafeContentError(
            f"the native name {document['native']!r} leaves the folder", location=original["extents"]
        )
    return document


def _file_target(output: str | Path | None, name: str, overwrite: bool) -> Path:
    target = Path(output) if output is not None else Path.cwd() / name
    if target.is_dir():
        target = target / name
    _refuse_existing(target, overwrite)
    return target.parent.resolve() / target.name


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if os.path.lexists(target) and not overwrite:
        raise OutputExistsError(
            "the output exists already", location=str(target), hint="name another output, or add --overwrite"
        )


def splice_of(checkpoint: Checkpoint, document: dict[str, Any]) -> Splice:
    """Return the virtual native file that an extents document describes."""
    extents = [StoredExtent.from_json(about) for about in document["extents"]]
    return Splice(checkpoint.path, document["residue"]["path"], document["size"], extents)


def _write_file(
    checkpoint: Checkpoint, document: dict[str, Any], target: Path, progress: Progress, overwrite: bool, fs: Fs
) -> RestoredFile:
    splice = splice_of(checkpoint, document)
    digest = _publish(target, lambda path: _write_splice(splice, document, path, progress, fs), overwrite, fs)
    return RestoredFile(target, document["size"], digest, byte_exact=True)


def _write_splice(splice: Splice, document: dict[str, Any], path: Path, progress: Progress, fs: Fs) -> str:
    state = hashlib.sha256()
    with fs.open_new(path) as file:
        for block in splice.blocks():
            fs.write(file, block)
            state.update(block)
            progress(len(block))
        fs.sync_file(file)
    digest = "sha256:" + state.hexdigest()
    if digest != document["sha256"]:
        raise ProofFailedError(
            f"the restored bytes have {digest}, the native file had {document['sha256']}",
            location=document["native"],
            hint="the checkpoint was changed: candle-spec validate says where",
        )
    return digest


def _publish(target: Path, write: Callable[[Path], str], overwrite: bool, fs: Fs) -> str:
    """Write under a private name, then give the file its name."""
    recover(target, fs)
    private = private_name(target)
    with write_errors(target):
        try:
            digest = write(private)
            _refuse_existing(target, overwrite)  # another process may have made it since
            fs.rename(private, target)
            fs.sync_folder(target.parent)
        finally:
            if private.exists():
                fs.remove_file(private)
    return digest


def _restore_folder(
    checkpoint: Checkpoint,
    documents: Sequence[dict[str, Any]],
    output: str | Path | None,
    overwrite: bool,
    progress: Progress,
    fs: Fs | None,
) -> list[RestoredFile]:
    target = Path(output) if output is not None else Path.cwd() / f"{checkpoint.path.name}.restored"
    if overwrite and target.exists():
        raise OutputExistsError(
            "a folder is never replaced by a restore", location=str(target), hint="name a new folder"
        )
    target = target.parent.resolve() / target.name
    restored: list[RestoredFile] = []
    with Staging(target, fs=fs) as staging, write_errors(target):
        for document in documents:
            path = staging.path.joinpath(*document["native"].split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            digest = _write_splice(splice_of(checkpoint, document), document, path, progress, staging.fs)
            restored.append(RestoredFile(target / document["native"], document["size"], digest, byte_exact=True))
        staging.commit()
    return restored


def _rebuild(
    checkpoint: Checkpoint, conversion: dict[str, Any], output: str | Path | None, overwrite: bool, fs: Fs
) -> RestoredFile:
    native = conversion["native"]
    converter = registry.named(native["format"])
    rebuild: Rebuild | None = getattr(converter, "rebuild", None)
    if rebuild is None:
        raise UnsupportedFormatError(
            f"a fresh file of {native['title']} cannot be made", hint="restore it byte for byte, without --rebuild"
        )
    named = getattr(converter, "rebuilt_name", None)  # a converter may have one, as it may have rebuild
    name = named(checkpoint.document) if named else native["files"][0]["path"].rpartition("/")[2]
    target = _file_target(output, f"rebuilt-{name}", overwrite)

    def write(path: Path) -> str:
        rebuild(
            manifest=checkpoint.document,
            state=checkpoint.state_tree,
            read_file=checkpoint.read_file,
            tensor=checkpoint.loader(),
            target=path,
        )
        if not path.is_file():
            raise CorruptFileError("the converter wrote nothing", location=str(path))
        with path.open("r+b") as file:
            fs.sync_file(file)
        return digest_file(path)

    digest = _publish(target, write, overwrite, fs)
    exact = any(digest == file["sha256"] for file in native["files"])
    return RestoredFile(target, target.stat().st_size, digest, exact)
