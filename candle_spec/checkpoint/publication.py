"""What of a checkpoint is published: all but ``original/``, which nobody looked at, unless that was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from candle_spec.checkpoint import manifest_file

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


def published_manifest(manifest: Mapping[str, Any], paths: Collection[str]) -> bytes:
    """Return the manifest with the files at ``paths`` marked as withheld, sealed again if it was."""
    files = [
        {**row, "withheld": {"reason": _LEFT_OUT}} if row["path"] in paths and "withheld" not in row else row
        for row in manifest["files"]
    ]
    changed = {**manifest, "files": files}
    if "manifest_digest" in changed:
        changed["manifest_digest"] = manifest_file.manifest_digest(changed)
    return manifest_file.dump(changed)
