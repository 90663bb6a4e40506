"""``last`` and ``best``: relative links to a checkpoint, or small texts where the system refuses links."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from candle_spec.atomic import Fs, replace_file
from candle_spec.series.layout import BEST, LAST, Layout

NAMES: Final = (LAST, BEST)
_REFUSED: Final = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


def private(layout: Layout, name: str) -> Path:
    """Return the name under which a new link is made."""
    return layout.root / f".{name}.new"


def set_pointer(layout: Layout, name: str, folder: str, fs: Fs, can: dict[str, bool]) -> None:
    """Let ``last`` or ``best`` name a checkpoint, in one step and durably.

    Args:
        layout: The series.
        name: ``last`` or ``best``.
        folder: The checkpoint's name below ``epochs``.
        fs: The file system.
        can: What it can do; learned here.
    """
    content = f"epochs/{folder}"
    if _content(layout, name) == content:
        return
    if can.get("symlink", True) and _link(layout, name, content, fs, can):
        return
    replace_file(layout.root / f"{name}.txt", content.encode() + b"\n", fs=fs)
    if os.path.lexists(layout.root / name):
        fs.remove_file(layout.root / name)


def _content(layout: Layout, name: str) -> str:
    """Return what a pointer says, word by word."""
    link, text = layout.root / name, layout.root / f"{name}.txt"
    if link.is_symlink():
        return os.readlink(link)
    return text.read_text(encoding="utf-8", errors="replace").strip() if text.is_file() else ""


def _link(layout: Layout, name: str, content: str, fs: Fs, can: dict[str, bool]) -> bool:
    link = private(layout, name)
    if os.path.lexists(link):
        fs.remove_file(link)
    try:
        fs.symlink(content, link)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _REFUSED:
            raise
        can["symlink"] = False
        return False
    fs.rename(link, layout.root / name)
    fs.sync_folder(layout.root)
    can["symlink"] = True
    if os.path.lexists(layout.root / f"{name}.txt"):
        fs.remove_file(layout.root / f"{name}.txt")
    return True


def remove(layout: Layout, name: str, fs: Fs) -> None:
    """Let ``last`` or ``best`` name nothing."""
    for path in (layout.root / name, layout.root / f"{name}.txt"):
        if os.path.lexists(path):
            fs.remove_file(path)
    fs.sync_folder(layout.root)


def target(layout: Layout, name: str) -> Path | None:
    """Return the folder that ``last`` or ``best`` names, resolved once, whether or not a checkpoint is there.

    People make these links anew to roll a training back: any folder may be named, by a link of any kind.
    """
    link, text = layout.root / name, layout.root / f"{name}.txt"
    if os.path.lexists(link):
        return link.resolve()
    if text.is_file():
        content = text.read_text(encoding="utf-8", errors="replace").strip()
        return (layout.root / content).resolve() if content else None
    return None
