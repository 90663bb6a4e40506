"""The server behind MoDaC: registers collections and files, validates, keeps system metadata.

Order of checks and texts: ``HpcDataManagementBusServiceImpl`` of DME (https://github.com/CBIIT/HPC_DME_APIs).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs
from candle_spec.modac.checksums import etag_file, md5_file
from candle_spec.modac.metadata import Checked, check_collection, check_file
from candle_spec.modac.names import parent
from candle_spec.modac.rules import Container
from candle_spec.standin.config import Config
from candle_spec.standin.database import Database, Node

OWNER: Final = "standin_service"
"""The service account that registers everything; users are known to MoDaC alone."""

_CONFIGURATION: Final = "4ac6a3d2-0000-4000-8000-0000000000ff"

SOURCES: Final = (
    "globusUploadSource",
    "s3UploadSource",
    "googleDriveUploadSource",
    "googleCloudStorageUploadSource",
    "fileSystemUploadSource",
)

CREATED: Final = 201
UPDATED: Final = 200


class RefusedError(Exception):
    """The server refuses a request; its text is the message."""


class Dme:
    """Collections and data files below the base path."""

    def __init__(self, config: Config, database: Database) -> None:
        self.config = config
        self.rules = config.rules
        self.database = database
        self._fs = Fs()
        if database.node(self.rules.base_path) is None:
            database.add_node(self.rules.base_path, "collection", config.clock())

    def collection(self, path: str) -> Node:
        """Return the collection at a path."""
        node = self.database.node(path)
        if node is None or node.kind != "collection":
            raise RefusedError(f"Collection doesn't exist: {path}")
        return node

    def data_object(self, path: str) -> Node:
        """Return the file at a path."""
        node = self.database.node(path)
        if node is None or node.kind != "file":
            raise RefusedError(f"Data object doesn't exist: {path}")
        return node

    def types(self, path: str) -> list[str]:
        """Return the types of the collections from below the base path down to ``path``."""
        base = self.rules.base_path
        names = path[len(base) :].strip("/").split("/") if path != base else []
        paths = [base + "/" + "/".join(names[: n + 1]) for n in range(len(names))]
        return [self.database.metadata(self.collection(one).id).get("collection_type", "") for one in paths]

    def asset_of(self, path: str) -> str:
        """Return the path of the asset that is or holds ``path``, else ``path`` itself."""
        base = self.rules.base_path
        if not path.startswith(base + "/"):
            return path
        for depth, kind in enumerate(self.types(path)):
            if kind == "Asset":
                return "/".join(path.split("/")[: len(base.split("/")) + depth + 1])
        return path

    def register_collection(self, path: str, request: Mapping[str, Any]) -> int:
        """Create or update a collection; returns 201 or 200."""
        self._check_path(path)
        entries = request.get("metadataEntries") or []
        node = self.database.node(path)
        if node is not None and node.kind == "file":
            raise RefusedError(f"Path already exists as a file: {path}")
        if path == self.rules.base_path:
            raise RefusedError(f"Invalid collection path: {path}")
        if node is not None:
            stored = self.database.metadata(node.id, system=False)
            checked = _passed(check_collection(entries, self.rules, path=path, existing=stored))
            if checked.values != stored:
                self._store(node, checked.values, self._collection_system(node))
            return UPDATED
        if self.database.node(parent(path)) is None:
            raise RefusedError(f"Invalid collection path. Parent directory doesn't exist: {parent(path)}")
        checked = _passed(check_collection(entries, self.rules, path=path))
        self._check_hierarchy([*self.types(parent(path)), checked.values["collection_type"]])
        node = self.database.add_node(path, "collection", self.config.clock())
        self._store(node, checked.values, self._collection_system(node))
        return CREATED

    def create_parents(self, path: str, entries_of: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Create the collections above ``path`` that are missing, with given metadata or as plain folders."""
        above = parent(path)
        if self.database.node(above) is not None or not above.startswith(self.rules.base_path):
            return
        self.create_parents(above, entries_of)
        given = entries_of.get(above) or [{"attribute": "collection_type", "value": "Folder"}]
        self.register_collection(above, {"metadataEntries": given})

    def register_file(self, path: str, request: Mapping[str, Any], attached: Path | None) -> int:
        """Register a file with its bytes or a source, or update its metadata; returns 201 or 200.

        Args:
            path: Where.
            request: The registration.
            attached: The file of the request; it is moved away.
        """
        self._check_path(path)
        stated = request.get("checksum")
        if attached is not None and stated and stated != md5_file(attached):
            raise RefusedError("Checksum validation failed")
        node = self.database.node(path)
        if node is not None and node.kind == "collection":
            raise RefusedError(f"Path already exists as a directory: {path}")
        sources = [name for name in SOURCES if request.get(name)] + ["attached"] * (attached is not None)
        sources += ["url"] * bool(request.get("generateUploadRequestURL"))
        entries = request.get("metadataEntries") or []
        if node is not None:
            return self._update_file(node, entries, sources)
        if self.database.node(parent(path)) is None:
            raise RefusedError(f"Invalid data object path. Parent directory doesn't exist: {parent(path)}")
        place = self.rules.at(self.types(parent(path)))
        if place is None or not place.holds_files:
            raise RefusedError("Data object is not allowed in this collection")
        checked = _passed(check_file(entries, self.rules))
        data, method = self._source(request, sources, attached)
        self._add_file(path, checked.values, data, method)
        return CREATED

    def _update_file(self, node: Node, entries: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> int:
        if sources:
            raise RefusedError(
                "A data file by that name already exists in this collection. Only updating metadata is allowed."
            )
        stored = self.database.metadata(node.id, system=False)
        checked = _passed(check_file(entries, self.rules, existing=stored))
        if checked.values != stored:
            system = self.database.metadata(node.id, system=True)
            self._store(node, checked.values, {**system, "metadata_updated": self._date()})
        return UPDATED

    def _source(
        self, request: Mapping[str, Any], sources: Sequence[str], attached: Path | None
    ) -> tuple[Path | None, str]:
        if len(sources) > 1:
            raise RefusedError("Multiple upload source and/or generate upload request provided")
        if not sources:
            raise RefusedError("No data transfer source or data attachment provided or upload URL requested")
        if attached is not None:
            if attached.stat().st_size > self.config.sync_upload_limit:
                raise RefusedError("File size exceeds the sync upload limit")
            return attached, "SYNC"
        if sources == ["url"]:
            return None, "URL_SINGLE_PART"
        return self.source_file(request[sources[0]]["sourceLocation"]), "S_3" if "s3" in sources[0] else "GLOBUS"

    def source_file(self, location: Mapping[str, Any]) -> Path:
        """Return the file that an endpoint holds."""
        folder = self.config.endpoints.get(str(location.get("fileContainerId")))
        if folder is None:
            raise RefusedError(
                "[GLOBUS] Endpoint doesn't exist or is inactive. Make sure the endpoint UUID is correct."
            )
        file = (folder / str(location.get("fileId", "")).lstrip("/")).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.exists():
            raise RefusedError(f"Source file location doesn't exist {location.get('fileId')}")
        return file

    def _add_file(self, path: str, values: Mapping[str, str], data: Path | None, method: str) -> None:
        node = self.database.add_node(path, "file", self.config.clock())
        system = {**self._system(), "data_transfer_method": method, "data_transfer_type": "S_3"}
        system["data_transfer_started"] = self._date()
        if data is None:
            self._store(node, values, {**system, "data_transfer_status": "URL_GENERATED"})
            return
        stored = uuid.uuid4().hex
        target = self.database.files / stored
        if method == "SYNC":
            self._fs.rename(data, target)
        else:
            with data.open("rb", buffering=0) as source, self._fs.open_new(target) as copy:
                self._fs.copy_range(source, 0, data.stat().st_size, copy)
        system["source_file_size"] = str(target.stat().st_size)
        system["checksum"] = etag_file(target, part_size=self.config.part_size)
        polls = 0 if method == "SYNC" else self.config.task_polls
        system["data_transfer_status"] = "RECEIVED" if polls else "ARCHIVED"
        if not polls:
            system["data_transfer_completed"] = self._date()
        self.database.set_content(node.id, stored, polls)
        self._store(node, values, system)

    def poll(self, node: Node) -> None:
        """Bring a file that is under way one step on."""
        system = self.database.metadata(node.id, system=True)
        if system.get("data_transfer_status") != "RECEIVED":
            return
        stored, polls = self.database.content(node.id)
        self.database.set_content(node.id, stored.name, max(0, polls - 1))
        if polls <= 1:
            done = {**system, "data_transfer_status": "ARCHIVED", "data_transfer_completed": self._date()}
            self.database.set_metadata(node.id, done, system=True)

    def archived(self, path: str) -> Path:
        """Return the bytes of a file on disk, once it is archived."""
        node = self.data_object(path)
        status = self.database.metadata(node.id, system=True).get("data_transfer_status", "")
        if status != "ARCHIVED":
            raise RefusedError(f"Object is not in archived state yet. It is in {status} state")
        return self.database.content(node.id)[0]

    def _check_path(self, path: str) -> None:
        if path in ("", "/"):
            raise RefusedError(f"Invalid collection path: {path}" if path else "Null or empty path")
        for character in "\\;?":
            if character in path:
                raise RefusedError(f"Invalid character [{character}] in path [{path}]")
        base = self.rules.base_path
        if path != base and not path.startswith(base + "/"):
            raise RefusedError(f"Failed to determine data management configuration for: {path}")

    def _check_hierarchy(self, types: Sequence[str]) -> None:
        if self.rules.at(types) is None:
            raise RefusedError(
                f"Invalid collection hierarchy for: {self.rules.base_path}. Registered hierarchy: /{'/'.join(types)}. "
                f"Valid Hierarchies: [{', '.join(_lines(self.rules.hierarchy))}]"
            )

    def _store(self, node: Node, values: Mapping[str, str], system: Mapping[str, str]) -> None:
        self.database.set_metadata(node.id, values, system=False)
        self.database.set_metadata(node.id, system, system=True)

    def _collection_system(self, node: Node) -> dict[str, str]:
        kept = self.database.metadata(node.id, system=True)
        if kept:
            return {**kept, "metadata_updated": self._date()}
        return {**self._system(), "dme_data_id": f"NCI-DME-MS01-{node.id}", "collection_created": self._date()}

    def _system(self) -> dict[str, str]:
        return {
            "uuid": str(uuid.uuid4()),
            "registered_by": OWNER,
            "registered_by_name": "Stand-In Service",
            "configuration_id": _CONFIGURATION,
            "metadata_updated": self._date(),
        }

    def _date(self) -> str:
        return datetime.fromtimestamp(self.config.clock(), UTC).strftime("%m-%d-%Y %H:%M:%S")


def _lines(container: Container) -> list[str]:
    return list(container.paths())


def _passed(checked: Checked) -> Checked:
    """Return the checked metadata, or refuse with its first fault."""
    if checked.faults:
        raise RefusedError(checked.faults[0].message)
    return checked
