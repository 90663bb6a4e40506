"""What a look at a source needs before its format is known: first bytes, names, small descriptions.

Every command that gets a path loads this for all formats, so that nothing here loads what only reading needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.conversion.contract import NativeFile, Source
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError, UnsafeContentError

ZIP: Final = b"PK\x03\x04"
"""First bytes of a zip archive."""
TORCH_STREAM: Final = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
"""First bytes of what ``torch.save`` wrote before 1.6: a pickle of its magic number."""
SAFETENSORS_INDEX: Final = ".safetensors.index.json"
"""Ending of the file that says in which shard a tensor is."""


def head(path: Path, count: int) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(count)


def file_named(source: Source, name: str) -> NativeFile | None:
    """Return a file of the source by its name."""
    return next((file for file in source.files if file.name == name), None)


def below(source: Source, folder: str) -> Source:
    """Return a folder of the source as a source of its own; its files' names are relative to it."""
    prefix = folder.rstrip("/") + "/"
    inside = tuple(
        replace(file, name=file.name.removeprefix(prefix)) for file in source.files if file.name.startswith(prefix)
    )
    links = {name.removeprefix(prefix): to for name, to in source.links.items() if name.startswith(prefix)}
    return Source(source.path / folder.rstrip("/"), inside, links=links)


def at(source: Source, name: str) -> Source | None:
    """Return the file or the folder of the source that a description names, ``None`` if there is none.

    Raises:
        UnsafeContentError: The name leads out of the source.
    """
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or re.match(r"[A-Za-z]:", name):
        raise UnsafeContentError(f"the path {name!r} leaves the folder", location=str(source.path))
    plain = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    file = file_named(source, plain)
    if file is not None:
        return single(file)
    inside = below(source, plain) if plain else source
    return inside if inside.files else None


def single(*files: NativeFile) -> Source:
    """Return files of a source as a source of their own."""
    path = files[0].path if len(files) == 1 else files[0].path.parent
    return Source(path, tuple(sorted(files, key=lambda file: file.name)))


def read_json(file: NativeFile) -> Any:
    """Return the value of a JSON document.

    Raises:
        CorruptFileError: It is none.
        LimitExceededError: It is too large.
    """
    return loads(_bytes(file, limits.DESCRIPTION_BYTES), location=file.name)


def read_yaml(file: NativeFile) -> Any:
    """Return the value of a YAML (or JSON) document that others wrote."""
    if file.name.endswith(".json"):
        return read_json(file)
    from candle_spec.manifest.yaml import load_yaml

    return load_yaml(_bytes(file, limits.YAML_BYTES), location=file.name, lenient=True)[0]


def read_text(file: NativeFile) -> str:
    """Return a text."""
    try:
        return _bytes(file, limits.DESCRIPTION_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFileError("the text is not UTF-8", location=file.name) from error


def _bytes(file: NativeFile, most: int) -> bytes:
    if file.size > most:
        raise LimitExceededError(f"a description of {file.size} bytes, more than {most}", location=file.name)
    with file.path.open("rb") as opened:
        return opened.read(most + 1)


def quiet(file: NativeFile, read: Callable[[NativeFile], Any]) -> Any:
    """Return what a description says, ``None`` where it cannot be read: for a look at what a folder is."""
    try:
        return read(file)
    except CandleSpecError:
        return None


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else []
