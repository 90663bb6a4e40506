"""Values that were too large for the manifest: each document holds one, and no document stands for a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from candle_spec.checkpoint.large_values import TAG
from candle_spec.errors import CandleSpecError
from candle_spec.problems import Problem
from candle_spec.validation.catalogue import from_error
from candle_spec.validation.context import Context, at
from candle_spec.validation.rules.uses import documents_in


def documents(context: Context) -> Iterator[Problem]:
    """Every document is JSON, and names no further one."""
    for path in dict.fromkeys(path for _, path in documents_in(context.manifest)):
        if not context.readable(path):
            continue  # said elsewhere
        context.count("documents")
        try:
            value = context.side_document(path)
        except CandleSpecError as error:
            yield from_error(error, "", "CKP4030")
            continue
        if _names_another(value):
            yield at("CKP4030", f"a document names another one by {TAG}", file=path)


def _names_another(value: Any) -> bool:
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            if TAG in inner:
                return True
            waiting += inner.values()
        elif isinstance(inner, list):
            waiting += inner
    return False


L4_RULES = (documents,)
