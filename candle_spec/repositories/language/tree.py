"""The mapping language as a small typed tree. A mapping has the shape of the target; its leaves are instructions.

An object that holds one of the body keys (``$from $const $text $text_file $ref $list``) is that instruction; any other
object is a shape, whose members are instructions again. Modifiers (``$use $default $when $each $as $node $level $ask
$keep $note``) stand beside a body or among a shape's members. A member of the target that starts with ``$`` is written
``$$``. ``docs/mapping.md`` describes all of it; ``schemas/mapping`` is its grammar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from candle_spec.repositories.language.conditions import Condition
from candle_spec.repositories.language.terms import Pointer, Use
from candle_spec.repositories.language.text import Text

BODIES: Final = ("$from", "$const", "$text", "$text_file", "$ref", "$list")
MODIFIERS: Final = ("$use", "$default", "$when", "$each", "$as", "$node", "$level", "$ask", "$keep", "$note")
ITEM: Final = "item"
"""Name of the item of ``$each`` where ``$as`` gives none."""


CONFIG: Final = "config:"
"""Before the key of a training's settings, where ``suggest`` names one."""

FACTS: Final = ("user-name", "user-email", "person", "orcid", "repository", "tag", "site")
"""What the surroundings say; nothing else of them is ever read."""


class Demand(StrEnum):
    """How much the repository wants a field."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


@dataclass(frozen=True, slots=True)
class Ask:
    """The question that a person can answer where a field has no value.

    Attributes:
        question: The question, one sentence.
        to: JSON Pointer in the manifest where the answer goes.
        help: What to know for answering.
        choices: The possible answers; empty for free text.
        vocabulary: Name of the vocabulary that has the answers.
        many: Whether several answers may be given.
        shape: ``text``, ``number``, ``yes-no``, ``person``, ``people`` or ``list``.
        suggest: Where likely answers are: ``config:<key>`` of a training's settings, or facts of the surroundings.
    """

    question: str
    to: str
    help: str = ""
    choices: tuple[str, ...] = ()
    vocabulary: str = ""
    many: bool = False
    shape: str = "text"
    suggest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """Emit the object into a pool of the record, under an id; where it stood, a reference is put."""

    pool: str
    id: Text


@dataclass(frozen=True, slots=True)
class Const:
    """A value as it stands."""

    value: Any


@dataclass(frozen=True, slots=True)
class From:
    """The first of some pointers that has a value."""

    sources: tuple[Pointer, ...]


@dataclass(frozen=True, slots=True)
class FromText:
    """A text with values put in."""

    text: Text


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to a node."""

    pool: str
    id: Text


@dataclass(frozen=True, slots=True)
class Items:
    """A list; items that come from an ``$each`` are put in one after another."""

    items: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object of the target."""

    members: tuple[tuple[str, Instruction], ...]


Body = Const | From | FromText | Ref | Items | Shape


@dataclass(frozen=True, slots=True)
class Instruction:
    """A body with its modifiers.

    Attributes:
        body: What makes the value.
        at: JSON Pointer in the mapping document.
        each: Make one value for every item of this list, bound to ``name``.
        keep: Keep an object of which only constants are left.
    """

    body: Body
    at: str
    level: Demand | None = None
    when: Condition | None = None
    ask: Ask | None = None
    use: tuple[Use, ...] = ()
    default: Any = None
    each: Pointer | None = None
    name: str = ITEM
    node: Node | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """Where nodes are collected.

    Attributes:
        into: JSON Pointer of a list in the record.
        id: The member that holds a node's id.
        ref: The member under which a reference holds the id, ``""`` where the id itself is the reference.
    """

    into: str
    id: str
    ref: str


@dataclass(frozen=True, slots=True)
class MappingTree:
    """A whole mapping document."""

    records: Mapping[str, Instruction]
    pools: Mapping[str, Pool] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
