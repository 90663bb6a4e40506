"""Folders of numbered files: Lightning's, TensorFlow's, Keras's, and those of loops that call ``save`` themselves."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from candle_spec.conversion import registry
from candle_spec.conversion.contract import NativeFile, Source
from candle_spec.conversion.native_series import logs
from candle_spec.conversion.native_series.members import LEAST, Member, NativeSeries
from candle_spec.conversion.native_series.names import Said, read_names, take_apart
from candle_spec.errors import InvalidInputError

_STATE: Final = "checkpoint"
_STATE_BYTES: Final = 1 << 20
_NEWEST: Final = re.compile(r'^\s*model_checkpoint_path\s*:\s*"([^"\n]{1,4096})"', re.MULTILINE)
_SHARD: Final = re.compile(r"\.(meta|data-\d{5}-of-\d{5})\Z")
_ALSO: Final = re.compile(r"(^|[_.\-])(last|latest|best)([_.\-]|$)", re.IGNORECASE)
_VERSION: Final = re.compile(r"version_([0-9]{1,9})")


def find(folder: Path) -> NativeSeries | None:
    """Return the numbered checkpoints of a folder; ``None`` where there are none.

    Raises:
        InvalidInputError: Several series lie there.
    """
    place = _lightning(folder) or folder
    files = [path for path in sorted(place.iterdir()) if path.is_file() and not path.is_symlink()]
    indexes = {path.name.removesuffix(".index") for path in files if path.name.endswith(".index")}
    mains = [path for path in files if not (_SHARD.search(path.name) and _SHARD.sub("", path.name) in indexes)]
    template, numbered = _one_template(place, mains)
    if not numbered:
        return None
    lightning = _is_lightning(numbered)
    found = NativeSeries(_title(template, lightning=lightning), folder)
    names = [take_apart(path.name) for path in numbered]
    said = read_names(names, bare_is_step=template.endswith(".index"))
    found.members = [_member(folder, *row, lightning=lightning) for row in zip(numbered, said, strict=True)]
    _refuse_equal(found)
    around = (place, place.parent) if lightning else (place,)
    found.members = logs.add_metrics(found.members, logs.tables(around))
    found.members.sort(key=lambda member: member.order)
    found.last = _newest(place, found.members)
    found.also = [
        (_role(path), path) for path in mains if path not in numbered and path.name != _STATE and _role(path)
    ] + _links(place)
    return found


def _lightning(folder: Path) -> Path | None:
    """Return Lightning's folder of checkpoints below the named one.

    Raises:
        InvalidInputError: There are several runs.
    """
    below = [folder / "checkpoints"]
    for root in (folder, folder / "lightning_logs"):
        if root.is_dir():
            versions = [path for path in root.iterdir() if _VERSION.fullmatch(path.name) and path.is_dir()]
            below += [path / "checkpoints" for path in versions]
    places = sorted(path for path in below if path.is_dir() and any(path.glob("*.ckpt")))
    if len(places) > 1:
        names = ", ".join(place.relative_to(folder).as_posix() for place in places[:10])
        raise InvalidInputError(f"several runs lie here: {names}", location=str(folder), hint="name one of them")
    return places[0] if places else None


def _is_lightning(paths: Sequence[Path]) -> bool:
    return all(path.suffix == ".ckpt" and re.search(r"epoch=[0-9]", path.name) for path in paths)


def _title(template: str, *, lightning: bool) -> str:
    if lightning:
        return "Lightning checkpoints"
    if template.endswith(".index"):
        return "TensorFlow checkpoints"
    return f"numbered files {template}"


def _one_template(folder: Path, paths: Iterable[Path]) -> tuple[str, list[Path]]:
    """Return the files of the one template that names checkpoints.

    Raises:
        InvalidInputError: Several do.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        name = take_apart(path.name)
        if name.numbers:
            groups[name.template].append(path)
    found = {t: rows for t, rows in groups.items() if len(rows) >= LEAST and _is_checkpoint(folder, rows[0])}
    if len(found) > 1:
        shown = ", ".join(f"{template} ({len(rows)})" for template, rows in sorted(found.items()))
        raise InvalidInputError(
            f"several kinds of numbered files lie here: {shown}",
            location=str(folder),
            hint="put the files of one kind into a folder of their own",
        )
    return next(iter(found.items()), ("", []))


def _is_checkpoint(folder: Path, path: Path) -> bool:
    return registry.is_checkpoint(Source(path, (NativeFile(path, path.name, path.stat().st_size),), context=folder))


def _member(folder: Path, path: Path, said: Said, *, lightning: bool) -> Member:
    """Return a member; Lightning names the running epoch, counted from 0: at its end, one more is completed."""
    epoch = said.epoch + 1 if lightning and said.epoch is not None else said.epoch
    return Member(path.relative_to(folder).as_posix(), path, epoch, said.step, said.metrics)


def _refuse_equal(found: NativeSeries) -> None:
    by_order: dict[tuple[int | None, int | None], str] = {}
    for member in found.members:
        other = by_order.setdefault((member.epoch, member.step), member.name)
        if other != member.name:
            raise InvalidInputError(
                f"{other} and {member.name} are of the same epoch and step",
                location=str(found.folder),
                hint="move one of them away",
            )


def _newest(folder: Path, members: Sequence[Member]) -> str:
    """Return the member that TensorFlow's text file ``checkpoint`` names: compared, never opened."""
    path = folder / _STATE
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _STATE_BYTES:
        return ""
    match = _NEWEST.search(path.read_bytes().decode("utf-8", "replace"))
    named = re.split(r"[/\\]", match[1])[-1] if match else ""
    return next((m.name for m in members if named and m.path.name in (named, f"{named}.index")), "")


def _role(path: Path) -> str:
    """``last`` or ``best`` where the name of a file says so, else nothing."""
    match = _ALSO.search(path.name)
    return {"latest": "last"}.get(match[2].lower(), match[2].lower()) if match else ""


def _links(folder: Path) -> list[tuple[str, Path]]:
    """Links called last or best that lead to a file of the same folder."""
    found = []
    for path in sorted(folder.iterdir()):
        target = Path(os.path.normpath(folder / os.readlink(path))) if path.is_symlink() else path
        if target != path and target.parent == folder and target.is_file() and _role(path):
            found.append((_role(path), target))
    return found
