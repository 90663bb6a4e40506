"""Where the names of a network begin: whatever a file puts around it, the state dict loads as the network gave it."""

from __future__ import annotations

import collections
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import candle_spec
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.weights.native_places import is_place


class Net(nn.Module):
    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.fc = nn.Linear(3, width)
        self.norm = nn.BatchNorm1d(width)


class Trainer:
    """Something of a training program that was pickled with its network."""

    def __init__(self) -> None:
        self.rate = 0.1
        self.network = Net()


def weights() -> dict[str, Any]:
    return Net().state_dict()


def plain() -> dict[str, Any]:
    """A state dict that somebody made by hand, of a network without modules: nothing but tensors says what it is."""
    return {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}


def adam() -> dict[str, Any]:
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return optimizer.state_dict()


def averaged() -> dict[str, Any]:
    return torch.optim.swa_utils.AveragedModel(Net()).state_dict()


def converted(native: Any, folder: Path) -> Checkpoint:
    torch.save(native, folder / "native.pt")
    return candle_spec.convert(folder / "native.pt", folder / "native.candle")


def roots(made: Checkpoint) -> dict[str, str]:
    """The root of every group; each is a place of the state tree."""
    groups = made.document["weights"]["groups"]
    assert [group["root"] for group in groups if not is_place(made.state_tree, group["root"])] == []
    assert candle_spec.validate(made.path).errors == []
    return {group["id"]: group["root"] for group in groups}


ONE: dict[str, tuple[str, Callable[[], Any]]] = {
    "settings beside": ("/model/state_dict", lambda: {"model": {"model_args": {"a": 1}, "state_dict": weights()}}),
    "twice the word": ("/model/model", lambda: {"model": {"model": weights()}}),
    "three levels": ("/model/a/b/w", lambda: {"model": {"a": {"b": {"w": weights()}}}}),
    "no word at all": ("/a/b/c", lambda: {"a": {"b": {"c": weights(), "version": 3}}}),
    "a list": ("/models/0", lambda: {"models": [weights()]}),
    "the root is a list": ("/0", lambda: [weights(), {"width": 2}]),
    "an object": ("/network", Trainer),
    "an object in a dictionary": ("/trainer/network", lambda: {"trainer": Trainer()}),
    "a module": ("/model/net", lambda: {"model": {"net": Net(), "args": {"a": 1}}}),
    "empty ones beside": ("/net/w", lambda: {"net": {"args": {}, "w": weights(), "hooks": collections.OrderedDict()}}),
    "at two places": ("/trainer/model", lambda: (lambda w: {"trainer": {"model": w, "n": 1}, "model": w})(weights())),
    "a number beside": ("/model", lambda: {"model": weights(), "net_scale": torch.ones(1)}),
    "its own part again": ("/model", lambda: (lambda net: {"model": net, "encoder": net.fc})(Net())),
    "one average alone": ("/params_ema", lambda: {"params_ema": weights()}),
    "an average in its place": ("/ema", lambda: {"epoch": 3, "model": None, "ema": Net()}),
    "arrays of NumPy": ("/m/w", lambda: {"m": {"w": {k: v.numpy() for k, v in weights().items()}, "cfg": {"a": 1}}}),
}


@pytest.mark.parametrize("case", ONE)
def test_the_network_loads_from_its_root(case: str, tmp_path: Path) -> None:
    root, native = ONE[case]
    made = converted(native(), tmp_path)
    assert roots(made)["model"] == root
    state = {name: torch.as_tensor(value) for name, value in made.state_dict().items()}
    Net().load_state_dict(state, strict=True)


PLAIN: dict[str, tuple[str, Callable[[], Any]]] = {
    "settings beside": ("/net/weights", lambda: {"net": {"config": {"d": 1}, "weights": plain()}}),
    "an unknown word": ("/net/w8", lambda: {"net": {"config": {"d": 1}, "w8": plain()}}),
    "twice the word": ("/model/model", lambda: {"model": {"model": plain()}}),
    "a list": ("/models/0", lambda: {"models": [plain()]}),
}


@pytest.mark.parametrize("case", PLAIN)
def test_a_state_dict_without_any_mark(case: str, tmp_path: Path) -> None:
    root, native = PLAIN[case]
    made = converted(native(), tmp_path)
    assert roots(made) == {"model": root}
    nn.Linear(3, 2).load_state_dict(made.state_dict(), strict=True)


def test_where_it_stands_is_no_part_of_the_identity(tmp_path: Path) -> None:
    same = weights()
    natives = [same, {"model": same}, {"model": {"args": 1, "state_dict": same}}, [same, 3], {"a": {"b": {"c": same}}}]
    digests = set()
    for number, native in enumerate(natives):
        (tmp_path / str(number)).mkdir()
        digests.add(converted(native, tmp_path / str(number)).document["weights"]["content_digest"])
    assert len(digests) == 1


SEVERAL: dict[str, tuple[dict[str, str], Callable[[], Any]]] = {
    "side by side": (
        {"model.generator": "/generator", "model.discriminator": "/discriminator"},
        lambda: {"generator": weights(), "discriminator": weights()},
    ),
    "each with settings": (
        {"model.generator": "/generator/state_dict", "model.discriminator": "/discriminator/state_dict"},
        lambda: {key: {"state_dict": weights(), "args": 1} for key in ("generator", "discriminator")},
    ),
    "below one key": (
        {"model.generator": "/models/generator", "model.discriminator": "/models/discriminator"},
        lambda: {"models": {"generator": weights(), "discriminator": weights()}, "epoch": 1},
    ),
    "an ensemble": ({"model.0": "/models/0", "model.1": "/models/1"}, lambda: {"models": [weights(), weights()]}),
    "by number": ({"model.0": "/nets/0", "model.1": "/nets/1"}, lambda: {"nets": {0: weights(), 1: weights()}}),
    "a training inside": (
        {"model": "/checkpoint/model_state_dict", "optimizer": "/checkpoint/optimizer_state_dict"},
        lambda: {"checkpoint": {"model_state_dict": weights(), "optimizer_state_dict": adam(), "epoch": 7}},
    ),
    "a training as the model": (
        {"model": "/model/model_state_dict", "optimizer": "/model/optimizer_state_dict"},
        lambda: {"model": {"model_state_dict": weights(), "optimizer_state_dict": adam()}, "hparams": {"a": 1}},
    ),
    "a training and its generators": (
        {"model": "/state/model", "optimizer": "/state/optimizers", "rng": "/rng"},
        lambda: {"state": {"model": weights(), "optimizers": {"Adam": adam()}}, "rng": [torch.get_rng_state()]},
    ),
    "a pair": ({"model": "/0", "optimizer": "/1"}, lambda: (weights(), adam(), 3)),
    "a tensor beside it": (
        {"model": "/model/state_dict", "other": "/model/mean"},
        lambda: {"model": {"state_dict": weights(), "mean": torch.ones(3)}},
    ),
    "a teacher": (
        {"model": "/model", "other": "/teacher/w"},
        lambda: {"model": weights(), "teacher": {"w": weights()}},
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_groups(case: str, tmp_path: Path) -> None:
    wanted, native = SEVERAL[case]
    made = converted(native(), tmp_path)
    assert roots(made) == wanted
    for group in wanted:
        if group.startswith("model"):
            Net().load_state_dict(made.state_dict(group), strict=True)


TREES: dict[str, tuple[dict[str, list[str]], Any]] = {
    "of a network": (
        {"model": ["enc.weight", "enc.bias", "dec.weight"]},
        {"model": {"enc": plain(), "dec": {"weight": torch.ones(1)}}},
    ),
    "of one layer": ({"model": ["fc.weight", "fc.bias"]}, {"model": {"fc": plain()}}),
    "of JAX": ({"model": ["Dense_0.kernel"]}, {"params": {"Dense_0": {"kernel": torch.ones(1)}}, "epoch": 3}),
    "extra state": (
        {"model": ["a.weight", "b.weight", "a._extra_state.scale"]},
        {"a.weight": torch.ones(1), "b.weight": torch.ones(1), "a._extra_state": {"scale": torch.ones(1)}},
    ),
}


@pytest.mark.parametrize("case", TREES)
def test_a_tree_of_tensors_stays_one(case: str, tmp_path: Path) -> None:
    wanted, native = TREES[case]
    made = converted(native, tmp_path)
    roots(made)
    assert {group: list(made.state_dict(group)) for group in made.groups} == wanted


def test_what_stands_beside_a_deeper_network_is_read(tmp_path: Path) -> None:
    made = converted({"net": {"config": {"width": 2}, "arch": "Net", "epoch": 4, "state": weights()}}, tmp_path)
    assert made.document["training"]["hyperparameters"] == {"width": 2}
    assert made.document["model"]["architecture"] == "Net"
    assert made.document["training_state"]["epoch"] == 4
    assert "the names of model begin at /net/state" in made.document["model"]["framework"]["evidence"]


AVERAGES: dict[str, tuple[str, Callable[[], Any]]] = {
    "model_ema": ("/model_ema", weights),
    "ema_state_dict": ("/ema_state_dict", weights),
    "average_model_state": ("/average_model_state", weights),
    "averaged_model_state": ("/averaged_model_state", weights),
    "swa_model": ("/swa_model", averaged),
    "swa_state_dict": ("/swa_state_dict", weights),
    "polyak": ("/polyak", weights),
    "shadow_params": ("/shadow_params", lambda: [torch.ones(2), torch.ones(3)]),
    "ema": ("/ema/shadow", lambda: {"decay": 0.999, "shadow": weights()}),
    "params_ema": ("/params_ema/params", lambda: {"params": weights(), "decay": 0.999}),
    "callbacks": ("/callbacks/EMA/average_model_state_dict", lambda: {"EMA": {"average_model_state_dict": weights()}}),
    "second": ("/second", averaged),
}


@pytest.mark.parametrize("key", AVERAGES)
def test_a_running_average_is_no_part_of_the_model(key: str, tmp_path: Path) -> None:
    root, average = AVERAGES[key]
    own = weights()
    made = converted({"state_dict": own, key: average()}, tmp_path)
    assert roots(made) == {"model": "/state_dict", "ema": root}
    assert [group["kind"] for group in made.document["weights"]["groups"]] == ["model", "ema"]
    assert len(made.state_dict("ema")) in (2, 7, 8)
    assert made.document["model"]["parameter_count"] == sum(parameter.numel() for parameter in Net().parameters())
    (tmp_path / "alone").mkdir()
    alone = converted(own, tmp_path / "alone")
    assert alone.document["weights"]["content_digest"] == made.document["weights"]["content_digest"]


def test_an_average_of_lightning_changes_places_with_the_network(tmp_path: Path) -> None:
    own, average = weights(), weights()
    native = {"state_dict": average, "current_model_state": own, "averaging_state": {"n_averaged": torch.tensor(3)}}
    made = converted(native, tmp_path)
    assert roots(made) == {"ema": "/state_dict", "model": "/current_model_state", "other": "/averaging_state"}
    assert torch.equal(made.state_dict()["fc.weight"], own["fc.weight"])


def test_a_structure_of_many_shared_dictionaries_ends(tmp_path: Path) -> None:
    node: Any = weights()
    for _ in range(40):
        node = {"a": node, "b": node}
    made = converted({"model": node}, tmp_path)
    assert len(made.tensors) == 7


@pytest.mark.parametrize("key", ["\ud800", "k" * 12_000], ids=["half a pair", "long"])
def test_a_key_that_no_pointer_holds(key: str, tmp_path: Path) -> None:
    """What lies below it is named from the whole."""
    made = converted({key: weights()}, tmp_path)
    assert roots(made) == {"model": ""}
    assert list(made.state_dict()) == [f"{key}.{name}" for name in weights()]
