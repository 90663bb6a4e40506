"""JSON of this format: strict reading, the canonical form for digests, the readable form for files.

* Reading refuses what JSON parsers disagree about: duplicate keys, ``NaN``, a byte-order mark, deep nesting.
* Digests are taken over the canonical form of RFC 8785 (https://www.rfc-editor.org/rfc/rfc8785).
* Files are written in a deterministic readable form: two spaces, the writer's key order, and every value of a list
  named in ``one_line`` on a line of its own, so that a change of one tensor is a change of one line.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, Final, NoReturn

from candle_spec import limits
from candle_spec.errors import CorruptFileError, InvalidInputError, LimitExceededError

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly; larger ones are tagged (:func:`tag_number`)."""

_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")
"""Characters by which the order of UTF-16, that of keys in RFC 8785, differs from that of code points."""

_ORDINARY: Final = frozenset({dict, list, tuple, int, float, bool, type(None)})
_SORTED: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)
_ONE_LINE: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(", ", ": "))


def loads(data: bytes, *, location: str) -> Any:
    """Parse strict JSON; see :func:`loads_with_note`."""
    return loads_with_note(data, location=location)[0]


def loads_with_note(data: bytes, *, location: str) -> tuple[Any, bool]:
    """Parse strict JSON, and say whether every value in it is one that all JSON readers read alike.

    Args:
        data: The whole document, UTF-8.
        location: The file's name, for messages.

    Returns:
        The value; and whether it is *plain*: all text is ASCII, all integers are within ±(2^53-1), no float is whole.

    Raises:
        LimitExceededError: Too large or nested too deeply (``CKP0004``).
        CorruptFileError: Not UTF-8 (``CKP0001``), a byte-order mark (``CKP0005``), a duplicate key (``CKP0003``),
            ``NaN`` or ``Infinity`` (``CKP0006``), or not JSON (``CKP0002``).
    """
    if len(data) > limits.JSON_BYTES:
        raise LimitExceededError(
            f"the document has more than {limits.JSON_BYTES} bytes", location=location, code="CKP0004"
        )
    text = decode(data, location=location)
    document = _parse(text, location)
    found = _survey(document, location)
    escaped = b"\\" in data
    # Every text of the document stands between two quotes: fewer in the tree than in the file, and a key came twice.
    if (_ESCAPE.sub(b"", data) if escaped else data).count(b'"') != 2 * found.texts:
        _refuse_duplicates(text, location)
    return document, found.plain and not escaped and data.isascii()


def decode(data: bytes, *, location: str) -> str:
    """Return the text of a document.

    Raises:
        CorruptFileError: It is not UTF-8 (``CKP0001``), or starts with a byte-order mark (``CKP0005``).
    """
    if data.startswith(b"\xef\xbb\xbf"):
        message = "the document starts with a byte-order mark"
        raise CorruptFileError(message, location=location, hint="save it as UTF-8 without BOM", code="CKP0005")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"the document is not UTF-8 at byte {error.start}"
        raise CorruptFileError(message, location=location, code="CKP0001") from error


def load_file(path: Path, *, location: str = "", most: int = limits.JSON_BYTES) -> Any:
    """Parse a file of strict JSON, of which no more is read than a document may have; see :func:`loads_with_note`."""
    return load_file_with_note(path, location=location, most=most)[0]


def load_file_with_note(path: Path, *, location: str = "", most: int = limits.JSON_BYTES) -> tuple[Any, bool]:
    """Parse a file as :func:`load_file`, and say what :func:`loads_with_note` says of its values."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        message = f"the document has more than {most} bytes"
        raise LimitExceededError(message, location=location or str(path), code="CKP0004")
    return loads_with_note(data, location=location or str(path))


def _parse(text: str, location: str) -> Any:
    """Parse by the parser written in C, without a call for each object: duplicate keys are found by counting."""

    def constant(name: str) -> NoReturn:
        raise CorruptFileError(f"{name} is not JSON", location=location, code="CKP0006")

    def finite(literal: str) -> float:
        value = float(literal)
        if math.isinf(value):
            raise CorruptFileError(f"the number {literal} is out of range", location=location, code="CKP0006")
        return value

    try:
        return json.loads(text, parse_constant=constant, parse_float=finite)
    except json.JSONDecodeError as error:
        raise CorruptFileError(
            f"not JSON: {error.msg}", location=f"{location}:{error.lineno}:{error.colno}", code="CKP0002"
        ) from error
    except RecursionError as error:
        raise _too_deep(location) from error
    except CorruptFileError:
        raise
    except ValueError as error:  # an integer of more digits than the interpreter converts
        raise LimitExceededError(f"a number is too long: {error}", location=location, code="CKP0004") from error


def _refuse_duplicates(text: str, location: str) -> NoReturn:
    """Parse once more, to name the key that came twice."""

    def pairs(items: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                raise CorruptFileError(f"the key {key!r} appears twice", location=location, code="CKP0003")
            seen.add(key)

    json.loads(text, object_pairs_hook=pairs)
    raise CorruptFileError("a key appears twice", location=location, code="CKP0003")


@dataclass(slots=True)
class _Survey:
    """What a walk over a parsed document counts: its texts, keys included; whether its numbers are plain."""

    texts: int = 0
    plain: bool = True


def _survey(document: Any, location: str) -> _Survey:
    """Walk a document level by level, all of a level at once: made for speed.

    Raises:
        LimitExceededError: It is nested too deeply: whatever walks it later may recurse.
    """
    found = _Survey()
    values: Iterable[Any] = [document]
    number = 1
    for depth in count():
        others = [value for value in values if type(value) is not str]
        found.texts += number - len(others)
        present = set(map(type, others))
        found.plain = found.plain and _plain_numbers(others, present)
        if dict not in present and list not in present:
            break
        if depth >= limits.JSON_DEPTH:
            raise _too_deep(location)
        objects, lists = _of(dict, others, present), _of(list, others, present)
        keys = sum(map(len, objects))
        found.texts += keys
        number = keys + sum(map(len, lists))
        values = chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(lists))
    return found


def _of(kind: type, values: list[Any], present: set[type]) -> list[Any]:
    """Return the values of one type, of values whose types are ``present``."""
    if kind not in present:
        return []
    return values if len(present) == 1 else [value for value in values if type(value) is kind]


def _plain_numbers(values: list[Any], present: set[type]) -> bool:
    """Whether the floats among values are not whole, and the integers are ones that every reader keeps."""
    if any(map(float.is_integer, _of(float, values, present))):
        return False
    integers = _of(int, values, present) or [0]
    return bool(min(integers) >= -MAX_SAFE_INTEGER and max(integers) <= MAX_SAFE_INTEGER)


def _too_deep(location: str) -> LimitExceededError:
    return LimitExceededError(
        f"the document is nested more than {limits.JSON_DEPTH} deep", location=location, code="CKP0004"
    )


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of ``value``.

    Raises:
        InvalidInputError: A number outside the safe range, not finite, or a string that is not Unicode.
    """
    import rfc8785

    try:
        if _is_ordinary(value):
            text = _SORTED.encode(value)
            if text.isascii() or not _ASTRAL.search(text):
                return text.encode("utf-8")
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidInputError(f"the value has no canonical JSON form: {error}") from error


def _is_ordinary(value: Any) -> bool:
    """Whether Python's writer of JSON, in C, writes a value as RFC 8785 wants it, keys beyond the BMP left aside.

    It does so for all but numbers that are whole, very small or very large, and for types and keys that it would turn
    into others. A walk level by level, all of a level at once: made for speed.
    """
    values: Iterable[Any] = [value]
    for _ in range(limits.JSON_DEPTH):
        others = [value for value in values if type(value) is not str]
        if not others:
            return True
        present = set(map(type, others))
        if not present <= _ORDINARY or not _numbers_alike(others, present):
            return False
        objects = _of(dict, others, present)
        if not set(map(type, chain.from_iterable(objects))) <= {str}:
            return False
        lists = _of(list, others, present) + _of(tuple, others, present)
        values = chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(lists))
    return False


def _numbers_alike(values: list[Any], present: set[type]) -> bool:
    """Whether RFC 8785 and Python write the numbers among values alike: safe integers, fractions without exponent."""
    integers = _of(int, values, present) or [0]
    if min(integers) < -MAX_SAFE_INTEGER or max(integers) > MAX_SAFE_INTEGER:
        return False
    return all(1e-4 <= abs(x) < 1e16 and not x.is_integer() for x in _of(float, values, present))


def pretty(value: Any, *, one_line: Collection[str] = ()) -> bytes:
    """Return the readable form of ``value``: UTF-8, two spaces, a final newline.

    Args:
        value: The document; its key order is kept.
        one_line: Keys whose list holds one compact item a line.
    """
    return (_pretty(value, 0, frozenset(one_line), compact_items=False) + "\n").encode("utf-8")


def _compact(value: Any) -> str:
    return _ONE_LINE.encode(value)


def _pretty(value: Any, indent: int, one_line: frozenset[str], *, compact_items: bool) -> str:
    outer, inner = "  " * indent, "  " * (indent + 1)
    if isinstance(value, dict) and value:
        members = (
            f"{inner}{_compact(key)}: {_pretty(item, indent + 1, one_line, compact_items=key in one_line)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(members) + f"\n{outer}}}"
    if isinstance(value, list) and value:
        if all(not isinstance(item, (dict, list)) for item in value) and len(flat := _compact(value)) <= 100:
            return flat
        items = (
            inner + (_compact(item) if compact_items else _pretty(item, indent + 1, one_line, compact_items=False))
            for item in value
        )
        return "[\n" + ",\n".join(items) + f"\n{outer}]"
    return _compact(value)


def tag_number(value: float | int) -> Any:
    """Return ``value`` itself where JSON keeps it, else its tagged form.

    Integers beyond ±(2^53-1) become ``{"$int": "digits"}``; floats that are not finite become
    ``{"$float": "nan" | "inf" | "-inf"}``.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_SAFE_INTEGER else {"$int": str(value)}
    return value if math.isfinite(value) else {"$float": repr(value)}
