"""A simulated file system with pessimistic persistence: what a power cut may leave of a sequence of calls.

The calls are done for real and written down (:class:`Recording`). They are then done again, one by one, on a model in
which a file's bytes are durable up to its last fsync, and a change of a folder's entries up to the folder's last fsync.
What is not durable may be lost or not, each change by itself and in any order: a file may be empty, torn or whole; what
was moved between two folders may be in the old one, the new one, or both. Every such state is built and opened.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from candle_spec.atomic import Fs

MOST = 5
"""Undecided changes up to which all combinations are tried; of more, samples."""


@dataclass
class Node:
    """A file, a link or a folder: as the process sees it, and as it is on the disk."""

    kind: str
    data: bytes = b""
    durable: bytes = b""
    entries: dict[str, Node] = field(default_factory=dict)
    on_disk: dict[str, Node] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def change(self, names: dict[str, Node | None], after: tuple[Node, Change] | None = None) -> Change:
        """Change entries in one step; ``None`` removes one."""
        for name, node in names.items():
            if node is None:
                self.entries.pop(name, None)
            else:
                self.entries[name] = node
        self.pending.append(Change(names, after))
        return self.pending[-1]

    def sync(self) -> None:
        if self.kind == "folder":
            for change in self.pending:
                if change.after is not None:
                    change.after[0].settle(change.after[1])
            self.on_disk, self.pending = dict(self.entries), []
        else:
            self.durable = self.data

    def settle(self, change: Change) -> None:
        """Make one change durable, and no other."""
        if change in self.pending:
            _apply(change, self.on_disk)
            self.pending.remove(change)


@dataclass(eq=False)
class Change:
    """A change of a folder's entries that is not durable yet.

    Attributes:
        names: The entries; ``None`` for what is removed.
        after: Folder and change without which this one is not durable: nothing leaves a folder before it is in the
            other one.
    """

    names: dict[str, Node | None]
    after: tuple[Node, Change] | None = None


def _apply(change: Change, entries: dict[str, Node]) -> None:
    for name, node in change.names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


@dataclass(frozen=True)
class Call:
    """One call, or a mark that what was promised has changed."""

    name: str
    args: tuple[Any, ...] = ()


class Recording(Fs):
    """Does every call for real and writes it down."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.log: list[Call] = []
        self._names: dict[int, str] = {}

    def _note(self, name: str, *args: Any) -> None:
        self.log.append(Call(name, tuple(self._path(arg) if isinstance(arg, Path) else arg for arg in args)))

    def _path(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix() if path != self._root.parent else ".."

    def promise(self, value: Any) -> None:
        """Write down what must hold from here on."""
        self.log.append(Call("promise", (value,)))

    def open_new(self, path: Path, *, direct: bool = False, mode: int = 0o666) -> BinaryIO:
        file = super().open_new(path, mode=mode)
        self._names[id(file)] = self._path(path)
        self._note("open_new", path)
        return file

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        super().write(file, data)
        self._note("write", self._names[id(file)], bytes(data))

    def sync_file(self, file: BinaryIO) -> None:
        self._note("sync", self._names[id(file)])

    def sync_folder(self, path: Path) -> None:
        self._note("sync", path)

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._note("make_folder", path)

    def link(self, source: Path, target: Path) -> None:
        super().link(source, target)
        self._note("link", source, target)

    def symlink(self, content: str, path: Path) -> None:
        super().symlink(content, path)
        self._note("symlink", content, path)

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._note("rename", source, target)

    def remove_tree(self, path: Path) -> None:
        for each in sorted(path.rglob("*"), reverse=True):
            self._note("remove", each)
        self._note("remove", path)
        super().remove_tree(path)

    def remove_file(self, path: Path) -> None:
        super().remove_file(path)
        self._note("remove", path)


class Disk:
    """The model."""

    def __init__(self) -> None:
        self.root = Node("folder")

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """Return the model of a folder that is durable as it stands; two names of a file stay one file."""
        disk, known = cls(), {}
        for where, folders, files in os.walk(folder):
            here = disk._find(Path(where).relative_to(folder).as_posix())
            for name in [*folders, *files]:
                path = Path(where, name)
                key = path.lstat().st_ino
                if path.is_symlink():
                    node = Node("link", os.readlink(path).encode())
                elif path.is_dir():
                    node = Node("folder")
                else:
                    node = known.setdefault(key, Node("file", path.read_bytes(), path.read_bytes()))
                here.entries[name] = here.on_disk[name] = node
        return disk

    def _find(self, path: str) -> Node:
        node = self.root
        for part in path.split("/"):
            if part not in (".", ".."):
                node = node.entries[part]
        return node

    def _split(self, path: str) -> tuple[Node, str]:
        folder, _, name = path.rpartition("/")
        return self._find(folder or "."), name

    def do(self, call: Call) -> None:
        """Do one call."""
        getattr(self, f"_{call.name}")(*call.args)

    def _sync(self, path: str) -> None:
        if path != "..":
            self._find(path).sync()

    def _open_new(self, path: str) -> None:
        folder, name = self._split(path)
        folder.change({name: Node("file")})

    def _write(self, path: str, data: bytes) -> None:
        self._find(path).data += data

    def _make_folder(self, path: str) -> None:
        if path != ".":
            folder, name = self._split(path)
            folder.change({name: Node("folder")})

    def _symlink(self, content: str, path: str) -> None:
        folder, name = self._split(path)
        folder.change({name: Node("link", content.encode(), content.encode())})

    def _link(self, source: str, target: str) -> None:
        node = self._find(source)
        folder, name = self._split(target)
        folder.change({name: node})

    def _rename(self, source: str, target: str) -> None:
        node = self._find(source)
        (old, old_name), (new, new_name) = self._split(source), self._split(target)
        if old is new:
            old.change({old_name: None, new_name: node})
        else:
            arrival = new.change({new_name: node})
            old.change({old_name: None}, after=(new, arrival))

    def _remove(self, path: str) -> None:
        folder, name = self._split(path)
        folder.change({name: None})

    def nodes(self) -> list[Node]:
        """Return everything that may be on the disk."""
        found: dict[int, Node] = {}
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if id(node) not in found:
                found[id(node)] = node
                waiting += node.on_disk.values()
                waiting += [each for change in node.pending for each in change.names.values() if each is not None]
        return list(found.values())

    def outcomes(self, samples: int, chance: random.Random) -> Iterator[dict[int, Any]]:
        """Yield what a power cut may do, the worst first: which changes survive, and how much of each file."""
        unsafe = [node for node in self.nodes() if node.pending or node.data != node.durable]
        entries = [change for node in unsafe for change in node.pending]
        files = [node for node in unsafe if node.kind == "file"]
        options = [*((True, False) for _ in entries), *((0, 1, 2) for _ in files)]

        def outcome(choice: Sequence[Any]) -> dict[int, Any]:
            survived: dict[int, Any] = {id(change): kept for change, kept in zip(entries, choice, strict=False)}
            return survived | {id(node): how for node, how in zip(files, choice[len(entries) :], strict=True)}

        if len(options) <= MOST:
            yield from map(outcome, itertools.product(*options))
            return
        names, torn = len(entries), len(files)
        yield outcome([True] * names + [0] * torn)
        yield outcome([False] * names + [0] * torn)
        yield outcome([True] * names + [2] * torn)
        for index in range(len(options)):
            # Only this change is lost; only this one survives.
            for common, odd in ((True, False), (False, True)):
                choice: list[Any] = [common] * names + [1 if common else 0] * torn
                choice[index] = odd if index < names else (2 if common else 1)
                yield outcome(choice)
        for _ in range(samples):
            yield outcome([chance.choice(each) for each in options])

    def image(self, outcome: dict[int, Any]) -> Image:
        """Return what is on the disk then."""
        return Image(_flat(self.root, outcome, ""))


def _flat(node: Node, outcome: dict[int, Any], at: str) -> tuple[tuple[str, str, bytes, int], ...]:
    entries = dict(node.on_disk)
    for change in node.pending:
        waits = change.after is not None and change.after[1] in change.after[0].pending
        if outcome.get(id(change)) and (not waits or change.after is None or outcome.get(id(change.after[1]))):
            _apply(change, entries)
    rows: list[tuple[str, str, bytes, int]] = []
    for name, inner in sorted(entries.items()):
        path = f"{at}{name}"
        if inner.kind == "folder":
            rows += [(path, "folder", b"", 0), *_flat(inner, outcome, path + "/")]
        else:
            rows.append((path, inner.kind, _bytes(inner, outcome), id(inner)))
    return tuple(rows)


def _bytes(node: Node, outcome: dict[int, Any]) -> bytes:
    how = outcome.get(id(node), 1)
    if node.kind != "file" or node.data == node.durable or how == 1:
        return node.data
    if how == 0:
        return node.durable
    half = len(node.data) // 2
    return node.data[:half] + bytes(len(node.data) - half)


@dataclass(frozen=True)
class Image:
    """What is on the disk after a power cut: path, kind, bytes and identity of everything."""

    rows: tuple[tuple[str, str, bytes, int], ...]

    def build(self, folder: Path) -> None:
        """Make it real."""
        folder.mkdir(parents=True)
        known: dict[int, Path] = {}
        for path, kind, data, identity in self.rows:
            target = folder / path
            if kind == "folder":
                target.mkdir()
            elif kind == "link":
                target.symlink_to(data.decode())
            elif identity in known:
                os.link(known[identity], target)
            else:
                target.write_bytes(data)
                known[identity] = target
