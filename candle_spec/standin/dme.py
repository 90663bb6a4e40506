"""The server behind MoDaC: registers collections and files, validates, keeps system metadata.

Order of checks: ``registerCollection`` and ``registerDataObject`` of ``HpcDataManagementBusServiceImpl`` and
``HpcDataManagementServiceImpl`` of DME (https://github.com/CBIIT/HPC_DME_APIs).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from candle_spec.standin import archive, java, metadata
from candle_spec.standin.config import Config
from candle_spec.standin.database import Database, Node
from candle_spec.standin.messages import refusal
from candle_spec.standin.paths import invalid_character, parent
from candle_spec.standin.rules import Level
from candle_spec.standin.transfers import SOURCES, Transfers

OWNER: Final = "standin_service"
"""The service account that registers everything; users are known to MoDaC alone."""

_CONFIGURATION: Final = "4ac6a3d2-0000-4000-8000-0000000000ff"

_SOURCES_OF_NEW: Final = (*SOURCES[:4], "linkSourcePath")
"""Beside an attached file, what may not come with a file that is there already."""

CREATED: Final = 201
UPDATED: Final = 200


class Dme:
    """Collections and data files below the base path."""

    def __init__(self, config: Config, database: Database) -> None:
        self.config = config
        self.rules = config.rules
        self.database = database
        self.transfers = Transfers(config, database)
        if database.node(self.rules.base_path) is None:
            database.add_node(self.rules.base_path, "collection", config.clock())

    def collection(self, path: str) -> Node:
        """Return the collection at a path."""
        node = self.database.node(path)
        if node is None or node.kind != "collection":
            raise refusal("missing_collection", path=path)
        return node

    def data_object(self, path: str) -> Node:
        """Return the file at a path."""
        node = self.database.node(path)
        if node is None or node.kind != "file":
            raise refusal("missing_file", path=path)
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
        rows = request.get("metadataEntries") or []
        if not rows:
            raise refusal("no_entries")
        if path == self.rules.base_path:
            raise refusal("base_path", path=path)
        node = self.database.node(path)
        if node is not None and node.kind == "file":
            raise refusal("is_a_file", path=path)
        if node is not None:
            return self._update_collection(node, rows)
        if self.database.node(parent(path)) is None:
            raise refusal("no_parent_collection", path=path)
        values = metadata.of_new_collection(rows, self.rules, path)
        self._check_hierarchy([*self.types(parent(path)), values.get("collection_type", "")])
        node = self.database.add_node(path, "collection", self.config.clock())
        self._store(node, values, self._collection_system(node))
        return CREATED

    def _update_collection(self, node: Node, rows: metadata.Rows) -> int:
        stored, own = self.database.metadata(node.id), self.database.metadata(node.id, system=False)
        values = metadata.of_collection(rows, self.rules, node.path, stored, own)
        if values is not None:
            self._store(node, values, self._collection_system(node))
        return UPDATED

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
        if attached is not None and stated and stated != archive.md5(attached):
            raise refusal("checksum")
        node = self.database.node(path)
        if node is not None and node.kind == "collection":
            raise refusal("is_a_collection", path=path)
        rows = request.get("metadataEntries") or []
        if node is not None:
            return self._update_file(node, rows, request, attached)
        if self.database.node(parent(path)) is None:
            raise refusal("no_parent_of_file", path=path)
        types = self.types(parent(path))
        level = self._check_hierarchy(types)
        if level is None or not level.takes_files:
            raise refusal("no_files_here")
        values = metadata.of_new_file(rows, self.rules, types[-1])
        data, method = self.transfers.source(request, attached)
        self._add_file(path, values, data, method)
        return CREATED

    def _update_file(self, node: Node, rows: metadata.Rows, request: Mapping[str, Any], attached: Path | None) -> int:
        if attached is not None or any(request.get(name) for name in _SOURCES_OF_NEW):
            raise refusal("taken")
        stored, own = self.database.metadata(node.id), self.database.metadata(node.id, system=False)
        values = metadata.of_file(rows, self.rules, self.types(parent(node.path))[-1], stored, own)
        system = {**self.database.metadata(node.id, system=True), "metadata_updated": self._date()}
        self._store(node, values, system)
        if request.get("generateUploadRequestURL") and system.get("data_transfer_status") == "ARCHIVED":
            raise refusal("no_url_again", path=node.path)
        return UPDATED

    def _add_file(self, path: str, values: Mapping[str, str], data: Path | None, method: str) -> None:
        node = self.database.add_node(path, "file", self.config.clock())
        system = {**self._system(), "data_transfer_method": method, "data_transfer_type": "S_3"}
        system["data_transfer_started"] = self._date()
        if data is None:
            self._store(node, values, {**system, "data_transfer_status": "URL_GENERATED"})
            return
        system |= self.transfers.take(node, data, method)
        if system["data_transfer_status"] == "ARCHIVED":
            system["data_transfer_completed"] = self._date()
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
            raise refusal("not_archived", status=status)
        return self.database.content(node.id)[0]

    def _check_path(self, path: str) -> None:
        if not path.startswith(self.rules.base_path):
            raise refusal("no_configuration", path=path)
        if character := invalid_character(path):
            raise refusal("invalid_character", character=character, path=path)

    def _check_hierarchy(self, types: Sequence[str]) -> Level | None:
        """Return the level of a line of types; ``None`` at the base path, above all levels."""
        level = self.rules.level(types)
        if types and level is None:
            valid = java.shown(self.rules.top.lines())
            registered = "".join(f"/{name}" for name in types)
            raise refusal("hierarchy", base=self.rules.base_path, registered=registered, valid=valid)
        return level

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
