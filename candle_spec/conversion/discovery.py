"""Find native checkpoints in a folder tree: by content, each once, in a fixed order.

A folder that is one checkpoint as a whole (an Orbax step, an MLflow model) is found as such and not looked into; every
other file is looked at by itself. Links are never followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.conversion import registry
from candle_spec.conversion.foreign import foreign_content
from candle_spec.conversion.source import resolve_source
from candle_spec.errors import CandleSpecError, InvalidInputError, MissingPathError

FOLDER_CONFIDENCE: Final = 90
"""A folder is one checkpoint where a converter is as sure of it as this; below, its files are looked at."""

_GENERAL: Final = frozenset({".json", ".txt", ".yaml", ".yml", ".zip", ".tar", ".gz", ".tgz", ".xz", ".bz2"})
"""Endings that checkpoints share with everything else: such a file is refused only if it is a damaged checkpoint."""


@dataclass(frozen=True, slots=True)
class Found:
    """One place in the tree.

    Attributes:
        path: The file or folder.
        name: Its path below the tree's root, with ``/``.
        error: Why it is refused although its name says that it is a checkpoint; ``None`` where it was recognised.
    """

    path: Path
    name: str
    error: CandleSpecError | None = None


@dataclass(slots=True)
class Tree:
    """What a tree holds: candidates in the order of their names, and the number of files that are something else."""

    found: list[Found]
    others: int = 0


def discover(root: Path) -> Tree:
    """Return the native checkpoints below ``root``.

    Raises:
        MissingPathError: There is no such folder.
        InvalidInputError: It is a file.
    """
    if not root.exists():
        raise MissingPathError("there is no such folder", location=str(root))
    if not root.is_dir():
        raise InvalidInputError("--recursive wants a folder", location=str(root), hint="leave out --recursive")
    tree = Tree([])
    suffixes = tuple({suffix for converter in registry.converters() for suffix in converter.suffixes} - _GENERAL)
    _folder(root.resolve(), "", tree, suffixes)
    tree.found.sort(key=lambda found: found.name)
    return tree


def _folder(root: Path, prefix: str, tree: Tree, suffixes: tuple[str, ...]) -> None:
    pending = [(root, prefix)]  # no recursion: folders may be nested deeper than calls
    while pending:
        folder, prefix = pending.pop()
        if (folder / MANIFEST).is_file():
            continue  # of the common format already
        if prefix and _is_one(folder):
            tree.found.append(Found(folder, prefix.removesuffix("/")))
            continue
        for path in sorted(folder.iterdir(), reverse=True):
            if path.is_symlink():
                tree.others += 1
            elif path.is_dir():
                pending.append((path, f"{prefix}{path.name}/"))
            elif path.is_file():
                _file(path, prefix + path.name, tree, suffixes)


def _is_one(folder: Path) -> bool:
    """Whether a folder as a whole is one checkpoint."""
    try:
        source = resolve_source(folder)
        recognised = registry.recognise(source) if len(source.files) > 1 else None
    except CandleSpecError:
        # Links out of it, too many files, nothing but empty files: whatever is below is looked at by itself.
        return False
    return recognised is not None and recognised[1].confidence >= FOLDER_CONFIDENCE


def _file(path: Path, name: str, tree: Tree, suffixes: tuple[str, ...]) -> None:
    looks_like_one = path.name.lower().endswith(suffixes)
    if not path.stat().st_size and not looks_like_one:
        tree.others += 1
        return
    try:
        source = resolve_source(path)
        if registry.recognise(source) is not None:
            tree.found.append(Found(path, name))
        elif looks_like_one:
            tree.found.append(Found(path, name, foreign_content(source)))
        else:
            tree.others += 1
    except CandleSpecError as error:
        tree.found.append(Found(path, name, error))
