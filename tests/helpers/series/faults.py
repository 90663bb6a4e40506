"""File systems that die, or refuse, at one call."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from candle_spec.atomic import Fs

CALLS = tuple(
    name for name, value in vars(Fs).items() if callable(value) and not name.startswith("_") and name != "free_space"
)


class Crash(BaseException):
    """The process dies here: nothing after it runs, no clean-up either."""


class Counting(Fs):
    """Counts the calls; subclasses do something at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.calls: list[str] = []

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        """Called before each call that changes the file system."""

    @property
    def reached(self) -> bool:
        return len(self.calls) > self.at >= 0


def _counted(name: str) -> Callable[..., Any]:
    def method(self: Counting, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(name)
        self.before(name, args)
        return getattr(Fs, name)(self, *args, **kwargs)

    return method


for _name in CALLS:
    setattr(Counting, _name, _counted(_name))


class Dying(Counting):
    """Dies before call number ``at``, or in the middle of it; every later call dies, too."""

    def __init__(self, at: int = -1, *, halfway: bool = False) -> None:
        super().__init__(at)
        self._halfway = halfway
        self.dead = False

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        if self.dead:
            raise Crash(name)
        if len(self.calls) - 1 == self.at:
            self.dead = True
            if self._halfway:
                _half(name, args)
            raise Crash(f"{name} {args[:1]}")


def _half(name: str, args: tuple[Any, ...]) -> None:
    """Do a part of a call that is not one step."""
    if name == "write":
        view = memoryview(args[1]).cast("B")
        os.write(args[0].fileno(), view[: len(view) // 2])
    elif name == "copy_range":
        source, offset, length, target = args
        os.write(target.fileno(), os.pread(source.fileno(), length // 2, offset))
    elif name == "remove_tree":
        for path in sorted(each for each in Path(args[0]).rglob("*") if not each.is_dir())[::2]:
            path.unlink()


class Refusing(Counting):
    """Raises an error at call number ``at``, once, or from there on."""

    def __init__(self, at: int, code: int, *, always: bool = False) -> None:
        super().__init__(at)
        self._code = code
        self._always = always

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        number = len(self.calls) - 1
        if number == self.at or (self._always and number > self.at >= 0):
            if self._code == errno.ENOSPC:
                _half(name, args) if name in ("write", "copy_range") else None
            raise OSError(self._code, os.strerror(self._code))


class Short(Counting):
    """Writes at most a few bytes with each system call of one ``write``, as a busy system may."""

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        self.calls.append("write")
        view = memoryview(data).cast("B")
        step = 7 if len(self.calls) - 1 == self.at else len(view)
        for start in range(0, len(view), max(1, step)):
            Fs.write(self, file, view[start : start + step])


class Without(Fs):
    """A file system that lacks something."""

    def __init__(self, *lacks: str, code: int = errno.EPERM) -> None:
        self._lacks = lacks
        self._code = code

    def link(self, source: Path, target: Path) -> None:
        self._may("link")
        super().link(source, target)

    def reflink(self, source: Path, target: Path) -> None:
        self._may("reflink")
        super().reflink(source, target)

    def symlink(self, content: str, path: Path) -> None:
        self._may("symlink")
        super().symlink(content, path)

    def _may(self, what: str) -> None:
        if what in self._lacks:
            raise OSError(self._code, os.strerror(self._code))
