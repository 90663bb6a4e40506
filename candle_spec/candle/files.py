"""Data files of a CANDLE program: from its cache, else from where the program says that they can be had."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from candle_spec.atomic import Fs, Staging, replace_file
from candle_spec.candle.paths import data_root, make_folders
from candle_spec.errors import (
    CorruptFileError,
    InvalidInputError,
    MissingPathError,
    ServiceError,
    UnsafeContentError,
    UnsupportedFormatError,
)

ALLOW: Final = "CANDLE_DOWNLOAD"
"""Environment variable that forbids downloads where it is 0."""

_ARCHIVES: Final = (".tar.gz", ".tgz", ".zip")
_SCHEMES: Final = ("https", "http", "ftp", "file")
_BLOCK: Final = 1 << 20
_SECONDS: Final = 60.0
"""How long a server may say nothing."""


def get_file(
    fname: str,
    origin: str,
    unpack: bool = False,
    md5_hash: str | None = None,
    cache_subdir: str | None = "common",
    datadir: str | None = None,
    *,
    untar: bool = False,
    download: bool | None = None,
) -> str:
    """Return the path of a data file: ``<datadir, or $CANDLE_DATA_DIR/cache_subdir>/fname``.

    A file that is not there is fetched. Its SHA-256 is noted beside it, and compared whenever it is used again.

    Args:
        fname: Name of the file; an archive is unpacked, and the path is then that of its folder.
        origin: Where it can be had.
        unpack: Unused, as in CANDLE: archives are always unpacked.
        md5_hash: Its MD5, as its publisher states it.
        cache_subdir: Folder below the data root.
        datadir: Folder in place of that.
        untar: What ``unpack`` was called before.
        download: Whether to fetch a missing file; ``None``: unless the environment sets ``CANDLE_DOWNLOAD=0``.

    Raises:
        InvalidInputError: The name leaves the folder, or the address is none that can be fetched.
        MissingPathError: The file is not there, and may not be fetched.
        CorruptFileError: It is not the file that it was, or its MD5 differs, or the archive cannot be unpacked.
        UnsafeContentError: The archive holds a path that leaves the folder, or a link.
        UnsupportedFormatError: It has to be fetched from a place that needs a login.
        ServiceError: It cannot be fetched now.
    """
    folder = Path(datadir) if datadir is not None else Path(data_root()) / (cache_subdir or "")
    path = _inside(folder, fname)
    unpacked = next((_inside(folder, fname.removesuffix(end)) for end in _ARCHIVES if fname.endswith(end)), None)
    if unpacked is not None and unpacked.exists():
        return str(unpacked)
    if path.exists():
        _check_cached(path, origin)
    else:
        allowed = os.environ.get(ALLOW) != "0" if download is None else download
        _fetch(origin, path, allowed=allowed, md5=md5_hash)
    if md5_hash is not None and not validate_file(str(path), md5_hash):
        raise CorruptFileError(f"its MD5 is not {md5_hash}", location=str(path), hint=f"fetch it again from {origin}")
    if unpacked is None:
        return str(path)
    _unpack(path, folder)
    return str(unpacked if unpacked.exists() else folder)


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise InvalidInputError(f"the name {name!r} leaves the folder of data files", location=str(folder))
    return folder.joinpath(*parts)


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def _check_cached(path: Path, origin: str) -> None:
    """A file that was fetched here is the one that was fetched; one that was put here by hand is not looked at."""
    note = _note(path)
    if note.is_file() and path.is_file() and note.read_text(encoding="ascii").strip() != _digest(path, "sha256"):
        raise CorruptFileError(
            "it is not the file that was fetched", location=str(path), hint=f"remove it and {note}: {origin} has it"
        )


def _fetch(origin: str, path: Path, *, allowed: bool, md5: str | None) -> None:
    if not allowed:
        raise MissingPathError(
            "the data file is not there, and may not be downloaded",
            location=str(path),
            hint=f"put it there from {origin}, or do not set {ALLOW}=0",
        )
    if "modac.cancer.gov" in (urlsplit(origin).hostname or ""):
        hint = f"candle-spec modac download fetches it with a login; put it at {path}"
        raise UnsupportedFormatError(f"{origin} needs a login", location=str(path), hint=hint)
    if urlsplit(origin).scheme not in _SCHEMES:
        raise InvalidInputError(f"{origin!r} is no address", hint=f"it begins with {', '.join(_SCHEMES)}")
    sys.stdout.write(f"Downloading data from {origin}\n")
    make_folders(path.parent.absolute())
    with Staging(path.parent / f".{path.name}.part", overwrite=True) as staging:
        _receive(origin, staging)
        found = staging.path / "data"
        if md5 is not None and not validate_file(str(found), md5):
            raise CorruptFileError(f"what {origin} gave has not the MD5 {md5}", location=str(path))
        replace_file(_note(path), f"{_digest(found, 'sha256')}\n".encode(), fs=staging.fs)
        staging.fs.rename(found, path)
        staging.fs.sync_folder(path.parent)


def _receive(origin: str, staging: Staging) -> None:
    try:
        # The program named the address and asked for the file.
        with urllib.request.urlopen(origin, timeout=_SECONDS) as response, staging.create("data") as file:  # noqa: S310
            size, received = response.headers.get("Content-Length"), 0
            while block := response.read(_BLOCK):
                staging.fs.write(file, block)
                received += len(block)
            staging.fs.sync_file(file)
    except OSError as error:
        raise ServiceError(f"{origin} cannot be fetched: {error}") from error
    if size is not None and int(size) != received:
        raise ServiceError(f"{origin} gave {received} of {size} bytes")


def _unpack(path: Path, folder: Path) -> None:
    try:
        if path.name.endswith(".zip"):
            _check_zip(path)
            shutil.unpack_archive(path, folder)
        else:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")  # no path out of the folder, no devices
    except tarfile.FilterError as error:
        raise UnsafeContentError(f"the archive is not unpacked: {error}", location=str(path)) from error
    except (shutil.ReadError, tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise CorruptFileError(f"the archive cannot be unpacked: {error}", location=str(path)) from error


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename.replace("\\", "/"))
            linked = stat.S_ISLNK(member.external_attr >> 16)
            if name.is_absolute() or ".." in name.parts or linked:
                fault = f"the archive is not unpacked: {member.filename!r} is a link or leaves the folder"
                raise UnsafeContentError(fault, location=str(path))


def fetch_file(
    link: str, subdir: str, unpack: bool = False, md5_hash: str | None = None, *, untar: bool = False
) -> str:
    """Return the path of the file that a link names; see :func:`get_file`."""
    return get_file(os.path.basename(link), link, unpack=unpack, md5_hash=md5_hash, cache_subdir=subdir, untar=untar)


def validate_file(fpath: str, md5_hash: str) -> bool:
    """Whether a file has an MD5 (which tells accidents, not attacks)."""
    return _digest(Path(fpath), lambda: hashlib.md5(usedforsecurity=False)) == str(md5_hash)


def _digest(path: Path, kind: str | Callable[[], hashlib._Hash]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def verify_path(path: str) -> None:
    """Make the folder in which a path lies."""
    folder = os.path.dirname(path)
    if folder:
        make_folders(Path(folder).absolute(), Fs())
