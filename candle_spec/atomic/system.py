"""Calls of Linux that Python has no name for; each does without, or says so, where the system has none."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

_FICLONE: Final = 0x40049409


def allocate(descriptor: int, size: int) -> None:
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


def clone(source: Path, target: Path) -> None:
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


def exchange(first: Path, second: Path) -> bool:
    """``renameat2(RENAME_EXCHANGE)``: https://man7.org/linux/man-pages/man2/rename.2.html."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    at_cwd, both_ways = -100, 2
    if renameat2(at_cwd, os.fsencode(first), at_cwd, os.fsencode(second), both_ways) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(first))
