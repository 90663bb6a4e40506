"""Random trees of tensors through every native writer and back: each array comes out with its very bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import joblib
import numpy as np
import pytest
import torch
from flax import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import TensorProto, helper, numpy_helper, save
from safetensors.numpy import save_file

import candle_spec
from candle_spec.conversion.convert import convert

Arrays = dict[str, np.ndarray[Any, Any]]

_DTYPES = ["?", "i1", "u1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8"]
_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
_PLAIN_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


def arrays(names: st.SearchStrategy[str] = _NAMES, dtypes: list[str] = _DTYPES) -> st.SearchStrategy[Arrays]:
    """Some named arrays, in every order of axes, empty ones and single numbers too."""
    shapes = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
    one = st.sampled_from(dtypes).flatmap(lambda dtype: npst.arrays(dtype, shapes))
    turned = st.builds(lambda array, turn: array.T if turn else array, one, st.booleans())
    return st.dictionaries(names, turned, min_size=1, max_size=6)


def from_torch(tree: Arrays, path: Path, **options: Any) -> None:
    torch.save({name: torch.from_numpy(np.array(array)) for name, array in tree.items()}, path, **options)


def from_safetensors(tree: Arrays, path: Path) -> None:
    # Contiguous: the official writer takes any other order for this one.
    save_file({name: np.array(array, order="C") for name, array in tree.items()}, path)


def from_npz(tree: Arrays, path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, **tree)


def from_h5(tree: Arrays, path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in tree])
        for name, array in tree.items():
            layer = file.create_group(name)
            layer.attrs["weight_names"] = np.array([b"value:0"])
            layer["value:0"] = array


def from_flax(tree: Arrays, path: Path) -> None:
    path.write_bytes(serialization.to_bytes({"params": {name: np.array(array) for name, array in tree.items()}}))


def from_joblib(tree: Arrays, path: Path) -> None:
    joblib.dump({name: np.array(array) for name, array in tree.items()}, path)


def from_onnx(tree: Arrays, path: Path) -> None:
    weights = [numpy_helper.from_array(np.array(array, order="C"), name) for name, array in tree.items()]
    value = helper.make_tensor_value_info("in", TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["in"], ["out"])
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])
    save(helper.make_model(helper.make_graph([node], "g", [value], [output], weights)), path)


WRITERS: dict[str, tuple[Callable[[Arrays, Path], None], st.SearchStrategy[Arrays]]] = {
    "torch": (from_torch, arrays()),
    "torch-legacy": (lambda tree, path: from_torch(tree, path, _use_new_zipfile_serialization=False), arrays()),
    "safetensors": (from_safetensors, arrays(_NAMES.filter(lambda name: name != "__metadata__"))),
    "npz": (from_npz, arrays(_PLAIN_NAMES.filter(lambda name: name != "file"))),
    "h5": (from_h5, arrays(_PLAIN_NAMES, ["i1", "u1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8"])),
    "flax": (from_flax, arrays(_PLAIN_NAMES)),
    "joblib": (from_joblib, arrays()),
    "onnx": (from_onnx, arrays(_PLAIN_NAMES)),
}


def found(path: Path) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    for group in (made := candle_spec.load(path)).groups:
        yield from made.state_dict(group, framework="numpy").items()


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_every_array_comes_back(name: str) -> None:
    write, trees = WRITERS[name]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(trees)
    def check(tree: Arrays) -> None:
        with tempfile.TemporaryDirectory() as folder:
            native = Path(folder) / "native"
            write(tree, native)
            if all(array.size == 0 for array in tree.values()) and name == "h5":
                return  # nothing in it looks like weights
            made = convert(native, Path(folder) / "made.candle")
            expected = sorted((array.shape, np.array(array, order="C").tobytes()) for array in tree.values())
            got = sorted((array.shape, np.array(array, order="C").tobytes()) for _, array in found(made.path))
            assert got == expected
            (restored,) = candle_spec.restore(made.path, Path(folder) / "back")
            assert restored.path.read_bytes() == native.read_bytes()

    check()
