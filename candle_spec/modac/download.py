"""One file from MoDaC: to a private name, digested as it comes, resumed where it broke off, then renamed.

The presigned address is fetched without a login: no token ever goes to another host than the service's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from candle_spec import limits
from candle_spec.atomic import Fs, write_errors
from candle_spec.digests import BLOCK, Progress, digest_file, no_progress
from candle_spec.errors import CorruptFileError, LimitExceededError, MissingPathError, ServiceError
from candle_spec.modac.checksums import Digesting, Match
from candle_spec.modac.client import Client, RemoteFile
from candle_spec.optional import require

PARTIAL: Final = ".part"
"""Behind the name of a file that is still coming in."""

_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that came in: where it is now, its size, and what the service's checksum says of it."""

    path: Path
    size: int
    match: Match


def download_file(
    client: Client,
    path: str,
    target: Path,
    *,
    sha256: str = "",
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Fetched:
    """Fetch a file; ``target`` appears only when all of it is there and its checksum is right.

    Args:
        client: The service.
        path: The file there.
        target: The new file; it is replaced if it exists.
        sha256: Digest that it must have (``sha256:…``), where it is known.
        progress: Called with bytes that came in.
        fs: The file system; replaced by tests.

    Raises:
        MissingPathError: There is no such file.
        CorruptFileError: What came in is not what the service or ``sha256`` says.
        LimitExceededError: More comes than the service said.
        ServiceError: It broke off too often; what came in so far is kept for the next run.
    """
    found = client.file(path)
    if found is None:
        raise MissingPathError("there is no such file", location=f"{client.settings.host}: {path}")
    fs = fs or Fs()
    partial = target.with_name(f".{target.name}{PARTIAL}")
    with write_errors(target):
        kept = partial.stat().st_size if partial.exists() else 0
        match = _fetch(client, found, partial, fs, progress)
        if match is Match.DIFFERENT and kept:
            match = _fetch(client, found, partial, fs, progress)  # what was kept was of another file: all anew
        _check(client, found, partial, match, sha256, fs)
        fs.rename(partial, target)
        fs.sync_folder(target.parent)
    return Fetched(target, target.stat().st_size, match)


def _fetch(client: Client, found: RemoteFile, partial: Path, fs: Fs, progress: Progress) -> Match:
    """Fill the private file; returns what its checksum says. A wrong one leaves it empty."""
    with fs.open_end(partial) as file:
        digesting = _resume(file, found, fs, client.settings.part_size)
        progress(digesting.size)
        _transfer(client, found, file, digesting, fs, progress)
        fs.sync_file(file)
        match = digesting.compare(found.checksum) if found.checksum else Match.UNVERIFIABLE
        if match is Match.DIFFERENT:
            fs.cut(file, 0)
    return match


def _resume(file: BinaryIO, found: RemoteFile, fs: Fs, part_size: int) -> Digesting:
    """Digest what a run before this one left; what is longer than the file can be is dropped."""
    digesting = Digesting(part_size)
    file.seek(0, 2)
    if found.size is None or file.tell() > found.size:
        fs.cut(file, 0)
    file.seek(0)
    while block := file.read(BLOCK):
        digesting.update(block)
    return digesting


def _transfer(
    client: Client, found: RemoteFile, file: BinaryIO, digesting: Digesting, fs: Fs, progress: Progress
) -> None:
    """Take what is missing, with as many attempts as the settings allow without any progress."""
    settings, failed = client.settings, 0
    while found.size is None or digesting.size < found.size or digesting.size == 0:
        before = digesting.size
        try:
            with _presigned(client, found.path, before) as blocks:
                _take(blocks, found, file, digesting, fs, progress)
            if found.size is None or digesting.size >= found.size:
                return
            error = ServiceError("the download ended early", location=found.path)
        except ServiceError as lost:
            error = lost
        failed = 0 if digesting.size > before else failed + 1
        if failed >= settings.attempts:
            raise error
        client.service.wait(failed)


def _take(
    blocks: Iterator[bytes], found: RemoteFile, file: BinaryIO, digesting: Digesting, fs: Fs, progress: Progress
) -> None:
    most = limits.TENSOR_BYTES if found.size is None else found.size
    for block in blocks:
        if digesting.size + len(block) > most:
            raise LimitExceededError(f"more than the {most} bytes come that the service stated", location=found.path)
        fs.write(file, block)
        digesting.update(block)
        progress(len(block))


@contextmanager
def _presigned(client: Client, path: str, start: int) -> Iterator[Iterator[bytes]]:
    """Yield the bytes of a file from ``start``, by an address of its own that needs no login."""
    httpx = require("httpx", extra="modac", purpose="talk to MoDaC")
    url = client.download_url(path)
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        plain = client.service.client_for(url)
        with plain.stream("GET", url, headers={"Accept-Encoding": "identity", **headers}) as response:
            # As they come: a block that was being filled would be lost with the connection.
            yield _from(response.iter_raw(), _to_skip(response, start, path))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceError("the download broke off", location=path, hint="run it again, it goes on") from error


def _to_skip(response: Any, start: int, path: str) -> int:
    """Return how many bytes of an answer are here already: all up to ``start`` where the archive sends no ranges."""
    if response.status_code == 200:
        return start
    match = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if response.status_code == 206 and match and int(match[1]) == start:
        return 0
    raise ServiceError(f"the archive answers {response.status_code} to a download from byte {start}", location=path)


def _from(blocks: Iterator[bytes], skip: int) -> Iterator[bytes]:
    for block in blocks:
        if len(block) > skip:
            yield block[skip:]
        skip = max(0, skip - len(block))


def _check(client: Client, found: RemoteFile, partial: Path, match: Match, sha256: str, fs: Fs) -> None:
    """Refuse what is not the file; it is removed, so that the next run begins anew."""
    size = partial.stat().st_size
    fault = ""
    if match is Match.DIFFERENT:
        fault = f"its checksum is not {found.checksum}, which the service states"
    elif found.size is not None and size != found.size:
        fault = f"it has {size} bytes, the service states {found.size}"
    elif sha256 and digest_file(partial) != sha256:
        fault = "its sha256 is not that of the manifest"
    if fault:
        fs.remove_file(partial)
        raise CorruptFileError(
            f"what came in is not the file: {fault}", location=f"{client.settings.host}: {found.path}"
        )
