"""Real checkpoints of others: each converts with the native loader's tensors and comes back byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import candle_spec
from candle_spec.problems import LevelState
from tests.helpers.corpus.exceptions import EXPLAINED, OWN_TENSORS, PAYLOADS, RESIDUE_SHARE
from tests.helpers.corpus.native import stored_tensors
from tests.helpers.corpus.native_others import other_tensors

pytestmark = pytest.mark.corpus


def test_converts_validates_and_comes_back(corpus_file: Any, tmp_path: Path) -> None:
    native = corpus_file.path
    checkpoint = candle_spec.convert(native, tmp_path / "model.candle")
    framework = corpus_file.record["framework"]
    if framework in PAYLOADS:
        assert checkpoint.document["weights"]["kind"] == "payload"
    else:
        common, reference = stored_tensors(checkpoint), other_tensors(native, framework)
        if framework in OWN_TENSORS or corpus_file.id in OWN_TENSORS:
            common &= reference
        assert common == reference

    report = candle_spec.validate(checkpoint.path)
    assert not report.errors, report.errors
    assert [level.state for level in report.levels[:6]] == [LevelState.OK] * 6

    for restored in candle_spec.restore(checkpoint.path, tmp_path / "restored"):
        assert restored.byte_exact
        original = native if native.is_file() else native / restored.path.relative_to(tmp_path / "restored")
        assert restored.path.read_bytes() == original.read_bytes()


def test_residue_is_small(corpus_file: Any, tmp_path: Path) -> None:
    checkpoint = candle_spec.convert(corpus_file.path, tmp_path / "model.candle")
    weights = checkpoint.document["weights"]
    stored = sum(group["size"] for group in weights.get("groups", []))
    if weights["kind"] == "payload":
        stored = sum(record["size"] for record in checkpoint.document["files"] if record["role"] == "payload")
    residue = sum(record["size"] for record in checkpoint.document["files"] if record["role"] == "residue")
    exception = corpus_file.id in EXPLAINED
    assert (residue > RESIDUE_SHARE * stored) == exception, f"residue {residue} of {stored} tensor bytes"
