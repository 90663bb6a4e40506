"""L4: what the manifest says of the model's parameters, their number and their dtypes, is true of its tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from candle_spec.checkpoint.identity import is_model
from candle_spec.checkpoint.inventory import Tensor
from candle_spec.problems import Problem
from candle_spec.validation.context import Context, at
from candle_spec.weights.dtypes import is_integer, is_parameter


def count_of(tensors: Iterable[Tensor]) -> int:
    """Return the number of parameters of tensors: elements of numbers that are no buffers, those of aliases once."""
    return sum(math.prod(tensor.shape) for tensor in _counted(tensors))


def _counted(tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    return (each for each in tensors if each.alias_of is None and is_parameter(each.dtype, each.role))


def parameters(context: Context) -> Iterator[Problem]:
    """The number of the model's parameters, and their dtypes, follow from the inventory."""
    models = [tensor for tensor in context.tensors if is_model(tensor.group)]
    if not models and context.manifest["weights"]["kind"] != "tensors":
        return  # the model is its payload, of whose parameters nothing is known here
    model = context.manifest["model"]
    stated, counted = model.get("parameter_count"), count_of(models)
    if stated is not None and stated != counted:
        message = f"parameter_count is {stated}, the tensors give {counted}"
        yield at("CKP4021", message, pointer="/model/parameter_count")
    dtypes = {tensor.dtype for tensor in _counted(models)}
    for index, name in enumerate(model.get("precision", ())):
        if name not in dtypes:
            yield at("CKP4036", f"no parameter of the model is of dtype {name}", pointer=f"/model/precision/{index}")
    if lacking := [name for name in sorted(dtypes - set(model.get("precision", dtypes))) if not is_integer(name)]:
        yield at("CKP4036", f"the model has parameters of dtype {', '.join(lacking)}, too", pointer="/model/precision")


L4_RULES = (parameters,)
