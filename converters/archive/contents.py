"""What an unpacked archive holds: the one checkpoint in it, and what lies beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from candle_spec.conversion.contract import Native, NativeFile, Part, Source
from candle_spec.conversion.foreign import foreign_content
from candle_spec.conversion.meaning import informative
from candle_spec.converters._shared.folders.inner import Inner, recognise
from candle_spec.converters._shared.folders.kept_files import keep_rest, note_left, role_of
from candle_spec.converters._shared.source_files import source_of, subfolder
from candle_spec.converters.archive.unpacked import Unpacked
from candle_spec.errors import ForeignContentError, InvalidInputError

_FOLDER: Final = 80
_FILE: Final = 40
_USUAL: Final = ("model", "weights", "pytorch_model", "best_model", "checkpoint", "model_weights", "best", "state_dict")
_MADE_UP: Final = ("file name", "folder and file name", "nothing names it")


def find(unpacked: Unpacked, archive: Path) -> tuple[Inner, list[Inner]]:
    """Return the checkpoint, and others beside it that are not it.

    Raises:
        ForeignContentError: There is none.
        InvalidInputError: There are several, and none has the usual name.
    """
    source = _stripped(Source(unpacked.root, tuple(unpacked.files)))
    if len(source.files) == 1:
        source = Source(source.files[0].path, source.files)
    whole = recognise(source)
    if whole is not None and (len(source.files) == 1 or whole.detection.confidence >= _FOLDER):
        return whole, []
    found = _candidates(source)
    if not found:
        raise _nothing(source, archive)
    if len(found) == 1:
        return found[0], []
    usual = [each for each in found if _stem_of(each) in _USUAL]
    if len(usual) == 1:
        return usual[0], [each for each in found if each is not usual[0]]
    names = ", ".join(_name_of(each) for each in found[:8]) + (", …" if len(found) > 8 else "")
    raise InvalidInputError(
        f"{len(found)} checkpoints lie in the archive: {names}",
        location=str(archive),
        hint="unpack it and name one, or the folder with --recursive",
    )


def _nothing(source: Source, archive: Path) -> ForeignContentError:
    if len(source.files) == 1:
        error = foreign_content(source)
        error.message = f"in the archive: {error.message}"
        return error
    names = ", ".join(file.name for file in source.files[:5]) + (", …" if len(source.files) > 5 else "")
    message = f"an archive in which no native checkpoint is recognised: {names}"
    return ForeignContentError(message, location=str(archive), hint="candle-spec formats lists what is read")


def _stripped(source: Source) -> Source:
    """Leave out folders around everything."""
    while True:
        tops = {file.name.partition("/")[0] for file in source.files}
        if len(tops) != 1 or any("/" not in file.name for file in source.files):
            return source
        source = subfolder(source, tops.pop())


def _candidates(source: Source) -> list[Inner]:
    """Return folders that are one checkpoint as a whole, from above, and every other file that is one."""
    left = list(source.files)
    found: list[Inner] = []
    folders = {name[:i] for name in (file.name for file in left) for i in range(len(name)) if name[i] == "/"}
    for folder in sorted(folders, key=lambda name: (name.count("/"), name)):
        if not any(file.name.startswith(f"{folder}/") for file in left):
            continue
        inner = recognise(subfolder(source, folder))
        if inner is not None and inner.detection.confidence >= _FOLDER and len(inner.source.files) > 1:
            found.append(inner)
            left = [file for file in left if not file.name.startswith(f"{folder}/")]
    for file in left:
        inner = recognise(source_of(file))
        if inner is not None and inner.detection.confidence >= _FILE:
            found.append(inner)
    return found


def _name_of(found: Inner) -> str:
    return found.source.files[0].name if len(found.source.files) == 1 else found.source.path.name


def _stem_of(found: Inner) -> str:
    return re.sub(r"\.(?![^/]*/).*", "", _name_of(found).rpartition("/")[2]).lower()


def name_of(native: Native, found: Inner, stem: str) -> list[tuple[Any, str]]:
    """Return what may be the model's name: what the model says, then what the archive or the file is called."""
    inner = [(field.value, field.detail) for field in native.fields if field.pointer == "/name"]
    said = [row for row in inner if row[1] not in _MADE_UP]
    own = _stem_of(found) if len(found.source.files) == 1 else found.source.path.name
    named = [(stem, "file name"), (own, "name in the archive")]
    return [*said, *(row for row in named if informative(row[0]))]


def keep_others(native: Native, unpacked: Unpacked, found: Inner, others: Sequence[Inner]) -> None:
    """Keep descriptions beside the checkpoint; say what else is only in the native bytes."""
    used = {file.path for file in found.source.files}
    beside = [file for file in unpacked.files if file.path not in used]
    apart = {file.path for each in others for file in each.source.files}
    keep_rest(native, [file for file in beside if file.path not in apart and _describes(file)])
    note_left(native, "other checkpoints", [f for f in beside if f.path in apart], "only in the native bytes")
    rest = [file for file in beside if file.path not in apart and not _describes(file)]
    note_left(native, "other files", rest, "only in the native bytes")
    if unpacked.links:
        said = f"not followed, only in the native bytes: {', '.join(unpacked.links)}"[:1990]
        native.parts.append(Part("links", "residue", said, count=len(unpacked.links)))
    if unpacked.litter:
        said = f"of the system that packed it: {', '.join(unpacked.litter)}"[:1990]
        native.parts.append(Part("system files", "residue", said, count=len(unpacked.litter)))


def _describes(file: NativeFile) -> bool:
    return role_of(file.name) in ("license", "document", "config", "environment")
