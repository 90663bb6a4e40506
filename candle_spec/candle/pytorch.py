"""Builders of PyTorch parts by CANDLE's names: losses, activations, optimizers, initial weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from candle_spec import optional
from candle_spec.candle.helpers import chosen


def _torch() -> ModuleType:
    return optional.require("torch", extra="torch", purpose="train PyTorch models")


def build_loss(name: str) -> Any:
    """Return a loss module by its name in CANDLE: ``mse``, ``binary_crossentropy``, ….

    Raises:
        InvalidInputError: There is none of that name.
    """
    nn = _torch().nn
    table = {
        "mse": nn.MSELoss,
        "binary_crossentropy": nn.BCELoss,
        "categorical_crossentropy": nn.CrossEntropyLoss,
        "smoothL1": nn.SmoothL1Loss,
        "mae": nn.L1Loss,
    }
    return chosen("loss", name, table)()


get_pytorch_function = build_loss


def build_pytorch_activation(activation: str) -> Any:
    """Return an activation module by its name in CANDLE.

    Raises:
        InvalidInputError: There is none of that name.
    """
    nn = _torch().nn
    table = {
        "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "linear": nn.Identity,
        "elu": nn.ELU,
        "softplus": nn.Softplus,
    }
    return chosen("activation", activation, table)()


def build_pytorch_optimizer(
    model: Any, optimizer: str, lr: float | None, kerasDefaults: Mapping[str, Any], trainable_only: bool = True
) -> Any:
    """Return an optimizer by its name in CANDLE, with the settings that CANDLE uses in all frameworks.

    Args:
        model: The model whose parameters it trains.
        optimizer: ``sgd``, ``rmsprop``, ``adagrad``, ``adadelta`` or ``adam``.
        lr: Learning rate; ``None``: the optimizer's own default.
        kerasDefaults: Settings (:func:`keras_default_config`).
        trainable_only: Leave frozen parameters out.

    Raises:
        InvalidInputError: There is none of that name.
    """
    optim, about = _torch().optim, kerasDefaults
    table = {
        "sgd": (optim.SGD, {"momentum": about["momentum_sgd"], "nesterov": about["nesterov_sgd"]}),
        "rmsprop": (optim.RMSprop, {"alpha": about["rho"], "eps": about["epsilon"]}),
        "adagrad": (optim.Adagrad, {"eps": about["epsilon"]}),
        "adadelta": (optim.Adadelta, {"rho": about["rho"], "eps": about["epsilon"]}),
        "adam": (optim.Adam, {"betas": (about["beta_1"], about["beta_2"]), "eps": about["epsilon"]}),
    }
    make, settings = chosen("optimizer", optimizer, table)
    trained = [each for each in model.parameters() if each.requires_grad or not trainable_only]
    return make(trained, **settings, **({} if lr is None else {"lr": lr}))


def pytorch_initialize(
    weights: Any, initializer: str, kerasDefaults: Mapping[str, Any], seed: Any = None, constant: float = 0.0
) -> Any:
    """Fill a tensor with initial values by their name in CANDLE, in place, and return it.

    Args:
        weights: The tensor.
        initializer: ``constant``, ``uniform``, ``normal``, ``glorot_uniform``, ``glorot_normal``, ``lecun_uniform``,
            ``he_normal``.
        kerasDefaults: Bounds, mean and deviation (:func:`keras_default_config`).
        seed: Unused, as in CANDLE: the global seed counts.
        constant: The value of ``constant``.

    Raises:
        InvalidInputError: There is none of that name.
    """
    init, about = _torch().nn.init, kerasDefaults

    def lecun(tensor: Any) -> Any:
        bound = math.sqrt(3.0 / init._calculate_fan_in_and_fan_out(tensor)[0])
        return init.uniform_(tensor, -bound, bound)

    table = {
        "constant": lambda tensor: init.constant_(tensor, constant),
        "uniform": lambda tensor: init.uniform_(tensor, about["minval_uniform"], about["maxval_uniform"]),
        "normal": lambda tensor: init.normal_(tensor, about["mean_normal"], about["stddev_normal"]),
        "glorot_uniform": init.xavier_uniform_,
        "glorot_normal": init.xavier_normal_,
        "lecun_uniform": lecun,
        "he_normal": lambda tensor: init.kaiming_normal_(tensor, nonlinearity="relu"),
    }
    return chosen("initializer", initializer, table)(weights)
