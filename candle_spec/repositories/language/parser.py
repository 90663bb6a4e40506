"""Parse a mapping document to its typed tree, and collect all of its mistakes with their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from candle_spec import pointer as pointers
from candle_spec.errors import InvalidInputError
from candle_spec.repositories.language.conditions import Condition, ConditionParser
from candle_spec.repositories.language.escapes import escaped
from candle_spec.repositories.language.terms import Mistake, Pointer, Use, manifest_pointer, parse_pointer
from candle_spec.repositories.language.text import Text, TextParser
from candle_spec.repositories.language.tree import (
    BODIES,
    CONFIG,
    FACTS,
    ITEM,
    MODIFIERS,
    Ask,
    Body,
    Const,
    Demand,
    From,
    FromText,
    Instruction,
    Items,
    MappingTree,
    Node,
    Pool,
    Ref,
    Shape,
)
from candle_spec.repositories.transforms import wrong_argument


@dataclass(slots=True)
class MappingParser:
    """Parses one mapping document.

    Args:
        vocabularies: The template's vocabularies, by name.
        texts: Its text files, by path.
        uri: URI of its own extension, ``""`` where it has none; its alias is ``here``.

    Attributes:
        mistakes: All that is wrong.
    """

    vocabularies: Mapping[str, Any]
    texts: Mapping[str, str]
    uri: str = ""
    mistakes: list[Mistake] = field(default_factory=list)
    _aliases: dict[str, str] = field(default_factory=dict)
    _pools: dict[str, Pool] = field(default_factory=dict)

    def parse(self, document: Mapping[str, Any]) -> MappingTree:
        """Return the tree; instructions with mistakes are left out of it."""
        named = document.get("extensions") or {}
        self._aliases = {**({"here": self.uri} if self.uri else {}), **{str(k): str(v) for k, v in named.items()}}
        for name, about in (document.get("nodes") or {}).items():
            self._pools[name] = Pool(about["into"], about["id"], about.get("ref", ""))
        records = {
            str(name): found
            for name, body in (document.get("records") or {}).items()
            if (found := self.instruction(body, pointers.join(["records", name]), ()))
        }
        return MappingTree(records, self._pools, self._aliases, tuple(document.get("ignore") or ()))

    def instruction(self, source: Any, at: str, scopes: Sequence[str]) -> Instruction | None:
        """Parse what stands at a place of the target."""
        if isinstance(source, list):
            items = (self.instruction(item, f"{at}/{index}", scopes) for index, item in enumerate(source))
            return Instruction(Items(tuple(item for item in items if item)), at)
        if not isinstance(source, dict):
            return Instruction(Const(source), at)
        each, name, inner = self._each(source, at, scopes)
        bodies = [key for key in BODIES if key in source]
        members = [key for key in source if key not in BODIES and key not in MODIFIERS]
        if len(bodies) > 1 or (bodies and members):
            one = ", ".join([*bodies, *members])
            self._wrong(at, f"an instruction has one body, and no member of the target beside it: {one}")
            return None
        body = self._body(bodies[0], source, at, inner) if bodies else self._shape(source, at, inner)
        if body is None:
            return None
        return Instruction(
            body,
            at,
            level=Demand(source["$level"]) if source.get("$level") in list(Demand) else None,
            when=self._condition(source["$when"], f"{at}/$when", inner) if "$when" in source else None,
            ask=self._ask(source["$ask"], body, f"{at}/$ask") if "$ask" in source else None,
            use=self._uses(source.get("$use", ()), f"{at}/$use"),
            default=source.get("$default"),
            each=each,
            name=name,
            node=self._node(source["$node"], f"{at}/$node", inner) if "$node" in source else None,
            keep=bool(source.get("$keep")),
        )

    def _each(
        self, source: Mapping[str, Any], at: str, scopes: Sequence[str]
    ) -> tuple[Pointer | None, str, Sequence[str]]:
        if "$each" not in source:
            return None, ITEM, scopes
        name = str(source.get("$as", ITEM))
        if name in self._aliases:
            self._wrong(f"{at}/$as", f"{name!r} is the name of an extension already")
        return self._pointer(source["$each"], f"{at}/$each", scopes), name, (*scopes, name)

    def _shape(self, source: Mapping[str, Any], at: str, scopes: Sequence[str]) -> Body:
        members = []
        for key, value in source.items():
            if key in MODIFIERS:
                continue
            found = self.instruction(value, at + pointers.join([key]), scopes)
            if found:
                members.append((key[1:] if key.startswith("$$") else key, found))
        return Shape(tuple(members))

    def _body(self, key: str, source: Mapping[str, Any], at: str, scopes: Sequence[str]) -> Body | None:
        value, here = source[key], f"{at}/{key}"
        if key == "$const":
            return Const(value)
        if key == "$list":
            items = (self.instruction(item, f"{here}/{index}", scopes) for index, item in enumerate(value))
            return Items(tuple(item for item in items if item))
        if key == "$from":
            texts = value if isinstance(value, list) else [value]
            found = [self._pointer(text, here, scopes) for text in texts]
            return From(tuple(pointer for pointer in found if pointer)) if all(found) and found else None
        if key == "$ref":
            return self._reference(value, here, scopes)
        text = self._text_file(value, here) if key == "$text_file" else value
        parsed = self._text(text, here, scopes, str(value) if key == "$text_file" else "")
        return None if parsed is None else FromText(parsed)

    def _text_file(self, path: Any, at: str) -> str | None:
        if path not in self.texts:
            self._wrong(at, f"the template has no text {path!r}", f"it has {', '.join(self.texts) or 'none'}")
            return None
        return self.texts[path]

    def _text(self, text: Any, at: str, scopes: Sequence[str], file: str = "") -> Text | None:
        if not isinstance(text, str):
            return None

        def point(path: str, names: Sequence[str]) -> Pointer | str:
            return parse_pointer(path, self._aliases, names)

        parser = TextParser(text, point, self._use, scopes, lambda uses: escaped(uses, file))
        for line, sentence in parser.wrong:
            self._wrong(at, f"{file}:{line}: {sentence}" if file else sentence)
        return parser.text

    def _reference(self, about: Any, at: str, scopes: Sequence[str]) -> Ref | None:
        node = self._node(about, at, scopes)
        return Ref(node.pool, node.id) if node else None

    def _node(self, about: Any, at: str, scopes: Sequence[str]) -> Node | None:
        if not isinstance(about, dict) or not isinstance(about.get("id"), str):
            return None  # the schema says so
        pool = str(about.get("pool") or next(iter(self._pools), ""))
        if pool not in self._pools:
            self._wrong(at, f"there is no pool {pool!r} of nodes", f"there are {', '.join(self._pools) or 'none'}")
            return None
        text = self._text(about["id"], f"{at}/id", scopes)
        return Node(pool, text) if text is not None else None

    def _uses(self, given: Any, at: str) -> tuple[Use, ...]:
        calls = given if isinstance(given, (list, tuple)) else [given]
        found = []
        for index, call in enumerate(calls):
            here = f"{at}/{index}" if isinstance(given, list) else at
            name, argument = next(iter(call.items())) if isinstance(call, dict) and call else (call, None)
            use = self._use(str(name), argument)
            if isinstance(use, str):
                self._wrong(here, use)
            else:
                found.append(use)
        return tuple(found)

    def _use(self, name: str, argument: Any) -> Use | str:
        return wrong_argument(name, argument, self.vocabularies) or Use(name, argument)

    def _ask(self, about: Any, body: Body, at: str) -> Ask | None:
        if not isinstance(about, dict) or not isinstance(about.get("question"), str):
            return None
        text = about.get("to")
        pointer = self._pointer(text, f"{at}/to", ()) if text else None
        if text is None and isinstance(body, From) and not body.sources[0].scope:
            pointer = body.sources[0]
        if pointer is None or "*" in pointer.parts:
            if text is None:
                self._wrong(at, "it must say with 'to' where in the manifest the answer goes")
            return None
        vocabulary = str(about.get("vocabulary", ""))
        if vocabulary and vocabulary not in self.vocabularies:
            self._wrong(f"{at}/vocabulary", f"the template has no vocabulary {vocabulary!r}")
        return Ask(
            about["question"],
            manifest_pointer(pointer),
            str(about.get("help", "")),
            tuple(str(choice) for choice in about.get("choices", ())),
            vocabulary,
            bool(about.get("many")),
            str(about.get("shape", "text")),
            tuple(self._suggestion(str(word), f"{at}/suggest") for word in about.get("suggest", ())),
        )

    def _suggestion(self, word: str, at: str) -> str:
        if not word.startswith(CONFIG) and word not in FACTS:
            self._wrong(at, f"nothing suggests {word!r}", f"{CONFIG}<key>, or one of {', '.join(FACTS)}")
        return word

    def _condition(self, source: Any, at: str, scopes: Sequence[str]) -> Condition | None:
        parser = ConditionParser(self._aliases, [])
        found = parser.parse(source, at, scopes)
        for where, sentence in parser.wrong:
            self._wrong(where, sentence)
        return found

    def _pointer(self, text: Any, at: str, scopes: Sequence[str]) -> Pointer | None:
        try:
            found = parse_pointer(text, self._aliases, scopes) if isinstance(text, str) else f"{text!r} is no pointer"
        except InvalidInputError as error:
            found = error.message
        if isinstance(found, str):
            self._wrong(at, found)
            return None
        return found

    def _wrong(self, at: str, message: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(at, message, hint))
