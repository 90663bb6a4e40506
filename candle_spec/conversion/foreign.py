"""Name content that is no checkpoint, so that a stranger's mistake is explained instead of reported as noise.

To add a kind: one row in ``_MAGIC`` (first bytes) or one branch in :func:`_by_text`.
"""

from __future__ import annotations

from typing import Final

from candle_spec.conversion.contract import Source

_HEAD: Final = 4096

_MAGIC: Final[tuple[tuple[int, bytes, str, str], ...]] = (
    (0, b"\x1f\x8b", "a gzip file", "unpack it first"),
    (0, b"BZh", "a bzip2 file", "unpack it first"),
    (0, b"\xfd7zXZ\x00", "an xz file", "unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstandard file", "unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (0, b"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
    (257, b"ustar", "a tar archive", "unpack it first"),
    (0, b"%PDF-", "a PDF document", "this is a document about a model, perhaps, not the model"),
    (0, b"\x7fELF", "a program for Linux", "it will not be run; ask its owner for the checkpoint"),
    (0, b"MZ", "a program for Windows", "it will not be run; ask its owner for the checkpoint"),
    (0, b"\x89PNG", "a PNG image", ""),
    (0, b"PAR1", "an Apache Parquet table", "this is data, not a model"),
    (0, b"SQLite format 3\x00", "an SQLite database", ""),
    (0, b"GGUF", "a GGUF model of llama.cpp", "this format is not read yet"),
    (4, b"TFL3", "a TensorFlow Lite model", "this format is not read yet; the original model is worth more"),
    (0, b"\x93NUMPY", "a NumPy array", "this format is not read yet"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file that no framework known here wrote", "candle-spec inspect says more"),
    (0, b"PK\x03\x04", "a zip archive without a known checkpoint in it", "unpack it and name the file inside"),
)


def foreign_content(source: Source) -> tuple[str, str]:
    """Return what a source that no converter knows is, and what would help."""
    if len(source.files) > 1:
        return "a folder in which no native checkpoint is recognised", "name one file of it"
    with source.files[0].path.open("rb") as file:
        head = file.read(_HEAD)
    known = _by_hdf5(source)
    if known is not None:
        return f"this is {known[0]}, not a native checkpoint", known[1]
    for offset, magic, what, hint in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return f"this is {what}, not a native checkpoint known here", hint
    text = _by_text(head)
    if text is not None:
        return text
    return "the content is of no kind known here", "candle-spec convert --help lists what is read"


def _by_hdf5(source: Source) -> tuple[str, str] | None:
    """Recognise data sets that are kept in HDF5, as models are."""
    from candle_spec.readers.hdf5 import FileWindow, foreign, is_hdf5

    file = source.files[0]
    window = FileWindow(file.path, 0, file.size)
    return foreign(window) if is_hdf5(window) else None


def _by_text(head: bytes) -> tuple[str, str] | None:
    """Recognise text by its beginning."""
    start = head.lstrip().lower()
    if head.startswith(b"version https://git-lfs.github.com/spec/v1"):
        return "this is a Git LFS pointer: the real file was not fetched", "git lfs pull"
    if b"/annex/objects/" in head[:512] and len(head) < 512:
        return "this is a git-annex pointer: the real file was not fetched", "git annex get"
    if start.startswith((b"<!doctype html", b"<html")):
        return "this is an HTML page, most likely an error page saved by a download", "download the file again"
    if start.startswith((b"<?xml", b"<error")):
        return "this is an XML document, most likely a storage service's error", "download the file again"
    if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5:
        return (
            "this is a plain Python pickle, which is not read yet",
            "it will not be run; ask for the framework's own format",
        )
    if b"\x00" in head:
        return None
    try:
        head.decode("utf-8", "strict" if len(head) < _HEAD else "ignore")
    except UnicodeDecodeError:
        return None
    return "this is a text file, not a native checkpoint", "name the weights file; an architecture goes with --topology"
