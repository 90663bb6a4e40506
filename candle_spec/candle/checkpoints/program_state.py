"""A training whose program writes and reads its own model files: the state behind :class:`CandleCkpt` itself.

What the program wrote is the model, verbatim (a *payload*). It is written into a private folder of the series, taken
from there, and saved as every file is: durable before the checkpoint has its name, listed with size and digest.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from candle_spec.callbacks._recording.adapter import Restored, RestoredPart, Snapshot, not_asked_for
from candle_spec.callbacks._states.rng import capture_rng, restore_rng
from candle_spec.callbacks._states.structure import capture, restored
from candle_spec.callbacks._states.torch_state import leaf_of
from candle_spec.checkpoint.contents import Contents, Framework, InertPickle, SideFile, StatePart
from candle_spec.checkpoint.layout import INVENTORY, MANIFEST, STATE
from candle_spec.errors import CandleSpecError, InvalidInputError
from candle_spec.paths import path_fault
from candle_spec.series.candle_files.ckpt_info import NAME as NOTE
from candle_spec.series.layout import Layout

if TYPE_CHECKING:
    from candle_spec.checkpoint.checkpoint import Checkpoint

RNG: Final = "host_rng_state"
FILE: Final = "model_file"
"""Key of the name under which the program wrote its model."""

_MOST_FILES: Final = 1000
_TAKEN: Final = (MANIFEST, STATE, INVENTORY, NOTE, "candle-checkpoint.sig")
_UNKNOWN: Final = "whether the program's own file holds it is not known"
_PARTS: Final = {
    **{name: StatePart("absent", _UNKNOWN) for name in ("optimizer", "scheduler", "scaler", "sampler")},
    "rng": StatePart("partial", "the global generators are kept; others are the program's own"),
}


class Program(Protocol):
    """What a program's subclass gives: it writes its model to a path, and reads one.

    Attributes:
        framework: Who makes the model; ``""`` where that is to be found out.
        model_file: Name of the model's file; while it is written, the path to write to.
        model: What is saved and restored.
    """

    framework: str
    model_file: str | Path

    @property
    def model(self) -> Any: ...
    @model.setter
    def model(self, model: Any) -> None: ...

    def write_model_backend(self, model: Any, epoch: int) -> None:
        """Write the model to ``self.model_file``."""
        ...

    def build_model(self, model_file: str) -> Any:
        """Read the model from a file; what is returned is the new model."""
        ...


@contextmanager
def writing_to(program: Program, folder: Path) -> Iterator[Path]:
    """Let ``model_file`` be a path in a folder, for as long as a model is written."""
    before = program.model_file
    program.model_file = path = folder / Path(before).name
    try:
        yield path
    finally:
        program.model_file = before


def read_model(program: Program, path: Path) -> None:
    """Let the program read its model."""
    found = program.build_model(str(path))
    if found is not None:
        program.model = found


@dataclass(slots=True)
class ProgramState:
    """A model that only the program's own functions know (:class:`candle_spec.callbacks._recording.adapter.Adapter`).

    Attributes:
        owner: The program's object; not kept alive from here.
        series: Folder of the series.
    """

    owner: weakref.ref[Program]
    series: str

    @property
    def framework(self) -> Framework:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        program = self._program()
        evidence = (f"written by {type(program).__name__}.write_model_backend",)
        return Framework(program.framework or "unknown", evidence=evidence)

    @property
    def resumes_inside_epoch(self) -> bool:
        """What the program does within an epoch is not known."""
        return False

    def capture(self, extra: Mapping[str, Any], *, inside_epoch: bool = False) -> Snapshot:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        staging = Layout(self.series).staging
        with tempfile.TemporaryDirectory(prefix="model-", dir=staging if staging.is_dir() else None) as folder:
            program = self._program()
            with writing_to(program, Path(folder)) as path:
                program.write_model_backend(program.model, int(extra["epoch"]))
            files, name = _files(Path(folder), path.name)
            framework, pickles = self._recognised(Path(folder) / name)
        captured = capture({**extra, FILE: name, RNG: capture_rng()}, leaf_of)
        groups = {f"{group.id}.safetensors" for group in captured.groups}
        _check_names([side.path for side in files], groups)
        contents = Contents(
            framework,
            captured.groups,
            captured.tensors,
            captured.state,
            dict(_PARTS),
            payload=files,
            pickles=pickles,
            weights_metadata={"format": "np"},
        )
        return Snapshot(contents)

    def restore(self, checkpoint: Checkpoint, *, weights_only: bool = False) -> Restored:
        """See :class:`candle_spec.callbacks._recording.adapter.Adapter`."""
        paths = [row["path"] for row in checkpoint.document["weights"].get("payload", [])]
        if not paths:
            raise InvalidInputError("the checkpoint is of another model: it holds no file of the program's own")
        structure = restored(checkpoint) if "state_tree" in checkpoint.document.get("training_state", {}) else {}
        name = str(structure.get(FILE, paths[0]))
        # The name may be that of a folder, or what several names begin with; nothing of it leaves the checkpoint.
        if not name or not any(path.startswith(name) for path in paths):
            name = paths[0]
        read_model(self._program(), checkpoint.path / name)
        parts = [RestoredPart("model", restored=True)]
        if weights_only:
            return Restored((*parts, *not_asked_for("rng")), {})
        if not structure:
            return Restored((*parts, RestoredPart("rng", restored=False, why="the checkpoint holds none")), {})
        restore_rng(structure.get(RNG, {}))
        parts.append(RestoredPart("rng", restored=RNG in structure))
        return Restored(tuple(parts), {key: value for key, value in structure.items() if key not in (RNG, FILE)})

    def _program(self) -> Program:
        program = self.owner()
        if program is None:
            raise InvalidInputError("the checkpoint object is gone: keep it as long as the training")
        return program

    def _recognised(self, path: Path) -> tuple[Framework, list[InertPickle]]:
        """Look at what was written: who makes such files, and which pickles are in it, none of which is run."""
        from candle_spec.conversion.native import read_native

        if not path.exists():
            return self.framework, []
        try:
            native, _ = read_native(path)
        except CandleSpecError:  # a format of the program's own
            return self.framework, []
        native.resources.close()
        found = native.contents().framework
        pickles = [InertPickle(path.name, each.member, each.imports, each.unknown_imports) for each in native.pickles]
        known = not self._program().framework and found.name not in ("", "unknown")
        return found if known else self.framework, pickles


def _files(folder: Path, name: str) -> tuple[list[SideFile], str]:
    """Return what the program wrote, and the name of its model.

    Some functions add an ending to the name that they are given (``numpy.savez``): one file alone is the model.
    """
    paths = list(_walk(folder))
    if not paths:
        raise InvalidInputError("write_model_backend wrote nothing", hint="write the model to self.model_file")
    if len(paths) > _MOST_FILES:
        raise InvalidInputError(f"write_model_backend wrote {len(paths)} files; {_MOST_FILES} are possible")
    names = [path.relative_to(folder).as_posix() for path in paths]
    if len(names) == 1:
        name = names[0] if not names[0].startswith(f"{name}/") else name
    elif not any(each.startswith(name) for each in names):
        raise InvalidInputError(f"write_model_backend did not write {name}, but {', '.join(names[:5])}")
    rows = zip(names, paths, strict=True)
    return [SideFile(each, path.read_bytes(), _media_type(path), "model") for each, path in rows], name


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise InvalidInputError(f"write_model_backend made a link, {path.name}", hint="write files alone")
        if path.is_file():
            yield path


def _media_type(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    return {b"\x89HDF": "application/x-hdf5", b"PK\x03\x04": "application/zip"}.get(start, "application/octet-stream")


def _check_names(names: list[str], groups: set[str]) -> None:
    for name in names:
        fault = "a name of the checkpoint's own" if name in _TAKEN or name in groups else path_fault(name)
        if fault:
            raise InvalidInputError(f"write_model_backend wrote {name!r}, which cannot be in a checkpoint: {fault}")
