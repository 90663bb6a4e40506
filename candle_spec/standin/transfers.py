"""How the bytes of a file come into the archive: attached to a request, from an endpoint, or not yet at all.

Order of checks: ``HpcDataTransferServiceImpl.uploadDataObject`` of DME (https://github.com/CBIIT/HPC_DME_APIs).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs
from candle_spec.standin import archive
from candle_spec.standin.config import Config
from candle_spec.standin.database import Database, Node
from candle_spec.standin.messages import refusal

SOURCES: Final = (
    "globusUploadSource",
    "s3UploadSource",
    "googleDriveUploadSource",
    "googleCloudStorageUploadSource",
    "fileSystemUploadSource",
)
"""Members of a registration that say where the bytes are."""


class Transfers:
    """The archive's door."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database
        self._fs = Fs()

    def source(self, request: Mapping[str, Any], attached: Path | None) -> tuple[Path | None, str]:
        """Return the bytes that a registration brings, ``None`` where an address for them is asked for, and the way.

        Raises:
            RefusedError: It brings none, or says so twice.
        """
        sources = [name for name in SOURCES if request.get(name)] + ["attached"] * (attached is not None)
        sources += ["url"] * bool(request.get("generateUploadRequestURL"))
        if not sources:
            raise refusal("no_source")
        if len(sources) > 1:
            raise refusal("several_sources")
        if attached is not None:
            if attached.stat().st_size > self._config.sync_upload_limit:
                raise refusal("too_large_to_send")
            return attached, "SYNC"
        if sources == ["url"]:
            return None, "URL_SINGLE_PART"
        return self.source_file(request[sources[0]]["sourceLocation"]), "S_3" if "s3" in sources[0] else "GLOBUS"

    def source_file(self, location: Mapping[str, Any]) -> Path:
        """Return the file that an endpoint holds.

        Raises:
            RefusedError: There is no such endpoint or file.
        """
        endpoint, name = str(location.get("fileContainerId")), str(location.get("fileId", ""))
        folder = self._config.endpoints.get(endpoint)
        if folder is None:
            raise refusal("no_endpoint", endpoint=endpoint)
        file = (folder / name.lstrip("/")).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.exists():
            raise refusal("no_source_file", endpoint=endpoint, file=name)
        return file

    def take(self, node: Node, data: Path, method: str) -> dict[str, str]:
        """Bring bytes into the archive; returns what the server says of them: size, checksum, state."""
        stored = uuid.uuid4().hex
        target = self._database.files / stored
        if method == "SYNC":
            self._fs.rename(data, target)
        else:
            with data.open("rb", buffering=0) as source, self._fs.open_new(target) as copy:
                self._fs.copy_range(source, 0, data.stat().st_size, copy)
        polls = 0 if method == "SYNC" else self._config.task_polls
        self._database.set_content(node.id, stored, polls)
        return {
            "source_file_size": str(target.stat().st_size),
            "checksum": archive.etag(target, self._config.part_size),
            "data_transfer_status": "RECEIVED" if polls else "ARCHIVED",
        }
