"""Names of wrappers around a network: kept in the checkpoint, taken off when asked, never guessed into a collision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import candle_spec
from candle_spec.checkpoint.wrappers import without_wrappers, wrapper_of, wrappers_in
from candle_spec.errors import InvalidInputError


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


class Training(nn.Module):
    """As a module of Lightning keeps its network in an attribute."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net


WRAPPED: dict[str, Any] = {
    "DataParallel": nn.DataParallel,
    "compile": torch.compile,
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "an attribute": Training,
    "both": lambda net: Training(torch.compile(net)),
    "twice": lambda net: nn.DataParallel(nn.DataParallel(net)),
    "none": lambda net: net,
}


@pytest.mark.parametrize("how", WRAPPED)
def test_the_bare_network_loads(how: str, tmp_path: Path) -> None:
    net = network()
    state = WRAPPED[how](net).state_dict()
    torch.save({"model": state}, tmp_path / "m.pt")
    made = candle_spec.convert(tmp_path / "m.pt", tmp_path / "m.candle")
    assert list(made.state_dict()) == list(state)
    fresh = network()
    nn.init.zeros_(fresh[0].weight)  # type: ignore[index]
    fresh.load_state_dict(made.state_dict(strip=True), strict=True)
    assert torch.equal(fresh[0].weight, net[0].weight)  # type: ignore[index]


def test_a_wrapper_around_a_part_is_taken_off_there(tmp_path: Path) -> None:
    net = network()
    net[0] = torch.compile(net[0])  # type: ignore[index, operator]
    torch.save(net.state_dict(), tmp_path / "m.pt")
    made = candle_spec.convert(tmp_path / "m.pt", tmp_path / "m.candle")
    assert "0._orig_mod.weight" in made.state_dict()
    network().load_state_dict(made.state_dict(strip=True), strict=True)


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["module.a", "module.b"], "module."),
        (["module.a", "b"], ""),
        (["module.a", "module"], ""),
        (["n_averaged", "module.a"], "module."),
        (["n_averaged", "a"], ""),
        (["initted", "step", "ema_model.a"], "ema_model."),
        (["step", "model.a"], ""),
        (["_forward_module.model.net.a"], "_forward_module.model."),
        (["model._orig_mod.model.a"], "model._orig_mod."),
        (["encoder.a", "encoder.b"], ""),
        (["_fsdp_wrapped_module._checkpoint_wrapped_module.a"], "_fsdp_wrapped_module._checkpoint_wrapped_module."),
        ([], ""),
    ],
)
def test_what_all_names_share(names: list[str], prefix: str) -> None:
    assert wrapper_of(names) == prefix


def test_what_stands_within_names() -> None:
    assert wrappers_in(["model.a._orig_mod.w", "model.b"]) == ["model.", "_orig_mod."]
    assert wrappers_in(["a.w", "b"]) == []


def test_a_text_is_the_very_prefix() -> None:
    assert without_wrappers({"a.b.w": 1, "a.b.v": 2}, "a.b.") == {"w": 1, "v": 2}
    with pytest.raises(InvalidInputError, match=r"1 of 2 names do not begin with 'a\.': 'b'") as caught:
        without_wrappers({"a.w": 1, "b": 2}, "a.")
    assert "'a.w', 'b'" in caught.value.hint
    with pytest.raises(InvalidInputError, match="begin with a dot") as caught:
        without_wrappers({"module.w": 1}, "module")
    assert caught.value.hint == "strip='module.'"
    with pytest.raises(InvalidInputError, match="do not begin with"):
        without_wrappers({"module.": 1}, "module.")


def test_names_that_would_become_one_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"'a\._orig_mod\.w' and 'a\.w' are both called 'a\.w'"):
        without_wrappers({"a._orig_mod.w": 1, "a.w": 2}, True)


def test_the_lines_that_say_how_to_load_name_the_wrapper(tmp_path: Path) -> None:
    net = network()
    average = torch.optim.swa_utils.AveragedModel(net)
    native = {"model": nn.DataParallel(net).state_dict(), "ema": average.state_dict()}
    torch.save(native, tmp_path / "m.pt")
    told = candle_spec.inspect(tmp_path / "m.pt").use_it
    line = "  'module.' in the names of model is a wrapper's: state_dict(strip=True) takes it off"
    assert line in told
    made = candle_spec.convert(tmp_path / "m.pt", tmp_path / "m.candle")
    told = candle_spec.inspect(made.path).use_it
    assert line in told
    assert "  'module.' in the names of ema is a wrapper's: state_dict('ema', strip=True) takes it off" in told
    assert "average = checkpoint.state_dict('ema')        # the running average of the weights" in told
    network().load_state_dict(made.state_dict("ema", strip=True), strict=True)
