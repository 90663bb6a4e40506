"""The random generators of Keras and TensorFlow besides those of layers, which are weights of the model."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any


def capture_keras_rng(package: str) -> dict[str, Any]:
    """Return the states of Keras' global seed generator and of TensorFlow's global generator, as far as they exist."""
    state: dict[str, Any] = {}
    seeds = _global_seeds(package)
    if seeds is not None:
        state["keras"] = _array(seeds.state)
    generator = _tensorflow_generator()
    if generator is not None:
        state["tensorflow"] = _array(generator.state)
    return state


def restore_keras_rng(package: str, state: Mapping[str, Any]) -> list[str]:
    """Set the generators to their saved states; returns why something could not be set, a sentence each."""
    problems: list[str] = []
    if "keras" in state:
        seeds = _global_seeds(package, make=True)
        if seeds is None:
            problems.append("Keras' global seed generator: this version has none")
        else:
            seeds.state.assign(state["keras"])
    if "tensorflow" in state:
        tensorflow = importlib.import_module("tensorflow")
        tensorflow.random.set_global_generator(tensorflow.random.Generator.from_state(state["tensorflow"], "philox"))
    return problems


def _global_seeds(package: str, *, make: bool = False) -> Any:
    """Keras' seed generator for whatever has none of its own; it is made when it is first asked for.

    https://github.com/keras-team/keras/blob/master/keras/src/random/seed_generator.py
    """
    if package != "keras":
        return None
    library = importlib.import_module("keras.src.random.seed_generator")
    state = importlib.import_module("keras.src.backend.common.global_state")
    if make and state.get_global_attribute(library.GLOBAL_SEED_GENERATOR) is None:
        state.set_global_attribute(library.GLOBAL_SEED_GENERATOR, library.SeedGenerator(seed=0))
    return state.get_global_attribute(library.GLOBAL_SEED_GENERATOR)


def _tensorflow_generator() -> Any:
    """TensorFlow's global generator, if the training has made one."""
    library = sys.modules.get("tensorflow.python.ops.stateful_random_ops")
    return getattr(library, "global_generator", None)


def _array(variable: Any) -> Any:
    import numpy as np

    return np.array(variable.numpy() if hasattr(variable, "numpy") else variable)
