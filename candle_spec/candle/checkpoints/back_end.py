"""What a framework does for CANDLE's checkpoint class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

from candle_spec.callbacks._recording.adapter import Adapter
from candle_spec.errors import InvalidInputError


class BackEnd(Protocol):
    """A framework: its training state, and its own file of a model."""

    def state(self, objects: Any) -> Adapter:
        """Return the adapter to the objects of a training."""
        ...

    def write(self, objects: Any, path: Path, epoch: int) -> None:
        """Write the framework's own file, after so many epochs."""
        ...

    def read(self, objects: Any, path: Path) -> str:
        """Restore the objects from the framework's own file; return what was restored, in words."""
        ...

    def rank(self) -> int:
        """Return the number of this process among those that train one model together."""
        ...


@dataclass(frozen=True, slots=True)
class NoBackEnd:
    """Stands where a class has no framework: its subclasses write and read their models themselves.

    Attributes:
        name: Name of the class.
    """

    name: str

    def state(self, objects: Any) -> Adapter:
        """See :class:`BackEnd`."""
        self._refuse()

    def write(self, objects: Any, path: Path, epoch: int) -> None:
        """See :class:`BackEnd`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InvalidInputError(
            f"{self.name} has no write_model_backend",
            hint="use CandleCkptPyTorch or CandleCkptKeras, or a subclass with write_model_backend and build_model",
        )

    def read(self, objects: Any, path: Path) -> str:
        """See :class:`BackEnd`."""
        hint = "write it beside the other hook"
        raise InvalidInputError(f"{self.name} has no build_model", location=str(path), hint=hint)

    def rank(self) -> int:
        """See :class:`BackEnd`."""
        return 0
