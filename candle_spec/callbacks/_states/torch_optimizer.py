"""A saved optimizer's state into a live optimizer of torch: compared first, whoever saved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from candle_spec.callbacks._states.torch_model import unwrapped
from candle_spec.errors import InvalidInputError


def is_by_name(saved: Mapping[str, Any]) -> bool:
    """Whether a state names its parameters (several processes saved it), instead of numbering them."""
    return any(isinstance(key, str) for group in saved["param_groups"] for key in group["params"])


def check_optimizer(saved: Mapping[str, Any], optimizer: Any, location: str) -> None:
    """Refuse the state of another optimizer before anything is changed.

    Raises:
        InvalidInputError: The groups of parameters differ in number or size.
    """
    before = [len(group["params"]) for group in saved["param_groups"]]
    now = [len(group["params"]) for group in optimizer.param_groups]
    if before != now:
        raise InvalidInputError(
            f"the checkpoint is of another optimizer: groups of {before} parameters, here {now}",
            location=location,
            hint="make the optimizer as it was made for that run, or restore the weights alone",
        )


def by_name(saved: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a state that numbers its parameters by the names of those that are in the same places here.

    Args:
        saved: The state; one by names already is returned as it is.
        groups: The live optimizer's groups, with names of parameters.
    """
    if is_by_name(saved):
        return dict(saved)
    names: dict[Any, str] = {}
    renamed: list[dict[str, Any]] = []
    for before, now in zip(saved["param_groups"], groups, strict=True):
        names |= dict(zip(before["params"], now["params"], strict=True))
        renamed.append({**before, "params": list(now["params"])})
    return {"state": {names[key]: value for key, value in saved["state"].items()}, "param_groups": renamed}


def load_optimizer(saved: Mapping[str, Any], optimizer: Any, model: Any) -> None:
    """Put a state into an optimizer; a state by names finds its parameters in the model.

    Raises:
        InvalidInputError: A parameter of the optimizer has no name in the model, or another group.
    """
    optimizer.load_state_dict(_by_number(saved, optimizer, model) if is_by_name(saved) else saved)


def _by_number(saved: Mapping[str, Any], optimizer: Any, model: Any) -> dict[str, Any]:
    """Return a state by names as torch's optimizers number it: in the order of their parameters."""
    modules = model.values() if isinstance(model, Mapping) else [model]
    names = {id(parameter): name for module in modules for name, parameter in unwrapped(module).named_parameters()}
    groups: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    for group, before in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        own = [names.get(id(parameter), "") for parameter in group["params"]]
        if set(own) != set(before["params"]):
            other = sorted(set(own) ^ set(before["params"]))
            raise InvalidInputError(f"the optimizer's groups hold other parameters: {', '.join(other[:3])}")
        numbers |= {name: len(numbers) + place for place, name in enumerate(own)}
        groups.append({**before, "params": [numbers[name] for name in own]})
    state = {numbers[name]: value for name, value in saved["state"].items()}
    return {"state": state, "param_groups": groups}
