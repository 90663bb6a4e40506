"""Parts of a training state of JAX, by the paths of its arrays: under keys of their own, or within something."""

from __future__ import annotations

import pytest

from candle_spec.conversion.jax_groups import groups_of, place, roots_of


def split(*paths: str) -> list[tuple[str, ...]]:
    return [tuple(path.split("/")) for path in paths]


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (["params/Dense_0/kernel", "step"], {"params": "model"}),
        (["params/D/k", "batch_stats/B/mean"], {"params": "model.params", "batch_stats": "model.batch_stats"}),
        (["state/params/D/k", "state/opt_state/0/mu"], {"state/params": "model", "state/opt_state": "optimizer"}),
        (["state/params/D/k", "rng/x"], {"state/params": "model", "rng": "rng"}),
        (["model/params/D/k", "config/x"], {"model/params": "model"}),
        (["a/b/params/D/k"], {"a/b/params": "model"}),
        (["params/params/D/k"], {"params/params": "model"}),
        (["params/model/D/k"], {"params": "model"}),
        (["params/encoder/params/D/k", "params/head/k"], {"params": "model"}),
        (["model/D/k", "optimizer/x"], {"model": "model", "optimizer": "optimizer"}),
        (["target/params/D", "state/0/mu"], {"target/params": "model", "state": "optimizer"}),
        (
            ["actor/params/D/k", "actor/opt_state/0", "critic/params/D/k"],
            {"actor/params": "model.actor", "actor/opt_state": "optimizer", "critic/params": "model.critic"},
        ),
        (["params/D", "ema/params/D"], {"params": "model", "ema/params": "ema"}),
        (["params/D", "ema_params/D"], {"params": "model", "ema_params": "ema"}),
        (["ema_params/D/k", "step"], {"ema_params": "model"}),
        (["layer1/params", "layer2/params"], {}),
        (["layer1/w", "layer2/w"], {}),
        (["w"], {}),
        (["params"], {"params": "model"}),
    ],
)
def test_roots(paths: list[str], wanted: dict[str, str]) -> None:
    assert {"/".join(root): group for root, group in groups_of(split(*paths)).items()} == wanted


def test_names_begin_below_the_root() -> None:
    groups = groups_of(split("state/params/Dense_0/kernel", "state/step"))
    assert place(("state", "params", "Dense_0", "kernel"), groups) == ("model", "Dense_0.kernel")
    assert place(("state", "step"), groups) == ("other", "state.step")
    assert place(("w",), {}) == ("model", "w")


def test_many_paths_below_one_root() -> None:
    assert roots_of(("params", *(str(number),) * 60) for number in range(2)) == {("params",): "model"}
