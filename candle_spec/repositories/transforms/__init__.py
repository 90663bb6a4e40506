"""The closed set of transforms, one documented table: each file here has those of one kind of value.

To add one: a row of ``TRANSFORMS`` in the file of its kind, and ``python -m tools.regen`` for the table in the docs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from candle_spec.manifest.spelling import nearest
from candle_spec.repositories.transforms import formatted_texts, identifiers, lists, texts, typed_values
from candle_spec.repositories.transforms.transform import Transform

_KINDS: Final = (lists, texts, formatted_texts, identifiers, typed_values)

TRANSFORMS: Final[Mapping[str, Transform]] = {row.name: row for kind in _KINDS for row in kind.TRANSFORMS}
"""All transforms by name."""


def wrong_argument(name: str, argument: Any, vocabularies: Mapping[str, Any]) -> str:
    """Say what is wrong with a call, in one sentence, or ``""``."""
    if name not in TRANSFORMS:
        near = nearest(name, TRANSFORMS)
        return f"there is no transform {name!r}" + (f"; did you mean {near!r}?" if near else "")
    kinds = TRANSFORMS[name].argument
    if any(_fits(kind, argument, vocabularies) for kind in kinds):
        return ""
    if kinds == ("vocabulary",):
        known = ", ".join(vocabularies) or "none"
        return f"the template has no vocabulary {argument!r}; it has {known}"
    return f"{name} takes {' or '.join(kinds)}, not {json.dumps(argument)}"


def _fits(kind: str, argument: Any, vocabularies: Mapping[str, Any]) -> bool:
    match kind:
        case "none":
            return argument is None
        case "text" | "unit":
            return isinstance(argument, str)
        case "pointer":
            return isinstance(argument, str) and argument.startswith("/")
        case "members":
            return isinstance(argument, dict) and all(str(key).startswith("/") for key in argument)
        case "limit":
            return (
                isinstance(argument, dict)
                and len(argument) == 1
                and (isinstance(argument.get("bytes", argument.get("characters")), int))
            )
        case "pair":
            return isinstance(argument, list) and len(argument) == 2
        case "vocabulary":
            name = argument.get("name") if isinstance(argument, dict) else argument
            return name in vocabularies
    return bool(argument == kind)
