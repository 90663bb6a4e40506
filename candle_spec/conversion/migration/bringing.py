"""Bring files along into a new folder: by a second name, a copy that shares its blocks, or a copy."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from candle_spec.atomic import Fs
from candle_spec.series.live import inode
from candle_spec.series.saves.holdings import NOT_HERE


@dataclass(slots=True)
class Bringing:
    """Brings files along.

    Attributes:
        fs: The file system.
        linked: Whether a file may be the very same one under another name: where the old folder gives way to the new.
        brought: Bytes that were copied.
    """

    fs: Fs
    linked: bool
    brought: int = 0
    _refused: set[str] = field(default_factory=set)
    _copies: dict[tuple[int, int] | None, Path] = field(default_factory=dict)

    def file(self, source: Path, target: Path) -> None:
        """Bring one file; of several names of one file there is one file afterwards, too.

        Raises:
            OSError: The system refused.
        """
        self.folders(target)
        identity = inode(source)
        first = self._copies.get(identity)
        if first is not None and self._as("link", self.fs.link, first, target):
            return
        if not ((self.linked and self._as("link", self.fs.link, source, target)) or self._cloned(source, target)):
            self._copy(source, target)
        self._copies.setdefault(identity, target)

    def write(self, target: Path, data: bytes, like: Path) -> None:
        """Write a new file durably, with the permissions of another one where there is one."""
        self.folders(target)
        with self.fs.open_new(target, mode=like.stat().st_mode & 0o777 if like.is_file() else 0o666) as file:
            self.fs.write(file, data)
            self.fs.sync_file(file)

    def link(self, content: str, target: Path) -> None:
        """Make a symbolic link of a given content."""
        self.folders(target)
        self.fs.symlink(content, target)

    def folders(self, target: Path) -> None:
        """Make the folders above a new file."""
        for folder in reversed([parent for parent in target.parents if not parent.exists()]):
            self.fs.make_folder(folder)

    def _cloned(self, source: Path, target: Path) -> bool:
        if not self._as("reflink", self.fs.reflink, source, target):
            return False
        with target.open("rb") as file:
            self.fs.sync_file(file)
        return True

    def _copy(self, source: Path, target: Path) -> None:
        status = source.stat()
        with source.open("rb", buffering=0) as old, self.fs.open_new(target, mode=status.st_mode & 0o777) as new:
            self.fs.copy_range(old, 0, status.st_size, new)
            self.fs.sync_file(new)
        self.brought += status.st_size

    def _as(self, way: str, make: Callable[[Path, Path], None], source: Path, target: Path) -> bool:
        """Try one way; whether it worked."""
        if way in self._refused:
            return False
        try:
            make(source, target)
        except OSError as error:
            if error.errno not in NOT_HERE:
                raise
            self._refused.add(way)
            return False
        return True


def entries(root: Path) -> list[tuple[str, Path]]:
    """Return every file and every link below a folder, by relative path; links are not followed."""
    found: list[tuple[str, Path]] = []
    for folder, names, files in os.walk(root):
        here = Path(folder)
        links = [name for name in names if (here / name).is_symlink()]
        found += [((here / name).relative_to(root).as_posix(), here / name) for name in (*files, *links)]
    return sorted(found)
