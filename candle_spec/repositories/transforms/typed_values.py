"""Transforms of values that mean something of their own: persons, dates, quantities, terms of vocabularies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.transforms.transform import Context, Transform, TransformError
from candle_spec.repositories.transforms.units import convert
from candle_spec.repositories.values import is_absent, plain_text

_DATES: Final = {
    "day": "%Y-%m-%d",
    "year": "%Y",
    "us": "%m-%d-%Y",
    "dotted": "%d.%m.%Y",
    "moment": "%Y-%m-%dT%H:%M:%SZ",
}


def _name_order(value: Any, argument: Any, _: Context) -> Any:
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


def _date(value: Any, argument: Any, _: Context) -> Any:
    """A date or moment in one of the forms of ``_DATES``."""
    text = plain_text(value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TransformError(f"{text!r} is no date") from error
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return moment.strftime(_DATES[argument]).rjust(4, "0") if argument == "year" else moment.strftime(_DATES[argument])


def _in_unit(value: Any, argument: Any, context: Context) -> Any:
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


def _terms(value: Any, argument: Any, context: Context) -> Any:
    """A term of a vocabulary, or a list of them."""
    if isinstance(value, list):
        return [found for item in value if not is_absent(found := _term(item, argument, context))]
    return _term(value, argument, context)


def _term(value: Any, argument: Any, context: Context) -> Any:
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


TRANSFORMS: Final = (
    Transform(
        "name-order",
        _name_order,
        ("family-first", "given-first"),
        "Writes a person's name in an order.",
        ("Ada Lovelace", "family-first", "Lovelace, Ada"),
    ),
    Transform(
        "date",
        _date,
        tuple(_DATES),
        "Writes a date or moment (in UTC).",
        ("2025-01-15T12:00:00Z", "us", "01-15-2025"),
    ),
    Transform(
        "unit",
        _in_unit,
        ("unit",),
        "Takes the number of a quantity, in a unit (UCUM).",
        ({"value": 2, "unit": "kg"}, "g", 2000.0),
    ),
    Transform(
        "vocabulary",
        _terms,
        ("vocabulary",),
        "Looks the value up in a vocabulary of the template.",
        ("Torch", "frameworks", "pytorch"),
    ),
)
