"""Measure the house: sizes of files and functions, files in a folder, circles of imports, imports into a room above.

    python -m tools.house               a table of the working tree
    python -m tools.house --against REV the same beside a revision of git
    python -m tools.house --check       fails where a rule is broken: circles, imports upwards, folders of more than 25

An import counts wherever it stands: at the top, in a function, for the type checker alone, and by a literal name given
to ``importlib``. The order of the rooms is that of ``pyproject.toml``, which import-linter holds as well.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = "candle_spec"
LINKED: Final = ("converters", "schemas")
"""Folders at the top that are packages of ``candle_spec``, by a link."""
CODE: Final = (PACKAGE, "converters", "tests", "tools", "benchmarks", "examples")
LONG_FILE: Final = 300
MOST_FILES: Final = 25
GENERATED: Final = frozenset({"candle_spec/manifest/models.py"})


@dataclass(slots=True)
class House:
    """One tree, measured.

    Attributes:
        lines: Lines of each Python file of the package, by its path.
        functions: Lines of every function of the package.
        folders: Python files in each folder of code, tests and tools included.
        imports: What each module of the package imports from the package.
        order: Number of each room in the order of the rooms; lower ones are imported by higher ones.
        apart: Rooms that share a number and do not import each other.
    """

    lines: dict[str, int] = field(default_factory=dict)
    functions: list[int] = field(default_factory=list)
    folders: Counter[str] = field(default_factory=Counter)
    imports: dict[str, set[str]] = field(default_factory=dict)
    order: dict[str, int] = field(default_factory=dict)
    apart: set[str] = field(default_factory=set)

    def long_files(self) -> list[str]:
        """Files of more lines than a file should have, generated ones apart."""
        return [path for path, lines in self.lines.items() if lines > LONG_FILE and path not in GENERATED]

    def full_folders(self) -> list[str]:
        """Folders with more files than a folder should have."""
        return sorted(folder for folder, count in self.folders.items() if count > MOST_FILES)

    def circles(self) -> list[list[str]]:
        """Groups of modules that import each other, directly or by way of others."""
        return [sorted(group) for group in _groups(self.imports) if len(group) > 1]

    def upwards(self) -> list[str]:
        """Imports into a room above, and into rooms that stand in no order."""
        found = []
        for module, imported in sorted(self.imports.items()):
            for other in sorted(imported):
                here, there = _room(module), _room(other)
                low, high = self.order.get(here, -1), self.order.get(there, 10**6)
                if here != there and (high > low or (high == low and there in self.apart)):
                    found.append(f"{module} -> {other}")
        return found


def measure(root: Path) -> House:
    """Return the measures of a tree."""
    house = House()
    house.order, house.apart = _order(root)
    files = dict(_package_files(root))
    known = set(files)
    for module, path in files.items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        house.lines[str(path.relative_to(root))] = text.count("\n")
        house.functions += [
            (node.end_lineno or node.lineno) - node.lineno + 1
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        house.imports[module] = set(_imported(tree, known)) - {module}
    for top in CODE:
        for path in (root / top).rglob("*.py"):
            if not path.is_symlink() and not _below_link(path, root):
                house.folders[str(path.parent.relative_to(root))] += 1
    return house


def _below_link(path: Path, root: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents if parent != root and root in parent.parents)


def _package_files(root: Path) -> Iterator[tuple[str, Path]]:
    tops = [(PACKAGE, root / PACKAGE), *((f"{PACKAGE}.{name}", root / name) for name in LINKED)]
    for name, folder in tops:
        for path in sorted(folder.rglob("*.py")):
            if _below_link(path, root):
                continue
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((name, *(parts[:-1] if parts[-1] == "__init__" else parts))), path


def _imported(tree: ast.Module, known: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (name for name in (whole if whole in known else node.module,) if name in known)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            named = node.args[0]
            if isinstance(named, ast.Constant) and named.value in known:
                yield str(named.value)


def _groups(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected groups (Tarjan's algorithm, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    groups: list[list[str]] = []
    for start in graph:
        if start in index:
            continue
        work = [(start, iter(sorted(graph[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(graph.get(other, ())))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    cut = stack.index(node)
                    groups.append(stack[cut:])
                    on_stack.difference_update(stack[cut:])
                    del stack[cut:]
    return groups


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _order(root: Path) -> tuple[dict[str, int], set[str]]:
    """The order of the rooms, the lowest first, as ``pyproject.toml`` states it; and those that are kept apart."""
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(one for one in document["tool"]["importlinter"]["contracts"] if one["type"] == "layers")["layers"]
    names = [[name.strip(" ()") for part in layer.split("|") for name in part.split(":")] for layer in layers]
    found = {name: len(names) - number for number, level in enumerate(names) for name in level}
    apart = {name.strip(" ()") for layer in layers if "|" in layer for name in layer.split("|")}
    return {**found, "": found["api"], "_version": 0, "schemas": 0}, apart  # the front door opens what api has


def _rows(house: House) -> dict[str, str]:
    functions = sorted(house.functions)
    return {
        "files": f"{len(house.lines):,}",
        "lines": f"{sum(house.lines.values()):,}",
        f"files of more than {LONG_FILE} lines": f"{len(house.long_files())}",
        "lines of a function, p50 / p90": f"{statistics.median(functions):.0f} / {functions[len(functions) * 9 // 10]}",
        "circles of imports": f"{len(house.circles())}",
        "imports upwards": f"{len(house.upwards())}",
        f"folders of more than {MOST_FILES} files": f"{len(house.full_folders())}",
        "most files in a folder": "{1} ({0})".format(*house.folders.most_common(1)[0]),
    }


def _of_revision(revision: str) -> House:
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        return measure(Path(folder))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--against", metavar="REV", help="a revision of git to stand beside")
    parser.add_argument("--check", action="store_true", help="fail where a rule is broken")
    chosen = parser.parse_args()
    now = measure(ROOT)
    rows = {name: [value] for name, value in _rows(now).items()}
    if chosen.against:
        for name, value in _rows(_of_revision(chosen.against)).items():
            rows[name].insert(0, value)
    for name, values in rows.items():
        print(f"{name:<34}", *(f"{value:>28}" for value in values))
    faults = [*map(" <-> ".join, now.circles()), *now.upwards(), *(f"{one}: too full" for one in now.full_folders())]
    for line in (*faults, *(f"{now.lines[path]} lines: {path}" for path in now.long_files())):
        print(" ", line)
    return 1 if chosen.check and faults else 0


if __name__ == "__main__":
    sys.exit(main())
