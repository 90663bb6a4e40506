"""States of random number generators as plain values and arrays: Python's, NumPy's, torch's.

Generators are set last on a restart: whatever builds a model or a loader before draws from them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.series.saves.crew import Team


def capture_rng(generators: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the states of the global generators, and of others by name.

    Args:
        generators: ``numpy.random.Generator``, ``random.Random`` or ``torch.Generator`` objects that the training
            uses besides.
    """
    import numpy as np

    state: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = torch.get_rng_state()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            state["cuda"] = list(torch.cuda.get_rng_state_all())
    if generators:
        state["generators"] = {name: generator_state(generator) for name, generator in generators.items()}
    return state


def rng_of_team(team: Team) -> dict[str, Any]:
    """Return the states of the generators of every process, by its number; all call this together."""
    return {str(rank): state for rank, state in enumerate(team.gather(capture_rng()))}


def of_process(saved: Mapping[str, Any], rank: int, size: int) -> tuple[Mapping[str, Any] | None, str]:
    """Return the saved state of one process of ``size``, or ``None`` and why there is none.

    A training on one process saves its state as it is; one on several saves theirs by number.
    """
    by_number = bool(saved) and all(key.isdigit() for key in saved)
    processes = len(saved) if by_number else int(bool(saved))
    if processes != size:
        count = "1 process saved its own" if processes == 1 else f"{processes} processes saved theirs"
        return None, f"{count}, {size} are here" if size > 1 else f"{count}, 1 is here"
    own: Mapping[str, Any] = saved[str(rank)] if by_number else saved
    return own, ""


def restore_rng(state: Mapping[str, Any], generators: Mapping[str, Any] | None = None) -> list[str]:
    """Set the generators to their saved states.

    Returns:
        Why something could not be set, one sentence each.
    """
    import numpy as np

    problems: list[str] = []
    if "python" in state:
        version, internal, gauss = state["python"]
        random.setstate((version, tuple(internal), gauss))
    if "numpy" in state:
        np.random.set_state(state["numpy"])
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in state:
        # Another framework's checkpoint is read as arrays of NumPy; the state is one of bytes either way.
        torch.set_rng_state(torch.tensor(np.asarray(state["torch"]), dtype=torch.uint8))
    if state.get("cuda"):
        problems += _restore_cuda(torch, state["cuda"])
    saved = state.get("generators", {})
    for name, generator in (generators or {}).items():
        if name in saved:
            set_generator(generator, saved[name])
        else:
            problems.append(f"the checkpoint knows no generator {name!r}")
    problems += [f"no generator {name!r} was given" for name in saved if name not in (generators or {})]
    return problems


def _restore_cuda(torch: Any, states: list[Any]) -> list[str]:
    if torch is None or not torch.cuda.is_available():
        return ["the generators of CUDA: there is no such device here"]
    if len(states) != torch.cuda.device_count():
        return [f"the generators of {len(states)} CUDA devices: there are {torch.cuda.device_count()} here"]
    import numpy as np

    torch.cuda.set_rng_state_all([torch.tensor(np.asarray(each), dtype=torch.uint8) for each in states])
    return []


def generator_state(generator: Any) -> Any:
    """Return the state of one generator object.

    Raises:
        InvalidInputError: It is of no known kind.
    """
    if isinstance(generator, random.Random):
        return generator.getstate()
    if hasattr(generator, "bit_generator"):
        return generator.bit_generator.state
    if hasattr(generator, "get_state"):
        return generator.get_state()
    raise InvalidInputError(
        f"a {type(generator).__name__} is no generator whose state can be saved",
        hint="numpy.random.Generator, random.Random and torch.Generator are known",
    )


def set_generator(generator: Any, state: Any) -> None:
    """Set one generator object to a saved state."""
    if isinstance(generator, random.Random):
        generator.setstate((state[0], tuple(state[1]), state[2]))
    elif hasattr(generator, "bit_generator"):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)
