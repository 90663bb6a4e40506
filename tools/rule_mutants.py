"""Change each rule of the client of MoDaC in turn: a test that holds it beside the stand-in must turn red.

    python -m tools.rule_mutants              every mutant; fails where one survives
    python -m tools.rule_mutants --only TEXT  those whose name holds a text
    python -m tools.rule_mutants --list       their names

Changed are the packaged rules, datum by datum, and the code that reads and applies them, names, paths, checksums and
the words that the client looks for. The tests are those of ``tests/standin/agreement``. Each mutant is judged in a
process of its own; nothing on disk is changed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pkgutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tools.mutations import changes
from tools.rule_data import data_changes

TARGETS: Final = {
    "candle_spec.modac.metadata": (
        "test_metadata",
        "check_collection check_file _basics _text trim _apply _one _controls _matches _date _strptime offered_values",
    ),
    "candle_spec.modac.rules": ("test_metadata", "Rule.concerns parse _main_rules _rule _container"),
    "candle_spec.modac.names": ("test_paths", "segment_fault! identifier_fault! path_problem! checked_path"),
    "candle_spec.modac.checksums": (
        "test_checksums",
        "Digesting.__init__ Digesting.update Digesting.md5 Digesting.etag Digesting.compare md5_file etag compare",
    ),
    "candle_spec.modac.client": ("test_answers", "Client._found _status NOT_PERMITTED"),
    "candle_spec.modac.service": ("test_answers", "MALFORMED"),
    "candle_spec.modac.upload": ("test_answers", "_TAKEN"),
    "candle_spec.modac.settings": ("test_answers", "Settings.base_path Settings.request_limit Settings.part_size"),
    "candle_spec.modac.checks": ("test_answers", "VALUE_BYTES"),
}
"""What is changed, with the constants that it names, and the tests that are asked first; ``!``: texts for people."""

_OF_PEOPLE = "it is for people"
EQUAL: Final = {
    "PATH_LENGTH: 500 is 501": "one character of reserve: the service counts without the first '/'",
    "check_file: '' is '~'": "the client does not say of what type the collection of a file will be",
    "_matches: 256 is 257": "a long value is held against no pattern, so that none takes for ever",
    "_matches: 256 is 255": "a long value is held against no pattern, so that none takes for ever",
    "_matches: Lt is LtE": "a long value is held against no pattern, so that none takes for ever",
    "_matches: False is True": "a pattern that cannot be read: the server fails, in no words that are known",
    "check_collection: later: if not entries:": "without entries nothing else is found",
    "_one: later: if not counts and values.pop(name, None) is not None:": "both never hold",
    "_one: later: if counts and controlled and (name not in values):": "each has a list of its own",
    "parse: later: if isinstance(document, list):": "both never hold",
    "_date: '' is '~'": "the client sends no entry with a date format of its own",
    "offered_values: the filter is left out": "no refusal offers an empty value",
    "parse: 'title' is 'title~'": _OF_PEOPLE,
    "parse: '' is '~'": _OF_PEOPLE,
    "_rule: Or is And": _OF_PEOPLE,
    "_rule: '' is '~'": _OF_PEOPLE,
    "_rule: 'description' is 'description~'": _OF_PEOPLE,
}
"""Changes that no answer of the service tells from the rule, with why: they are not made."""

AGREEMENT: Final = "tests.standin.agreement"
FRESH: Final = ("candle_spec.modac", "candle_spec.remote", f"{AGREEMENT}.test_")
"""Modules that a mutant loads anew."""

SECONDS: Final = 60
Test = Callable[[], None]
_seconds: dict[str, float] = {}
"""How long each test takes."""
SURVIVED: Final = 17
"""Exit code of a process in which all tests were content."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed rule: its name, the tests that are asked first, and what brings it about in a fresh process."""

    name: str
    first: str
    install: Callable[[], None]


def mutants() -> list[Mutant]:
    """Return all mutants."""
    found = [Mutant(f"starter rules, {what}", "test_metadata", _with_rules(change)) for what, change in data_changes()]
    for module, (first, names) in TARGETS.items():
        for name in names.split():
            found += _of_code(module, name.rstrip("!"), first, words=name.endswith("!"))
    known = {mutant.name: mutant for mutant in found}
    equal = {name for name in known for end in EQUAL if name.endswith(f" {end}")}
    if len(equal) < len(EQUAL):
        raise KeyError(f"a change that is said to be equal is none: {set(EQUAL)}")
    return [mutant for name, mutant in known.items() if name not in equal]


def _with_rules(change: Callable[[], Any]) -> Callable[[], None]:
    def install() -> None:
        from candle_spec import resources

        real, changed = resources.read_json, change()
        resources.read_json = lambda name: changed if name.endswith("/rules/starter.json") else real(name)  # type: ignore[assignment]

    return install


# Code


def _of_code(module: str, name: str, first: str, *, words: bool) -> Iterator[Mutant]:
    module, tree, node = _definition(module, name)
    for own, target in ((name, node), *_constants(tree, node)):
        for change in changes(tree, target, words=words and own == name):
            label = f"{module.removeprefix('candle_spec.')}:{change.line} {own}: {change.what}"
            yield Mutant(label, first, _with_tree(module, change.tree))


def _definition(module: str, name: str) -> tuple[str, ast.Module, ast.AST]:
    """Return where a name is defined, following imports, the tree of that module, and the definition in it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise KeyError(module)
    tree = ast.parse(Path(spec.origin).read_bytes())
    body: Iterable[ast.stmt] = tree.body
    for part in name.split("."):
        found = next((node for node in body if part in _names(node)), None)
        if isinstance(found, ast.ImportFrom) and found.module:
            return _definition(found.module, name)
        if found is None:
            raise KeyError(f"{module}.{name}")
        node, body = found, getattr(found, "body", ())
    return module, tree, node


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _constants(tree: ast.Module, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the constants of a module that a definition names."""
    named = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement is not node:
            yield from ((name, statement) for name in _names(statement) & named)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a changed tree."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name, self._tree = name, tree

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, self._name, "exec"), module.__dict__)


def _with_tree(module: str, tree: Callable[[], ast.Module]) -> Callable[[], None]:
    return lambda: sys.meta_path.insert(0, _Changed(module, tree()))


# Judging


def agreement_tests(first: str = "") -> Iterator[Test]:
    """Load the tests that hold client and stand-in beside each other, module by module; none has a fixture."""
    folder = importlib.import_module(AGREEMENT).__path__
    names = [found.name for found in pkgutil.iter_modules(folder) if found.name.startswith("test_")]
    for name in sorted(names, key=lambda name: (name != first, name)):
        module = importlib.import_module(f"{AGREEMENT}.{name}")
        tests = [test for name, test in vars(module).items() if name.startswith("test_")]
        yield from sorted(tests, key=lambda test: _seconds.get(test.__name__, 0.0))


def _content() -> None:
    """Run the tests as they are, twice: what they make and what the stand-in answers is kept, and what each takes."""
    vars(importlib.import_module("tests.helpers.standin.made"))["fixed"] = {}
    for test in [*agreement_tests(), *agreement_tests()]:
        began = time.process_time()
        test()
        _seconds[test.__name__] = time.process_time() - began


def survives(mutant: Mutant, tests: Callable[[str], Iterable[Test]] = agreement_tests) -> bool:
    """Whether all tests are content with a mutant; asked in a process that ends afterwards."""
    for name in [name for name in sys.modules if name.startswith(FRESH)]:
        del sys.modules[name]
    try:
        mutant.install()
        for test in tests(mutant.first):
            test()
    except BaseException:  # noqa: BLE001 - whatever it is: it is red
        return False
    return True


def _start(mutant: Mutant) -> int:
    process = os.fork()
    if process:
        return process
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os._exit(SURVIVED if survives(mutant) else 0)


def judge(found: Iterable[Mutant], jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant with whether it survived; one that does not come to an end did not."""
    waiting, running = list(reversed(list(found))), dict[int, tuple[Mutant, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[_start(mutant)] = (mutant, time.monotonic() + SECONDS)
        process, status = os.waitpid(-1, os.WNOHANG)
        if process:
            yield running.pop(process)[0], os.WIFEXITED(status) and os.WEXITSTATUS(status) == SURVIVED
            continue
        for late in [one for one, (_, deadline) in running.items() if time.monotonic() > deadline]:
            os.kill(late, signal.SIGKILL)
        time.sleep(0.002)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose name holds this")
    parser.add_argument("--list", action="store_true", help="show their names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    found = [mutant for mutant in mutants() if chosen.only in mutant.name]
    if chosen.list:
        print("\n".join(mutant.name for mutant in found))
        return 0
    with tempfile.TemporaryDirectory(prefix="rule-mutants-") as folder:
        tempfile.tempdir = folder
        _content()
        alive = 0
        for mutant, survived in judge(found, chosen.jobs):
            alive += survived
            if survived:
                print(f"survived: {mutant.name}", flush=True)
    print(f"{len(found)} mutants, {len(found) - alive} killed")
    return 1 if alive or not found else 0


if __name__ == "__main__":
    sys.exit(main())
