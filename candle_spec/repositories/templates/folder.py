"""The files of a template, in the package or in a folder of the user: read by name, never through a link."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from candle_spec import limits
from candle_spec.canonical import loads
from candle_spec.errors import CorruptFileError, LimitExceededError, MissingPathError, UnsafeContentError

COMPILED: Final = "compiled.json"
"""What the package holds beside the sources of a template, so that a matrix over all of them is fast."""

FILES: Final = 5_000
"""Files of one template."""


def open_folder(path: Path) -> Folder:
    """Return the template in a folder of the user.

    Raises:
        MissingPathError: There is no such folder.
    """
    if not path.is_dir():
        raise MissingPathError("there is no such folder", location=str(path))
    return Folder(path, str(path))


@dataclass(slots=True)
class Folder:
    """The files of one template.

    Attributes:
        root: The folder.
        label: How messages call it.
        base: The template that it extends; a file that is not here is looked for there.
    """

    root: Traversable
    label: str
    base: Folder | None = None
    _json: dict[str, Any] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Return the paths of all files, sorted.

        Raises:
            UnsafeContentError: A link is among them.
            LimitExceededError: There are more than a template has.
        """
        found = []
        for name in self._walk(self.root, ""):
            found.append(name)
            if len(found) > FILES:
                raise LimitExceededError(f"the template has more than {FILES} files", location=self.label)
        return sorted(found)

    def _walk(self, folder: Traversable, prefix: str) -> Iterator[str]:
        for entry in folder.iterdir():
            name = f"{prefix}{entry.name}"
            if isinstance(entry, Path) and entry.is_symlink():
                raise UnsafeContentError("a template holds no links", location=f"{self.label}/{name}")
            if entry.is_dir():
                yield from self._walk(entry, f"{name}/")
            else:
                yield name

    def has(self, name: str) -> bool:
        """Whether there is a file of that name, here or in the template that this one extends."""
        return self._entry(name).is_file() or (self.base is not None and self.base.has(name))

    def schemas(self) -> list[str]:
        """Return the names of all schema files, those of the extended template too."""
        own = {name for name in self.names() if name.endswith(".schema.json")}
        return sorted(own | set(self.base.schemas() if self.base else ()))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            MissingPathError: There is none.
            LimitExceededError: It is larger than a YAML or JSON document may be.
        """
        entry = self._entry(name)
        if not entry.is_file() and self.base is not None:
            return self.base.read(name)
        if not entry.is_file():
            raise MissingPathError("the template has no such file", location=f"{self.label}/{name}")
        if isinstance(entry, Path) and entry.stat().st_size > limits.DESCRIPTION_BYTES:
            raise LimitExceededError("the file is too large for a template", location=f"{self.label}/{name}")
        return entry.read_bytes()

    def json(self, name: str) -> Any:
        """Return a JSON file, parsed once. The caller must not change it."""
        if name not in self._json:
            self._json[name] = loads(self.read(name), location=f"{self.label}/{name}")
        return self._json[name]

    def compiled(self) -> Any:
        """Return what the template was compiled to, or ``None``."""
        if not self._entry(COMPILED).is_file():
            return None
        try:
            return json.loads(self.read(COMPILED))  # ours, made by the build: no need for the strict reader
        except ValueError as error:
            location = f"{self.label}/{COMPILED}"
            raise CorruptFileError(f"not JSON: {error}", location=location, hint="python -m tools.regen") from error

    def _entry(self, name: str) -> Traversable:
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise UnsafeContentError(f"{name!r} leaves the template", location=self.label)
        entry = self.root
        for part in parts:
            entry = entry.joinpath(part)
            if isinstance(entry, Path) and entry.is_symlink():
                raise UnsafeContentError("a template holds no links", location=f"{self.label}/{name}")
        return entry
