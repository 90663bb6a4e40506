"""The checkpoints that earlier versions wrote, under ``tests/kept``; each test works on a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from candle_spec.digests import digest_bytes, digest_file
from tests.helpers.checkpoints import read_manifest

KEPT = Path(__file__).parents[1] / "kept"
DEV_1 = KEPT / "1.0.0-dev.1"
SERIES = "series"


def kinds(version: str = "1.0.0-dev.1") -> list[str]:
    """Return the names of the single checkpoints of a version."""
    return sorted(path.name for path in (KEPT / version).iterdir() if path.name != SERIES)


def copied(name: str, folder: Path, version: str = "1.0.0-dev.1") -> Path:
    """Copy a kept checkpoint, or the series, into a folder.

    A series comes back as it was written: files of the same content are one file, which version control forgets.
    """
    target = folder / name
    shutil.copytree(KEPT / version / name, target, symlinks=True)
    if name == SERIES:
        _share(target)
    return target


def _share(series: Path) -> None:
    seen: dict[str, Path] = {}
    for path in weights_of(series):
        first = seen.setdefault(digest_file(path), path)
        if first is not path:
            path.unlink()
            os.link(first, path)


def weights_of(series: Path) -> Iterator[Path]:
    """Yield the weights files of a series."""
    yield from sorted(series.rglob("*.safetensors"))


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of every file below a folder, by its path; a link's is that of where it leads."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = digest_bytes(os.readlink(path).encode())
        elif path.is_file() and name != "digests.json":
            found[name] = digest_file(path)
    return found


def versions(series: Path) -> dict[str, str]:
    """Return the version of each checkpoint of a series."""
    return {path.name: read_manifest(path)["schema_version"] for path in sorted((series / "epochs").iterdir())}
