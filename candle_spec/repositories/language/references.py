"""What a mapping reads and fills, found without running it: pointers that lead nowhere, mandatory fields left open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from candle_spec import pointer as pointers
from candle_spec.repositories.language.conditions import Condition
from candle_spec.repositories.language.schema_places import Place, Places
from candle_spec.repositories.language.terms import Mistake, Pointer
from candle_spec.repositories.language.text import Choice, Insert, Loop, Text
from candle_spec.repositories.language.tree import Const, From, FromText, Instruction, Items, MappingTree, Ref, Shape

Names = Mapping[str, Place]


@dataclass(slots=True)
class Reader:
    """Checks the pointers of a mapping against the schemas of what it reads.

    Args:
        places: Those schemas.
    """

    places: Places

    def mistakes(self, tree: MappingTree) -> Iterator[Mistake]:
        """Yield a mistake for every pointer that nothing can fill, and every answer that would go nowhere."""
        for instruction in tree.records.values():
            yield from self._instruction(instruction, {"": self.places.root})

    def certain(self, instruction: Instruction, names: Names) -> bool:
        """Whether an instruction always has a value."""
        body = instruction.body
        if instruction.default is not None or isinstance(body, Const):
            return True
        if instruction.when is not None or instruction.each is not None:
            return False
        if isinstance(body, From):
            return any(self._is_certain(pointer, names) for pointer in body.sources)
        if isinstance(body, (FromText, Ref)):
            text = body.text if isinstance(body, FromText) else body.id
            return all(self._is_certain(part.pointer, names) for part in text if isinstance(part, Insert))
        return True

    def values(self, pointer: Pointer, names: Names) -> list[Any] | None:
        """Return all values that may stand at a place, where a schema lists them; otherwise ``None``."""
        found = self._find(pointer, names)
        if isinstance(found, Place):
            for schema, _ in self.places.certainly(found.schemas):
                if "const" in schema:
                    return [schema["const"]]
                if isinstance(schema.get("enum"), list):
                    return list(schema["enum"])
        return None

    def names_below(self, instruction: Instruction, names: Names) -> Names:
        """Return what names stand for inside an instruction."""
        if instruction.each is None:
            return names
        found = self._find(instruction.each, names)
        item = self.places.items(found) if isinstance(found, Place) else Place((), free=True)
        return {**names, instruction.name: item}

    def _is_certain(self, pointer: Pointer, names: Names) -> bool:
        found = self._find(pointer, names)
        return isinstance(found, Place) and found.certain and "*" not in pointer.parts

    def _find(self, pointer: Pointer, names: Names) -> Place | str:
        start = None if not pointer.scope else names.get(pointer.scope, Place((), free=True))
        return self.places.find(pointer.parts, start)

    def _instruction(self, instruction: Instruction, names: Names) -> Iterator[Mistake]:
        if instruction.each is not None:
            yield from self._pointer(instruction.each, names, f"{instruction.at}/$each")
        names = self.names_below(instruction, names)
        if instruction.when is not None:
            yield from self._condition(instruction.when, names, f"{instruction.at}/$when")
        if instruction.node is not None:
            yield from self._text(instruction.node.id, names, f"{instruction.at}/$node")
        if instruction.ask is not None:
            found = self.places.find(tuple(pointers.split(instruction.ask.to)))
            if isinstance(found, str):
                yield Mistake(f"{instruction.at}/$ask", f"the answer would go nowhere: {found} in the manifest")
        body = instruction.body
        if isinstance(body, From):
            for pointer in body.sources:
                yield from self._pointer(pointer, names, f"{instruction.at}/$from")
        elif isinstance(body, FromText):
            yield from self._text(body.text, names, instruction.at)
        elif isinstance(body, Ref):
            yield from self._text(body.id, names, f"{instruction.at}/$ref")
        for inner in _inner(instruction):
            yield from self._instruction(inner, names)

    def _pointer(self, pointer: Pointer, names: Names, at: str) -> Iterator[Mistake]:
        found = self._find(pointer, names)
        if isinstance(found, str):
            yield Mistake(
                at, f"nothing can fill {pointer.text!r}: {found}", "it is neither in the manifest nor in an extension"
            )

    def _condition(self, condition: Condition, names: Names, at: str) -> Iterator[Mistake]:
        if condition.pointer is not None:
            yield from self._pointer(condition.pointer, names, at)
        if condition.name == "every" and condition.pointer is not None:
            found = self._find(condition.pointer, names)
            names = {
                **names,
                condition.item: self.places.items(found) if isinstance(found, Place) else Place((), free=True),
            }
        for inner in condition.inner:
            yield from self._condition(inner, names, at)

    def _text(self, text: Text, names: Names, at: str) -> Iterator[Mistake]:
        for part in text:
            if isinstance(part, str):
                continue
            yield from self._pointer(part.pointer, names, at)
            if isinstance(part, Loop):
                found = self._find(part.pointer, names)
                item = self.places.items(found) if isinstance(found, Place) else Place((), free=True)
                yield from self._text(part.parts, {**names, part.name: item}, at)
            elif isinstance(part, Choice):
                yield from self._text(part.parts, names, at)
                yield from self._text(part.otherwise, names, at)


def _inner(instruction: Instruction) -> Iterator[Instruction]:
    if isinstance(instruction.body, Shape):
        yield from (member for _, member in instruction.body.members)
    elif isinstance(instruction.body, Items):
        yield from instruction.body.items


def fields(tree: MappingTree) -> Iterator[tuple[str, Instruction]]:
    """Yield every field of the target with its instruction; items of lists as ``*``."""

    def below(instruction: Instruction, at: str) -> Iterator[tuple[str, Instruction]]:
        yield at, instruction
        item = "/*" if instruction.each is not None or isinstance(instruction.body, Items) else ""
        if isinstance(instruction.body, Shape):
            for key, member in instruction.body.members:
                yield from below(member, f"{at}{item}{pointers.join([key])}")
        elif isinstance(instruction.body, Items):
            for inner in instruction.body.items:
                yield from below(inner, f"{at}{item}")

    for name, instruction in tree.records.items():
        yield from below(instruction, f"{name}:")
