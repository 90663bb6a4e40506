"""Read one native checkpoint of a series."""

from __future__ import annotations

from typing import Any, Final

from candle_spec.conversion import registry
from candle_spec.conversion.contract import Native
from candle_spec.conversion.convert import Options
from candle_spec.conversion.native_series.members import Member, NativeSeries
from candle_spec.conversion.source import resolve_source

POSITION: Final = ("/training_state/epoch", "/training_state/step")
"""Where a checkpoint stands in its training: what a series says in its own way."""


def read_member(found: NativeSeries, member: Member, options: Options) -> Native:
    """Read the structure of one native checkpoint; who calls this closes its resources.

    Raises:
        CandleSpecError: It cannot be read.
    """
    source = resolve_source(member.path, options.topology, options.context or found.folder)
    converter, _ = registry.detect(source)
    native = converter.read(source)
    native.take_out_long_lists()
    return native


def position(native: Native) -> dict[str, Any]:
    """Return ``epoch`` and ``step`` where the checkpoint's own content says them."""
    return {f.pointer.rpartition("/")[2]: f.value for f in native.fields if f.pointer in POSITION}
