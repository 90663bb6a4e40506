"""The state of a JAX training: names and digests as the converter's; any tree comes back as it was."""

from typing import NamedTuple

import numpy as np
import pytest

import candle_spec
from candle_spec.callbacks._states.jax_state import JaxState
from candle_spec.callbacks.jax import restore
from candle_spec.errors import InvalidInputError
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
pytestmark = pytest.mark.framework


class State(NamedTuple):
    params: dict
    opt_state: tuple
    rng: jax.Array
    step: int


def made(seed=0, width=3):
    key = jax.random.key(seed)
    params = {"dense": {"kernel": jax.random.normal(key, (4, width)), "bias": jax.numpy.zeros(width, "bfloat16")}}
    return State(params, optax.adam(0.1).init(params), key, 5)


def saved(folder, state, **extra):
    with Series.create_or_open(folder) as series:
        return candle_spec.load(series.save(TrainingState(1, JaxState(state).capture(extra).contents)).path)


def test_the_digests_are_those_of_the_flax_file(tmp_path):
    serialization = pytest.importorskip("flax.serialization")
    state = made()
    ours = saved(tmp_path / "ckpts", state).document["weights"]
    plain = {"params": state.params, "opt_state": serialization.to_state_dict(state.opt_state)}
    (tmp_path / "net.msgpack").write_bytes(serialization.to_bytes(plain))
    theirs = candle_spec.convert(tmp_path / "net.msgpack", tmp_path / "converted").document["weights"]
    assert ours["content_digest"] == theirs["content_digest"]
    rows = [{(t["name"], t["digest"]) for t in w["tensors"] if t["group"] == "optimizer"} for w in (ours, theirs)]
    assert rows[0] == rows[1] != set()


def test_a_tree_comes_back_with_keys_dtypes_and_numbers(tmp_path):
    state = made()
    checkpoint = saved(tmp_path / "ckpts", state, note="x")
    back, restored = restore(checkpoint, made(seed=3)._replace(step=0))
    assert jax.tree_util.tree_structure(back) == jax.tree_util.tree_structure(state)
    assert back.step == 5
    assert jax.random.uniform(back.rng) == jax.random.uniform(state.rng)
    for ours, theirs in zip(jax.tree_util.tree_leaves(back[:2]), jax.tree_util.tree_leaves(state[:2]), strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    assert restored.extra == {"note": "x"}


def test_another_state_is_refused(tmp_path):
    checkpoint = saved(tmp_path / "ckpts", made())
    with pytest.raises(
        InvalidInputError, match=r"params\.dense\.bias was saved as bfloat16\[3\], here it is bfloat16\[4\]"
    ):
        restore(checkpoint, made(width=4))
    with pytest.raises(InvalidInputError, match="is not in this state"):
        restore(checkpoint, {"params": made().params, "rng": made().rng, "opt_state": ()})


def test_weights_alone(tmp_path):
    checkpoint = saved(tmp_path / "ckpts", made())
    other = made(seed=8)
    back, restored = restore(checkpoint, other, weights_only=True)
    assert np.array_equal(back.params["dense"]["kernel"], made().params["dense"]["kernel"])
    assert jax.random.uniform(back.rng) == jax.random.uniform(other.rng)
    assert "opt_state (only the weights were asked for)" in restored.text()
