"""Values of foreign descriptions as values of the manifest: what does not fit its place is not put there.

A description written by others may hold anything: a license that is no SPDX id, an ORCID with a typing error, a name
of ten thousand characters. Each function returns the value in the manifest's form, or ``None``; the description itself
is kept beside the weights, so nothing is lost by leaving a value out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from candle_spec.canonical import canonical, tag_number
from candle_spec.checkpoint.training_fields import measured
from candle_spec.conversion.contract import Field
from candle_spec.errors import CandleSpecError
from candle_spec.weights.dtypes import DTYPES

_SETTINGS_BYTES: Final = 16 << 20
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_DOI: Final = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/[^\s\"'<>{}]+")
_EMAIL: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+")
_PACKAGE: Final = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*(?:===?|=)\s*([A-Za-z0-9][A-Za-z0-9.+!_-]*)"
)
_SPDX: Final = re.compile(r"[A-Za-z0-9(][A-Za-z0-9.+() :-]*")
_DTYPES: Final = {row.numpy: row.name for row in DTYPES.values() if row.numpy} | {
    "float": "F32",
    "double": "F64",
    "half": "F16",
    "long": "I64",
    "int": "I32",
    "integer": "I32",
    "boolean": "BOOL",
    "string": "STR",
    "str": "STR",
    "object": "STR",
    "binary": "BYTES",
}


def line(value: Any, length: int = 2000) -> str | None:
    """Return a text of one line: line feeds become spaces, what is too long is no value."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = _unicode(_CONTROL.sub(" ", str(value)).strip())
    return text if text and len(text) <= length else None


def name(value: Any) -> str | None:
    """Return a name: a line of at most 200 characters."""
    return line(value, 200)


def text(value: Any) -> str | None:
    """Return a text of several lines."""
    if not isinstance(value, str) or not value.strip() or len(value) > 100_000:
        return None
    return _unicode(value.strip())


def _unicode(value: str) -> str | None:
    """Half a surrogate pair, escaped, is JSON or YAML but no text."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return value


def spdx(value: Any) -> str | None:
    """Return a licence where it is an SPDX expression."""
    from candle_spec.manifest.licences import licence_fault

    found = line(value, 500)
    return found if found and _SPDX.fullmatch(found) and not licence_fault(found) else None


def uri(value: Any) -> str | None:
    """Return a URI."""
    found = line(value)
    return found if found and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", found) else None


def email(value: Any) -> str | None:
    """Return an e-mail address."""
    found = line(value, 254)
    return found if found and _EMAIL.fullmatch(found) else None


def orcid(value: Any) -> str | None:
    """Return an ORCID iD with the right check digit."""
    from candle_spec.manifest.identifiers import fault_of

    found = line(value, 37)
    return found if found and fault_of("orcid", found) == "" else None


def doi(value: Any) -> str | None:
    """Return the first DOI in a text."""
    found = line(value)
    match = _DOI.search(found) if found else None
    return match[0].rstrip(".,;)") if match else None


def identifier(scheme: str, value: Any) -> dict[str, str] | None:
    """Return an identifier of a scheme, if it is one."""
    from candle_spec.manifest.identifiers import fault_of

    found = line(value)
    return {"scheme": scheme, "value": found} if found and not fault_of(scheme, found) else None


def date(value: Any) -> str | None:
    """Return a date, or a moment in UTC, of what is written as RFC 3339 or nearly so; none that lies in the future."""
    from candle_spec.validation.rules.semantics import moment_of

    found = line(value, 40)
    match = re.match(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].*)?\Z", found) if found else None
    return match[1] if match and moment_of(match[1]) is not None else None


def dtype(value: Any) -> str | None:
    """Return the dtype of a name of NumPy, torch or MLflow."""
    found = line(value, 40)
    return _DTYPES.get(found.removeprefix("torch.").lower()) if found else None


def names(value: Any, most: int = 100) -> list[str] | None:
    """Return a list of different names from a list or a single one."""
    items = value if isinstance(value, list) else [value]
    found = list(dict.fromkeys(item for item in map(name, items) if item))
    return found[:most] or None


def person(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a person of ``name``, ``affiliation``, ``email``, ``orcid``; what is wrong of it is left out."""
    known = name(about.get("name"))
    if known is None:
        return None
    found: dict[str, Any] = {"name": known}
    if (value := orcid(about.get("orcid"))) is not None:
        found["orcid"] = value
    if (value := name(about.get("affiliation"))) is not None:
        found["affiliation"] = [{"name": value}]
    if (value := email(about.get("email"))) is not None:
        found["email"] = value
    return found


def json_value(value: Any) -> Any:
    """Return a value of JSON or YAML in the manifest's form: numbers that JSON does not keep are tagged."""
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in value.items() if isinstance(key, str) and 0 < len(key) <= 500}
    if isinstance(value, list):
        return [json_value(item) for item in value]
    if isinstance(value, (int, float)):
        return tag_number(value)
    return value if value is None or (isinstance(value, str) and _unicode(value) is not None) else str(type(value))


def number(value: Any) -> float | int | None:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def value_range(found: Any) -> dict[str, float | int] | None:
    """Return a pair of numbers as a range; an open end is left out."""
    pair = found if isinstance(found, list) and len(found) == 2 else [None, None]
    ends = {"min": number(pair[0]), "max": number(pair[1])}
    return {key: value for key, value in ends.items() if value is not None} or None


def count(value: Any) -> int | None:
    """Return a natural number."""
    return value if type(value) is int and 0 <= value < 1 << 53 else None


def is_small(settings: dict[str, Any]) -> bool:
    """Whether settings are few enough to stand in a document of the manifest, and text that JSON can hold."""
    try:
        return len(canonical(settings)) <= _SETTINGS_BYTES
    except CandleSpecError:  # text that is not Unicode has no canonical form; the state tree keeps it
        return False


def pinned(lines: Iterable[Any]) -> dict[str, str]:
    """Return the packages of requirements whose version is stated exactly."""
    found: dict[str, str] = {}
    for item in lines:
        match = _PACKAGE.match(item.strip()) if isinstance(item, str) else None
        if match and len(match[1]) <= 200 and len(match[2]) <= 200:
            found[match[1]] = match[2]
    return found


def versions(about: Any) -> dict[str, str]:
    """Return the packages of a mapping from names to versions."""
    rows = about.items() if isinstance(about, Mapping) else ()
    found = {key: name(value) for key, value in rows if isinstance(key, str)}
    return {
        key: value for key, value in found.items() if value and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", key)
    }


def evaluation(metric: Any, value: Any, origin: str, **about: Any) -> dict[str, Any] | None:
    """Return an entry of ``evaluation`` where the metric is a known one and the value within its range."""
    named, found = line(metric), number(value)
    return measured(named, found, origin, **about) if named is not None and found is not None else None


class Fields:
    """Fields from one document: a value that is ``None`` or empty makes none, the first value for a place stays."""

    def __init__(self, origin: str, source: str = "file") -> None:
        self._origin = origin
        self._source = source
        self.fields: list[Field] = []

    def add(self, pointer: str, value: Any, place: str = "") -> None:
        """Add a field that was read at ``place`` of the description."""
        if value in (None, "", [], {}) or any(field.pointer == pointer for field in self.fields):
            return
        detail = line(f"{self._origin}: {place}" if place else self._origin) or ""
        self.fields.append(Field(pointer, value, self._source, detail))
