"""What each test needs, read without importing it: so the tests that need no framework are found, not listed.

A test needs what is imported when its module is, and what it imports itself, by its fixtures, or by whatever of the
tests' own code it names, at any depth. It is a quick one if all of that is the standard library or comes with the
package and its extra ``quick``. What a text hides (a program in another process, a framework that the package imports
when it is asked for one) the marker ``framework`` says; a test that lacks it fails in the quick run, where no framework
is installed. The markers ``slow`` and ``corpus`` leave a test out, too.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
OWN: Final = ("tests", "tools", "benchmarks", "candle_spec")
"""Code of this tree. What the package imports is not followed: it imports a framework only when it is asked for one."""
EXTRA: Final = "quick"
LEFT_OUT: Final = ("framework", "slow", "corpus")
"""Markers of tests that are no quick ones."""
_IMPORTERS: Final = ("importorskip", "import_module", "files")


@dataclass(slots=True)
class Piece:
    """A function, a class or a value of a module.

    Attributes:
        modules: What it imports, by dotted names.
        names: The names that it uses, with one attribute if they have one; arguments too, for they may be fixtures.
        marks: Its markers.
    """

    modules: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    marks: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Module:
    """One file of the tests.

    Attributes:
        loaded: What is imported when the file is, by dotted names.
        bound: What its imported names stand for, by dotted names.
        pieces: Its definitions by name. A test of a class is ``Class.name``; the class by itself is what it holds
            besides tests.
    """

    loaded: set[str] = field(default_factory=set)
    bound: dict[str, str] = field(default_factory=dict)
    pieces: dict[str, Piece] = field(default_factory=dict)

    def tests(self) -> list[str]:
        """Return the names of its test functions."""
        return [name for name in self.pieces if name.rpartition(".")[2].startswith("test_")]


def test_modules() -> list[Path]:
    """Return the test modules of the tree."""
    return sorted((ROOT / "tests").rglob("test_*.py"))


@cache
def left_out(path: Path, name: str) -> str | None:
    """Return why a test is not among the quick ones, in a word, or ``None`` if it is.

    Args:
        path: Its module.
        name: Its name; that of a method as ``Class.name``, be it defined there or inherited.
    """
    if (unmet := _absent(_loaded(path))) or (unmet := _absent(needed(path, name))):
        return min(unmet)
    return next((mark for mark in LEFT_OUT if mark in marks(path, name)), None)


def cannot_be_imported(path: Path) -> bool:
    """Tell whether a test module imports what the extra ``quick`` does not bring."""
    return bool(_absent(_loaded(path)))


def marks(path: Path, name: str) -> set[str]:
    """Return the markers of a test: its own, those of its class and of its module."""
    pieces = read(path).pieces
    return {mark for one in ("pytestmark", name.partition(".")[0], name) if one in pieces for mark in pieces[one].marks}


def needed(path: Path, name: str) -> set[str]:
    """Return the modules, by their top names, that a test imports besides those that its module imports."""
    left = [(path, name), (path, name.partition(".")[0])]
    seen = set(left)
    found: set[str] = set()
    while left:
        modules, pieces = _step(*left.pop())
        found |= modules
        left += pieces - seen
        seen |= pieces
    return found


@cache
def _step(path: Path, name: str) -> tuple[frozenset[str], frozenset[tuple[Path, str]]]:
    """Return what a piece needs at once: the top names of modules of others, and the pieces of this tree it names."""
    modules: set[str] = set()
    pieces: set[tuple[Path, str]] = set()
    for dotted in _uses(path, name):
        if (own := _own(dotted)) is None:
            modules.add(dotted.partition(".")[0])
        else:
            modules |= _loaded(own[0])
            pieces.add(own)
    return frozenset(modules), frozenset(pieces)


def imported_anywhere() -> set[str]:
    """Return the top names of all modules of others that a test, or code of the tests, imports anywhere."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        module = read(path)
        for names in (module.loaded, *(piece.modules for piece in module.pieces.values())):
            found |= {name.partition(".")[0] for name in names}
    return {name for name in found if name not in OWN and name not in sys.stdlib_module_names}


def _uses(path: Path, name: str) -> Iterator[str]:
    """Yield what a piece imports or names, by dotted names; a fixture stands in its module or in a ``conftest.py``."""
    module = read(path)
    piece = module.pieces.get(name, Piece())
    yield from piece.modules
    for used in piece.names:
        head, _, rest = used.partition(".")
        if head in module.bound:
            yield f"{module.bound[head]}.{rest}".rstrip(".")
        else:
            for place in [path, *_conftests(path)]:
                if head in read(place).pieces:
                    yield f"{'.'.join(place.relative_to(ROOT).with_suffix('').parts)}.{head}"
                    break


@cache
def _conftests(path: Path) -> list[Path]:
    return [found for parent in path.relative_to(ROOT).parents if (found := ROOT / parent / "conftest.py").is_file()]


@cache
def _loaded(path: Path) -> set[str]:
    """Return the top names of all modules of others that importing a file imports, files of this tree followed."""
    left, seen = [path], {path}
    found: set[str] = set()
    while left:
        for dotted in read(left.pop()).loaded:
            if (own := _own(dotted)) is None:
                found.add(dotted.partition(".")[0])
            elif own[0] not in seen:
                seen.add(own[0])
                left.append(own[0])
    return found


@cache
def _own(dotted: str) -> tuple[Path, str] | None:
    """Return the file of this tree that a dotted name is in, and the name there; ``None`` for modules of others."""
    parts = dotted.split(".")
    if parts[0] not in OWN:
        return None
    for count in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:count])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path, ".".join(parts[count : count + 1])
    return ROOT / "tests" / "__init__.py", ""


@cache
def read(path: Path) -> Module:
    """Read a file's definitions and imports; of the package's own files nothing."""
    module = Module()
    if "candle_spec" in path.relative_to(ROOT).parts:
        return module
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        for name, nodes in _definitions(statement):
            _fill(module.pieces.setdefault(name, Piece()), nodes)
        for node in _at_import(statement):
            module.loaded |= _imports(node)
            module.bound |= _bound(node)
    return module


def _definitions(statement: ast.stmt) -> Iterator[tuple[str, list[ast.AST]]]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name, [statement]
    elif isinstance(statement, ast.ClassDef):
        tests = [one for one in statement.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
        yield statement.name, [one for one in ast.iter_child_nodes(statement) if one not in tests]
        for test in tests:
            yield f"{statement.name}.{test.name}", [test]
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for node in (node for target in targets for node in ast.walk(target)):
            if isinstance(node, ast.Name):
                yield node.id, [statement]


def _at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the syntax that runs when a module is imported: all but the insides of functions."""
    left: list[ast.AST] = [statement]
    while left:
        node = left.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            left += ast.iter_child_nodes(node)


def _fill(piece: Piece, nodes: Iterable[ast.AST]) -> None:
    for node in (inner for one in nodes for inner in ast.walk(one)):
        piece.modules |= _imports(node)
        match node:
            case ast.Name(id=name):
                piece.names.add(name)
            case ast.arg(arg=name):
                piece.names.add(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                piece.names.add(f"{name}.{attribute}")
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="pytest"), attr="mark"), attr=mark):
                piece.marks.add(mark)
            case ast.Call(func=ast.Attribute(attr="usefixtures"), args=arguments):
                piece.names |= {str(one.value) for one in arguments if isinstance(one, ast.Constant)}


def _imports(node: ast.AST) -> set[str]:
    """Return what one node imports, by dotted names; of ``from a import b`` also ``a.b``, which may be a module."""
    match node:
        case ast.Import(names=names):
            return {alias.name for alias in names}
        case ast.ImportFrom(module=str(module), names=names):
            return {module, *(f"{module}.{alias.name}" for alias in names)}
        case ast.Call(
            func=ast.Attribute(attr=function) | ast.Name(id=function), args=[ast.Constant(value=str(module)), *_]
        ):
            is_module = function in _IMPORTERS and all(part.isidentifier() for part in module.split("."))
            return {module} if is_module else set()
    return set()


def _bound(node: ast.AST) -> dict[str, str]:
    match node:
        case ast.Import(names=names):
            return {alias.asname or alias.name.partition(".")[0]: alias.name for alias in names}
        case ast.ImportFrom(module=str(module), names=names):
            return {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
    return {}


def _absent(modules: set[str]) -> set[str]:
    return modules - _present()


@cache
def _present() -> frozenset[str]:
    """Return the top names of modules that a quick run may import: those of the distributions that are asked for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = _distributions(project["dependencies"] + project["optional-dependencies"][EXTRA], project)
    brought = metadata.packages_distributions()
    modules = {module for module, by in brought.items() if asked & {_normal(name) for name in by}}
    return frozenset({*modules, *OWN, *sys.stdlib_module_names})


def _distributions(requirements: list[str], project: dict[str, dict[str, list[str]]]) -> set[str]:
    """Return the names of required distributions; the package's own extras are opened."""
    found: set[str] = set()
    for requirement in requirements:
        name, extras = re.match(r"([\w.-]+)(?:\[([\w, -]+)\])?", requirement).groups()  # type: ignore[union-attr]
        if name == "candle-spec":
            for extra in extras.split(","):
                found |= _distributions(project["optional-dependencies"][extra.strip()], project)
        else:
            found.add(_normal(name))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
