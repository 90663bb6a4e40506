"""Most of a shipment of files with a record: what it shows, what blocks it, and the files and requests as a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candle_spec.atomic import Staging
from candle_spec.canonical import pretty
from candle_spec.publish.destination import Overview
from candle_spec.publish.draft import Draft
from candle_spec.publish.remarks import Remark


@dataclass(frozen=True)
class Files:
    """A draft on its way to a service; a service adds how it is sent.

    Attributes:
        draft: What is sent.
        place: Where it goes.
        requests: The requests in order, as they will be sent.
        accept_personal: Whether what is personal may be sent.
        out: Folder for files and requests, where they are to be looked at.
    """

    draft: Draft
    place: str
    requests: Sequence[Mapping[str, Any]]
    accept_personal: bool
    out: Path | None
    hint = ""

    @property
    def overview(self) -> Overview:
        """All files."""
        items = self.draft.items
        rows = [(item.size, item.path) for item in items]
        return Overview(self.place, sum(item.size for item in items), {"file": len(items)}, rows)

    @property
    def remarks(self) -> list[Remark]:
        """What is wrong with the record, and what should not be sent."""
        ways = {True: "it is not sent", False: "--accept-personal sends it"}
        leaks = [Remark(leak.place, f"the text holds {leak.what}: {ways[leak.secret]}") for leak in self.draft.leaks]
        return [*self.draft.remarks, *leaks]

    @property
    def blocked(self) -> bool:
        """Whether the record is not ready, or something that nobody accepted would be sent."""
        return bool(self.draft.remarks) or any(leak.secret or not self.accept_personal for leak in self.draft.leaks)

    def report(self) -> dict[str, Any]:
        """Return the shipment for programs."""
        leaks = [{"place": leak.place, "what": leak.what, "secret": leak.secret} for leak in self.draft.leaks]
        files = [{"path": item.path, "size": item.size, "digest": item.sha256} for item in self.draft.items]
        problems = [str(remark) for remark in self.draft.remarks]
        return {"files": files, "requests": self.requests, "problems": problems, "leaks": leaks}

    def write(self, *, dry_run: bool) -> str:
        """Write files and requests, where a folder for them is named and nothing is to be sent."""
        if self.out is None or not dry_run:
            return ""
        with Staging(self.out) as staging:
            for item in self.draft.items:
                with staging.create(f"files/{item.path}") as file:
                    for block in item.blocks():
                        staging.fs.write(file, block)
                    staging.fs.sync_file(file)
            for number, request in enumerate(self.requests, start=1):
                staging.write(f"requests/{number:03d}-{request['method']}.json", pretty(request))
            staging.commit()
        return f"-> {self.out}    files/ and requests/, nothing was sent"
