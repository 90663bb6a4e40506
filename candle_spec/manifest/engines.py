"""Two engines that check a document against a packaged schema and report the same faults.

``fast`` is jsonschema-rs, which takes milliseconds for thousands of tensors; ``reference`` is jsonschema, written in
Python by the authors of the test suite of JSON Schema. Both get the same documents and never fetch any. A fault names
the assertion that failed; :mod:`candle_spec.manifest.words` says it in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from candle_spec import pointer
from candle_spec.errors import LimitExceededError
from candle_spec.manifest import collection

if TYPE_CHECKING:
    import jsonschema
    import jsonschema_rs

Engine = Literal["fast", "reference"]

_RANKS: Final = ("false", "type", "not", "maxLength", "minLength", "pattern", "enum", "const", "anyOf", "oneOf")
"""Assertions on a value itself, the most telling first."""

_MEMBERS: Final = frozenset({"required", "dependentRequired", "additionalProperties", "propertyNames"})
"""Assertions on members, which are never told by another one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One assertion that a value does not fulfil.

    Attributes:
        path: Where the value is in the document.
        keyword: The keyword of the assertion, ``"false"`` for a schema that is ``false``.
        location: Absolute location of the schema object that holds the keyword.
        schema: That schema object.
        instance: The value.
        branches: For ``anyOf`` and ``oneOf``, the faults of each branch.
    """

    path: tuple[str | int, ...]
    keyword: str
    location: str
    schema: Mapping[str, Any]
    instance: Any
    branches: tuple[tuple[Fault, ...], ...] = ()


def faults(document: Any, name: str, version: str, engine: Engine = "fast") -> list[Fault]:
    """Return all faults of a document, each once.

    Args:
        document: What a JSON parser gives; strings are Unicode, keys are strings.
        name: Name of the schema.
        version: Its version.
        engine: Which engine.
    """
    found = _fast(document, name, version) if engine == "fast" else _reference(document, name, version)
    unique: dict[tuple[tuple[str | int, ...], str, str], Fault] = {}
    for fault in found:
        unique.setdefault((fault.path, fault.keyword, fault.location), fault)
    return list(unique.values())


@cache
def fast_validator(name: str, version: str) -> jsonschema_rs.Draft202012Validator:
    """Return the compiled validator of jsonschema-rs.

    Its regular expressions are those that run in linear time, whatever the text.
    """
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(
        collection.read(name, version),
        registry=jsonschema_rs.Registry(list(collection.needed(name, version).items())),
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    )


@cache
def reference_validator(name: str, version: str) -> jsonschema.Draft202012Validator:
    """Return the validator of jsonschema."""
    import jsonschema
    import referencing

    resources = ((name, referencing.Resource.from_contents(doc)) for name, doc in collection.documents().items())
    registry: referencing.Registry[Any] = referencing.Registry().with_resources(resources)
    return jsonschema.Draft202012Validator(collection.read(name, version), registry=registry)


def key_faults(fault: Fault, key: str) -> list[Fault]:
    """Return what is wrong with one key, for a fault of ``propertyNames``."""
    names = {"$ref": f"{fault.location}/propertyNames"}
    validator = reference_validator("common/text", collection.CURRENT).evolve(schema=names)
    return [_from_reference(error, key, "") for error in validator.iter_errors(key)]


def _fast(document: Any, name: str, version: str) -> Iterator[Fault]:
    validator = fast_validator(name, version)
    try:
        found = [] if validator.is_valid(document) else list(validator.iter_errors(document))
    except ValueError as error:  # "Recursion limit reached": a file so deep was refused when it was read
        raise LimitExceededError("the document is nested too deeply", code="CKP0004") from error
    for each in found:
        yield _from_fast(each, document)


def _from_fast(error: jsonschema_rs.ValidationError, document: Any) -> Fault:
    path = tuple(error.instance_path)
    location, keyword = unquote(str(error.absolute_keyword_location)), "false"
    if error.kind.name != "falseSchema":
        location, keyword = _split(location)
    schema = collection.node(location) if keyword != "false" else {}
    kind: Any = error.kind
    branches: Sequence[Any] = kind.context if keyword in ("anyOf", "oneOf") else ()
    inner = tuple(tuple(_from_fast(each, document) for each in branch) for branch in branches)
    return Fault(path, keyword, location, schema, _at(document, path), inner)


def _split(location: str) -> tuple[str, str]:
    """Return the location of the schema object and the keyword in it."""
    head, found, _ = location.rpartition("/dependentRequired/")  # followed by a number of jsonschema-rs's own
    if found:
        return head, "dependentRequired"
    head, _, keyword = location.rpartition("/")
    return head, keyword


def _at(document: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        document = document[part]
    return document


def _reference(document: Any, name: str, version: str) -> Iterator[Fault]:
    try:
        for error in reference_validator(name, version).iter_errors(document):
            yield _from_reference(error, document, collection.schema_id(name, version))
    except RecursionError as error:
        raise LimitExceededError(
            "the document is nested too deeply for the reference engine", code="CKP0004"
        ) from error


def _from_reference(error: jsonschema.ValidationError, document: Any, root: str) -> Fault:
    path = tuple(error.absolute_path)
    if error.schema is False:
        return Fault(path, "false", "", {}, error.instance)
    if root and (owner := _names_owner(error.absolute_schema_path, root)):
        # jsonschema gives the faults of the name, without its place: say it as jsonschema-rs does
        return Fault(path, "propertyNames", owner, collection.node(owner), _at(document, path))
    schema: Any = error.schema
    location = collection.locations()[id(schema)]
    branches: dict[int, list[Fault]] = {}
    if error.validator in ("anyOf", "oneOf"):
        for each in error.context or ():
            branches.setdefault(int(each.schema_path[0]), []).append(_from_reference(each, document, root))
    inner = tuple(tuple(branches[index]) for index in sorted(branches))
    return Fault(path, str(error.validator), location, schema, error.instance, inner)


def _names_owner(way: Iterable[str | int], root: str) -> str:
    """Return the location of the schema object whose ``propertyNames`` are on a way through the schemas, or ``""``."""
    location, named = f"{root}#", False
    for part in way:
        while not named and part not in collection.node(location):  # jsonschema leaves $ref out of the way
            target, _, fragment = str(collection.node(location)["$ref"]).partition("#")
            location = f"{target or location.partition('#')[0]}#{fragment}"
        if part == "propertyNames" and not named:
            return location
        location += pointer.join([part])
        named = not named and part in ("properties", "$defs", "dependentSchemas", "allOf", "anyOf", "oneOf")
    return ""


def telling(faults: Iterable[Fault]) -> list[Fault]:
    """Return the faults without those that say again, in a poorer way, what another one says of the same value.

    Engines differ here: after a final line feed some find that the pattern does not fit, some only the line feed.
    """
    best: dict[tuple[str | int, ...], int] = {}
    ranked = [(each, _rank(each)) for each in faults]
    for each, rank in ranked:
        best[each.path] = min(rank, best.get(each.path, len(_RANKS)))
    return [each for each, rank in ranked if each.keyword in _MEMBERS or rank == best[each.path]]


def _rank(fault: Fault) -> int:
    if fault.keyword == "not" and not fault.schema["not"]:
        return 0
    return _RANKS.index(fault.keyword) if fault.keyword in _RANKS else len(_RANKS)
