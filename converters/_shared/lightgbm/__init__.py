"""LightGBM: its models as text, alone in a file or inside a pickle."""

from __future__ import annotations

import re


def begins_as_model(head: bytes) -> bool:
    """Whether a file that begins so is the text of a model, sound or not."""
    return bool(re.match(rb"tree\r?\n(version=|num_class=)", head))
