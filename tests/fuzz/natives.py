"""Small native checkpoints of every family, made by the frameworks themselves, and a reader that looks at all of one.

They are found beside the tests of their formats: ``tests/converters/<format>/natives.py`` names in ``FUZZED``, for each
family, the file that is damaged and a function that writes the checkpoint into a folder.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from candle_spec.conversion.native import read_native

Writer = Callable[[Path], None]


def _found() -> dict[str, tuple[str, Writer]]:
    formats = sorted(path.parent.name for path in (Path(__file__).parents[1] / "converters").glob("*/natives.py"))
    modules = [importlib.import_module(f"tests.converters.{name}.natives") for name in formats]
    return {family: made for module in modules for family, made in module.FUZZED.items()}


NATIVES = _found()
"""Family -> the file that is damaged, and who writes the checkpoint."""

_made: dict[str, tempfile.TemporaryDirectory[str]] = {}
_sound: dict[str, bytes] = {}


def _folder(name: str) -> Path:
    """Return the folder of a family's checkpoint, written once."""
    if name not in _made:
        _made[name] = tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-")
        NATIVES[name][1](Path(_made[name].name))
        _sound[name] = (Path(_made[name].name) / NATIVES[name][0]).read_bytes()
    return Path(_made[name].name)


def seeds(name: str) -> list[bytes]:
    """Return the sound bytes of the file that is damaged."""
    _folder(name)
    return [_sound[name]]


def reader(name: str) -> Callable[[bytes, Path], object]:
    """Return a function that reads a whole checkpoint of a family, one file of it replaced by the given bytes."""

    def read(data: bytes, _: Path) -> None:
        folder = _folder(name)
        damaged = folder / NATIVES[name][0]
        damaged.write_bytes(data)
        several = len([path for path in folder.rglob("*") if path.is_file()]) > 1
        native, _detection = read_native(folder if several else damaged)
        with native.resources:
            for tensor in native.tensors:
                for part in tensor.parts.values():
                    assert sum(len(block) for block in part.data.blocks()) == part.data.size
            for check in native.checks:
                check()

    return read
