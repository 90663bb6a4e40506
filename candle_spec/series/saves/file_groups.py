"""Which tensors share a file: those that change together, so that a file that did not change can be shared.

From the first save on, tensors that are said to be stable (frozen layers) are kept apart. After two saves it is seen
which ones really changed, and files that hold both kinds are split, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from candle_spec.checkpoint.contents import Contents
from candle_spec.checkpoint.inventory import Tensor
from candle_spec.weights.dtypes import whole_bytes
from candle_spec.weights.shards import GroupPlan, PlannedFile
from candle_spec.weights.sources import TensorSource

Name = tuple[str, str]
"""Group and name of a tensor."""

_WORTH: Final = 4096
"""Unchanged bytes from which splitting a file saves more than one more file costs: a block of the disk."""


@dataclass(slots=True)
class Seen:
    """What one checkpoint holds: digest, file and size of every stored tensor."""

    digests: Mapping[Name, str]
    files: Mapping[Name, str]
    sizes: Mapping[Name, int]


@dataclass(slots=True)
class Grouping:
    """The lots of the tensors: no file holds tensors of two lots.

    Attributes:
        lots: Number of the lot of each tensor; tensors that are not named are in lot 0.
        quiet: Tensors that are not expected to change: they are digested before they are written.
        settled: Whether it was already seen which tensors change.
    """

    lots: dict[Name, int] = field(default_factory=dict)
    quiet: frozenset[Name] = frozenset()
    settled: bool = False
    _last: Seen | None = None

    def plan(self, contents: Contents, stable: frozenset[Name], shard_bytes: int) -> list[GroupPlan]:
        """Lay out the files of all groups.

        Args:
            contents: What is saved.
            stable: Tensors that are said not to change.
            shard_bytes: Largest file.
        """
        if self._last is None:
            self.lots = dict.fromkeys(stable, 1)
        return contents.plan(shard_bytes, self._lot)

    def _lot(self, tensor: TensorSource) -> int:
        return self.lots.get((tensor.group, tensor.name), 0)

    def is_quiet(self, planned: PlannedFile, stable: frozenset[Name]) -> bool:
        """Whether no tensor of a file is expected to have changed."""
        names = {(part.tensor.group, part.tensor.name) for part in planned.parts.values()}
        return bool(names) and names <= self.quiet | stable

    def observe(self, seen: Seen) -> None:
        """Learn from a checkpoint that was saved, or, at the opening of a series, from the newest ones in turn."""
        last, self._last = self._last, seen
        self.lots = _by_file(seen.files)
        if last is None:
            return
        self.quiet = frozenset(name for name, digest in seen.digests.items() if last.digests.get(name) == digest)
        if not self.settled:
            self.settled = True
            self._split(seen)

    def _split(self, seen: Seen) -> None:
        """Give the unchanged tensors of every mixed file a lot of their own."""
        mixed: dict[str, int] = {}
        for name, file in seen.files.items():
            mixed[file] = mixed.get(file, 0) + (seen.sizes[name] if name in self.quiet else 0)
        moving = {file for file, unchanged in mixed.items() if unchanged >= _WORTH}
        self.lots = {
            name: 2 * lot + (seen.files[name] in moving and name in self.quiet) for name, lot in self.lots.items()
        }


def _by_file(files: Mapping[Name, str]) -> dict[Name, int]:
    """Return the lots that give the same files again."""
    order: Sequence[str] = sorted(set(files.values()))
    number = {file: index for index, file in enumerate(order)}
    return {name: number[file] for name, file in files.items()}


def seen_in(tensors: Iterable[Tensor]) -> Seen:
    """Return what the inventory of a checkpoint says of its stored tensors."""
    stored = [tensor for tensor in tensors if tensor.arrays]
    return Seen(
        {(t.group, t.name): t.digest for t in stored},
        {(t.group, t.name): next(iter(t.arrays.values())).file for t in stored},
        {(t.group, t.name): sum(whole_bytes(a.dtype, a.shape) or 0 for a in t.arrays.values()) for t in stored},
    )
