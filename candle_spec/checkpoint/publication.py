"""What of a checkpoint is published: all but ``original/``, which nobody looked at, unless that was asked for.

Every file that is published has the bytes that it has here, and so has the manifest where it states the digest of every
file and nothing is left out. Else it differs in those digests, in the member ``withheld`` of rows, and in its seal, and
in nothing else. A receipt names both digests.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.digests import digest_bytes

ORIGINAL: Final = "original/"
"""Folder of what brings the native file back."""

_LEFT_OUT: Final = "not published: it brings the native file back byte for byte and may hold what nobody looked at"


def left_out(manifest: Mapping[str, Any], *, with_original: bool) -> set[str]:
    """Return the paths of files that are here and are not published."""
    return {
        row["path"]
        for row in manifest["files"]
        if row["path"].startswith(ORIGINAL) and "withheld" not in row and not with_original
    }


def published_manifest(checkpoint: Checkpoint, paths: Collection[str]) -> bytes:
    """Return the manifest as it is published: the digest of every file stated, the files at ``paths`` withheld.

    It is the very file that is here where that changes nothing; else it is sealed again if it was.
    """
    manifest = checkpoint.complete_document
    files = [
        {**row, "withheld": {"reason": _LEFT_OUT}} if row["path"] in paths and "withheld" not in row else row
        for row in manifest["files"]
    ]
    changed = {**manifest, "files": files}
    if changed == checkpoint.document:
        return checkpoint.read_file(MANIFEST)
    return manifest_file.dump(manifest_file.sealed_as(manifest, changed))


def publication(checkpoint: Checkpoint, *, with_original: bool, path: str = "") -> dict[str, Any]:
    """Return what a receipt says of one checkpoint: its identity, its manifest here and as published, what is left out.

    Args:
        checkpoint: The checkpoint whose files are sent.
        with_original: Whether ``original/`` goes along.
        path: Where it stands in a series (``epochs/001``).
    """
    local = checkpoint.read_file(MANIFEST)
    withheld = left_out(checkpoint.document, with_original=with_original)
    published = published_manifest(checkpoint, withheld)
    return {
        "path": path,
        "folder": checkpoint.path.name,
        "content_digest": checkpoint.document["weights"]["content_digest"],
        "local_manifest": digest_bytes(local),
        "published_manifest": digest_bytes(published),
        "withheld": sorted(withheld),
    }
