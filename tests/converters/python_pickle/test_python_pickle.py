"""Pickles and joblib dumps: every array under its name, whatever wrote it; nothing of them ever runs."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import lzma
import pickle
import zlib
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import scipy.sparse
import sklearn.base
import sklearn.ensemble
import sklearn.feature_extraction.text
import sklearn.linear_model
import sklearn.neural_network
import sklearn.pipeline
import sklearn.preprocessing
import sklearn.svm
import torch
import xgboost

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.converters._shared.pickle.imports import is_harmless
from candle_spec.converters.python_pickle import CONVERTER
from candle_spec.errors import CandleSpecError, CorruptFileError, TruncatedFileError, UnsupportedFormatError
from candle_spec.readers.inert_pickle import Global
from candle_spec.testing.contract import ConverterContract
from candle_spec.weights.encodings import EncodedArray
from tests.helpers.native import hostile
from tests.helpers.native.estimators import arrays

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(60, 5)), np.arange(60) % 3
ESTIMATORS: dict[str, Any] = {
    "forest": sklearn.ensemble.RandomForestClassifier(3, max_depth=3, random_state=0),
    "boosting": sklearn.ensemble.GradientBoostingRegressor(n_estimators=3),
    "histogram": sklearn.ensemble.HistGradientBoostingClassifier(max_iter=2),
    "logistic": sklearn.linear_model.LogisticRegression(C=0.5),
    "network": sklearn.neural_network.MLPClassifier((4,), max_iter=5, random_state=0),
    "vectors": sklearn.svm.SVC(),
    "pipeline": sklearn.pipeline.make_pipeline(
        sklearn.preprocessing.StandardScaler(), sklearn.linear_model.Ridge(alpha=0.25)
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore")


def fitted(name: str) -> Any:
    return sklearn.base.clone(ESTIMATORS[name]).fit(X, Y)


def dumped(value: Any, path: Path, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def loaded(native: Path, folder: Path) -> dict[str, Any]:
    """Every tensor of the checkpoint, by group and name."""
    made = candle_spec.load(convert(native, folder / "x.candle").path)
    groups = (made.state_dict(group, framework="numpy") for group in made.groups)
    return {
        f"{group}/{name}": value for group, own in zip(made.groups, groups, strict=True) for name, value in own.items()
    }


class TestPythonPickle(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["arrays", "forest", "joblib", "packed", "lightgbm"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / "uno.pkl"
        if request.param == "arrays":
            return dumped({"weight": X, "bias": np.arange(5)}, path)
        if request.param == "forest":
            return dumped(fitted("forest"), path)
        if request.param == "lightgbm":
            return dumped(lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, Y), path)
        joblib.dump(fitted("pipeline"), path, compress=3 if request.param == "packed" else 0)
        return path


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
@pytest.mark.parametrize("how", ["pickle", "joblib", "joblib-zlib"])
def test_every_array_of_an_estimator(name: str, how: str, tmp_path: Path) -> None:
    model, native = fitted(name), tmp_path / "m.pkl"
    if how == "pickle":
        dumped(model, native)
    else:
        joblib.dump(model, native, compress=3 if how.endswith("zlib") else 0)
    expected = [array for array in arrays(model, {}) if array.size]
    found = loaded(native, tmp_path).values()
    numbers = {value.tobytes() for value in found if not isinstance(value, EncodedArray)}
    assert len(expected) > 1
    for array in expected:
        if array.dtype.names is None:
            assert np.ascontiguousarray(array).tobytes() in numbers
        else:
            assert any(value.dtype == array.dtype and value.tolist() == array.tolist() for value in found), array.dtype


@pytest.mark.parametrize("name", ["forest", "network", "pipeline"])
def test_the_restored_file_predicts_the_same(name: str, tmp_path: Path) -> None:
    native = dumped(fitted(name), tmp_path / "m.pkl")
    (restored,) = candle_spec.restore(convert(native, tmp_path / "x.candle").path, tmp_path / "back")
    with native.open("rb") as first, restored.path.open("rb") as second:
        outputs = [pickle.load(file).predict(X) for file in (first, second)]
    assert outputs[0].tobytes() == outputs[1].tobytes()


@pytest.mark.parametrize("protocol", range(6))
def test_protocols(protocol: int, tmp_path: Path) -> None:
    value = {"a": np.arange(12, dtype="<f4").reshape(3, 4), "b": np.array([True, False]), "c": np.float64(2.5)}
    found = loaded(dumped(value, tmp_path / "m.pkl", protocol), tmp_path)
    assert found["model/a"].tobytes() == value["a"].tobytes()
    assert found["model/b"].tolist() == [True, False]


KINDS: dict[str, Any] = {
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big-endian": np.arange(5, dtype=">i4"),
    "half": np.arange(5, dtype="f2"),
    "complex": np.arange(5) * 1j,
    "empty": np.zeros((0, 3)),
    "scalar": np.array(3.0),
    "text": np.array(["alpha", "", "βeta"]),
    "bytes": np.array([b"ab", b"c"]),
    "dates": np.array(["2020-01-01", "NaT"], "datetime64[D]"),
    "objects": np.array(["MCF7", "A549", "T47D"], object),
    "masked": np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False]),
    "record": np.array([(1, 2.5), (3, 4.5)], [("a", "<i4"), ("b", "<f8")]),
    "read-only": np.frombuffer(b"12345678", "<i4"),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("how", ["pickle-2", "pickle-5", "joblib"])
def test_kinds_of_arrays(kind: str, how: str, tmp_path: Path) -> None:
    native, array = tmp_path / "m.pkl", KINDS[kind]
    if how == "joblib":
        joblib.dump({"a": array, "plain": np.ones(3)}, native)
    else:
        dumped({"a": array, "plain": np.ones(3)}, native, int(how[-1]))
    found = loaded(native, tmp_path)
    if kind == "masked":
        assert any(
            not isinstance(value, EncodedArray) and value.tobytes() == array.data.tobytes() for value in found.values()
        )
        return
    value = found["model/a"]
    assert value.shape == array.shape
    assert value.tolist() == array.tolist()
    assert value.dtype == array.dtype


@pytest.mark.parametrize(
    ("how", "pack"),
    [
        ("zlib", zlib.compress),
        ("gzip", gzip.compress),
        ("bzip2", bz2.compress),
        ("xz", lzma.compress),
        ("lzma", lambda data: lzma.compress(data, lzma.FORMAT_ALONE)),
    ],
)
def test_packed_dumps(how: str, pack: Any, tmp_path: Path) -> None:
    opened = io.BytesIO()
    joblib.dump({"w": X, "texts": np.array(["a", "b"], object)}, opened)
    native = tmp_path / "m.joblib"
    native.write_bytes(pack(opened.getvalue()))
    assert loaded(native, tmp_path)["model/w"].tobytes() == X.tobytes()
    made = candle_spec.inspect(tmp_path / "x.candle")
    assert made is not None
    assert candle_spec.load(tmp_path / "x.candle").document["conversion"]["native"]["variant"] == f"joblib-{how}"
    (restored,) = candle_spec.restore(tmp_path / "x.candle", tmp_path / "back")
    assert restored.path.read_bytes() == native.read_bytes()


@pytest.mark.parametrize("layout", ["csr", "csc", "bsr", "coo"])
def test_sparse_matrices_stay_sparse(layout: str, tmp_path: Path) -> None:
    matrix = scipy.sparse.random(20, 30, 0.1, layout, random_state=0)
    native = dumped({"w": matrix, "b": np.ones(3)}, tmp_path / "m.pkl")
    value = loaded(native, tmp_path)["model/w"]
    assert isinstance(value, EncodedArray)
    assert value.encoding == f"sparse_{layout}"
    assert value.shape == (20, 30)
    assert value.parts["values"].tobytes() == matrix.data.tobytes()


def test_tensors_of_torch(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    native = dumped({"w": weight, "half": weight.to(torch.bfloat16)}, tmp_path / "m.pkl")
    found = loaded(native, tmp_path)
    assert found["model/w"].tobytes() == weight.numpy().tobytes()
    assert found["model/half"].tobytes() == weight.to(torch.bfloat16).view(torch.int16).numpy().tobytes()


@pytest.mark.parametrize("framework", ["lightgbm", "xgboost"])
def test_boosters_inside(framework: str, tmp_path: Path) -> None:
    if framework == "lightgbm":
        model: Any = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(X, Y)
    else:
        model = xgboost.XGBClassifier(n_estimators=4).fit(X, Y)
    made = convert(dumped(model, tmp_path / "m.pkl"), tmp_path / "x.candle")
    # Beside XGBoost's snapshot the model is a file of its own.
    payload = [record["path"] for record in made.manifest["files"] if record["role"] == "payload"]
    data = (made.path / next(path for path in payload if "snapshot" not in path)).read_bytes()
    if framework == "lightgbm":
        again = lightgbm.Booster(model_str=data.decode())
        assert again.predict(X).tobytes() == model.booster_.predict(X).tobytes()
    else:
        booster = xgboost.Booster()
        booster.load_model(bytearray(data))
        matrix = xgboost.DMatrix(X)
        assert booster.predict(matrix).tobytes() == model.get_booster().predict(matrix).tobytes()
    groups = {tensor["group"] for tensor in made.manifest["weights"]["tensors"]}
    assert "derived" in groups


def test_a_dictionary_of_parts(tmp_path: Path) -> None:
    value = {
        "model": fitted("logistic"),
        "scaler": sklearn.preprocessing.StandardScaler().fit(X),
        "epoch": 7,
        "config": {"lr": 0.01},
    }
    made = convert(dumped(value, tmp_path / "m.pkl"), tmp_path / "x.candle").manifest
    groups = {group["id"]: group["kind"] for group in made["weights"]["groups"]}
    assert sorted(groups.values()) == ["artifact", "model"]
    assert made["training_state"]["epoch"] == 7
    assert made["model"]["architecture"] == "LogisticRegression"


def test_what_an_estimator_says(tmp_path: Path) -> None:
    made = convert(dumped(fitted("pipeline"), tmp_path / "m.pkl"), tmp_path / "x.candle").manifest
    framework = made["model"]["framework"]
    assert (framework["name"], framework["version"]) == ("scikit-learn", sklearn.__version__)
    assert made["inputs"][0]["axes"][1] == {"name": "feature", "size": 5}
    assert made["inputs"][0]["preprocessing"][0]["name"] == "StandardScaler"
    assert f"scikit-learn=={sklearn.__version__}" in str(made["conversion"]["parts"])
    names = {tensor["name"] for tensor in made["weights"]["tensors"]}
    assert {"steps.standardscaler.mean_", "steps.ridge.coef_"} <= names


def test_arrays_that_are_one_are_aliases(tmp_path: Path) -> None:
    shared = np.arange(50.0)
    made = convert(dumped({"a": shared, "b": shared}, tmp_path / "m.pkl"), tmp_path / "x.candle").manifest
    tensors = {tensor["name"]: tensor for tensor in made["weights"]["tensors"]}
    assert tensors["b"]["alias_of"] == ["model", "a"]


def test_several_pickles_in_one_file(tmp_path: Path) -> None:
    native = tmp_path / "m.pkl"
    native.write_bytes(pickle.dumps({"a": np.ones(3)}) + pickle.dumps(np.zeros(4)))
    assert sorted(loaded(native, tmp_path)) == ["model/0.a", "model/1"]


@pytest.mark.parametrize(
    "value", [{"lr": 0.1}, [1, 2], None, datetime.datetime(2020, 1, 1), {1, 2}], ids=lambda value: type(value).__name__
)
def test_files_without_arrays(value: Any, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match="no arrays"):
        convert(dumped(value, tmp_path / "m.pkl"), tmp_path / "x.candle")


@pytest.mark.parametrize(("head", "said"), [(b"\x04\x22\x4d\x18", "lz4"), (b"ZF0x", "before 0.10")])
def test_packings_that_are_refused(head: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(head + bytes(100))
    with pytest.raises(UnsupportedFormatError, match=said):
        convert(tmp_path / "m.pkl", tmp_path / "x.candle")


def test_old_joblib_is_named(tmp_path: Path) -> None:
    wrapper = hostile.named("joblib.numpy_pickle", "NDArrayWrapper")
    made = hostile.PROTOCOL + wrapper + b")\x81" + hostile.mapping([(hostile.text("filename"), hostile.text("a"))])
    (tmp_path / "m.pkl").write_bytes(made + b"b" + hostile.STOP)
    with pytest.raises(UnsupportedFormatError, match=r"joblib before 0\.10"):
        convert(tmp_path / "m.pkl", tmp_path / "x.candle")


def test_an_array_that_is_cut_off(tmp_path: Path) -> None:
    joblib.dump({"w": X}, tmp_path / "m.pkl")
    data = (tmp_path / "m.pkl").read_bytes()
    (tmp_path / "cut.pkl").write_bytes(data[: len(data) // 2])
    with pytest.raises(TruncatedFileError, match="cut off"):
        convert(tmp_path / "cut.pkl", tmp_path / "x.candle")


def array_of(shape: bytes, data: bytes, dtype: str = "f8") -> bytes:
    """A pickle of an array that says what one likes."""
    kind = hostile.call(hostile.named("numpy", "dtype"), hostile.text(dtype), b"\x89", b"\x88")
    made = hostile.call(
        hostile.named("numpy.core.multiarray", "_reconstruct"),
        hostile.named("numpy", "ndarray"),
        hostile.items(hostile.number(0)),
        hostile.text("b"),
    )
    raw = b"B" + len(data).to_bytes(4, "little") + data
    return hostile.PROTOCOL + made + hostile.items(hostile.number(1), shape, kind, b"\x89", raw) + b"b" + hostile.STOP


@pytest.mark.parametrize(
    "shape",
    [
        hostile.items(hostile.number(3)),
        hostile.items(hostile.number(-2)),
        hostile.items(hostile.number(1 << 62), hostile.number(4)),
        hostile.items(*[hostile.number(1)] * 80),
        hostile.text("shape"),
    ],
)
def test_shapes_that_lie(shape: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(array_of(shape, bytes(16)))
    with pytest.raises(CorruptFileError):
        convert(tmp_path / "m.pkl", tmp_path / "x.candle")
    (tmp_path / "good.pkl").write_bytes(array_of(hostile.items(hostile.number(2)), bytes(16)))
    assert [value.tolist() for value in loaded(tmp_path / "good.pkl", tmp_path).values()] == [[0.0, 0.0]]


class Runs:
    """Would make a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> Any:
        return exec, (f"open({str(self._marker)!r}, 'w')",)


@pytest.mark.parametrize("how", ["pickle", "joblib", "packed", "in an array"])
def test_nothing_runs(how: str, tmp_path: Path) -> None:
    marker, native = tmp_path / "IT_RAN", tmp_path / "m.pkl"
    bad: Any = Runs(marker)
    if how == "in an array":
        bad = np.array([Runs(marker), None], object)
    value = {"w": np.ones(30), "x": bad}
    if how == "pickle":
        dumped(value, native)
    else:
        joblib.dump(value, native, compress=3 if how == "packed" else 0)
    made = convert(native, tmp_path / "x.candle")
    candle_spec.inspect(native)
    assert not marker.exists()
    assert "builtins.exec" in made.manifest["security"]["inert_pickle"][0]["unknown_imports"]


@pytest.mark.parametrize(
    ("module", "name", "harmless"),
    [
        ("sklearn.tree._tree", "Tree", True),
        ("sklearn.neighbors._kd_tree", "__pyx_unpickle_KDTree", True),
        ("collections", "OrderedDict", True),
        ("numpy.random._pickle", "__randomstate_ctor", True),
        ("torch", "FloatStorage", True),
        ("torch.nn.modules.linear", "Linear", True),
        ("torch.storage", "_load_from_bytes", False),
        ("torch.nn.modules.module", "torch.os.system", False),
        ("sklearn.utils", "subprocess.Popen", False),
        ("sklearn.utils", "shuffle", False),
        ("torch", "load", False),
        ("builtins", "eval", False),
        ("os", "system", False),
        ("numpy", "load", False),
    ],
)
def test_the_table_of_harmless_names(module: str, name: str, harmless: bool) -> None:
    assert is_harmless(Global(module, name)) is harmless


def test_nesting_without_end(tmp_path: Path) -> None:
    value: Any = np.ones(3)
    for _ in range(200):
        value = [value]
    with pytest.raises(CandleSpecError, match="nested"):
        convert(dumped(value, tmp_path / "m.pkl"), tmp_path / "x.candle")


def test_a_pickle_that_holds_itself(tmp_path: Path) -> None:
    value: dict[str, Any] = {"w": np.ones(3)}
    value["self"] = value
    assert list(loaded(dumped(value, tmp_path / "m.pkl"), tmp_path)) == ["model/w"]
