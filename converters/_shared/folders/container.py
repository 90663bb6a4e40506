"""A checkpoint inside another format: a folder that describes a model, an archive around it.

The inner checkpoint is read by its own converter; what is around it becomes fields, files beside the weights and lines
of the certificate. Files that describe (cards, settings, licenses, vocabularies) are kept as they are and stored once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from candle_spec.checkpoint.code_files import START, kind_of_code
from candle_spec.checkpoint.layout import MANIFEST, portable_name
from candle_spec.conversion import registry
from candle_spec.conversion.contract import (
    Converter,
    Detection,
    Field,
    Native,
    NativeFile,
    NativeFormat,
    Part,
    SideFile,
    Source,
)
from candle_spec.conversion.foreign import foreign_content
from candle_spec.converters._shared import look
from candle_spec.converters._shared.pickle import beside as _pickles_beside
from candle_spec.errors import CandleSpecError, LimitExceededError, UnsafeContentError
from candle_spec.weights.sources import FileBytes

_MEDIA: Final = {
    "json": "application/json",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "md": "text/markdown",
    "txt": "text/plain",
    "py": "text/x-python",
    "toml": "application/toml",
    "csv": "text/csv",
    "npy": "application/x-npy",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "pdf": "application/pdf",
    "safetensors": "application/vnd.safetensors",
}
_ROLES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(.*/)?(LICEN[CS]E|COPYING|NOTICE|data_license)[^/]*", re.IGNORECASE), "license"),
    (re.compile(r"(.*/)?(requirements[^/]*\.txt|conda\.ya?ml|python_env\.ya?ml|environment\.ya?ml)"), "environment"),
    (re.compile(r"(.*/)?README[^/]*|.*\.(md|rst|pdf)|docs/.*", re.IGNORECASE), "document"),
    (re.compile(r".*\.(py|ipynb|sh)"), "code"),
    (re.compile(r".*\.(json|ya?ml|toml|ini|cfg)"), "config"),
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """An inner checkpoint: its files, its converter, what was recognised."""

    source: Source
    converter: Converter
    detection: Detection

    def read(self, outer: Source) -> Native:
        """Read it; the names of its files are those in the outer source."""
        native = self.converter.read(replace(self.source, topology=self.source.topology or outer.topology))
        names = {file.path: file.name for file in outer.files}
        changed = {file.name: names.get(file.path, file.name) for file in self.source.files}
        native.pickles = [replace(each, file=changed.get(each.file, each.file)) for each in native.pickles]
        return native


def recognise(source: Source) -> Recognised | None:
    """Return the inner checkpoint that a source is, if a converter knows it."""
    found = registry.recognise(source) if any(file.size for file in source.files) else None
    return Recognised(source, *found) if found is not None else None


def the_inner(source: Source | None, outer: Source, named: str) -> Recognised:
    """Return the inner checkpoint that a description names.

    Raises:
        MissingPartError: It is not there.
        ForeignContentError: It is of no kind known here.
    """
    from candle_spec.errors import MissingPartError

    if source is None:
        raise MissingPartError(
            f"the description names {named!r}, which is not there",
            location=str(outer.path),
            hint="fetch the whole folder",
        )
    found = recognise(source)
    if found is None:
        raise foreign_content(source)
    return found


def contain(native: Native, outer: Source, about: NativeFormat) -> Native:
    """Let an inner checkpoint be the content of the outer source, whose format ``about`` describes."""
    inner = native.format
    native.source = outer
    native.format = replace(
        about,
        framework=about.framework or inner.framework,
        framework_version=about.framework_version or inner.framework_version,
        written=about.written or inner.written,
        evidence=(*about.evidence, f"inside: {inner.title}", *inner.evidence)[:100],
    )
    return native


def describe(native: Native, fields: Iterable[Field]) -> None:
    """Put the fields of the description before those of the inner checkpoint: they win."""
    for field in fields:
        native.fields = [known for known in native.fields if not _clash(known.pointer, field.pointer)]
        native.fields.append(field)


def _clash(known: str, new: str) -> bool:
    return known == new or known.startswith(f"{new}/") or new.startswith(f"{known}/")


def side_path(native: Native, name: str, folder: str = "artifacts") -> str:
    """Return a path for a file beside the weights that no other file has, on no system."""
    parts = [portable_name(part) for part in name.split("/") if part not in ("", ".", "..")]
    parts = [f"_{part}" if part == MANIFEST else part for part in parts] or ["_"]
    parts = [part if len(part.encode()) <= 200 else part.encode()[:200].decode("utf-8", "ignore") for part in parts]
    taken = {side.path.lower() for side in (*native.side_files, *native.payload)}
    wanted = path = "/".join([folder, *parts])
    number = 2
    while path.lower() in taken:
        path, number = f"{wanted}.{number}", number + 1
    return path


def keep(native: Native, file: NativeFile, role: str = "", folder: str = "artifacts") -> str:
    """Keep a file of the source beside the weights as it is; return its path there."""
    path = side_path(native, file.name, folder)
    media = _MEDIA.get(file.name.rpartition(".")[2].lower(), "application/octet-stream")
    native.side_files.append(SideFile(path, FileBytes(file.path, 0, file.size), media, role or role_of(file.name)))
    return path


def role_of(name: str) -> str:
    """Return what a file beside a model usually is, by its name."""
    return next((role for pattern, role in _ROLES if pattern.fullmatch(name)), "artifact")


def keep_rest(native: Native, files: Iterable[NativeFile]) -> dict[str, str]:
    """Keep files that describe or complete the model, and say so; return where they are, by their names.

    Program code is named as such. Pickles and programs are not spread: they stay in the native bytes.
    """
    present = [file for file in files if file.size]
    unsafe = [
        file
        for file in present
        if role_of(file.name) != "code" and kind_of_code(file.name, look.head(file.path, START))
    ]
    kept = [file for file in present if file not in unsafe]
    paths = {file.name: keep(native, file) for file in kept}
    code = [file.name for file in kept if role_of(file.name) == "code"]
    if code:
        native.embedded_code.append(f"{len(code)} source files, kept and not run: {', '.join(code)}"[:2000])
    if kept:
        reason = f"beside the weights: {', '.join(paths)}"
        size = sum(file.size for file in kept)
        native.parts.append(Part("files", "kept", reason[:1990], count=len(kept), size=size))
    leave(native, "pickles and programs", unsafe, "only in the native bytes")
    return paths


def leave(native: Native, what: str, files: Iterable[NativeFile], reason: str) -> None:
    """Say that files are only in the native bytes, and what their pickles would import."""
    left = list(files)
    _pickles_beside.note(native, left)
    if left:
        names = ", ".join(file.name for file in left)
        said = f"{reason}: {names}"[:1990]
        native.parts.append(Part(what, "residue", said, count=len(left), size=sum(file.size for file in left)))


def optional(native: Native, file: NativeFile | None, read: Callable[[NativeFile], Any]) -> Any:
    """Read a description that the model does not need; one that cannot be read is kept, and said."""
    if file is None:
        return None
    try:
        return read(file)
    except CandleSpecError as error:
        if isinstance(error, UnsafeContentError) and not isinstance(error, LimitExceededError):
            raise
        reason = f"kept as it is, its values are not in the manifest: {error.message}"[:1990]
        native.parts.append(Part(f"description {file.name}"[:200], "residue", reason, size=file.size))
        return None
