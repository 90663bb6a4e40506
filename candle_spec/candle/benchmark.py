"""A CANDLE program's description of itself, and the hyperparameters that follow from it."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from pprint import pformat
from typing import Any, Final

from candle_spec.atomic import replace_file
from candle_spec.candle import model_file, options, paths
from candle_spec.errors import InvalidInputError, MissingPathError

DEFAULT_SEED: Final = 7102
DEFAULT_TIMEOUT: Final = -1
DATA_TYPES: Final = {"f16": "float16", "f32": "float32", "f64": "float64"}


class Benchmark:
    """What a program is called, where it lies, which options it has; subclasses fill in :meth:`set_locals`.

    Args:
        filepath: Folder of the program.
        defmodel: Name of its file of default hyperparameters, there.
        framework: ``keras`` or ``pytorch``.
        prog: Name of the program in messages.
        desc: What it does.
        parser: A parser to add the options to.
        additional_definitions: Its own options.
        required: Names of hyperparameters that must be set.

    Raises:
        InvalidInputError: ``CANDLE_DATA_DIR`` is not set, or the default file names no model.
        MissingPathError: The default file does not exist.
    """

    def __init__(
        self,
        filepath: str,
        defmodel: str,
        framework: str,
        prog: str | None = None,
        desc: str | None = None,
        parser: argparse.ArgumentParser | None = None,
        additional_definitions: Sequence[Mapping[str, Any]] | None = None,
        required: Iterable[str] | None = None,
    ) -> None:
        paths.data_root()
        self.file_path = filepath
        self.default_model = defmodel
        self.framework = framework
        self.conffile = os.path.join(filepath, defmodel)
        self.model_name = self.get_parameter_from_file(self.conffile, "model_name")
        self.parser = parser or argparse.ArgumentParser(prog=prog, description=desc, conflict_handler="resolve")
        self.registered_conf = options.common_definitions()
        self.required: set[str] = set(required or ())
        self.additional_definitions: list[Mapping[str, Any]] = list(additional_definitions or ())
        self.set_locals()

    def set_locals(self) -> None:
        """Set ``self.required`` and ``self.additional_definitions``: for subclasses."""

    @property
    def definitions(self) -> dict[str, Mapping[str, Any]]:
        """All options by name; the program's own replace common ones."""
        return {each["name"]: each for each in (*self.registered_conf, *self.additional_definitions)}

    def parse_parameters(self) -> None:
        """Add all options to the parser."""
        options.explicit(self.definitions.values(), self.parser)

    def read_config_file(self, file: str | os.PathLike[str]) -> dict[str, Any]:
        """Return the hyperparameters of a file, each of the type of its option where the file has text for it.

        Raises:
            MissingPathError: There is no such file.
            CorruptFileError: It is no such file.
            InvalidInputError: A value is not of its type.
        """
        found = model_file.read(Path(file))
        return {name: self._typed(name, value, file) for name, value in found.items()}

    def _typed(self, name: str, value: Any, file: str | os.PathLike[str]) -> Any:
        definition = self.definitions.get(name, {})
        if definition.get("action") in ("list-of-lists", options.ListOfLists) and isinstance(value, str):
            return options.list_of_lists(value, definition.get("type") or int)
        wanted = definition.get("type")
        if wanted is not None and isinstance(value, str) and wanted is not str and not definition.get("nargs"):
            try:
                value = None if value == "None" else wanted(value)
            except (ValueError, TypeError, argparse.ArgumentTypeError) as error:
                raise InvalidInputError(f"{name} is {value!r}: {error}", location=str(file)) from error
        choices = definition.get("choices")
        if choices and value is not None and value not in choices:
            warnings.warn(f"{name} is {value!r}, none of {', '.join(map(str, choices))}", RuntimeWarning, stacklevel=4)
        return value

    def get_parameter_from_file(self, absfname: str, param: str) -> str:
        """Return one parameter of a file as text.

        Raises:
            MissingPathError: There is no such file.
            InvalidInputError: It does not set the parameter.
        """
        if not os.path.isfile(absfname):
            raise MissingPathError(
                "the default file of hyperparameters does not exist",
                location=absfname,
                hint="the second argument of a Benchmark is its name, beside the program",
            )
        found = model_file.read(Path(absfname)).get(param)
        if found in (None, ""):
            raise InvalidInputError(f"{param} is not set", location=absfname)
        return str(found)

    def check_required_exists(self, gparam: Mapping[str, Any]) -> None:
        """Check that all required hyperparameters are set.

        Raises:
            InvalidInputError: Some are not.
        """
        missing = sorted(self.required - gparam.keys())
        if missing:
            raise InvalidInputError(
                f"required hyperparameters are not set: {', '.join(missing)}", hint=f"set them in {self.default_model}"
            )


def finalize_parameters(bmk: Benchmark) -> dict[str, Any]:
    """Return the hyperparameters of a run: command line over file over defaults.

    They are also printed and written to ``final_params.txt`` in the output directory, which is made.

    Raises:
        InvalidInputError: Something required is missing, flags contradict each other, a value is wrong.
        MissingPathError: The file of hyperparameters does not exist.
    """
    bmk.parse_parameters()
    known, _ = bmk.parser.parse_known_args()
    bmk.conffile = str(
        paths.config_path(getattr(known, "config_file", None), benchmark=bmk.file_path, default=bmk.default_model)
    )
    from_file = bmk.read_config_file(bmk.conffile)
    given = vars(bmk.parser.parse_args())
    warn_unknown(from_file, bmk.definitions)
    params = {**_defaults(bmk.definitions), **from_file, **given}
    params = _completed(params, bmk.model_name)
    bmk.check_required_exists(params)
    check_flag_conflicts(params)
    text = pformat(params)
    print(text)  # noqa: T201  (programs' logs are read for it)
    replace_file(Path(params["output_dir"]) / "final_params.txt", f"{text}\n".encode())
    return params


def _defaults(definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    rows = {name: each.get("default", options.ABSENT) for name, each in definitions.items()}
    return {name: default for name, default in rows.items() if default is not options.ABSENT}


def _completed(params: dict[str, Any], model_name: str) -> dict[str, Any]:
    """Fill in what every run has: data type, seed, time limit, directories."""
    import numpy

    kind = params.get("data_type", "f32")
    seed = params.get("rng_seed", DEFAULT_SEED)
    params = {
        **params,
        "model_name": params.get("model_name") or model_name,
        "data_type": getattr(numpy, DATA_TYPES.get(kind, "float32")) if isinstance(kind, str) else kind,
        "rng_seed": int(seed) if isinstance(seed, float) and seed.is_integer() else seed,
        "timeout": params.get("timeout", DEFAULT_TIMEOUT),
    }
    data_dir, output_dir = paths.directory_tree_from_parameters(params, params.get("output_dir") or "Output")
    return {**params, "data_dir": data_dir, "output_dir": output_dir}


def warn_unknown(from_file: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
    """Warn of keys of a file that are no option; they are kept."""
    unknown = sorted(from_file.keys() - definitions.keys())
    if unknown:
        warnings.warn(
            f"These keywords used in the configuration file are not defined in CANDLE: {unknown}",
            RuntimeWarning,
            stacklevel=3,
        )


def check_flag_conflicts(params: Mapping[str, Any]) -> None:
    """Check that no two schedules of the learning rate are asked for.

    Raises:
        InvalidInputError: They are.
    """
    others = [name for name in ("warmup_lr", "reduce_lr") if params.get(name)]
    if params.get("clr_flag") and others:
        raise InvalidInputError(f"clr_flag and {' and '.join(others)} exclude each other", hint="set one of them")


def create_params(
    file_path: str,
    default_model: str,
    framework: str,
    prog_name: str | None = None,
    desc: str | None = None,
    additional_definitions: Sequence[Mapping[str, Any]] | None = None,
    required: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Return the hyperparameters of a program without a class of its own; see :class:`Benchmark`."""
    return finalize_parameters(
        Benchmark(
            file_path,
            default_model,
            framework,
            prog_name,
            desc,
            additional_definitions=additional_definitions,
            required=required,
        )
    )


class ArgumentStruct:
    """Hyperparameters as attributes: ``args.epochs``; also by key."""

    def __init__(self, **entries: Any) -> None:
        self.__dict__.update(entries)

    def __getitem__(self, name: str) -> Any:
        return self.__dict__[name]
