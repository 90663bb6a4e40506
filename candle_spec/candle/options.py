"""The command line of a CANDLE program: the common options, the ckpt_* ones, and those of the program.

The common options are data, ``schemas/vocabularies/candle-options.json`` and ``ckpt-parameters.json``. A program
describes its own as dictionaries: ``name``, ``type``, ``default``, ``help``, ``nargs``, ``choices``, ``abv`` (the short
form) and ``action`` (``"store"`` or ``"list-of-lists"``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from candle_spec import resources
from candle_spec.series.policy import params, values

OPTIONS: Final = "vocabularies/candle-options.json"
ABSENT: Final = argparse.SUPPRESS
"""Default of an option that is absent unless given."""


def str2bool(text: str) -> bool:
    """Return a truth value: yes, true, t, y, 1 or no, false, f, n, 0, in any case.

    Raises:
        argparse.ArgumentTypeError: It is none of them.
    """
    word = str(text).lower()
    if word in values.TRUE:
        return True
    if word in values.FALSE:
        return False
    raise argparse.ArgumentTypeError(f"a truth value is expected, such as True or False, not {text!r}")


_TYPES: Final[Mapping[str, Callable[[str], Any]]] = {
    "text": str,
    "choice": str,
    "list": str,
    "duration": str,
    "boolean": str2bool,
    "integer": int,
    "count": int,
    "positive": int,
    "number": float,
}


class ListOfLists(argparse.Action):
    """Reads ``1,2,3:4,5`` as ``[[1, 2, 3], [4, 5]]``; brackets are ignored; elements are integers without a type."""

    def __init__(self, option_strings: Sequence[str], dest: str, type: Any = None, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, **kwargs)
        self.element = type or int

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, given: Any, option: str | None = None
    ) -> None:
        """Put the lists into the namespace."""
        try:
            lists = list_of_lists(given, self.element)
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from error
        setattr(namespace, self.dest, lists)


def list_of_lists(text: str, element: Callable[[str], Any] = int) -> list[list[Any]]:
    """Return the lists that stand in a text.

    Args:
        text: Lists between colons, elements between commas.
        element: Makes an element of its text.

    Raises:
        ValueError: An element is not of its type.
    """
    plain = text.replace("[", "").replace("]", "")
    return [[element(word.strip()) for word in line.split(",")] for line in plain.split(":")]


def common_definitions() -> list[dict[str, Any]]:
    """Return the definitions of all options that every program has, in the form in which a program gives its own."""
    rows = [_definition(row) for row in resources.read_json(OPTIONS)["options"]]
    return rows + [_ckpt_definition(row) for row in params.definitions() if row["name"] != "require_json"]


def _definition(row: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "name": row["name"],
        "type": _TYPES[row["type"]],
        "default": row.get("default", ABSENT),
        "help": row["help"],
    }
    for key, name in (("short", "abv"), ("choices", "choices")):
        if key in row:
            found[name] = row[key]
    return {**found, "nargs": "+"} if row.get("many") else found


def _ckpt_definition(row: Mapping[str, Any]) -> dict[str, Any]:
    default = row.get("parser", row["default"]) if row.get("filled") else ABSENT
    found = {"name": row["name"], "type": _TYPES[row["type"]], "default": default, "help": row["help"]}
    return {**found, "choices": row["choices"]} if "choices" in row else found


def parse_from_dictlist(
    definitions: Iterable[Mapping[str, Any]], parser: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    """Add options to a parser and return it.

    Args:
        definitions: The options, as dictionaries.
        parser: The parser; an option that it has already is replaced.

    Raises:
        ValueError: An option is a bare flag: a flag cannot be turned off again (its type would be ``str2bool``).
    """
    for definition in definitions:
        _add(parser, definition, definition.get("default", ABSENT))
    return parser


def _add(parser: argparse.ArgumentParser, definition: Mapping[str, Any], default: Any) -> None:
    action = definition.get("action", "store")
    if action in ("store_true", "store_false"):
        raise ValueError(f"option {definition['name']}: {action} is not allowed; use type candle.str2bool")
    keywords: dict[str, Any] = {"default": default, "help": _help(definition)}
    for key in ("type", "nargs", "choices"):
        if definition.get(key) is not None:
            keywords[key] = definition[key]
    if action == "list-of-lists" or action is ListOfLists:
        keywords["action"] = ListOfLists
    short = definition.get("abv")
    parser.add_argument(*([f"-{short}"] if short else []), f"--{definition['name']}", **keywords)


def _help(definition: Mapping[str, Any]) -> str:
    """Argparse expands ``%`` in help texts."""
    return str(definition.get("help") or definition["name"]).replace("%", "%%")


def explicit(definitions: Iterable[Mapping[str, Any]], parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add options such that only those given on the command line appear in the result."""
    for definition in definitions:
        _add(parser, definition, ABSENT)
    return parser
