"""A record as the mapping makes it, and checkpoints to publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.helpers.services.modac_calls import ASSET, PROGRAM, STUDY, STUDY_METADATA, entries


def documents(**asset: str) -> dict[str, Any]:
    """The documents of a record; keywords change the asset's metadata."""
    values = {**ASSET, "asset_identifier": "uno", "access_group": "REHEARSAL", **asset}
    base = STUDY.rpartition("/")[0]
    return {
        "program": {"path": f"/{base}", "metadataEntries": entries({**PROGRAM})},
        "study": {"path": f"/{STUDY}", "metadataEntries": entries({**STUDY_METADATA})},
        "asset": {"path": f"/{STUDY}/uno", "metadataEntries": entries({k: v for k, v in values.items() if v})},
    }


def write_record(path: Path, **asset: str) -> Path:
    """Write the documents as one file."""
    path.write_text(json.dumps({"documents": documents(**asset)}), encoding="utf-8")
    return path
