"""Payloads that would run on loading, in every format that can carry one: nothing runs, and what would is named.

Each sample really runs when its framework loads it (the first test proves it for those that can be loaded here).
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.errors import CandleSpecError


class Payload:
    """Pickles as a call of ``os.system``, which touches a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


class Chain:
    """Pickles as a call of ``importlib.import_module``, which scanners miss."""

    def __reduce__(self) -> Any:
        import importlib

        return importlib.import_module, ("antigravity",)


def torch_zip(at: Path, marker: Path) -> Path:
    torch.save({"w": torch.ones(20), "x": Payload(marker)}, at / "m.pt")
    return at / "m.pt"


def torch_legacy(at: Path, marker: Path) -> Path:
    torch.save({"w": torch.ones(20), "x": Payload(marker)}, at / "m.pt", _use_new_zipfile_serialization=False)
    return at / "m.pt"


def plain_pickle(at: Path, marker: Path) -> Path:
    (at / "m.pkl").write_bytes(pickle.dumps({"w": np.ones(20), "x": Payload(marker)}))
    return at / "m.pkl"


def import_chain(at: Path, marker: Path) -> Path:
    (at / "m.pkl").write_bytes(pickle.dumps({"w": np.ones(20), "x": Chain()}))
    return at / "m.pkl"


def after_an_array(at: Path, marker: Path, compress: int = 0) -> Path:
    joblib.dump({"a": np.zeros(1000), "x": Payload(marker)}, at / "m.joblib", compress=compress)
    return at / "m.joblib"


def in_an_object_array(at: Path, marker: Path) -> Path:
    joblib.dump({"a": np.array([Payload(marker), 1], dtype=object), "w": np.ones(20)}, at / "m.joblib")
    return at / "m.joblib"


def npy(at: Path, marker: Path) -> Path:
    np.save(at / "m.npy", np.array([Payload(marker)], dtype=object), allow_pickle=True)
    return at / "m.npy"


def npz(at: Path, marker: Path) -> Path:
    np.savez(at / "m.npz", a=np.array([Payload(marker)], dtype=object), w=np.ones(20))
    return at / "m.npz"


def exported(at: Path, marker: Path) -> Path:
    """An exported program whose sample inputs are a pickle that runs: torch.export.load falls back to loading it."""
    torch.export.save(torch.export.export(torch.nn.Linear(4, 2), (torch.ones(1, 4),)), at / "sound.pt2")
    with zipfile.ZipFile(at / "sound.pt2") as old, zipfile.ZipFile(at / "m.pt2", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sample_inputs/model.pt"):
                torch.save(Payload(marker), at / "inputs.pt")
                data = (at / "inputs.pt").read_bytes()
            new.writestr(name, data)
    return at / "m.pt2"


def distributed(at: Path, marker: Path) -> Path:
    folder = at / "dcp"
    dcp.save({"w": torch.ones(20)}, checkpoint_id=folder)
    metadata = pickle.loads((folder / ".metadata").read_bytes())
    (folder / ".metadata").write_bytes(pickle.dumps([metadata, Payload(marker)]))
    return folder


def candle_settings(at: Path, marker: Path) -> Path:
    folder = at / "ckpt"
    folder.mkdir()
    torch.save({"w": torch.ones(20)}, folder / "model.h5")
    (folder / "ckpt-info.json").write_text('{"epoch": 1, "model_file": "model.h5"}')
    (folder / "final_params.txt").write_text(f"{{'a': __import__('os').system('touch {marker}')}}")
    return folder


SAMPLES: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "torch-zip": (torch_zip, "torch.load(path, weights_only=False)"),
    "torch-legacy": (torch_legacy, "torch.load(path, weights_only=False)"),
    "pickle": (plain_pickle, "pickle.load(open(path, 'rb'))"),
    "import-chain": (import_chain, ""),
    "joblib": (after_an_array, "joblib.load(path)"),
    "joblib-zlib": (lambda at, marker: after_an_array(at, marker, 3), "joblib.load(path)"),
    "joblib-object-array": (in_an_object_array, "joblib.load(path)"),
    "npy": (npy, "np.load(path, allow_pickle=True)"),
    "npz": (npz, "np.load(path, allow_pickle=True)['a']"),
    "pt2": (exported, "torch.export.load(path)"),
    "dcp": (distributed, "dcp.FileSystemReader(path).read_metadata()"),
    "settings": (candle_settings, "eval(open(path + '/final_params.txt').read())"),
}


REFUSED = ("npy", "dcp", "settings")
"""Samples that hold nothing besides the payload, or whose own description is one."""


@pytest.mark.parametrize("name", [name for name, (_, load) in SAMPLES.items() if load])
def test_the_sample_is_live(name: str, tmp_path: Path) -> None:
    make, load = SAMPLES[name]
    native = make(tmp_path, tmp_path / "PWNED")
    imports = "import joblib, numpy as np, pickle, torch, torch.distributed.checkpoint as dcp"
    code = f"{imports}\npath = {str(native)!r}\n{load}"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_nothing_runs(name: str, tmp_path: Path) -> None:
    native = SAMPLES[name][0](tmp_path, tmp_path / "PWNED")
    if name in REFUSED:
        with pytest.raises(CandleSpecError):
            convert(native, tmp_path / "made.candle")
        assert not (tmp_path / "made.candle").exists()
    else:
        made = convert(native, tmp_path / "made.candle")
        security = made.manifest["security"]
        unknown = {found for pickled in security["inert_pickle"] for found in pickled["unknown_imports"]}
        assert unknown & {"posix.system", "nt.system", "importlib.import_module", "importlib.__init__.import_module"}
        assert "CKP5001" in {problem.code for problem in candle_spec.validate(made.path)}
        assert all(file.byte_exact for file in candle_spec.restore(made.path, tmp_path / "back"))
    assert not (tmp_path / "PWNED").exists()
    assert "antigravity" not in sys.modules
