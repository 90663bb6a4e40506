"""Checkpoints as a storage of ``torch.distributed.checkpoint``: its planner says what each process needs, and no more
than that is read, however the tensors were and are sharded.

The interface: https://docs.pytorch.org/docs/stable/distributed.checkpoint.html (``StorageReader``). Nothing is pickled:
only tensors pass through it; numbers and texts come from the state tree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from candle_spec.errors import InvalidInputError
from candle_spec.weights.state_tree import decode

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

Place = tuple[str, str]
"""Group and name of a tensor."""


def mapped(checkpoint: Checkpoint, kinds: Collection[str]) -> tuple[Any, dict[int, Place]]:
    """Return the structure of a checkpoint, of which little is read yet.

    Args:
        checkpoint: The checkpoint.
        kinds: Kinds of groups whose tensors stay maps of their files; those of others are private copies.

    Returns:
        The structure, and group and name of each mapped tensor by its ``id``.
    """
    load = checkpoint.loader()
    as_numpy = {(tensor.group, tensor.name) for tensor in checkpoint.tensors if "numpy" in tensor.attributes}
    places: dict[int, Place] = {}
    copies: dict[int, Any] = {}

    def tensor_of(group: str, name: str) -> Any:
        if (group, name) in as_numpy:
            return load(group, name).copy()
        loaded = load(group, name, framework="torch")
        if group.partition(".")[0] in kinds:
            places.setdefault(id(loaded), (group, name))
            return loaded
        return copies.setdefault(id(loaded), loaded.clone())

    if checkpoint.state_tree is None:  # weights alone
        return {}, places
    return decode(checkpoint.state_tree, tensor_of), places


def filled(saved: Any, current: Any, places: Mapping[int, Place], targets: dict[Place, Any]) -> Any:
    """Return a saved structure with the live tensors of the same place in it, and note them as targets.

    Args:
        saved: The saved structure, from :func:`mapped`.
        current: The live structure.
        places: What :func:`mapped` returned.
        targets: Receives the live tensors by group and name.
    """
    if isinstance(saved, Mapping):
        inner = current if isinstance(current, Mapping) else {}
        return {key: filled(value, inner.get(key), places, targets) for key, value in saved.items()}
    if isinstance(saved, (list, tuple)):
        rows = current if isinstance(current, (list, tuple)) and len(current) == len(saved) else [None] * len(saved)
        return type(saved)(filled(value, row, places, targets) for value, row in zip(saved, rows, strict=True))
    place = places.get(id(saved))
    if place is None:
        return saved
    if not hasattr(current, "detach"):  # nothing of the kind is alive yet
        return saved.clone()
    return targets.setdefault(place, current)


def load_into(checkpoint: Checkpoint, targets: Mapping[Place, Any], group: Any) -> None:
    """Fill live tensors, sharded or not, with those of a checkpoint; all processes call this together.

    Args:
        checkpoint: The checkpoint.
        targets: Live tensors by group and name.
        group: Process group for the plans' messages.
    """
    from torch.distributed.checkpoint.state_dict_loader import load

    keys = {f"{number}": place for number, place in enumerate(sorted(targets))}
    state = {key: targets[place] for key, place in keys.items()}
    load(state, storage_reader=_reader_class()(checkpoint, keys), process_group=group)


@cache
def _reader_class() -> Any:
    import torch
    from torch.distributed.checkpoint import metadata as dcp
    from torch.distributed.checkpoint.storage import StorageReader

    class Reader(StorageReader):
        """Reads tensors of a checkpoint, whole or a block of them, from its memory-mapped files."""

        def __init__(self, checkpoint: Checkpoint, keys: Mapping[str, Place]) -> None:
            self._load = checkpoint.loader()
            self._keys = keys

        def _tensor(self, key: str) -> Any:
            return self._load(*self._keys[key], framework="torch")

        def reset(self, checkpoint_id: Any = None) -> None:
            """Nothing is remembered."""

        def read_metadata(self, *args: Any, **kwargs: Any) -> Any:
            """Return every tensor as one block."""
            rows: dict[str, Any] = {}
            for key in self._keys:
                tensor = self._tensor(key)
                whole = dcp.ChunkStorageMetadata(torch.Size([0] * tensor.dim()), tensor.size())
                about = dcp.TensorProperties(dtype=tensor.dtype)
                rows[key] = dcp.TensorStorageMetadata(about, tensor.size(), [whole])
            return dcp.Metadata(rows)

        def set_up_storage_reader(self, metadata: Any, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
            """Nothing is to be set up."""

        def prepare_local_plan(self, plan: Any) -> Any:
            """Read by the planner's plan."""
            return plan

        def prepare_global_plan(self, plans: Any) -> Any:
            """Read by the planner's plans."""
            return plans

        def read_data(self, plan: Any, planner: Any) -> Any:
            """Copy the planned blocks."""
            for item in plan.items:
                block = self._tensor(item.storage_index.fqn)
                for axis, (offset, length) in enumerate(zip(item.storage_offsets, item.lengths, strict=True)):
                    block = block.narrow(axis, offset, length)
                target = planner.resolve_tensor(item)
                if target.size() != block.size():
                    raise InvalidInputError(f"a block of {tuple(block.size())} for one of {tuple(target.size())}")
                target.detach().copy_(block)
                planner.commit_tensor(item, target)
            done: Any = torch.futures.Future()
            done.set_result(None)
            return done

        @classmethod
        def validate_checkpoint_id(cls, checkpoint_id: Any) -> bool:
            """Any checkpoint of ours; it is given to the constructor."""
            return True

    return Reader
