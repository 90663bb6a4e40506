"""Find converters and choose the one for a source.

Our own are the folders of ``candle_spec.converters`` whose names do not start with an underscore; those of others
announce themselves by the entry point group ``candle_spec.converters``. Converters of others come in the order of
their package's name, before ours on equal confidence of detection only by name. One that cannot be loaded is left out
with a warning that names its package and version: it never breaks the command.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Final

from candle_spec.checkpoint.layout import written_as_yaml
from candle_spec.conversion.contract import Converter, Detection, Source
from candle_spec.conversion.foreign import foreign_content
from candle_spec.errors import ForeignContentError
from candle_spec.plugins import entry_points

GROUP: Final = "candle_spec.converters"

SURE: Final = 60
"""Confidence from which on a converter is sure of a file among others; below it only guesses."""
_LOOKED: Final = 200
"""How many files of an unknown folder are looked at."""


@cache
def converters() -> tuple[Converter, ...]:
    """Return all converters, sorted by name."""
    found = {converter.name: converter for converter in [*_from_others(), *_ours()]}
    return tuple(found[name] for name in sorted(found))


def named(name: str) -> Converter | None:
    """Return the converter of a format, ``None`` where it is not here."""
    return next((converter for converter in converters() if converter.name == name), None)


def _ours() -> Iterator[Converter]:
    package = importlib.import_module(GROUP)
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg and not module.name.startswith("_"):
            yield importlib.import_module(f"{GROUP}.{module.name}").CONVERTER


def _from_others() -> Iterator[Converter]:
    for entry in sorted(entry_points(GROUP), key=lambda e: (e.dist.name if e.dist else "", e.name)):
        try:
            converter = entry.load()
            _check(converter)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises, the command goes on and says so
            owner = f"{entry.dist.name}=={entry.dist.version}" if entry.dist else "an unknown package"
            warnings.warn(f"the converter {entry.name!r} of {owner} cannot be used: {error}", stacklevel=2)
        else:
            yield converter


def _check(converter: object) -> None:
    """Check a converter when it is loaded, not in the middle of the user's work."""
    for name in ("name", "title", "suffixes", "card", "detect", "read"):
        if not hasattr(converter, name):
            raise TypeError(f"it has no {name!r}")


def detect(source: Source) -> tuple[Converter, Detection]:
    """Return the converter for a source and what it recognised.

    Raises:
        ForeignContentError: No converter knows the content; the message names what it is, where that is known.
    """
    found = recognise(source)
    if found is None:
        raise _unknown(source)
    return found


def _unknown(source: Source) -> ForeignContentError:
    """Say what a source is that no converter knows; of a folder, which of its files are checkpoints."""
    if written := written_as_yaml(source.path):
        return ForeignContentError(written[0], location=str(source.path), hint=written[1])
    error = foreign_content(source)
    if source.path.is_dir():
        alone = [file for file in source.files[:_LOOKED] if is_checkpoint(Source(file.path, (file,)))]
        if alone:
            names = ", ".join(file.name for file in alone[:5]) + (", …" if len(alone) > 5 else "")
            error.message = f"the folder is no checkpoint by itself, but files in it are: {names}"
            error.hint = "name one of them, or add --recursive"
    return error


def is_checkpoint(source: Source) -> bool:
    """Whether the one file of a source is surely a checkpoint of a known format."""
    found = recognise(source) if source.files[0].size else None
    return found is not None and found[1].confidence >= SURE


def recognise(source: Source) -> tuple[Converter, Detection] | None:
    """Return the converter for a source and what it recognised, ``None`` if there is none."""
    found: list[tuple[int, str, Converter, Detection]] = []
    for converter in converters():
        detection = converter.detect(source)
        if detection is not None:
            found.append((-detection.confidence, converter.name, converter, detection))
    if not found:
        return None
    _, _, converter, detection = min(found, key=lambda row: row[:2])
    return converter, detection
