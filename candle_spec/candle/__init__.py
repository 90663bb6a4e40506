"""CANDLE's compliance API: ``from candle_spec import candle`` in place of ``import candle``.

Programs in the CANDLE style run with that one line changed and candle_lib not installed. What a program does not use
is not imported: a framework only when one of its names is asked for. A name that is not here is candle_lib's own, where
that is installed.
"""

from __future__ import annotations

from typing import Any, Final

from candle_spec.candle.abstention import (
    abstention_acc_class_i_metric,
    abstention_acc_metric,
    abstention_class,
    abstention_class_i_metric,
    abstention_loss,
    abstention_metric,
    acc_class_i_metric,
    modify_labels,
)
from candle_spec.candle.arrays import (
    convert_to_class,
    discretize_array,
    impute_and_scale_array,
    scale_array,
    to_categorical,
)
from candle_spec.candle.benchmark import (
    ArgumentStruct,
    Benchmark,
    check_flag_conflicts,
    create_params,
    finalize_parameters,
)
from candle_spec.candle.candle_lib import its_own
from candle_spec.candle.cyclic import clr_callback, clr_check_args, clr_set_args, cyclic_class
from candle_spec.candle.files import fetch_file, get_file, validate_file, verify_path
from candle_spec.candle.helpers import (
    Progbar,
    keras_default_config,
    set_parallelism_threads,
    set_seed,
    set_up_logger,
)
from candle_spec.candle.keras import (
    build_initializer,
    build_keras_optimizer,
    compute_trainable_params,
    corr,
    keras_class,
    mae,
    mse,
    r2,
    register_permanent_dropout,
)
from candle_spec.candle.noise import (
    add_cluster_noise,
    add_column_noise,
    add_gaussian_noise,
    add_noise,
    label_flip,
    label_flip_correlated,
)
from candle_spec.candle.options import ListOfLists, parse_from_dictlist, str2bool
from candle_spec.candle.paths import directory_tree_from_parameters
from candle_spec.candle.plots import plot_array, plot_history, plot_metrics, plot_scatter
from candle_spec.candle.pytorch import (
    build_loss,
    build_pytorch_activation,
    build_pytorch_optimizer,
    get_pytorch_function,
    pytorch_initialize,
)
from candle_spec.candle.tables import load_csv_data, load_Xy_data2, load_Xy_data_noheader, load_Xy_one_hot_data2
from candle_spec.candle.uncertainty import (
    add_model_output,
    heteroscedastic_loss,
    mae_heteroscedastic_metric,
    meanS_heteroscedastic_metric,
    mse_heteroscedastic_metric,
    quantile_loss,
    quantile_metric,
    r2_heteroscedastic_metric,
    triple_quantile_loss,
)

build_activation = build_pytorch_activation

_KERAS: Final = ("TerminateOnTimeOut", "LoggingCallback", "CandleRemoteMonitor", "PermanentDropout")
_CHECKPOINTS: Final = (
    "CandleCheckpointCallback", "CandleCkpt", "CandleCkptKeras", "CandleCkptPyTorch", "MultiGPUCheckpoint",
    "ParamRequired", "ParamType", "restart",
)  # fmt: skip

__all__ = [
    "ArgumentStruct", "Benchmark", "ListOfLists", "Progbar", "abstention_acc_class_i_metric", "abstention_acc_metric",
    "abstention_class_i_metric", "abstention_loss", "abstention_metric", "acc_class_i_metric", "add_cluster_noise",
    "add_column_noise", "add_gaussian_noise", "add_model_output", "add_noise", "build_activation", "build_initializer",
    "build_loss", "build_optimizer", "build_pytorch_activation", "build_pytorch_optimizer", "check_flag_conflicts",
    "clr_callback", "clr_check_args", "clr_set_args", "compute_trainable_params", "convert_to_class", "corr",
    "create_params", "directory_tree_from_parameters", "discretize_array", "fetch_file", "finalize_parameters",
    "get_file", "get_pytorch_function", "heteroscedastic_loss", "impute_and_scale_array", "keras_default_config",
    "label_flip", "label_flip_correlated", "load_Xy_data2", "load_Xy_data_noheader", "load_Xy_one_hot_data2",
    "load_csv_data", "mae", "mae_heteroscedastic_metric", "meanS_heteroscedastic_metric", "modify_labels", "mse",
    "mse_heteroscedastic_metric", "parse_from_dictlist", "plot_array", "plot_history", "plot_metrics", "plot_scatter",
    "pytorch_initialize", "quantile_loss", "quantile_metric", "r2", "r2_heteroscedastic_metric",
    "register_permanent_dropout", "scale_array", "set_parallelism_threads", "set_seed", "set_up_logger", "str2bool",
    "to_categorical", "triple_quantile_loss", "validate_file", "verify_path",
]  # fmt: skip


def build_optimizer(*args: Any, **kwargs: Any) -> Any:
    """Return an optimizer by its name: of Keras ``(name, lr, defaults)``, of PyTorch ``(model, name, lr, defaults)``.

    CANDLE had two functions of this name, one for each framework; what comes first tells them apart.
    """
    keras = "model" not in kwargs and (not args or isinstance(args[0], str))
    return (build_keras_optimizer if keras else build_pytorch_optimizer)(*args, **kwargs)


def __getattr__(name: str) -> Any:
    """Find what needs a framework, and what only candle_lib has, when a program asks for it."""
    if name in _KERAS:
        return keras_class(name)
    if name == "CyclicLR":
        return cyclic_class()
    if name == "AbstentionAdapt_Callback":
        return abstention_class()
    if name in _CHECKPOINTS:
        from candle_spec.candle.checkpoints import classes as candle_classes

        return getattr(candle_classes, name)
    return its_own(name)
