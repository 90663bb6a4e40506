"""Real checkpoints of others: each converts with the native loader's tensors and comes back byte for byte."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import candle_spec
from candle_spec.problems import LevelState
from tests.corpus.native import Tensors, tensors

pytestmark = pytest.mark.corpus

RESIDUE_SHARE = 0.05

LARGE_RESIDUE = {
    "lpips-alex": "5 KB: the pickle weighs a tenth of the tensors",
    "lpips-squeeze": "9 KB, likewise",
    "lpips-vgg": "6 KB, likewise",
    "mmsplice-acceptor": "59 KB in an HDF5 file: its headers and the architecture weigh more than a twentieth",
    "mmsplice-exon": "26 KB, likewise",
    "mmsplice-exon-prime3": "26 KB, likewise",
    "mmsplice-mtsplice0": "34 KB, likewise",
}
"""Corpus files whose residue is larger than 5 % of the tensor bytes, and why."""


def test_converts_validates_and_comes_back(corpus_file: Any, tmp_path: Path) -> None:
    native = corpus_file.path
    checkpoint = candle_spec.convert(native, tmp_path / "model.candle")
    common, reference = _common(checkpoint), tensors(native)
    if checkpoint.manifest["conversion"]["native"]["variant"] == "torchscript":
        # torch.jit gives parameters and buffers; tensors among the program's constants and attributes come on top.
        common &= reference
    assert common == reference

    report = candle_spec.validate(checkpoint.path)
    assert not report.errors, report.errors
    assert [level.state for level in report.levels[:6]] == [LevelState.OK] * 6

    (restored,) = candle_spec.restore(checkpoint.path, tmp_path / "restored")
    assert restored.byte_exact
    assert hashlib.sha256(restored.path.read_bytes()).digest() == hashlib.sha256(native.read_bytes()).digest()


def test_residue_is_small(corpus_file: Any, tmp_path: Path) -> None:
    checkpoint = candle_spec.convert(corpus_file.path, tmp_path / "model.candle")
    stored = sum(group["size"] for group in checkpoint.manifest["weights"]["groups"])
    residue = sum(record["size"] for record in checkpoint.manifest["files"] if record["role"] == "residue")
    exception = corpus_file.id in LARGE_RESIDUE
    assert (residue > RESIDUE_SHARE * stored) == exception, f"residue {residue} of {stored} tensor bytes"


def _common(checkpoint: candle_spec.Checkpoint) -> Tensors:
    """The checkpoint's tensors in the form of the reference."""
    found: Tensors = Counter()
    for tensor in checkpoint.tensors:
        array = checkpoint.tensor(tensor.group, tensor.name)
        found[tensor.shape, hashlib.sha256(array.tobytes()).hexdigest()] += 1
    return found
