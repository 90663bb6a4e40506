"""One file from a service: to a private name, digested as it comes, resumed where it broke off, then renamed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from candle_spec import limits
from candle_spec.atomic import Fs, write_errors
from candle_spec.digests import BLOCK, Progress, digest_file, no_progress
from candle_spec.errors import CorruptFileError, LimitExceededError, ServiceError
from candle_spec.remote.answers import ANSWER_SECONDS
from candle_spec.remote.checks import Check, Match

PARTIAL: Final = ".part"
"""Behind the name of a file that is still coming in."""

SLOWEST: Final = 32_768
"""Bytes in a second that a download must have in the mean, :data:`ANSWER_SECONDS` apart: one that trickles ends."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that is to come in.

    Attributes:
        location: Where it is, for messages.
        size: Bytes, where the service says it.
        check: Makes a fresh check.
        open: Yields its bytes from the given byte on; fails with :class:`ServiceError`.
        attempts: How often in a row it is tried without a byte that is new.
        wait: Waits before a repetition, the longer the more attempts failed.
        clock: Seconds, for the time that all of it may take.
    """

    location: str
    size: int | None
    check: Callable[[], Check]
    open: Callable[[int], AbstractContextManager[Iterator[bytes]]]
    attempts: int
    wait: Callable[[int], None]
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that came in: where it is now, its size, and what the service's checksum says of it."""

    path: Path
    size: int
    match: Match


def receive_file(
    incoming: Incoming,
    target: Path,
    *,
    sha256: str = "",
    size: int | None = None,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Fetched:
    """Take a file in; ``target`` appears only when all of it is there and its checksum is right.

    Args:
        incoming: The file.
        target: The new file; it is replaced if it exists.
        sha256: Digest that it must have (``sha256:…``), where it is known.
        size: Bytes that it must have, where they are known.
        progress: Called with bytes that came in.
        fs: The file system; replaced by tests.

    Raises:
        CorruptFileError: What came in is not what the service or ``sha256`` says.
        LimitExceededError: More comes than the service said.
        ServiceError: It broke off too often or takes too long; what came in so far is kept for the next run.
    """
    if size is not None and incoming.size not in (None, size):
        raise CorruptFileError(
            f"the service states {incoming.size} bytes of a file that has {size}", location=incoming.location
        )
    incoming = incoming if size is None else replace(incoming, size=size)
    fs = fs or Fs()
    partial = partial_of(target)
    with write_errors(target):
        kept = partial.stat().st_size if partial.exists() else 0
        check = _fetch(incoming, partial, fs, progress)
        if check.match() is Match.DIFFERENT and kept:
            check = _fetch(incoming, partial, fs, progress)  # what was kept was of another file: all anew
        _verify(incoming, partial, check, sha256, fs)
        fs.rename(partial, target)
        fs.sync_folder(target.parent)
    return Fetched(target, target.stat().st_size, check.match())


def partial_of(target: Path) -> Path:
    """Return the private name of a file that is still coming in."""
    return target.with_name(f".{target.name}{PARTIAL}")


def _fetch(incoming: Incoming, partial: Path, fs: Fs, progress: Progress) -> Check:
    """Fill the private file; returns the check of it. A wrong one leaves it empty."""
    with fs.open_end(partial) as file:
        check = _resume(file, incoming, fs)
        progress(check.size)
        _transfer(incoming, file, check, fs, progress)
        fs.sync_file(file)
        if check.match() is Match.DIFFERENT:
            fs.cut(file, 0)
    return check


def _resume(file: BinaryIO, incoming: Incoming, fs: Fs) -> Check:
    """Digest what a run before this one left; what is longer than the file can be is dropped."""
    check = incoming.check()
    file.seek(0, 2)
    if incoming.size is None or file.tell() > incoming.size:
        fs.cut(file, 0)
    file.seek(0)
    while block := file.read(BLOCK):
        check.update(block)
    return check


def _transfer(incoming: Incoming, file: BinaryIO, check: Check, fs: Fs, progress: Progress) -> None:
    """Take what is missing, with as many attempts as are allowed without any progress."""
    size, failed = incoming.size, 0
    is_late = _lateness(incoming, check)
    while size is None or check.size < size or check.size == 0:
        before = check.size
        try:
            with incoming.open(before) as blocks:
                _take(blocks, incoming, file, check, fs, progress, is_late)
            if check.size >= size if size is not None else not is_late():
                return
            error = ServiceError("the download ended early", location=incoming.location)
        except ServiceError as lost:
            error = lost
        if is_late():
            words = f"the download trickles: less than {SLOWEST} bytes in a second"
            raise ServiceError(words, location=incoming.location, hint="run it again, it goes on")
        failed = 0 if check.size > before else failed + 1
        if failed >= incoming.attempts:
            raise error
        incoming.wait(failed)


def _lateness(incoming: Incoming, check: Check) -> Callable[[], bool]:
    """Return what tells whether a download takes longer than its bytes may take, all attempts together."""
    started, before = incoming.clock(), check.size
    return lambda: incoming.clock() - started > ANSWER_SECONDS + (check.size - before) / SLOWEST


def _take(
    blocks: Iterator[bytes],
    incoming: Incoming,
    file: BinaryIO,
    check: Check,
    fs: Fs,
    progress: Progress,
    is_late: Callable[[], bool],
) -> None:
    most = limits.TENSOR_BYTES if incoming.size is None else incoming.size
    for block in blocks:
        if check.size + len(block) > most:
            raise LimitExceededError(
                f"more than the {most} bytes come that the service stated", location=incoming.location
            )
        fs.write(file, block)
        check.update(block)
        progress(len(block))
        if is_late():
            return


def _verify(incoming: Incoming, partial: Path, check: Check, sha256: str, fs: Fs) -> None:
    """Refuse what is not the file; it is removed, so that the next run begins anew."""
    size = partial.stat().st_size
    fault = ""
    if check.match() is Match.DIFFERENT:
        fault = f"its checksum is not {check.stated}, which the service states"
    elif incoming.size is not None and size != incoming.size:
        fault = f"it has {size} bytes, the service states {incoming.size}"
    elif sha256 and digest_file(partial) != sha256:
        fault = "its sha256 is not that of the manifest"
    if fault:
        fs.remove_file(partial)
        raise CorruptFileError(f"what came in is not the file: {fault}", location=incoming.location)
