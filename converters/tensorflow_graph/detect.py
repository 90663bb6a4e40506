"""A frozen graph is known by its first node: a message with a printable name and an operation, or the same as text."""

from __future__ import annotations

import re
from typing import Final

from candle_spec.conversion.contract import Detection, Source
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.converters.tensorflow_graph import TITLE
from candle_spec.errors import CandleSpecError

_OP: Final = re.compile(r"[A-Z_][A-Za-z0-9_>]*\Z")
_MEMBERS: Final = (1, 2, 3, 4, 5)
_TEXT: Final = re.compile(rb"\s*(#[^\n]*\n\s*)*node\s*\{\s*name\s*:")


def detect(source: Source) -> Detection | None:
    """Recognise the first node by its name and operation."""
    form = form_of(source)
    if not form:
        return None
    return Detection(85, TITLE) if form == "binary" else Detection(40, "TensorFlow graph as text")


def form_of(source: Source) -> str:
    """Return the form that a graph was written in, ``""`` where the file holds none."""
    if len(source.files) != 1:
        return ""
    head = first_bytes(source.files[0].path, 512)
    if _TEXT.match(head):
        return "text"
    if not head or head[0] not in (0x0A, 0x12, 0x22):
        return ""
    from candle_spec.converters._shared.tensorflow.graph import read_node
    from candle_spec.readers import protobuf

    try:
        with protobuf.open_message(source.files[0].path) as message:
            for number, item in enumerate(protobuf.fields(message)):
                if item.number == 1 and item.wire == protobuf.BYTES:
                    node = read_node(item.window)
                    named = node.name and node.name.isprintable() and _OP.match(node.op)
                    return "binary" if named else ""
                if item.number not in _MEMBERS or number > len(_MEMBERS):
                    return ""
    except CandleSpecError:
        return ""
    return ""
