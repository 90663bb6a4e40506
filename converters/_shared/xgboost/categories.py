"""The categories that an XGBoost model was trained with, where a data frame gave them (XGBoost 3.1 and later).

``gradient_booster.model.cats.enc`` has one entry for each feature: without values for one of numbers; ``values`` alone
for categories that are numbers; and for categories that are texts their UTF-8 bytes one after the other, with
``offsets``. The position of a value is its code in the trees. The booster itself recodes the data frames it is given.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from candle_spec.converters._shared.boosters import as_json
from candle_spec.converters._shared.xgboost.document import array
from candle_spec.errors import CorruptFileError

_LISTED: Final = 10_000
"""Categories of all features that are listed in the manifest."""


def categories_of(model: Mapping[str, Any], names: Sequence[str], location: str) -> dict[str, list[Any]] | None:
    """Return the categories of each feature that has any.

    Args:
        model: The member ``model`` of the gradient booster.
        names: Names of the features; by their position where there are none.
        location: The file, for errors.

    Returns:
        ``None`` where there are too many to list, or where they are written in a way that is not known: they stand in
        the payload.

    Raises:
        CorruptFileError: The bytes of the texts are not where the offsets say.
    """
    held = model.get("cats", {})
    entries = held.get("enc", []) if isinstance(held, dict) else None
    if not isinstance(entries, list) or any(not isinstance(entry, dict) for entry in entries):
        return None
    found: dict[str, list[Any]] = {}
    for index, entry in enumerate(entries):
        values = entry.get("values", [])
        if not hasattr(values, "__len__") or len(values) > 100 * _LISTED:
            return None
        if len(values):
            name = names[index] if index < len(names) else str(index)
            found[name] = _texts(entry, f"{location}: cats {index}") if "offsets" in entry else _numbers(values)
    listed = sum(len(values) for values in found.values())
    return as_json(found) if listed <= _LISTED else None


def _numbers(values: Any) -> list[Any]:
    listed: list[Any] = values if isinstance(values, list) else values.numpy().tolist()
    return [value if isinstance(value, (int, float, str)) else str(value)[:200] for value in listed]


def _texts(entry: Mapping[str, Any], where: str) -> list[Any]:
    offsets = array(entry["offsets"], "int64", "offsets", where)
    data = (array(entry["values"], "int16", "values", where) & 0xFF).astype("uint8").tobytes()
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(data) or (offsets[1:] < offsets[:-1]).any():
        raise CorruptFileError("the categories' texts are not where the offsets say", location=where)
    # XGBoost has counted letters for bytes, so a text may end inside one.
    return [data[a:b].decode("utf-8", "backslashreplace") for a, b in itertools.pairwise(offsets.tolist())]
