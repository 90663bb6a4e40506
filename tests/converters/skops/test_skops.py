"""skops archives: every array as skops gives it, parameters, versions, damaged and hostile archives."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.ensemble
import sklearn.linear_model
import sklearn.neural_network
import sklearn.pipeline
import sklearn.preprocessing
import skops.io

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.converters.skops import CONVERTER
from candle_spec.errors import CandleSpecError, UnsupportedFormatError
from candle_spec.testing.contract import ConverterContract
from candle_spec.weights.encodings import EncodedArray
from tests.helpers.native.estimators import arrays

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(40, 5)), np.arange(40) % 2
MODELS: dict[str, Any] = {
    "forest": sklearn.ensemble.RandomForestClassifier(2, max_depth=3),
    "boosting": sklearn.ensemble.GradientBoostingRegressor(n_estimators=3),
    "logistic": sklearn.linear_model.LogisticRegression(C=0.5),
    "network": sklearn.neural_network.MLPClassifier((4,), max_iter=5),
    "pipeline": sklearn.pipeline.make_pipeline(
        sklearn.preprocessing.StandardScaler(), sklearn.linear_model.Ridge(alpha=0.25)
    ),
}


def dump(name: str, path: Path) -> Path:
    skops.io.dump(sklearn.base.clone(MODELS[name]).fit(X, Y), path)
    return path


def changed(path: Path, schema: bytes) -> Path:
    """The same archive with another schema."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in (members | {"schema.json": schema}).items():
            new.writestr(name, data)
    return path


@pytest.mark.filterwarnings("ignore")
class TestSkops(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["forest", "pipeline"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return dump(request.param, tmp_path / "uno.skops")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_array(name: str, tmp_path: Path) -> None:
    native = dump(name, tmp_path / "uno.skops")
    made = convert(native, tmp_path / "x.candle").path
    loaded = skops.io.load(native, trusted=skops.io.get_untrusted_types(file=native))
    expected = {array.tobytes() for array in arrays(loaded, {}) if array.dtype.names is None and array.size}
    found: set[bytes] = set()
    for value in candle_spec.load(made).state_dict(framework="numpy").values():
        if not isinstance(value, EncodedArray):
            found.add(value.tobytes())
    assert expected <= found
    assert len(expected) > 1


def test_names_are_paths_not_addresses(tmp_path: Path) -> None:
    tensors = convert(dump("pipeline", tmp_path / "m"), tmp_path / "x.candle").manifest["weights"]["tensors"]
    names = {tensor["name"] for tensor in tensors}
    assert {"steps.0.1.mean_", "steps.0.1.scale_", "steps.1.1.coef_"} <= names


def test_parameters_and_versions(tmp_path: Path) -> None:
    made = convert(dump("logistic", tmp_path / "m"), tmp_path / "x.candle").manifest
    assert made["model"]["architecture"] == "LogisticRegression"
    assert made["training"]["hyperparameters"]["C"] == 0.5
    framework = made["model"]["framework"]
    assert (framework["name"], framework["version"]) == ("scikit-learn", sklearn.__version__)
    assert made["environment"]["packages"] == {"scikit-learn": sklearn.__version__}


def test_the_restored_archive_predicts_the_same(tmp_path: Path) -> None:
    native = dump("forest", tmp_path / "m")
    made = convert(native, tmp_path / "x.candle").path
    (restored,) = candle_spec.restore(made, tmp_path / "back")
    outputs = [
        skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path)).predict_proba(X)
        for path in (native, restored.path)
    ]
    assert outputs[0].tobytes() == outputs[1].tobytes()


def test_foreign_types_are_named(tmp_path: Path) -> None:
    native = dump("logistic", tmp_path / "m")
    with zipfile.ZipFile(native) as archive:
        schema = json.loads(archive.read("schema.json"))
    schema["content"]["content"]["stranger"] = {
        "__class__": "system",
        "__module__": "posix",
        "__loader__": "FunctionNode",
        "content": {"module_path": "posix", "function": "system"},
    }
    made = convert(changed(native, json.dumps(schema).encode()), tmp_path / "x.candle").manifest
    assert made["security"]["inert_pickle"][0]["unknown_imports"] == ["posix.system"]


@pytest.mark.parametrize(
    "schema", [b"", b"[]", b"{", b'{"__loader__": "X"}', b'{"__loader__": "JsonNode", "content": "1"}']
)
def test_damaged_schemas(schema: bytes, tmp_path: Path) -> None:
    native = changed(dump("logistic", tmp_path / "m"), schema)
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")


def test_a_tree_without_end(tmp_path: Path) -> None:
    node: dict[str, Any] = {"__loader__": "JsonNode", "content": "1"}
    for _ in range(80):
        node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": [node]}
    native = changed(dump("logistic", tmp_path / "m"), json.dumps(node).encode())
    with pytest.raises(CandleSpecError, match="nested"):
        convert(native, tmp_path / "x.candle")


def test_an_archive_without_arrays(tmp_path: Path) -> None:
    skops.io.dump(sklearn.linear_model.LogisticRegression(), tmp_path / "m")
    with pytest.raises(UnsupportedFormatError, match="no arrays"):
        convert(tmp_path / "m", tmp_path / "x.candle")
