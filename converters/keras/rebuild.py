"""A fresh Keras file from a checkpoint's manifest, weights and topology: with h5py alone, never through Keras."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from candle_spec import pointer
from candle_spec.converters._shared.documents import mapping
from candle_spec.converters._shared.keras.architecture import parse_json
from candle_spec.converters.keras.hdf5_state import write_tree
from candle_spec.errors import UnsupportedFormatError

_CONFIG: Final = "topology/config.json"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def rebuild(
    manifest: Mapping[str, Any],
    state: Any,
    read_file: Callable[[str], bytes],
    tensor: Callable[[str, str], Any],
    target: Path,
) -> None:
    """Write a fresh native file from manifest, weights and topology alone.

    Weights that were joined with an architecture become one whole file that Keras loads by itself.
    """
    variant = pointer.get(manifest, "/conversion/native/variant")
    if state is None:
        raise UnsupportedFormatError("the checkpoint has no state tree, from which the file's structure would come")
    files = {file["path"] for file in manifest["files"]}
    document = parse_json(read_file(_CONFIG), _CONFIG) if _CONFIG in files else None
    if variant == "keras-zip" or (variant == "weights-h5" and document is not None):
        _write_archive(manifest, state, read_file, tensor, target, files)
        return
    if variant == "legacy-weights" and document is not None:
        state = _whole(state)
    _write_hdf5(state, tensor, read_file, target)


def rebuilt_name(manifest: Mapping[str, Any]) -> str:
    """Name the file after the native weights; an architecture beside them makes a whole file of another kind."""
    names = [file["path"].rpartition("/")[2] for file in pointer.get(manifest, "/conversion/native/files", [])]
    texts = (".json", ".yaml", ".yml")
    weights = next((name for name in names if not name.lower().endswith(texts)), names[0] if names else "model.h5")
    if len(names) == 1:
        return weights
    stem = re.sub(r"(\.weights)?\.(h5|hdf5)\Z", "", weights, flags=re.IGNORECASE)
    variant = pointer.get(manifest, "/conversion/native/variant")
    return f"{stem}.keras" if variant == "weights-h5" else f"{stem}.h5"


def _write_hdf5(state: Any, tensor: Callable[[str, str], Any], read_file: Callable[[str], bytes], path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        write_tree(file["/"], state, tensor, read_file)


def _whole(state: Mapping[str, Any]) -> dict[str, Any]:
    """Make a whole legacy file of a weights-only one: every loader takes that, none needs a certain file name."""
    attributes = dict(mapping(state.get("attributes")).get("$dict", []))
    shared = [[name, attributes[name]] for name in ("keras_version", "backend") if name in attributes]
    config = ["model_config", {"$object": "hdf5.file", "args": [_CONFIG, "utf-8"]}]
    return {
        "$dict": [["model_weights", dict(state)]],
        "class": "hdf5.Group",
        "attributes": {"$dict": [*shared, config]},
    }


def _write_archive(
    manifest: Mapping[str, Any],
    state: Any,
    read_file: Callable[[str], bytes],
    tensor: Callable[[str, str], Any],
    target: Path,
    files: set[str],
) -> None:
    weights = target.with_name(target.name + ".h5")
    try:
        _write_hdf5(state, tensor, read_file, weights)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            metadata = read_file("topology/metadata.json") if "topology/metadata.json" in files else _metadata(manifest)
            archive.writestr(zipfile.ZipInfo("metadata.json", _EPOCH), metadata)
            archive.writestr(zipfile.ZipInfo("config.json", _EPOCH), _archived_config(read_file(_CONFIG)))
            with (
                weights.open("rb") as source,
                archive.open(zipfile.ZipInfo("model.weights.h5", _EPOCH), "w", force_zip64=True) as out,
            ):
                while block := source.read(1 << 20):
                    out.write(block)
            for record in manifest["files"]:
                if record["role"] == "artifact" and record["path"].startswith("artifacts/"):
                    name = "assets/" + record["path"].removeprefix("artifacts/")
                    archive.writestr(zipfile.ZipInfo(name, _EPOCH), read_file(record["path"]))
    finally:
        weights.unlink(missing_ok=True)


def _archived_config(data: bytes) -> bytes:
    """An archive's architecture names the module of the model itself, which ``to_json`` of tf.keras leaves out."""
    import json

    document = parse_json(data, _CONFIG)
    if "module" in document:
        return data
    kind = document["class_name"]
    module = {"Functional": "keras.src.engine.functional"}.get(kind, "keras")
    registered = kind if kind == "Functional" else None
    return json.dumps({"module": module, **document, "registered_name": registered}).encode()


def _metadata(manifest: Mapping[str, Any]) -> bytes:
    import json

    version = str(pointer.get(manifest, "/model/framework/version", "") or "3.0.0")
    return json.dumps({"keras_version": version, "date_saved": "1980-01-01@00:00:00"}).encode()
