"""A saved state dict into a live module of torch: compared first, then copied in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from candle_spec.checkpoint.contents import Framework
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

_NAMED: Final = 3
"""Names that an error lists."""


def torch_framework() -> Framework:
    """Return PyTorch, in the version that trains."""
    import torch

    return Framework("pytorch", torch.__version__)


def unwrapped(part: Any) -> Any:
    """Return the module inside the wrappers that put a prefix before every name of its state dict."""
    while True:
        if hasattr(part, "_orig_mod"):  # torch.compile
            part = part._orig_mod
        elif type(part).__name__ in ("DistributedDataParallel", "DataParallel"):
            part = part.module
        else:
            return part


def load_model(module: Any, structure: Mapping[str, Any], key: str, checkpoint: Checkpoint, *, cast: bool) -> list[str]:
    """Copy saved values into a module, on whatever device its tensors are.

    Args:
        module: The module, or anything with ``state_dict`` and ``load_state_dict``.
        structure: The saved structure.
        key: Where its state dict stands there. A checkpoint of weights alone has it nowhere: then group ``model``.
        checkpoint: The checkpoint.
        cast: Whether another dtype is converted (weights alone) instead of refused (an exact restart).

    Returns:
        What is not as it was saved, a sentence each.

    Raises:
        InvalidInputError: Names, shapes or dtypes differ; nothing was changed then.
    """
    saved = structure.get(key)
    if saved is None:
        groups = [name for name in checkpoint.groups if name == "model"]
        if not groups:
            raise InvalidInputError(
                f"the checkpoint holds no {key}",
                location=str(checkpoint.path),
                hint=f"its groups: {', '.join(checkpoint.groups)}",
            )
        saved = checkpoint.state_dict("model", framework="torch")
    current = module.state_dict()
    notes = compare_states(saved, current, str(checkpoint.path), cast=cast)
    module.load_state_dict(saved)
    return [*notes, *_untied(saved, current)]


def compare_states(saved: Mapping[str, Any], current: Mapping[str, Any], location: str, *, cast: bool) -> list[str]:
    """Compare a saved state dict with a live one, before anything is changed.

    Returns:
        What will be converted, a sentence each.

    Raises:
        InvalidInputError: Names, shapes or dtypes differ.
    """

    def tensors(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if hasattr(value, "dtype") and hasattr(value, "shape")}

    before, now = tensors(saved), tensors(current)
    faults = [f"only the checkpoint has {_list(before.keys() - now.keys())}"] if before.keys() - now.keys() else []
    faults += [f"only the model has {_list(now.keys() - before.keys())}"] if now.keys() - before.keys() else []
    both = [name for name in now if name in before]
    shapes = [n for n in both if tuple(before[n].shape) != tuple(now[n].shape)]
    faults += [f"{n} is {tuple(before[n].shape)}, the model has {tuple(now[n].shape)}" for n in shapes[:_NAMED]]
    dtypes = [n for n in both if before[n].dtype != now[n].dtype]
    if not cast:
        faults += [f"{n} is {before[n].dtype}, the model has {now[n].dtype}" for n in dtypes[:_NAMED]]
    if faults:
        raise InvalidInputError(
            f"the checkpoint is of another model: {'; '.join(faults)}",
            location=location,
            hint="build the model as it was built for that run, or start in another folder",
        )
    return [f"{len(dtypes)} tensors were converted to the model's dtypes"] if dtypes else []


def _list(names: Any) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return ", ".join(ordered[:_NAMED]) + more


def _untied(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Names that shared their bytes when they were saved, and are copies of each other in this model."""
    owners: dict[int, str] = {}
    untied = []
    for name, value in saved.items():
        owner = owners.setdefault(id(value), name)
        now = current.get(name)
        if (
            owner != name
            and now is not None
            and hasattr(now, "data_ptr")
            and now.data_ptr() != current[owner].data_ptr()
        ):
            untied.append(f"{name} was tied to {owner} and is not in this model")
    return untied
