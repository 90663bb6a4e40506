"""The variables of Keras' own layers: their names in the order in which they are saved, their roles.

The order is that of ``save_own_variables``: https://github.com/keras-team/keras/tree/master/keras/src/layers
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_BUFFERS: Final = frozenset(
    "moving_mean moving_variance moving_stddev renorm_mean renorm_stddev running_mean running_std mean variance count "
    "total seed_generator_state kernel_scale kernel_zero embeddings_scale inputs_scale outputs_grad_scale g_idx "
    "inputs_amax_history kernel_amax_history outputs_grad_amax_history vector_u".split()
)
_PARAMETERS: Final = frozenset(
    "kernel bias gamma beta embeddings recurrent_kernel depthwise_kernel pointwise_kernel alpha scale".split()
)

_HOLD_WEIGHTS: Final = frozenset(
    "Dense Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D "
    "SeparableConv1D SeparableConv2D BatchNormalization Embedding LSTM GRU SimpleRNN CuDNNLSTM CuDNNGRU EinsumDense "
    "LocallyConnected1D LocallyConnected2D".split()
)
"""Layers that have weights whatever their configuration says."""

_NORMALIZE: Final = frozenset({"LayerNormalization", "GroupNormalization"})

_CELL: Final = ("kernel", "recurrent_kernel", "bias")
_VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "separable_conv1d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "layer_normalization": ("gamma", "beta"),
    "group_normalization": ("gamma", "beta"),
    "rms_normalization": ("scale",),
    "embedding": ("embeddings",),
    "normalization": ("mean", "variance", "count"),
    "p_re_lu": ("alpha",),
    "seed_generator": ("seed_generator_state",),
    "mean": ("total", "count"),
    "mean_metric_wrapper": ("total", "count"),
    "lstm_cell": _CELL,
    "gru_cell": _CELL,
    "simple_rnn_cell": _CELL,
    "cell": _CELL,
}
_KERNEL_AND_BIAS: Final = re.compile(
    r"(?:dense|einsum_dense|conv[123]d|conv[123]d_transpose|depthwise_conv[12]d"
    r"|(?:query|key|value|output)_dense)\Z"
)
_QUANTIZED: Final[dict[str, tuple[str, ...]]] = {
    "int8": ("kernel_scale",),
    "int4": ("kernel_scale", "kernel_zero", "g_idx"),
    "float8": (
        "inputs_scale",
        "inputs_amax_history",
        "kernel_scale",
        "kernel_amax_history",
        "outputs_grad_scale",
        "outputs_grad_amax_history",
    ),
}


def variable_names(kind: str, count: int, config: Mapping[str, Any], quantized: str = "") -> tuple[str, ...] | None:
    """Return the names of a layer's variables in their saved order, or ``None`` where they are not certain.

    Args:
        kind: The layer's class in snake case.
        count: Number of its variables.
        config: Its configuration, empty where unknown.
        quantized: Its quantization, for example ``int8``.
    """
    names = _expected(kind, config)
    if names is None:
        return None
    extra = _QUANTIZED.get(quantized.partition("/")[0], ())
    fitting = [names + extra, names + extra[:1]] if extra else [names]
    if not config and names[-1] == "bias":
        fitting.append(names[:-1])
    return next((found for found in fitting if len(found) == count), None)


def _expected(kind: str, config: Mapping[str, Any]) -> tuple[str, ...] | None:
    names = ("kernel", "bias") if _KERNEL_AND_BIAS.match(kind) else _VARIABLES.get(kind)
    if names is None:
        return None
    absent = {
        name
        for name, switch in (("bias", "use_bias"), ("gamma", "scale"), ("beta", "center"))
        if config.get(switch) is False
    }
    return tuple(name for name in names if name not in absent)


def holds_weights(kind: str, config: Mapping[str, Any]) -> bool:
    """Say whether a layer surely has weights."""
    scaled = kind in _NORMALIZE and not (config.get("center") is False and config.get("scale") is False)
    return kind in _HOLD_WEIGHTS or scaled


def role(variable: str) -> str:
    """Return ``parameter`` or ``buffer``, or nothing where the name does not say."""
    if variable in _PARAMETERS:
        return "parameter"
    return "buffer" if variable in _BUFFERS else ""
