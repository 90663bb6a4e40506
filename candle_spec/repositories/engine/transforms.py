"""The closed set of transforms: one documented table. Each is total, bounded, and the same on every platform.

A transform takes a value and its argument, and gives a value; what it loses or decides it tells by a note.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec.manifest.words import nearest
from candle_spec.repositories.engine import transform_functions as do
from candle_spec.repositories.engine.transform_functions import Context, Run, TransformError, plain_text
from candle_spec.repositories.language.conditions import is_absent
from candle_spec.repositories.language.terms import Use
from candle_spec.repositories.markup import markdown, rst

__all__ = ["TRANSFORMS", "Context", "Transform", "TransformError", "plain_text", "wrong_argument"]


@dataclass(frozen=True, slots=True)
class Transform:
    """One transform.

    Attributes:
        name: Its name in mappings.
        argument: What it takes: ``none``, ``text``, ``number``, ``vocabulary``, or the words it takes.
        does: What it does, in one sentence.
        example: Value, argument, result.
        markup: Whether it writes markup; in a text of Markdown or reStructuredText nothing is escaped after it.
    """

    name: str
    run: Run
    argument: tuple[str, ...]
    does: str
    example: tuple[Any, Any, Any]
    markup: bool = False


_ALL: Final = (
    Transform(
        "join",
        lambda v, a, _: (a or ", ").join(plain_text(i) for i in do.items(v) if not is_absent(i)),
        ("none", "text"),
        "Joins a list to one text, by default with a comma.",
        (["a", "b"], " / ", "a / b"),
    ),
    Transform(
        "split",
        do.split_text,
        ("none", "text"),
        "Splits a text at each comma (or the text given).",
        ("a, b", None, ["a", "b"]),
    ),
    Transform(
        "first",
        lambda v, *_: do.items(v)[0] if do.items(v) else None,
        ("none",),
        "Takes the first item of a list.",
        ([1, 2], None, 1),
    ),
    Transform(
        "flatten",
        do.flatten,
        ("none",),
        "Makes one list of lists in lists, without what is empty.",
        ([[1], [[2]]], None, [1, 2]),
    ),
    Transform("unique", do.unique, ("none",), "Leaves out what is in the list already.", ([1, 1, 2], None, [1, 2])),
    Transform(
        "where",
        do.where,
        ("members",),
        "Keeps the items whose members (by pointer) have the values given.",
        ([{"r": 1}, {"r": 2}], {"/r": 2}, [{"r": 2}]),
    ),
    Transform(
        "member",
        lambda v, a, _: pointers.get(v, a),
        ("pointer",),
        "Takes the value at a pointer in it.",
        ({"a": {"b": 1}}, "/a/b", 1),
    ),
    Transform("count", lambda v, *_: len(do.items(v)), ("none",), "Counts the items.", ([5, 6], None, 2)),
    Transform(
        "name-order",
        do.name_order,
        ("family-first", "given-first"),
        "Writes a person's name in an order.",
        ("Ada Lovelace", "family-first", "Lovelace, Ada"),
    ),
    Transform(
        "date",
        do.write_date,
        tuple(do.DATES),
        "Writes a date or moment (in UTC).",
        ("2025-01-15T12:00:00Z", "us", "01-15-2025"),
    ),
    Transform(
        "unit",
        do.in_unit,
        ("unit",),
        "Takes the number of a quantity, in a unit (UCUM).",
        ({"value": 2, "unit": "kg"}, "g", 2000.0),
    ),
    Transform(
        "vocabulary",
        do.look_up,
        ("vocabulary",),
        "Looks the value up in a vocabulary of the template.",
        ("Torch", "frameworks", "pytorch"),
    ),
    Transform(
        "html",
        do.html,
        ("none",),
        "Makes HTML of Markdown: only harmless elements, no raw HTML.",
        ("*a* <b>", None, "<p><em>a</em> &lt;b&gt;</p>"),
    ),
    Transform(
        "plain",
        do.plain,
        ("none",),
        "Makes plain text of HTML.",
        ("<p>a &lt; <b>b</b></p>", None, "a < b"),
    ),
    Transform(
        "markdown-text",
        do.of_texts(markdown.words),
        ("none",),
        "Writes a text on one line so that Markdown shows that very text.",
        ("<b> *x*", None, "\\<b\\> \\*x\\*"),
        markup=True,
    ),
    Transform(
        "markdown",
        do.of_texts(markdown.contained),
        ("none",),
        "Keeps Markdown, but for what would reach beyond it: raw HTML, blocks left open, large headings.",
        ("# A *b* <i>", None, "#### A *b* \\<i\\>"),
        markup=True,
    ),
    Transform(
        "markdown-code",
        do.of_texts(markdown.code),
        ("none",),
        "Writes a text as a code span of Markdown.",
        ("a`b", None, "`` a`b ``"),
        markup=True,
    ),
    Transform(
        "markdown-link",
        do.of_texts(markdown.link),
        ("none",),
        "Writes an address of the web as a link of Markdown, any other text as markdown-text does.",
        ("https://example.org/a", None, "<https://example.org/a>"),
        markup=True,
    ),
    Transform(
        "rst-text",
        do.of_texts(rst.words),
        ("none",),
        "Writes a text on one line so that reStructuredText shows that very text.",
        ("a_ *x*", None, "a\\_ \\*x\\*"),
        markup=True,
    ),
    Transform(
        "rst-title",
        do.of_texts(rst.title),
        ("none",),
        "Writes a text as a title of reStructuredText, with its line below.",
        ("A net", None, "A net\n====="),
        markup=True,
    ),
    Transform(
        "rst-prose",
        do.of_texts(rst.prose),
        ("none",),
        "Writes the paragraphs and lists of a text so that reStructuredText shows their very words.",
        ("a\n\n- *b*", None, "a\n\n* \\*b\\*"),
        markup=True,
    ),
    Transform(
        "rst-link",
        do.in_rst,
        ("text",),
        "Writes an address of the web as a link of reStructuredText, under the text given.",
        ("https://example.org/a", "Data", "`Data <https://example.org/a>`__"),
        markup=True,
    ),
    Transform(
        "verbatim",
        do.of_texts(markdown.one_line),
        ("none",),
        "Writes a text on one line, nothing escaped: for a line in a block of code.",
        ("a\n*b*", None, "a *b*"),
        markup=True,
    ),
    Transform(
        "truncate",
        do.truncate,
        ("limit",),
        "Cuts a text to a number of bytes (UTF-8) or characters, and says so.",
        ("abcdef", {"bytes": 3}, "abc"),
    ),
    Transform(
        "slug",
        do.slug,
        ("none", "identifier"),
        "Makes an identifier of a text.",
        ("Net v1.2 é", "identifier", "Net_v1__2_e"),
    ),
    Transform(
        "yes-no",
        do.yes_no,
        ("none", "pair"),
        "Writes truth as Yes or No (or the two words given).",
        (True, None, "Yes"),
    ),
    Transform("text", do.number_text, ("none",), "Makes a text of a number.", (0.5, None, "0.5")),
    Transform(
        "untag",
        lambda v, *_: next(iter(v.values()), None) if isinstance(v, dict) else v,
        ("none",),
        "Makes a text of a tagged number (what JSON cannot hold); leaves any other as it is.",
        ({"$float": "inf"}, None, "inf"),
    ),
    Transform("lower", do.of_texts(str.lower), ("none",), "Makes all letters small.", ("AbC", None, "abc")),
    Transform("upper", do.of_texts(str.upper), ("none",), "Makes all letters large.", ("AbC", None, "ABC")),
    Transform(
        "line",
        do.of_texts(lambda t: " ".join(t.split())),
        ("none",),
        "Makes one line of a text.",
        ("a\n b", None, "a b"),
    ),
    Transform("doi", do.doi, ("none",), "Writes a DOI without address.", ("https://doi.org/10.1/x", None, "10.1/x")),
    Transform(
        "address",
        do.identifier_url,
        ("none",),
        "Makes an address of an identifier (scheme and value).",
        ({"scheme": "doi", "value": "10.1/x"}, None, "https://doi.org/10.1/x"),
    ),
    Transform(
        "orcid",
        do.with_prefix("https://orcid.org/"),
        ("bare", "address"),
        "Writes an ORCID bare or as an address.",
        ("0000-0002-1825-0097", "address", "https://orcid.org/0000-0002-1825-0097"),
    ),
    Transform(
        "ror",
        do.ror,
        ("bare", "address"),
        "Writes a ROR bare or as an address.",
        ("https://ror.org/05gvnxz63", "bare", "05gvnxz63"),
    ),
    Transform(
        "digest",
        lambda v, *_: plain_text(v).rpartition(":")[2],
        ("none",),
        "Takes the hexadecimal digits of a digest.",
        ("sha256:0f", None, "0f"),
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
        do.of_texts(lambda t: t.rpartition("/")[2]),
        ("none",),
        "Takes a path's last part.",
        ("a/b.c", None, "b.c"),
    ),
    Transform(
        "extension",
        do.of_texts(lambda t: t.rpartition("/")[2].rpartition(".")[2]),
        ("none",),
        "Takes what follows the last dot of a file name.",
        ("a/b.tar.gz", None, "gz"),
    ),
    Transform(
        "keyed",
        do.keyed,
        ("text", "pair"),
        "Makes an object of a list of objects: by a member of each; with two, the second is the value.",
        ([{"id": "a", "n": 1}], "id", {"a": {"n": 1}}),
    ),
    Transform(
        "entries",
        do.entries,
        ("none", "pair"),
        "Makes a list of attribute and value (or the two members named) of an object; every value becomes a text.",
        ({"a": 1}, None, [{"attribute": "a", "value": "1"}]),
    ),
    Transform(
        "flat-path",
        do.of_texts(lambda t: t.replace("/", "__")),
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

TRANSFORMS: Final[Mapping[str, Transform]] = {transform.name: transform for transform in _ALL}
"""All transforms by name."""


ESCAPES: Final[Mapping[str, str]] = {".md": "markdown-text", ".rst": "rst-text"}
"""What a value goes through in a text file of a template, where no transform that writes markup stands on its way."""


def escaped(uses: tuple[Use, ...], file: str) -> tuple[Use, ...]:
    """Return the transforms of a value in a text file, with the escape that the file's suffix asks for."""
    escape = ESCAPES.get(file[file.rfind(".") :]) if "." in file else None
    if escape is None or any(TRANSFORMS[use.name].markup for use in uses):
        return uses
    return (*uses, Use(escape))


def wrong_argument(name: str, argument: Any, vocabularies: Mapping[str, Any]) -> str:
    """Say what is wrong with a call, in one sentence, or ``""``."""
    if name not in TRANSFORMS:
        near = nearest(name, TRANSFORMS)
        return f"there is no transform {name!r}" + (f"; did you mean {near!r}?" if near else "")
    kinds = TRANSFORMS[name].argument
    if any(_fits(kind, argument, vocabularies) for kind in kinds):
        return ""
    if kinds == ("vocabulary",):
        known = ", ".join(vocabularies) or "none"
        return f"the template has no vocabulary {argument!r}; it has {known}"
    return f"{name} takes {' or '.join(kinds)}, not {json.dumps(argument)}"


def _fits(kind: str, argument: Any, vocabularies: Mapping[str, Any]) -> bool:
    match kind:
        case "none":
            return argument is None
        case "text" | "unit":
            return isinstance(argument, str)
        case "pointer":
            return isinstance(argument, str) and argument.startswith("/")
        case "members":
            return isinstance(argument, dict) and all(str(key).startswith("/") for key in argument)
        case "limit":
            return (
                isinstance(argument, dict)
                and len(argument) == 1
                and (isinstance(argument.get("bytes", argument.get("characters")), int))
            )
        case "pair":
            return isinstance(argument, list) and len(argument) == 2
        case "vocabulary":
            name = argument.get("name") if isinstance(argument, dict) else argument
            return name in vocabularies
    return bool(argument == kind)
