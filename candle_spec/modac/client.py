"""The endpoints of MoDaC that this package uses, as functions; answers as typed records.

Source of the shapes: https://github.com/CBIIT/nci-doe-data-sharing, ``RestAPICommonController``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from candle_spec.digests import Progress, no_progress
from candle_spec.errors import LimitExceededError, ServiceError, ServiceRefusedError
from candle_spec.modac.metadata import entry_list
from candle_spec.modac.multipart import MultipartBody
from candle_spec.modac.names import checked_path
from candle_spec.modac.service import Service
from candle_spec.remote.answers import Answer
from candle_spec.remote.client import Request

CREATED: Final = 201
NOT_PERMITTED: Final = "Invalid Permissions"
"""Also the answer to a query without hits."""

_MISSING: Final = ("Collection doesn't exist:", "Data object doesn't exist:")
_JSON: Final = {"Content-Type": "application/json", "Accept": "application/json"}
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Collection:
    """A program, study, asset or folder.

    Attributes:
        path: Its full path.
        id: The service's number of it.
        metadata: Its own metadata.
        inherited: Metadata of what is above, by level label (``Study``) and attribute.
        folders: Paths of the collections directly below; only where they were asked for.
        files: Paths of the files in it; only where they were asked for.
    """

    path: str
    id: int
    metadata: Mapping[str, str]
    inherited: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file: its path, the user's metadata and the server's own."""

    path: str
    metadata: Mapping[str, str]
    system: Mapping[str, str]

    @property
    def size(self) -> int | None:
        """Bytes, where the service says it."""
        text = self.system.get("source_file_size", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    @property
    def checksum(self) -> str:
        """The archive's checksum, see :mod:`candle_spec.modac.checksums`."""
        return self.system.get("checksum", "")

    @property
    def archived(self) -> bool:
        """Whether the service has taken all of it."""
        return self.system.get("data_transfer_status", "ARCHIVED") == "ARCHIVED"


class Client:
    """What can be asked of MoDaC."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.settings = service.settings

    def collection(self, path: str, *, listed: bool = False) -> Collection | None:
        """Return a collection; ``None`` where there is none.

        Raises:
            ServiceRefusedError: It may not be read.
        """
        query = "?list=true" if listed else ""
        answer = self._found(f"/api/collection{checked_path(path)}{query}")
        if answer is None:
            return None
        return _collection(_first(answer.json(), "collections"), path)

    def file(self, path: str) -> RemoteFile | None:
        """Return a file's description; ``None`` where there is none.

        Raises:
            ServiceRefusedError: It may not be read.
        """
        answer = self._found(f"/api/v2/dataObject{checked_path(path)}")
        return None if answer is None else _file(answer.json(), path)

    def put_collection(self, path: str, metadata: Mapping[str, str]) -> bool:
        """Create a collection or merge metadata into it; returns whether it was created.

        Raises:
            ServiceRefusedError: The service refuses the metadata, or the caller has no right there.
        """
        body = json.dumps({"metadataEntries": entry_list(metadata)}, ensure_ascii=False).encode()
        request = Request("PUT", f"/api/collection{checked_path(path)}", body, _JSON, repeat=True)
        try:
            return _status(self.service.send(request)) == CREATED
        except ServiceRefusedError as refused:
            # The service reads the new collection back outside its own guard: it may exist all the same.
            if "Collection doesn't exist" in refused.message or not self._is_there(path, metadata):
                raise
            return True

    def put_file(
        self, path: str, registration: Mapping[str, Any], file: Path | None, *, progress: Progress = no_progress
    ) -> bool:
        """Send a file once, or only its metadata; returns whether it was created. Nothing is repeated.

        Raises:
            LimitExceededError: The request would be larger than the service takes; nothing was sent.
            ServiceRefusedError: The service refuses it.
            ServiceError: The connection was lost: whether the file is there must be asked.
        """
        body = MultipartBody(registration, file, progress)
        limit = self.settings.request_limit
        if body.length > limit:
            raise LimitExceededError(
                f"the upload has {body.length} bytes, the service takes {limit}",
                location=str(file),
                hint="candle-spec reshard cuts the weights of a checkpoint into smaller files",
            )
        headers = {**body.headers, "Accept": "application/json"}
        request = Request("PUT", f"/api/v2/dataObject{checked_path(path)}", body, headers)
        return _status(self.service.send(request)) == CREATED

    def query(self, compound: Mapping[str, Any], *, kind: str = "collection", pages: int = 100) -> Iterator[Any]:
        """Yield hits, page by page.

        Args:
            compound: The compound query.
            kind: ``"collection"`` or ``"dataObject"``.
            pages: The most pages that are asked for.

        Yields:
            :class:`Collection` or :class:`RemoteFile`. No hits and no permission look alike to the service.
        """
        for page in range(1, pages + 1):
            document = {"compoundQuery": compound, "detailedResponse": True, "page": page, "pageSize": PAGE}
            body = json.dumps({**document, "totalCount": page == 1}).encode()
            request = Request("POST", f"/api/{kind}/query", body, _JSON)
            try:
                answer = self.service.send(request, anonymous=True).json()
            except ServiceRefusedError as refused:
                if refused.message.endswith(NOT_PERMITTED):
                    return
                raise
            hits = _hits(answer, kind)
            yield from hits
            if len(hits) < PAGE:
                return

    def download_url(self, path: str) -> str:
        """Return an address from which a file can be fetched for a while.

        Raises:
            ServiceRefusedError: The file may not be read, or is not archived yet.
        """
        route = f"/api/dataObject{checked_path(path)}/generateDownloadRequestURL"
        url = self.service.send(Request("POST", route, b"", _JSON)).json().get("downloadRequestURL")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ServiceError("the service gave no address for the download", location=path)
        return url

    def _found(self, route: str) -> Answer | None:
        try:
            return self.service.send(Request("GET", route, repeat=True), anonymous=True)
        except ServiceRefusedError as refused:
            if refused.message.startswith(_MISSING):
                return None
            raise

    def _is_there(self, path: str, metadata: Mapping[str, str]) -> bool:
        try:
            found = self.collection(path)
        except ServiceRefusedError:
            return False
        return found is not None and all(found.metadata.get(name, "") == value for name, value in metadata.items())


def _status(answer: Answer) -> int:
    """The status that the service puts into the body of its 200."""
    status = answer.json()
    if status not in (200, CREATED):
        raise ServiceError(f"the service answered {str(status)[:80]!r} where it says 201 or 200")
    return int(status)


def _first(document: Any, member: str) -> Any:
    try:
        return document[member][0]
    except (KeyError, IndexError, TypeError) as error:
        raise ServiceError(f"the service answered without {member}") from error


def _hits(document: Any, kind: str) -> list[Any]:
    member = "collections" if kind == "collection" else "dataObjects"
    rows = document.get(member, []) if isinstance(document, dict) else []
    if not isinstance(rows, list) or len(rows) > 10 * PAGE:
        raise ServiceError("the service answered a query with something that is no list of hits")
    read = _collection if kind == "collection" else _file
    return [read(row, "") for row in rows]


def _collection(row: Any, path: str) -> Collection:
    try:
        about, entries = row["collection"], row["metadataEntries"]
        inherited: dict[str, dict[str, str]] = {}
        for entry in entries.get("parentMetadataEntries", ()):
            inherited.setdefault(str(entry.get("levelLabel", "")), {})[entry["attribute"]] = str(entry.get("value", ""))
        return Collection(
            path=_same(str(about["absolutePath"]), path),
            id=int(about["collectionId"]),
            metadata=_values(entries.get("selfMetadataEntries", ())),
            inherited=inherited,
            folders=tuple(str(item["path"]) for item in about.get("subCollections", ())),
            files=tuple(str(item["path"]) for item in about.get("dataObjects", ())),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ServiceError("the service described a collection in a shape that is not known", location=path) from error


def _file(row: Any, path: str) -> RemoteFile:
    try:
        own = row["metadataEntries"]["selfMetadataEntries"]
        place = _same(str(row["dataObject"]["absolutePath"]), path)
        if isinstance(own, list):  # a query tells all in one list
            return RemoteFile(place, _values(own), _values(own))
        return RemoteFile(
            place, _values(own.get("userMetadataEntries", ())), _values(own.get("systemMetadataEntries", ()))
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ServiceError("the service described a file in a shape that is not known", location=path) from error


def _values(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(entry["attribute"]): str(entry.get("value", "")) for entry in entries}


def _same(found: str, asked: str) -> str:
    """Return the path that was found; it must be the one that was asked for."""
    if asked and found != checked_path(asked):
        raise ServiceError(f"the service answered for {found!r} instead", location=asked)
    return found
