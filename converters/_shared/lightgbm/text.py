"""The lines of a LightGBM model: header, trees, and what follows them.

Layout, as ``SaveModelToString`` and ``LoadModelFromString`` of ``src/boosting/gbdt_model_text.cpp`` and ``Tree`` of
``src/io/tree.cpp`` have it (https://github.com/microsoft/LightGBM): a line ``tree``; lines ``key=value`` up to the
first empty line, among them ``tree_sizes``, the bytes of each tree; the trees, each ``Tree=<number>``, lines
``key=value`` and empty lines; ``end of trees``; the features' importances; ``parameters:``, lines ``[key: value]``,
``end of parameters``; and from Python ``pandas_categorical:`` and JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import limits
from candle_spec.converters._shared.lightgbm import begins_as_model
from candle_spec.errors import CorruptFileError, LimitExceededError, TruncatedFileError, UnsupportedFormatError
from candle_spec.readers.protobuf import Window

VERSIONS: Final = ("v2", "v3", "v4")
"""Versions of the text whose trees are read; v3 is that of LightGBM 3, v4 that of LightGBM 4."""

_LINE: Final = 64 * limits.MIB
_NEEDED: Final = ("num_class", "label_index", "max_feature_idx", "feature_names", "feature_infos")
_PARAMETER: Final = re.compile(r"\[([^:\]]+): ?(.*)\]\Z")
_END_OF_TREES: Final = b"end of trees\n"


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a model, divided.

    Attributes:
        header: What stands before the trees, by key; keys without a value have ``""``.
        trees: First byte and end of each tree in the text.
        parameters: What the model was trained with, by name, as texts.
        pandas_categorical: The categories of columns that pandas gave, ``None`` where there are none.
    """

    window: Window
    header: dict[str, str]
    trees: list[tuple[int, int]]
    parameters: dict[str, str]
    pandas_categorical: Any

    def raw(self, index: int) -> bytes:
        """Return the text of a tree."""
        return _slice(self.window, *self.trees[index])

    def lines(self, index: int) -> dict[str, bytes]:
        """Return the lines of a tree by key."""
        where = f"{self.window.location}: tree {index}"
        found: dict[str, bytes] = {}
        for line in self.raw(index).split(b"\n")[1:]:
            if not line:
                continue
            key, equals, value = line.partition(b"=")
            name = key.decode("ascii", "backslashreplace")
            if not equals or name in found:
                raise CorruptFileError(f"a line is no key with a value, or stands twice: {name[:80]!r}", location=where)
            found[name] = value
        return found


def divide(window: Window) -> Text:
    """Find the parts of a model's text.

    Raises:
        CorruptFileError: It breaks the layout.
        TruncatedFileError: It ends before it should.
        UnsupportedFormatError: It is of a version whose trees are not known.
        LimitExceededError: It is too large.
    """
    location = window.location
    if window.size > limits.BOOSTER_BYTES:
        raise LimitExceededError(f"a model of {window.size} bytes", location=location)
    head = _slice(window, 0, min(window.size, 512))
    if not begins_as_model(head):
        raise CorruptFileError("this is not the text of a LightGBM model", location=location)
    if b"\r\n" in head:
        raise CorruptFileError(
            "the line ends were changed, so the trees do not stand where the text says",
            location=location,
            hint="copy it again, as binary",
        )
    header, after = _header(window)
    trees, after = _trees(window, header, after)
    parameters, categories = _rest(window, header, after)
    return Text(window, header, trees, parameters, categories)


def _slice(window: Window, start: int, end: int) -> bytes:
    return bytes(window.data[window.offset + start : window.offset + end])


def _find(window: Window, what: bytes, start: int) -> int:
    """Return where ``what`` stands at or after ``start``, or -1."""
    found = window.data.find(what, window.offset + start, window.offset + window.size)
    return found - window.offset if found >= 0 else -1


def _header(window: Window) -> tuple[dict[str, str], int]:
    """Return the header, and the first byte after the empty line that ends it."""
    location = window.location
    end = _find(window, b"\n\n", 0)
    if end < 0:
        raise TruncatedFileError("the header has no end", location=location)
    if end > _LINE:
        raise LimitExceededError(f"a header of {end} bytes", location=location)
    header: dict[str, str] = {}
    for line in _slice(window, 0, end).decode("utf-8", "surrogateescape").split("\n")[1:]:
        key, _, value = line.partition("=")
        if key in header:
            raise CorruptFileError(f"the header has {key[:80]!r} twice", location=location)
        header[key] = value
    missing = [key for key in _NEEDED if key not in header]
    if missing:
        raise CorruptFileError(f"the header lacks {', '.join(missing)}", location=location)
    version = header.get("version", "v2")
    if version not in VERSIONS:
        raise UnsupportedFormatError(
            f"a LightGBM text of the version {version[:80]!r}", location=location, hint="v2 to v4 are read"
        )
    return header, end + 2


def whole(text: str | bytes, what: str, location: str, *, largest: int = 2**31 - 1) -> int:
    """Return a whole number that is not negative.

    Raises:
        CorruptFileError: It is none, or too large for the library.
    """
    word = text.decode("latin-1") if isinstance(text, bytes) else text
    if not re.fullmatch(r"[0-9]{1,18}", word) or int(word) > largest:
        raise CorruptFileError(f"{what} is {word[:80]!r}, not a whole number in range", location=location)
    return int(word)


def _trees(window: Window, header: dict[str, str], start: int) -> tuple[list[tuple[int, int]], int]:
    """Return where the trees stand, and the first byte after them."""
    stated = header.get("tree_sizes")
    if stated is None:
        return _unmeasured(window, start)
    places: list[tuple[int, int]] = []
    sizes = stated.split()
    if len(sizes) > limits.BOOSTER_TREES:
        raise LimitExceededError(f"{len(sizes)} trees", location=window.location)
    for index, word in enumerate(sizes):
        size = whole(word, "a tree's size", window.location, largest=window.size)
        if start + size > window.size:
            raise TruncatedFileError(f"the text ends inside tree {index}", location=window.location)
        _check_tree(window, index, start, start + size)
        places.append((start, start + size))
        start += size
    return places, start


def _check_tree(window: Window, index: int, start: int, end: int) -> None:
    first = f"Tree={index}\n".encode()
    if _slice(window, start, start + len(first)) != first or _slice(window, end - 2, end) != b"\n\n":
        raise CorruptFileError(
            f"tree {index} does not stand where its size says",
            location=f"{window.location}, byte {start}",
            hint="the file was edited or damaged",
        )


def _unmeasured(window: Window, start: int) -> tuple[list[tuple[int, int]], int]:
    """Find the trees of a text that does not state their sizes: each ends with an empty line."""
    places: list[tuple[int, int]] = []
    while _slice(window, start, start + 1) == b"\n":
        start += 1
    while _slice(window, start, start + 5) == b"Tree=":
        end = _find(window, b"\n\n", start)
        if end < 0:
            raise TruncatedFileError(f"the text ends inside tree {len(places)}", location=window.location)
        end += 2
        while _slice(window, end, end + 1) == b"\n":
            end += 1
        _check_tree(window, len(places), start, end)
        places.append((start, end))
        start = end
        if len(places) > limits.BOOSTER_TREES:
            raise LimitExceededError(f"more than {limits.BOOSTER_TREES} trees", location=window.location)
    return places, start


def _rest(window: Window, header: dict[str, str], start: int) -> tuple[dict[str, str], Any]:
    """Read what follows the trees."""
    location = window.location
    if window.size - start > _LINE:
        raise LimitExceededError(f"{window.size - start} bytes follow the trees", location=location)
    data = _slice(window, start, window.size)
    if header.get("version", "v2") != "v2" and not data.startswith(_END_OF_TREES):
        error = TruncatedFileError if _END_OF_TREES.startswith(data.strip()) else CorruptFileError
        raise error("after the trees stands no 'end of trees'", location=f"{location}, byte {start}")
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    parameters: dict[str, str] = {}
    if "parameters:" in lines:
        if header.get("version", "v2") != "v2" and "end of parameters" not in lines:
            raise TruncatedFileError("the text ends inside the parameters", location=location)
        parameters = dict(_parameters(lines[lines.index("parameters:") + 1 :]))
    return parameters, _categories(lines, location)


def _parameters(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line == "end of parameters":
            return
        if found := _PARAMETER.match(line):
            yield found[1], found[2]


def _categories(lines: list[str], location: str) -> Any:
    """Return the categories that Python's package writes last, as JSON."""
    stated = [line for line in lines if line.startswith("pandas_categorical:")]
    if not stated:
        return None
    try:
        return json.loads(stated[-1].partition(":")[2])
    except (ValueError, RecursionError) as error:
        raise TruncatedFileError(f"pandas_categorical is not JSON: {error}", location=location) from error
