"""What live checkpoints hold: a file that did not change is not written again, but the newest never share a block.

The live checkpoints are the store. A file of an earlier checkpoint gets a second name in the new one (a hard link), or
a copy that shares its blocks (a reflink); where the file system can do neither, it is written again.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from candle_spec.atomic import Fs
from candle_spec.series.live import Held, Live, inode

NOT_HERE: Final = frozenset(
    {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
    | {errno.EINVAL, errno.ENOENT, errno.ENOTTY, errno.EBADF}
)
"""Errors by which a file system says that it cannot share this file; any other one is a fault."""


@dataclass(slots=True)
class Holdings:
    """The files that live checkpoints hold, and which of them a new checkpoint may share.

    Attributes:
        live: Checkpoints of this series.
        others: Checkpoints of other series whose files may be shared, too.
        min_copies: So many of the newest checkpoints, the new one included, hold each file in inodes of their own.
        fs: The file system.
        can: What the file system can do; learned here.
        never: Files that must not be shared: some are damaged.
        paranoid: Whether to read a file again before it is shared.
    """

    live: Sequence[Live]
    others: Sequence[Live]
    min_copies: int
    fs: Fs
    can: dict[str, bool]
    never: Set[tuple[int, int]] = frozenset()
    paranoid: bool = False
    _reserved: set[tuple[int, int]] | None = field(default=None)

    def holds(self, key: str) -> bool:
        """Whether any file has that content, whether or not it may be shared."""
        return any(key in live.contents for live in self._all())

    def share(self, key: str, target: Path, same: Callable[[Path], bool]) -> Held | None:
        """Give a file of that content the new name ``target``.

        Args:
            key: What is in the file.
            target: The new name; it must not exist.
            same: Whether a file is the very one, asked before it is shared.

        Returns:
            The file that is shared, or ``None`` where it has to be written.
        """
        tried: set[tuple[int, int]] = set()
        for live in self._all():
            held = live.contents.get(key)
            identity = inode(held.path) if held else None
            if held is None or identity is None or identity in tried or identity in self._newest():
                continue
            tried.add(identity)
            if same(held.path) and self._is_sound(held) and self._second_name(held.path, target):
                return held
        return None

    def _all(self) -> list[Live]:
        """All checkpoints, newest first, those of this series before those of others."""
        return sorted(self.live, key=lambda live: live.age, reverse=True) + list(self.others)

    def _newest(self) -> set[tuple[int, int]]:
        """The inodes that the new checkpoint must not share."""
        if self._reserved is None:
            newest = sorted(self.live, key=lambda live: live.age, reverse=True)[: max(0, self.min_copies - 1)]
            self._reserved = {identity for live in newest for identity in live.inodes()} | self.never
        return self._reserved

    def _is_sound(self, held: Held) -> bool:
        return not self.paranoid or held.content.is_in(held.path)

    def _second_name(self, source: Path, target: Path) -> bool:
        for way, make in (("link", self.fs.link), ("reflink", self.fs.reflink)):
            if not self.can.get(way, True):
                continue
            try:
                make(source, target)
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                # Too many names, or a file that was just pruned, says nothing about the next file.
                if error.errno not in (errno.EMLINK, errno.ENOENT, errno.EXDEV):
                    self.can[way] = False
            else:
                self.can[way] = True
                return True
        return False
