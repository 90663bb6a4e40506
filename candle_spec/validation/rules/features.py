"""Feature lists: a model whose genes stand in another order gives numbers all the same, and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from candle_spec.problems import Problem
from candle_spec.validation.context import Context, at

_PIECE: Final = 1 << 20


def axes(context: Context) -> Iterator[Problem]:
    """A feature list is as long as an axis of its input, where all sizes but that of the batch are stated."""
    for place, described in _described(context.manifest):
        count = described["feature_list"]["count"]
        sizes = [axis.get("size") for axis in described.get("axes", [])]
        if sizes and sizes.count(None) <= 1 and count not in sizes:
            message = f"{count} features are listed, but the axes have the sizes {sizes}"
            yield at("CKP2013", message, pointer=f"{place}/feature_list/count")


def contents(context: Context) -> Iterator[Problem]:
    """The file of a feature list has the lines that are stated, in the order that the digest states."""
    for place, described in _described(context.manifest):
        stated = described["feature_list"]
        path = stated.get("path")
        if path is None or not context.readable(path):
            continue
        context.count("feature lists")
        lines, digest, is_text = _read(context.root / path)
        if not is_text:
            yield at("CKP4034", f"{path!r} is not UTF-8", file=path, pointer=f"{place}/feature_list/path")
        if lines != stated["count"]:
            message = f"{path!r} has {lines} lines, the manifest says {stated['count']}"
            yield at("CKP4034", message, file=path, pointer=f"{place}/feature_list/count")
        if stated.get("digest", digest) != digest:
            message = "the lines are not those of the digest"
            yield at("CKP4034", message, file=path, pointer=f"{place}/feature_list/digest")


def _described(manifest: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for side in ("inputs", "outputs"):
        for index, described in enumerate(manifest.get(side, [])):
            if "feature_list" in described:
                yield f"/{side}/{index}", described


def _read(path: Path) -> tuple[int, str, bool]:
    """Count the lines, digest them joined by line feeds without a last one, and tell whether they are UTF-8.

    A line may be of any length.
    """
    import codecs
    import hashlib

    state, count, inside = hashlib.sha256(), 0, False
    decoder, is_text = codecs.getincrementaldecoder("utf-8")(), True
    with path.open("rb") as file:
        while piece := file.readline(_PIECE):
            if not inside:
                state.update(b"\n" if count else b"")
                count += 1
            inside = not piece.endswith(b"\n")
            state.update(piece if inside else piece[:-1].removesuffix(b"\r"))
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                is_text = False
                decoder.reset()
    return count, "sha256:" + state.hexdigest(), is_text and not decoder.getstate()[0]


L2_RULES = (axes,)
L4_RULES = (contents,)
