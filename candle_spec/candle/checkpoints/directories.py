"""The checkpoint directories of a process: who has each one open, and where it has saved already."""

from __future__ import annotations

import weakref
from typing import Protocol


class Owner(Protocol):
    """Has a directory open."""

    def close(self) -> None:
        """Wait for the saves under way, and let the directory go."""
        ...


class Directories:
    """Directories by their resolved path; one object at a time has one open: the newest one of a program is meant."""

    def __init__(self) -> None:
        self._owners: weakref.WeakValueDictionary[str, Owner] = weakref.WeakValueDictionary()
        self._saved: set[str] = set()

    def take(self, directory: str, owner: Owner) -> None:
        """Give a directory to an object; whoever has it open is closed."""
        other = self._owners.get(directory)
        if other is not None and other is not owner:
            other.close()
        self._owners[directory] = owner

    def give_back(self, directory: str, owner: Owner) -> None:
        """Let a directory go, where it is this object's."""
        if self._owners.get(directory) is owner:
            del self._owners[directory]

    def note_save(self, directory: str) -> None:
        """Note that this process has saved into a directory."""
        self._saved.add(directory)

    def has_saved(self, directory: str) -> bool:
        """Whether this process has saved into a directory, by whichever object."""
        return directory in self._saved
