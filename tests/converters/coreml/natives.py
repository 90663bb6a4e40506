"""Small checkpoints of Core ML, to be damaged: the file that is damaged, and what writes it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tests.helpers.native.coreml_models import FILES
from tests.helpers.native.small import ARRAY


def package(folder: Path) -> None:
    inner = folder / "Data" / "com.apple.CoreML"
    (inner / "weights").mkdir(parents=True)
    (inner / "model.mlmodel").write_bytes(b"\x08\x06\x12\x04\x0a\x02ab\xb2\x1f\x03\x08\x01\x00")
    blob = struct.pack("<II", 1, 2).ljust(64, b"\0")
    blob += struct.pack("<IIQQ", 0xDEADBEEF, 2, ARRAY.nbytes, 128).ljust(64, b"\0") + ARRAY.tobytes()
    (inner / "weights" / "weight.bin").write_bytes(blob)
    entries = {"1": {"path": "com.apple.CoreML/model.mlmodel"}}
    (folder / "Manifest.json").write_text(json.dumps({"fileFormatVersion": "1.0.0", "itemInfoEntries": entries}))


def learned(folder: Path) -> None:
    (folder / "m").write_bytes(bytes.fromhex(FILES["machine"]))


FUZZED = {
    "coreml-learned": ("m", learned),
    "coreml": ("Manifest.json", package),
    "coreml-weights": ("Data/com.apple.CoreML/weights/weight.bin", package),
}
