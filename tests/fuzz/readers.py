"""What is fuzzed: the readers of single formats, and every converter; with real seeds for each."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

from candle_spec.canonical import loads
from candle_spec.conversion.extents import checked_extents
from candle_spec.manifest import load_document
from candle_spec.readers import inert_pickle
from candle_spec.readers.zip_archive import ZipArchive
from candle_spec.weights.safetensors import parse_header
from tests.fuzz import natives

ROOT = Path(__file__).parents[2]

Reader = Callable[[bytes, Path], object]


def read_zip(data: bytes, folder: Path) -> None:
    path = folder / "a.zip"
    path.write_bytes(data)
    archive = ZipArchive(path)
    for name in archive.entries:
        archive.read(name, 1 << 20)


READERS: dict[str, Reader] = {
    "safetensors": lambda data, _: parse_header(io.BytesIO(data), len(data), "fuzz"),
    "pickle": lambda data, _: inert_pickle.load(data, location="fuzz"),
    "json": lambda data, _: loads(data, location="fuzz"),
    "manifest": lambda data, _: load_document(data, "fuzz.json"),
    "yaml": lambda data, _: load_document(data, "fuzz.yaml"),
    "extents": lambda data, _: checked_extents(loads(data, location="fuzz"), "fuzz"),
    "zip": read_zip,
    **{f"convert {name}": natives.reader(name) for name in natives.NATIVES},
}


def seeds(name: str) -> list[bytes]:
    """Return real inputs for a reader."""
    native = name.removeprefix("convert ")
    return natives.seeds(native) if native != name else _seeds()[name]


def _seeds() -> dict[str, list[bytes]]:
    example = ROOT / "tests" / "conformance" / "valid" / "minimal"
    manifest = (example / "candle-checkpoint.json").read_bytes()
    value = {"a": [1, 2.5, None, "x" * 9, (1,), {2}], 3: {"b": b"bytes"}, "c": complex(1, 2), "big": 2**80}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", b"x" * 50)
        archive.writestr(zipfile.ZipInfo("m/code.py"), b"y" * 500, zipfile.ZIP_DEFLATED)
    extents = {
        "$schema": "https://w3id.org/candle-spec/schemas/extents/1.0.0-rc.1",
        "schema_version": "1.0.0-rc.1",
        "native": "m",
        "size": 9,
        "digest": f"sha256:{'0' * 64}",
        "residue": {"path": "original/0.residue.gz", "size": 5, "digest": f"sha256:{'0' * 64}"},
        "extents": [{"offset": 0, "length": 4, "file": "model.safetensors", "key": "w"}],
    }
    yaml = b"name: &a uno\nlist: [1, 2.5, *a]\nmap:\n  deep: {x: 'y'}\n  text: |\n    lines\n"
    return {
        "safetensors": [(example / "model.safetensors").read_bytes(), struct.pack("<Q", 2) + b"{}"],
        "pickle": [pickle.dumps(value, protocol) for protocol in range(6)] + [pickle.dumps(Path("x"))],
        "json": [manifest, b'{"a": [1, 2, {"b": null}]}'],
        "manifest": [manifest],
        "yaml": [yaml, manifest],
        "extents": [json.dumps(extents).encode()],
        "zip": [buffer.getvalue()],
    }
