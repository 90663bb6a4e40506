"""Whether a mapping covers what its target's schema requires, found without running it.

Required always: the field is mapped, and has a value, a default or a question wherever its object is made. Required in
some cases (``if`` and ``then``, ``dependentRequired``): it is mapped, unless the mapping never makes such a case. Of
alternatives (``anyOf``, ``oneOf``) all fields of one are mapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from candle_spec import pointer as pointers
from candle_spec.repositories.language.references import Names, Reader
from candle_spec.repositories.language.schema_places import Place, Places, Spoken, required
from candle_spec.repositories.language.terms import Mistake
from candle_spec.repositories.language.tree import Const, Demand, From, Instruction, Items, Pool, Shape
from candle_spec.repositories.vocabulary import Vocabulary

Members = Mapping[str, Instruction]
_SHOWN: Final = 6
_OPEN: Final = "the mandatory target field {!r} is neither mapped nor asked for"
_EMPTY: Final = "the mandatory target field {!r} may get no value, and no question asks for it"
_CASE: Final = "the target field {!r}, mandatory in some cases, is neither mapped nor asked for"
_CHOICE: Final = "of the target's alternatives none is mapped or asked for: {}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Checks one record of a mapping against the schema of its target.

    Args:
        target: The target's schemas.
        root: The place of the record in them.
        reader: Knows what the source always has.
        vocabularies: The template's.
        pools: The pools of the mapping's nodes.
    """

    target: Places
    root: Place
    reader: Reader
    vocabularies: Mapping[str, Vocabulary]
    pools: Mapping[str, Pool]

    def mistakes(self, instruction: Instruction) -> Iterator[Mistake]:
        """Yield a mistake for every field that the target's schema requires and that is neither mapped nor asked for.

        Args:
            instruction: What makes the record.
        """
        yield from self._part(instruction, self.root, {"": self.reader.places.root}, sure=True)

    def _part(self, instruction: Instruction, place: Place, names: Names, *, sure: bool) -> Iterator[Mistake]:
        """Check a part of the record; ``sure`` says that it is in every one."""
        if place.free:
            return
        names = self.reader.names_below(instruction, names)
        if instruction.each is not None:
            place = self.target.items(place)
        sure = sure and instruction.each is None and instruction.when is None and instruction.level is not Demand.MAY
        body = instruction.body
        if isinstance(body, Items):
            for item in body.items:
                inner_place = place if item.each is not None else self.target.items(place)
                yield from self._part(item, inner_place, names, sure=False)
        if not isinstance(body, Shape) or instruction.use:  # what is transformed has another shape than its target
            return
        members = dict(body.members)
        if instruction.node is not None:
            found = self._node(instruction, members)
            if found is None:
                return
            place, members = found
        yield from self._always(instruction, members, place, names, sure=sure)
        yield from self._sometimes(instruction, members, place, names)
        for key, member in members.items():
            below = self.target.below(place, key)
            if below is not None:
                yield from self._part(member, below, names, sure=sure)

    def _node(self, instruction: Instruction, members: Members) -> tuple[Place, dict[str, Instruction]] | None:
        """Return where a node is put, and its members with its id; ids made of values are no constant's equal."""
        node = instruction.node
        pool = self.pools[node.pool] if node is not None else None
        found = self.target.find(tuple(pointers.split(pool.into)), self.root) if pool is not None else ""
        if node is None or pool is None or isinstance(found, str):
            return None
        texts = [part for part in node.id if isinstance(part, str)]
        known = "".join(texts) if len(texts) == len(node.id) else None
        return self.target.items(found), {pool.id: Instruction(Const(known), instruction.at), **members}

    def _always(
        self, instruction: Instruction, members: Members, place: Place, names: Names, *, sure: bool
    ) -> Iterator[Mistake]:
        for key in required(self.target, place):
            if key not in members:
                yield Mistake(instruction.at, _OPEN.format(key))
            elif sure and not isinstance(members[key].body, (Shape, Items)):
                asked = members[key].ask is not None and members[key].level is Demand.MUST
                if not asked and not self.reader.certain(members[key], names):
                    yield Mistake(members[key].at, _EMPTY.format(key), "give it $level: must with $ask, or a $default")

    def _sometimes(self, instruction: Instruction, members: Members, place: Place, names: Names) -> Iterator[Mistake]:
        for schema, document in self.target.certainly(place.schemas):
            for case, wanted in self._cases(schema, document):
                lacking = [key for key in wanted if key not in members]
                if lacking and self._holds(case, members, names) is not False:
                    yield Mistake(instruction.at, _CASE.format(lacking[0]), f"it is where {_words(case)}")
            for keyword in ("anyOf", "oneOf"):
                yield from self._one_of(instruction, members, [(each, document) for each in schema.get(keyword, ())])
        yield from self._one_of(instruction, members, place.branches if not place.schemas else ())

    def _one_of(self, instruction: Instruction, members: Members, branches: Sequence[Spoken]) -> Iterator[Mistake]:
        """Of alternatives that all ask for something, one must be mapped."""
        choices = [required(self.target, Place((each,))) for each in branches if isinstance(each[0], dict)]
        if choices and all(any(key not in members for key in choice) for choice in choices):
            words = " or ".join(" and ".join(map(repr, choice)) for choice in choices[:_SHOWN])
            yield Mistake(instruction.at, _CHOICE.format(words))

    def _cases(self, schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[Any, list[str]]]:
        """Yield conditions as schemas, each with what is required where it holds."""
        condition = schema.get("if")
        if condition is not None:
            for keyword, case in (("then", condition), ("else", {"not": condition})):
                if isinstance(schema.get(keyword), dict):
                    yield case, required(self.target, Place(((schema[keyword], document),)))
        for keyword in ("dependentRequired", "dependencies", "dependentSchemas"):
            for key, inner in schema.get(keyword, {}).items():
                wanted = inner if isinstance(inner, list) else []
                if isinstance(inner, dict):
                    wanted = required(self.target, Place(((inner, document),)))
                yield {"required": [key]}, wanted

    def _holds(self, case: Any, members: Members, names: Names) -> bool | None:
        """Whether a condition holds of what the mapping makes; ``None`` where it depends on the manifest."""
        if not isinstance(case, dict):
            return bool(case)
        verdicts: list[bool | None] = []
        for key in case.get("required", ()):
            verdicts.append(key in members and (True if self.reader.certain(members[key], names) else None))
        for key, wanted in case.get("properties", {}).items():
            verdicts.append(self._equals(members[key], wanted, names) if key in members else True)
        verdicts += [self._holds(each, members, names) for each in case.get("allOf", ())]
        if "anyOf" in case:
            some = [self._holds(each, members, names) for each in case["anyOf"]]
            verdicts.append(True if True in some else None if None in some else False)
        if "not" in case:
            inner = self._holds(case["not"], members, names)
            verdicts.append(None if inner is None else not inner)
        if case.keys() - {"required", "properties", "allOf", "anyOf", "not", "$comment", "title"}:
            verdicts.append(None)
        return False if False in verdicts else None if None in verdicts else True

    def _equals(self, member: Instruction, wanted: Any, names: Names) -> bool | None:
        values, made = _values(wanted), self._made(member, names)
        if values is None or made is None:
            return None
        hits = [value in values for value in made]
        return True if all(hits) else None if any(hits) else False

    def _made(self, member: Instruction, names: Names) -> list[Any] | None:
        """Return all values that an instruction can make, ``None`` where they are not known."""
        body = member.body
        if isinstance(body, Const) and not member.use:
            return [body.value]
        if not isinstance(body, From) or [use.name for use in member.use] not in ([], ["vocabulary"]):
            return None
        possible = [self.reader.values(pointer, names) for pointer in body.sources]
        known = None if None in possible else [value for each in possible for value in each or ()]
        extra = [] if member.default is None else [member.default]
        if not member.use:
            return None if known is None else known + extra
        argument = member.use[0].argument
        about = argument if isinstance(argument, dict) else {"name": argument}
        vocabulary = self.vocabularies[about["name"]]
        extra += [about["otherwise"]] if "otherwise" in about else []
        if known is not None:
            found = [vocabulary.find(str(value)) for value in known]
            return [term for match, term in found if match != "refused"] + extra
        return [*vocabulary.terms, *extra] if vocabulary.status == "closed" else None


def _values(wanted: Any) -> Sequence[Any] | None:
    if not isinstance(wanted, dict) or wanted.keys() - {"const", "enum", "type"}:
        return None
    return [wanted["const"]] if "const" in wanted else wanted.get("enum")


def _words(case: Any) -> str:
    if not isinstance(case, dict):
        return "the schema says so"
    if isinstance(case.get("not"), dict):
        return f"it is not so that {_words(case['not'])}"
    told = [
        f"{key!r} is {' or '.join(map(repr, values))}"
        for key, wanted in case.get("properties", {}).items()
        if (values := _values(wanted)) is not None
    ]
    told = told or [f"{key!r} is there" for key in case.get("required", ())]
    return " and ".join(told) or "the schema's condition holds"
