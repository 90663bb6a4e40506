"""The calls that change a file system: all writing of the package goes through them."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path
from typing import BinaryIO, Final, cast

from candle_spec.atomic import system

PAGE: Final = 4096
"""Alignment that direct writes need: a multiple of the block size of every usual disk."""


class Fs:
    """The calls that change a file system; tests replace single methods to inject faults."""

    def open_new(self, path: Path, *, direct: bool = False, mode: int = 0o666) -> BinaryIO:
        """Create ``path`` for unbuffered binary writing; it must not exist.

        Args:
            path: The new file.
            direct: Write past the page cache: every buffer, offset and length must then be aligned to :data:`PAGE`.
            mode: Permissions, less the process's mask.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags | (getattr(os, "O_DIRECT", 0) if direct else 0), mode)
        return os.fdopen(descriptor, "w+b", buffering=0)

    def reserve(self, file: BinaryIO, size: int) -> None:
        """Claim ``size`` bytes for an empty file, so that a full disk shows before anything is written.

        Systems that cannot do so without writing do nothing (``os.posix_fallocate`` would write zeros there).
        """
        system.allocate(file.fileno(), size)

    def truncate(self, file: BinaryIO, size: int) -> None:
        """Set the file's size."""
        os.ftruncate(file.fileno(), size)

    def free_space(self, folder: Path) -> int:
        """Return the bytes that may still be written in the file system of ``folder``."""
        return shutil.disk_usage(folder).free

    def open_end(self, path: Path) -> BinaryIO:
        """Open the file ``path`` for unbuffered reading and for writing behind what it holds; create it if need be."""
        file = path.open("a+b", buffering=0)
        return cast(BinaryIO, file)

    def cut(self, file: BinaryIO, size: int) -> None:
        """Drop what a file holds beyond ``size`` bytes."""
        os.ftruncate(file.fileno(), size)

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        """Write all of ``data``."""
        view = memoryview(data).cast("B")
        while len(view):
            view = view[os.write(file.fileno(), view[: 1 << 30]) :]

    def copy_range(self, source: BinaryIO, offset: int, length: int, target: BinaryIO) -> None:
        """Append ``length`` bytes of ``source`` from ``offset`` to ``target`` without passing them through Python.

        Raises:
            OSError: ``EIO`` where the source is shorter than asked.
        """
        if hasattr(os, "sendfile") and sys.platform == "linux":
            while length:
                sent = os.sendfile(target.fileno(), source.fileno(), offset, min(length, 1 << 26))
                if not sent:
                    raise OSError(errno.EIO, "the source file ended early")
                offset, length = offset + sent, length - sent
            return
        source.seek(offset)
        while length:
            block = source.read(min(length, 1 << 20))
            if not block:
                raise OSError(errno.EIO, "the source file ended early")
            self.write(target, block)
            length -= len(block)

    def sync_file(self, file: BinaryIO) -> None:
        """Make the file's content durable."""
        if sys.platform == "darwin":
            import fcntl

            # fsync leaves the data in the drive's cache there.
            fcntl.fcntl(file.fileno(), fcntl.F_FULLFSYNC)
            return
        os.fsync(file.fileno())

    def sync_folder(self, path: Path) -> None:
        """Make the folder's entries durable, where the system can (Windows cannot open folders)."""
        if os.name == "nt":
            return
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems refuse fsync on a folder; there is nothing better to do there.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
                raise
        finally:
            os.close(descriptor)

    def make_folder(self, path: Path) -> None:
        """Create one folder; it must not exist."""
        path.mkdir()

    def link(self, source: Path, target: Path) -> None:
        """Give the file ``source`` a second name; the target must not exist."""
        os.link(source, target)

    def reflink(self, source: Path, target: Path) -> None:
        """Create ``target`` as a copy of ``source`` that shares its blocks until one of them is written.

        Raises:
            OSError: The file system cannot; no target is left.
        """
        system.clone(source, target)

    def symlink(self, content: str, path: Path) -> None:
        """Create a symbolic link; the path must not exist."""
        path.symlink_to(content)

    def rename(self, source: Path, target: Path) -> None:
        """Rename; a file replaces a file, a folder an empty folder or nothing."""
        os.replace(source, target)

    def exchange(self, first: Path, second: Path) -> bool:
        """Exchange two entries atomically; return ``False`` where the system cannot."""
        return system.exchange(first, second)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and all below it."""
        shutil.rmtree(path)

    def remove_file(self, path: Path) -> None:
        """Remove one file."""
        path.unlink()
