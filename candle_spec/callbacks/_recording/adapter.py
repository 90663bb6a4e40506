"""What the recorder asks of a framework: capture the whole training state, and give it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from candle_spec.checkpoint.contents import Contents, Framework

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint


EXTRA: Final = "candle_spec"
"""Key of what the recorder keeps beside a state whose own keys are anyone's."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a training at one moment: views on live memory, true until the training goes on.

    Attributes:
        contents: What the checkpoint will hold.
        stable: ``(group, name)`` of tensors that the training does not change (frozen layers).
    """

    contents: Contents
    stable: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class RestoredPart:
    """One part of a training state after a restart: whether it was restored, and what there is to say about it."""

    name: str
    restored: bool
    why: str = ""


def not_asked_for(*names: str) -> list[RestoredPart]:
    """Return the parts that stay as they are where only the weights were asked for."""
    return [RestoredPart(name, restored=False, why="only the weights were asked for") for name in names]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restart gave back.

    Attributes:
        parts: Every part, restored or not, in the order in which they were restored.
        extra: What the recorder had put beside the framework's state: metric history, early-stopping counters.
    """

    parts: tuple[RestoredPart, ...]
    extra: Mapping[str, Any]

    def text(self) -> str:
        """Return one line that says exactly what was restored and what was not."""
        done = [f"{part.name} ({part.why})" if part.why else part.name for part in self.parts if part.restored]
        left = [f"{part.name} ({part.why})" if part.why else part.name for part in self.parts if not part.restored]
        text = f"restored: {', '.join(done) or 'nothing'}"
        return f"{text}; not restored: {', '.join(left)}" if left else text


class Adapter(Protocol):
    """One framework's training, as the recorder sees it."""

    @property
    def framework(self) -> Framework:
        """Who makes the weights."""
        ...

    @property
    def resumes_inside_epoch(self) -> bool:
        """Whether the data's position inside an epoch is part of the state."""
        ...

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """Return the state of the training.

        Args:
            extra: Plain values to keep beside it, by key.
            inside_epoch: Whether the epoch is not over: then the position in the data may not be kept.

        Raises:
            UnsupportedFormatError: Something in the state cannot be saved without pickling it.
        """
        ...

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """Put a saved state into the training's objects: weights first, random generators last.

        Nothing is changed before names, shapes and dtypes were compared.

        Raises:
            InvalidInputError: The checkpoint is of another model.
        """
        ...
