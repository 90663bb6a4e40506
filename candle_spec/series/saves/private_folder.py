"""The private folder in which a checkpoint of a series is made, before it gets its name."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self, cast

from candle_spec.atomic import Fs
from candle_spec.series.layout import private_name

READ_ONLY = 0o444
"""Permissions of what is written: checkpoints may share it, so nobody should change it in place."""


class PrivateFolder:
    """A private folder: files are written into it, made durable together, and it is renamed or removed.

    Args:
        parent: The folder of such folders.
        fs: The file system.
        durable: Whether to make anything durable.
    """

    def __init__(self, parent: Path, fs: Fs, *, durable: bool = True) -> None:
        self.path = parent / private_name(str(os.getpid()))
        self.fs = fs
        self.durable = durable
        self._open = ExitStack()
        self._unsynced: list[BinaryIO] = []
        self._gone = False

    def __enter__(self) -> Self:
        self.fs.make_folder(self.path)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._open.close()
        # Whoever was killed, or cannot even write, leaves the folder to the next opening of the series.
        if not self._gone and (kind is None or issubclass(kind, (Exception, KeyboardInterrupt))) and self.path.exists():
            self.fs.remove_tree(self.path)

    def place(self, name: str) -> Path:
        """Return the path of a new file, making the folders on the way."""
        path = self.path.joinpath(*name.split("/"))
        missing = [parent for parent in path.relative_to(self.path).parents if not (self.path / parent).exists()]
        for parent in reversed(missing):
            self.fs.make_folder(self.path / parent)
        return path

    def create(self, name: str, *, direct: bool = False) -> BinaryIO:
        """Create a file that stays open until it is durable."""
        file = self.fs.open_new(self.place(name), direct=direct, mode=READ_ONLY)
        self._open.callback(file.close)
        self._unsynced.append(file)
        return file

    def adopt(self, name: str) -> BinaryIO:
        """Take a file that another process wrote into the folder, as if it had been written here."""
        file = self.path.joinpath(*name.split("/")).open("rb", buffering=0)
        self._open.callback(file.close)
        self._unsynced.append(cast(BinaryIO, file))
        return self._unsynced[-1]

    def write(self, name: str, data: bytes) -> None:
        """Write one small file."""
        self.fs.write(self.create(name), data)

    def abandon(self, file: BinaryIO) -> None:
        """Close a file that is not to be made durable."""
        self._unsynced.remove(file)
        file.close()

    def drop(self, name: str, file: BinaryIO) -> None:
        """Remove a file again."""
        self.abandon(file)
        self.fs.remove_file(self.path.joinpath(*name.split("/")))

    def sync_files(self, pool: Executor | None = None) -> None:
        """Make the files durable that are not yet: side by side, because each waits for the disk."""
        waiting, self._unsynced = self._unsynced, []
        if self.durable:
            list((pool.map if pool else map)(self.fs.sync_file, waiting))
        self._open.close()

    def sync_folders(self) -> None:
        """Make the entries of all folders durable."""
        if self.durable:
            for folder, _, _ in os.walk(self.path, topdown=False):
                self.fs.sync_folder(Path(folder))

    def renamed(self) -> None:
        """Say that the folder has got its name."""
        self._gone = True


class JoinedFolder(PrivateFolder):
    """The private folder of another process, into which this one writes files too; it is never removed here.

    Args:
        path: The folder.
        fs: The file system.
        durable: Whether to make anything durable.
    """

    def __init__(self, path: Path, fs: Fs, *, durable: bool = True) -> None:
        super().__init__(path.parent, fs, durable=durable)
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def sync_folders(self) -> None:
        """Make the entries of the folder durable."""
        if self.durable:
            self.fs.sync_folder(self.path)
