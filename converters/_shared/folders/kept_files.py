"""Files beside a model that are kept beside its weights, each stored once; and what is said of those that are not.

Files that describe (cards, settings, licenses, vocabularies) are kept as they are. Pickles and programs are not spread:
they stay in the native bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from candle_spec.checkpoint.code_files import START, is_source, kind_of_code
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion.contract import EmbeddedCode, Native, NativeFile, Part, SideFile
from candle_spec.converters._shared.folders.unread_pickles import note_pickles
from candle_spec.converters._shared.source_files import first_bytes
from candle_spec.errors import CandleSpecError, LimitExceededError, UnsafeContentError
from candle_spec.paths import portable_name
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
    (re.compile(r".*\.(json|ya?ml|toml|ini|cfg)"), "config"),
)


def keep_file(native: Native, file: NativeFile, role: str = "", folder: str = "artifacts") -> str:
    """Keep a file of the source beside the weights as it is; return its path there."""
    path = _side_path(native, file.name, folder)
    media = _MEDIA.get(file.name.rpartition(".")[2].lower(), "application/octet-stream")
    native.side_files.append(SideFile(path, FileBytes(file.path, 0, file.size), media, role or role_of(file.name)))
    return path


def _side_path(native: Native, name: str, folder: str) -> str:
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


def role_of(name: str) -> str:
    """Return what a file beside a model usually is, by its name."""
    if is_source(name):
        return "code"
    return next((role for pattern, role in _ROLES if pattern.fullmatch(name)), "artifact")


def keep_rest(native: Native, files: Iterable[NativeFile]) -> dict[str, str]:
    """Keep files that describe or complete the model, and say so; return where they are, by their names.

    Program code is named as such. Pickles and programs are not spread: they stay in the native bytes.
    """
    present = [file for file in files if file.size]
    unsafe = [
        file for file in present if not is_source(file.name) and kind_of_code(file.name, first_bytes(file.path, START))
    ]
    kept = [file for file in present if file not in unsafe]
    paths = {file.name: keep_file(native, file) for file in kept}
    native.embedded_code += (
        EmbeddedCode("python-source" if file.name.endswith(".py") else "source", "kept, not run", paths[file.name])
        for file in kept
        if is_source(file.name)
    )
    if kept:
        reason = f"beside the weights: {', '.join(paths)}"
        size = sum(file.size for file in kept)
        native.parts.append(Part("files", "kept", reason[:1990], count=len(kept), size=size))
    note_left(native, "pickles and programs", unsafe, "only in the native bytes")
    return paths


def note_left(native: Native, what: str, files: Iterable[NativeFile], reason: str) -> None:
    """Say that files are only in the native bytes, and what their pickles would import."""
    left = list(files)
    note_pickles(native, left)
    if left:
        names = ", ".join(file.name for file in left)
        said = f"{reason}: {names}"[:1990]
        native.parts.append(Part(what, "residue", said, count=len(left), size=sum(file.size for file in left)))


def read_optional(native: Native, file: NativeFile | None, read: Callable[[NativeFile], Any]) -> Any:
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
