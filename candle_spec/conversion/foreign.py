"""Name content that is no checkpoint, so that a stranger's mistake is explained instead of reported as noise.

To add a kind: one row in ``_MAGIC`` (first bytes), in ``_TEXT`` (the beginning of a text) or in ``_DUMPS`` (what a
library writes of a model for people to read: words at the beginning of such a text, and the call that saves the model).
"""

from __future__ import annotations

import re
from typing import Final

from candle_spec.conversion.contract import Source
from candle_spec.errors import ForeignContentError

_HEAD: Final = 4096
_CATBOOST: Final = "this format is not read yet, ONNX is: model.save_model('model.onnx', format='onnx')"

_MAGIC: Final[tuple[tuple[int, bytes, str, str], ...]] = (
    (0, b"\x1f\x8b", "a gzip file without a known checkpoint in it", "unpack it first"),
    (0, b"BZh", "a bzip2 file without a known checkpoint in it", "unpack it first"),
    (0, b"\xfd7zXZ\x00", "an xz file without a known checkpoint in it", "unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstandard file", "unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (0, b"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
    (257, b"ustar", "a tar archive without a known checkpoint in it", "unpack it first"),
    (0, b"%PDF-", "a PDF document", "this is a document about a model, perhaps, not the model"),
    (0, b"\x7fELF", "a program for Linux", "it will not be run; ask its owner for the checkpoint"),
    (0, b"MZ", "a program for Windows", "it will not be run; ask its owner for the checkpoint"),
    (0, b"\x89PNG", "a PNG image", ""),
    (0, b"\xff\xd8\xff", "a JPEG image", ""),
    (0, b"PAR1", "an Apache Parquet table", "this is data, not a model"),
    (0, b"SQLite format 3\x00", "an SQLite database", ""),
    (0, b"GGUF", "a GGUF model of llama.cpp", "this format is not read yet"),
    (
        0,
        b"CBM1",
        "a CatBoost model",
        _CATBOOST,
    ),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file that no framework known here wrote", "candle-spec inspect says more"),
    (0, b"PK\x03\x04", "a zip archive without a known checkpoint in it", "unpack it and name the file inside"),
)

_APPLE_DOUBLE: Final = (b"\x00\x05\x16\x07", b"\x00\x05\x16\x00")
_TEXT: Final[tuple[tuple[bytes, str, str, str], ...]] = (
    (
        b"version https://git-lfs.github.com/spec/v1",
        "pointer",
        "a Git LFS pointer: the real file was not fetched",
        "git lfs pull",
    ),
    (
        b"<!doctype html",
        "error-page",
        "an HTML page, most likely an error page saved by a download",
        "download it again",
    ),
    (b"<html", "error-page", "an HTML page, most likely an error page saved by a download", "download it again"),
    (b"<?xml", "error-page", "an XML document, most likely a storage service's error", "download it again"),
    (b"<error", "error-page", "an XML document, most likely a storage service's error", "download it again"),
)

_LIGHTGBM: Final = "write the model itself: booster.save_model('model.txt'); model.booster_ is that of LGBMModel"
_XGBOOST: Final = (
    "write the model itself: booster.save_model('model.ubj'); model.get_booster() is the booster of XGBModel"
)
_DUMPS: Final[tuple[tuple[re.Pattern[bytes], int, str, str], ...]] = (
    (
        re.compile(
            rb'"(num_tree_per_iteration|max_feature_idx|label_index|average_output|tree_info|monotone_constraints'
            rb'|feature_infos|pandas_categorical)" *:'
        ),
        2,
        "the dump of a LightGBM model as JSON (dump_model), which no program loads again",
        _LIGHTGBM,
    ),
    (
        re.compile(rb"\A,?tree_index,node_depth,node_index,left_child"),
        1,
        "the dump of a LightGBM model as a table (trees_to_dataframe), which no program loads again",
        _LIGHTGBM,
    ),
    (
        re.compile(rb'\Abooster\[0\]|\A\[\s*\{\s*"nodeid" *:|\A\[\s*"\s*\{\s*\\"nodeid\\" *:|\A\[\s*"0:(\[|leaf=)'),
        1,
        "the dump of an XGBoost model (dump_model, get_dump), which no program loads again",
        _XGBOOST,
    ),
    (
        re.compile(rb"\A,?Tree,Node,ID,Feature,Split,Yes,No"),
        1,
        "the dump of an XGBoost model as a table (trees_to_dataframe), which no program loads again",
        _XGBOOST,
    ),
    (
        re.compile(rb'\A\{\s*"(features_info|oblivious_trees|ctr_data)" *:'),
        1,
        "a CatBoost model as JSON",
        _CATBOOST,
    ),
)
"""What libraries write of a model besides the model: pattern, how many different words of it, what it is, the call."""


def foreign_content(source: Source) -> ForeignContentError:
    """Return what a source that no converter knows is, and what would help, as the error to raise."""
    location = str(source.path)
    if source.path.is_dir():
        message = "a folder in which no native checkpoint is recognised"
        return ForeignContentError(message, location=location, hint="name one file of it, or add --recursive")
    file = source.files[0]
    with file.path.open("rb") as opened:
        head = opened.read(_HEAD)
    if head.startswith(_APPLE_DOUBLE):
        message = "this is an AppleDouble file: what macOS puts beside a copied file, not the file"
        return ForeignContentError(message, refusal="apple-double", location=location, hint="name the file without ._")
    known = _by_hdf5(source)
    if known is not None:
        message = f"this is {known[0]}, not a native checkpoint"
        return ForeignContentError(message, location=location, hint=known[1])
    for offset, magic, what, hint in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            message = f"this is {what}, not a native checkpoint known here"
            return ForeignContentError(message, location=location, hint=hint)
    return _by_text(head, file.size, location)


def _by_hdf5(source: Source) -> tuple[str, str] | None:
    """Recognise data sets that are kept in HDF5, as models are."""
    from candle_spec.readers.hdf5 import FileWindow, foreign, is_hdf5

    file = source.files[0]
    window = FileWindow(file.path, 0, file.size)
    return foreign(window) if is_hdf5(window) else None


def _by_text(head: bytes, size: int, location: str) -> ForeignContentError:
    """Recognise text by its beginning."""
    start = head.lstrip().lower()
    for beginning, refusal, what, hint in _TEXT:
        if start.startswith(beginning):
            return ForeignContentError(f"this is {what}", refusal=refusal, location=location, hint=hint)
    if size < _HEAD and (b"/annex/objects/" in head or b".git/annex/" in head):
        message = "this is a git-annex pointer: the real file was not fetched"
        return ForeignContentError(message, refusal="pointer", location=location, hint="git annex get")
    if size < _HEAD and start.startswith((b"outs:", b"md5:")) and b"md5" in start:
        message = "this is a DVC pointer: the real file was not fetched"
        return ForeignContentError(message, refusal="pointer", location=location, hint="dvc pull")
    for pattern, often, what, hint in _DUMPS:
        if len({found.group() for found in pattern.finditer(head.lstrip())}) >= often and _is_text(head):
            return ForeignContentError(f"this is {what}", location=location, hint=hint)
    if _is_text(head):
        message = "this is a text file, not a native checkpoint"
        hint = "name the weights file; an architecture goes with --topology"
        return ForeignContentError(message, location=location, hint=hint)
    hint = "candle-spec formats lists what is read"
    return ForeignContentError("the content is of no kind known here", location=location, hint=hint)


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8", "strict" if len(head) < _HEAD else "ignore")
    except UnicodeDecodeError:
        return False
    return True
