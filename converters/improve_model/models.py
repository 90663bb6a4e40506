"""The models in a folder of IMPROVE: single files, TensorFlow bundles, folders that are one as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from candle_spec.conversion.contract import NativeFile, Source
from candle_spec.converters._shared.folders.inner import Inner, recognise_surely
from candle_spec.converters.improve_model import TEXTS
from candle_spec.errors import InvalidInputError, MissingPartError

_BUNDLE: Final = re.compile(r"(.*)\.(index|meta|data-[0-9]{5}-of-[0-9]{5})\Z")


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the folder: its name there, and the checkpoint that it is."""

    name: str
    checkpoint: Inner


def models_of(source: Source) -> list[Model]:
    """Return every model of the folder; data, settings and artifacts beside them are none."""
    left = [file for file in source.files if not _lies_beside(file)]
    found: list[Model] = []
    for folder in sorted({file.name.partition("/")[0] + "/" for file in left if "/" in file.name}):
        inside = [file for file in left if file.name.startswith(folder)]
        whole = recognise_surely(source.path / folder, inside)
        if whole is not None:
            found.append(Model(folder.rstrip("/"), whole))
            left = [file for file in left if file not in inside]
    bundles: dict[str, list[NativeFile]] = {}
    for file in left:
        bundles.setdefault(match[1] if (match := _BUNDLE.match(file.name)) else file.name, []).append(file)
    for prefix, members in bundles.items():
        path = members[0].path if len(members) == 1 else (source.path / prefix).parent
        inner = recognise_surely(path, members)
        if inner is not None:
            found.append(Model(prefix, inner))
    return found


def _lies_beside(file: NativeFile) -> bool:
    """Whether a file's name is that of a text, an artifact of the preprocessing or a table; boosters may be texts."""
    text = file.name.rpartition(".")[2].lower() in TEXTS and not re.fullmatch(r"model\.(txt|json)", file.name)
    return text or re.search(r"scaler|encoder|\.parquet\Z", file.name) is not None


def the_only(found: Sequence[Model], preferred: Sequence[str], location: str) -> Inner:
    """Return the one model of a folder.

    Args:
        found: Its models.
        preferred: Names, with or without ending, that are the model where there are several; the first wins.
        location: The folder, for errors.

    Raises:
        MissingPartError: There is none.
        InvalidInputError: There are several, and none is preferred.
    """
    if not found:
        raise MissingPartError("the folder describes a model but holds none", location=location)
    for wanted in preferred:
        exact = [model for model in found if model.name in (wanted, wanted.rpartition("/")[2])]
        named = exact or [model for model in found if model.name.rpartition(".")[0] == wanted]
        if len(named) == 1:
            return named[0].checkpoint
    if len(found) > 1:
        names = ", ".join(model.name for model in found[:8]) + (", …" if len(found) > 8 else "")
        raise InvalidInputError(
            f"{len(found)} checkpoints lie here: {names}",
            location=location,
            hint="name one of them, or add --recursive",
        )
    return found[0].checkpoint
