"""What MoDaC holds, as it comes here: an asset that is a checkpoint, or a series of them, or one file.

The presigned address of a file is fetched without a login: no token ever goes to another host than the service's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import MissingPathError
from candle_spec.modac.checksums import Digesting
from candle_spec.modac.client import Client, Collection
from candle_spec.modac.session import session
from candle_spec.modac.settings import load_settings
from candle_spec.publish.destination import Access
from candle_spec.publish.published import Part, Published, safe_local_path
from candle_spec.remote.answers import content_from
from candle_spec.remote.checks import Match
from candle_spec.remote.incoming import Incoming
from candle_spec.series.outline import EPOCHS


class _ArchiveCheck(Digesting):
    """A check by the archive's checksum, see :mod:`candle_spec.modac.checksums`."""

    def __init__(self, part_size: int, stated: str) -> None:
        super().__init__(part_size)
        self.stated = stated

    def match(self) -> Match:
        """Compare all bytes so far with the checksum."""
        return self.compare(self.stated) if self.stated else Match.UNVERIFIABLE


@contextmanager
def published(address: str, access: Access) -> Iterator[Published]:
    """Find what there is to fetch.

    Args:
        address: Path of an asset or of a file; the base path may be left out.
        access: How it is fetched.

    Raises:
        CandleSpecError: See :func:`published_at` and :func:`candle_spec.modac.session.session`.
    """
    access.refuse_series("MoDaC")
    settings = load_settings(url=access.url or None)
    with session(settings) as client:
        yield published_at(client, settings.full_path(address))


def published_at(client: Client, path: str) -> Published:
    """Return what is at a path: the checkpoints of an asset, or a file.

    Raises:
        MissingPathError: There is neither; later, where the checkpoints are asked for: it is not complete.
        ServiceRefusedError: It may not be read.
    """
    found, name = client.collection(path, listed=True), path.rpartition("/")[2]
    if found is None:
        return Published(name, file=incoming_of(client, path))
    pointers = {pointer: found.metadata.get(f"ckpt_{pointer}", "") for pointer in ("best", "last")}
    return Published(f"{name}.candle", _parts(client, found), pointers)


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


def _parts(client: Client, asset: Collection) -> Iterator[Part]:
    """Yield each collection that holds a checkpoint."""
    if any(path.rpartition("/")[2] == MANIFEST for path in asset.files):
        yield _part(client, asset, "")
        return
    epochs = [path for path in asset.folders if re.fullmatch(r"epoch-[0-9]{1,9}", path.rpartition("/")[2])]
    for path in sorted(epochs):
        folder = client.collection(path, listed=True)
        if folder is not None:
            yield _part(client, folder, f"{EPOCHS}/{path.rpartition('-')[2]}/")
    if not epochs:
        raise MissingPathError(
            f"the asset holds no {MANIFEST}: it is no checkpoint, or its publication is not complete",
            location=asset.path,
            hint="candle-spec modac get shows what is in it; candle-spec modac download FILE fetches one file",
        )


def _part(client: Client, folder: Collection, prefix: str) -> Part:
    sources = dict(_sources(client, folder, prefix))
    return Part(prefix, folder.path, sources.get, partial(incoming_of, client))


def _sources(client: Client, folder: Collection, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the path in the checkpoint and the path at MoDaC of each file that says it belongs to it."""
    for path in folder.files:
        about = client.file(path)
        source = about.metadata.get("ckpt_path", "") if about else ""
        if source.startswith(prefix) and source:
            yield safe_local_path(source.removeprefix(prefix), location=path), path
