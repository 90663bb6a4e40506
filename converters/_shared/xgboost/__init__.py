"""XGBoost: its models as JSON and UBJSON, alone in a file or inside a pickle, and how their first bytes tell them."""

from __future__ import annotations

import re
from typing import Final, Literal

Form = Literal["json", "ubj", "binary", ""]

_FIRST_KEY: Final = rb"(learner|version|Model|Config)"
_JSON: Final = re.compile(rb"\s*\{\s*\"" + _FIRST_KEY + rb"\"\s*:")
_UBJ: Final = re.compile(rb"\{(?:L\x00{7}|l\x00{3}|I\x00|[iU])[\x05-\x07]" + _FIRST_KEY)
_JSON_MARKS: Final = (b'"attributes"', b'"gradient_booster"', b'"feature_names"', b'"learner_train_param"')
_OBJECTIVE: Final = re.compile(rb"(binary|reg|multi|rank|count|survival|gpu|linear):[a-z0-9_:]+")
_LEGACY_HEAD: Final = 136
"""Bytes of the parameters with which the old binary format begins."""


def form_of(head: bytes) -> Form:
    """Return how a file that begins so is written, ``""`` if it is no model of XGBoost."""
    if is_ubjson(head):
        return "ubj"
    if _JSON.match(head) and any(mark in head for mark in _JSON_MARKS):
        return "json"
    return "binary" if is_binary(head) else ""


def is_ubjson(head: bytes) -> bool:
    """Whether a document that begins so is written as UBJSON."""
    return _UBJ.match(head) is not None


def is_binary(head: bytes) -> bool:
    """Whether it is the old format: a mark or none, 136 bytes of parameters, the objective's name with its length."""
    if head.startswith(b"CONFIG-offset:"):
        return True
    start = _LEGACY_HEAD + (4 if head.startswith(b"binf") else 0)
    size = int.from_bytes(head[start : start + 8], "little")
    name = head[start + 8 : start + 8 + min(size, 64)]
    return 3 < size <= 64 and bool(_OBJECTIVE.fullmatch(name))
