"""The state of a training of boosted trees: the model itself, verbatim, is what the next round goes on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from candle_spec.callbacks._recording.adapter import Restored, RestoredPart, Snapshot, not_asked_for
from candle_spec.callbacks._states.rng import capture_rng, restore_rng
from candle_spec.callbacks._states.structure import capture, restored
from candle_spec.callbacks._states.torch_state import leaf_of
from candle_spec.checkpoint.contents import Contents, Framework, SideFile, StatePart
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

RNG: Final = "host_rng_state"
_PARTS: Final = {
    "optimizer": StatePart("present"),  # the trees are the state
    "scheduler": StatePart("not-used", "a schedule is a function of the round"),
    "scaler": StatePart("not-used", "trees are grown in full precision"),
    "sampler": StatePart("not-used", "every round sees the whole data"),
    "rng": StatePart("partial", "the random numbers of bagging and column sampling begin anew with a restart"),
}


@dataclass(slots=True)
class BoosterState:
    """A model of boosted trees that grows (:class:`candle_spec.callbacks._recording.adapter.Adapter`).

    Attributes:
        framework: Who makes it.
        payload: Path and media type of the model in the checkpoint, as its converter has them.
        write: Gives the bytes of a booster.
        read: Makes a booster of such bytes.
        booster: The newest booster; a restart replaces it.
    """

    framework: Framework
    payload: tuple[str, str]
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]
    booster: Any = None

    @property
    def resumes_inside_epoch(self) -> bool:
        """A round is the unit of such a training: there is nothing inside one."""
        return True

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        captured = capture({**extra, RNG: capture_rng()}, leaf_of)
        path, media_type = self.payload
        contents = Contents(
            self.framework,
            captured.groups,
            captured.tensors,
            captured.state,
            dict(_PARTS),
            payload=[SideFile(path, self.write(self.booster), media_type, "booster")],
            weights_metadata={"format": "np"},
        )
        return Snapshot(contents)

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        rows = checkpoint.manifest["weights"].get("payload", [])
        path = next((row["path"] for row in rows if row["role"] == "booster"), "")
        if not path:
            raise InvalidInputError("the checkpoint holds no booster", location=str(checkpoint.path))
        self.booster = self.read(checkpoint.read_file(path))
        parts = [RestoredPart("model", restored=True)]
        if weights_only:
            return Restored((*parts, *not_asked_for("host rng")), {})
        structure = restored(checkpoint)
        restore_rng(structure.get(RNG, {}))
        parts.append(RestoredPart("host rng", restored=RNG in structure))
        parts.append(RestoredPart("sampling of the booster", restored=False, why="it begins anew with a restart"))
        return Restored(tuple(parts), {key: value for key, value in structure.items() if key != RNG})
