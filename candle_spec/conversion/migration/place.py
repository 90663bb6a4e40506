"""Where a migrated folder gets its name: a new one, or that of the old one, which is kept until it is discarded."""

from __future__ import annotations

import os
from pathlib import Path

from candle_spec.atomic import Fs, Staging, private_name, recover, write_errors
from candle_spec.canonical import load_file
from candle_spec.checkpoint.layout import MANIFEST, is_checkpoint
from candle_spec.errors import CandleSpecError, InvalidInputError, MissingPathError, OutputExistsError
from candle_spec.manifest import CURRENT, migrations
from candle_spec.series import outline


def kept_name(path: Path) -> Path:
    """Return where the old folder is kept: ``<name>.before-rc.1``."""
    return path.with_name(f"{path.name}.before-{CURRENT.partition('-')[2] or CURRENT}")


def new_place(output: str | Path, source: Path, fs: Fs) -> Staging:
    """Return what becomes a new folder.

    Raises:
        MissingPathError: The folder for it does not exist.
        InvalidInputError: It would lie in what is migrated.
    """
    target = Path(output).absolute().parent.resolve() / Path(output).name
    if not target.parent.is_dir():
        raise MissingPathError(
            "the folder for the output does not exist", location=str(target.parent), hint="make it first"
        )
    if target == source or source in target.parents:
        raise InvalidInputError("the output would lie in what is migrated", location=str(target), hint="--in-place")
    return Staging(target, fs=fs)


def same_place(path: Path, fs: Fs) -> Staging:
    """Return what takes the place of a folder, which is kept.

    Raises:
        InvalidInputError: It is a checkpoint of a series, which holds it by its seal.
        OutputExistsError: Something else has the name under which it would be kept.
    """
    kept = kept_name(path)
    if path.parent.name == outline.EPOCHS and outline.is_series(path.parent.parent):
        raise InvalidInputError(
            "this is a checkpoint of a series, which is migrated as a whole",
            location=str(path),
            hint=f"candle-spec migrate {path.parent.parent} --in-place",
        )
    if os.path.lexists(kept):
        raise OutputExistsError(
            "the old one would be kept here, where something is already", location=str(kept), hint="move it away"
        )
    return Staging(path, overwrite=True, keep=kept, fs=fs)


def is_old(path: Path) -> bool:
    """Whether a checkpoint, or any checkpoint of a series, says that it is of an older version.

    Raises:
        CandleSpecError: It is neither.
    """
    if not is_checkpoint(path) and not outline.is_series(path):
        raise MissingPathError("this is no checkpoint and no series", location=str(path))
    folders = [path] if is_checkpoint(path) else sorted((path / outline.EPOCHS).iterdir())
    manifests = (folder / MANIFEST for folder in folders)
    return any(migrations.is_older(load_file(manifest)) for manifest in manifests if manifest.is_file())


def settle(path: Path, fs: Fs) -> None:
    """Undo what a killed migration left: the old folder has its name again, and nothing is beside it."""
    recover(path, fs)
    kept = kept_name(path)
    if not kept.is_dir() or kept.is_symlink():
        return
    with write_errors(path):
        if not os.path.lexists(path):
            fs.rename(kept, path)
            fs.sync_folder(path.parent)
        elif _is_new_beside_old(kept, path):
            _remove(kept, path, fs)


def _is_new_beside_old(new: Path, old: Path) -> bool:
    try:
        return is_old(old) and not is_old(new)
    except (CandleSpecError, OSError):  # what is neither is somebody else's, and in the way
        return False


def discard(path: Path, fs: Fs) -> Path:
    """Remove the old folder that was kept; return where it was.

    Raises:
        MissingPathError: None is kept.
        InvalidInputError: What has its name is not the migrated one, or what is kept is not an old one.
    """
    kept = kept_name(path)
    if not kept.is_dir() or kept.is_symlink():
        raise MissingPathError("nothing is kept here", location=str(kept))
    if not _is_new_beside_old(path, kept):
        raise InvalidInputError(
            "these are not a migrated folder and the one that it was made of",
            location=f"{path}, {kept}",
            hint="look at both: candle-spec inspect",
        )
    with write_errors(kept):
        _remove(kept, path, fs)
    return kept


def _remove(kept: Path, path: Path, fs: Fs) -> None:
    """Remove a folder: its name goes first, so that nothing half removed looks like a checkpoint."""
    private = private_name(path)
    fs.rename(kept, private)
    fs.sync_folder(path.parent)
    if (private / MANIFEST).is_file():
        fs.remove_file(private / MANIFEST)
    fs.remove_tree(private)
    recover(path, fs)
