"""Directories of a CANDLE run.

Data lies in ``$CANDLE_DATA_DIR/<model_name>/Data``, output in
``${CANDLE_OUTPUT_DIR:-$CANDLE_DATA_DIR}/<model_name>/<output_dir or Output>/<experiment_id>/<run_id>``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_spec.atomic import Fs
from candle_spec.errors import InvalidInputError, MissingPathError


def data_root() -> str:
    """Return ``$CANDLE_DATA_DIR``.

    Raises:
        InvalidInputError: It is not set.
    """
    root = os.environ.get("CANDLE_DATA_DIR")
    if not root:
        raise InvalidInputError(
            "CANDLE_DATA_DIR is not set",
            hint="export CANDLE_DATA_DIR=<folder for the data and the output of all models>",
        )
    return root


def directory_tree_from_parameters(params: Mapping[str, Any], commonroot: str = "Output") -> tuple[str, str]:
    """Return the data and the output directory of a run; the output directory is made.

    Args:
        params: ``model_name``, ``experiment_id``, ``run_id``.
        commonroot: Name of the output directory; an absolute path replaces all before it.

    Raises:
        InvalidInputError: ``CANDLE_DATA_DIR`` is not set, or a parameter is missing.
    """
    root = data_root()
    missing = [name for name in ("model_name", "experiment_id", "run_id") if not params.get(name)]
    if missing:
        raise InvalidInputError(f"the output directory needs {' and '.join(missing)}")
    model = str(params["model_name"])
    output_root = os.environ.get("CANDLE_OUTPUT_DIR") or root
    output = os.path.join(output_root, model, commonroot, str(params["experiment_id"]), str(params["run_id"]))
    output = os.path.abspath(output)
    if os.path.exists(output):
        warnings.warn(f"{output} already exists... overwriting", RuntimeWarning, stacklevel=2)
    make_folders(Path(output))
    return os.path.join(root, model, "Data"), output


def make_folders(path: Path, fs: Fs | None = None) -> None:
    """Make a folder and those above it."""
    fs = fs or Fs()
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            try:
                fs.make_folder(folder)
            except FileExistsError:  # another process was faster
                continue


def config_path(given: str | None, *, benchmark: str, default: str) -> Path:
    """Return the file of hyperparameters.

    Args:
        given: ``--config_file``: absolute, below the benchmark where it begins with ``./``, else below the data root.
        benchmark: Folder of the program.
        default: Name of its default file.

    Raises:
        MissingPathError: It does not exist.
    """
    if not given:
        path = os.path.join(benchmark, default)
    elif os.path.isabs(given):
        path = given
    else:
        path = os.path.join(benchmark if given.startswith("./") else data_root(), given)
    if not os.path.isfile(path):
        raise MissingPathError("there is no such file of hyperparameters", location=path)
    return Path(os.path.normpath(path))
