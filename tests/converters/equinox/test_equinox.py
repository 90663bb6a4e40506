"""Equinox leaves: every array, names of the user, a first line of JSON, damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import candle_spec
from candle_spec.conversion.convert import Options, convert
from candle_spec.converters.equinox import CONVERTER
from candle_spec.errors import CandleSpecError, InvalidInputError, TruncatedFileError, UnsupportedFormatError
from candle_spec.testing.contract import ConverterContract


def network() -> eqx.nn.MLP:
    return eqx.nn.MLP(6, 2, 8, 2, key=jax.random.key(0))


def leaves() -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(network()) if eqx.is_array(leaf)]


def write(path: Path, *, line: bool = False) -> Path:
    with path.open("wb") as file:
        if line:
            file.write((json.dumps({"width": 8, "depth": 2}) + "\n").encode())
        eqx.tree_serialise_leaves(file, network())
    return path


class TestEquinox(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=[False, True], ids=["leaves", "line"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return write(tmp_path / "uno.eqx", line=request.param)


def test_every_leaf_in_order(tmp_path: Path) -> None:
    made = convert(write(tmp_path / "uno.eqx"), tmp_path / "x.candle").path
    found = candle_spec.load(made).state_dict()
    assert list(found)[:2] == ["leaf_000", "leaf_001"]
    arrays = [value for value in found.values() if value.ndim]
    assert [value.tobytes() for value in arrays] == [leaf.tobytes() for leaf in leaves()]


def test_the_restored_file_loads_and_predicts_the_same(tmp_path: Path) -> None:
    made = convert(write(tmp_path / "uno.eqx"), tmp_path / "x.candle").path
    (restored,) = candle_spec.restore(made, tmp_path / "back.eqx")
    loaded = eqx.tree_deserialise_leaves(restored.path, eqx.nn.MLP(6, 2, 8, 2, key=jax.random.key(1)))
    x = np.ones(6, "f4")
    assert np.asarray(loaded(x)).tobytes() == np.asarray(network()(x)).tobytes()


def test_a_first_line_gives_hyperparameters(tmp_path: Path) -> None:
    made = convert(write(tmp_path / "uno.eqx", line=True), tmp_path / "x.candle").manifest
    assert made["training"]["hyperparameters"] == {"width": 8, "depth": 2}


class Mixed(eqx.Module):
    """Leaves of every kind that Equinox writes."""

    half: jax.Array
    brain: jax.Array
    tiny: jax.Array
    order: np.ndarray
    number: int
    rate: float
    flag: bool
    turn: complex
    none: jax.Array


def mixed() -> Mixed:
    return Mixed(
        jnp.arange(5, dtype="float16"),
        jnp.arange(1 << 10, dtype="uint16").view("bfloat16").reshape(2, -1),
        jnp.ones(3, "float8_e4m3fn"),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        3,
        0.5,
        True,
        2j,
        jnp.zeros((0, 3)),
    )


def test_leaves_of_every_kind(tmp_path: Path) -> None:
    eqx.tree_serialise_leaves(tmp_path / "m.eqx", mixed())
    made = convert(tmp_path / "m.eqx", tmp_path / "x.candle")
    found = list(candle_spec.load(made.path).state_dict().values())
    expected = [np.asarray(leaf) for leaf in jax.tree.leaves(mixed())]
    assert len(found) == len(expected) == 9
    for value, leaf in zip(found, expected, strict=True):
        assert value.shape == leaf.shape
        assert np.ascontiguousarray(value).tobytes() == np.ascontiguousarray(leaf).tobytes()
    dtypes = [tensor["dtype"] for tensor in made.manifest["weights"]["tensors"]]
    assert dtypes == ["F16", "BF16", "BYTES", "F64", "I64", "F64", "BOOL", "C128", "F32"]
    assert "float8" in json.dumps(made.manifest["conversion"])


@pytest.mark.parametrize(
    "line", ['{"a": {"b": [1, null, 2.5]}, "big": 1152921504606846976}', "[1, 2]", "{}", "NaN", "{"]
)
def test_first_lines(line: str, tmp_path: Path) -> None:
    with (tmp_path / "m.eqx").open("wb") as file:
        file.write(line.encode() + b"\n")
        eqx.tree_serialise_leaves(file, network())
    if line in ("NaN", "{"):
        with pytest.raises(CandleSpecError):
            convert(tmp_path / "m.eqx", tmp_path / "x.candle")
        return
    made = convert(tmp_path / "m.eqx", tmp_path / "x.candle").manifest
    assert len(made["weights"]["tensors"]) == len(jax.tree.leaves(eqx.filter(network(), eqx.is_array_like)))
    said = made.get("training", {}).get("hyperparameters")
    expected = {"a": {"b": [1, None, 2.5]}, "big": {"$int": "1152921504606846976"}}
    assert said == (expected if line.startswith('{"') else None)
    assert ("does not hold as hyperparameters" in json.dumps(made["conversion"])) == line.startswith("[")


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [("(1 << 40,)", "<f4"), (str((1 << 61, 4)), "<f4"), (str((1,) * 65), "<f4"), ("(-1,)", "<f4"), ("(3,)", "|V0")],
)
def test_headers_that_lie(shape: str, dtype: str, tmp_path: Path) -> None:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    lie = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    data = write(tmp_path / "uno.eqx").read_bytes()
    (tmp_path / "lie.eqx").write_bytes(data + lie + bytes(12))
    with pytest.raises(CandleSpecError):
        convert(tmp_path / "lie.eqx", tmp_path / "x.candle")


def test_names_of_the_user(tmp_path: Path) -> None:
    native = write(tmp_path / "uno.eqx")
    count = len(convert(native, tmp_path / "x.candle").manifest["weights"]["tensors"])
    names = [f"layers.{number}" for number in range(count)]
    (tmp_path / "names.json").write_text(json.dumps(names))
    made = convert(native, tmp_path / "y.candle", Options(topology=tmp_path / "names.json"))
    assert [tensor["name"] for tensor in made.manifest["weights"]["tensors"]] == names


@pytest.mark.parametrize("text", ["{}", "[1, 2]", '["a", "b"]', '["a", "a"]', "x"])
def test_names_that_do_not_fit(text: str, tmp_path: Path) -> None:
    native = tmp_path / "two.eqx"
    with native.open("wb") as file:
        for _ in range(3):
            np.save(file, np.ones(3))
    (tmp_path / "names.json").write_text(text)
    with pytest.raises((InvalidInputError, CandleSpecError)):
        convert(native, tmp_path / "y.candle", Options(topology=tmp_path / "names.json"))


def test_one_array_is_numpys(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.ones(3))
    assert convert(tmp_path / "one.npy", tmp_path / "x.candle").manifest["conversion"]["native"]["format"] == "npz"


def test_pickled_leaves_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "m.eqx").open("wb") as file:
        np.save(file, np.ones(3))
        np.save(file, np.ones(3))
        np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnsupportedFormatError, match="pickled"):
        convert(tmp_path / "m.eqx", tmp_path / "x.candle")


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    data = write(tmp_path / "uno.eqx").read_bytes()
    (tmp_path / "cut.eqx").write_bytes(data[:-5])
    with pytest.raises(TruncatedFileError):
        convert(tmp_path / "cut.eqx", tmp_path / "x.candle")
