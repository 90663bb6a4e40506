"""The state of a training in PyTorch on several processes: DDP, FSDP, or any module of sharded tensors.

Each process puts together and writes its share of the tensors, whole ones, to files of its own, and tells rank 0
where they stand; so a checkpoint has whole tensors under the names of the plain module, can be read without torch, and
is restored by any number of processes. Names and resharding are those of ``torch.distributed.checkpoint.state_dict``
(https://docs.pytorch.org/docs/stable/distributed.checkpoint.html).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from candle_spec.atomic import Fs
from candle_spec.callbacks._adapter import Restored, RestoredPart, Snapshot
from candle_spec.callbacks._data import can_resume_inside, capture_data, restore_data
from candle_spec.callbacks._rng import capture_rng, restore_rng
from candle_spec.callbacks._structure import capture, restored
from candle_spec.callbacks._team import Team
from candle_spec.callbacks._torch_model import compare_states
from candle_spec.callbacks._torch_optimizer import check_optimizer, is_by_name
from candle_spec.callbacks._torch_state import MODEL, OPTIMIZER, RNG, SAMPLER, SCALER, SCHEDULER
from candle_spec.checkpoint.contents import Contents, Framework, StatePart
from candle_spec.errors import InvalidInputError, WriteFailedError
from candle_spec.weights.live import Leaf
from candle_spec.weights.shards import plan_group
from candle_spec.weights.sources import Bytes, Extent, FileBytes, Part, TensorSource
from candle_spec.weights.torch_live import torch_leaf

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

_METADATA: Final = {"format": "pt"}
_FOLDER: Final = ".candle/staging"
"""Where the series keeps what is being written; what a killed training leaves there is removed at the next start."""


@dataclass(frozen=True, slots=True)
class Share:
    """Bytes of a tensor that this process (``data``) or another one (no ``data``) writes."""

    size: int
    data: Bytes | None = None

    @property
    def extents(self) -> tuple[Extent, ...]:
        return ()

    def blocks(self) -> Iterator[bytes | memoryview]:
        return iter(()) if self.data is None else self.data.blocks()


@dataclass(slots=True)
class _Shares:
    """Gives each tensor to the process that has the least to write so far: the same answer in all of them."""

    team: Team
    filled: list[int] = field(default_factory=list)

    def leaf(self, value: Any, location: str) -> Leaf | None:
        """Put a tensor together (all processes do so together), and keep it where it is this process's."""
        import torch

        if not isinstance(value, torch.Tensor):
            return None
        leaf = torch_leaf(value, location=location)
        self.filled = self.filled or [0] * self.team.size
        owner = self.filled.index(min(self.filled))
        self.filled[owner] += sum(part.data.size for part in leaf.parts.values())
        mine = owner == self.team.rank
        parts = {
            name: replace(part, data=Share(part.data.size, part.data if mine else None))
            for name, part in leaf.parts.items()
        }
        return replace(leaf, parts=parts)


@dataclass(slots=True)
class TorchTeamState:
    """The objects of a training on several processes (:class:`candle_spec.callbacks._adapter.Adapter`).

    Attributes:
        team: The processes.
        folder: Folder of the series, on a file system that all of them see.
        model: The module: wrapped by ``DistributedDataParallel``, sharded by ``fully_shard``, ….
        optimizer: Its optimizer.
        scheduler: The learning-rate schedule.
        scaler: The ``GradScaler`` of mixed precision.
        data: The loader or sampler of this process.
        fs: The file system; replaced by tests.
    """

    team: Team
    folder: Path
    model: Any
    optimizer: Any = None
    scheduler: Any = None
    scaler: Any = None
    data: Any = None
    fs: Fs = field(default_factory=Fs)
    _given: Path | None = None

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._adapter.Adapter`."""
        import torch

        return Framework("pytorch", torch.__version__)

    @property
    def resumes_inside_epoch(self) -> bool:
        """See :class:`candle_spec.callbacks._adapter.Adapter`."""
        return can_resume_inside(self.data)

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """Give this process's share of the state; only that of rank 0 is the whole.

        Raises:
            WriteFailedError: A process could not write its share.
        """
        import torch.distributed.checkpoint.state_dict as states

        structure: dict[str, Any] = {MODEL: states.get_model_state_dict(self.model)}
        if self.optimizer is not None:
            structure[OPTIMIZER] = states.get_optimizer_state_dict(self.model, self.optimizer)
        structure |= {key: part.state_dict() for key, part in self._others()}
        data, data_part = capture_data(self.data, inside_epoch=inside_epoch)
        structure |= {SAMPLER: data} if data is not None else {}
        structure |= extra
        structure[RNG] = {str(rank): state for rank, state in enumerate(self.team.gather(capture_rng()))}
        captured = capture(structure, _Shares(self.team).leaf)
        contents = Contents(
            self.framework,
            captured.groups,
            self._joined(captured.tensors),
            captured.state,
            self._parts(data_part),
            weights_metadata=_METADATA,
        )
        ids = [group.id for group in captured.groups if group.kind == "model"]
        rows = self.model.named_parameters(remove_duplicate=False) if ids else ()
        frozen = {(ids[0], name.removeprefix("module.")) for name, p in rows if not p.requires_grad}
        return Snapshot(contents, frozenset(frozen))

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._adapter.Adapter`; all processes do so together."""
        import torch.distributed.checkpoint.state_dict as states

        structure = restored(checkpoint, "torch")
        options = states.StateDictOptions(full_state_dict=True, strict=True)
        saved = structure.get(MODEL) or checkpoint.state_dict("model", framework="torch")
        current = states.get_model_state_dict(self.model)
        notes = compare_states(saved, current, str(checkpoint.path), cast=weights_only)
        self._check_optimizer(structure.get(OPTIMIZER), str(checkpoint.path), weights_only=weights_only)
        states.set_model_state_dict(self.model, saved, options=options)
        parts = [RestoredPart("model", restored=True, why="; ".join(notes))]
        if weights_only:
            reason = "only the weights were asked for"
            names = ("optimizer", "scheduler", "scaler", "sampler", "rng")
            return Restored((*parts, *(RestoredPart(name, restored=False, why=reason) for name in names)), {})
        parts += self._restore_optimizer(structure.get(OPTIMIZER), states, options)
        for key, part in self._others():
            if key in structure:
                part.load_state_dict(structure[key])
            name = key.partition("_")[0]
            parts.append(
                RestoredPart(name, restored=key in structure, why="" if key in structure else "none was saved")
            )
        parts += [*restore_data(self.data, structure.get(SAMPLER)), self._restore_rng(structure.get(RNG, {}))]
        own = {MODEL, OPTIMIZER, SCHEDULER, SCALER, SAMPLER, RNG}
        return Restored(tuple(parts), {key: value for key, value in structure.items() if key not in own})

    def _check_optimizer(self, saved: Any, location: str, *, weights_only: bool) -> None:
        if saved is None or self.optimizer is None or weights_only:
            return
        check_optimizer(saved, self.optimizer, location)
        if not is_by_name(saved):
            raise InvalidInputError(
                "the optimizer's state numbers its parameters: one process saved it",
                location=location,
                hint="restore its weights alone, or go on with one process",
            )

    def _restore_optimizer(self, saved: Any, states: Any, options: Any) -> list[RestoredPart]:
        if self.optimizer is None:
            return []
        if saved is None:
            return [RestoredPart("optimizer", restored=False, why="the checkpoint holds none")]
        states.set_optimizer_state_dict(self.model, self.optimizer, saved, options=options)
        return [RestoredPart("optimizer", restored=True)]

    def _restore_rng(self, saved: Mapping[str, Any]) -> RestoredPart:
        if len(saved) != self.team.size:
            why = f"{len(saved)} processes saved theirs, {self.team.size} are here"
            return RestoredPart("rng", restored=False, why=why)
        problems = restore_rng(saved[str(self.team.rank)])
        return RestoredPart("rng", restored=True, why="; ".join(problems))

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

    def clean(self) -> None:
        """Remove the files that this process gave to a save; they are in the checkpoint now, or of no use."""
        given, self._given = self._given, None
        if given is not None and given.exists():
            self.fs.remove_tree(given)

    def _joined(self, tensors: list[TensorSource]) -> list[TensorSource]:
        """Write what is this process's, and return all tensors with where their bytes are."""
        name = self.team.share(f"ranks-{secrets.token_hex(8)}")
        folder = self.folder / _FOLDER / name
        places: dict[tuple[str, str, str], FileBytes] = {}
        fault = ""
        try:
            if self.team.rank:
                places = self._write(tensors, folder.with_name(f"{name}-{self.team.rank}"))
        except OSError as error:
            fault = str(error)
        rows = self.team.gather((fault, places))
        faults = [f"process {rank}: {fault}" for rank, (fault, _) in enumerate(rows) if fault]
        if faults:
            raise WriteFailedError(faults[0], location=str(folder))
        everywhere = {key: data for _, own in rows for key, data in own.items()}
        return [_placed(tensor, everywhere) for tensor in tensors]

    def _write(self, tensors: list[TensorSource], folder: Path) -> dict[tuple[str, str, str], FileBytes]:
        """Write the tensors of this process durably, one file for each group."""
        mine = [tensor for tensor in tensors if any(_is_mine(part) for part in tensor.parts.values())]
        self._given = folder
        self.fs.make_folder(folder)
        places: dict[tuple[str, str, str], FileBytes] = {}
        for group in dict.fromkeys(tensor.group for tensor in mine):
            plan = plan_group(group, [tensor for tensor in mine if tensor.group == group], _METADATA)
            for file in plan.files:
                path = folder / file.name
                with self.fs.open_new(path) as target:
                    self.fs.write(target, file.head)
                    for key, entry in file.header.entries.items():
                        stored = file.parts[key]
                        for block in stored.part.data.blocks():
                            self.fs.write(target, block)
                        place = FileBytes(path, entry.offset, entry.size)
                        places[stored.tensor.group, stored.tensor.name, stored.part_name] = place
                    self.fs.sync_file(target)
        self.fs.sync_folder(folder)
        return places


def _is_mine(part: Part) -> bool:
    return isinstance(part.data, Share) and part.data.data is not None


def _placed(tensor: TensorSource, places: Mapping[tuple[str, str, str], FileBytes]) -> TensorSource:
    parts = {}
    for name, part in tensor.parts.items():
        data: Bytes = places.get((tensor.group, tensor.name, name), part.data)
        if isinstance(data, Share) and data.data is not None:
            data = data.data
        parts[name] = replace(part, data=data)
    return replace(tensor, parts=parts)
