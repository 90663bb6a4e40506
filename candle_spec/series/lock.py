"""One writer at a time: an advisory lock, and who holds it."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from candle_spec.canonical import loads
from candle_spec.errors import CandleSpecError, SeriesInUseError

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_UNSUPPORTED: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


class Lock:
    """The lock of a series, held until it is closed.

    A process that dies loses it at once. Where the file system cannot lock, :attr:`supported` is false and two
    writers are only kept apart by their private names.

    Args:
        path: The lock file; its folder exists.

    Raises:
        SeriesInUseError: Another process writes into the series.
    """

    def __init__(self, path: Path) -> None:
        self.supported = True
        self._file: BinaryIO | None = _open(path)
        try:
            self._take(path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self, path: Path) -> None:
        taken = self._flock()
        if not taken and _is_gone(owner(path)):
            # The lock is held by what a dead owner forked and left behind: a data loader, for example.
            self.close()
            path.unlink(missing_ok=True)
            self._file = _open(path)
            taken = self._flock()
        if not taken:
            raise _in_use(path)
        self._write_owner()

    def _flock(self) -> bool:
        """Try to lock; a system without locks counts as locked."""
        if self._file is None:
            return False
        try:
            _exclusive(self._file.fileno())
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                self.supported = False
                return True
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True

    def _write_owner(self) -> None:
        """Say who holds the lock: for people, and for whoever finds it held by nobody."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps(_about_me()).encode() + b"\n")


def owner(path: Path) -> dict[str, Any]:
    """Return what the lock file says of its owner: ``host``, ``pid``, ``boot``; nothing where it cannot be read."""
    try:
        about = loads(path.read_bytes(), location=str(path))
    except (OSError, CandleSpecError):  # being written, or of another kind: nothing is known then
        return {}
    return about if isinstance(about, dict) else {}


def _open(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    return os.fdopen(descriptor, "r+b", buffering=0)


def _exclusive(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _about_me() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "boot": _boot()}


def _boot() -> str:
    """Which start of the machine this is: a process id says nothing after the next one."""
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.is_file() else ""


def _is_gone(about: dict[str, Any]) -> bool:
    """Whether the owner is known to have ended on this very machine."""
    mine = _about_me()
    if not about or about.get("host") != mine["host"] or not isinstance(about.get("pid"), int):
        return False
    if about.get("boot") != mine["boot"]:
        return True
    try:
        os.kill(about["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives, but is not ours
        return False
    return False


def _in_use(path: Path) -> SeriesInUseError:
    about = owner(path)
    who = f"process {about['pid']} on {about['host']}" if "pid" in about and "host" in about else "another process"
    return SeriesInUseError(
        f"{who} writes into this series",
        location=str(path.parent.parent),
        hint="wait for it, end it, or give this run a folder of its own (ckpt_directory)",
    )
