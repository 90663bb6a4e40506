"""The state of a training in PyTorch on several processes: DDP, FSDP, or any module of sharded tensors.

Each process gives its share of whole tensors; so a checkpoint has them under the names of the plain module, can be read
without torch, and is restored by any number of processes. Names are those of
``torch.distributed.checkpoint.state_dict``, and what a process reads at a restart is planned by
``torch.distributed.checkpoint`` (https://docs.pytorch.org/docs/stable/distributed.checkpoint.html).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from candle_spec.callbacks._recording.adapter import Restored, RestoredPart, Snapshot, not_asked_for
from candle_spec.callbacks._recording.team import TorchTeam
from candle_spec.callbacks._states.data import can_resume_inside, capture_data, restore_data
from candle_spec.callbacks._states.rng import of_process, restore_rng, rng_of_team
from candle_spec.callbacks._states.structure import capture
from candle_spec.callbacks._states.torch_model import compare_states, torch_framework
from candle_spec.callbacks._states.torch_optimizer import by_name, check_optimizer
from candle_spec.callbacks._states.torch_reader import Place, filled, load_into, mapped
from candle_spec.callbacks._states.torch_state import MODEL, OPTIMIZER, RNG, SAMPLER, SCALER, SCHEDULER
from candle_spec.checkpoint.contents import Contents, Framework, StatePart
from candle_spec.series.saves.crew import Apart, Team
from candle_spec.weights.live import Leaf
from candle_spec.weights.sources import Bytes, MemoryBytes
from candle_spec.weights.torch_live import torch_leaf

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

_METADATA: Final = {"format": "pt"}


@dataclass(slots=True)
class _Leaves:
    """Recognises tensors; those that no process has as a whole are only described.

    Attributes:
        team: The processes.
        first: Tensors that may differ, by ``id``: those of process 0 are the training's (running averages).
    """

    team: Team
    first: frozenset[int] = frozenset()

    def leaf(self, value: Any, location: str) -> Leaf | None:
        """Return the leaf of a tensor of torch, ``None`` for anything else."""
        import torch

        if not isinstance(value, torch.Tensor):
            return None
        if hasattr(value, "full_tensor"):
            return self._sharded(value, location)
        leaf = torch_leaf(value, location=location)
        if value.data_ptr() not in self.first:
            return leaf

        def told(data: Bytes) -> Bytes:
            mine = b"".join(bytes(block) for block in data.blocks()) if not self.team.rank else b""
            return MemoryBytes(self.team.share(mine))

        parts = {
            name: replace(part, data=Apart(part.data.size, partial(told, part.data)))
            for name, part in leaf.parts.items()
        }
        return replace(leaf, parts=parts)

    def _sharded(self, value: Any, location: str) -> Leaf:
        """Describe a sharded tensor, by one of its shape and kind that takes no memory."""
        import torch

        one = torch.zeros((), dtype=value.dtype)
        like = one.expand(value.shape) if value.numel() > 1 else torch.zeros(value.shape, dtype=value.dtype)
        leaf = torch_leaf(like, location=location)

        def whole(name: str) -> Bytes:
            return torch_leaf(value, location=location).parts[name].data

        parts = {
            name: replace(part, data=Apart(part.data.size, partial(whole, name))) for name, part in leaf.parts.items()
        }
        about = {} if value.device.type == "cpu" else {"device": str(value.device)}
        return replace(leaf, parts=parts, identity=_identity(value.to_local()), attributes=about)


def _identity(shard: Any) -> Hashable:
    """Equal for sharded tensors that share every byte, as far as this process's shard says."""
    return ("shard", shard.data_ptr(), str(shard.dtype), tuple(shard.shape)) if shard.numel() else None


@dataclass(slots=True)
class TorchTeamState:
    """The objects of a training on several processes (:class:`candle_spec.callbacks._recording.adapter.Adapter`).

    Attributes:
        team: The processes.
        model: The module: wrapped by ``DistributedDataParallel``, sharded by ``fully_shard``, ….
        optimizer: Its optimizer.
        scheduler: The learning-rate schedule.
        scaler: The ``GradScaler`` of mixed precision.
        data: The loader or sampler of this process.
    """

    team: TorchTeam
    model: Any
    optimizer: Any = None
    scheduler: Any = None
    scaler: Any = None
    data: Any = None

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return torch_framework()

    @property
    def resumes_inside_epoch(self) -> bool:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        return can_resume_inside(self.data)

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """Describe the state, the same in all processes, with the bytes that this one has."""
        import torch.distributed.checkpoint.state_dict as states

        structure: dict[str, Any] = {MODEL: states.get_model_state_dict(self.model)}
        if self.optimizer is not None:
            structure[OPTIMIZER] = states.get_optimizer_state_dict(self.model, self.optimizer)
        structure |= {key: part.state_dict() for key, part in self._others()}
        data, data_part = capture_data(self.data, inside_epoch=inside_epoch)
        data = self.team.share(data)
        structure |= {SAMPLER: data} if data is not None else {}
        structure |= extra
        structure[RNG] = rng_of_team(self.team)
        buffers = frozenset(buffer.data_ptr() for buffer in self.model.buffers() if buffer.numel())
        captured = capture(structure, _Leaves(self.team, buffers).leaf)
        contents = Contents(
            self.framework,
            captured.groups,
            captured.tensors,
            captured.state,
            self._parts(data_part),
            weights_metadata=_METADATA,
        )
        ids = [group.id for group in captured.groups if group.kind == "model"]
        rows = self.model.named_parameters(remove_duplicate=False) if ids else ()
        frozen = {(ids[0], name.removeprefix("module.")) for name, p in rows if not p.requires_grad}
        return Snapshot(contents, frozenset(frozen))

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`; all processes do so together."""
        structure, places = mapped(checkpoint, ("model", "optimizer"))
        parts = self._restore_tensors(checkpoint, structure, places, weights_only=weights_only)
        if weights_only:
            rest = not_asked_for("optimizer", "scheduler", "scaler", "sampler", "rng")
            return Restored((*parts, *rest), {})
        for key, part in self._others():
            if key in structure:
                part.load_state_dict(structure[key])
            why = "" if key in structure else "none was saved"
            parts.append(RestoredPart(key.partition("_")[0], restored=not why, why=why))
        parts += [*restore_data(self.data, structure.get(SAMPLER)), self._restore_rng(structure.get(RNG, {}))]
        own = {MODEL, OPTIMIZER, SCHEDULER, SCALER, SAMPLER, RNG}
        return Restored(tuple(parts), {key: value for key, value in structure.items() if key not in own})

    def _restore_tensors(
        self, checkpoint: Checkpoint, structure: Mapping[str, Any], places: dict[int, Place], *, weights_only: bool
    ) -> list[RestoredPart]:
        """Restore the model and, if it is asked for, the optimizer: each process reads what it needs."""
        import torch.distributed.checkpoint.state_dict as states

        saved, current = structure.get(MODEL), states.get_model_state_dict(self.model)
        if saved is None:
            saved = checkpoint.state_dict("model", framework="torch")
            places = {id(value): ("model", name) for name, value in reversed(saved.items())}
        notes = compare_states(saved, current, str(checkpoint.path), cast=weights_only)
        optimizer = self._optimizer_of(structure, str(checkpoint.path), weights_only=weights_only)
        targets: dict[Place, Any] = {}
        model = filled(saved, current, places, targets)
        parts = [RestoredPart("model", restored=True, why="; ".join(notes))]
        if optimizer is not None:
            here = states.get_optimizer_state_dict(self.model, self.optimizer)
            optimizer = filled(optimizer, here, places, targets)
        load_into(checkpoint, targets, self.team.group)
        states.set_model_state_dict(self.model, model)
        if optimizer is not None:
            states.set_optimizer_state_dict(self.model, self.optimizer, optimizer)
        if self.optimizer is not None and not weights_only:
            why = "the checkpoint holds none" if optimizer is None else ""
            parts.append(RestoredPart("optimizer", restored=not why, why=why))
        return parts

    def _optimizer_of(self, structure: Mapping[str, Any], location: str, *, weights_only: bool) -> Any:
        """Return the saved state of the optimizer by names, compared with the live one, if there is one."""
        import torch.distributed.checkpoint.state_dict as states

        saved = structure.get(OPTIMIZER)
        if saved is None or self.optimizer is None or weights_only:
            return None
        check_optimizer(saved, self.optimizer, location)
        live: Any = states.get_optimizer_state_dict(self.model, self.optimizer)
        return by_name(saved, live["param_groups"])

    def _restore_rng(self, saved: Mapping[str, Any]) -> RestoredPart:
        own, why = of_process(saved, self.team.rank, self.team.size)
        if own is None:
            return RestoredPart("rng", restored=False, why=why)
        return RestoredPart("rng", restored=True, why="; ".join(restore_rng(own)))

    def _others(self) -> list[tuple[str, Any]]:
        rows = ((SCHEDULER, self.scheduler), (SCALER, self.scaler))
        return [(key, part) for key, part in rows if part is not None]

    def _parts(self, data: StatePart) -> dict[str, StatePart]:
        none = StatePart("not-used", "the training was given none")
        present = StatePart("present")
        return {
            "optimizer": present if self.optimizer is not None else StatePart("absent", "no optimizer was given"),
            "scheduler": present if self.scheduler is not None else none,
            "scaler": present if self.scaler is not None else none,
            "sampler": data,
            "rng": present,
        }
