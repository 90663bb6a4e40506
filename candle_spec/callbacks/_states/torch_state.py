"""The full state of a training in PyTorch: capture and restore, without pickle.

Kept: parameters and buffers (ties recorded), optimizers, learning-rate schedules, the loss scaler, an average of the
weights, the state of loaders and samplers, the random generators of Python, NumPy and torch. Keys are the usual ones
of ``torch.save`` dictionaries, so that a file of the same dictionary converts to the same names and groups.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from candle_spec.callbacks._recording.adapter import Restored, RestoredPart, Snapshot, not_asked_for
from candle_spec.callbacks._states.data import can_resume_inside, capture_data, restore_data
from candle_spec.callbacks._states.rng import capture_rng, of_process, restore_rng, rng_of_team
from candle_spec.callbacks._states.structure import capture, restored
from candle_spec.callbacks._states.torch_model import load_model, torch_framework, unwrapped
from candle_spec.callbacks._states.torch_optimizer import check_optimizer, load_optimizer
from candle_spec.checkpoint.contents import Contents, Framework, SideFile, StatePart
from candle_spec.weights.live import Leaf
from candle_spec.weights.torch_live import torch_leaf

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint
    from candle_spec.series.saves.crew import Team

MODEL: Final = "model_state_dict"
OPTIMIZER: Final = "optimizer_state_dict"
SCHEDULER: Final = "scheduler_state_dict"
SCALER: Final = "scaler_state_dict"
EMA: Final = "ema_state_dict"
SAMPLER: Final = "sampler_state"
RNG: Final = "rng_state"

Many = Any
"""One object, or a dictionary of objects by name."""


def leaf_of(value: Any, location: str) -> Leaf | None:
    """Recognise torch's tensors."""
    torch = sys.modules.get("torch")
    return torch_leaf(value, location=location) if torch is not None and isinstance(value, torch.Tensor) else None


@dataclass(slots=True)
class TorchState:
    """The objects of a training in PyTorch (:class:`candle_spec.callbacks._recording.adapter.Adapter`).

    Attributes:
        model: A module, or modules by name. A module wrapped by ``DistributedDataParallel``, ``DataParallel`` or
            ``torch.compile`` is saved as the module inside.
        optimizer: An optimizer, or optimizers by name.
        scheduler: A learning-rate schedule, or several by name.
        scaler: The ``GradScaler`` of mixed precision.
        ema: An average of the weights: a module, or anything with ``state_dict``.
        data: The training's loader or sampler, or several: whatever gives the order of the data.
        generators: Further random generators by name.
        order: What keeps the order of the data, where that is known better than from ``data``.
        files: Gives further files for the checkpoint.
        team: The processes, where several train copies of the same objects.
    """

    model: Many
    optimizer: Many = None
    scheduler: Many = None
    scaler: Any = None
    ema: Any = None
    data: Any = None
    generators: Mapping[str, Any] = field(default_factory=dict)
    order: StatePart | None = None
    files: Callable[[], Sequence[SideFile]] = tuple
    team: Team | None = None
    _saved_rng: Mapping[str, Any] | None = None

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return torch_framework()

    @property
    def resumes_inside_epoch(self) -> bool:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return can_resume_inside(self.data)

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        structure: dict[str, Any] = {}
        for key, _, part in self._stateful():
            structure[key] = unwrapped(part).state_dict()
        data, data_part = capture_data(self.data, inside_epoch=inside_epoch)
        if data is not None:
            structure[SAMPLER] = data
        structure |= extra
        structure[RNG] = rng_of_team(self.team) if self.team else capture_rng(self.generators)
        captured = capture(structure, leaf_of)
        contents = Contents(
            self.framework,
            captured.groups,
            captured.tensors,
            captured.state,
            self._parts(self.order or data_part),
            side_files=self.files(),
            weights_metadata={"format": "pt"},
        )
        return Snapshot(contents, self._stable({group.root: group.id for group in captured.groups}))

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        structure = restored(checkpoint, "torch")
        parts: list[RestoredPart] = []
        own: set[str] = {SAMPLER, RNG}
        for key, kind, part in self._stateful():
            if kind == "optimizer" and key in structure and not weights_only:
                check_optimizer(structure[key], part, str(checkpoint.path))
        for key, kind, part in self._stateful():
            own.add(key)
            if kind != "model" and weights_only:
                parts += not_asked_for(kind)
            elif key not in structure and kind != "model":
                parts.append(RestoredPart(kind, restored=False, why="the checkpoint holds none"))
            elif kind in ("model", "ema"):
                notes = load_model(unwrapped(part), structure, key, checkpoint, cast=weights_only)
                parts.append(RestoredPart(kind, restored=True, why="; ".join(notes)))
            else:
                if kind == "optimizer":
                    load_optimizer(structure[key], part, self.model)
                else:
                    part.load_state_dict(structure[key])
                parts.append(RestoredPart(kind, restored=True))
        if weights_only:
            return Restored((*parts, *not_asked_for("sampler", "rng")), {})
        parts += [*restore_data(self.data, structure.get(SAMPLER)), self._restore_rng(structure)]
        known = {key for key, _, _ in self._stateful()}
        unused = [key for key in structure if key.endswith("_state_dict") and key not in known]
        parts += [RestoredPart(key, restored=False, why="no object was given for it") for key in unused]
        return Restored(tuple(parts), {key: value for key, value in structure.items() if key not in own})

    def take_rng(self) -> Mapping[str, Any] | None:
        """Return the states of the generators that were restored, for callers that must set them again; once."""
        rng, self._saved_rng = self._saved_rng, None
        return rng

    def _restore_rng(self, structure: Mapping[str, Any]) -> RestoredPart:
        if RNG not in structure:
            return RestoredPart("rng", restored=False, why="the checkpoint holds none")
        rank, size = (self.team.rank, self.team.size) if self.team else (0, 1)
        self._saved_rng, why = of_process(structure[RNG], rank, size)
        if self._saved_rng is None:
            return RestoredPart("rng", restored=False, why=why)
        problems = restore_rng(self._saved_rng, self.generators)
        return RestoredPart("rng", restored=True, why="; ".join(f"not {problem}" for problem in problems))

    def _stateful(self) -> Iterator[tuple[str, str, Any]]:
        """Yield key, kind and object of every part that has a state dict."""
        rows = ((MODEL, "model", self.model), (EMA, "ema", self.ema), (OPTIMIZER, "optimizer", self.optimizer))
        for key, kind, given in (*rows, (SCHEDULER, "scheduler", self.scheduler), (SCALER, "scaler", self.scaler)):
            if isinstance(given, Mapping):
                yield from ((f"{kind}_{name}", kind, part) for name, part in given.items())
            elif given is not None:
                yield key, kind, given

    def _parts(self, data: StatePart) -> dict[str, StatePart]:
        given = {kind for _, kind, _ in self._stateful()}
        none = StatePart("not-used", "the training was given none")
        present = StatePart("present")
        scheduled = any(
            hasattr(getattr(part, "step", None), "_wrapped_by_lr_sched")
            for _, kind, part in self._stateful()
            if kind == "optimizer"
        )
        unseen = StatePart("absent", "the optimizer is driven by a schedule that was not given to the callback")
        return {
            "optimizer": present if "optimizer" in given else StatePart("absent", "no optimizer was given"),
            "scheduler": present if "scheduler" in given else unseen if scheduled else none,
            "scaler": present if "scaler" in given else none,
            "sampler": data,
            "rng": present,
        }

    def _stable(self, groups: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        """Return the parameters that no gradient reaches, with all names that they are saved under."""
        names: set[tuple[str, str]] = set()
        for key, kind, part in self._stateful():
            group = groups.get(f"/{key}")
            if kind == "model" and group is not None:
                rows = unwrapped(part).named_parameters(remove_duplicate=False)
                names |= {(group, name) for name, parameter in rows if not parameter.requires_grad}
        return frozenset(names)
