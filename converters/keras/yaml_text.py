"""The YAML that Keras wrote until 2.5: plain values only, nothing that a tag asks for is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn

from candle_spec import limits
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError, UnsafeContentError

if TYPE_CHECKING:
    from ruamel.yaml import YAML

_YAML_BYTES: Final = 16 * limits.MIB
_NODES: Final = 2_000_000


def parse_yaml(data: bytes, location: str) -> Any:
    """Parse a document, aliases and nesting bounded.

    Raises:
        CorruptFileError: It is not YAML.
        UnsafeContentError: A tag asks for an object.
        LimitExceededError: Too large, too many aliases, too deep.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(data) > _YAML_BYTES:
        raise LimitExceededError(f"the YAML document has more than {_YAML_BYTES} bytes", location=location)

    try:
        _check_events(YAML(typ="safe", pure=True).parse(data), location)
        return _plain(_reader(location).load(data), location, [0])
    except CandleSpecError:
        raise
    except (YAMLError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"not YAML: {str(error).splitlines()[0]}", location=location) from error


def _reader(location: str) -> YAML:
    """Return what reads plain values, and the tuples and texts of Python; every other tag is refused."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor

    def refuse(constructor: Any, node: Any) -> NoReturn:
        message = "the YAML document asks for Python objects to be made"
        raise UnsafeContentError(message, location=location, hint="it was not")

    class Constructor(SafeConstructor):
        pass

    Constructor.add_constructor(None, refuse)  # tags of which no constructor is known
    Constructor.add_constructor("tag:yaml.org,2002:python/tuple", Constructor.construct_yaml_seq)
    Constructor.add_constructor("tag:yaml.org,2002:python/unicode", Constructor.construct_yaml_str)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    return yaml


def _check_events(events: Iterator[Any], location: str) -> None:
    """Bound aliases and nesting before anything is built."""
    aliases = depth = 0
    for event in events:
        kind = type(event).__name__
        aliases += kind == "AliasEvent"
        depth += kind in ("MappingStartEvent", "SequenceStartEvent")
        depth -= kind in ("MappingEndEvent", "SequenceEndEvent")
        if aliases > limits.YAML_ALIASES or depth > limits.JSON_DEPTH:
            what = "aliases" if aliases > limits.YAML_ALIASES else "levels"
            raise LimitExceededError(f"the YAML document has too many {what}", location=location)


def _plain(value: Any, location: str, seen: list[int]) -> Any:
    """Return JSON values; shared nodes are repeated, as many as the bound allows."""
    seen[0] += 1
    if seen[0] > _NODES:
        raise LimitExceededError("the YAML document unfolds beyond all bounds", location=location)
    if isinstance(value, dict):
        return {str(key): _plain(item, location, seen) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, location, seen) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
