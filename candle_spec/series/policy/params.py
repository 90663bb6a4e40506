"""Checkpoint hyperparameters: CANDLE's ``ckpt_*`` keys, the names they had in older versions, and the new ones.

The table is ``schemas/vocabularies/ckpt-parameters.json``; this module executes it. A current name wins over an old
one; a key that is absent or ``None`` has its default.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Self

from candle_spec import resources
from candle_spec.canonical import tag_number
from candle_spec.errors import InvalidInputError
from candle_spec.series.policy import values
from candle_spec.series.policy.best import direction, upwards
from candle_spec.series.policy.decisions import SavePolicy
from candle_spec.series.policy.retention import KeepPolicy

TABLE: Final = "vocabularies/ckpt-parameters.json"
PREFIX: Final = "ckpt_"
WITHOUT_WEIGHTS: Final = (
    "ckpt_save_weights_file is False: NO checkpoint is saved, since one without weights is none; "
    "CANDLE's classes write the note ckpt-info.json of each epoch"
)


@cache
def definitions() -> tuple[Mapping[str, Any], ...]:
    """Return the rows of the table of parameters."""
    return tuple(resources.read_json(TABLE)["parameters"])


@dataclass(frozen=True, slots=True)
class CheckpointPolicy:
    """What a training asks of its checkpoints.

    Attributes:
        save: When to save.
        keep: What to keep.
        store: Settings of the store by name (``StoreSettings``).
        directory: Where; ``None``: ``ckpts`` in the output directory.
        restart_mode: ``off``, ``auto``, ``required``, ``last``, ``best``, an epoch or a path.
        checksum: Whether ``ckpt-info.json`` gets the CRC-32 of the model file, and a restart compares it.
        asynchronous: Whether to write in the background; ``None``: what the callback does by default.
        native_copy: Whether ``model.h5`` is kept too.
        weights_only: Whether the training state is left out.
        weights_file: Whether the weights are written at all.
        on_full: What a full disk does: ``prune``, ``raise``, ``warn``.
        on_error: What a failed save does: ``raise``, ``warn``.
        on_change: What changed hyperparameters do at a restart: ``warn``, ``refuse``, ``ignore``.
        max_inflight: How many saves may be under way.
        metadata: Any text for ``ckpt-info.json``.
        require_json: Whether a restart from an old layout needs its ``ckpt-info.json``.
        timestamp_last: Time of the last save of an earlier part of the run, as text.
        repositories: Repositories whose missing metadata is to be said at the start.
        epochs: Planned number of epochs, where the parameters say it.
        hyperparameters: All parameters of the training as JSON, for the manifest.
        warnings: What the user should know, one sentence each.
    """

    save: SavePolicy = field(default_factory=SavePolicy)
    keep: KeepPolicy = field(default_factory=KeepPolicy)
    store: Mapping[str, Any] = field(default_factory=dict)
    directory: str | None = None
    restart_mode: str = "auto"
    checksum: bool = False
    asynchronous: bool | None = None
    native_copy: bool = False
    weights_only: bool = False
    weights_file: bool = True
    on_full: str = "prune"
    on_error: str = "raise"
    on_change: str = "warn"
    max_inflight: int = 1
    metadata: str | None = None
    require_json: bool = True
    timestamp_last: str | None = None
    repositories: tuple[str, ...] = ()
    epochs: int | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def enabled(self) -> bool:
        """Whether anything is ever saved."""
        return self.save.enabled and self.weights_file

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """Return the policy that the parameters of a training ask for; they are not changed.

        Args:
            params: All hyperparameters, typed or as text.

        Raises:
            InvalidInputError: A value is not of its type.
        """
        warnings: list[str] = []
        found = _current_names(params, warnings)
        parts: dict[str, dict[str, Any]] = {"": {}, "save": {}, "keep": {}, "store": {}}
        for row in definitions():
            room, _, name = row["sets"].rpartition(".")
            value = _read(row, found[row["name"]]) if row["name"] in found else row["default"]
            if value is not None:
                parts[room][name] = tuple(value) if isinstance(value, list) else value
        save = SavePolicy(**parts["save"])
        epochs = _epochs(params)
        if not parts[""]["weights_file"]:
            warnings.append(WITHOUT_WEIGHTS)
        warnings += _unknown(params) + _notes(save, epochs)
        return cls(
            **parts[""],
            save=save,
            keep=_keep(parts["keep"], save),
            store=parts["store"],
            epochs=epochs,
            hyperparameters={str(key): _as_json(value) for key, value in params.items()},
            warnings=tuple(warnings),
        )

    def folder(self, output_dir: str | os.PathLike[str] | None = None) -> str:
        """Return the directory of the checkpoints: as set, else ``ckpts`` in the output directory or here."""
        return self.directory or os.path.join(output_dir or ".", "ckpts")

    def describe(self, folder: str) -> str:
        """Return in one line what is saved, when, where, what is kept, and what a restart does."""
        if not self.enabled:
            return disabled_words() if self.weights_file else WITHOUT_WEIGHTS
        save, keep = self.save, self.keep
        when = [] if save.best_only else _rhythm(save)
        if save.save_best or save.best_only:
            sense = "higher" if upwards(save.metric, save.mode) else "lower"
            when.append(f"at each better {save.metric} ({sense} is better)")
        if save.on_end:
            when.append("at the end")
        skipped = f" from epoch {save.skip_epochs} on" if save.skip_epochs > 1 else ""
        kept = {
            "all": "all",
            "linear": f"the newest {keep.limit}",
            "exponential": f"{keep.limit} of growing age",
        }[keep.mode]
        extras = [f"every {keep.every}th epoch"] * bool(keep.every) + ["the best"] * keep.keep_best
        what = "weights" if self.weights_only else "full state"
        return (
            f"checkpoints: {what} {', '.join(when)}{skipped} -> {folder}; "
            f"kept: {' and '.join([kept, *extras])}; restart: {self.restart_mode}"
        )


def disabled_words() -> str:
    """Return the sentence for a training that saves nothing, at its start and at its end."""
    return "ckpt_save_interval is 0: NO checkpoint is saved, not even the best or the last; set it to 1 or more"


def _rhythm(save: SavePolicy) -> list[str]:
    words = []
    if save.every_epochs:
        words.append("each epoch" if save.every_epochs == 1 else f"every {save.every_epochs} epochs")
    if save.every_steps:
        words.append(f"every {save.every_steps} steps")
    if save.every_seconds:
        words.append(f"every {save.every_seconds:g} s")
    return words


def _keep(parts: Mapping[str, Any], save: SavePolicy) -> KeepPolicy:
    return KeepPolicy(
        **parts,
        keep_best=save.save_best or save.best_only,
        metric=save.metric,
        mode_of_metric=save.mode,
        min_delta=save.min_delta,
        ties=save.ties,
        unit=max(save.every_epochs, 1),
        unit_steps=0 if save.every_epochs else save.every_steps,
    )


def _read(row: Mapping[str, Any], value: Any) -> Any:
    try:
        read = values.READERS[row["type"]](value)
    except InvalidInputError as error:
        raise InvalidInputError(f"{row['name']}: {error.message}", hint=row["help"]) from error
    if row["type"] == "choice" and read not in row["choices"]:
        near = difflib.get_close_matches(read, row["choices"], 1)
        hint = f"did you mean {near[0]}?" if near else row["help"]
        raise InvalidInputError(f"{row['name']} is {' or '.join(row['choices'])}, not {read!r}", hint=hint)
    return read


def _current_names(params: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    """Return the parameters that are set, under their current names and with their current values."""
    known = {row["name"] for row in definitions()}
    found = {name: value for name in known if (value := values.unquoted(params.get(name))) is not None}
    for alias in resources.read_json(TABLE)["aliases"]:
        value = values.unquoted(params.get(alias["name"]))
        if value is None:
            continue
        if alias["means"] in found:
            warnings.append(f"{alias['name']} is an old name of {alias['means']}, which is set too and wins")
            continue
        _take_alias(alias, value, found, warnings)
    for old in resources.read_json(TABLE)["old_values"]:
        if str(found.get(old["name"], "")).lower() == old["value"]:
            found = {**old["sets"], **found, old["name"]: old["sets"][old["name"]]}
    return found


def _take_alias(alias: Mapping[str, Any], value: Any, found: dict[str, Any], warnings: list[str]) -> None:
    """Take a value under an old name. A name without the prefix may be a parameter of the model: then it is left."""
    row = next(row for row in definitions() if row["name"] == alias["means"])
    try:
        if "if_true" in alias:
            if values.boolean(value):
                found[alias["means"]] = alias["if_true"]
            return
        if not alias["name"].startswith(PREFIX) and alias["means"] == "ckpt_restart_mode":
            value = value if str(value) in ("off", "auto", "required") else ("auto" if values.boolean(value) else "off")
        _read(row, value)
    except InvalidInputError as error:
        if alias["name"].startswith(PREFIX):
            raise
        warnings.append(
            f"{alias['name']} was an old name of {alias['means']}, but not with this value: {error.message}"
        )
        return
    found[alias["means"]] = value


def _unknown(params: Mapping[str, Any]) -> list[str]:
    table = resources.read_json(TABLE)
    known = [row["name"] for row in (*table["parameters"], *table["aliases"])]
    lines = []
    for name in params:
        if str(name).startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.0)
            lines.append(f"{name} is no checkpoint parameter and has no effect; the nearest is {near[0]}")
    return lines


def _epochs(params: Mapping[str, Any]) -> int | None:
    value = values.unquoted(params.get("epochs"))
    if value is None:
        return None
    try:
        return values.count(value)
    except InvalidInputError as error:
        raise InvalidInputError(f"epochs: {error.message}") from error


def _notes(save: SavePolicy, epochs: int | None) -> list[str]:
    """Return what users believe wrongly otherwise."""
    notes = []
    if not save.enabled:
        notes.append(disabled_words())
    elif epochs is not None and save.skip_epochs > epochs:
        notes.append(
            f"ckpt_skip_epochs is {save.skip_epochs}, but only {epochs} epochs are planned: nothing will be saved"
        )
    if save.enabled and save.save_best and save.mode == "auto" and not direction(save.metric):
        notes.append(
            f"which way {save.metric} improves is not known: lower is taken as better; "
            "set ckpt_save_best_mode to min or max"
        )
    return notes


def _as_json(value: Any) -> Any:
    """Return a parameter as JSON; a type (``numpy.float32``) by its name."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return tag_number(value if isinstance(value, int) else float(value))
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_as_json(item) for item in value), key=repr)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return _as_json(value.item())
    return getattr(value, "__name__", None) or repr(value)
