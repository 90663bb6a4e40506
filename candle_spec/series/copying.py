"""Copy a series and keep its sharing: a file that several checkpoints hold is copied once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from candle_spec.atomic import Fs, Staging
from candle_spec.canonical import pretty
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import MissingPathError
from candle_spec.series import pointers
from candle_spec.series.layout import Layout
from candle_spec.series.live import Live, inode
from candle_spec.series.saves.private_folder import READ_ONLY
from candle_spec.series.store import Store


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: where, how many checkpoints, how many bytes were written and how many shared."""

    path: Path
    checkpoints: int
    written_bytes: int
    shared_bytes: int


def copy(store: Store, target: str | Path, fs: Fs) -> Copied:
    """Copy all live checkpoints to a new folder; see :meth:`candle_spec.series.series.Series.copy`."""
    where = Path(target).absolute()
    if not where.parent.is_dir():
        raise MissingPathError("the folder for the copy does not exist", location=str(where.parent))
    with Staging(where, fs=fs) as staging:
        copying = _Copying(staging, fs)
        for folder in ("epochs", ".candle", ".candle/staging", ".candle/trash", ".candle/bad"):
            fs.make_folder(staging.path / folder)
        for live in store.live:
            copying.checkpoint(live)
        staging.write(".candle/series.json", pretty(store.record.to_json()))
        copying.pointers(store.layout)
        staging.commit()
    return Copied(where, len(store.live), copying.written, copying.shared)


@dataclass(slots=True)
class _Copying:
    staging: Staging
    fs: Fs
    written: int = 0
    shared: int = 0
    _copied: dict[tuple[int, int], Path] = field(default_factory=dict)

    def checkpoint(self, live: Live) -> None:
        """Copy the files that a checkpoint lists, and its manifest last."""
        folder = f"epochs/{live.path.name}"
        for name, held in sorted(live.files.items()):
            self._file(held.path, f"{folder}/{name}")
        self._file(live.path / MANIFEST, f"{folder}/{MANIFEST}")

    def _file(self, source: Path, name: str) -> None:
        size, identity = source.stat().st_size, inode(source)
        target = self.staging.path.joinpath(*name.split("/"))
        if identity in self._copied:
            for folder in reversed([each for each in target.parents if not each.exists()]):
                self.fs.make_folder(folder)
            self.fs.link(self._copied[identity], target)
            self.shared += size
            return
        for folder in reversed([each for each in target.parents if not each.exists()]):
            self.fs.make_folder(folder)
        with source.open("rb", buffering=0) as old, self.fs.open_new(target, mode=READ_ONLY) as new:
            self.fs.copy_range(old, 0, size, new)
            self.fs.sync_file(new)
        self.written += size
        if identity is not None:
            self._copied[identity] = target

    def pointers(self, layout: Layout) -> None:
        """Let ``last`` and ``best`` of the copy name the same checkpoints."""
        for name in pointers.NAMES:
            target = pointers.target(layout, name)
            if target is None or target.parent != layout.epochs.resolve():
                continue
            if os.name == "nt" or (layout.root / f"{name}.txt").is_file():
                self.staging.write(f"{name}.txt", f"epochs/{target.name}\n".encode())
            else:
                self.fs.symlink(f"epochs/{target.name}", self.staging.path / name)
