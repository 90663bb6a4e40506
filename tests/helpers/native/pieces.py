"""A native format that exists only here: a folder with a tensor in pieces, and a text that is the model."""

from __future__ import annotations

from pathlib import Path

from candle_spec.conversion.contract import Card, Detection, Group, Native, NativeFormat, Part, SideFile, Source
from candle_spec.weights.sources import ChainedBytes, FileBytes, MemoryBytes, plain

HALF = bytes(range(128))
TEXT = b"tree\nnum_leaves=3\n" * 40


def write(folder: Path) -> Path:
    """Write the files of a native checkpoint into a folder that is there."""
    (folder / "a.bin").write_bytes(b"headhead" + HALF)
    (folder / "b.bin").write_bytes(b"head" + HALF[::-1] + b"tail")
    (folder / "model.txt").write_bytes(TEXT)
    return folder


class Folder:
    """A native format of a folder: a tensor whose halves lie in two files, and a text that is the model."""

    name = "folder"
    title = "Folder"
    suffixes = (".d",)
    card = Card("Folder", "everything", "nothing", "byte for byte")
    payload = True
    wrong = False

    def detect(self, source: Source) -> Detection | None:
        return Detection(90, self.title)

    def read(self, source: Source) -> Native:
        at = {file.name: file.path for file in source.files}
        halves = (FileBytes(at["b.bin"], 4, 128), FileBytes(at["a.bin"], 8, 128), MemoryBytes(b"1234"))
        native = Native(NativeFormat("folder", "1", "Folder", "folder"), source)
        group = "derived" if self.payload else "model"
        native.groups = [Group(group, group)]
        native.tensors = [plain(group, "w", "F32", (65,), ChainedBytes(halves))]
        native.parts = [Part("model", "kept")]
        if self.payload:
            start = 1 if self.wrong else 0
            data = FileBytes(at["model.txt"], start, len(TEXT) - start)
            native.payload = [SideFile("payload/model.txt", data, "text/plain", "booster")]
        native.resources.callback(lambda: at.clear())
        return native
