"""The Keras converter: files made by Keras 3, by tf_keras and by hand; values against h5py and Keras; hostile files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest

from candle_spec.conversion.contract import Native
from candle_spec.conversion.source import resolve_source
from candle_spec.converters._shared.keras.architecture import parse_json
from candle_spec.converters.keras import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    InvalidInputError,
    LimitExceededError,
    UnsafeContentError,
    UnsupportedFormatError,
)
from candle_spec.weights import encodings
from candle_spec.weights.dtypes import to_numpy
from candle_spec.weights.sources import TensorSource

MAKE = """
import sys, numpy as np, keras, tf_keras
from keras import layers as L
out = sys.argv[1]
reference = {}

def keep(name, model, inputs=None):
    for number, weight in enumerate(model.get_weights()):
        reference[f"{name}|w{number}"] = np.asarray(weight)

def saved(name, model, kinds=("keras", "h5", "weights.h5")):
    for kind in kinds:
        (model.save_weights if kind.startswith("weights") else model.save)(f"{out}/{name}.{kind}")
    keep(name, model)

keras.utils.set_random_seed(0)
def feature(size, name):
    i = L.Input((size,)); x = L.BatchNormalization()(L.Dense(32, activation="relu")(i))
    return keras.Model(i, x, name=name)
gene, one, two = (L.Input((n,), name=m) for n, m in ((50, "gene"), (30, "drug1"), (30, "drug2")))
drug = feature(30, "drug_model")
x = L.Concatenate()([feature(50, "gene_model")(gene), drug(one), drug(two)])
x = L.LayerNormalization()(L.Dense(32, activation="relu")(x))
combo = keras.Model([gene, one, two], L.Dense(1, name="growth")(x), name="combo")
combo.compile(keras.optimizers.Adam(1e-3), "mse", metrics=["mae"])
random = np.random.RandomState(0)
xs = [random.rand(16, n).astype("f4") for n in (50, 30, 30)]
combo.fit(xs, random.rand(16, 1), epochs=1, verbose=0)
saved("combo", combo)
for number, variable in enumerate(combo.optimizer.variables):
    reference[f"combo|o{number}"] = np.asarray(variable)
open(f"{out}/combo.json", "w").write(combo.to_json())

many = keras.Sequential([L.Input((4,))] + [L.Dense(4) for _ in range(12)], name="many")
saved("many", many)
recurrent = keras.Sequential([L.Input((6, 5)), L.Bidirectional(L.LSTM(8, return_sequences=True)), L.GRU(3), L.Dense(2)])
saved("recurrent", recurrent)
bf16 = keras.Sequential([L.Input((8,)), L.Dense(4, dtype="mixed_bfloat16"), L.Dense(2, dtype="bfloat16")])
saved("bf16", bf16)
for mode in ("int8", "int4"):
    quantized = keras.Sequential([L.Input((8,)), L.Dense(4), L.Dense(2)])
    quantized.quantize(mode)
    quantized.save(f"{out}/{mode}.keras")

@keras.saving.register_keras_serializable("my")
class Scale(L.Layer):
    def build(self, shape): self.w = self.add_weight(shape=(shape[-1],), name="w"); self.built = True
    def call(self, x): return x * self.w
custom = keras.Sequential([L.Input((5,)), L.Dense(4), Scale(), L.Lambda(lambda t: t * 2)])
custom.compile("adam", "mse")
saved("custom", custom, ("keras", "h5"))

class Sub(keras.Model):
    def __init__(self): super().__init__(); self.a = L.Dense(4); self.blocks = [L.Dense(4), L.Dense(1)]
    def call(self, x): return self.blocks[1](self.blocks[0](self.a(x)))
    def get_config(self): return {}
sub = Sub(); sub(np.zeros((1, 3), "f4"))
saved("sub", sub)
text = L.Input((1,), dtype="string"); words = L.TextVectorization(vocabulary=["gene", "drug"])
keras.Model(text, L.Embedding(4, 3)(words(text))).save(f"{out}/text.keras")
head = keras.Sequential([L.Input((4, 8)), L.Dense(3), L.Dropout(0.1)])
head.save(f"{out}/dropout.keras")

T = tf_keras.layers; tf_keras.utils.set_random_seed(1)
nt3 = tf_keras.Sequential([T.Conv1D(8, 20, input_shape=(60, 1)), T.Flatten(), T.Dense(20), T.BatchNormalization(),
                           T.Dense(2), T.Activation("softmax")])
nt3.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
nt3.fit(random.rand(4, 60, 1), np.eye(2)[[0, 1, 0, 1]], verbose=0)
nt3.save(f"{out}/nt3.h5"); nt3.save(f"{out}/nt3.keras"); nt3.save_weights(f"{out}/nt3.weights.h5")
nt3.save_weights(f"{out}/nt3.legacy.h5"); open(f"{out}/nt3.model.json", "w").write(nt3.to_json()); keep("nt3", nt3)
i = T.Input((6, 5)); inner = tf_keras.Sequential([T.Dense(3, input_shape=(6, 5)), T.Dense(5)], name="inner")
g = tf_keras.Model(i, T.Dense(1)(T.GRU(8)(T.Bidirectional(T.LSTM(4, return_sequences=True))(inner(i)))))
g.save(f"{out}/gru.h5"); g.save(f"{out}/gru.keras"); g.save_weights(f"{out}/gru.weights.h5"); keep("gru", g)
open(f"{out}/gru.model.json", "w").write(g.to_json())
h = tf_keras.Sequential([T.Dense(3, input_shape=(4,)), T.Dense(2, dtype="bfloat16")])
open(f"{out}/half.model.json", "w").write(h.to_json())
h.save(f"{out}/half.h5"); h.save(f"{out}/half.keras"); h.save_weights(f"{out}/half.legacy.h5"); keep("half", h)
np.savez(f"{out}/reference.npz", **reference)
"""

PREDICT = """
import json, sys, numpy as np, keras, tf_keras
answers = {}
for loader, first, second in json.loads(sys.argv[1]):
    load = keras.saving.load_model if loader == "keras" else tf_keras.models.load_model
    one, two = load(first, compile=False), load(second, compile=False)
    random = np.random.RandomState(0)
    xs = [random.rand(3, *[n or 7 for n in i.shape[1:]]).astype("f4") for i in one.inputs]
    same = np.array_equal(*(np.asarray(m.predict(xs if len(xs) > 1 else xs[0], verbose=0)) for m in (one, two)))
    answers[second] = bool(same)
print(json.dumps(answers))
"""


def run(script: str, argument: str) -> str:
    """Run a script that needs TensorFlow in a process of its own, once for all that is asked of it."""
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "KERAS_BACKEND": "tensorflow",
        "TF_ENABLE_ONEDNN_OPTS": "0",
    }
    done = subprocess.run([sys.executable, "-c", script, argument], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files written by Keras 3 and tf_keras."""
    pytest.importorskip("keras")
    pytest.importorskip("tf_keras")
    folder = tmp_path_factory.mktemp("keras")
    run(MAKE, str(folder))
    return folder


@pytest.fixture(scope="module")
def reference(made: Path) -> Mapping[str, Any]:
    """The weights of the models in memory."""
    with np.load(made / "reference.npz") as arrays:
        return dict(arrays)


def read(path: Path, topology: Path | None = None) -> Native:
    return CONVERTER.read(resolve_source(path, topology))


def array(tensor: TensorSource, native: Native) -> Any:
    """The value of a tensor, from its parts."""
    if tensor.alias_of:
        return array(next(t for t in native.tensors if (t.group, t.name) == tensor.alias_of), native)
    parts = {}
    for name, part in tensor.parts.items():
        data = b"".join(bytes(block) for block in part.data.blocks())
        assert len(data) == part.data.size
        parts[name] = np.frombuffer(data, np.uint8).view(to_numpy(part.dtype)).reshape(part.shape)
    if tensor.encoding is None:
        return parts[""]
    return encodings.decode(tensor.dtype, tensor.shape, tensor.encoding.name, tensor.encoding.params, parts)


def by_h5py(path: Path) -> dict[str, Any]:
    """All datasets of a file as h5py reads them."""
    data = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5")) if zipfile.is_zipfile(path) else str(path)
    found: dict[str, Any] = {}

    def visit(name: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset):
            found[name] = thing[()]

    with h5py.File(data, "r") as file:
        file.visititems(visit)
    return found


def full_names(native: Native) -> dict[str, TensorSource]:
    roots = {group.id: group.root.lstrip("/") for group in native.groups}
    return {"/".join(filter(None, (roots[t.group], t.name))): t for t in native.tensors}


def group(native: Native, name: str) -> list[TensorSource]:
    return [tensor for tensor in native.tensors if tensor.group == name]


def field(native: Native, pointer: str) -> Any:
    return next((found.value for found in native.fields if found.pointer == pointer), None)


MODELS = ("combo", "many", "recurrent", "sub", "nt3", "gru")
ALL = [
    *(
        f"{name}.{kind}"
        for name in ("combo", "many", "recurrent", "bf16", "sub")
        for kind in ("keras", "h5", "weights.h5")
    ),
    *("int8.keras", "int4.keras", "custom.keras", "custom.h5", "text.keras"),
    *("nt3.h5", "nt3.keras", "nt3.weights.h5", "nt3.legacy.h5", "gru.h5", "gru.keras", "half.h5", "half.keras"),
]


@pytest.mark.parametrize("name", ALL)
def test_every_dataset_is_a_tensor_of_the_same_bytes(made: Path, name: str) -> None:
    path = made / name
    assert CONVERTER.detect(resolve_source(path)) is not None
    native = read(path)
    expected = by_h5py(path)
    found = full_names(native)
    assert found.keys() == expected.keys()
    for full, tensor in found.items():
        value = array(tensor, native)
        assert value.shape == expected[full].shape
        assert np.ascontiguousarray(value).tobytes() == np.ascontiguousarray(expected[full]).tobytes()
        for part in tensor.parts.values():
            (extent,) = part.data.extents
            assert extent.path == native.source.files[0].path
    assert native.weights_metadata == {"format": "tf"}
    assert not native.problems


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in MODELS for kind in ("keras", "h5", "weights.h5")] + [("nt3", "legacy.h5")],
)
def test_the_model_group_is_what_get_weights_gives(
    made: Path, reference: Mapping[str, Any], name: str, kind: str
) -> None:
    path = made / f"{name}.{kind}"
    # An architecture makes the order that of the layers; without it, that of the file is kept.
    topology = next((made / f for f in (f"{name}.model.json", f"{name}.json") if (made / f).exists()), None)
    native = read(path, topology if kind in ("weights.h5", "legacy.h5") else None)
    values = [array(tensor, native) for tensor in group(native, "model")]
    expected = [value for key, value in reference.items() if key.startswith(f"{name}|w")]
    assert len(values) == len(expected)
    ordered = kind != "weights.h5" or topology is not None
    if ordered and name != "sub":
        assert all(np.array_equal(one, two) for one, two in zip(values, expected, strict=True))
    else:
        assert sorted(v.tobytes() for v in values) == sorted(v.tobytes() for v in expected)


def test_dialects_and_their_groups(made: Path) -> None:
    expected = {
        "combo.keras": ("keras-zip", {"model": "", "optimizer": "/optimizer"}),
        "combo.h5": ("legacy-h5", {"model": "/model_weights", "optimizer": "/optimizer_weights"}),
        "combo.weights.h5": ("weights-h5", {"model": "", "optimizer": "/optimizer"}),
        "nt3.legacy.h5": ("legacy-weights", {"model": ""}),
        "nt3.keras": ("keras-zip", {"model": "", "metric": "/metrics", "optimizer": "/optimizer"}),
    }
    for name, (variant, roots) in expected.items():
        native = read(made / name)
        assert native.format.variant == variant
        assert {g.id: g.root for g in native.groups} == roots
        assert native.format.framework == "keras"


def test_the_content_decides_never_the_name(made: Path, tmp_path: Path) -> None:
    odd = tmp_path / "weights.weights.h5.txt"
    odd.write_bytes((made / "nt3.legacy.h5").read_bytes())
    assert read(odd).format.variant == "legacy-weights"
    odd.write_bytes((made / "combo.keras").read_bytes())
    assert read(odd).format.variant == "keras-zip"


def test_names_labels_roles_and_order(made: Path) -> None:
    native = read(made / "combo.keras")
    labels = [tensor.label for tensor in group(native, "model")]
    assert labels[0].startswith("gene_model/")
    assert labels[-2:] == ["growth/kernel", "growth/bias"]
    roles = {tensor.label.rpartition("/")[2]: tensor.role for tensor in group(native, "model")}
    assert roles["kernel"] == roles["gamma"] == "parameter"
    assert roles["moving_mean"] == roles["moving_variance"] == "buffer"
    optimizer = group(native, "optimizer")
    assert [tensor.name for tensor in optimizer[:3]] == ["vars/0", "vars/1", "vars/2"]
    assert [tensor.label for tensor in optimizer[:2]] == ["adam/iteration", "adam/learning_rate"]
    assert [t.name for t in group(read(made / "many.weights.h5"), "model")][-1] == "layers/dense_11/vars/1"
    legacy = group(read(made / "gru.h5"), "model")
    assert legacy[0].name.endswith("/kernel:0")
    assert legacy[0].label.startswith("inner/")
    lstm = [tensor.label for tensor in group(read(made / "recurrent.keras"), "model")]
    assert lstm[1].endswith("lstm_cell/recurrent_kernel")


def test_optimizer_values(made: Path, reference: Mapping[str, Any]) -> None:
    for name in ("combo.keras", "combo.h5", "combo.weights.h5"):
        native = read(made / name)
        values = [array(tensor, native) for tensor in group(native, "optimizer")]
        expected = [value for key, value in reference.items() if key.startswith("combo|o")]
        assert all(np.array_equal(one, two) for one, two in zip(values, expected, strict=True))


def test_what_the_architecture_says(made: Path) -> None:
    native = read(made / "combo.keras")
    assert field(native, "/name") == "combo"
    assert field(native, "/model/architecture") == "combo"
    assert field(native, "/model/architecture_family") == "functional"
    assert [i["id"] for i in field(native, "/inputs")] == ["gene", "drug1", "drug2"]
    assert field(native, "/inputs")[0]["axes"] == [{"name": "batch", "size": None}, {"name": "feature", "size": 50}]
    assert field(native, "/inputs")[0]["dtype"] == "F32"
    assert field(native, "/outputs")[0]["axes"][-1]["size"] == 1
    assert field(native, "/training/optimizer")["name"] == "Adam"
    assert field(native, "/training/loss") == "mse"
    assert field(native, "/training/hyperparameters")["metrics"] == ["mae"]
    assert field(native, "/model/topology") == [{"kind": "keras-config", "path": "topology/config.json"}]
    side = {side.path: side for side in native.side_files}
    assert side["topology/config.json"].data == zipfile.ZipFile(made / "combo.keras").read("config.json")
    assert "date_saved" in json.loads(side["topology/metadata.json"].data)
    assert native.format.written.startswith("20")
    assert native.format.framework_version
    whole = read(made / "combo.h5")
    assert field(whole, "/inputs") == field(native, "/inputs")
    assert field(whole, "/training/loss") == "mse"
    with h5py.File(made / "combo.h5") as file:
        assert whole.side_files[0].data == file.attrs["model_config"].encode()
    dropout = read(made / "dropout.keras")
    assert field(dropout, "/outputs")[0]["axes"][-1]["size"] == 3
    assert [axis["size"] for axis in field(read(made / "nt3.h5"), "/outputs")[0]["axes"]] == [None, 2]


def test_parts_say_what_is_there_and_what_is_not(made: Path) -> None:
    parts = {part.what: part for part in read(made / "combo.keras").parts}
    assert parts["model"].status == parts["optimizer"].status == parts["topology"].status == "kept"
    weights = {part.what: part for part in read(made / "nt3.legacy.h5").parts}
    assert weights["topology"].status == weights["optimizer"].status == "absent"
    assert "--topology" in weights["topology"].reason
    assert {part.what: part.count for part in read(made / "text.keras").parts}.get("assets", 0) in (0, 1)


def test_bfloat16_is_recovered(made: Path, reference: Mapping[str, Any]) -> None:
    for name, key in (("bf16.keras", "bf16"), ("bf16.h5", "bf16"), ("half.h5", "half"), ("half.keras", "half")):
        native = read(made / name)
        assert [tensor.dtype for tensor in native.tensors] == ["F32", "F32", "BF16", "BF16"]
        kernel = array(native.tensors[2], native)
        assert kernel.dtype == ml_dtypes.bfloat16
        assert kernel.tobytes() == reference[f"{key}|w2"].tobytes()


def test_opaque_items_without_a_word_are_never_guessed(made: Path) -> None:
    native = read(made / "half.legacy.h5")
    unknown = native.tensors[2]
    assert unknown.dtype == "BYTES"
    assert unknown.shape == (3, 2)
    assert [problem.code for problem in native.problems] == ["CKP4007", "CKP4007"]
    joined = read(made / "half.legacy.h5", made / "half.model.json")
    assert joined.tensors[2].dtype == "BF16"


def test_quantized_weights_stay_as_they_are(made: Path) -> None:
    int8 = read(made / "int8.keras").tensors
    assert [t.label.rpartition("/")[2] for t in int8[:3]] == ["kernel", "bias", "kernel_scale"]
    assert [t.dtype for t in int8[:3]] == ["I8", "F32", "F32"]
    int4 = read(made / "int4.keras").tensors
    assert int4[0].attributes["packed_bits"] == 4
    assert int4[0].attributes["quantization"].startswith("int4")


def test_code_in_a_file_is_named_and_not_run(made: Path) -> None:
    for name in ("custom.keras", "custom.h5"):
        code = read(made / name).embedded_code
        assert {each.kind for each in code} >= {"lambda-layer", "custom-class"}
        assert {each.path for each in code} == {"topology/config.json"}
        sentences = " ".join(each.description for each in code)
        assert "bytecode" in sentences
        assert "Scale" in sentences
    assert "Sub" in " ".join(each.description for each in read(made / "sub.keras").embedded_code)
    assert read(made / "combo.keras").embedded_code == []
    assert read(made / "nt3.keras").embedded_code == []


def test_architecture_beside_the_weights(made: Path, tmp_path: Path) -> None:
    for name, text in (("nt3.model.json", (made / "nt3.model.json").read_text()), ("nt3.model.yaml", None)):
        folder = tmp_path / name
        folder.mkdir()
        if text is None:
            from ruamel.yaml import YAML

            with (folder / name).open("w") as file:
                YAML().dump(json.loads((made / "nt3.model.json").read_text()), file)
        else:
            (folder / name).write_text(text)
        (folder / "nt3.weights.h5").write_bytes((made / "nt3.legacy.h5").read_bytes())
        (folder / "ckpt-info.json").write_text('{"epoch": 3, "best_metric_last": Infinity, "model_file": "model.h5"}')
        detection = CONVERTER.detect(resolve_source(folder))
        assert detection is not None
        native = read(folder)
        assert native.format.variant == "legacy-weights"
        assert field(native, "/name") == "nt3"
        assert field(native, "/training_state/epoch") == 3
        assert [i["id"] for i in field(native, "/inputs")] == ["conv1d_input"]
        topology = next(side for side in native.side_files if side.role == "topology")
        assert topology.data == (folder / name).read_bytes()
        assert topology.path.endswith(name[-4:])
    joined = read(made / "nt3.legacy.h5", made / "nt3.model.json")
    assert field(joined, "/inputs") == field(read(made / "nt3.h5"), "/inputs")


def test_a_folder_of_other_things_is_not_ours(made: Path, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes((made / "nt3.legacy.h5").read_bytes())
    (tmp_path / "notes.json").write_text('{"a": 1}')
    assert CONVERTER.detect(resolve_source(tmp_path)) is None


def test_topology_mistakes_are_explained(made: Path, tmp_path: Path) -> None:
    for name in ("combo.keras", "combo.h5"):
        source = resolve_source(made / name, made / "combo.json")
        assert CONVERTER.detect(source) is not None
        with pytest.raises(InvalidInputError, match="its own architecture"):
            CONVERTER.read(source)
    other = tmp_path / "other.json"
    other.write_text('{"hello": 1}')
    with pytest.raises(UnsupportedFormatError, match="not the architecture"):
        read(made / "nt3.legacy.h5", other)
    with pytest.raises(InvalidInputError, match="another model"):
        read(made / "nt3.legacy.h5", made / "combo.json")
    with pytest.raises(InvalidInputError, match="another model"):
        read(made / "many.weights.h5", made / "combo.json")


@pytest.fixture(scope="module")
def rebuilt(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Fresh files from state tree, tensors and side files alone."""
    folder = tmp_path_factory.mktemp("rebuilt")
    alone = "combo.keras combo.h5 recurrent.keras bf16.keras int8.keras int4.keras nt3.h5 nt3.keras gru.h5 gru.keras"
    more = "custom.h5 nt3.legacy.h5 combo.weights.h5 text.keras"
    names: dict[str, tuple[str, str | None]] = {name: (name, None) for name in f"{alone} {more}".split()}
    names["nt3.joined.h5"] = ("nt3.legacy.h5", "nt3.model.json")
    names["nt3.joined.keras"] = ("nt3.weights.h5", "nt3.model.json")
    names["gru.joined.keras"] = ("gru.weights.h5", "gru.model.json")
    names["combo.joined.keras"] = ("combo.weights.h5", "combo.json")
    result: dict[str, Path] = {}
    for name, (native_name, topology) in names.items():
        native = read(made / native_name, made / topology if topology else None)
        result[name] = folder / name
        rebuild(native, result[name])
    return result


def rebuild(native: Native, target: Path) -> None:
    values = {(t.group, t.name): array(t, native) for t in native.tensors}
    files = {side.path: side.data for side in native.side_files}
    manifest = {
        "conversion": {"native": {"variant": native.format.variant, "files": [{"path": "x"}]}},
        "files": [{"path": side.path, "role": side.role} for side in native.side_files],
        "model": {"framework": {"version": native.format.framework_version}},
    }
    state = json.loads(json.dumps(native.state))
    CONVERTER.rebuild(manifest, state, files.__getitem__, lambda g, n: values[g, n], target)


@pytest.mark.parametrize("name", ["combo.keras", "combo.h5", "bf16.keras", "nt3.h5", "custom.h5", "nt3.legacy.h5"])
def test_a_rebuilt_file_reads_the_same(made: Path, rebuilt: Mapping[str, Path], name: str) -> None:
    one, two = read(made / name), read(rebuilt[name])
    assert one.state == two.state
    assert one.groups == two.groups
    assert one.fields == two.fields
    assert [(t.group, t.name, t.dtype, t.label) for t in one.tensors] == [
        (t.group, t.name, t.dtype, t.label) for t in two.tensors
    ]
    expected, found = by_h5py(made / name), by_h5py(rebuilt[name])
    assert expected.keys() == found.keys()
    assert all(expected[key].tobytes() == found[key].tobytes() for key in expected)


def test_rebuilt_files_predict_bit_for_bit(made: Path, rebuilt: Mapping[str, Path]) -> None:
    by_keras = ["combo.keras", "combo.h5", "recurrent.keras", "bf16.keras", "int8.keras", "int4.keras"]
    rows = [("keras", made / name, rebuilt[name]) for name in by_keras]
    rows += [("tf", made / name, rebuilt[name]) for name in ("nt3.h5", "nt3.keras", "gru.h5", "gru.keras")]
    rows += [("tf", made / "nt3.h5", rebuilt["nt3.joined.h5"]), ("tf", made / "nt3.h5", rebuilt["nt3.joined.keras"])]
    rows += [("tf", made / "gru.h5", rebuilt["gru.joined.keras"])]
    rows += [("keras", made / "combo.keras", rebuilt["combo.joined.keras"])]
    answers = json.loads(
        run(PREDICT, json.dumps([[how, str(one), str(two)] for how, one, two in rows])).splitlines()[-1]
    )
    assert len(answers) == len(rows)
    assert [name for name, same in answers.items() if not same] == []


def hand_made(path: Path, **more: Any) -> Path:
    """A legacy weights file as Keras 2 wrote it, by hand."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"dense", b"act"])
        file.attrs["keras_version"] = np.bytes_(b"2.2.4")
        file.attrs["backend"] = np.bytes_(b"tensorflow")
        layer = file.create_group("dense")
        layer.attrs["weight_names"] = np.array([b"dense_3/kernel:0", b"dense_3/bias:0"])
        layer.create_dataset(
            "dense_3/kernel:0", data=np.arange(5000, dtype=more.pop("dtype", "<f4")).reshape(100, 50), **more
        )
        layer["dense_3/bias:0"] = np.arange(50, dtype="f4")
        file.create_group("act").attrs["weight_names"] = np.array([], "f8")
    return path


def test_old_attributes_split_lists_and_extra_datasets(tmp_path: Path) -> None:
    path = hand_made(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file.attrs["layer_names"]
        file.attrs["layer_names0"] = np.array([b"dense"])
        file.attrs["layer_names1"] = np.array([b"act"])
        file["note"] = np.arange(3)
        file["words"] = np.array(["a", "é"], object)
        file["again"] = file["dense/dense_3/bias:0"]
    native = read(path)
    assert native.format.framework_version == "2.2.4"
    assert [t.label for t in group(native, "model")] == ["dense/kernel", "dense/bias"]
    other = {t.name: t for t in group(native, "other")}
    assert array(other["note"], native).tolist() == [0, 1, 2]
    assert other["words"].dtype == "STR"
    assert array(other["words"], native).tolist() == ["a", "é"]
    assert array(other["again"], native).tolist() == list(range(50))
    assert {t.alias_of for t in native.tensors if t.alias_of} <= {("other", "again"), ("model", "dense/dense_3/bias:0")}
    assert sum(t.alias_of is not None for t in native.tensors) == 1
    rebuild(native, tmp_path / "b.h5")
    assert read(tmp_path / "b.h5").state == native.state


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_compressed_chunks_stream(tmp_path: Path, compression: str) -> None:
    native = read(hand_made(tmp_path / "a.h5", chunks=(7, 50), compression=compression))
    kernel = native.tensors[0]
    assert kernel.parts[""].data.extents == ()
    assert array(kernel, native).tolist() == np.arange(5000).reshape(100, 50).tolist()


def test_big_endian_files_keep_their_place(tmp_path: Path) -> None:
    native = read(hand_made(tmp_path / "a.h5", dtype=">f4"))
    kernel = native.tensors[0]
    (extent,) = kernel.parts[""].data.extents
    assert extent.swap == 4
    assert array(kernel, native).tolist() == np.arange(5000).reshape(100, 50).tolist()
    rebuild(native, tmp_path / "b.h5")
    assert by_h5py(tmp_path / "b.h5")["dense/dense_3/kernel:0"].dtype.str == ">f4"


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "longdouble", "bool", "int8", "uint16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_unusual_dtypes(tmp_path: Path, dtype: str, order: Any) -> None:
    wanted = np.dtype(dtype).newbyteorder(order)
    native = read(hand_made(tmp_path / "a.h5", dtype=wanted) if dtype != "bool" else hand_made(tmp_path / "a.h5"))
    value = array(native.tensors[0], native)
    expected = np.arange(5000).reshape(100, 50).astype(dtype if dtype != "bool" else "f4")
    assert np.array_equal(value, expected)
    rebuild(native, tmp_path / "b.h5")
    assert np.array_equal(by_h5py(tmp_path / "b.h5")["dense/dense_3/kernel:0"], expected)


def test_structured_datasets_are_kept(tmp_path: Path) -> None:
    path = hand_made(tmp_path / "a.h5")
    table = np.array([(1, 2.5), (3, 4.5)], [("a", "<i4"), ("b", ">f8")])
    with h5py.File(path, "a") as file:
        file["table"] = table
    native = read(path)
    tensor = group(native, "other")[0]
    assert tensor.dtype == "STRUCT"
    rebuild(native, tmp_path / "b.h5")
    assert by_h5py(tmp_path / "b.h5")["table"].tolist() == table.tolist()


def test_a_list_that_names_what_is_not_there(tmp_path: Path) -> None:
    path = hand_made(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["dense/dense_3/bias:0"]
    with pytest.raises(CorruptFileError, match=r"dense/dense_3/bias:0.*not in the file"):
        read(path)


def archive(path: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_a_deflated_archive_is_read_from_memory(made: Path, tmp_path: Path) -> None:
    members = {**members_of(made / "combo.keras"), "assets/vocabulary.txt": b"gene\ndrug\n", "other.bin": b"?"}
    path = archive(tmp_path / "a.keras", members, zipfile.ZIP_DEFLATED)
    native = read(path)
    expected = by_h5py(made / "combo.keras")
    for full, tensor in full_names(native).items():
        assert array(tensor, native).tobytes() == expected[full].tobytes()
        assert all(part.data.extents == () for part in tensor.parts.values())
    assert {side.path: side.data for side in native.side_files}["artifacts/vocabulary.txt"] == b"gene\ndrug\n"
    left = next(part for part in native.parts if part.status == "residue")
    assert "other.bin" in left.reason


def _cut(members: dict[str, bytes]) -> None:
    members["model.weights.h5"] = members["model.weights.h5"][:5000]


def _twice(members: dict[str, bytes]) -> None:
    members["config.json"] = b'{"class_name": "A", "class_name": "B", "config": {}}'


def _deep(members: dict[str, bytes]) -> None:
    members["config.json"] = b'{"class_name": "A", "config": ' + b"[" * 500 + b"]" * 500 + b"}"


def _no_json(members: dict[str, bytes]) -> None:
    members["config.json"] = b"hello"


def _leaves(members: dict[str, bytes]) -> None:
    members["../evil"] = b"x"


def _no_weights(members: dict[str, bytes]) -> None:
    del members["model.weights.h5"]


def _not_hdf5(members: dict[str, bytes]) -> None:
    members["model.weights.h5"] = b"x" * 5000


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (_cut, CorruptFileError, "cut off"),
        (_twice, CorruptFileError, "twice"),
        (_deep, LimitExceededError, "nested"),
        (_no_json, CorruptFileError, "not JSON"),
        (_leaves, UnsafeContentError, "leave"),
        (_no_weights, UnsupportedFormatError, "no model.weights.h5"),
        (_not_hdf5, CorruptFileError, "not an HDF5"),
    ],
)
def test_hostile_and_damaged_archives(
    made: Path,
    tmp_path: Path,
    change: Callable[[dict[str, bytes]], None],
    error: type[CandleSpecError],
    words: str,
) -> None:
    members = members_of(made / "many.keras")
    change(members)
    source = resolve_source(archive(tmp_path / "a.keras", members))
    assert CONVERTER.detect(source) is not None
    with pytest.raises(error, match=words):
        CONVERTER.read(source)


def test_flipped_bits_in_an_archive_are_found(made: Path, tmp_path: Path) -> None:
    data = bytearray((made / "many.keras").read_bytes())
    (extent,) = read(made / "many.keras").tensors[0].parts[""].data.extents
    data[extent.offset + 5] ^= 1
    path = tmp_path / "a.keras"
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match="CRC"):
        read(path)


def test_a_zip_bomb_is_refused(made: Path, tmp_path: Path) -> None:
    members = {**members_of(made / "many.keras"), "model.weights.h5": bytes(8 << 20)}
    path = archive(tmp_path / "a.keras", members, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as file:
        info = file.getinfo("model.weights.h5")
    data = bytearray(path.read_bytes())
    stated = info.file_size.to_bytes(4, "little")
    place = data.rfind(stated)
    data[place : place + 4] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(CandleSpecError):
        read(path)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("a: !!python/object/apply:os.system ['touch PWNED']", UnsafeContentError, "Python objects"),
        ("a: &a [1]\nb: [" + "*a, " * 200 + "*a]", LimitExceededError, "aliases"),
        ("[" * 300, CandleSpecError, "levels|YAML|JSON|nested"),
        ("a: 1\na: 2\n", CorruptFileError, "not YAML"),
        ("class_name: !!python/tuple [a]\nconfig: {}", UnsupportedFormatError, "not the architecture"),
    ],
)
def test_hostile_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, error: type[CandleSpecError], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.model.yaml"
    path.write_text(text)
    with pytest.raises(error, match=words):
        read(hand_made(tmp_path / "a.h5"), path)
    assert not (tmp_path / "PWNED").exists()


def test_tuples_of_old_yaml_are_lists(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "class_name: Sequential\nconfig:\n- class_name: Dense\n  config:\n    name: dense\n    units: 50\n"
        "    batch_input_shape: !!python/tuple [null, 100]\n"
    )
    native = read(hand_made(tmp_path / "a.h5"), path)
    assert field(native, "/inputs")[0]["axes"][-1] == {"name": "feature", "size": 100}
    assert field(native, "/outputs")[0]["axes"][-1] == {"name": "feature", "size": 50}


def test_hostile_hdf5_is_detected_as_ours_and_explained(tmp_path: Path) -> None:
    path = hand_made(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["dense/evil"] = h5py.ExternalLink("secret.h5", "/x")
    assert CONVERTER.detect(resolve_source(path)) is not None
    with pytest.raises(UnsafeContentError, match="another file"):
        read(path)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"x"])
        file.create_dataset("x/y", shape=(1 << 40,), dtype="f4")
    with pytest.raises(LimitExceededError):
        read(tmp_path / "b.h5")
    os.truncate(path, 3000)
    detection = CONVERTER.detect(resolve_source(path))
    assert detection is not None
    with pytest.raises(CorruptFileError):
        read(path)


def test_other_content_is_not_ours(tmp_path: Path) -> None:
    for name, data in (("a.h5", b"hello"), ("b.keras", b"PK\x03\x04 no"), ("c.h5", b"\x80\x02}.")):
        (tmp_path / name).write_bytes(data)
        assert CONVERTER.detect(resolve_source(tmp_path / name)) is None
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["x"] = np.zeros(3)
    assert CONVERTER.detect(resolve_source(tmp_path / "d.h5")) is None
    archive(tmp_path / "e.zip", {"config.json": b"{}", "x": b""})
    assert CONVERTER.detect(resolve_source(tmp_path / "e.zip")) is None


def test_reading_imports_no_framework(made: Path) -> None:
    script = (
        "import sys; from candle_spec.converters.keras import CONVERTER; assert 'numpy' not in sys.modules\n"
        "from candle_spec.conversion.source import resolve_source\n"
        "CONVERTER.read(resolve_source(sys.argv[1]))\n"
        "assert not {'keras', 'tensorflow', 'tf_keras', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(made / "combo.keras")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("data", "error"),
    [(b'{"a": NaN, b": 1}', CorruptFileError), (b'{"a": NaN, "b": ' + b"[" * 200_000, LimitExceededError)],
)
def test_json_with_nan_that_is_damaged_after_it(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_json(data, "config.json")
