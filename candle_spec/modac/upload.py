"""One file to MoDaC, once: looked for before, sent with its MD5, read back afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from candle_spec.digests import Progress, no_progress
from candle_spec.errors import ProofFailedError, ServiceError, ServiceRefusedError
from candle_spec.modac.checksums import compare, md5_file
from candle_spec.modac.client import Client, RemoteFile
from candle_spec.modac.metadata import entry_list
from candle_spec.remote.checks import Match

_TAKEN: Final = "A data file by that name already exists"
_POLLS: Final = 60


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of a file.

    Attributes:
        path: Where it is.
        status: ``sent`` now, or ``present`` from before.
        size: Bytes, as the service says.
        checksum: The archive's checksum, as the service says.
        match: Whether that checksum is the file's; a checksum of parts may not tell.
    """

    path: str
    status: Literal["sent", "present"]
    size: int
    checksum: str
    match: Match


def upload_file(
    client: Client,
    local: Path,
    path: str,
    metadata: Mapping[str, str],
    *,
    progress: Progress = no_progress,
) -> Uploaded:
    """Bring a file to ``path``, unless it is there, and prove that it arrived.

    A connection that is lost while it is sent says nothing about the file: it is looked for, and sent again only where
    it is not there.

    Raises:
        ProofFailedError: There is another file of that name, or what the service has is not what was sent.
        LimitExceededError: It is larger than the service takes.
        ServiceRefusedError: The service refuses it.
        ServiceError: No attempt got through.
    """
    present = client.file(path)
    if present is not None:
        return _proved(client, local, present, "present")
    registration = {"metadataEntries": entry_list(metadata), "checksum": md5_file(local)}
    settings = client.settings
    for attempt in range(settings.attempts):
        try:
            client.put_file(path, registration, local, progress=progress)
        except (ServiceError, ServiceRefusedError) as error:
            if isinstance(error, ServiceRefusedError) and _TAKEN not in error.message:
                raise
            found = client.file(path)
            if found is not None:
                return _proved(client, local, _archived(client, found), "sent")
            if attempt == settings.attempts - 1:
                raise
            client.service.http.wait(attempt)
        else:
            break
    arrived = client.file(path)
    if arrived is None:
        raise ProofFailedError("the service took the file, but does not have it", location=path)
    return _proved(client, local, _archived(client, arrived), "sent")


def _archived(client: Client, found: RemoteFile) -> RemoteFile:
    """Wait until the service has taken all of a file."""
    for _ in range(_POLLS):
        if found.archived:
            return found
        client.service.http.wait(0)
        again = client.file(found.path)
        if again is None:
            break
        found = again
    raise ServiceError("the service has not archived the file yet", location=found.path, hint="run it again later")


def _proved(client: Client, local: Path, found: RemoteFile, status: Literal["sent", "present"]) -> Uploaded:
    size = local.stat().st_size
    differs = "another file of that name is there" if status == "present" else "what arrived is not what was sent"
    hint = "a file at MoDaC is never replaced: publish under another identifier, or remove it on the web page"
    if found.size != size:
        raise ProofFailedError(f"{differs}: it has {found.size} bytes, this one {size}", location=found.path, hint=hint)
    match = compare(local, found.checksum, part_size=client.settings.part_size)
    if match is Match.DIFFERENT:
        raise ProofFailedError(f"{differs}: its checksum is {found.checksum}", location=found.path, hint=hint)
    return Uploaded(found.path, status, size, found.checksum, match)
