"""Boosters of LightGBM and XGBoost inside pickles: the model's own text or document is the payload."""

from __future__ import annotations

from typing import Any, Final

from candle_spec.converters._shared.boosters import Booster
from candle_spec.converters.python_pickle.array_reader import ArrayReader
from candle_spec.converters.python_pickle.objects import class_of, state_of
from candle_spec.readers.inert_pickle import Call, Span
from candle_spec.weights.sources import Bytes, FileBytes

_CLASSES: Final = {
    "lightgbm.basic.Booster": ("lightgbm", ("_handle", "handle")),
    "lightgbm.basic._InnerPredictor": ("lightgbm", ()),
    "xgboost.core.Booster": ("xgboost", ("handle",)),
}


def handle_of(node: Any) -> tuple[str, Any] | None:
    """Return the framework of a booster and the record of its text or document, ``None`` for no booster."""
    framework, names = _CLASSES.get(class_of(node), ("", ()))
    state = state_of(node) if names else None
    if state is None:
        return None
    found = next((state.get(name) for name in names if _is_model(state.get(name))), None)
    return None if found is None else (framework, found)


def _is_model(node: Any) -> bool:
    if isinstance(node, (str, bytes, bytearray)):
        return len(node) > 0
    return isinstance(node, Span) or (isinstance(node, Call) and node.path.endswith(".bytearray"))


class Boosters:
    """Reads the boosters of one pickle while it is walked.

    Args:
        arrays: Says where bytes of the pickle stand.
        several: Whether there are more than one.
        location: The file in words, for errors.
    """

    def __init__(self, arrays: ArrayReader, several: bool, location: str) -> None:
        self._arrays = arrays
        self._several = several
        self._location = location
        self._keys: set[str] = set()
        self.found: list[Booster] = []

    def __call__(self, node: Call, path: tuple[str, ...]) -> dict[int, Any]:
        """Read a booster; return what stands in the state tree in place of its model."""
        handle = handle_of(node)
        if handle is None:
            return {}
        framework, record = handle
        key = self._key(path) if self._several else ""
        data, stored = self._bytes(record)
        where = f"{self._location}: {'.'.join(path) or 'root'}"
        if framework == "lightgbm":
            from candle_spec.converters._shared.lightgbm.model import lightgbm_booster

            booster = lightgbm_booster(data, where, key=key, stored=stored)
        else:
            from candle_spec.converters._shared.xgboost.model import xgboost_booster

            booster = xgboost_booster(data, where, key=key, stored=stored)
        self.found.append(booster)
        return {id(record): {"$object": "payload", "args": [booster.payload.path]}}

    def _key(self, path: tuple[str, ...]) -> str:
        base = ".".join(path) or "root"
        key, number = base, 2
        while key.lower() in self._keys:
            key, number = f"{base}-{number}", number + 1
        self._keys.add(key.lower())
        return key

    def _bytes(self, record: Any) -> tuple[bytes, Bytes | None]:
        """The model's bytes, and where they stand in the file."""
        if isinstance(record, Call):
            place = self._arrays.stored(record)
            data = b"".join(bytes(block) for block in place.blocks()) if place is not None else b""
            return data, place if isinstance(place, FileBytes) else None
        if isinstance(record, Span):
            return bytes(record.view), self._arrays.place(record)
        return record.encode("utf-8", "surrogatepass") if isinstance(record, str) else bytes(record), None
