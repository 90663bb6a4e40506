"""An asset from MoDaC straight into a validated checkpoint, or into a series of them.

Everything comes into one private folder beside the target, which a later run goes on with; the target appears when all
is there, verified, in one rename.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs, write_errors
from candle_spec.canonical import loads
from candle_spec.checkpoint.layout import MANIFEST, SIGNATURE
from candle_spec.digests import Progress, digest_file, no_progress
from candle_spec.errors import CorruptFileError, MissingPathError, OutputExistsError, UnsafeContentError
from candle_spec.modac.client import Client, Collection
from candle_spec.modac.download import download_file
from candle_spec.modac.names import safe_local_path
from candle_spec.modac.plan import EPOCHS
from candle_spec.problems import Report
from candle_spec.validation import validate

PRIVATE: Final = ".candle-download"
_POINTER: Final = re.compile(rf"{EPOCHS}/[0-9]{{1,9}}")


@dataclass(frozen=True, slots=True)
class Received:
    """What came in: the folder, and the report of each checkpoint in it."""

    path: Path
    reports: tuple[Report, ...]


def receive(
    client: Client,
    asset: str,
    target: Path,
    *,
    tell: Callable[[str], None] = lambda line: None,
    progress: Progress = no_progress,
    fs: Fs | None = None,
) -> Received:
    """Download an asset.

    Args:
        client: The service.
        asset: Path of the asset.
        target: The new folder.
        tell: Called with a line for each file.
        progress: Called with bytes that came in.
        fs: The file system; replaced by tests.

    Raises:
        OutputExistsError: The target is there.
        MissingPathError: There is no such asset, or it holds no manifest: it is not complete.
        CorruptFileError: What came in is not what the manifest lists, or does not validate.
        UnsafeContentError: It names a path outside the target.
        ServiceError: It broke off; what came in is kept for the next run.
    """
    if target.exists():
        raise OutputExistsError("the output exists already", location=str(target), hint="name another output")
    fs = fs or Fs()
    found = client.collection(asset, listed=True)
    if found is None:
        raise MissingPathError("there is no such asset", location=f"{client.settings.host}: {asset}")
    private = target.with_name(f".{target.name}{PRIVATE}")
    with write_errors(target):
        _folders(private, fs)
        parts = list(_parts(client, found))
        for folder, prefix in parts:
            _checkpoint(client, folder, prefix, private, tell, progress, fs)
        reports = tuple(_validated(private / prefix) for _, prefix in parts)
        if any(prefix for _, prefix in parts):
            _pointers(found.metadata, private, fs)
        fs.sync_folder(private)
        fs.rename(private, target)
        fs.sync_folder(target.parent)
    return Received(target, reports)


def _parts(client: Client, asset: Collection) -> Iterator[tuple[Collection, str]]:
    """Yield each collection that holds a checkpoint, with the place of the checkpoint below the target."""
    if any(path.rpartition("/")[2] == MANIFEST for path in asset.files):
        yield asset, ""
        return
    epochs = [path for path in asset.folders if re.fullmatch(r"epoch-[0-9]{1,9}", path.rpartition("/")[2])]
    for path in sorted(epochs):
        folder = client.collection(path, listed=True)
        if folder is not None:
            yield folder, f"{EPOCHS}/{path.rpartition('-')[2]}/"
    if not epochs:
        raise MissingPathError(
            f"the asset holds no {MANIFEST}: it is no checkpoint, or its publication is not complete",
            location=asset.path,
            hint="candle-spec modac get shows what is in it; candle-spec modac download FILE fetches one file",
        )


def _checkpoint(
    client: Client,
    folder: Collection,
    prefix: str,
    private: Path,
    tell: Callable[[str], None],
    progress: Progress,
    fs: Fs,
) -> None:
    """Fetch the files of one checkpoint: those that its manifest lists, each with its digest."""
    sources = dict(_sources(client, folder, prefix))
    if MANIFEST not in sources:
        raise MissingPathError(f"there is no {MANIFEST}: the publication is not complete", location=folder.path)
    root = private / prefix
    _folders(root, fs)
    download_file(client, sources[MANIFEST], root / MANIFEST, fs=fs)
    manifest = loads((root / MANIFEST).read_bytes(), location=MANIFEST)
    for path, sha256 in _listed(manifest, sources, folder.path):
        local = root / safe_local_path(path, location=folder.path)
        if local.is_symlink():
            raise UnsafeContentError("a link stands where a file is to come", location=str(local))
        if sha256 and local.is_file() and digest_file(local) == sha256:
            tell(f"present  {path}")
            continue
        _folders(local.parent, fs)
        download_file(client, sources[path], local, sha256=sha256, progress=progress, fs=fs)
        tell(f"fetched  {path}")


def _sources(client: Client, folder: Collection, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the path in the checkpoint and the path at MoDaC of each file that says it belongs to it."""
    for path in folder.files:
        about = client.file(path)
        source = about.metadata.get("ckpt_path", "") if about else ""
        if source.startswith(prefix) and source:
            yield safe_local_path(source.removeprefix(prefix), location=path), path


def _listed(manifest: Any, sources: Mapping[str, str], location: str) -> Iterator[tuple[str, str]]:
    try:
        rows = [(str(row["path"]), str(row["sha256"])) for row in manifest["files"] if "withheld" not in row]
    except (KeyError, TypeError) as error:
        raise CorruptFileError("the manifest lists no files", location=location) from error
    missing = [path for path, _ in rows if path not in sources]
    if missing:
        raise MissingPathError(
            f"{len(missing)} files that the manifest lists are not there, the first: {missing[0]}", location=location
        )
    yield from rows
    if SIGNATURE in sources:
        yield SIGNATURE, ""


def _validated(root: Path) -> Report:
    report = validate(root)
    if report.errors:
        first = report.errors[0]
        raise CorruptFileError(f"what came in does not validate: {first.message}", location=str(root), code=first.code)
    return report


def _pointers(metadata: Mapping[str, str], private: Path, fs: Fs) -> None:
    """Write what ``best`` and ``last`` of a series name, in the form that needs no links."""
    for name in ("best", "last"):
        value = metadata.get(f"ckpt_{name}", "")
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
