"""The files of a source: one by its name, a folder of them as a source of its own, the first bytes of one.

Every command that gets a path loads this for all formats, so that nothing here loads what only reading needs.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from candle_spec.conversion.contract import NativeFile, Source
from candle_spec.errors import UnsafeContentError


def first_bytes(path: Path, count: int) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(count)


def only_file(source: Source) -> NativeFile | None:
    """Return the file that the source is, ``None`` for a folder."""
    return source.files[0] if len(source.files) == 1 and source.path.is_file() else None


def file_named(source: Source, name: str) -> NativeFile | None:
    """Return a file of the source by its name."""
    return next((file for file in source.files if file.name == name), None)


def subfolder(source: Source, folder: str) -> Source:
    """Return a folder of the source as a source of its own; its files' names are relative to it."""
    prefix = folder.rstrip("/") + "/"
    inside = tuple(
        replace(file, name=file.name.removeprefix(prefix)) for file in source.files if file.name.startswith(prefix)
    )
    links = {name.removeprefix(prefix): to for name, to in source.links.items() if name.startswith(prefix)}
    return Source(source.path / folder.rstrip("/"), inside, links=links)


def source_at(source: Source, name: str) -> Source | None:
    """Return the file or the folder of the source that a description names, ``None`` if there is none.

    Raises:
        UnsafeContentError: The name leads out of the source.
    """
    if leads_out(name):
        raise UnsafeContentError(f"the path {name!r} leaves the folder", location=str(source.path))
    plain = plain_path(name)
    file = file_named(source, plain)
    if file is not None:
        return source_of(file)
    inside = subfolder(source, plain) if plain else source
    return inside if inside.files else None


def source_of(*files: NativeFile) -> Source:
    """Return files of a source as a source of their own."""
    path = files[0].path if len(files) == 1 else files[0].path.parent
    return Source(path, tuple(sorted(files, key=lambda file: file.name)))


def leads_out(name: str) -> bool:
    """Whether a path that a stranger wrote leads out of the folder that it is relative to, on any system."""
    plain = name.replace("\\", "/")
    return plain.startswith("/") or ".." in plain.split("/") or re.match(r"[A-Za-z]:", plain) is not None


def plain_path(name: str) -> str:
    """Return a relative path with ``/`` alone, without empty parts and dots."""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
