"""Which version a document is of, and what a reader does with a version that it does not know.

* The version of the document is ``schema_version``; ``$schema`` must agree with it.
* A known version is checked with its own schema.
* A newer minor (or patch) of a known major is checked with the newest known schema of that major: members that are not
  known, and unknown values of open lists, are warnings; all else stays an error. A release is newer than its
  candidates.
* A newer major, a candidate and a development version other than the known ones are refused: none is read as a
  neighbour.
* A development version of a version that is frozen, as a candidate or released, is refused too: it is migrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from candle_spec.errors import CorruptFileError, UnknownVersionError
from candle_spec.manifest import collection, migrations
from candle_spec.problems import Location, Problem, Severity

UPGRADE = "read it with a newer package: pip install --upgrade candle-spec"
AGAIN = "a development version is no promise: convert the native checkpoint again, or use the package that wrote this"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to check a document with.

    Attributes:
        stated: The version that the document states, ``""`` where it states none.
        version: The version of the schema to check it with, ``None`` where it must be refused.
        newer_minor: Whether the document is of a newer minor version than that schema.
        problems: Findings on the version itself.
    """

    stated: str
    version: str | None
    newer_minor: bool = False
    problems: tuple[Problem, ...] = field(default=())


def identify(document: Mapping[str, Any], *, schema: str = "checkpoint", known: Sequence[str] | None = None) -> str:
    """Return the schema version of a document that this package can read.

    Args:
        document: The document.
        schema: Name of its schema.
        known: Versions of that schema; by default those that are packaged.

    Raises:
        CorruptFileError: It states no version, or states it in another form (``CKP1001``, ``CKP1003``).
        UnknownVersionError: It is of a version that this package does not know; the hint says what to do.
    """
    stated = document.get("schema_version")
    if not isinstance(stated, str) or not collection.VERSION.fullmatch(stated):
        raise CorruptFileError(
            f"the document states no schema_version such as {collection.CURRENT}",
            hint="candle-spec validate says all that is wrong",
            code="CKP1001" if stated is None else "CKP1003",
        )
    selection = select(document, schema=schema, known=known)
    if selection.version is None:
        problem = selection.problems[0]
        raise UnknownVersionError(problem.message, hint=problem.hint, code=problem.code)
    return stated


def select(document: Any, *, schema: str = "checkpoint", known: Sequence[str] | None = None) -> Selection:
    """Choose the schema for a document and say what is to be said about its version.

    Args:
        document: The document.
        schema: Name of its schema.
        known: Versions of that schema; by default those that are packaged.
    """
    versions = sorted(known if known is not None else collection.versions()[schema], key=collection.precedence)
    stated = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(stated, str) or not collection.VERSION.fullmatch(stated):
        return Selection("", versions[-1])  # the schema itself says what is wrong with it
    selection = _choose(stated, versions)
    if schema != "checkpoint":  # a side document follows its manifest, which has said it
        selection = _without_note(selection)
    identifier = document.get("$schema")
    if selection.version is None:  # how another version names its schemas, only that version knows
        return selection
    if isinstance(identifier, str) and identifier != collection.schema_id(schema, stated):
        message = f"'$schema' is {identifier!r}, but 'schema_version' is {stated!r}"
        problem = _problem(
            "CKP1012", Severity.ERROR, message, f"write {collection.schema_id(schema, stated)!r}", "/$schema"
        )
        return replace(selection, problems=(*selection.problems, problem))
    return selection


def for_extension(version: str, known: Sequence[str], at: str) -> Selection:
    """Choose the schema for an object that is named by the identifier of its schema, at the pointer ``at``."""
    return _without_note(_choose(version, sorted(known, key=collection.precedence), at))


def _without_note(selection: Selection) -> Selection:
    return replace(selection, problems=tuple(each for each in selection.problems if each.code != "CKP1014"))


def _problem(code: str, severity: Severity, message: str, hint: str, at: str) -> Problem:
    return Problem(code, severity, message, Location(pointer=at), hint)


def _choose(stated: str, known: Sequence[str], at: str = "/schema_version") -> Selection:
    is_dev = not collection.is_frozen(stated)
    frozen = [each for each in known if collection.is_frozen(each)]
    superseded = is_dev and any(collection.precedence(each)[:3] == collection.precedence(stated)[:3] for each in frozen)
    if stated in known and not superseded:
        message = f"{stated} is a development version: it can change, and readers of a frozen version refuse it"
        notes = (_problem("CKP1014", Severity.INFO, message, "", at),) if is_dev else ()
        return Selection(stated, stated, problems=notes)
    same = [each for each in frozen if collection.precedence(each)[0] == collection.precedence(stated)[0]]
    is_candidate = "-" in stated
    if is_candidate or not same or collection.precedence(stated) < collection.precedence(same[-1]):
        message = f"version {stated} is not known to this package, which knows {', '.join(known)}"
        return Selection(stated, None, problems=(_problem("CKP1011", Severity.ERROR, message, _way_out(stated), at),))
    newer_minor = _minor(same[-1]) < _minor(stated)
    message = f"version {stated} is newer than {same[-1]}, with which it was checked; what is new in it was not"
    severity = Severity.WARNING if newer_minor else Severity.INFO  # a patch changes words only
    return Selection(stated, same[-1], newer_minor, (_problem("CKP1010", severity, message, UPGRADE, at),))


def _minor(version: str) -> tuple[int, ...]:
    """Return what changes with a minor version: the minor number, and whether it is a release."""
    key = collection.precedence(version)
    return key[1], key[3]


def _way_out(stated: str) -> str:
    """Return what to do with a document of a version that is refused."""
    if any(step.source == stated for step in migrations.steps()):
        return f"candle-spec migrate PATH --in-place makes one of version {collection.CURRENT} of it"
    return UPGRADE if collection.is_frozen(stated) else AGAIN
