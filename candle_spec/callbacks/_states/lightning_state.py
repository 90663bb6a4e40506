"""The state of a training in Lightning: the trainer's own dictionary, caught on its way to a file."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from candle_spec.callbacks._recording.adapter import EXTRA, Restored, RestoredPart, Snapshot
from candle_spec.callbacks._states.data import capture_data, restore_data
from candle_spec.callbacks._states.rng import capture_rng, of_process, restore_rng, rng_of_team
from candle_spec.callbacks._states.structure import capture, restored
from candle_spec.callbacks._states.torch_model import torch_framework
from candle_spec.callbacks._states.torch_state import RNG, SAMPLER, leaf_of
from candle_spec.checkpoint.contents import Contents, Framework, StatePart

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.series.saves.crew import Team

CAUGHT: Final = "candle-spec:caught"
"""A path that is none: the plugin keeps what Lightning would write there."""


@cache
def io_class(package: str) -> Any:
    """Return the class of the checkpoint plugin; paths that are not ours go to Lightning's own."""
    fabric = "lightning_fabric" if package == "pytorch_lightning" else "lightning.fabric"
    base = importlib.import_module(f"{fabric}.plugins.io.torch_io").TorchCheckpointIO

    class SeriesIO(base):  # type: ignore[misc, valid-type]
        """Gives the trainer's states to a series and reads them from there."""

        caught: dict[str, Any] | None = None
        loaded: tuple[str, dict[str, Any]] = ("", {})

        def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
            """Keep the state for the series, or write Lightning's own file."""
            if str(path) == CAUGHT:
                self.caught = checkpoint
            else:
                super().save_checkpoint(checkpoint, path, storage_options)

        def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
            """Return the restored state, or read Lightning's own file."""
            if str(path) == self.loaded[0]:
                return dict(self.loaded[1])
            result: dict[str, Any] = super().load_checkpoint(path, *args, **kwargs)
            return result

    return SeriesIO


@dataclass(slots=True)
class LightningState:
    """A training in Lightning (:class:`candle_spec.callbacks._recording.adapter.Adapter`).

    Attributes:
        io: The plugin.
        trainer: The trainer, once it is there.
        team: The processes, where several train.
    """

    io: Any
    trainer: Any = None
    team: Team | None = None
    _rng: Mapping[str, Any] | None = None
    _data: Any = None

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return torch_framework()

    @property
    def resumes_inside_epoch(self) -> bool:
        """Lightning goes on inside an epoch only with loaders that keep their position."""
        return False

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        self.trainer.save_checkpoint(CAUGHT)
        caught, self.io.caught = self.io.caught or {}, None
        data, data_part = capture_data(self.trainer.train_dataloader, inside_epoch=inside_epoch)
        structure = {
            **caught,
            SAMPLER: data,
            EXTRA: dict(extra),
            RNG: rng_of_team(self.team) if self.team else capture_rng(),
        }
        captured = capture(structure, leaf_of)
        contents = Contents(
            self.framework,
            captured.groups,
            captured.tensors,
            captured.state,
            _parts(caught, data_part),
            weights_metadata={"format": "pt"},
        )
        ids = [group.id for group in captured.groups if group.kind == "model"]
        module = self.trainer.lightning_module
        rows = module.named_parameters(remove_duplicate=False) if ids else ()
        frozen = frozenset((ids[0], name) for name, parameter in rows if not parameter.requires_grad)
        return Snapshot(contents, frozen)

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """Hand the state to the plugin, from which the trainer takes it; the random generators follow later."""
        structure = restored(checkpoint, "torch")
        self._rng, self._data = structure.pop(RNG, None), structure.pop(SAMPLER, None)
        extra = structure.pop(EXTRA, {})
        if weights_only:
            structure = {key: structure[key] for key in structure if key in ("state_dict", "pytorch-lightning_version")}
            self._rng = self._data = None
        self.io.loaded = (str(checkpoint.path), structure)
        parts = [
            RestoredPart(key, restored=True) for key, value in structure.items() if isinstance(value, (dict, list))
        ]
        parts += [RestoredPart(name, restored=not weights_only) for name in ("sampler", "rng")]
        return Restored(tuple(parts), extra)

    def restore_rng(self) -> list[str]:
        """Set the random generators, and those of the loader, to their saved states, once.

        Returns:
            What could not be set, a sentence each.
        """
        if self._rng is None:
            return []
        rng, self._rng = self._rng, None
        parts = restore_data(self.trainer.train_dataloader, self._data)
        notes = [f"{part.name} ({part.why})" for part in parts if not part.restored]
        rank, size = (self.team.rank, self.team.size) if self.team else (0, 1)
        own, why = of_process(rng, rank, size)
        return [*notes, f"rng ({why})"] if own is None else [*notes, *restore_rng(own)]


def _parts(caught: Mapping[str, Any], data: StatePart) -> dict[str, StatePart]:
    none = StatePart("not-used", "the trainer has none")
    present = StatePart("present")
    scaled = any("MixedPrecision" in key or key == "native_amp_scaling_state" for key in caught)
    return {
        "optimizer": present if caught.get("optimizer_states") else StatePart("absent", "the trainer has none"),
        "scheduler": present if caught.get("lr_schedulers") else none,
        "scaler": present if scaled else none,
        "sampler": data,
        "rng": present,
    }
