"""What each transform does: small total functions of a value, its argument and a context."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec.repositories.engine.record import Kind
from candle_spec.repositories.engine.units import convert
from candle_spec.repositories.engine.vocabulary import Vocabulary
from candle_spec.repositories.language.conditions import is_absent


class TransformError(ValueError):
    """The value cannot be transformed: the field gets none, and the record says why."""


@dataclass(slots=True)
class Note:
    """What happened to a value on its way."""

    kind: Kind
    message: str


@dataclass(slots=True)
class Context:
    """What transforms may use beside the value: the template's vocabularies, and a list for their notes."""

    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def note(self, kind: Kind, message: str) -> None:
        """Tell something about the value."""
        self.notes.append(Note(kind, message))


Run = Callable[[Any, Any, Context], Any]


def plain_text(value: Any) -> str:
    """Return a value as a text: numbers shortest, truth as ``true``, other things as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def items(value: Any) -> list[Any]:
    """A list as it is; anything else as the only item of one."""
    return value if isinstance(value, list) else [value]


def flatten(value: Any, _: Any, __: Context) -> Any:
    """One list of what stands in lists in lists."""
    flat: list[Any] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        elif not is_absent(item):
            flat.append(item)
    return flat


def unique(value: Any, _: Any, __: Context) -> Any:
    """Each item once, in the order of the first."""
    return list({json.dumps(item, sort_keys=True): item for item in items(value)}.values())


def name_order(value: Any, argument: Any, _: Context) -> Any:
    """A person (object of the manifest) or a plain name."""
    if isinstance(value, dict):
        given, family = value.get("given_name"), value.get("family_name")
        if not (given and family):
            return value.get("name")
    else:
        text = plain_text(value).strip()
        family, comma, given = (part.strip() for part in text.partition(","))
        if not comma:
            given, _space, family = (part.strip() for part in text.rpartition(" "))
        if not given or not family:
            return text
    return f"{family}, {given}" if argument == "family-first" else f"{given} {family}"


DATES: Final = {"day": "%Y-%m-%d", "year": "%Y", "us": "%m-%d-%Y", "dotted": "%d.%m.%Y", "moment": "%Y-%m-%dT%H:%M:%SZ"}


def write_date(value: Any, argument: Any, _: Context) -> Any:
    """A date or moment in one of the forms of ``DATES``."""
    text = plain_text(value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TransformError(f"{text!r} is no date") from error
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return moment.strftime(DATES[argument]).rjust(4, "0") if argument == "year" else moment.strftime(DATES[argument])


def in_unit(value: Any, argument: Any, context: Context) -> Any:
    """The number of a quantity in a unit."""
    if not isinstance(value, dict) or not isinstance(value.get("value"), (int, float)):
        raise TransformError("it is no quantity: value and unit")
    number, unit = value["value"], str(value.get("unit", ""))
    if unit == argument:
        return number
    found = convert(number, unit, argument)
    if found is None:
        raise TransformError(f"{unit!r} cannot be converted to {argument!r}")
    context.note(Kind.UNIT_CONVERTED, f"{number:g} {unit} is {found:g} {argument}")
    return found


def look_up(value: Any, argument: Any, context: Context) -> Any:
    """A term of a vocabulary, or a list of them."""
    if isinstance(value, list):
        return [found for item in value if not is_absent(found := _lookup(item, argument, context))]
    return _lookup(value, argument, context)


def _lookup(value: Any, argument: Any, context: Context) -> Any:
    about = argument if isinstance(argument, dict) else {"name": argument}
    vocabulary = context.vocabularies[about["name"]]
    text = plain_text(value)
    match, term = vocabulary.find(text)
    if "unlisted" in about:
        return None if match in ("exact", "matched") else text if about["unlisted"] is True else about["unlisted"]
    if match == "matched":
        context.note(Kind.VOCABULARY_MATCHED, f"{text!r} is {term!r} there")
    elif match == "unverified":
        context.note(Kind.UNVERIFIED, f"{text!r}: the list {vocabulary.name} is {vocabulary.status}")
    elif match == "refused":
        if "otherwise" in about:
            context.note(Kind.DEFAULTED, f"{text!r} is not in {vocabulary.name}: {about['otherwise']!r} instead")
            return about["otherwise"]
        near = f"; nearest: {term!r}" if term else ""
        if about.get("drop"):
            context.note(Kind.LEFT_OUT, f"{text!r} is not in {vocabulary.name}{near}")
            return None
        raise TransformError(f"{text!r} is not in {vocabulary.name}{near}")
    return term


def truncate(value: Any, argument: Any, context: Context) -> Any:
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


def slug(value: Any, argument: Any, _: Context) -> Any:
    """ASCII letters, digits, ``_`` and ``-``; ``.`` becomes ``__`` in the style of identifiers."""
    text = unicodedata.normalize("NFKD", plain_text(value)).encode("ascii", "ignore").decode()
    if argument == "identifier":
        text = re.sub(r"[^A-Za-z0-9_-]", "", re.sub(r"\s+", "_", text.strip()).replace(".", "__"))
        return text.strip("_-")
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def html(value: Any, _: Any, __: Context) -> Any:
    """HTML of Markdown."""
    from candle_spec.repositories.markup.html import to_html

    return to_html(plain_text(value))


def plain(value: Any, _: Any, __: Context) -> Any:
    """The text of HTML."""
    from candle_spec.repositories.markup.html import to_text

    return to_text(plain_text(value))


def in_rst(value: Any, argument: Any, _: Context) -> Any:
    """An address as a link of reStructuredText, with the text given."""
    from candle_spec.repositories.markup import rst

    return rst.link(plain_text(value), argument)


def identifier_url(value: Any, _: Any, __: Context) -> Any:
    """``{scheme, value}`` as an address that resolves, where its scheme has one."""
    if not isinstance(value, dict):
        return value
    scheme, text = value.get("scheme"), str(value.get("value", ""))
    prefix = {"doi": "https://doi.org/", "hf": "https://huggingface.co/", "arxiv": "https://arxiv.org/abs/",
              "pmid": "https://pubmed.ncbi.nlm.nih.gov/", "swhid": "https://archive.softwareheritage.org/",
              "handle": "https://hdl.handle.net/", "uuid": "urn:uuid:", "rrid": "https://scicrunch.org/resolver/",
              }.get(str(scheme), "")  # fmt: skip
    return text if text.startswith(("http://", "https://", "urn:")) else prefix + text


def doi(value: Any, _: Any, __: Context) -> Any:
    """A DOI without its address."""
    text = plain_text(value).strip()
    for prefix in ("https://doi.org/", "http://doi.org/", "https://dx.doi.org/", "http://dx.doi.org/", "doi:"):
        text = text.removeprefix(prefix)
    return text


def with_prefix(prefix: str) -> Run:
    """A transform that writes a prefix (``address``) or takes it away (``bare``)."""
    return lambda value, argument, _: (
        plain_text(value).removeprefix(prefix)
        if argument == "bare"
        else prefix + plain_text(value).removeprefix(prefix)
    )


def where(value: Any, argument: Any, _: Context) -> Any:
    """Keep the items whose members are as given; a list of values means one of them."""

    def fits(item: Any) -> bool:
        wanted = argument.items()
        return all(pointers.get(item, at) in (want if isinstance(want, list) else [want]) for at, want in wanted)

    return [item for item in items(value) if fits(item)]


def split_text(value: Any, argument: Any, _: Context) -> Any:
    """The parts of a text."""
    return [part for each in plain_text(value).split(argument or ",") if (part := each.strip())]


def number_text(value: Any, _: Any, __: Context) -> Any:
    """A number as a text."""
    if isinstance(value, dict):  # a tagged number of the manifest
        return next(iter(value.values()), None)
    return plain_text(value)


def yes_no(value: Any, argument: Any, _: Context) -> Any:
    """Truth in two words."""
    truth = value if isinstance(value, bool) else str(value).strip().lower() in ("yes", "true", "1")
    return (argument or ["Yes", "No"])[0 if truth else 1]


def of_texts(function: Callable[[str], Any]) -> Run:
    """A transform of texts that also takes a list of them."""
    return lambda value, _, __: (
        [function(plain_text(item)) for item in value] if isinstance(value, list) else function(plain_text(value))
    )


def ror(value: Any, argument: Any, context: Context) -> Any:
    """A ROR, bare or as an address."""
    return with_prefix("https://ror.org/")(plain_text(value).removeprefix("ror.org/"), argument, context)


def keyed(value: Any, argument: Any, context: Context) -> Any:
    """A list of objects as one object: a member of each is its name, another one (or all others) what stands there."""
    name, inner = argument if isinstance(argument, list) else (argument, "")
    made: dict[str, Any] = {}
    for item in items(value):
        if not isinstance(item, dict) or is_absent(item.get(name)):
            context.note(Kind.LEFT_OUT, f"an item without {name!r}, which would be its name")
            continue
        key = plain_text(item[name])
        if key in made:
            context.note(Kind.LEFT_OUT, f"a second item named {key!r}")
            continue
        made[key] = item.get(inner) if inner else {other: each for other, each in item.items() if other != name}
    return made


def entries(value: Any, argument: Any, _: Context) -> Any:
    """An object as a list of names and values."""
    name, text = argument or ("attribute", "value")
    return [{name: key, text: plain_text(inner)} for key, inner in value.items()] if isinstance(value, dict) else value
