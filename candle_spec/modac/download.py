"""One file from MoDaC, by an address of its own.

The presigned address is fetched without a login: no token ever goes to another host than the service's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from candle_spec.atomic import Fs
from candle_spec.digests import Progress, no_progress
from candle_spec.errors import MissingPathError
from candle_spec.modac.checksums import Digesting
from candle_spec.modac.client import Client
from candle_spec.remote.answers import content_from
from candle_spec.remote.checks import Match
from candle_spec.remote.incoming import Fetched, Incoming, receive_file


class _ArchiveCheck(Digesting):
    """A check by the archive's checksum, see :mod:`candle_spec.modac.checksums`."""

    def __init__(self, part_size: int, stated: str) -> None:
        super().__init__(part_size)
        self.stated = stated

    def match(self) -> Match:
        """Compare all bytes so far with the checksum."""
        return self.compare(self.stated) if self.stated else Match.UNVERIFIABLE


def download_file(
    client: Client,
    path: str,
    target: Path,
    *,
    sha256: str = "",
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Fetched:
    """Fetch a file; see :func:`candle_spec.remote.incoming.receive_file`.

    Args:
        client: The service.
        path: The file there.
        target: The new file; it is replaced if it exists.
        sha256: Digest that it must have (``sha256:…``), where it is known.
        progress: Called with bytes that came in.
        fs: The file system; replaced by tests.

    Raises:
        MissingPathError: There is no such file.
    """
    return receive_file(incoming_of(client, path), target, sha256=sha256, progress=progress, fs=fs)


def incoming_of(client: Client, path: str) -> Incoming:
    """Return a file that is to come in.

    Raises:
        MissingPathError: There is no such file.
    """
    found = client.file(path)
    if found is None:
        raise MissingPathError("there is no such file", location=f"{client.settings.host}: {path}")
    settings, checksum = client.settings, found.checksum
    return Incoming(
        location=f"{settings.host}: {found.path}",
        size=found.size,
        check=lambda: _ArchiveCheck(settings.part_size, checksum),
        open=lambda start: _presigned(client, found.path, start),
        attempts=settings.attempts,
        wait=client.service.http.wait,
    )


@contextmanager
def _presigned(client: Client, path: str, start: int) -> Iterator[Iterator[bytes]]:
    """Yield the bytes of a file from ``start``, by an address of its own that needs no login."""
    with client.service.http.download(client.download_url(path), start, path) as response:
        yield content_from(response, start, path)
