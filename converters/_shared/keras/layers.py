"""What is known of Keras' own layers: their names, their variables in the order in which they are saved.

The order is that of ``save_own_variables``: https://github.com/keras-team/keras/tree/master/keras/src/layers
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MODELS: Final = frozenset({"Functional", "Sequential", "Model"})

_NAMES: Final = """
Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
AtrousConvolution1D AtrousConvolution2D AugMix AutoContrast Average AveragePooling1D AveragePooling2D
AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization BatchNormalizationV1 BatchNormalizationV2
Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D ConvLSTM2DCell Convolution1D Convolution2D Convolution3D
ConvRecurrent2D Cropping1D Cropping2D Cropping3D CuDNNGRU CuDNNLSTM CutMix Deconvolution2D Dense DenseFeatures
DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell
GRUV2 GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing Highway Identity
InputLayer IntegerLookup LSTM LSTMCell LSTMV2 Lambda Layer LayerNormalization LeakyReLU LocallyConnected1D
LocallyConnected2D Masking MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum
MaxoutDense MelSpectrogram Merge Minimum MixUp MultiHeadAttention Multiply Normalization PReLU ParametricSoftplus
Permute Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomContrast RandomCrop RandomFlip RandomHeight
RandomRotation RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing
ReversibleEmbedding SReLU STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D
SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D
SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract SyncBatchNormalization
TensorFlowOpLayer TFOpLambda SlicingOpLambda ClassMethod InstanceMethod InstanceProperty
TextVectorization ThresholdedReLU TimeDistributed TimeDistributedDense UnitNormalization UpSampling1D UpSampling2D
UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""

BUILT_IN: Final = frozenset(_NAMES.split()) | MODELS

BUFFERS: Final = frozenset(
    "moving_mean moving_variance moving_stddev renorm_mean renorm_stddev running_mean running_std mean variance count "
    "total seed_generator_state kernel_scale kernel_zero embeddings_scale inputs_scale outputs_grad_scale g_idx "
    "inputs_amax_history kernel_amax_history outputs_grad_amax_history vector_u".split()
)
PARAMETERS: Final = frozenset(
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


def snake_case(name: str) -> str:
    """Return a class name as Keras writes it into paths.

    https://github.com/keras-team/keras/blob/master/keras/src/utils/naming.py
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def variables(kind: str, count: int, config: Mapping[str, Any], quantized: str = "") -> tuple[str, ...] | None:
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
    if variable in PARAMETERS:
        return "parameter"
    return "buffer" if variable in BUFFERS else ""
