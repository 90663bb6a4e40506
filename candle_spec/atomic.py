"""Crash-safe writing: everything is written elsewhere, synced, then renamed.

All writing of the package goes through the small :class:`Fs` interface, so that tests can inject a crash, a full
disk or a power loss at every single call. Protocol of :class:`Staging`: private folder in the same parent as the
target; every file synced; every folder synced; one rename; the parent synced.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, cast

from candle_spec.errors import OutputExistsError, WriteFailedError

STAGING_MARK: Final = ".candle-staging-"
"""Names of private folders start with a dot, the target's name, and this mark."""

ASIDE_MARK: Final = ".candle-aside-"
"""Names of folders moved aside by a replacement that could not be exchanged atomically."""

PAGE: Final = 4096
"""Alignment that direct writes need: a multiple of the block size of every usual disk."""

_FICLONE: Final = 0x40049409


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
        _fallocate(file.fileno(), size)

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
        _clone(source, target)

    def symlink(self, content: str, path: Path) -> None:
        """Create a symbolic link; the path must not exist."""
        path.symlink_to(content)

    def rename(self, source: Path, target: Path) -> None:
        """Rename; a file replaces a file, a folder an empty folder or nothing."""
        os.replace(source, target)

    def exchange(self, first: Path, second: Path) -> bool:
        """Exchange two entries atomically; return ``False`` where the system cannot."""
        return _rename_exchange(first, second)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and all below it."""
        shutil.rmtree(path)

    def remove_file(self, path: Path) -> None:
        """Remove one file."""
        path.unlink()


def _fallocate(descriptor: int, size: int) -> None:
    """``fallocate(2)``: https://man7.org/linux/man-pages/man2/fallocate.2.html."""
    if sys.platform != "linux" or not size:
        return
    try:
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    except (AttributeError, OSError):
        return
    if fallocate(descriptor, 0, ctypes.c_int64(0), ctypes.c_int64(size)) == 0:
        return
    code = ctypes.get_errno()
    if code not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV, errno.EINTR):
        raise OSError(code, os.strerror(code))


def _clone(source: Path, target: Path) -> None:
    """``ioctl(FICLONE)``: https://man7.org/linux/man-pages/man2/ioctl_ficlone.2.html."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(source))
    import fcntl

    with source.open("rb") as old:
        mode = os.fstat(old.fileno()).st_mode & 0o777
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            fcntl.ioctl(descriptor, _FICLONE, old.fileno())
        except OSError:
            target.unlink()
            raise
        finally:
            os.close(descriptor)


def _rename_exchange(first: Path, second: Path) -> bool:
    """``renameat2(RENAME_EXCHANGE)``: https://man7.org/linux/man-pages/man2/rename.2.html."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    at_cwd, exchange = -100, 2
    if renameat2(at_cwd, os.fsencode(first), at_cwd, os.fsencode(second), exchange) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(first))


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into :class:`WriteFailedError` with advice."""
    try:
        yield
    except OutputExistsError:
        raise
    except OSError as error:
        if isinstance(error, WriteFailedError) or error.errno is None:
            raise
        hint = {
            errno.ENOSPC: "the disk is full: free space, or name an output on another disk",
            errno.EDQUOT: "your quota is used up: free space, or name an output elsewhere",
            errno.EACCES: "you may not write there: name another output",
            errno.EROFS: "that file system is read-only: name another output",
        }.get(error.errno, "nothing was left under the final name; run the command again")
        raise WriteFailedError(f"cannot write: {os.strerror(error.errno)}", location=str(path), hint=hint) from error


class Staging:
    """A private folder that becomes ``target`` in one step, or vanishes.

    Use as a context manager; call :meth:`commit` at the end of the block. Leaving the block without it (an error,
    Ctrl-C) removes the private folder. A killed process leaves only the private folder, which the next staging for
    the same target removes.

    Args:
        target: The final folder.
        overwrite: Whether an existing target may be replaced (the caller has checked that it may).
        fs: The file system; replaced by tests.

    Raises:
        OutputExistsError: ``target`` exists and ``overwrite`` is false.
        WriteFailedError: The system refused to write.
    """

    def __init__(self, target: Path, *, overwrite: bool = False, fs: Fs | None = None) -> None:
        self.target = target
        self.fs = fs or Fs()
        self._overwrite = overwrite
        self._committed = False
        self.path = private_name(target)

    def __enter__(self) -> Self:
        recover(self.target, self.fs)
        if os.path.lexists(self.target) and not self._overwrite:
            raise _exists(self.target)
        with write_errors(self.target):
            self.fs.make_folder(self.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._committed and self.path.exists():
            self.fs.remove_tree(self.path)

    def create(self, name: str) -> BinaryIO:
        """Create a file below the private folder, making folders on the way; the caller syncs and closes it."""
        path = self.path.joinpath(*name.split("/"))
        missing = [parent for parent in path.relative_to(self.path).parents if not (self.path / parent).exists()]
        for parent in reversed(missing):
            self.fs.make_folder(self.path / parent)
        return self.fs.open_new(path)

    def write(self, name: str, data: bytes) -> None:
        """Write and sync one whole small file."""
        with self.create(name) as file:
            self.fs.write(file, data)
            self.fs.sync_file(file)

    def commit(self) -> None:
        """Sync all folders and give the private folder its final name."""
        with write_errors(self.target):
            for folder, _, _ in os.walk(self.path, topdown=False):
                self.fs.sync_folder(Path(folder))
            self._publish()
            self.fs.sync_folder(self.target.parent)
        self._committed = True

    def _publish(self) -> None:
        if not self._overwrite:
            self._rename_to_new()
        elif not os.path.lexists(self.target):
            self.fs.rename(self.path, self.target)
        elif self.fs.exchange(self.path, self.target):
            self.fs.sync_folder(self.target.parent)
            self.fs.remove_tree(self.path)
        else:
            aside = self.target.with_name(f".{self.target.name}{ASIDE_MARK}{secrets.token_hex(4)}")
            self.fs.rename(self.target, aside)
            self.fs.rename(self.path, self.target)
            self.fs.sync_folder(self.target.parent)
            self.fs.remove_tree(aside)

    def _rename_to_new(self) -> None:
        """Take the final name if it is free: it was when the work began, but another process may have been faster."""
        if os.path.lexists(self.target):
            raise _exists(self.target)
        try:
            self.fs.rename(self.path, self.target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise _exists(self.target) from error
            raise


def private_name(target: Path) -> Path:
    """Return a name beside ``target`` under which it can be written; :func:`recover` knows it."""
    return target.with_name(f".{target.name}{STAGING_MARK}{os.getpid()}-{_place()}-{secrets.token_hex(4)}")


@cache
def _place() -> str:
    """What tells the process numbers of this machine and container from those of others on a shared file system."""
    import hashlib
    import platform

    try:
        numbers = os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux: the name of the machine has to do
        numbers = ""
    return hashlib.sha256(f"{platform.node()} {numbers}".encode()).hexdigest()[:8]


def _exists(target: Path) -> OutputExistsError:
    hint = "name another output, or add --overwrite to replace a checkpoint"
    return OutputExistsError("the output exists already", location=str(target), hint=hint)


def recover(target: Path, fs: Fs | None = None) -> None:
    """Complete or undo what a killed process left beside ``target``.

    A folder moved aside whose replacement never arrived gets its name back; private folders of processes that are
    gone are removed, and so are private files.
    """
    fs = fs or Fs()
    if not target.parent.is_dir():
        return
    with write_errors(target):
        for entry in sorted(target.parent.iterdir()):
            if entry.name.startswith(f".{target.name}{ASIDE_MARK}"):
                if os.path.lexists(target):
                    fs.remove_tree(entry)
                else:
                    fs.rename(entry, target)
                fs.sync_folder(target.parent)
            elif entry.name.startswith(f".{target.name}{STAGING_MARK}") and not _owner_alive(entry.name):
                remove = fs.remove_tree if entry.is_dir() and not entry.is_symlink() else fs.remove_file
                remove(entry)


def _owner_alive(name: str) -> bool:
    """Whether the process that made a private folder still runs; one of another machine counts as alive."""
    owner, _, rest = name.rpartition(STAGING_MARK)[2].partition("-")
    if os.name == "nt" or not owner.isdigit() or rest.partition("-")[0] != _place():
        return True
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def replace_file(path: Path, data: bytes, *, fs: Fs | None = None) -> None:
    """Replace (or create) one small file durably: private name, sync, rename, sync of the folder."""
    fs = fs or Fs()
    recover(path, fs)
    private = private_name(path)
    with write_errors(path):
        try:
            with fs.open_new(private) as file:
                fs.write(file, data)
                fs.sync_file(file)
            fs.rename(private, path)
            fs.sync_folder(path.parent)
        except BaseException:
            if private.exists():
                fs.remove_file(private)
            raise
