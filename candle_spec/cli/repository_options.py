"""Options that the commands about repositories share, and what they lead to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from candle_spec.repositories.pack import Library, Pack
    from candle_spec.repositories.source import Source

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


def open_source(path: Path, model_file: Path | None, site: Path | None) -> Source:
    """Return what a mapping reads of one checkpoint; of a series, of its last one."""
    from candle_spec.modac.mapping import source_of

    return source_of(path, model_file, site)


def choose_pack(library: Library, wanted: str) -> Pack:
    """Return a template; that of MoDaC with what was learnt of the service's lists."""
    from candle_spec.modac.mapping import TEMPLATE, informed
    from candle_spec.modac.settings import load_settings
    from candle_spec.modac.vocabulary import Knowledge
    from candle_spec.repositories import search

    pack = search.choose(library, wanted)
    return informed(pack, Knowledge(load_settings().place)) if pack.id == TEMPLATE else pack
