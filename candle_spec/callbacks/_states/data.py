"""The position in the data: what loaders and samplers (as torch has them) draw their order from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from candle_spec.callbacks._recording.adapter import RestoredPart
from candle_spec.callbacks._states.rng import generator_state, set_generator
from candle_spec.checkpoint.contents import StatePart

_NONE: Final = StatePart("absent", "no loader was given to the callback, so its position is not kept")


def capture_data(data: Any, *, inside_epoch: bool) -> tuple[Any, StatePart]:
    """Return the state of loaders and samplers, and what it is worth.

    A loader with ``state_dict`` (``torchdata``'s ``StatefulDataLoader``) keeps its position inside an epoch. An
    ordinary one starts an epoch from its generator's state, or from torch's global one.
    """
    if data is None:
        return None, _NONE
    sources = _named(data)
    state = {name: _state(source) for name, source in sources.items()}
    stateful = all("state_dict" in entry for entry in state.values())
    if inside_epoch and not stateful:
        return state, StatePart("partial", "saved inside an epoch, and the loader cannot go on from there")
    return state, StatePart("present")


def restore_data(data: Any, state: Any) -> list[RestoredPart]:
    """Put loaders and samplers where they were."""
    if data is None:
        return [] if state is None else [RestoredPart("sampler", restored=False, why="no loader was given")]
    if state is None:
        return [RestoredPart("sampler", restored=False, why="the checkpoint holds none")]
    missing = []
    for name, source in _named(data).items():
        if name not in state:
            missing.append(name)
            continue
        _restore(source, state[name])
    if missing:
        return [RestoredPart("sampler", restored=False, why=f"the checkpoint has none called {', '.join(missing)}")]
    return [RestoredPart("sampler", restored=True)]


def can_resume_inside(data: Any) -> bool:
    """Whether all loaders can go on inside an epoch."""
    return data is not None and all(hasattr(source, "state_dict") for source in _named(data).values())


def _named(data: Any) -> dict[str, Any]:
    if isinstance(data, Mapping):
        return {str(name): source for name, source in data.items()}
    if isinstance(data, (list, tuple)):
        return {str(number): source for number, source in enumerate(data)}
    return {"0": data}


def _parts(source: Any) -> dict[str, Any]:
    """Return the objects of a loader that may hold a state: itself, its sampler, the sampler of its batches."""
    batch_sampler = getattr(source, "batch_sampler", None)
    inner = getattr(batch_sampler, "sampler", None)
    found = {"loader": source, "sampler": getattr(source, "sampler", None), "batch_sampler": batch_sampler}
    return {name: part for name, part in {**found, "inner_sampler": inner}.items() if part is not None}


def _state(source: Any) -> dict[str, Any]:
    if hasattr(source, "state_dict"):
        return {"state_dict": source.state_dict()}
    state: dict[str, Any] = {}
    for name, part in _parts(source).items():
        generator = getattr(part, "generator", None)
        if generator is not None:
            state[f"{name}.generator"] = generator_state(generator)
        epoch = getattr(part, "epoch", None)
        if isinstance(epoch, int) and hasattr(part, "set_epoch"):
            state[f"{name}.epoch"] = epoch
    return state


def _restore(source: Any, state: Mapping[str, Any]) -> None:
    if "state_dict" in state:
        source.load_state_dict(state["state_dict"])
        return
    for name, part in _parts(source).items():
        if f"{name}.generator" in state and getattr(part, "generator", None) is not None:
            set_generator(part.generator, state[f"{name}.generator"])
        if f"{name}.epoch" in state and hasattr(part, "set_epoch"):
            part.set_epoch(state[f"{name}.epoch"])
