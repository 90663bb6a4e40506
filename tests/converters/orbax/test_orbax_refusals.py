"""Orbax folders that are unfinished, incomplete, damaged or hostile: each is refused, none gives a wrong value."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import candle_spec
from candle_spec import limits
from candle_spec.conversion.convert import convert
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    MissingDependencyError,
    MissingPartError,
    UnsupportedFormatError,
)
from tests.helpers.native.orbax_folders import TREE, managed, save


def change(native: Path, old: str, new: str) -> Path:
    tree = native / "_METADATA"
    text = tree.read_text()
    assert old in text
    tree.write_text(text.replace(old, new))
    return native


def refused(native: Path, tmp_path: Path, error: type[CandleSpecError], match: str | None = None) -> None:
    with pytest.raises(error, match=match):
        convert(native, tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


def test_an_unfinished_checkpoint(tmp_path: Path) -> None:
    unfinished = save(tmp_path / "native").rename(tmp_path / "10.orbax-checkpoint-tmp-123")
    refused(unfinished, tmp_path, MissingPartError, "did not finish")
    run = managed(tmp_path / "run")
    shutil.rmtree(run / "10")
    (run / "20" / "state").rename(run / "20" / "state.orbax-checkpoint-tmp")
    refused(run, tmp_path, MissingPartError, "did not finish")


def test_without_tensorstore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native = save(tmp_path / "native")
    monkeypatch.setitem(__import__("sys").modules, "tensorstore", None)
    with pytest.raises(MissingDependencyError) as error:
        convert(native, tmp_path / "x.candle")
    assert error.value.hint == "pip install 'candle-spec[jax]'"


@pytest.mark.parametrize("key", ["../secret/w", "a/../../secret/w", "/secret/w", "./../secret/w"])
@pytest.mark.parametrize("layout", ["ocdbt", "plain", "plain-zarr3"])
def test_keys_do_not_lead_out(layout: str, key: str, tmp_path: Path) -> None:
    secret = save(tmp_path / "secret", "plain", {"w": np.arange(5.0)})
    native = change(save(tmp_path / "native", layout), '"key": "half"', json.dumps({"key": key})[1:-1])
    assert (secret / "w").is_dir()
    refused(native, tmp_path, CorruptFileError)


def test_tensorstore_leaves_no_folder(tmp_path: Path) -> None:
    """The file driver refuses such keys itself: a hostile OCDBT database cannot name files elsewhere either."""
    import tensorstore

    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in").mkdir()
    store = tensorstore.KvStore.open({"driver": "file", "path": f"{tmp_path}/in/"}).result()
    for key in ("../secret", "a/../../secret", f"{tmp_path}/secret", "./../secret"):
        with pytest.raises(ValueError, match="Invalid key"):
            store.read(key).result()


def test_an_array_that_is_missing(tmp_path: Path) -> None:
    native = save(tmp_path / "native", "plain")
    shutil.rmtree(native / "half")
    refused(native, tmp_path, MissingPartError, "half")


@pytest.mark.parametrize(("layout", "chunk"), [("plain", "0.0"), ("plain-zarr3", "c/0/0")])
def test_a_chunk_that_is_missing_is_not_taken_for_zeros(layout: str, chunk: str, tmp_path: Path) -> None:
    native = save(tmp_path / "native", layout)
    (native / "params.dense.kernel" / chunk).unlink()
    refused(native, tmp_path, MissingPartError, "missing")


def test_chunks_that_orbax_left_out_are_zeros(tmp_path: Path) -> None:
    native = change(save(tmp_path / "native", "plain"), '"store_array_data_equal_to_fill_value": true, ', "")
    (native / "params.dense.kernel" / "0.0").unlink()
    made = convert(native, tmp_path / "x.candle").path
    assert not candle_spec.load(made).state_dict()["dense.kernel"].any()


def test_a_database_that_is_missing(tmp_path: Path) -> None:
    native = save(tmp_path / "native")
    (native / "manifest.ocdbt").unlink()
    refused(native, tmp_path, MissingPartError, "manifest")
    native = save(tmp_path / "other")
    shutil.rmtree(native / "d")
    refused(native, tmp_path, CorruptFileError)


@pytest.mark.parametrize(("layout", "chunk"), [("plain", "0.0"), ("plain-zarr3", "c/0/0"), ("raw", "0.0")])
def test_a_chunk_that_is_damaged(layout: str, chunk: str, tmp_path: Path) -> None:
    native = save(tmp_path / "native", layout)
    path = native / "params.dense.kernel" / chunk
    path.write_bytes(path.read_bytes()[:-3])
    refused(native, tmp_path, CorruptFileError)


def test_sizes_that_are_nonsense(tmp_path: Path) -> None:
    native = save(tmp_path / "native", "plain")
    about = json.loads((native / "half" / ".zarray").read_text())
    for shape, chunks in (
        ([1 << 40, 3], [2, 3]),
        ([1 << 17, 1 << 17], [1 << 17, 1 << 17]),
        ([2, 3], [1 << 31, 1 << 29]),
    ):
        (native / "half" / ".zarray").write_text(json.dumps(about | {"shape": shape, "chunks": chunks}))
        refused(native, tmp_path, LimitExceededError)
    (native / "half" / ".zarray").write_text(json.dumps(about | {"shape": [2, 2], "chunks": [2, 2]}))
    refused(native, tmp_path, CorruptFileError, "chunk")


def test_chunks_may_be_as_large_as_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ORBAX_CHUNK", 1000)
    value = np.random.default_rng(0).random(10_000)
    made = convert(save(tmp_path / "native", "ocdbt", {"w": value}), tmp_path / "y.candle").path
    assert candle_spec.load(made).state_dict()["w"].tobytes() == value.tobytes()
    refused(save(tmp_path / "zeros", "ocdbt", {"w": np.zeros(10_000)}), tmp_path, LimitExceededError)


def test_dtypes_that_are_not_known(tmp_path: Path) -> None:
    import tensorstore

    native = save(tmp_path / "native", "plain-zarr3")
    shutil.rmtree(native / "half")
    store = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{native}/half/"}}
    about = {"shape": [3], "data_type": "float4_e2m1fn"}
    tensorstore.open({**store, "metadata": about}, create=True).result()
    text = (native / "half" / "zarr.json").read_text()
    (native / "half" / "zarr.json").write_text(text.replace("float4_e2m1fn", "float6_e2m3fn"))
    refused(native, tmp_path, CorruptFileError)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"tree_metadata": []}', '{"tree_metadata": {"a": {}}}', "\x00"])
def test_damaged_trees(text: str, tmp_path: Path) -> None:
    native = save(tmp_path / "native")
    (native / "_METADATA").write_text(text + " " * 10)
    with pytest.raises(CandleSpecError):
        convert(native, tmp_path / "x.candle")
    with pytest.raises(CandleSpecError):
        candle_spec.inspect(native)


KEY: dict[str, Any] = {"key": "half", "key_type": 2}


def leaf(*keys: Any, value: Any = None) -> dict[str, Any]:
    return {"key_metadata": list(keys), "value_metadata": {"value_type": "np.ndarray"} if value is None else value}


EMPTY = {"value_type": "None"}


@pytest.mark.parametrize(
    "leaves",
    [
        [3],
        [leaf(KEY, value=3)],
        [{"key_metadata": 3, "value_metadata": EMPTY}],
        [leaf(3)],
        [leaf({"key": []})],
        [leaf(*[KEY] * 1000)],
        [leaf(KEY), leaf(KEY)],
        [leaf(KEY), leaf(KEY, KEY, value=EMPTY)],
        [leaf(KEY, KEY, value=EMPTY), leaf(KEY)],
        [leaf(KEY), leaf(value=EMPTY)],
        [leaf(value=EMPTY), leaf(KEY)],
        [leaf(KEY, value={"value_type": "string"})],
    ],
)
def test_trees_that_lie(leaves: Any, tmp_path: Path) -> None:
    native = save(tmp_path / "native")
    (native / "_METADATA").write_text(
        json.dumps({"tree_metadata": dict(zip("ab", leaves, strict=False)), "use_ocdbt": True})
    )
    refused(native, tmp_path, CandleSpecError)


def test_values_of_no_known_kind_are_said(tmp_path: Path) -> None:
    native = save(tmp_path / "native")
    leaves = {
        "a": leaf(KEY, value={"value_type": ["np.ndarray"]}),
        "b": leaf({"key": "b"}, value={"value_type": "Foreign", "skip_deserialize": True}),
    }
    (native / "_METADATA").write_text(json.dumps({"tree_metadata": leaves, "use_ocdbt": True}))
    made = convert(native, tmp_path / "x.candle")
    assert candle_spec.load(made.path).state()["b"] is None
    assert "not read: b" in json.dumps(made.manifest["conversion"])


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"array_metadatas": 3}', '{"array_metadatas": [3, {"array_metadata": 3}]}']
)
def test_descriptions_of_arrays_that_lie(text: str, tmp_path: Path) -> None:
    native = save(tmp_path / "native")
    (native / "array_metadatas").mkdir(exist_ok=True)
    (native / "array_metadatas" / "process_0").write_text(text)
    if text == "{":
        refused(native, tmp_path, CorruptFileError)
    else:
        assert convert(native, tmp_path / "x.candle").manifest["training_state"]["step"] == 3


@pytest.mark.parametrize("layout", ["ocdbt", "plain", "raw"])
def test_bits_that_flip_anywhere(layout: str, tmp_path: Path) -> None:
    """A checkpoint or an error of ours; where it converts, bytes that Orbax protects by a sum are as they were."""
    native = save(tmp_path / "native", layout)
    files = sorted(path for path in native.rglob("*") if path.is_file() and path.stat().st_size)
    chance = random.Random(3)
    for number in range(60):
        path = files[number % len(files)]
        data = path.read_bytes()
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(changed) if number % 5 else data[: len(data) // 2])
        try:
            convert(native, tmp_path / f"{number}.candle")
        except CandleSpecError:
            assert not (tmp_path / f"{number}.candle").exists()
        path.write_bytes(data)
    made = convert(native, tmp_path / "sound.candle").path
    assert candle_spec.load(made).state_dict()["dense.bias"].tobytes() == TREE["params"]["dense"]["bias"].tobytes()


def test_an_extension_of_zarr_is_refused(tmp_path: Path) -> None:
    native = save(tmp_path / "native", "plain")
    about = json.loads((native / "half" / ".zarray").read_text())
    (native / "half" / ".zarray").write_text(json.dumps(about | {"dtype": [["a", "<f4"], ["b", "<i2"]]}))
    refused(native, tmp_path, (CorruptFileError, UnsupportedFormatError))  # type: ignore[arg-type]
