"""What git says of a folder: one question, one line. Nothing is fetched, and nothing waits for long."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_SECONDS: Final = 5
_LINE: Final = 2000


def ask(folder: Path, *words: str) -> str:
    """Return what git says; nothing where there is no git, no repository, or no answer in time."""
    call: Sequence[str] = ("git", "-C", str(folder), *words)
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def in_work_tree(folder: Path) -> bool:
    """Whether a folder lies in a work tree of git, where a large file may become a pointer to what is elsewhere."""
    return any((each / ".git").exists() for each in (folder, *folder.parents))


def web_address(remote: str) -> str:
    """Return a remote as a web address without user and password; nothing for a path of this machine."""
    ssh = re.fullmatch(r"(?:ssh://)?[\w.-]+@([\w.-]+)[:/](?:\d+/)?(.+)", remote)
    if ssh:
        remote = f"https://{ssh[1]}/{ssh[2]}"
    web = re.fullmatch(r"(https?)://(?:[^/@]*@)?([^/]+/.+)", remote)
    return f"{web[1]}://{web[2].removesuffix('.git')}"[:_LINE] if web else ""
