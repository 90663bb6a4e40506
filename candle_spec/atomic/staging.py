"""A private folder that gets its name when all of it is durable, and what a killed process left of one."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from candle_spec.atomic.fs import Fs
from candle_spec.errors import OutputExistsError, WriteFailedError

STAGING_MARK: Final = ".candle-staging-"
"""Names of private folders start with a dot, the target's name, and this mark."""

ASIDE_MARK: Final = ".candle-aside-"
"""Names of folders moved aside by a replacement that could not be exchanged atomically."""


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
        keep: Where a replaced target is kept; nothing is there. By default it is removed.
        fs: The file system; replaced by tests.

    Raises:
        OutputExistsError: ``target`` exists and ``overwrite`` is false.
        WriteFailedError: The system refused to write.
    """

    def __init__(
        self, target: Path, *, overwrite: bool = False, keep: Path | None = None, fs: Fs | None = None
    ) -> None:
        self.target = target
        self.fs = fs or Fs()
        self._overwrite = overwrite
        self._keep = keep
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
        elif self._keep is not None:
            self._replace_and_keep(self._keep)
        elif self.fs.exchange(self.path, self.target):
            self.fs.sync_folder(self.target.parent)
            self.fs.remove_tree(self.path)
        else:
            aside = self.target.with_name(f".{self.target.name}{ASIDE_MARK}{secrets.token_hex(4)}")
            self.fs.rename(self.target, aside)
            self.fs.rename(self.path, self.target)
            self.fs.sync_folder(self.target.parent)
            self.fs.remove_tree(aside)

    def _replace_and_keep(self, keep: Path) -> None:
        """Exchange new and old; at no moment is one of them under a name that a clean-up would take away.

        The new folder first gets the name under which the old one is kept: whoever is killed then has the old one in
        its place and the new one beside it. Where nothing can be exchanged, the old one is, for a moment, only there.
        """
        self.fs.rename(self.path, keep)
        self.fs.sync_folder(self.target.parent)
        if not self.fs.exchange(keep, self.target):
            self.fs.rename(keep, self.path)
            self.fs.rename(self.target, keep)
            self.fs.rename(self.path, self.target)

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
