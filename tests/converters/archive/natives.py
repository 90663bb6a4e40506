"""Small checkpoints of archives, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from tests.helpers.native.small import torch_checkpoint, torch_file


def tar_gz(folder: Path) -> None:
    torch_checkpoint(folder / "model.pt")
    with tarfile.open(folder / "m", "w:gz") as archive:
        archive.add(folder / "model.pt", "model.pt")
    (folder / "model.pt").unlink()


def zipped(folder: Path) -> None:
    torch_file(folder / "model.pt")
    with zipfile.ZipFile(folder / "m", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "model.pt", "a/model.pt")
        archive.writestr("a/README.md", "text " * 20)
    (folder / "model.pt").unlink()


FUZZED = {"tar-gz": ("m", tar_gz), "zip-archive": ("m", zipped)}
