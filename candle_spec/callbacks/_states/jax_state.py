"""The full state of a training in JAX: one tree of arrays (parameters, optax state, random keys), and back.

Names and groups are those of Flax's msgpack files: the path of keys joined by dots, lists and tuples by their
numbers, named tuples by their fields. Random keys are kept as their bits, with the name of their generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from candle_spec.callbacks._recording.adapter import EXTRA, Restored, RestoredPart, Snapshot, not_asked_for
from candle_spec.callbacks._states.data import can_resume_inside, capture_data, restore_data
from candle_spec.callbacks._states.rng import capture_rng, restore_rng
from candle_spec.callbacks._states.structure import Naming, capture, restored
from candle_spec.callbacks._states.torch_state import leaf_of
from candle_spec.checkpoint.contents import Contents, Framework, Group, StatePart
from candle_spec.conversion.jax_groups import groups_of, kinds_of, place, root_of, roots_of
from candle_spec.errors import InvalidInputError
from candle_spec.pointer import join
from candle_spec.weights.live import Leaf, array_leaf

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

RNG: Final = "host_rng_state"
SAMPLER: Final = "sampler_state"
_KEY: Final = "random_key"


@dataclass(slots=True)
class JaxState:
    """A training whose whole state is a tree of arrays (:class:`candle_spec.callbacks._recording.adapter.Adapter`).

    Attributes:
        state: The tree: a dictionary, or a named tuple or dataclass of JAX, whose members are called ``params``,
            ``opt_state``, ``rng``, …; a restart replaces it.
        data: The training's loader or sampler, if it has a state of its own.
        generators: Random generators of Python or NumPy that are used besides.
    """

    state: Any
    data: Any = None
    generators: Mapping[str, Any] = field(default_factory=dict)

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        import jax

        return Framework("jax", jax.__version__)

    @property
    def resumes_inside_epoch(self) -> bool:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return can_resume_inside(self.data)

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        structure: dict[str, Any] = {}
        for path, leaf in self._leaves():
            _put(structure, path, leaf)
        data, data_part = capture_data(self.data, inside_epoch=inside_epoch)
        structure |= {SAMPLER: data} if data is not None else {}
        structure[EXTRA] = dict(extra)
        structure[RNG] = capture_rng(self.generators)
        captured = capture(structure, _leaf, _naming([path for path, _ in self._leaves()]))
        contents = Contents(
            self.framework,
            captured.groups,
            captured.tensors,
            captured.state,
            self._parts(data_part),
            weights_metadata={"format": "flax"},
        )
        return Snapshot(contents)

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        import jax

        structure = restored(checkpoint)
        leaves, kept, faults = self._matched(structure, weights_only=weights_only)
        if faults:
            raise InvalidInputError(
                f"the checkpoint is of another state: {'; '.join(faults[:3])}",
                location=str(checkpoint.path),
                hint="make the state as it was made for that run, or start in another folder",
            )
        self.state = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(self.state), leaves)
        tops = _tops(self._leaves())
        parts = [part for top in tops for part in (not_asked_for(top) if top in kept else [RestoredPart(top, True)])]
        if weights_only:
            return Restored((*parts, *not_asked_for("sampler", "host rng")), {})
        parts += restore_data(self.data, structure.get(SAMPLER))
        problems = restore_rng(structure.get(RNG, {}), self.generators)
        parts.append(RestoredPart("host rng", restored=RNG in structure, why="; ".join(problems)))
        return Restored(tuple(parts), structure.get(EXTRA, {}))

    def _matched(self, structure: Mapping[str, Any], *, weights_only: bool) -> tuple[list[Any], set[str], list[str]]:
        """Return the leaves of the new state, the members that stay as they are, and why it cannot be."""
        roots = roots_of(path for path, _ in self._leaves())
        leaves: list[Any] = []
        kept: set[str] = set()
        faults: list[str] = []
        for path, current in self._leaves():
            if weights_only and roots and roots.get(root_of(path, roots) or ()) != "model":
                leaves.append(current)
                kept.add(path[0])
                continue
            value = _get(structure, path)
            faults += _faults(".".join(path), value, current)
            leaves.append(current if faults else _like(value, current))
        known = {path for path, _ in self._leaves()}
        tops = list(dict.fromkeys([*_tops(self._leaves()), *kinds_of(structure)]))
        surplus = [path for path in _paths(structure, tops) if path not in known]
        faults += [f"{'.'.join(path)} is not in this state" for path in surplus if not weights_only]
        return leaves, kept, faults

    def _leaves(self) -> list[tuple[tuple[str, ...], Any]]:
        import jax

        rows, _ = jax.tree_util.tree_flatten_with_path(self.state)
        return [(tuple(_text(entry) for entry in path) or ("params",), leaf) for path, leaf in rows]

    def _parts(self, data: StatePart) -> dict[str, StatePart]:
        kinds = set(roots_of(path for path, _ in self._leaves()).values())
        missing = StatePart("absent", "the state has no member called opt_state")
        return {
            "optimizer": StatePart("present") if "optimizer" in kinds else missing,
            "scheduler": StatePart("not-used", "a schedule of optax is a function of the optimizer's count"),
            "scaler": StatePart("not-used", "a loss scale is a member of the state"),
            "sampler": data,
            "rng": StatePart("present"),
        }


def _naming(paths: list[tuple[str, ...]]) -> Naming:
    ids, kinds = groups_of(paths), roots_of(paths)
    groups = [Group(group, kinds[root], join(root)) for root, group in ids.items()]
    by_key = {RNG: "rng.host" if "rng" in ids.values() else "rng", SAMPLER: "sampler"}
    groups += [Group(group, group.partition(".")[0], join((key,))) for key, group in by_key.items()]

    def placed(path: tuple[str, ...]) -> tuple[str, int]:
        if path and path[0] in by_key:
            return by_key[path[0]], 1
        group, _ = place(path, ids)
        return group, len(root_of(path, ids) or ())

    return Naming(groups, placed)


def _text(entry: Any) -> str:
    """One step of a path of JAX: a key, a number or the name of a field."""
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)


def _put(structure: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        structure = structure.setdefault(key, {})
    structure[path[-1]] = value


def _get(structure: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(structure, Mapping) or key not in structure:
            return None
        structure = structure[key]
    return structure


def _tops(leaves: list[tuple[tuple[str, ...], Any]]) -> list[str]:
    return list(dict.fromkeys(path[0] for path, _ in leaves))


def _paths(structure: Mapping[str, Any], tops: list[str]) -> list[tuple[str, ...]]:
    """Return the paths of all saved leaves below some keys."""
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[tuple[str, ...], Any]] = [((top,), structure[top]) for top in tops if top in structure]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [((*path, str(key)), item) for key, item in value.items()]
        else:
            found.append(path)
    return sorted(found)


def _is_key(value: Any) -> bool:
    import jax

    return isinstance(value, jax.Array) and bool(jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key))


def _leaf(value: Any, location: str) -> Leaf | None:
    import jax
    import numpy as np

    if not isinstance(value, jax.Array):
        return leaf_of(value, location)  # the random state of torch, where the process has loaded it
    if not _is_key(value):
        return array_leaf(np.asarray(value), location=location)
    leaf = array_leaf(np.asarray(jax.random.key_data(value)), location=location)
    about = {_KEY: str(jax.random.key_impl(value))}
    return Leaf(leaf.dtype, leaf.shape, leaf.parts, leaf.encoding, leaf.identity, "", about, about)


def _faults(name: str, saved: Any, current: Any) -> list[str]:
    if saved is None and current is not None:
        return [f"{name} was not saved"]
    if not hasattr(current, "shape"):
        return []
    import jax

    bits = jax.random.key_data(current) if _is_key(current) else current
    if tuple(saved.shape) != tuple(bits.shape) or saved.dtype != bits.dtype:
        return [f"{name} was saved as {saved.dtype}{list(saved.shape)}, here it is {bits.dtype}{list(bits.shape)}"]
    return []


def _like(saved: Any, current: Any) -> Any:
    """Return a saved value as what the state holds in its place: on the same devices, or as a key."""
    import jax

    if _is_key(current):
        return jax.random.wrap_key_data(jax.numpy.asarray(saved), impl=jax.random.key_impl(current))
    if isinstance(current, jax.Array):
        return jax.device_put(saved, current.sharding)
    return saved
