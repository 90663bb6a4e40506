"""Options that the commands about repositories share, and what they lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.repositories.engine.source import Source
    from candle_spec.repositories.templates.library import Library
    from candle_spec.repositories.templates.template import Template

_ALL: Final = "all"
_SHOWN: Final = 20
Command = TypeVar("Command", bound=Callable[..., Any])


def shared(command: Command) -> Command:
    """Add ``--templates``, ``--model-file`` and ``--site``."""
    where = click.Path(path_type=Path)
    for option in (
        click.option("--site", type=where, help="Site profile (default: $CANDLE_SPEC_SITE, or the user's own)."),
        click.option("--model-file", type=where, help="Model description (default: candle-model.yaml found upwards)."),
        click.option(
            "--templates", type=where, multiple=True, help="A folder of templates of your own; may be repeated."
        ),
    ):
        command = option(command)
    return command


def epoch_option(command: Command) -> Command:
    """Add ``--epoch``."""
    return click.option(
        "--epoch",
        help="Of a series: last, best, all, or the number of a checkpoint (default: the newest, as publish takes it).",
    )(command)


def expand(paths: Sequence[Path], epoch: str | None) -> list[Path]:
    """Return the checkpoints that are meant: a series stands for those of its checkpoints that ``--epoch`` names.

    Raises:
        InvalidInputError: The series has no such checkpoint.
        MissingPathError: It has none at all.
    """
    if epoch is None:
        return list(paths)
    from candle_spec.modac.plan import epochs_of, is_series
    from candle_spec.series.layout import Layout
    from candle_spec.series.pointers import NAMES, target

    found: list[Path] = []
    for path in paths:
        if not is_series(path):
            found.append(path)
            continue
        epochs = epochs_of(path)
        if epoch in NAMES:
            named = target(Layout(path), epoch)
            chosen = [] if named is None else [named]
        else:
            chosen = [one for one in epochs if epoch == _ALL or (epoch.isdigit() and int(one.name) == int(epoch))]
        if not chosen:
            numbers = ", ".join(str(int(one.name)) for one in epochs[:20])
            raise InvalidInputError(
                f"the series has no checkpoint {epoch!r}",
                location=str(path),
                hint=f"last, best, all or one of {numbers}",
            )
        found += chosen
    return found


def open_source(path: Path, model_file: Path | None, site: Path | None) -> Source:
    """Return what a mapping reads of one checkpoint; of a series, of its last one."""
    from candle_spec.modac.mapping import source_of

    return source_of(path, model_file, site)


def choose_template(library: Library, wanted: str) -> Template:
    """Return a template; that of MoDaC with what was learnt of the service's lists."""
    from candle_spec.modac.mapping import TEMPLATE, informed
    from candle_spec.modac.settings import load_settings
    from candle_spec.modac.vocabulary import Knowledge
    from candle_spec.repositories.templates import search

    pack = search.choose(library, wanted)
    return informed(pack, Knowledge(load_settings().place)) if pack.id == TEMPLATE else pack
