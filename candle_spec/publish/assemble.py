"""What a service holds, straight into a validated checkpoint, or into a series of them.

Everything comes into one private folder beside the target, which a later run goes on with; the target appears when all
is there, verified, in one rename. What a service says is believed nowhere: the files are those that the manifest lists,
each with its size and digest, and the whole is validated.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.atomic import Fs, write_errors
from candle_spec.canonical import loads
from candle_spec.checkpoint.layout import EVALUATIONS, MANIFEST, SIGNATURE, walk
from candle_spec.digests import Progress, digest_file, no_progress
from candle_spec.errors import (
    CorruptFileError,
    LimitExceededError,
    MissingPathError,
    OutputExistsError,
    UnsafeContentError,
)
from candle_spec.problems import Report
from candle_spec.publish.destination import Audience
from candle_spec.publish.published import Part, Published, safe_local_path
from candle_spec.remote.incoming import Fetched, partial_of, receive_file
from candle_spec.series.outline import EPOCHS
from candle_spec.validation import validate

PRIVATE: Final = ".candle-download"
_MOST_EVALUATIONS: Final = 10_000
_POINTER: Final = re.compile(rf"{EPOCHS}/[0-9]{{1,9}}")


@dataclass(frozen=True, slots=True)
class Received:
    """What came in: the folder, and the report of each checkpoint in it."""

    path: Path
    reports: tuple[Report, ...]


def fetch(
    published: Published, target: Path | None = None, audience: Audience | None = None, *, fs: Fs | None = None
) -> Received | Fetched:
    """Bring here what a service holds: checkpoints that are validated, or the one file that was asked for.

    Args:
        published: What there is.
        target: The new folder, or the new file; by default one in the current folder, named as the service names it.
        audience: Who is told of each file.
        fs: The file system; replaced by tests.

    Raises:
        CandleSpecError: See :func:`assemble`, and for one file :func:`candle_spec.remote.incoming.receive_file`.
    """
    target, audience = target or Path(published.name), audience or Audience()
    if published.file is None:
        return assemble(published, target, tell=audience.tell, fs=fs)
    with audience.bar("downloading", published.file.size or 0) as progress:
        return receive_file(published.file, target, progress=progress, fs=fs)


def assemble(
    published: Published,
    target: Path,
    *,
    tell: Callable[[str], None] = lambda line: None,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Received:
    """Fetch all checkpoints into a new folder.

    Args:
        published: What there is.
        target: The new folder.
        tell: Called with a line for each file.
        progress: Called with bytes that came in.
        fs: The file system; replaced by tests.

    Raises:
        OutputExistsError: The target is there.
        MissingPathError: A checkpoint has no manifest, or not all that it lists.
        CorruptFileError: What came in is not what the manifest lists, or does not validate.
        UnsafeContentError: It names a path outside the target.
        ServiceError: It broke off; what came in is kept for the next run.
    """
    if os.path.lexists(target):
        raise OutputExistsError("the output exists already", location=str(target), hint="name another output")
    fs = fs or Fs()
    target = target.absolute()
    private = target.with_name(f".{target.name}{PRIVATE}")
    with write_errors(target):
        prefixes = []
        for part in published.parts:
            _folders(private, fs)
            _checkpoint(part, private, tell, progress, fs)
            prefixes.append(part.prefix)
        reports = tuple(_validated(private / prefix) for prefix in prefixes)
        if any(prefixes):
            _pointers(published.pointers, private, fs)
        fs.sync_folder(private)
        fs.rename(private, target)
        fs.sync_folder(target.parent)
    return Received(target, reports)


def _checkpoint(part: Part, private: Path, tell: Callable[[str], None], progress: Progress, fs: Fs) -> None:
    """Fetch the files of one checkpoint: those that its manifest lists, each with its digest."""
    root = private / part.prefix
    _folders(root, fs)
    manifest = _manifest(part, root, fs)
    rows = list(_listed(manifest, part))
    _drop_others(root, {path for path, _, _ in rows}, fs)
    for path, sha256, size in rows:
        local = root / safe_local_path(path, location=part.location)
        if local.is_symlink():
            raise UnsafeContentError("a link stands where a file is to come", location=str(local))
        if sha256 and local.is_file() and digest_file(local) == sha256:
            tell(f"present  {part.prefix}{path}")
            continue
        _folders(local.parent, fs)
        incoming = part.incoming(str(part.find(path)))
        receive_file(incoming, local, sha256=sha256, size=size, progress=progress, fs=fs)
        tell(f"fetched  {part.prefix}{path}")


def _manifest(part: Part, root: Path, fs: Fs) -> Any:
    name = part.find(MANIFEST)
    if name is None:
        raise MissingPathError(
            f"there is no {MANIFEST}: it is no checkpoint, or its publication is not complete", location=part.location
        )
    incoming = part.incoming(name)
    if incoming.size is not None and incoming.size > limits.JSON_BYTES:
        raise LimitExceededError(f"the manifest has {incoming.size} bytes", location=incoming.location)
    receive_file(incoming, root / MANIFEST, fs=fs)
    return loads((root / MANIFEST).read_bytes(), location=incoming.location)


def _listed(manifest: Any, part: Part) -> Iterator[tuple[str, str, int | None]]:
    """Yield path, digest and size of each file that the manifest lists, of its signature, and of later evaluations."""
    try:
        rows = [
            (str(row["path"]), str(row["digest"]), int(row["size"]))
            for row in manifest["files"]
            if "withheld" not in row
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError("the manifest lists no files", location=part.location) from error
    missing = [path for path, _, _ in rows if part.find(path) is None]
    if missing:
        raise MissingPathError(
            f"{len(missing)} files that the manifest lists are not there, the first: {missing[0]}",
            location=part.location,
        )
    yield from rows
    if part.find(SIGNATURE) is not None:
        yield SIGNATURE, "", None
    listed = {path for path, _, _ in rows}
    for number in range(_MOST_EVALUATIONS):  # each has a digest of its own
        name = f"{EVALUATIONS}/{number}.json"
        if name in listed or part.find(name) is None:
            return
        yield name, "", None
        if part.find(f"{EVALUATIONS}/{number}.sig") is not None:
            yield f"{EVALUATIONS}/{number}.sig", "", None


def _drop_others(root: Path, listed: set[str], fs: Fs) -> None:
    """Remove what a run for something else left in the private folder; what is still coming in stays."""
    coming = {partial_of(Path(path)).as_posix() for path in listed}
    for found in walk(root):
        if found.path != MANIFEST and found.path not in listed | coming:
            fs.remove_file(root / found.path)


def _validated(root: Path) -> Report:
    report = validate(root)
    if report.errors:
        first = report.errors[0]
        raise CorruptFileError(f"what came in does not validate: {first.message}", location=str(root), code=first.code)
    return report


def _pointers(pointers: Mapping[str, str], private: Path, fs: Fs) -> None:
    """Write what ``best`` and ``last`` of a series name, in the form that needs no links."""
    for name in ("best", "last"):
        value = pointers.get(name, "")
        if _POINTER.fullmatch(value) and (private / value).is_dir():
            path = private / f"{name}.txt"
            if not path.exists():
                with fs.open_new(path) as file:
                    fs.write(file, f"{value}\n".encode())
                    fs.sync_file(file)


def _folders(path: Path, fs: Fs) -> None:
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for one in reversed(missing):
        fs.make_folder(one)
