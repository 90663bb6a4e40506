"""Nodes of a record: objects that stand in a pool and are cited by their ids, as in JSON-LD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_spec import pointer as pointers
from candle_spec.repositories.engine.record import Finding
from candle_spec.repositories.kinds import Kind
from candle_spec.repositories.language.tree import Pool


@dataclass(slots=True)
class Nodes:
    """The nodes of one document, put into their pools once all of it is made.

    Args:
        pools: The pools of the mapping, by name.
    """

    pools: Mapping[str, Pool]
    _known: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _cited: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, pool: str, node_id: str, members: Mapping[str, Any]) -> Any:
        """Add a node, or the members that one of its id does not have yet; return what cites it."""
        known = self._known.setdefault(pool, {}).setdefault(node_id, {self.pools[pool].id: node_id})
        for key, value in members.items():
            known.setdefault(key, value)
        return self._reference(pool, node_id)

    def cite(self, pool: str, node_id: str, target: str) -> Any:
        """Return what cites a node at a place of the record; the node may be added later."""
        self._cited.append((pool, node_id, target))
        return self._reference(pool, node_id)

    def place(self, document: dict[str, Any]) -> Iterator[Finding]:
        """Put the nodes into a document, and yield a finding for each one that is cited and not there."""
        for name, about in self.pools.items():
            nodes = list(self._known.get(name, {}).values())
            present = pointers.get(document, about.into)
            if nodes or present:
                pointers.put(document, about.into, [*(present or []), *nodes])
            ids = {node.get(about.id) for node in [*(present or []), *nodes] if isinstance(node, dict)}
            for pool, node_id, target in self._cited:
                if pool == name and node_id not in ids:
                    message = f"it cites {node_id!r}, which is not in the record"
                    yield Finding(Kind.INVALID, target, message=message)

    def _reference(self, pool: str, node_id: str) -> Any:
        member = self.pools[pool].ref
        return {member: node_id} if member else node_id
