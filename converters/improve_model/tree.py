"""The cross-study tree around an IMPROVE model: which source, which split, whose scores, which preprocessing.

``<tree>/models/SRC/split_k`` is the model, ``<tree>/infer/SRC-TRG/split_k`` its inferences on each target study,
``<tree>/ml_data/SRC-TRG/split_k`` the preprocessed data with scalers and dictionaries. A learning-curve tree has
``split_k/sz_n`` instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

from candle_spec.conversion.contract import NativeFile, Source

_PLACE: Final = re.compile(
    r"(?:(?P<tree>.*)/)?models/(?:(?P<source>[^/]+)/)?(?P<split>split_[0-9]+)(?:/(?P<size>sz_[0-9]+))?\Z"
)
_ARTIFACT: Final = re.compile(r".*(scaler|encoder|tokenizer|normali[sz]er).*|.*\.(pickle|pkl|joblib)\Z", re.IGNORECASE)
_MOST: Final = 200
"""Artifacts of one preprocessing folder; more are data."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What the tree says about one model.

    Attributes:
        root: The tree's root: names of files are relative to it.
        source: The study that it was trained on.
        split: ``split_k``, in a learning-curve tree with ``/sz_n``.
        scores: Target study and file of scores of each inference.
        artifacts: Scalers, encoders, dictionaries of the preprocessing.
    """

    root: Path
    source: str
    split: str
    scores: tuple[tuple[str, NativeFile], ...]
    artifacts: tuple[NativeFile, ...]

    def datasets(self) -> list[dict[str, Any]]:
        """Return the data sets and their splits for the manifest."""
        split = {"id": self.split, "scheme": "mixed" if not self.source else "cross-study"}
        rows = [{"name": self.source or "unknown", "role": role, "split": split} for role in ("train", "validation")]
        rows += [
            {"name": target, "role": "test" if target == self.source else "external", "split": split}
            for target, _ in self.scores
        ]
        return rows


def tree_of(source: Source, settings: Mapping[str, Any]) -> Tree | None:
    """Return the tree around a model folder, if the user allowed to look there and it is one.

    Args:
        source: The model folder.
        settings: What its ``param_log_file.txt`` says.
    """
    if source.context is None:
        return None
    place = _PLACE.match(source.path.relative_to(source.context).as_posix())
    if place is None:
        return None
    root = source.context / (place["tree"] or "")
    study = place["source"] or ""
    split = place["split"] + (f"/{place['size']}" if place["size"] else "")
    scores = tuple(_scores(root, study, split))
    return Tree(root, study, split, scores, tuple(_artifacts(root, study, split, settings)))


def _scores(root: Path, study: str, split: str) -> Iterator[tuple[str, NativeFile]]:
    folders = _folders(root / "infer")
    for folder in folders:
        target = folder.name.removeprefix(f"{study}-") if folder.name.startswith(f"{study}-") else ""
        file = folder / split / "test_scores.json"
        if target and _is_file(file, root):
            yield target, _native(file, root)
    file = root / "infer" / split / "test_scores.json"
    if not study and _is_file(file, root):
        yield "unknown", _native(file, root)


def _artifacts(root: Path, study: str, split: str, settings: Mapping[str, Any]) -> Iterator[NativeFile]:
    folder = _input_folder(root, str(settings.get("input_dir") or settings.get("train_ml_data_dir") or ""))
    if folder is None:
        guessed = root / "ml_data" / f"{study}-{study}" / split
        folder = guessed if guessed.is_dir() and not guessed.is_symlink() else None
    if folder is None:
        return
    files = [path for path in sorted(folder.iterdir()) if _ARTIFACT.match(path.name) and _is_file(path, root)]
    yield from (_native(path, root) for path in files[:_MOST])


def _input_folder(root: Path, stated: str) -> Path | None:
    """Return the folder that the settings name, found by its last parts: the tree was moved since the training."""
    path = PureWindowsPath(stated) if "\\" in stated else PurePosixPath(stated)
    parts = [part for part in path.parts if part not in ("..", ".", "/", path.anchor)]
    for count in range(len(parts), 1, -1):
        folder = root.joinpath(*parts[-count:])
        if folder.is_dir() and folder.resolve().is_relative_to(root.resolve()):
            return folder
    return None


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir() or folder.is_symlink():
        return []
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.is_symlink()]


def _is_file(path: Path, root: Path) -> bool:
    """Whether a file lies in the tree itself: no link on the way leads out of it."""
    return path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(root.resolve())


def _native(path: Path, root: Path) -> NativeFile:
    return NativeFile(path, path.relative_to(root).as_posix(), path.stat().st_size)
