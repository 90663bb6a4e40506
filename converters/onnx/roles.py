"""Which attributes of nodes are data rather than settings, and what the numbers of a model are: learned, fixed, kept.

Converters of scikit-learn, LightGBM, XGBoost, CatBoost, Core ML and Spark write operators of the domain ``ai.onnx.ml``,
whose learned numbers are lists in attributes: trees, coefficients, support vectors, categories.
https://onnx.ai/onnx/operators/ has them all; ``TfIdfVectorizer`` and ``Constant`` are the ones of the main domain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

ML: Final = "ai.onnx.ml"
_MAIN: Final = ("", "ai.onnx")
_DATA: Final = frozenset({"Constant", "TfIdfVectorizer", "StringNormalizer", "ImageScaler"})
"""Operators of the main domain whose lists are data; all others have settings: pads, axes, strides."""

_SETTINGS: Final = 32
"""A setting has a number or two for each axis; a list of more is data, whatever the operator."""

_COUNTED: Final = frozenset({"nodes_hitrates", "nodes_hitrates_as_tensor", "kernel_params"})
"""Floats of ``ai.onnx.ml`` that nobody learned: statistics of the training, what was set before it."""

_MAPS: Final = frozenset(
    {"LabelEncoder", "CategoryMapper", "OneHotEncoder", "DictVectorizer", "ZipMap", "FeatureVectorizer"}
)
"""Operators of ``ai.onnx.ml`` whose lists say what stands for what: labels, categories, names."""

_LEARNED_INTEGERS: Final = frozenset({"imputed_value_int64s"})
_WHOLE: Final = frozenset({"I64", "U64", "I32", "U32", "BOOL", "STR", "BYTES"})
_QUANTISED: Final = re.compile(r"[Qq]uantize|QLinear|Integer|\A(Dynamic)?Q[A-Z]")
_FOLLOWING: Final = {"BatchNormalization": (3, 4), "SpatialBN": (3, 4)}
"""Operators and their inputs that follow the training: the running mean and variance."""


@dataclass(frozen=True, slots=True)
class Role:
    """What is known of a tensor before its data type is.

    Attributes:
        name: ``"parameter"``, ``"buffer"``, ``"constant"``, ``""`` where only the data type can tell.
        whole: Whether whole numbers may be weights there, too.
    """

    name: str = ""
    whole: bool = False

    def of(self, dtype: str) -> str:
        """Return the role of a tensor of a dtype: whole numbers are shapes, places, labels, the structure of trees."""
        return "constant" if dtype in _WHOLE and not self.whole else self.name


def is_data(domain: str, operator: str, count: int) -> bool:
    """Whether a list of an attribute is data, by its operator and its number of elements; an empty one is none."""
    return count > 0 and may_have_data(domain, operator, count)


def may_have_data(domain: str, operator: str, size: int) -> bool:
    """Whether a list may be data in an attribute of so many bytes, each of which may be an element."""
    return domain == ML or (domain in _MAIN and operator in _DATA) or size > _SETTINGS


def is_constant(domain: str, operator: str) -> bool:
    """Whether a node has a value and nothing else."""
    return domain in _MAIN and operator == "Constant"


def of_attribute(domain: str, operator: str, name: str) -> Role:
    """Return the role of the value of an attribute."""
    if domain == ML:
        learned = operator not in _MAPS and name not in _COUNTED
        return Role("parameter" if learned else "constant", whole=name in _LEARNED_INTEGERS)
    return Role("parameter") if domain in _MAIN and operator == "TfIdfVectorizer" else Role()


@dataclass(slots=True)
class Uses:
    """What operators say of the values that go into them, by the values' names.

    Attributes:
        quantised: Values of operators that count with whole numbers, among them biases of 32 bits.
        following: Running means and variances.
    """

    quantised: set[str] = field(default_factory=set)
    following: set[str] = field(default_factory=set)

    def add(self, operator: str, inputs: Sequence[str]) -> None:
        """Note the inputs of a node for which :func:`says_of_inputs` holds."""
        if operator in _FOLLOWING:
            self.following.update(inputs[index] for index in _FOLLOWING[operator] if index < len(inputs))
        else:
            self.quantised.update(inputs)

    def role(self, name: str) -> Role:
        """Return the role of a value that is an input of the graph's nodes."""
        return Role("buffer" if name in self.following else "", whole=name in self.quantised)


def says_of_inputs(operator: str) -> bool:
    """Whether an operator tells what its inputs are."""
    return operator in _FOLLOWING or _QUANTISED.search(operator) is not None
