"""A folder of CANDLE as a checkpoint: the model that the note names, the note itself, and the settings of the run.

The model is read by the converter of its own content, whatever its file is called.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any, Final

from candle_spec.checkpoint.training_fields import training_fields
from candle_spec.conversion.contract import Field, Native, NativeFile, Part, Source
from candle_spec.conversion.meaning import infer_name
from candle_spec.converters._shared.folders.inner import Inner, override_fields, recognise_surely
from candle_spec.converters._shared.folders.kept_files import keep_file
from candle_spec.converters._shared.folders.run_settings import hyperparameters, read_python_json, settings_file
from candle_spec.converters.candle_checkpoint import INFO
from candle_spec.converters.candle_checkpoint.detect import notes_of
from candle_spec.errors import CorruptFileError, InvalidInputError, MissingPartError

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?= [0-9]{2}:[0-9]{2}:[0-9]{2}\Z)")
_SMALL: Final = frozenset({"txt", "log", "json", "csv"})


def read(source: Source) -> Native:
    """Read the one checkpoint of the folder.

    Raises:
        InvalidInputError: The folder holds several.
        MissingPartError: The model that the note names is not there.
        CorruptFileError: The note is none.
    """
    note = _the_note(source)
    about = read_python_json(note)
    folder = note.name.removesuffix(INFO)
    inner = _model(source, folder, about)
    native = inner.read(source)
    native.fields = [field for field in native.fields if field.pointer != "/name"]
    native.fields.insert(0, infer_name(source, _names(source, about)))
    native.fields += _note_fields(about, note.name, {field.pointer for field in native.fields})
    native.checks.append(lambda: _checksum_fault(about, _file(source, folder, about)))
    _add_run(native, source)
    return native


def _add_run(native: Native, source: Source) -> None:
    """Put the settings of the run and small texts beside the weights."""
    known = {side.path for side in native.side_files}
    for file in source.files:
        ending = file.name.rpartition(".")[2].lower()
        if ending in _SMALL and file.size and f"artifacts/{file.name}" not in known:
            keep_file(native, file, "config")
    settings = settings_file(source.files) or _settings_around(source)
    if settings is not None:
        found = hyperparameters(settings)
        override_fields(native, training_fields(found, settings.name))
        native.parts.append(Part("hyperparameters", "kept", f"read from {settings.name}"))
    else:
        native.parts.append(Part("hyperparameters", "absent", "name the run's folder with --context to find them"))


def _the_note(source: Source) -> NativeFile:
    notes = notes_of(source)
    direct = [note for note in notes if note.name == INFO]
    if len(notes) == 1 or direct:
        return (direct or notes)[0]
    places = ", ".join(note.name.rpartition("/")[0] for note in notes[:10]) + (", …" if len(notes) > 10 else "")
    links = ", ".join(f"{name} -> {target.rpartition('epochs/')[2]}" for name, target in sorted(source.links.items()))
    raise InvalidInputError(
        f"{len(notes)} checkpoints of one run lie here: {places}" + (f" ({links})" if links else ""),
        location=str(source.path),
        hint="name one of them, for example its best; or add --recursive",
    )


def _file(source: Source, folder: str, about: dict[str, Any]) -> NativeFile:
    named = about.get("model_file", "model.h5")
    for file in source.files:
        if file.name == f"{folder}{named}":
            return file
    raise MissingPartError(
        f"{folder}{INFO} names the model file {named!r}, which is not there",
        location=str(source.path),
        hint="CANDLE deletes the models of old epochs and keeps their notes; name another epoch",
    )


def _model(source: Source, folder: str, about: dict[str, Any]) -> Inner:
    """Return the model, with an architecture that lies beside it."""
    model = _file(source, folder, about)
    beside = [
        file for file in source.files if re.fullmatch(rf"{re.escape(folder)}[^/]*\.model\.(json|ya?ml)", file.name)
    ]
    if beside:
        joined = recognise_surely(model.path.parent, sorted([model, *beside], key=lambda file: file.name))
        if joined is not None:
            return joined
    inner = recognise_surely(model.path, [model])
    if inner is None:
        raise CorruptFileError("the model file is of no kind known here", location=str(model.path))
    return inner


def _names(source: Source, about: dict[str, Any]) -> list[tuple[str, str]]:
    """The name of the model stands in the settings of the run."""
    settings = settings_file(source.files) or _settings_around(source)
    found = hyperparameters(settings) if settings is not None else {}
    return [(str(found["model_name"]), f"{settings.name}: model_name")] if settings and "model_name" in found else []


def _note_fields(about: dict[str, Any], origin: str, known: set[str]) -> list[Field]:
    fields: list[Field] = []
    epoch = about.get("epoch")
    if isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 0 and "/training_state/epoch" not in known:
        fields.append(Field("/training_state/epoch", epoch, "file", f"{origin}: epoch"))
    date = _DATE.match(str(about.get("timestamp", "")))
    if date:
        fields.append(Field("/dates/trained", date[0], "file", f"{origin}: timestamp"))
    return fields


def _checksum_fault(about: dict[str, Any], model: NativeFile) -> str:
    """Compare CANDLE's CRC-32 of the model file."""
    stated = str(about.get("checksum", ""))
    if not re.fullmatch(r"[0-9]{1,10}", stated):
        return ""
    state = 0
    with model.path.open("rb") as file:
        while block := file.read(1 << 20):
            state = zlib.crc32(block, state)
    return "" if state == int(stated) else f"the CRC-32 of {model.name!r} is {state}, {INFO} states {stated}"


def _settings_around(source: Source) -> NativeFile | None:
    """Return the settings file of the run that the checkpoint lies in, if the user allowed to look there."""
    if source.context is None:
        return None
    folder = source.path
    while folder != source.context:
        folder = folder.parent
        found = settings_file(_files_in(folder))
        if found is not None:
            return found
    return None


def _files_in(folder: Path) -> list[NativeFile]:
    return [
        NativeFile(path, path.name, path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.is_symlink()
    ]
