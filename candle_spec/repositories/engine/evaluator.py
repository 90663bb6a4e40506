"""Evaluate a mapping: one pass over its tree; what it reads is bounded by the manifest, what it makes by a count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from candle_spec import pointer as pointers
from candle_spec.repositories.engine.bounded_source import Bound, BoundedSource, Scope
from candle_spec.repositories.engine.nodes import Nodes
from candle_spec.repositories.engine.record import Finding
from candle_spec.repositories.engine.source import Source
from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.language.conditions import holds
from candle_spec.repositories.language.terms import Use
from candle_spec.repositories.language.text import Choice, Insert, Loop, Text
from candle_spec.repositories.language.tree import (
    Const,
    Demand,
    From,
    FromText,
    Instruction,
    Items,
    MappingTree,
    Ref,
    Shape,
)
from candle_spec.repositories.transforms import TRANSFORMS
from candle_spec.repositories.transforms.transform import Context, TransformError
from candle_spec.repositories.values import is_absent, plain_text
from candle_spec.repositories.vocabulary import Vocabulary


@dataclass(slots=True)
class _Trail:
    """What was read on the way to one value."""

    source: str = ""
    transforms: tuple[str, ...] = ()
    notes: Context = field(default_factory=Context)


@dataclass(slots=True)
class Evaluator:
    """Makes one document of a record.

    Args:
        tree: The mapping.
        source: What it reads.
        vocabularies: The template's.
        record: Id of the document, for the findings.
    """

    tree: MappingTree
    source: Source
    vocabularies: Mapping[str, Vocabulary]
    record: str
    findings: list[Finding] = field(default_factory=list)
    _nodes: Nodes = field(init=False)
    _bounded: BoundedSource = field(init=False)

    def __post_init__(self) -> None:
        self._nodes = Nodes(self.tree.pools)
        self._bounded = BoundedSource(self.source, f"record {self.record}")

    def run(self) -> Any:
        """Return the document, or ``None`` where nothing is in it."""
        scope = {"": Bound(self.source.document, "")}
        document = self._value(self.tree.records[self.record], f"{self.record}:", scope)
        if isinstance(document, dict):
            self.findings += self._nodes.place(document)
        return document

    def _value(self, instruction: Instruction, target: str, scope: Scope) -> Any:
        """Return the value of an instruction without its ``$each``, or ``None``."""
        if instruction.each is not None:
            items = self._items(instruction, target, scope)
            if not items:
                self._missing(instruction, target)
            return items
        self._bounded.spend(1)
        if instruction.when and not self._holds(instruction, scope):
            return None
        body = instruction.body
        if isinstance(body, Shape):
            return self._object(instruction, body, target, scope)
        if isinstance(body, Items):
            return self._list(instruction, body, target, scope)
        return self._leaf(instruction, target, scope)

    def _holds(self, instruction: Instruction, scope: Scope) -> bool:
        def bind(names: Scope) -> Any:
            return lambda pointer: self._bounded.read(pointer, names)[0]

        assert_that = instruction.when
        return assert_that is None or holds(
            assert_that, bind(scope), lambda name, item: bind({**scope, name: Bound(item, "")})
        )

    def _items(self, instruction: Instruction, target: str, scope: Scope) -> list[Any]:
        pointer = instruction.each
        found, origin = self._bounded.read(pointer, scope) if pointer else (None, "")
        items = found if isinstance(found, list) else [] if is_absent(found) else [found]
        single = replace(instruction, each=None)
        result: list[Any] = []
        for index, item in enumerate(items):
            at = f"{origin}/{index}" if isinstance(found, list) else origin
            value = self._value(single, f"{target}/{len(result)}", {**scope, instruction.name: Bound(item, at)})
            if not is_absent(value):
                result.append(value)
        return result

    def _list(self, instruction: Instruction, body: Items, target: str, scope: Scope) -> Any:
        result: list[Any] = []
        for item in body.items:
            value = self._value(item, f"{target}/{len(result)}" if not item.each else target, scope)
            if item.each or (isinstance(value, list) and isinstance(item.body, From)):
                result.extend(value or ())
            elif not is_absent(value):
                result.append(value)
        return self._finish(instruction, result, target, _Trail())

    def _object(self, instruction: Instruction, body: Shape, target: str, scope: Scope) -> Any:
        before, result, sourced = len(self.findings), {}, False
        node_id = self._text(instruction.node.id, scope, _Trail()) if instruction.node else ""
        if instruction.node and is_absent(node_id):
            self._missing(instruction, target)
            return None
        for key, member in body.members:
            value = self._value(member, target + pointers.join([key]), scope)
            stated = isinstance(member.body, Const) or member.default is not None  # then an empty one is meant, too
            if not is_absent(value) or (stated and value is not None):
                result[key] = value
                sourced = sourced or not _is_constant(member)
        needs_source = any(not _is_constant(member) for _, member in body.members)
        if not result or (needs_source and not sourced and not instruction.keep):
            if instruction.level is Demand.MAY or instruction.level is Demand.SHOULD:
                del self.findings[before:]
                self._missing(instruction, target)
            return result if instruction.keep and result else None
        if instruction.node and node_id is not None:
            return self._nodes.add(instruction.node.pool, node_id, result)
        return self._finish(instruction, result, target, _Trail())

    def _leaf(self, instruction: Instruction, target: str, scope: Scope) -> Any:
        trail = _Trail(notes=Context(self.vocabularies))
        value = self._body(instruction, target, scope, trail)
        return self._finish(instruction, value, target, trail)

    def _body(self, instruction: Instruction, target: str, scope: Scope, trail: _Trail) -> Any:
        body = instruction.body
        if isinstance(body, Const):
            trail.source = "constant"
            return body.value
        if isinstance(body, From):
            for pointer in body.sources:
                value, origin = self._bounded.read(pointer, scope)
                if not is_absent(value):
                    trail.source = origin
                    return value
            return None
        if isinstance(body, FromText):
            return self._text(body.text, scope, trail)
        if isinstance(body, Ref):
            node_id = self._text(body.id, scope, trail)
            if node_id is None:
                return None
            return self._nodes.cite(body.pool, node_id, target)
        return None

    def _finish(self, instruction: Instruction, value: Any, target: str, trail: _Trail) -> Any:
        """Transform a value, and find what there is to say about it."""
        failed = ""
        if not is_absent(value):
            value, failed = self._transform(value, instruction.use, trail)
        if is_absent(value) and not isinstance(instruction.body, Const):
            if failed:
                self._find(Kind.INVALID if instruction.level is Demand.MUST else Kind.LEFT_OUT,
                           instruction, target, trail, failed)  # fmt: skip
            else:
                self._noted(instruction, target, trail)
            if instruction.default is None:
                if not failed or instruction.level is not Demand.MUST:
                    self._missing(instruction, target)
                return None
            value, trail = instruction.default, _Trail(source="constant")
            self._find(
                Kind.DEFAULTED, instruction, target, trail, f"no value is given: {plain_text(value)} stands for it"
            )
            return value
        if not isinstance(instruction.body, (Shape, Items)):
            self._filled(instruction, target, trail)
        return value

    def _transform(self, value: Any, uses: Sequence[Use], trail: _Trail) -> tuple[Any, str]:
        for use in uses:
            if is_absent(value):
                return None, ""
            try:
                value = TRANSFORMS[use.name].run(value, use.argument, trail.notes)
            except TransformError as error:
                return None, str(error)
            trail.transforms = (*trail.transforms, use.name)
        return value, ""

    def _text(self, text: Text, scope: Scope, trail: _Trail, *, top: bool = True) -> str | None:
        out: list[str] = []
        for part in text:
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, Insert):
                value, origin = self._bounded.read(part.pointer, scope)
                value, _ = self._transform(value, part.use, trail)
                if is_absent(value):
                    if top:
                        return None
                    continue
                trail.source = trail.source or origin
                out.append(", ".join(map(plain_text, value)) if isinstance(value, list) else plain_text(value))
            elif isinstance(part, Loop):
                found, origin = self._bounded.read(part.pointer, scope)
                items = found if isinstance(found, list) else [] if is_absent(found) else [found]
                for index, item in enumerate(items):
                    inner = {**scope, part.name: Bound(item, f"{origin}/{index}")}
                    out.append(self._text(part.parts, inner, trail, top=False) or "")
            elif isinstance(part, Choice):
                there = not is_absent(self._bounded.read(part.pointer, scope)[0])
                chosen = part.parts if there != part.negated else part.otherwise
                out.append(self._text(chosen, scope, trail, top=False) or "")
        made = "".join(out)
        self._bounded.spend(1, len(made))
        return made

    def _missing(self, instruction: Instruction, target: str) -> None:
        if instruction.level in (Demand.MUST, Demand.SHOULD):
            kind = Kind.MISSING_MANDATORY if instruction.level is Demand.MUST else Kind.MISSING_RECOMMENDED
            self._find(kind, instruction, target, _Trail(source=_first_source(instruction)), "no value is given")

    def _filled(self, instruction: Instruction, target: str, trail: _Trail) -> None:
        origin = self.source.origin(trail.source) if trail.source not in ("", "constant") else None
        self._noted(instruction, target, trail)
        if origin and origin.source == "inferred":
            self._find(Kind.INFERRED, instruction, target, trail, f"only inferred: {origin.detail}".rstrip(": "))
        self._find(Kind.FILLED, instruction, target, trail, "")

    def _noted(self, instruction: Instruction, target: str, trail: _Trail) -> None:
        for note in trail.notes.notes:
            self._find(note.kind, instruction, target, trail, note.message)

    def _find(self, kind: Kind, instruction: Instruction, target: str, trail: _Trail, message: str) -> None:
        missing = kind in (Kind.MISSING_MANDATORY, Kind.MISSING_RECOMMENDED)
        known = trail.source not in ("", "constant") and not missing
        origin = str(self.source.origin(trail.source)) if known else ""
        demand = instruction.level or Demand.MAY
        ask = instruction.ask if missing or kind in (Kind.INVALID, Kind.INFERRED) else None
        self.findings.append(Finding(kind, target, demand, trail.source, trail.transforms, origin, message, ask))


def _is_constant(instruction: Instruction) -> bool:
    body = instruction.body
    if isinstance(body, Shape):
        return all(_is_constant(member) for _, member in body.members)
    if isinstance(body, Items):
        return all(_is_constant(item) for item in body.items)
    return isinstance(body, Const) and instruction.each is None


def _first_source(instruction: Instruction) -> str:
    body = instruction.body
    if isinstance(body, From) and not body.sources[0].scope:
        return pointers.join(body.sources[0].parts)
    if instruction.each is not None and not instruction.each.scope:
        return pointers.join(instruction.each.parts)
    return ""
