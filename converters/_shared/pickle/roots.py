"""Where the networks stand in what a pickle describes: found by what is there; the words of keys only help.

A training saves its network at the top, under a key (``state_dict``), or deeper (``{"model": {"args": …, "state_dict":
…}}``), alone or beside others. The root of a group is the place where the network's own names begin, so that what is
loaded from it is what the network gave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final, Protocol

from candle_spec.conversion.contract import Group
from candle_spec.conversion.meaning import kind_of, path_ids
from candle_spec.converters._shared.pickle.objects import children
from candle_spec.names import is_unicode
from candle_spec.pointer import join

_DEPTH: Final = 12
"""Levels below which nobody keeps a network; what lies deeper is named from the last one on."""

_OF_TRAININGS: Final = frozenset({"optimizer", "scheduler", "rng"})
"""Kinds that no part of a network is called by."""

_SIDE_BY_SIDE: Final = 50
"""Networks in one dictionary; where there are more, the dictionary is a table of one."""

_LONGEST: Final = 10_000
"""Characters of a root in the manifest."""

Path = tuple[str, ...]
Members = list[tuple[str, Any]]


class Evidence(IntEnum):
    """How surely a value is a network with names of its own."""

    NONE = 0
    LIKELY = 1
    """A dictionary of tensors and little else."""
    SURE = 2
    """A module, a state dict that says so, or a dictionary whose names are those of one."""


class Content(Protocol):
    """What a reader tells of the values of its file."""

    def members(self, node: Any) -> Members | None:
        """Return what is in a dictionary, a list or an object by the keys of tensor names, ``None`` for others."""

    def holds(self, node: Any) -> bool:
        """Whether a tensor is in or below a value."""

    def is_array(self, node: Any) -> bool:
        """Whether a value is a single tensor."""

    def network(self, node: Any) -> Evidence:
        """How surely a value is a network."""

    def kind(self, key: str, node: Any) -> str:
        """Return the kind of the group that a value under a key makes; ``other`` where nothing tells."""


@dataclass(frozen=True, slots=True)
class Root:
    """One group: where its names begin, what it is, and the value there."""

    path: Path
    kind: str
    node: Any


@dataclass(slots=True)
class _Row:
    """A member that holds tensors, while its dictionary is looked at."""

    key: str
    node: Any
    kind: str
    single: bool
    found: list[Root] | None = None

    @property
    def is_network(self) -> bool:
        return self.kind in ("model", "ema") and not self.single


@dataclass(slots=True)
class Search:
    """Looks for the networks of a file.

    Attributes:
        content: Tells what the values are.
        levels: The dictionaries that were found to be made of parts: where they stand, and all their members.
    """

    content: Content
    levels: list[tuple[Path, Members]] = field(default_factory=list)
    _first: dict[int, Path] = field(default_factory=dict)

    def parts(self, root: Any) -> list[Root]:
        """Return the groups of a dictionary of parts, the root of a file, each with its root."""
        self._note_places(root)
        members = self.content.members(root) or []
        self.levels.append(((), members))
        return _with_a_model(self._roots(self._rows(members, ()), (), "model"))

    def opened(self, root: Any) -> list[Root] | None:
        """Return the groups of a root that may be made of parts: a list, an object; ``None`` where nothing says so."""
        self._note_places(root)
        found = self._opened(root, (), "model")
        return _with_a_model(found) if found is not None else None

    def _note_places(self, root: Any) -> None:
        """Note where everything stands first: what stands at several places has the names of the first."""
        waiting: list[tuple[Any, Path, bool]] = [(root, (), True)]
        while waiting:
            node, path, named = waiting.pop()
            if id(node) in self._first or not self.content.holds(node) or self.content.is_array(node):
                continue
            self._first[id(node)] = path
            members = self.content.members(node) if named and len(path) <= _DEPTH else None
            if members is None:  # names of its own begin here
                waiting += [(inner, path, False) for inner in reversed(children(node))]
            else:
                waiting += [(inner, (*path, key), True) for key, inner in reversed(members)]

    def _rows(self, members: Members, path: Path) -> list[_Row]:
        rows = []
        for key, node in members:
            single = self.content.is_array(node)
            if not _is_sayable((*path, key)):
                continue
            if single or self._first.get(id(node)) == (*path, key):
                rows.append(_Row(key, node, self.content.kind(key, node), single))
        self._promote(rows, path)
        return rows

    def _promote(self, rows: list[_Row], path: Path) -> None:
        """Let members whose keys say nothing be networks, where no other member is one."""
        _note_exchanged(rows)
        if any(row.is_network for row in rows):
            for row in rows:
                if row.single and row.kind in ("model", "ema"):
                    row.kind = "other"  # a number beside the network: its decay, its scale
        unknown = [row for row in rows if row.kind == "other" and not row.single]
        if any(row.kind == "model" for row in rows):
            for row in unknown:
                found = self._opened(row.node, (*path, row.key), "model")
                row.found = _each(found, "model", "other") if found is not None else None
            return
        lone = bool(path) and len(rows) == 1
        averaged = any(row.kind == "ema" for row in rows)
        enough = Evidence.LIKELY if lone or not (path or averaged) else Evidence.SURE
        for row in unknown:
            if self.content.network(row.node) >= enough:
                row.kind = "model"
            else:
                row.found = self._opened(row.node, (*path, row.key), "model")
        known = averaged or any(row.kind == "model" or row.found is not None for row in rows)
        if not path and len(unknown) == 1 and not known and self.content.members(unknown[0].node) is not None:
            unknown[0].kind = "model"  # a tree of tensors with no other beside it

    def _roots(self, rows: list[_Row], path: Path, outer: str) -> list[Root]:
        roots: list[Root] = []
        for row in rows:
            here = (*path, row.key)
            if row.found is not None:
                found = row.found
            elif row.is_network:
                found = self._network(row.node, here, row.kind)
            else:
                found = [Root(here, row.kind, row.node)]
            roots += _each(found, "model", outer) if outer == "ema" else found
        return roots

    def _network(self, node: Any, path: Path, kind: str) -> list[Root]:
        """Return the networks at and below a place that is named as one."""
        here = [Root(path, kind, node)]
        return here if self.content.network(node) else self._opened(node, path, kind) or here

    def _opened(self, node: Any, path: Path, kind: str) -> list[Root] | None:
        """Return the groups within a value that is no network itself; ``None`` where nothing says that it has any."""
        members = self.content.members(node)
        if members is None or len(path) > _DEPTH:
            return None
        rows = self._rows(members, path)
        roots = self._roots(rows, path, kind)
        listed = isinstance(node, (list, tuple))
        if not (self._is_made_of_parts(members, rows, roots, len(path), listed) and len(roots) <= _SIDE_BY_SIDE):
            return None
        self.levels.append((path, members))
        return roots

    def _is_made_of_parts(
        self, members: Members, rows: list[_Row], roots: list[Root], depth: int, listed: bool
    ) -> bool:
        networks = [root for root in roots if root.kind in ("model", "ema")]
        if any(len(root.path) > depth + 1 or self.content.network(root.node) == Evidence.SURE for root in networks):
            return True
        named = [row for row in rows if not row.single and kind_of(row.key) in ("model", "ema")]
        if any(row.kind in _OF_TRAININGS for row in rows):
            return bool(named)
        if len(rows) != 1 or not networks:
            return False
        apart = listed or any(_says_something(value) for _, value in members if value is not rows[0].node)
        return bool(named) or (apart and self.content.network(rows[0].node) != Evidence.NONE)


def _is_sayable(path: Path) -> bool:
    """Whether a root can be written as a pointer; what lies below another key is named from the whole."""
    return is_unicode(path[-1]) and len(join(path)) <= _LONGEST


def _each(roots: list[Root], kind: str, new: str) -> list[Root]:
    """Return the roots with one kind instead of another."""
    return [replace(root, kind=new) if root.kind == kind else root for root in roots]


def _note_exchanged(rows: list[_Row]) -> None:
    """Lightning's callback WeightAveraging puts the average in the place of the network, and the network aside.

    See https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.WeightAveraging.html.
    """
    by_key = {row.key: row for row in rows}
    if {"state_dict", "current_model_state", "averaging_state"} <= by_key.keys():
        by_key["state_dict"].kind = "ema"
        by_key["averaging_state"].kind = "other"


def _says_something(value: Any) -> bool:
    """Whether a member beside a network is no part of a tree of tensors: a setting, a number, a text."""
    return value is not None and not (isinstance(value, Sequence) and not value)


def _with_a_model(roots: list[Root]) -> list[Root]:
    """A running average with no other network beside it is what the file is for: the model."""
    if any(root.kind == "model" for root in roots):
        return roots
    return _each(roots, "ema", "model")


def groups_of(roots: Sequence[Root]) -> tuple[list[Group], Callable[[Path], tuple[str, int]]]:
    """Return the groups of roots, and what gives the group of a path of native keys and the depth of its root."""
    ids = path_ids([(root.path, root.kind) for root in roots])
    table = {root.path: group for root, group in zip(roots, ids, strict=True)}
    groups = [Group(table[root.path], root.kind, join(root.path)) for root in roots]
    depths = sorted({len(path) for path in table}, reverse=True)

    def group_of(path: Path) -> tuple[str, int]:
        depth = next((depth for depth in depths if path[:depth] in table), None)
        return (table[path[:depth]], depth) if depth is not None else ("other", 0)

    return groups, group_of
