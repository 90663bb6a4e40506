"""Data files of a CANDLE program. Nothing is fetched from a network unless the user says so."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from pathlib import Path
from typing import Final

from candle_spec.atomic import Fs, Staging
from candle_spec.candle.paths import data_root, make_folders
from candle_spec.errors import CorruptFileError, MissingPathError, UnsupportedFormatError

ALLOW: Final = "CANDLE_DOWNLOAD"
"""Environment variable that allows downloads."""

_ARCHIVES: Final = (".tar.gz", ".tgz", ".zip")


def get_file(
    fname: str,
    origin: str,
    unpack: bool = False,
    md5_hash: str | None = None,
    cache_subdir: str | None = "common",
    datadir: str | None = None,
    *,
    download: bool | None = None,
) -> str:
    """Return the path of a data file: ``<datadir, or $CANDLE_DATA_DIR/cache_subdir>/fname``.

    Args:
        fname: Name of the file; an archive is unpacked, and the path is then that of its folder.
        origin: Where it can be had.
        unpack: Whether to unpack it.
        md5_hash: Its MD5, as its publisher states it.
        cache_subdir: Folder below the data root.
        datadir: Folder in place of that.
        download: Whether to fetch a missing file; ``None``: if the environment sets ``CANDLE_DOWNLOAD=1``.

    Raises:
        MissingPathError: The file is not there, and may not be fetched.
        CorruptFileError: Its MD5 differs.
        UnsupportedFormatError: It has to be fetched from a place that needs a login.
    """
    folder = Path(datadir) if datadir is not None else Path(data_root()) / (cache_subdir or "")
    path = folder / fname
    inside = next((folder / fname.removesuffix(end) for end in _ARCHIVES if fname.endswith(end)), None)
    if inside is not None and inside.exists():
        return str(inside)
    if not path.exists():
        allowed = os.environ.get(ALLOW) == "1" if download is None else download
        _fetch(origin, path, allowed=allowed)
    if md5_hash is not None and not validate_file(str(path), md5_hash):
        raise CorruptFileError(f"its MD5 is not {md5_hash}", location=str(path), hint=f"fetch it again from {origin}")
    if inside is None or not (unpack or path.is_file()):
        return str(path)
    _unpack(path, folder)
    return str(inside)


def _fetch(origin: str, path: Path, *, allowed: bool) -> None:
    if not allowed:
        raise MissingPathError(
            "the data file is not there, and nothing is downloaded unasked",
            location=str(path),
            hint=f"put it there from {origin}, or set {ALLOW}=1",
        )
    if "modac.cancer.gov" in origin:
        raise UnsupportedFormatError(f"{origin} needs a login", location=str(path), hint="fetch it by hand")
    make_folders(path.parent)
    with Staging(path.parent / f".{path.name}.part", overwrite=True) as staging:
        # The user named the address and allowed the download.
        with urllib.request.urlopen(origin) as response, staging.create("data") as file:  # noqa: S310
            while block := response.read(1 << 20):
                staging.fs.write(file, block)
            staging.fs.sync_file(file)
        staging.fs.rename(staging.path / "data", path)
        staging.fs.sync_folder(path.parent)


def _unpack(path: Path, folder: Path) -> None:
    try:
        if path.name.endswith(".zip"):
            shutil.unpack_archive(path, folder)
        else:
            shutil.unpack_archive(path, folder, filter="data")  # no path out of the folder, no devices
    except (shutil.ReadError, ValueError) as error:
        raise CorruptFileError(f"the archive cannot be unpacked: {error}", location=str(path)) from error


def fetch_file(link: str, subdir: str, unpack: bool = False, md5_hash: str | None = None) -> str:
    """Return the path of the file that a link names; see :func:`get_file`."""
    return get_file(os.path.basename(link), link, unpack=unpack, md5_hash=md5_hash, cache_subdir=subdir)


def validate_file(fpath: str, md5_hash: str) -> bool:
    """Whether a file has an MD5 (which tells accidents, not attacks)."""
    with open(fpath, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == str(md5_hash)


def verify_path(path: str) -> None:
    """Make the folder in which a path lies."""
    folder = os.path.dirname(path)
    if folder:
        make_folders(Path(folder).absolute(), Fs())
