"""``ckpt-info.json`` of a checkpoint that is being saved: it names what is really there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from candle_spec.canonical import pretty
from candle_spec.checkpoint.contents import SideFile
from candle_spec.checkpoint.file_record import FileRecord
from candle_spec.series.candle_files import ckpt_info
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.store import Documents


def note(info: CkptInfo) -> Documents:
    """Return what makes the note of a save; the file of the weights is named and digested as it was written.

    Args:
        info: What is known before the save.
    """

    def made(folder: Path, records: Sequence[FileRecord]) -> list[SideFile]:
        model = [record for record in records if record.role in ("weights", "payload")]
        index = [record for record in records if record.role == "index"]
        named = next(iter((*(index if len(model) > 1 else ()), *model)), None)
        digests = {record.path: record.digest for record in model if record.digest}
        about = replace(info, extra={**info.extra, **({"sha256": digests} if digests else {})})
        about = replace(about, model_file=named.path) if named is not None else about
        return [SideFile(ckpt_info.NAME, about.to_bytes(), "application/json", "document")]

    return made


def with_state_digest(side: SideFile, digest: str) -> SideFile:
    """Add the identity of the whole state to a note; any other file is returned as it is."""
    if side.path != ckpt_info.NAME or not isinstance(side.data, bytes) or not digest:
        return side
    return replace(side, data=pretty({**json.loads(side.data), "state_digest": digest}))


def elapsed(moment: datetime, before: datetime | None) -> float | str:
    """Return the seconds since the save before, as the note says it."""
    return ckpt_info.FIRST if before is None else round((moment - before).total_seconds(), 3)
