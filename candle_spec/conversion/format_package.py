"""How a format declares itself: one object in its package, whose halves are loaded when they are needed.

The recipe stands in :mod:`candle_spec.conversion.contract`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from candle_spec.conversion.contract import Card, Detection, Native, Rebuild, Source


@dataclass(frozen=True, slots=True)
class FormatPackage:
    """A converter that is a package: declared in its ``__init__``, its halves loaded when they are needed.

    Attributes:
        package: ``__name__`` of the package, which holds ``detect``, ``read`` and perhaps ``rebuild``.
        name: See :class:`Converter`, as the further ones.
    """

    package: str
    name: str
    title: str
    card: Card
    suffixes: Sequence[str] = ()

    def detect(self, source: Source) -> Detection | None:
        """Say what the source is, or ``None``; see :meth:`Converter.detect`."""
        found: Detection | None = self._half("detect").detect(source)
        return found

    def read(self, source: Source) -> Native:
        """Read the structure; see :meth:`Converter.read`."""
        native: Native = self._half("read").read(source)
        return native

    @property
    def rebuild(self) -> Rebuild | None:
        """What makes a fresh native file, ``None`` where the package has no ``rebuild``."""
        if importlib.util.find_spec(f"{self.package}.rebuild") is None:
            return None
        rebuild: Rebuild = self._half("rebuild").rebuild
        return rebuild

    def rebuilt_name(self, manifest: Mapping[str, Any]) -> str:
        """Return the name of the file that is rebuilt: that of the native file, unless ``rebuild`` says otherwise."""
        return str(getattr(self._half("rebuild"), "rebuilt_name", _native_name)(manifest))

    def _half(self, name: str) -> Any:
        return importlib.import_module(f"{self.package}.{name}")


def _native_name(manifest: Mapping[str, Any]) -> str:
    return str(manifest["conversion"]["native"]["files"][0]["path"].rpartition("/")[2])
