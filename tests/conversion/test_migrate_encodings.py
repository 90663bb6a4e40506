"""Encoded tensors of an older version: they keep their values, or are refused where these would be others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.migration.migrate import migrate
from candle_spec.conversion.restore import restore
from candle_spec.digests import digest_file
from candle_spec.errors import UnknownVersionError
from tests.helpers.checkpoints import read_manifest, write_manifest
from tests.helpers.kept import DEV_1, copied

FIELD = {"name": "count", "offset": 12}


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "F128"},
        {"dtype": "F4_E2M1"},
        {"dtype": "QU4"},
        {"dtype": "QU2"},
        *(
            {"encoding": {"params": {"fields": [FIELD | {"dtype": text}]}}}
            for text in ("('>i8', (2,))", "([('x', '<f4')], (2,))", ">c16", ">f16", ">V8")
        ),
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("kind", ["encoded-numpy", "inventory"])
def test_what_was_stored_otherwise_is_refused(kind: str, change: dict[str, Any], tmp_path: Path) -> None:
    """A tensor whose values the current version would read otherwise: convert again, says whoever opens it."""
    old = copied(kind, tmp_path)
    manifest = read_manifest(old)
    path = old / manifest["weights"].get("inventory", MANIFEST)
    document = json.loads(path.read_bytes()) if path.name != MANIFEST else manifest
    (document if kind == "inventory" else document["weights"])["tensors"][0].update(change)
    path.write_text(json.dumps(document), encoding="utf-8")
    if kind == "inventory":
        row = next(row for row in manifest["files"] if row["path"] == path.name)
        row |= {"size": path.stat().st_size, "sha256": digest_file(path)}
        write_manifest(old, manifest, pretty=False)
    with pytest.raises(UnknownVersionError) as found:
        migrate(old, tmp_path / "new")
    assert "convert the native checkpoint again" in found.value.hint
    assert not (tmp_path / "new").exists()
    with pytest.raises(UnknownVersionError):
        _ = Checkpoint(old).tensors


def test_records_of_the_old_version_have_their_values(tmp_path: Path) -> None:
    found = Checkpoint(migrate(DEV_1 / "encoded-numpy", tmp_path / "new").path).state_dict(framework="numpy")
    (restored,) = restore(DEV_1 / "encoded-numpy", tmp_path / "native")
    with np.load(restored.path) as native:
        assert set(native) == set(found)
        for name, array in native.items():
            assert (found[name].dtype, found[name].tobytes()) == (array.dtype, array.tobytes()), name
