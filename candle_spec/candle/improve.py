"""Training scripts in the style of improvelib >= 0.1: ``[Train]`` keys, and a model folder that exists when done.

With improvelib itself, add :func:`train_params` to the script's own definitions: improvelib ignores keys that are not
declared. Sources: https://github.com/JDACS4C-IMPROVE/IMPROVE (``initializer/config.py``, ``cli_params_def.py``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from candle_spec.atomic import Fs, replace_file
from candle_spec.candle import options
from candle_spec.candle.paths import make_folders
from candle_spec.errors import InvalidInputError, MissingPathError, OutputExistsError
from candle_spec.readers import settings
from candle_spec.series.policy import params as ckpt_params

PARTIAL: Final = ".partial"
"""Ending of the folder of a training that is not complete."""

LOG: Final = "param_log_file.txt"

_COMMON: Final[tuple[Mapping[str, Any], ...]] = (
    {"name": "input_dir", "type": str, "default": "./", "abv": "i", "help": "folder of the prepared data"},
    {"name": "output_dir", "type": str, "default": "./", "abv": "o", "help": "folder of the trained model"},
    {"name": "config_file", "type": str, "default": None, "abv": "cfg", "help": "file of parameters"},
    {"name": "param_log_file", "type": str, "default": LOG, "help": "where the parameters are logged"},
    {"name": "data_format", "type": str, "default": ".parquet", "help": "ending of the data files"},
    {"name": "model_file_name", "type": str, "default": "model", "help": "name of the model file"},
    {"name": "model_file_format", "type": str, "default": ".pt", "help": "ending of the model file"},
    {"name": "epochs", "type": int, "default": 7, "help": "number of epochs"},
    {"name": "learning_rate", "type": float, "default": 7, "help": "learning rate"},
    {"name": "batch_size", "type": int, "default": 7, "help": "samples in a batch"},
    {"name": "val_batch", "type": int, "default": 64, "help": "samples in a batch of validation"},
    {"name": "loss", "type": str, "default": "mse", "help": "loss function"},
    {"name": "early_stop_metric", "type": str, "default": "mse", "help": "metric of the early stop"},
    {"name": "patience", "type": int, "default": 20, "help": "epochs without improvement before the early stop"},
    {"name": "metric_type", "type": str, "default": "regression", "help": "regression or classification"},
    {"name": "y_col_name", "type": str, "default": "auc", "help": "column of the target"},
)


def train_params() -> list[dict[str, Any]]:
    """Return the definitions of all ckpt_* parameters, for a script's list of training parameters.

    Truth values are text here: improvelib 0.1 stops reading its file of parameters at the first option whose type is
    not one that it knows, and leaves that option and all behind it at their defaults, without a word.
    """
    names = {row["name"] for row in ckpt_params.definitions()}
    rows = [each for each in options.common_definitions() if each["name"] in names]
    return [{**each, "default": None, "type": _known_to_improvelib(each["type"])} for each in rows]


def _known_to_improvelib(kind: Any) -> Any:
    return kind if kind in (int, float) else str


def initialize_parameters(
    folder: str | Path,
    default_config: str,
    additional_definitions: Sequence[Mapping[str, Any]] = (),
    *,
    section: str = "Train",
    arguments: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the parameters of a training script: command line over ``[Train]`` (and ``[DEFAULT]``) over defaults.

    Args:
        folder: Folder of the script.
        default_config: Its file of parameters, there; ``--config_file`` names another one.
        additional_definitions: The script's own parameters, beside the common and the ckpt_* ones.
        section: Section of the stage.
        arguments: The command line; by default that of the process.

    Raises:
        MissingPathError: The file does not exist.
        InvalidInputError: A value is not of its type.
    """
    definitions = {each["name"]: each for each in (*_COMMON, *train_params(), *additional_definitions)}
    parser = options.explicit(definitions.values(), argparse.ArgumentParser(conflict_handler="resolve"))
    given = vars(parser.parse_args(arguments))
    path = Path(given.get("config_file") or Path(folder) / default_config)
    if not path.is_file():
        raise MissingPathError("there is no such file of parameters", location=str(path))
    sections = settings.ini(f"[DEFAULT]\n{path.read_text(encoding='utf-8')}", str(path))
    rows = sections.get(section, {})
    from_file = {name: _typed(definitions[name], value, path) for name, value in rows.items() if name in definitions}
    defaults = {name: each.get("default") for name, each in definitions.items()}
    return {**defaults, **from_file, **given}


def _typed(definition: Mapping[str, Any], value: Any, path: Path) -> Any:
    wanted = definition.get("type", str)
    if value is None or definition.get("nargs") or definition["name"].startswith(ckpt_params.PREFIX):
        return value
    try:
        return wanted(str(value)) if wanted is not int else int(value)
    except (ValueError, TypeError, argparse.ArgumentTypeError) as error:
        raise InvalidInputError(f"{definition['name']} is {value!r}: {error}", location=str(path)) from error


@contextmanager
def training_folder(output_dir: str | Path) -> Iterator[Path]:
    """Train in ``<output_dir>.partial``, which becomes ``output_dir`` when the block ends without an error.

    IMPROVE's runners take a model folder that exists for a finished one. So a training that was killed is run again
    by them, finds its checkpoints in the partial folder and goes on; and whoever looks at the tree sees what is done.

    Raises:
        OutputExistsError: ``output_dir`` holds a finished model already.
    """
    target = Path(output_dir).absolute()
    partial, fs = target.with_name(target.name + PARTIAL), Fs()
    if is_complete(target):
        raise OutputExistsError("the model is trained already", location=str(target), hint="name another output_dir")
    make_folders(partial, fs)
    if target.is_dir() and all(entry.name == LOG for entry in target.iterdir()):
        _take_over(target, partial, fs)  # while it is there, the runners skip this training
    yield partial
    if target.exists():
        _take_over(target, partial, fs)
    fs.rename(partial, target)
    fs.sync_folder(target.parent)


def _take_over(target: Path, partial: Path, fs: Fs) -> None:
    """Improvelib makes the folder and logs the parameters there before a script begins."""
    for entry in sorted(target.iterdir()):
        fs.rename(entry, partial / entry.name)
    target.rmdir()


def is_complete(output_dir: str | Path) -> bool:
    """Whether a model folder holds a finished training: it has scores, and there is no partial one beside it."""
    folder = Path(output_dir)
    return (folder / "val_scores.json").is_file() and not folder.with_name(folder.name + PARTIAL).exists()


def model_path(params: Mapping[str, Any], folder: str | Path) -> Path:
    """Return the path of the model file; a missing dot is added, no ending is fine."""
    ending = str(params.get("model_file_format") or "")
    ending = "" if ending == "None" else ending
    return Path(folder) / f"{params['model_file_name']}{ending if not ending or ending[0] == '.' else f'.{ending}'}"


def log_parameters(params: Mapping[str, Any], folder: str | Path) -> None:
    """Write ``param_log_file.txt``: the parameters as a Python dictionary."""
    plain = {name: value for name, value in params.items() if value is not None or not name.startswith("ckpt_")}
    replace_file(Path(folder) / str(params["param_log_file"]), str(plain).encode())


def write_scores(scores: Mapping[str, float], folder: str | Path) -> None:
    """Write ``val_scores.json``."""
    replace_file(Path(folder) / "val_scores.json", json.dumps(dict(scores), indent=4).encode())
