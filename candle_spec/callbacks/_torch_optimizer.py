"""A saved optimizer's state into a live optimizer of torch: compared first, whoever saved it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def load_optimizer(saved: Mapping[str, Any], optimizer: Any, model: Any) -> None:
    """Put a state into an optimizer; a state by names finds its parameters in the model."""
    if not is_by_name(saved):
        optimizer.load_state_dict(saved)
        return
    import torch.distributed.checkpoint.state_dict as states

    options = states.StateDictOptions(full_state_dict=True, strict=True)
    states.set_optimizer_state_dict(model, optimizer, dict(saved), options=options)
