"""What brings the native files back: extents that fit the weights, and the file that the certificate names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from candle_spec import pointer
from candle_spec.checkpoint.residue import unpacked
from candle_spec.digests import digest_blocks
from candle_spec.errors import CandleSpecError
from candle_spec.problems import Problem
from candle_spec.validation.context import Context, at


def originals(context: Context) -> Iterator[Problem]:
    """Extents are sorted, do not overlap, name arrays of their length, and speak of the certificate's native file."""
    native = {record["path"]: record for record in pointer.get(context.manifest, "/conversion/native/files") or []}
    for original in pointer.get(context.manifest, "/conversion/restore/originals") or []:
        path = original["extents"]
        if original["native"] not in native or not context.readable(path):
            continue  # said elsewhere
        try:
            document = context.side_document(path)
        except CandleSpecError:  # the schema check of this document says so
            continue
        if context.side_faults(path, "extents", document):
            continue
        yield from _same_file(document, original, native[original["native"]], path)
        yield from _extents(context, document, path)
        yield from _residue(context, document["residue"], path)


def _residue(context: Context, about: dict[str, Any], path: str) -> Iterator[Problem]:
    """The residue unpacks to what is stated of it; no more than that is ever unpacked."""
    if not context.readable(about["path"]):
        return
    digest = digest_blocks(unpacked(context.root / about["path"], about["size"], about["path"]))
    if digest != about["digest"]:
        message = f"the residue unpacks to {digest}, the extents say {about['digest']}"
        yield at("CKP4030", message, file=path, pointer="/residue/digest")


def _same_file(
    document: dict[str, Any], original: dict[str, Any], record: dict[str, Any], path: str
) -> Iterator[Problem]:
    said = {"native": original["native"], "size": record["size"], "digest": record["digest"]}
    for name, value in said.items():
        if document[name] != value:
            message = f"{name} is {document[name]!r}, the certificate says {value!r}"
            yield at("CKP4030", message, file=path, pointer=f"/{name}")
    residue = document["residue"]["path"]
    if residue != original["residue"]:
        message = f"the residue is {residue!r}, the certificate says {original['residue']!r}"
        yield at("CKP4030", message, file=path, pointer="/residue/path")


def _extents(context: Context, document: dict[str, Any], path: str) -> Iterator[Problem]:
    position = covered = 0
    for index, extent in enumerate(document["extents"]):
        here = f"/extents/{index}"
        if extent["offset"] < position:
            yield at("CKP4030", "the extents overlap or are not sorted", file=path, pointer=here)
        position = max(position, extent["offset"] + extent["length"])
        covered += extent["length"]
        if message := _fault(context, extent):
            yield at("CKP4030", message, file=path, pointer=here)
    if position > document["size"]:
        yield at("CKP4030", "the extents reach beyond the native file", file=path, pointer="/size")
    elif covered + document["residue"]["size"] != document["size"]:
        message = f"extents and residue have {covered} and {document['residue']['size']} bytes, not {document['size']}"
        yield at("CKP4030", message, file=path, pointer="/residue/size")


def _fault(context: Context, extent: dict[str, Any]) -> str:
    """Return why an extent does not fit the file that holds its bytes, or ``""``."""
    file, start, length = extent["file"], extent.get("start", 0), extent["length"]
    if "key" not in extent:
        size = next((record["size"] for record in context.manifest["files"] if record["path"] == file), -1)
        return "" if start + length <= size else f"{file!r} does not hold the bytes [{start}, {start + length})"
    header = context.headers.get(file)
    if header is None and (context.present(file) or file in {record["path"] for record in context.manifest["files"]}):
        return ""  # it is missing, withheld or cannot be read, which is said elsewhere
    entry = header.entries.get(extent["key"]) if header is not None else None
    rearranged = "order" in extent or "swap" in extent
    if entry is None or start + length > entry.size or (rearranged and (start, length) != (0, entry.size)):
        return f"no array that holds {length} bytes is named {extent['key']!r} in {file!r}"
    if sorted(extent.get("order", ())) not in ([], list(range(len(entry.shape)))):
        return f"order is not one of the axes of {extent['key']!r}"
    return ""
