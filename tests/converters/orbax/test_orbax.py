"""Orbax folders of every layout: every array and the whole tree as Orbax gives them, steps and items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

import candle_spec
from candle_spec import limits
from candle_spec.conversion.convert import convert
from candle_spec.conversion.native import read_native
from candle_spec.converters.orbax import CONVERTER, arrays
from candle_spec.errors import InvalidInputError
from candle_spec.testing.contract import ConverterContract
from tests.helpers.native.orbax_folders import LAYOUTS, TREE, managed, save


class TestOrbax(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=[*sorted(LAYOUTS), "managed"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        if request.param == "managed":
            return managed(tmp_path / "run") / "20"
        return save(tmp_path / "native", request.param)


def assert_same(found: Any, expected: Any, path: str = "") -> int:
    """Compare a state tree with what Orbax restores, leaf by leaf; return the number of arrays."""
    if isinstance(expected, dict):
        assert list(map(str, expected)) == list(found), path
        return sum(assert_same(found[str(key)], value, f"{path}/{key}") for key, value in expected.items())
    if isinstance(expected, (list, tuple)):
        assert type(found) is type(expected), path
        assert len(found) == len(expected), path
        return sum(
            assert_same(*pair, f"{path}/{index}") for index, pair in enumerate(zip(found, expected, strict=True))
        )
    if expected is None or isinstance(expected, str):
        assert found == expected, path
        return 0
    if isinstance(expected, (bool, int, float)):  # Orbax makes Python's of them; the folder holds more
        assert (found.item(), found.shape) == (expected, ()), path
        return 1
    if isinstance(expected, jax.Array) and jnp.issubdtype(expected.dtype, jax.dtypes.prng_key):
        expected = jax.random.key_data(expected)
    value = np.asarray(expected)
    assert found.dtype == value.dtype, path
    assert found.shape == value.shape, path
    assert found.tobytes() == value.tobytes(), path
    return 1


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_array(layout: str, tmp_path: Path) -> None:
    made = convert(save(tmp_path / "native", layout), tmp_path / "x.candle")
    expected = ocp.PyTreeCheckpointer().restore((tmp_path / "native").absolute())
    checkpoint = candle_spec.load(made.path)
    assert assert_same(checkpoint.state(), expected) == len(made.manifest["weights"]["tensors"]) == 5
    assert made.manifest["training_state"]["step"] == 3
    groups = {group["id"]: group["kind"] for group in made.manifest["weights"]["groups"]}
    assert groups == {"model": "model", "optimizer": "optimizer", "other": "other"}


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_training_state_of_every_kind_of_leaf(layout: str, tmp_path: Path) -> None:
    params = {"dense": {"kernel": jnp.arange(24.0).reshape(4, 6), "bias": jnp.zeros(6)}}
    optimizer = optax.chain(optax.clip(1.0), optax.adam(1e-3))
    state = {
        "params": params,
        "opt_state": optimizer.init(params),
        "key": jax.random.key(5),
        "old_key": jax.random.PRNGKey(1),
        "text": "é",
        "values": (1, 0.5, True, np.float32(2), np.int64(3)),
        "empties": [None, {}, [], ()],
        **{
            f"is_{dtype}": jnp.arange(5).astype(dtype)
            for dtype in ("int4", "float8_e4m3fn", "bfloat16", "bool", "uint8")
        },
        "double": np.arange(3) * 1j,
    }
    made = convert(save(tmp_path / "native", layout, state), tmp_path / "x.candle")
    expected = ocp.PyTreeCheckpointer().restore((tmp_path / "native").absolute())
    checkpoint = candle_spec.load(made.path)
    assert assert_same(checkpoint.state(), expected) == 20
    (key,) = [row for row in made.manifest["weights"]["tensors"] if row["name"] == "key"]
    assert key["attributes"]["random_key"] == "threefry2x32"


@pytest.mark.parametrize(
    "tree",
    [
        np.arange(3),
        [np.ones(3), {"a": np.zeros(2)}],
        {"": np.ones(2)},
        {"a/b": np.ones(2), "c d": np.zeros(1), "é": np.arange(2)},
        {1: np.ones(1), 10: np.zeros(1)},
        {f"layer{number}": [np.full(2, number)] * 12 for number in range(3)},
    ],
    ids=["bare", "list", "empty-key", "odd-keys", "numbers", "long-lists"],
)
def test_trees_of_every_shape(tree: Any, tmp_path: Path) -> None:
    made = convert(save(tmp_path / "native", "ocdbt", tree), tmp_path / "x.candle").path
    expected = ocp.PyTreeCheckpointer().restore((tmp_path / "native").absolute())
    assert assert_same(candle_spec.load(made).state(), expected)


def test_leaves_that_orbax_itself_confuses(tmp_path: Path) -> None:
    tree = {"a.b": np.ones(1), "a": {"b": np.zeros(1)}}
    made = convert(save(tmp_path / "native", "ocdbt", tree), tmp_path / "x.candle")
    expected = ocp.PyTreeCheckpointer().restore((tmp_path / "native").absolute())
    assert_same(candle_spec.load(made.path).state(), expected)
    assert len(made.manifest["weights"]["tensors"]) == 1
    assert "one name" in json.dumps(made.manifest["conversion"])


def test_the_restored_folder_loads_the_same(tmp_path: Path) -> None:
    made = convert(save(tmp_path / "native"), tmp_path / "x.candle").path
    candle_spec.restore(made, tmp_path / "back")
    loaded = ocp.PyTreeCheckpointer().restore((tmp_path / "back").absolute())
    leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(loaded)]
    assert leaves == [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(TREE)]


def test_chunks_that_are_not_compressed_are_stored_once(tmp_path: Path) -> None:
    tree = {"params": {"w": np.random.default_rng(0).random((300, 70)), "s": np.float64(2), "b": np.ones(3, "f2")}}
    native, _ = read_native(save(tmp_path / "native", "raw", tree))
    found = {tensor.name: tensor.parts[""].data for tensor in native.tensors}
    assert all(data.extents for data in found.values())
    assert b"".join(bytes(block) for block in found["w"].blocks()) == tree["params"]["w"].tobytes()
    made = convert(tmp_path / "native", tmp_path / "x.candle")
    assert made.manifest["conversion"]["native"]["variant"] == "zarr"
    kept = sum(path.stat().st_size for path in (made.path / "original").rglob("*") if path.is_file())
    assert kept < 20_000 < tree["params"]["w"].nbytes


@pytest.mark.parametrize("block", [1, 100, 1000, 10_000])
@pytest.mark.parametrize("slab", [1, 500, 5000, 1 << 20])
def test_arrays_come_in_pieces(block: int, slab: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorstore

    value = np.random.default_rng(0).integers(0, 1 << 30, (7, 5, 9, 4))
    store = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{tmp_path}/a/"}}
    about = {"shape": value.shape, "chunks": (3, 2, 9, 2), "dtype": "<i8"}
    made = tensorstore.open({**store, "metadata": about}, create=True).result()
    made.write(value).result()
    array = arrays.Array(made, value.shape, (3, 2, 9, 2), "I64", "here")
    monkeypatch.setattr(arrays, "BLOCK", block)
    monkeypatch.setattr(limits, "ORBAX_SLAB", slab)
    blocks = [bytes(piece) for piece in array.blocks()]
    assert b"".join(blocks) == value.tobytes()
    chunk = 3 * 2 * 9 * 2 * 8
    assert max(map(len, blocks)) <= max(block, slab, chunk)


def test_large_arrays_come_in_rows(tmp_path: Path) -> None:
    value = np.random.default_rng(0).random((3000, 700))
    made = convert(save(tmp_path / "native", tree={"params": {"w": value}}), tmp_path / "x.candle").path
    assert candle_spec.load(made).state_dict()["w"].tobytes() == value.tobytes()


def test_one_step_of_several(tmp_path: Path) -> None:
    native = managed(tmp_path / "run")
    with pytest.raises(InvalidInputError, match="2 checkpoints lie here: 10, 20"):
        convert(native, tmp_path / "x.candle")
    made = convert(native / "20", tmp_path / "x.candle")
    assert made.manifest["training_state"]["step"] == 20
    assert candle_spec.load(made.path).state_dict()["w"].tolist() == np.full((3, 2), 20).tolist()
    assert json.loads((made.path / "artifacts" / "meta" / "metadata").read_text()) == {"best": 20}


def test_steps_without_items_are_steps_too(tmp_path: Path) -> None:
    for step in (1, 2):
        save(tmp_path / "run" / str(step), "ocdbt", {"w": np.full(3, step)})
    with pytest.raises(InvalidInputError, match="2 checkpoints lie here: 1, 2"):
        convert(tmp_path / "run", tmp_path / "x.candle")
    (tmp_path / "run" / "1").rename(tmp_path / "one")
    made = convert(tmp_path / "run", tmp_path / "x.candle")
    assert made.manifest["training_state"]["step"] == 2


def test_items_are_what_their_names_say(tmp_path: Path) -> None:
    options = ocp.CheckpointManagerOptions(step_prefix="checkpoint")
    manager = ocp.CheckpointManager((tmp_path / "run").absolute(), options=options)
    items = {
        "params": ocp.args.StandardSave({"w": np.ones(3)}),
        "opt": ocp.args.StandardSave({"mu": np.zeros(3)}),
        "key": ocp.args.JaxRandomKeySave(jax.random.key(3)),
        "numpy": ocp.args.NumpyRandomKeySave(np.random.RandomState(1).get_state()),
        "data": ocp.args.ArraySave(np.arange(4)),
    }
    manager.save(7, args=ocp.args.Composite(**items), custom_metadata={"who": "we"})
    manager.wait_until_finished()
    manager.close()
    made = convert(tmp_path / "run", tmp_path / "x.candle")
    checkpoint = candle_spec.load(made.path)
    assert made.manifest["training_state"]["step"] == 7
    kinds = {group["id"]: group["kind"] for group in made.manifest["weights"]["groups"]}
    assert kinds == {
        "model": "model",
        "optimizer": "optimizer",
        "rng.key-jax_random_key": "rng",
        "rng.numpy-np_random_key": "rng",
        "other": "other",
    }
    assert checkpoint.state_dict()["w"].tolist() == [1, 1, 1]
    assert checkpoint.state_dict("optimizer")["mu"].tolist() == [0, 0, 0]
    assert checkpoint.state()["numpy/np_random_key"][0] == "MT19937"
    kept = json.loads(next((made.path / "artifacts").rglob("_CHECKPOINT_METADATA")).read_text())
    assert kept["custom_metadata"] == {"who": "we"}
    assert made.manifest["conversion"]["native"]["written"].startswith("20")


def test_a_state_within_others(tmp_path: Path) -> None:
    """The names of a network begin where Flax's own do, and no optimizer is a part of it."""
    w = {"Dense_0": {"kernel": np.ones((2, 3), "f4")}}
    tree = {
        "actor": {"params": w, "opt_state": {"mu": np.zeros(3, "f4")}},
        "critic": {"params": w},
        "ema": {"params": w},
    }
    made = convert(save(tmp_path / "native", "ocdbt", tree), tmp_path / "x.candle")
    assert {group["id"]: group["root"] for group in made.manifest["weights"]["groups"]} == {
        "model.actor": "/actor/params",
        "optimizer": "/actor/opt_state",
        "model.critic": "/critic/params",
        "ema": "/ema/params",
    }
    assert list(candle_spec.load(made.path).state_dict("model.critic")) == ["Dense_0.kernel"]


def test_half_precision_keeps_its_bits(tmp_path: Path) -> None:
    value = np.arange(1 << 16, dtype="u2").view(ml_dtypes.bfloat16)
    made = convert(save(tmp_path / "native", "ocdbt", {"params": {"w": value}}), tmp_path / "x.candle").path
    assert candle_spec.load(made).state_dict()["w"].tobytes() == value.tobytes()
