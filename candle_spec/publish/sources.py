"""What is published: a checkpoint or a series, as templates read it, sound, with its native file if that is wanted."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.large_values import put_back
from candle_spec.errors import InvalidInputError
from candle_spec.remote.names import identifier_from
from candle_spec.repositories.engine.source import Source
from candle_spec.repositories.questions.description import gather
from candle_spec.series.layout import Layout
from candle_spec.series.outline import epochs_of, is_series
from candle_spec.series.pointers import NAMES, target

ALL: Final = "all"
"""In the place of an epoch: every one."""

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be published, how it is mapped, and what of it goes along.

    Attributes:
        checkpoint: A checkpoint or a series; ``None`` where something else stands for it.
        templates: Folders of templates that the user names.
        model_file: The model description; by default the one that is found upwards.
        site: The site profile; by default the user's own.
        with_original: Whether what brings the native file back goes along.
        with_native: Whether the restored native file goes along.
        accept_inferred: Whether mandatory values count that were only inferred.
    """

    checkpoint: Path | None
    templates: tuple[Path, ...] = ()
    model_file: Path | None = None
    site: Path | None = None
    with_original: bool = False
    with_native: bool = False
    accept_inferred: bool = False

    @property
    def named(self) -> Path:
        """The checkpoint or the series.

        Raises:
            InvalidInputError: None is named.
        """
        if self.checkpoint is None:
            raise InvalidInputError("no checkpoint is named", hint="candle-spec publish CKPT --to …")
        return self.checkpoint


def source_of(path: Path, model_file: Path | None = None, site: Path | None = None) -> Source:
    """Return what a mapping reads of a checkpoint; of a series, of its last checkpoint.

    Args:
        path: The checkpoint, or the series.
        model_file: The model description; by default the one that is found upwards.
        site: The site profile; by default the user's own.

    Raises:
        MissingPathError: It is neither.
        CorruptFileError: A description says what no manifest may.
    """
    checkpoint = Checkpoint(epochs_of(path)[-1] if is_series(path) else path)
    return gather(put_back(checkpoint.complete_document, checkpoint.read_json), path.resolve(), model_file, site)


def chosen(paths: Sequence[Path], epoch: str | None) -> list[Path]:
    """Return the checkpoints that are meant: a series stands for those of its checkpoints that ``epoch`` names.

    Args:
        paths: Checkpoints and series.
        epoch: ``last``, ``best``, ``all`` or a number; ``None`` leaves every series as it is.

    Raises:
        InvalidInputError: The series has no such checkpoint.
        MissingPathError: It has none at all.
    """
    if epoch is None:
        return list(paths)
    return [one for path in paths for one in (_of_series(path, epoch) if is_series(path) else [path])]


def _of_series(series: Path, epoch: str) -> list[Path]:
    epochs = epochs_of(series)
    if epoch in NAMES:
        named = target(Layout(series), epoch)
        found = [] if named is None else [named]
    else:
        found = [one for one in epochs if epoch == ALL or (epoch.isdigit() and int(one.name) == int(epoch))]
    if not found:
        numbers = ", ".join(str(int(one.name)) for one in epochs[:_SHOWN])
        raise InvalidInputError(
            f"the series has no checkpoint {epoch!r}",
            location=str(series),
            hint=f"last, best, all or one of {numbers}",
        )
    return found


def refuse_damage(source: Path) -> None:
    """Refuse a checkpoint, or a series with one, that validation finds errors in.

    Raises:
        InvalidInputError: It has errors.
    """
    from candle_spec.validation import validate

    for checkpoint in epochs_of(source) if is_series(source) else [source]:
        if errors := validate(checkpoint).errors:
            raise InvalidInputError(
                f"the checkpoint has errors, the first: {errors[0].message}",
                location=str(checkpoint),
                hint="candle-spec validate names them all",
            )


def refuse_series(path: Path) -> None:
    """Refuse a series where a native file is wanted: each of its checkpoints has one of its own.

    Raises:
        InvalidInputError: It is a series.
    """
    if is_series(path):
        raise InvalidInputError("--with-native is for a single checkpoint", location=str(path))


def native_files(checkpoint: Path, scratch: ExitStack) -> dict[str, Path]:
    """Restore the native file and return it, with its topology, by the names that readers of archives expect.

    Args:
        checkpoint: A single checkpoint.
        scratch: Removes what was restored when it is closed.

    Raises:
        InvalidInputError: It is a series, or its native checkpoint is no single file.
    """
    from candle_spec.conversion.restore import restore

    refuse_series(checkpoint)
    folder = Path(scratch.enter_context(tempfile.TemporaryDirectory(prefix="candle-spec-publish-")))
    opened = Checkpoint(checkpoint)
    restored = restore(checkpoint, folder / "native")
    if len(restored) != 1:
        raise InvalidInputError("the native checkpoint is no single file", location=str(checkpoint))
    suffix = Path(str(opened.document["conversion"]["native"]["files"][0]["path"])).suffix or ".bin"
    name = identifier_from(opened.name).lower() or "model"
    found = {f"{name}.model{suffix}": restored[0].path}
    for row in opened.document["files"]:
        if row["role"] == "topology" and row["path"].endswith(".json") and f"{name}.model.json" not in found:
            found[f"{name}.model.json"] = opened.file(row["path"])
    return found
