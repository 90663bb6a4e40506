"""A checkpoint that lies among other files: find it, read it by its own converter, and put the rest around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from candle_spec.conversion.contract import Group, Native, NativeFile, Part, Source
from candle_spec.converters._shared.folders import container
from candle_spec.errors import InvalidInputError, MissingPartError
from candle_spec.weights.sources import TensorSource, total_size

SURE: Final = 60
"""Below this a converter only guesses, and among other files a guess is not taken."""

_BUNDLE: Final = re.compile(r"(.*)\.(index|meta|data-[0-9]{5}-of-[0-9]{5})\Z")


@dataclass(frozen=True, slots=True)
class Inner:
    """A checkpoint among other files: its name there, and what was recognised."""

    name: str
    found: container.Recognised

    @property
    def source(self) -> Source:
        """Its own files."""
        return self.found.source


def candidates(root: Path, files: Sequence[NativeFile], *, skip: Iterable[str] = ()) -> list[Inner]:
    """Return every checkpoint among ``files``: single files, TensorFlow bundles, folders that are one as a whole.

    Args:
        root: The folder that the files' names are relative to.
        files: The files.
        skip: Names of files that describe the run and are no checkpoints.
    """
    left = [file for file in files if file.name not in set(skip)]
    found: list[Inner] = []
    for folder in _top_folders(left):
        inside = [file for file in left if file.name.startswith(folder)]
        inner = recognise(root / folder, inside, folder.rstrip("/"))
        if inner is not None:
            found.append(inner)
            left = [file for file in left if file not in inside]
    bundles: dict[str, list[NativeFile]] = {}
    for file in left:
        bundles.setdefault(match[1] if (match := _BUNDLE.match(file.name)) else file.name, []).append(file)
    for prefix, members in bundles.items():
        path = members[0].path if len(members) == 1 else (root / prefix).parent
        inner = recognise(path, members, prefix)
        if inner is not None:
            found.append(inner)
    return found


def _top_folders(files: Iterable[NativeFile]) -> list[str]:
    """Return the folders directly below the root, those with the most levels first looked at from above."""
    return sorted({file.name.split("/")[0] + "/" for file in files if "/" in file.name})


def recognise(path: Path, files: Sequence[NativeFile], name: str) -> Inner | None:
    """Return the checkpoint that these files are, if a converter is sure of it."""
    found = container.recognise(Source(path, tuple(files))) if files else None
    return Inner(name, found) if found is not None and found.detection.confidence >= SURE else None


def the_only(found: Sequence[Inner], preferred: Sequence[str], location: str) -> Inner:
    """Return the one checkpoint.

    Args:
        found: What was found.
        preferred: Names, with or without ending, that are the model where there are several; the first wins.
        location: The folder, for errors.

    Raises:
        MissingPartError: There is none.
        InvalidInputError: There are several, and none is preferred.
    """
    if not found:
        raise MissingPartError("the folder describes a model but holds none", location=location)
    for wanted in preferred:
        exact = [inner for inner in found if inner.name in (wanted, wanted.rpartition("/")[2])]
        named = exact or [inner for inner in found if inner.name.rpartition(".")[0] == wanted]
        if len(named) == 1:
            return named[0]
    if len(found) > 1:
        names = ", ".join(inner.name for inner in found[:8]) + (", …" if len(found) > 8 else "")
        raise InvalidInputError(
            f"{len(found)} checkpoints lie here: {names}",
            location=location,
            hint="name one of them, or add --recursive",
        )
    return found[0]


def read(inner: Inner, outer: Source) -> Native:
    """Read a checkpoint by its own converter and let it be a part of the outer source."""
    native = inner.found.read(outer)
    native.source = outer
    return native


def join(native: Native, other: Native, name: str) -> None:
    """Add the tensors of a file that belongs to the model (a scaler, an encoder) as a group of their own."""
    group = f"artifact.{re.sub(r'[^A-Za-z0-9_-]+', '-', name).strip('-')[:80] or 'part'}"
    several = len(other.groups) > 1

    def moved(at: tuple[str, str]) -> tuple[str, str]:
        return group, f"{at[0]}/{at[1]}" if several else at[1]

    def own(tensor: TensorSource) -> TensorSource:
        target = moved(tensor.alias_of) if tensor.alias_of is not None else None
        return replace(tensor, group=group, name=moved((tensor.group, tensor.name))[1], alias_of=target)

    if other.tensors:
        native.groups.append(Group(group, "artifact"))
        native.tensors += [own(tensor) for tensor in other.tensors]
    native.pickles += other.pickles
    native.embedded_code += other.embedded_code
    native.problems += other.problems
    native.checks += other.checks
    native.resources.push(other.resources)
    size = total_size(other.tensors)
    reason = f"{other.format.title}; its structure is only in the native bytes"
    native.parts.append(Part(f"artifact {name}"[:200], "kept", reason, len(other.tensors), size))
