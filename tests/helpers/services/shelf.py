"""A destination of somebody else: a shelf is a folder, and publishing puts a checkpoint's files on it.

It is what a package of others would hold, and knows of this one what the contract of a destination names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.errors import MissingPathError
from candle_spec.publish.bundle import Item, bundle
from candle_spec.publish.destination import Access, Audience, Option, Overview, Sent, complete
from candle_spec.publish.published import Part, Published
from candle_spec.publish.remarks import Remark
from candle_spec.publish.sources import Selection
from candle_spec.remote.checks import HashCheck
from candle_spec.remote.incoming import Incoming
from candle_spec.repositories.packs.pack import Pack


@dataclass
class Boxed:
    """Files on their way to a shelf."""

    shelf: Path
    source: Path
    items: list[Item]
    hint: str = ""

    @property
    def overview(self) -> Overview:
        rows = [(item.size, item.path) for item in self.items]
        return Overview(str(self.shelf), sum(item.size for item in self.items), {"file": len(rows)}, rows)

    @property
    def remarks(self) -> list[Remark]:
        return [Remark(str(self.shelf), "there is no such shelf")] if self.blocked else []

    @property
    def blocked(self) -> bool:
        return not self.shelf.is_dir()

    def report(self) -> dict[str, Any]:
        return {"files": [item.path for item in self.items], "problems": [str(one) for one in self.remarks]}

    def write(self, *, dry_run: bool) -> str:
        return ""

    def send(self, audience: Audience) -> Sent:
        for item in self.items:
            target = self.shelf / item.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"".join(item.blocks()))
            audience.tell(f"put  {item.path}")
        return Sent(str(self.shelf), {"shelf": str(self.shelf)}, self.source.with_name("receipt"))


class Shelf:
    """The destination."""

    title = "A shelf"
    about = "Put CHECKPOINT on a shelf."
    form = "FOLDER"
    options = (
        Option("shelf", "The folder.", kind="path", required=True, placeholder="FOLDER"),
        Option("label", "What is written on it.", many=True),
    )

    def informed(self, pack: Pack) -> Pack:
        return replace(pack, about={**pack.about, "title": "learnt from the shelf"})

    @contextmanager
    def prepared(self, selection: Selection, values: Mapping[str, Any], audience: Audience) -> Iterator[Boxed]:
        given = complete(self.options, values)
        labels = {"labels.txt": " ".join(given["label"]).encode()} if given["label"] else {}
        items = bundle(Checkpoint(selection.named), labels, with_original=selection.with_original)
        yield Boxed(given["shelf"], selection.named, items)

    @contextmanager
    def published(self, address: str, access: Access) -> Iterator[Published]:
        shelf = Path(address)
        if not shelf.is_dir():
            raise MissingPathError("there is no such shelf", location=address)

        def find(path: str) -> str | None:
            return path if (shelf / path).is_file() else None

        def incoming(name: str) -> Incoming:
            data = (shelf / name).read_bytes()

            @contextmanager
            def opened(start: int) -> Iterator[Iterator[bytes]]:
                yield iter([data[start:]])

            stated = hashlib.sha256(data).hexdigest()
            return Incoming(name, len(data), lambda: HashCheck(hashlib.sha256(), stated), opened, 1, lambda _: None)

        yield Published(f"{shelf.name}.candle", [Part("", address, find, incoming)])


DESTINATION = Shelf()
