"""A native checkpoint as the user names it: paths resolved once, links inside a folder refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from candle_spec.checkpoint.layout import MANIFEST, walk
from candle_spec.conversion.contract import NativeFile, Source
from candle_spec.errors import EmptyFileError, InvalidInputError, MissingPathError, UnsafeContentError

_MAX_FILES: Final = 100_000


def resolve_source(path: str | Path, topology: str | Path | None = None, context: str | Path | None = None) -> Source:
    """Return the files of the native checkpoint at ``path``.

    Args:
        path: A file or a folder; a link given here is followed once.
        topology: A separate file with the network's architecture.
        context: A folder around the source that may be read for what describes it.

    Raises:
        MissingPathError: Nothing is there.
        InvalidInputError: It is a checkpoint of the common format already.
        UnsafeContentError: A folder holds a link out of it or a special file, or far too many files.
        EmptyFileError: The file is empty.
    """
    real = _real(path)
    links: dict[str, str] = {}
    if real.is_file():
        files: tuple[NativeFile, ...] = (_native(real, real.name),)
    elif (real / MANIFEST).exists():
        raise InvalidInputError(
            "this is a checkpoint of the common format already", location=str(path), hint="candle-spec validate"
        )
    else:
        files = tuple(_folder_files(real, links))
    if not files:
        raise MissingPathError("the folder holds no files", location=str(path))
    if all(file.size == 0 for file in files):
        raise EmptyFileError("the file is empty", location=str(path), hint="fetch or copy it again")
    separate = _topology(topology, files) if topology is not None else None
    return Source(real, files, separate, links, _context(context, real) if context is not None else None)


def _context(context: str | Path, source: Path) -> Path:
    folder = _real(context)
    if folder not in source.parents and folder != source:
        raise InvalidInputError("the context is not a folder around the source", location=str(context))
    return folder


def _real(path: str | Path) -> Path:
    try:
        real = Path(path).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError, RuntimeError) as error:
        raise MissingPathError("there is no such file or folder", location=str(path)) from error
    if not real.is_file() and not real.is_dir():
        raise InvalidInputError("neither a file nor a folder", location=str(path))
    return real


def _native(path: Path, name: str) -> NativeFile:
    _check_unicode(name, path)
    return NativeFile(path, name, path.stat().st_size)


def _check_unicode(name: str, path: Path) -> None:
    """A manifest is UTF-8: it cannot hold the name of a file that is none."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInputError("the file's name is not Unicode", location=repr(str(path)), hint="rename it") from error


def _topology(path: str | Path, files: tuple[NativeFile, ...]) -> NativeFile:
    real = _real(path)
    if not real.is_file():
        raise InvalidInputError("the architecture is not a file", location=str(path))
    name = real.name if all(file.name != real.name for file in files) else f"topology-{real.name}"
    return _native(real, name)


def _folder_files(folder: Path, links: dict[str, str]) -> list[NativeFile]:
    files: list[NativeFile] = []
    for found in walk(folder):
        if found.kind == "link" and (target := _inner_target(folder, found.path)):
            links[found.path] = target
            continue
        if found.kind != "file":
            raise UnsafeContentError(
                f"{found.path!r} is a link out of the folder or a special file: it is not followed",
                location=str(folder),
                hint="copy the real files into the folder",
            )
        _check_unicode(found.path, folder / found.path)
        files.append(NativeFile(folder / found.path, found.path, found.size))
        if len(files) > _MAX_FILES:
            raise UnsafeContentError(f"the folder holds more than {_MAX_FILES} files", location=str(folder))
    return files


def _inner_target(folder: Path, name: str) -> str:
    """Return what a link points to, or ``""`` where that is something outside the folder; nothing is opened.

    A link to nothing is harmless: CANDLE's ``best`` and ``last`` are absolute, and lead nowhere after a move.
    """
    target = os.readlink(folder / name)
    inside = Path(os.path.normpath(folder / Path(name).parent / target))
    return target if inside.is_relative_to(folder) or not os.path.lexists(inside) else ""
