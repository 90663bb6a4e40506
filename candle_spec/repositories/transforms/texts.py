"""Transforms of texts, and what makes a text of another value."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Final

from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.transforms.transform import Context, Transform, of_texts
from candle_spec.repositories.values import plain_text


def _truncate(value: Any, argument: Any, context: Context) -> Any:
    """A text cut to a number of bytes or characters, never within a character."""
    text = plain_text(value)
    if "bytes" in argument:
        limit, size, unit = argument["bytes"], len(text.encode()), "bytes"
        cut = text.encode()[:limit].decode(errors="ignore")
    else:
        limit, size, unit = argument["characters"], len(text), "characters"
        cut = text[:limit]
    if size <= limit:
        return text
    context.note(Kind.TRUNCATED, f"{size} {unit}, cut to {limit}")
    return cut


def _slug(value: Any, argument: Any, _: Context) -> Any:
    """ASCII letters, digits, ``_`` and ``-``; ``.`` becomes ``__`` in the style of identifiers."""
    text = unicodedata.normalize("NFKD", plain_text(value)).encode("ascii", "ignore").decode()
    if argument == "identifier":
        text = re.sub(r"[^A-Za-z0-9_-]", "", re.sub(r"\s+", "_", text.strip()).replace(".", "__"))
        return text.strip("_-")
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _yes_no(value: Any, argument: Any, _: Context) -> Any:
    truth = value if isinstance(value, bool) else str(value).strip().lower() in ("yes", "true", "1")
    return (argument or ["Yes", "No"])[0 if truth else 1]


def _untag(value: Any, *_: Any) -> Any:
    return next(iter(value.values()), None) if isinstance(value, dict) else value


def _text(value: Any, *_: Any) -> Any:
    return _untag(value) if isinstance(value, dict) else plain_text(value)


TRANSFORMS: Final = (
    Transform(
        "truncate",
        _truncate,
        ("limit",),
        "Cuts a text to a number of bytes (UTF-8) or characters, and says so.",
        ("abcdef", {"bytes": 3}, "abc"),
    ),
    Transform(
        "slug",
        _slug,
        ("none", "identifier"),
        "Makes an identifier of a text.",
        ("Net v1.2 é", "identifier", "Net_v1__2_e"),
    ),
    Transform(
        "yes-no",
        _yes_no,
        ("none", "pair"),
        "Writes truth as Yes or No (or the two words given).",
        (True, None, "Yes"),
    ),
    Transform("text", _text, ("none",), "Makes a text of a number.", (0.5, None, "0.5")),
    Transform(
        "untag",
        _untag,
        ("none",),
        "Makes a text of a tagged number (what JSON cannot hold); leaves any other as it is.",
        ({"$float": "inf"}, None, "inf"),
    ),
    Transform("lower", of_texts(str.lower), ("none",), "Makes all letters small.", ("AbC", None, "abc")),
    Transform("upper", of_texts(str.upper), ("none",), "Makes all letters large.", ("AbC", None, "ABC")),
    Transform(
        "line",
        of_texts(lambda t: " ".join(t.split())),
        ("none",),
        "Makes one line of a text.",
        ("a\n b", None, "a b"),
    ),
    Transform(
        "prefix",
        lambda v, a, _: [a + plain_text(i) for i in v] if isinstance(v, list) else a + plain_text(v),
        ("text",),
        "Puts a text before it.",
        ("a", "x-", "x-a"),
    ),
    Transform(
        "basename",
        of_texts(lambda t: t.rpartition("/")[2]),
        ("none",),
        "Takes a path's last part.",
        ("a/b.c", None, "b.c"),
    ),
    Transform(
        "extension",
        of_texts(lambda t: t.rpartition("/")[2].rpartition(".")[2]),
        ("none",),
        "Takes what follows the last dot of a file name.",
        ("a/b.tar.gz", None, "gz"),
    ),
    Transform(
        "flat-path",
        of_texts(lambda t: t.replace("/", "__")),
        ("none",),
        "Makes one name of a path, for repositories without folders.",
        ("a/b.c", None, "a__b.c"),
    ),
    Transform(
        "json",
        lambda v, *_: json.dumps(v, ensure_ascii=False, sort_keys=True),
        ("none",),
        "Writes any value as JSON on one line.",
        ({"b": 1, "a": [2]}, None, '{"a": [2], "b": 1}'),
    ),
)
