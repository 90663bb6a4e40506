"""Read the packaged data under ``schemas/``: the only place that knows where it lies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_spec import schemas

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def data_root() -> Traversable:
    """Return the root of the packaged data: its folder, or what stands for it in an archive of Python code."""
    folder = Path(next(iter(schemas.__path__)))
    if folder.is_dir():
        return folder
    from importlib.resources import files  # only here: loading it takes as long as checking a schema

    return files("candle_spec.schemas")


@cache
def read_bytes(name: str) -> bytes:
    """Return the bytes of one packaged file, named with ``/``, for example ``"checks.json"``."""
    return data_root().joinpath(*name.split("/")).read_bytes()


@cache
def read_json(name: str) -> Any:
    """Return one packaged JSON file, parsed. The caller must not change it."""
    return json.loads(read_bytes(name))


def names(folder: str = "", suffix: str = ".json") -> list[str]:
    """Return the names of all packaged files below ``folder`` that end with ``suffix``, sorted."""
    start = data_root().joinpath(*folder.split("/")) if folder else data_root()
    return sorted(name for name in _walk(start, folder) if name.endswith(suffix))


def _walk(folder: Traversable, prefix: str) -> Iterator[str]:
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}" if prefix else entry.name
        if entry.is_dir():
            yield from _walk(entry, name)
        else:
            yield name
