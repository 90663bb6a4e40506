"""Flax msgpack files: every array as Flax itself gives it, optimizer states, chunks, damaged and hostile files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
from flax import serialization
from flax.training.train_state import TrainState

import candle_spec
from candle_spec import limits
from candle_spec.conversion.convert import convert
from candle_spec.conversion.native import read_native
from candle_spec.converters.flax import CONVERTER
from candle_spec.errors import (
    CandleSpecError,
    CorruptFileError,
    LimitExceededError,
    TruncatedFileError,
    UnsupportedFormatError,
)
from candle_spec.testing.contract import ConverterContract

X = np.random.default_rng(0).normal(size=(16, 6)).astype("f4")


class Net(nn.Module):
    """A small network with batch statistics."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(1)(nn.relu(nn.Dense(8)(x)))


def trained(steps: int = 3) -> TrainState:
    net = Net()
    state = TrainState.create(apply_fn=net.apply, params=net.init(jax.random.key(0), X)["params"], tx=optax.adamw(0.01))
    for _ in range(steps):
        state = step(state)
    return state


def step(state: TrainState) -> TrainState:
    def loss(params: Any) -> Any:
        return jnp.mean(state.apply_fn({"params": params}, X) ** 2)

    return state.apply_gradients(grads=jax.grad(loss)(state.params))


def write(tree: Any, path: Path) -> Path:
    path.write_bytes(serialization.msgpack_serialize(tree))
    return path


def chunked(path: Path) -> Path:
    patch = pytest.MonkeyPatch()
    patch.setattr(serialization, "MAX_CHUNK_SIZE", 100)
    try:
        return write({"params": {"kernel": np.arange(77.0).reshape(7, 11), "bias": np.ones(3)}}, path)
    finally:
        patch.undo()


class TestFlax(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=["state", "plain", "chunked"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / "uno.msgpack"
        if request.param == "state":
            path.write_bytes(serialization.to_bytes(trained()))
            return path
        return chunked(path) if request.param == "chunked" else write({"dense": {"kernel": X}}, path)


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    if isinstance(tree, dict):
        return {name: value for key, item in tree.items() for name, value in leaves(item, f"{path}.{key}").items()}
    return {path[1:]: tree} if isinstance(tree, (np.ndarray, jax.Array)) else {}


def test_every_array_of_a_training_state(tmp_path: Path) -> None:
    path = tmp_path / "uno.msgpack"
    path.write_bytes(serialization.to_bytes(trained()))
    made = convert(path, tmp_path / "x.candle").path
    checkpoint = candle_spec.load(made)
    expected = leaves(serialization.msgpack_restore(path.read_bytes()))
    assert {group["kind"] for group in checkpoint.document["weights"]["groups"]} == {"model", "optimizer"}
    found = {f"params.{name}": value for name, value in checkpoint.state_dict().items()}
    found |= {f"opt_state.{name}": value for name, value in checkpoint.state_dict("optimizer").items()}
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert np.asarray(value).tobytes() == found[name].tobytes(), name
    assert checkpoint.document["training_state"]["resume_grade"] == "fine-tunable"


def test_one_more_step_after_a_restore(tmp_path: Path) -> None:
    state = trained()
    path = tmp_path / "uno.msgpack"
    path.write_bytes(serialization.to_bytes(state))
    made = convert(path, tmp_path / "x.candle").path
    (restored,) = candle_spec.restore(made, tmp_path / "back.msgpack")
    again = serialization.from_bytes(trained(0), restored.path.read_bytes())
    expected, found = (jax.tree.leaves(step(s).params) for s in (state, again))
    assert [np.asarray(leaf).tobytes() for leaf in expected] == [np.asarray(leaf).tobytes() for leaf in found]
    fresh = jax.tree.leaves(step(trained(0)).params)
    assert [np.asarray(leaf).tobytes() for leaf in expected] != [np.asarray(leaf).tobytes() for leaf in fresh]


@pytest.mark.parametrize(
    "dtype",
    [*"? i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 c8 c16".split(), "bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4"],
)
def test_every_dtype(dtype: str, tmp_path: Path) -> None:
    kind = np.dtype(getattr(ml_dtypes, dtype)) if hasattr(ml_dtypes, dtype) else np.dtype(dtype)
    value = np.arange(6).reshape(2, 3).astype(kind)
    made = convert(write({"params": {"w": value}}, tmp_path / "m"), tmp_path / "x.candle").path
    found = candle_spec.load(made).state_dict()["w"]
    assert found.dtype == kind
    assert found.tobytes() == value.tobytes()


def test_chunks_are_joined_in_place(tmp_path: Path) -> None:
    native, _ = read_native(chunked(tmp_path / "m"))
    kernel = next(tensor for tensor in native.tensors if tensor.name == "kernel")
    data = kernel.parts[""].data
    assert kernel.shape == (7, 11)
    assert kernel.attributes["chunks"] == len(data.extents) > 5
    assert b"".join(bytes(block) for block in data.blocks()) == np.arange(77.0).tobytes()


def test_scalars_and_the_tree_survive(tmp_path: Path) -> None:
    tree = {"params": {"w": X}, "step": 7, "lr": 0.1, "best": np.float32(0.25), "z": 1 + 2j, "empty": {}, "none": None}
    made = convert(write(tree, tmp_path / "m"), tmp_path / "x.candle")
    state = candle_spec.load(made.path).state()
    assert (state["step"], state["lr"], state["z"], state["empty"], state["none"]) == (7, 0.1, 1 + 2j, {}, None)
    assert type(state["best"]) is np.float32
    assert state["best"] == np.float32(0.25)
    assert made.manifest["training_state"]["step"] == 7


ARRAY = b"\xc7"


def extension(code: int, data: bytes) -> bytes:
    return b"\xc9" + struct.pack(">Ib", len(data), code) + data


def array(shape: bytes, dtype: bytes, raw: bytes) -> bytes:
    name = bytes([0xA0 | len(dtype)]) + dtype
    return extension(1, b"\x93" + shape + name + b"\xc6" + struct.pack(">I", len(raw)) + raw)


SOUND = b"\x81\xa1w" + array(b"\x91\x02", b"float32", bytes(8))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\x81\xa1w" + array(b"\x91\x03", b"float32", bytes(8)), CorruptFileError),
        (b"\x81\xa1w" + array(b"\x91\xcf" + b"\xff" * 8, b"float32", bytes(8)), CorruptFileError),
        (b"\x81\xa1w" + array(b"\x91\xff", b"float32", bytes(8)), CorruptFileError),
        (b"\x81\xa1w" + array(b"\x91\x02", b"float77", bytes(8)), UnsupportedFormatError),
        (
            b"\x82\xa1w" + array(b"\x91\x02", b"float32", bytes(8)) + b"\xa1x" + extension(9, b"x"),
            UnsupportedFormatError,
        ),
        (SOUND[:-3], TruncatedFileError),
        (b"\x82" + SOUND[1:] + b"\xa1y\xdd\xff\xff\xff\xff", CandleSpecError),
        (b"\x82" + SOUND[1:] + b"\xa1y" + b"\x91" * 500 + b"\xc0", CandleSpecError),
        (b"\x82" + SOUND[1:] + b"\xa1y\xc6\xff\xff\xff\xff", CandleSpecError),
        (SOUND + b"x", CandleSpecError),
        (b"\x82" + SOUND[1:] + b"\xa1y\xc1", CandleSpecError),
    ],
)
def test_hostile_and_damaged(data: bytes, error: type[CandleSpecError], tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(error):
        convert(tmp_path / "m", tmp_path / "x.candle")


def test_ranks_that_take_hours_to_multiply(tmp_path: Path) -> None:
    count = 3_000_000
    shape = b"\xdd" + struct.pack(">I", count) + (b"\xcf" + b"\xff" * 8) * count
    (tmp_path / "m").write_bytes(b"\x81\xa1w" + array(shape, b"float32", bytes(8)))
    with pytest.raises(CorruptFileError, match="malformed array"):
        convert(tmp_path / "m", tmp_path / "x.candle")


def test_bytes_that_are_no_array_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"params": {"w": X}, "raw": bytes(100)}, tmp_path / "m")
    made = convert(tmp_path / "m", tmp_path / "x.candle").path
    assert candle_spec.load(made).state()["raw"] == bytes(100)
    monkeypatch.setattr(limits, "MSGPACK_BYTES", 99)
    with pytest.raises(LimitExceededError):
        convert(tmp_path / "m", tmp_path / "y.candle")


@pytest.mark.parametrize("name", ["__msgpack_chunked_array__", "other"])
def test_chunks_that_lie(name: str, tmp_path: Path) -> None:
    piece = np.ones(3)
    whole = {"shape": {"0": 2, "1": 3}, "chunks": {"0": piece, "1": piece}}
    for number, change in enumerate(
        [
            {"shape": {"0": 7}},
            {"shape": {"0": 3, "2": 2}},
            {"shape": {"0": -6}},
            {"shape": 6},
            {"shape": {str(axis): 1 for axis in range(99)}},
            {"chunks": {"0": piece}},
            {"chunks": {"0": piece, "1": piece.astype("f4")}},
            {"chunks": {"0": piece, "1": 3}},
            {"chunks": {}},
        ]
    ):
        write({"w": {name: True, **whole, **change}, "b": piece}, tmp_path / "m")
        if name == "other":
            convert(tmp_path / "m", tmp_path / f"{number}.candle")
            continue
        with pytest.raises(CorruptFileError):
            convert(tmp_path / "m", tmp_path / f"{number}.candle")


@pytest.mark.parametrize("step", [5, np.int32(5), np.array(5), jnp.asarray(5)], ids=["int", "scalar", "array", "jax"])
def test_the_step_is_found(step: Any, tmp_path: Path) -> None:
    made = convert(write({"params": {"w": X}, "step": step}, tmp_path / "m"), tmp_path / "x.candle")
    assert made.manifest["training_state"]["step"] == 5
    made = convert(write({"params": {"w": X}}, tmp_path / "checkpoint_12"), tmp_path / "y.candle")
    assert made.manifest["training_state"]["step"] == 12


def test_a_step_that_is_none(tmp_path: Path) -> None:
    for number, step in enumerate([1 << 63, -1, 0.5, "3"]):
        made = convert(write({"params": {"w": X}, "step": step}, tmp_path / "m"), tmp_path / f"{number}.candle")
        assert "step" not in made.manifest["training_state"]
        assert candle_spec.load(made.path).state()["step"] == step


def test_the_sound_one_is_sound(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(SOUND)
    assert convert(tmp_path / "m", tmp_path / "x.candle").manifest["model"]["parameter_count"] == 2


def test_other_msgpack_is_left_alone(tmp_path: Path) -> None:
    import msgpack

    (tmp_path / "m").write_bytes(msgpack.packb({"a": [1, 2], "b": b"bytes"}))
    with pytest.raises(CandleSpecError, match="no kind known"):
        convert(tmp_path / "m", tmp_path / "x.candle")


def test_a_state_within_a_dictionary(tmp_path: Path) -> None:
    """The names of the network are those that ``apply`` takes, and the optimizer is no part of it."""
    state = trained()
    tree = {"state": serialization.to_state_dict(state), "ema": {"params": serialization.to_state_dict(state.params)}}
    made = candle_spec.convert(write(tree, tmp_path / "net.msgpack"), tmp_path / "made.candle")
    assert {group["id"]: group["root"] for group in made.document["weights"]["groups"]} == {
        "model": "/state/params",
        "optimizer": "/state/opt_state",
        "ema": "/ema/params",
    }
    assert list(made.state_dict()) == ["Dense_0.bias", "Dense_0.kernel", "Dense_1.bias", "Dense_1.kernel"]
    assert list(made.state_dict("ema")) == list(made.state_dict())
    plain = candle_spec.convert(
        write({"params": serialization.to_state_dict(state.params)}, tmp_path / "plain.msgpack"),
        tmp_path / "plain.candle",
    )
    assert plain.document["weights"]["content_digest"] == made.document["weights"]["content_digest"]
