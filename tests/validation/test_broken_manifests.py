"""What opens a checkpoint says in words what is wrong with it, whatever stands in its manifest and beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import candle_spec
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CandleSpecError, CorruptFileError
from tests.helpers import checkpoints
from tests.helpers.faults.mutation import mutants

USES: dict[str, Callable[[Path], Any]] = {
    "inspect": candle_spec.inspect,
    "load": lambda path: candle_spec.load(path).state_dict(),
    "restore": lambda path: candle_spec.restore(path, path.parent / "out", overwrite=True),
    "verify": lambda path: candle_spec.verify_conversion(path, predictions=False),
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return checkpoints.make("alias", tmp_path).path


def broken(manifest: dict[str, Any]) -> Iterator[Any]:
    """Yield a document that breaks it for each assertion of the schema that the manifest reaches."""
    seen: set[str] = set()
    for mutant in mutants("checkpoint", manifest):
        if mutant.keyword_path not in seen:
            seen.add(mutant.keyword_path)
            yield mutant.document


@pytest.mark.slow
def test_no_manifest_is_taken_at_its_word(checkpoint: Path) -> None:
    documents = list(broken(checkpoints.read_manifest(checkpoint)))
    assert len(documents) > 200
    for document in documents:
        (checkpoint / MANIFEST).write_text(json.dumps(document))
        for use in USES.values():
            with pytest.raises(CandleSpecError):
                use(checkpoint)


def test_a_damaged_residue_is_said_so(checkpoint: Path) -> None:
    residue = checkpoint / "original" / "0.residue.gz"
    data = residue.read_bytes()
    for place in range(len(data)):
        residue.write_bytes(data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :])
        claims = {
            claim.what: claim.holds for claim in candle_spec.verify_conversion(checkpoint, predictions=False).claims
        }
        (restored,) = [holds for what, holds in claims.items() if what.endswith("comes back byte for byte")]
        if restored:  # gzip's own header holds a time and a system, which change nothing
            assert place < 10
            continue
        with pytest.raises(CorruptFileError):
            USES["restore"](checkpoint)


def test_extents_are_checked_by_their_schema(checkpoint: Path) -> None:
    path = checkpoint / "original" / "0.extents.json"
    text = path.read_bytes()
    for mutant in mutants("extents", json.loads(text)):
        path.write_text(json.dumps(mutant.document))
        with pytest.raises(CandleSpecError):
            USES["restore"](checkpoint)
