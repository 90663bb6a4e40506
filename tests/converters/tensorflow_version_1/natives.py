"""Small checkpoints of TensorFlow, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

from pathlib import Path


def first_version(folder: Path) -> None:
    from tests.helpers.native.tensorflow_files import copy_of, tf1_version_1

    copy_of(tf1_version_1, folder / "made")
    for file in (folder / "made").iterdir():
        file.rename(folder / file.name)
    (folder / "made").rmdir()


FUZZED = {"tensorflow-version-1": ("drug.ckpt", first_version)}
