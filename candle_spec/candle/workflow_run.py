"""Who a run is, as CANDLE's Supervisor and its workflows say it: by hyperparameters or by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.series.store import RunIdentity

_EXPERIMENT: Final = ("experiment_id", "EXPID")
_NODE: Final = ("node", "node_id", "run_id", "RUNID")
_PARENT: Final = ("initial_weights", "ckpt_restart_mode")
"""Hyperparameters that may name a checkpoint of another run."""


def run_identity(params: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> RunIdentity:
    """Return who a run is.

    Args:
        params: Its hyperparameters: ``model_name``, ``experiment_id``, ``node`` or ``run_id``, ``initial_weights``.
        environment: Environment variables: ``EXPID`` and ``RUNID``; by default those of this process.
    """
    found = {**(os.environ if environment is None else environment), **{k: v for k, v in params.items() if v}}
    experiment = _first(found, _EXPERIMENT)
    node = _first(found, _NODE)
    name = ".".join(str(part) for part in (found.get("model_name"), experiment, node) if part)
    parent_run, parent_checkpoint = _parent(params)
    return RunIdentity(name[:200], parent_run, parent_checkpoint, node, experiment)


def _first(found: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(found[name])[:200] for name in names if found.get(name)), "")


def _parent(params: Mapping[str, Any]) -> tuple[str, str]:
    """Return run and checkpoint that this run starts from, where a hyperparameter names one of ours."""
    for name in _PARENT:
        path = Path(str(params.get(name) or "."))
        if name in params and (path / MANIFEST).is_file():
            manifest = manifest_file.read(path / MANIFEST)
            return manifest.get("lineage", {}).get("run_id", ""), manifest["weights"].get("state_digest", "")
    return "", ""


def output_folder(params: Mapping[str, Any]) -> str:
    """Return where a run's output goes: ``output_dir``, else Supervisor's ``instance_directory``, else here."""
    return str(params.get("output_dir") or params.get("instance_directory") or ".")
