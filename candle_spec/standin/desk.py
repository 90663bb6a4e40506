"""What MoDaC adds to the server behind it: permissions of users, the filter of queries, download addresses."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from candle_spec.standin import search
from candle_spec.standin.config import Config
from candle_spec.standin.database import Database, Node
from candle_spec.standin.dme import CREATED, Dme
from candle_spec.standin.facts import limit
from candle_spec.standin.faults import FaultRule, Faults
from candle_spec.standin.identity import Caller, DeniedError, Gate
from candle_spec.standin.messages import refusal
from candle_spec.standin.paths import parent


class Desk:
    """All parts of a stand-in that is running, and the checks that its routes share."""

    def __init__(self, config: Config, faults: Faults) -> None:
        config.folder.mkdir(parents=True, exist_ok=True)
        self.config = config
        self.faults = faults
        self.database = Database(config.folder)
        for user in config.users:
            self.database.add_user(user)
        self.dme = Dme(config, self.database)
        self.gate = Gate(config, self.database)
        self.origin = ""

    # Permissions

    def need_login(self, caller: Caller) -> None:
        """Turn nobody away only who has not logged in."""
        if not caller.email:
            raise DeniedError("not_authorized", 401)

    def need_write(self, caller: Caller, path: str, *, of_file: bool = False) -> None:
        """Refuse a caller who is no uploader, or has no right on what is above ``path``.

        A path of one segment is taken for its own parent; below the base path every uploader may make a program.
        """
        self.need_login(caller)
        if not caller.is_write:
            raise refusal("not_permitted")
        above = parent(path)
        above = path if above == "/" else above
        if not of_file and above.lower() == self.dme.rules.base_path.lower():
            return
        if not self._has_role(caller, self.dme.collection(above)):
            raise refusal("not_permitted")

    def need_read(self, caller: Caller, collection: Node) -> None:
        """Refuse a caller who may not see a collection: it is not public, and they have no right on it."""
        group = self.database.metadata(collection.id).get("access_group", "")
        if group.lower() != "public" and not self._has_role(caller, collection):
            raise refusal("not_permitted")

    def _has_role(self, caller: Caller, collection: Node) -> bool:
        """Whether a caller is owner or of a group of a collection; in an asset, those of the asset count."""
        ruled = self.dme.collection(self.dme.asset_of(collection.path))
        return bool(self.database.role(ruled.id, caller.email, caller.groups))

    def readable_file(self, caller: Caller, path: str) -> Node:
        """Return a file that the caller may read: its own collection decides."""
        self.need_read(caller, self.dme.collection(parent(path)))
        return self.dme.data_object(path)

    def readable_collection(self, caller: Caller, path: str) -> Node:
        """Return a collection that the caller may read."""
        node = self.dme.collection(path)
        self.need_read(caller, node)
        return node

    # Registration

    def register_collection(self, caller: Caller, path: str, request: Mapping[str, Any]) -> int:
        """Register or update a collection for a caller; who creates it becomes its owner."""
        self.need_write(caller, path)
        status = self.dme.register_collection(path, request)
        if status == CREATED and len(path) - 1 <= limit("path_characters"):  # it is kept without the '/' before it
            self.database.grant(self.dme.collection(path).id, "owner", caller.email)
        return status

    def register_file(self, caller: Caller, path: str, request: Mapping[str, Any], attached: Path | None) -> int:
        """Register or update a file for a caller."""
        self.need_write(caller, path, of_file=True)
        return self.dme.register_file(path, request, attached)

    # Queries

    def query(self, caller: Caller, document: Mapping[str, Any], *, kind: str) -> tuple[list[Node], dict[str, Any]]:
        """Return the hits of one page and what the answer says about the pages.

        Args:
            caller: Whose groups filter collections.
            document: The request.
            kind: ``"collection"``, ``"file"``, or ``"parents"``: the collections of the files that match.
        """
        query = document.get("compoundQuery")
        search.check(query)
        page, size = int(document.get("page") or 1), int(document.get("pageSize") or self.config.page_size)
        if document.get("page") is not None and int(document["page"]) < 1:
            raise refusal("page", page=document["page"])
        if not 1 <= size <= limit("most_hits"):
            raise refusal("page_size", size=size)
        hits = self._hits(dict(query or {}), "collection" if kind == "collection" else "file")
        if kind == "parents":
            above = {parent(node.path): None for node in hits}
            hits = [self.dme.collection(path) for path in above]
        if kind != "file":
            hits = [node for node in hits if search.allowed(search.rows_of(self.dme, node), caller.groups)]
        about: dict[str, Any] = {"page": page, "limit": size}
        if document.get("totalCount"):
            about["totalCount"] = len(hits)
        return hits[(page - 1) * size : page * size], about

    def _hits(self, query: dict[str, Any], kind: str) -> list[Node]:
        newest = self.config.clock() - self.config.search_delay
        nodes = [node for node in self.database.nodes(kind) if node.created <= newest]
        return [node for node in nodes if search.matches(query, node, search.rows_of(self.dme, node))]

    # Addresses and tasks

    def presigned(self, node: Node) -> str:
        """Return an address from which a file can be fetched for a while without a login."""
        expires = int(self.config.clock()) + self.config.url_seconds
        name = node.path.rpartition("/")[2]
        return (
            f"{self.origin}/presigned/{node.id}/{name}?X-Amz-Expires={self.config.url_seconds}&X-Amz-Date={expires}"
            f"&X-Amz-Signature={self._signature(node.id, expires)}"
        )

    def presigned_file(self, raw: str, query: str) -> Path | None:
        """Return the file that a presigned address names; ``None`` where it is wrong or has expired."""
        number = raw.split("/")[2]
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        expires = int(fields.get("X-Amz-Date", "0"))
        good = hmac.compare_digest(self._signature(int(number), expires), fields.get("X-Amz-Signature", ""))
        if not good or expires <= self.config.clock():
            return None
        return self.database.content(int(number))[0]

    def _signature(self, node: int, expires: int) -> str:
        return hmac.new(self.database.secret("urls"), f"{node}:{expires}".encode(), hashlib.sha256).hexdigest()

    def start_task(self, kind: str, document: Mapping[str, Any]) -> str:
        """Remember a task that is complete after some polls, and return its id."""
        task = str(uuid.uuid4())
        self.database.add_task(task, kind, self.config.task_polls, document)
        return task

    def fault(self, request: Request, path: str, *kinds: str) -> FaultRule | None:
        """Return a fault of these kinds that is due for a request."""
        return self.faults.take(request.method, path, kinds)


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        MalformedError: It is none.
    """
    try:
        document = json.loads(await request.body())
    except (ValueError, ClientDisconnect) as error:
        raise search.MalformedError from error
    if not isinstance(document, dict):
        raise search.MalformedError
    return document
