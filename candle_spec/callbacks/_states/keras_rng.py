"""The random generators of Keras and TensorFlow: of layers (dropout), and the global ones.

Keras keeps neither in its own files: a model loaded from one draws other numbers.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any


def capture_keras_rng(package: str, model: Any) -> dict[str, Any]:
    """Return the states of the model's generators, of Keras' global one and of TensorFlow's, as far as they exist."""
    state: dict[str, Any] = {}
    if own := _own_seeds(model):
        state["layers"] = [_array(variable) for variable in own]
    seeds = _global_seeds(package)
    if seeds is not None:
        state["keras"] = _array(seeds.state)
    generator = _tensorflow_generator()
    if generator is not None:
        state["tensorflow"] = _array(generator.state)
    return state


def restore_keras_rng(package: str, state: Mapping[str, Any], model: Any) -> list[str]:
    """Set the generators to their saved states; returns why something could not be set, a sentence each."""
    problems: list[str] = []
    own, saved = _own_seeds(model), state.get("layers", [])
    if len(own) == len(saved):
        for variable, value in zip(own, saved, strict=True):
            variable.assign(value)
    else:
        problems.append(f"the generators of layers: {len(saved)} were saved, the model has {len(own)}")
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


def _own_seeds(model: Any) -> list[Any]:
    """Return the states of the generators of a model's layers, in the order of the layers."""
    seeds: list[Any] = []
    for layer in model._flatten_layers():
        seeds += [generator.state for generator in getattr(layer, "_seed_generators", ())]
        generator = getattr(getattr(layer, "_random_generator", None), "_generator", None)
        if generator is not None:  # tf_keras
            seeds.append(generator.state)
    return list({id(variable): variable for variable in seeds}.values())


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
