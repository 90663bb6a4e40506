"""Seal a checkpoint: write the digest of the manifest into it, after everything it lists was verified."""

from __future__ import annotations

from pathlib import Path

from candle_spec.atomic import replace_file
from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import UnknownVersionError
from candle_spec.manifest import collection, migrations
from candle_spec.manifest.features import refuse_unknown


def write_seal(path: str | Path, *, file_digests: bool = False) -> str:
    """Write ``manifest_digest`` into the manifest of the checkpoint at ``path`` and return it.

    An existing seal is made anew: sealing says that the manifest is as its owner wants it *now*.

    Args:
        path: The checkpoint.
        file_digests: State a digest of each file as a whole first.

    Raises:
        MissingPathError: There is no checkpoint.
        UnknownVersionError: The manifest is of another version.
        WriteFailedError: The system refused to write; the old manifest is still there.
    """
    checkpoint = Checkpoint(path)
    refuse_other_version(checkpoint)
    document = checkpoint.complete_document if file_digests else checkpoint.document
    digest = manifest_file.manifest_digest(document)
    replace_file(checkpoint.path / MANIFEST, manifest_file.dump({**document, "manifest_digest": digest}))
    return digest


def refuse_other_version(checkpoint: Checkpoint) -> None:
    """Refuse to write a manifest anew that is of another version: of a newer one, this package may not know all.

    Raises:
        UnknownVersionError: The manifest is of another version than this package writes.
    """
    refuse_unknown(checkpoint.document, str(checkpoint.path))
    version = checkpoint.as_written["schema_version"]
    if version not in collection.versions()["checkpoint"]:
        older = migrations.is_older(checkpoint.as_written)
        raise UnknownVersionError(
            f"the manifest is of the {'older' if older else 'newer'} version {version}, which is not rewritten here",
            location=str(checkpoint.path),
            hint=f"candle-spec migrate {checkpoint.path} --in-place" if older else "pip install --upgrade candle-spec",
            code="CKP1011",
        )
