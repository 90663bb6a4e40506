"""``AttributeProto`` on the wire: its name, the tensors and graphs in it, its lists.

Layout: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from candle_spec.converters.onnx.lists import FLOAT, INT, LISTS, SINGLE, STRING, Listed
from candle_spec.converters.onnx.tensor_proto import text_of
from candle_spec.errors import CorruptFileError
from candle_spec.readers.protobuf import Field, Window, fields
from candle_spec.readers.protobuf_runs import Run, runs

GRAPHS: Final = (6, 11)
SPARSES: Final = (22, 23)
ONE: Final = (5, 6, 22)
"""Fields of one tensor, graph or sparse tensor; the others hold several."""

_TENSORS: Final = (5, 10)
_TYPE: Final = 20
_TYPES: Final = {1: FLOAT, 2: INT, 3: STRING}
"""Types of a single value, and the field that has it."""


@dataclass(slots=True)
class Attribute:
    """What an attribute holds.

    Attributes:
        name: Its name.
        type: Number of its type, 0 where it does not state one.
        inner: Its tensors, graphs and sparse tensors.
        lists: Its numbers and texts, by field.
    """

    name: str = ""
    type: int = 0
    inner: list[Field] = field(default_factory=list)
    lists: dict[int, Listed] = field(default_factory=dict)

    def value(self) -> Listed | None:
        """Return its single value; where it stands nowhere, it is zero: the third version of the language has it so."""
        number = _TYPES.get(self.type)
        found = next((self.lists[number] for number in SINGLE if number in self.lists), None)
        return found if found is not None or number is None else Listed(number, count=1)


def read_attribute(window: Window, *, with_lists: bool = True) -> Attribute:
    """Read an ``AttributeProto``; no numbers are read.

    Args:
        window: Its message.
        with_lists: Whether its lists are wanted, and single values.

    Raises:
        CorruptFileError: It breaks its layout.
        LimitExceededError: The elements of a list are scattered over it.
    """
    found = Attribute()
    for item in runs(window, LISTS) if with_lists else fields(window):
        if item.number in LISTS or item.number in SINGLE:
            if with_lists:
                found.lists.setdefault(item.number, Listed(item.number)).add(item)
        elif isinstance(item, Run):
            continue  # nothing else is joined
        elif item.number == 1:
            found.name = text_of(item)
        elif item.number == _TYPE:
            found.type = item.value
        elif item.number in (*_TENSORS, *GRAPHS, *SPARSES):
            found.inner.append(item)
    numbers = Counter(item.number for item in found.inner)
    if any(numbers[number] > 1 for number in ONE):
        raise CorruptFileError(
            f"the attribute {found.name!r} has two values", location=f"{window.location}, byte {window.offset}"
        )
    return found
