"""What Java does otherwise than Python, where it shows in an answer of the service, which is written in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

_WHITE: Final = "".join(map(chr, range(0x21)))


def trim(text: str) -> str:
    """Return ``String.trim``: without characters up to U+0020 at both ends; U+00A0 stays."""
    return text.strip(_WHITE)


def shown(values: Iterable[str]) -> str:
    """Return the inside of a list as ``AbstractCollection.toString`` shows it."""
    return ", ".join(values)


def hash_order(names: Iterable[str]) -> list[str]:
    """Return names in the order in which a ``HashSet`` that they were added to yields them."""
    added = list(dict.fromkeys(names))
    buckets = 16
    while len(added) > buckets * 3 // 4:
        buckets *= 2
    return sorted(added, key=lambda name: _spread(name) % buckets)


def _spread(text: str) -> int:
    """``HashMap.hash`` of ``String.hashCode``."""
    code = 0
    for letter in text:
        code = (31 * code + ord(letter)) & 0xFFFFFFFF
    return code ^ (code >> 16)


def parse_date(text: str, pattern: str) -> datetime:
    """Return ``SimpleDateFormat.parse``, which is lenient: month 13 is January, and what follows the date is left.

    Raises:
        ValueError: The text does not begin like the pattern, or the pattern has more than numbers in it.
    """
    found = {"y": 1970, "M": 1, "d": 1, "H": 0, "m": 0, "s": 0}
    at = 0
    items = list(_items(pattern))
    for number, (letter, length) in enumerate(items):
        if letter not in found:
            if not text.startswith(letter, at):
                raise ValueError(f"{text!r} is not like {pattern!r}")
            at += len(letter)
            continue
        packed = number + 1 < len(items) and items[number + 1][0] in found
        match = re.compile(r"[ \t]*([0-9]{1,%s})" % (length if packed else 9)).match(text, at)
        if match is None:
            raise ValueError(f"{text!r} is not like {pattern!r}")
        found[letter], at = int(match[1]), match.end()
    years, month = divmod(found["M"] - 1, 12)
    rest = timedelta(days=found["d"] - 1, hours=found["H"], minutes=found["m"], seconds=found["s"])
    try:
        return datetime(found["y"] + years, month + 1, 1) + rest
    except OverflowError as error:
        raise ValueError(f"{text!r} is beyond the calendar") from error


def format_date(moment: datetime, pattern: str) -> str:
    """Return ``SimpleDateFormat.format`` for a pattern of numbers."""
    fields = {
        "y": moment.year,
        "M": moment.month,
        "d": moment.day,
        "H": moment.hour,
        "m": moment.minute,
        "s": moment.second,
    }
    return "".join(f"{fields[letter]:0{length}}" if letter in fields else letter for letter, length in _items(pattern))


def _items(pattern: str) -> Iterator[tuple[str, int]]:
    """Yield the runs of a pattern: a letter of a field and how often it stands there, or plain text."""
    for match in re.finditer(r"([yMdHms])\1*|[^A-Za-z]+|[A-Za-z]", pattern):
        if match[1] is None and match[0].isalpha():
            raise ValueError(f"{pattern!r} has more than numbers in it")
        yield (match[1], len(match[0])) if match[1] else (match[0], 0)
