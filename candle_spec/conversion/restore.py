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
from candle_spec.conversion import registry
from candle_spec.conversion.contract import Rebuild
from candle_spec.conversion.extents import StoredExtent, checked_extents
from candle_spec.conversion.splice import Splice
from candle_spec.digests import Progress, digest_file, no_progress
from candle_spec.errors import (
    CorruptFileError,
    InvalidInputError,
    OutputExistsError,
    ProofFailedError,
    UnsafeContentError,
    UnsupportedFormatError,
)
from candle_spec.paths import leaving

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
    work = _Restore(opened, output, overwrite, progress, fs or Fs())
    if how == "rebuilt":
        return [work.rebuilt(conversion["native"])]
    originals = conversion["restore"].get("originals", [])
    if not originals:
        raise InvalidInputError(
            "it was converted without its original, so it cannot come back byte for byte",
            location=str(opened.path),
            hint="add --rebuild for a fresh native file from the weights",
        )
    documents = [_document(opened, original) for original in originals]
    return [work.file(documents[0])] if len(documents) == 1 else work.folder(documents)


def _document(checkpoint: Checkpoint, original: dict[str, Any]) -> dict[str, Any]:
    """Read one extents file and check the names that it brings along."""
    document = checked_extents(checkpoint.read_json(original["extents"]), original["extents"])
    checkpoint.file(document["residue"]["path"])
    for extent in document["extents"]:
        checkpoint.file(extent["file"])
    if leaving(document["native"]):
        raise UnsafeContentError(
            f"the native name {document['native']!r} leaves the folder", location=original["extents"]
        )
    return document


def splice_of(checkpoint: Checkpoint, document: dict[str, Any]) -> Splice:
    """Return the virtual native file that an extents document describes."""
    extents = [StoredExtent.from_json(about) for about in document["extents"]]
    return Splice(checkpoint.path, document["residue"]["path"], document["size"], extents)


@dataclass(frozen=True, slots=True)
class _Restore:
    """One restore: of what, where to, and how it is written."""

    checkpoint: Checkpoint
    output: str | Path | None
    overwrite: bool
    progress: Progress
    fs: Fs

    def file(self, document: dict[str, Any]) -> RestoredFile:
        """Restore a single file byte for byte."""
        target = self._target(document["native"].rpartition("/")[2])
        publish(target, lambda path: self._write(document, path), overwrite=self.overwrite, fs=self.fs)
        return RestoredFile(target, document["size"], document["digest"], byte_exact=True)

    def folder(self, documents: Sequence[dict[str, Any]]) -> list[RestoredFile]:
        """Restore all files of a folder byte for byte."""
        target = Path(self.output) if self.output is not None else Path.cwd() / f"{self.checkpoint.path.name}.restored"
        if self.overwrite and target.exists():
            raise OutputExistsError(
                "a folder is never replaced by a restore", location=str(target), hint="name a new folder"
            )
        target = target.parent.resolve() / target.name
        restored: list[RestoredFile] = []
        with Staging(target, fs=self.fs) as staging, write_errors(target):
            for document in documents:
                path = staging.path.joinpath(*document["native"].split("/"))
                path.parent.mkdir(parents=True, exist_ok=True)
                self._write(document, path)
                size, digest = document["size"], document["digest"]
                restored.append(RestoredFile(target / document["native"], size, digest, byte_exact=True))
            staging.commit()
        return restored

    def rebuilt(self, native: dict[str, Any]) -> RestoredFile:
        """Let the converter of the format make a fresh file."""
        converter = registry.named(native["format"])
        rebuild: Rebuild | None = getattr(converter, "rebuild", None)
        if rebuild is None:
            raise UnsupportedFormatError(
                f"a fresh file of {native['title']} cannot be made", hint="restore it byte for byte, without --rebuild"
            )
        named = getattr(converter, "rebuilt_name", None)  # a converter may have one, as it may have rebuild
        name = named(self.checkpoint.document) if named else native["files"][0]["path"].rpartition("/")[2]
        target = self._target(f"rebuilt-{name}")

        def write(path: Path) -> None:
            rebuild(
                manifest=self.checkpoint.document,
                state=self.checkpoint.state_tree,
                read_file=self.checkpoint.read_file,
                tensor=self.checkpoint.loader(),
                target=path,
            )
            sync_made(path, self.fs)

        publish(target, write, overwrite=self.overwrite, fs=self.fs)
        digest = digest_file(target)
        exact = any(digest == file["digest"] for file in native["files"])
        return RestoredFile(target, target.stat().st_size, digest, exact)

    def _target(self, name: str) -> Path:
        """Return the file to write: as the user named it, else of that name in the current folder."""
        target = Path(self.output) if self.output is not None else Path.cwd() / name
        if target.is_dir():
            target = target / name
        refuse_existing(target, overwrite=self.overwrite)
        return target.parent.resolve() / target.name

    def _write(self, document: dict[str, Any], path: Path) -> None:
        """Write a native file; its digest must be the one of the certificate."""
        state = hashlib.sha256()
        with self.fs.open_new(path) as file:
            for block in splice_of(self.checkpoint, document).blocks():
                self.fs.write(file, block)
                state.update(block)
                self.progress(len(block))
            self.fs.sync_file(file)
        digest = "sha256:" + state.hexdigest()
        if digest != document["digest"]:
            raise ProofFailedError(
                f"the restored bytes have {digest}, the native file had {document['digest']}",
                location=document["native"],
                hint="the checkpoint was changed: candle-spec validate says where",
            )


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Refuse to write over a file, unless it may be replaced.

    Raises:
        OutputExistsError: It exists.
    """
    if os.path.lexists(target) and not overwrite:
        raise OutputExistsError(
            "the output exists already", location=str(target), hint="name another output, or add --overwrite"
        )


def publish(target: Path, write: Callable[[Path], None], *, overwrite: bool, fs: Fs) -> None:
    """Write a file under a private name, then give it its name.

    Args:
        target: The file.
        write: Writes it to a path, durably.
        overwrite: Whether an existing file is replaced.
        fs: The file system.
    """
    recover(target, fs)
    private = private_name(target)
    with write_errors(target):
        try:
            write(private)
            refuse_existing(target, overwrite=overwrite)  # another process may have made it since
            fs.rename(private, target)
            fs.sync_folder(target.parent)
        finally:
            if private.exists():
                fs.remove_file(private)


def sync_made(path: Path, fs: Fs) -> None:
    """Make a file durable that somebody else's code wrote.

    Raises:
        CorruptFileError: It wrote none.
    """
    if not path.is_file():
        raise CorruptFileError("the converter wrote nothing", location=str(path))
    with path.open("r+b") as file:
        fs.sync_file(file)
