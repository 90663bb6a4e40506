"""A framework's training state as CANDLE's classes save and restore it: around the framework's own adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_spec.callbacks._recording.adapter import Adapter, Restored, Snapshot
from candle_spec.candle.checkpoints.native_file import add_native_copy
from candle_spec.checkpoint.contents import Framework
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

NativeWriter = Callable[[Path, int], Any]
"""Writes a state to a path after so many epochs."""


@dataclass(slots=True)
class WrappedState:
    """An adapter around another one, and the same but for what a subclass does.

    Attributes:
        inner: The other one.
    """

    inner: Adapter

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return self.inner.framework

    @property
    def resumes_inside_epoch(self) -> bool:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return self.inner.resumes_inside_epoch

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return self.inner.capture(extra, inside_epoch=inside_epoch)

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return self.inner.restore(checkpoint, weights_only=weights_only)


@dataclass(slots=True)
class CandleState(WrappedState):
    """Keeps the framework's own file too, if asked for, and restores the weights where the rest does not fit any more.

    Attributes:
        say: Where lines go.
        write_native: Writes the framework's own file; ``None``: none is kept.
        on_change: What a restart does where the training changed (``ckpt_on_change``).
    """

    say: Callable[[str], None]
    write_native: NativeWriter | None
    on_change: str

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """Capture the state, and write the framework's own file of it."""
        snapshot = self.inner.capture(extra, inside_epoch=inside_epoch)
        if self.write_native is not None:
            add_native_copy(snapshot.contents, partial(_native, self.write_native, int(extra["epoch"])))
        return snapshot

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """Restore the state; where only what belongs to the training does not fit any more, the weights alone."""
        try:
            return self.inner.restore(checkpoint, weights_only=weights_only)
        except (InvalidInputError, ValueError) as error:
            if weights_only or self.on_change == "refuse":
                raise
            try:
                found = self.inner.restore(checkpoint, weights_only=True)
            except InvalidInputError:
                raise error from None
            self.say(f"only the weights were restored: {error}")
            return found


def _native(write: NativeWriter, epoch: int, path: Path) -> None:
    write(path, epoch)
