"""Learned numbers in the message of a Core ML model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.conversion.source import resolve_source
from candle_spec.conversion.verify import verify_conversion
from candle_spec.converters.coreml import CONVERTER
from candle_spec.errors import CandleSpecError
from candle_spec.testing.contract import ConverterContract
from tests.helpers.native.coreml_models import FILES

pytestmark = pytest.mark.slow

TREES: dict[str, Any] = {
    "nodes.treeId": [0, 0, 0],
    "nodes.nodeId": [0, 1, 2],
    "nodes.nodeBehavior": [0, 6, 6],
    "nodes.branchFeatureIndex": [1, 0, 0],
    "nodes.branchFeatureValue": [0.25, 0.0, 0.0],
    "nodes.trueChildNodeId": [1, 0, 0],
    "nodes.falseChildNodeId": [2, 0, 0],
    "nodes.missingValueTracksTrueChild": [0, 0, 0],
    "nodes.relativeHitRate": [0.0, 0.0, 0.0],
    "basePredictionValue": [0.5],
    "evaluationInfo.node": [1, 2],
    "evaluationInfo.evaluationIndex": [0, 0],
    "evaluationInfo.evaluationValue": [-1.25, 4.75],
}
EXPECTED: dict[str, dict[str, Any]] = {
    "forest": {f"treeEnsembleRegressor.{name}": value for name, value in TREES.items()},
    "linear": {"glmRegressor.weights": [0.5, -1.5], "glmRegressor.offset": [2.0]},
    "machine": {
        "supportVectorClassifier.numberOfSupportVectorsPerClass": [1, 1],
        "supportVectorClassifier.denseSupportVectors": [[0.5, 1.0], [-0.5, -1.0]],
        "supportVectorClassifier.coefficients.alpha": [1.0, -1.0],
        "supportVectorClassifier.rho": [0.25],
        "supportVectorClassifier.probA": [-1.0],
        "supportVectorClassifier.probB": [0.125],
    },
    "pipeline": {
        "models.0.scaler.shiftValue": [-1.0, -2.0],
        "models.0.scaler.scaleValue": [0.5, 0.25],
        **{f"models.1.treeEnsembleRegressor.{name}": value for name, value in TREES.items()},
    },
}


def written(kind: str, folder: Path) -> Path:
    (folder / "uno.mlmodel").write_bytes(bytes.fromhex(FILES[kind]))
    return folder / "uno.mlmodel"


class TestLearned(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["forest", "machine"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return written(request.param, tmp_path)


@pytest.mark.parametrize("kind", FILES)
def test_they_are_arrays_beside_the_payload(kind: str, tmp_path: Path) -> None:
    native = written(kind, tmp_path)
    made = convert(native, tmp_path / "x.candle")
    found = candle_spec.load(made.path).state_dict("derived", framework="numpy")
    assert {name: array.tolist() for name, array in found.items()} == EXPECTED[kind]
    assert made.manifest["weights"]["kind"] == "payload"
    proof = verify_conversion(made.path, predictions=False)
    assert proof.ok, proof.claims


def test_rows_of_several_lengths_have_offsets(tmp_path: Path) -> None:
    """A third class would have coefficients of its own number of vectors."""
    longer = FILES["machine"].replace("8a1974", "8a198001").replace("3208", "2a0a0a0800000000000008403208", 1)
    (tmp_path / "m.mlmodel").write_bytes(bytes.fromhex(longer))
    tensors = {tensor.name: tensor for tensor in CONVERTER.read(resolve_source(tmp_path / "m.mlmodel")).tensors}
    offsets = tensors["supportVectorClassifier.coefficients.alpha_offsets"]
    data = b"".join(bytes(block) for block in offsets.parts[""].data.blocks())
    assert np.frombuffer(data, "<i8").tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [("forest", "0a0f5001", "0aff5001"), ("linear", "12080000", "120c0000"), ("machine", "22280a12", "22280a13")],
    ids=["forest", "linear", "machine"],
)
def test_damaged_numbers_are_refused(kind: str, old: str, new: str, tmp_path: Path) -> None:
    assert old in FILES[kind]
    (tmp_path / "m.mlmodel").write_bytes(bytes.fromhex(FILES[kind].replace(old, new)))
    with pytest.raises(CandleSpecError):
        convert(tmp_path / "m.mlmodel", tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()
