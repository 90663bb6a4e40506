"""Small changes of Python code, one at a time: a comparison turned, a word changed, a statement left out."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Edit = Callable[[Any], None]
"""Changes one node of a tree."""

_TURNED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_SILENT: Final = frozenset(("usedforsecurity", "buffering"))
"""Keywords that change no result."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the line it is in, what it does, and the changed tree of the module."""

    line: int
    what: str
    tree: Callable[[], ast.Module]


def changes(module: ast.Module, target: ast.AST, *, words: bool = False) -> Iterator[Change]:
    """Yield all changes of one definition of a module.

    Args:
        module: The module; it stays as it is.
        target: A node of it.
        words: Whether its texts are for people, so that only their absence counts.
    """
    nodes = list(ast.walk(module))
    places = {id(node): place for place, node in enumerate(nodes)}
    skipped = _skipped(target)
    if words:  # what is around the values in a text
        skipped |= {id(one) for node in ast.walk(target) if isinstance(node, ast.JoinedStr) for one in node.values}
    for node in ast.walk(target):
        if id(node) not in skipped:
            for what, edit in _edits(node, words=words):
                yield Change(getattr(node, "lineno", 0), what, _changed(module, places[id(node)], edit))


def _changed(module: ast.Module, place: int, edit: Edit) -> Callable[[], ast.Module]:
    def tree() -> ast.Module:
        made = copy.deepcopy(module)
        edit(list(ast.walk(made))[place])
        return ast.fix_missing_locations(made)

    return tree


def _skipped(target: ast.AST) -> set[int]:
    """Nodes that say nothing about behaviour: docstrings, annotations, errors that are caught, what errors tell."""
    found: list[ast.AST] = []
    for node in ast.walk(target):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            found.append(node.body[0])
        if isinstance(node, ast.FunctionDef):
            found += [node.returns] if node.returns else []
            found += node.decorator_list
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            found.append(node.annotation)
        if isinstance(node, ast.Raise):
            found.append(node)
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            found.append(node.type)
        if isinstance(node, ast.keyword) and node.arg in _SILENT:
            found.append(node)
    return {id(inner) for node in found for inner in ast.walk(node)}


def _edits(node: ast.AST, *, words: bool) -> Iterator[tuple[str, Edit]]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            turned = _TURNED[type(operator)]
            yield f"{type(operator).__name__} is {turned.__name__}", _set_item("ops", index, turned())
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"{type(node.op).__name__} is {type(other).__name__}", _set("op", other)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not is left out", _negate("operand")
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "the condition is turned", _negate("test")
    elif isinstance(node, ast.comprehension):
        for index in range(len(node.ifs)):
            yield "the filter is left out", _set_item("ifs", index, ast.Constant(True))
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node.value, words=words)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set) and not isinstance(getattr(node, "ctx", None), ast.Store):
        yield from _without_each("elts", len(node.elts))
    elif isinstance(node, ast.Call) and (listed := _word_list(node)) is not None:
        for word in listed:
            yield f"without {word}", _set_words([one for one in listed if one != word])
        yield "one word more", _set_words([*listed, "file_type"])
    elif isinstance(node, ast.Name) and node.id in ("any", "all") and isinstance(node.ctx, ast.Load):
        yield f"{node.id} is the other", _set("id", "all" if node.id == "any" else "any")
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield "plus and minus are changed", _set("op", ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())
    yield from _of_statements(getattr(node, "body", None), words=words)


def _of_statements(body: object, *, words: bool) -> Iterator[tuple[str, Edit]]:
    """One statement left out, or after the next one where both decide something."""
    if not isinstance(body, list):
        return
    for index, statement in enumerate(body):
        shown = ast.unparse(statement).partition("\n")[0][:70]
        if _does(statement):
            yield f"without: {shown}", _set_item("body", index, ast.Pass())
        pair = body[index : index + 2]
        if len(pair) == 2 and not words and any(isinstance(one, ast.If) for one in pair) and all(map(_decides, pair)):
            yield f"later: {shown}", _later(index)


def _decides(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If | ast.For) or (isinstance(statement, ast.Expr) and _does(statement))


def _does(statement: ast.stmt) -> bool:
    """Whether a statement does something that can be left out without breaking what follows."""
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    into = any(isinstance(target, ast.Subscript | ast.Attribute) for target in targets)
    return into or isinstance(statement, ast.AugAssign | ast.Continue)


def _of_constant(value: object, *, words: bool) -> Iterator[tuple[str, Edit]]:
    if isinstance(value, bool):
        yield f"{value} is {not value}", _set("value", not value)
    elif isinstance(value, int):
        for other in (value + 1, value - 1):
            yield f"{value} is {other}", _set("value", other)
    elif isinstance(value, str):
        text = "" if words and value else f"{value}~"
        yield f"{value[:40]!r} is {text[:41]!r}", _set("value", text)


def _without_each(name: str, count: int) -> Iterator[tuple[str, Edit]]:
    def drop(index: int) -> Edit:
        return lambda node: getattr(node, name).pop(index)

    if count > 1:
        for index in range(count):
            yield f"without element {index}", drop(index)


def _later(index: int) -> Edit:
    def edit(node: Any) -> None:
        node.body[index : index + 2] = reversed(node.body[index : index + 2])

    return edit


def _word_list(call: ast.Call) -> list[str] | None:
    """The words of ``"…".split()``."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr == "split" and isinstance(function.value, ast.Constant):
        return str(function.value.value).split()
    return None


def _set_words(words: list[str]) -> Edit:
    return lambda call: setattr(call.func.value, "value", " ".join(words))


def _set(name: str, value: object) -> Edit:
    return lambda node: setattr(node, name, value)


def _set_item(name: str, index: int, value: object) -> Edit:
    return lambda node: getattr(node, name).__setitem__(index, value)


def _negate(name: str) -> Edit:
    return lambda node: setattr(node, name, ast.UnaryOp(ast.Not(), getattr(node, name)))
