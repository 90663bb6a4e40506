"""Importing is instant: no framework anywhere, nothing heavy before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FRAMEWORKS = "torch tensorflow keras tf_keras jax flax sklearn onnx lightgbm xgboost".split()
HEAVY = "numpy ml_dtypes h5py pydantic jsonschema jsonschema_rs rich ruamel.yaml".split()


def _loaded(code: str, candidates: list[str]) -> list[str]:
    script = f"{code}\nimport sys\nprint([n for n in {candidates!r} if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return list(eval(result.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_no_module_imports_a_framework() -> None:
    code = """
import importlib, pkgutil, candle_spec
for module in pkgutil.walk_packages(candle_spec.__path__, "candle_spec."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
    assert _loaded(code, FRAMEWORKS) == []


def test_the_package_imports_nothing_heavy() -> None:
    assert _loaded("import candle_spec", [*FRAMEWORKS, *HEAVY, "click"]) == []
    assert _loaded("import candle_spec.api", [*FRAMEWORKS, *HEAVY, "click"]) == []


def test_the_version_needs_no_click() -> None:
    code = "import candle_spec.cli\ntry:\n    candle_spec.cli.main(['--version'])\nexcept SystemExit:\n    pass"
    assert _loaded(code, [*HEAVY, "click"]) == []


def test_inspecting_a_torch_file_needs_no_numpy(tmp_path: Path) -> None:
    import torch

    torch.save({"w": torch.ones(3, 4)}, tmp_path / "m.pt")
    code = f"import candle_spec\ncandle_spec.inspect({str(tmp_path / 'm.pt')!r})"
    assert _loaded(code, HEAVY) == []


def test_recognising_a_file_loads_no_reading_half(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(b"neither fish nor fowl" * 100)
    code = f"""
from pathlib import Path
from candle_spec.conversion import registry, source
assert len(registry.converters()) > 20
assert registry.recognise(source.resolve_source(Path({str(tmp_path / "m.bin")!r}))) is None
import sys
print([n for n in sys.modules if n.startswith("candle_spec.converters.") and n.endswith((".read", ".rebuild"))])
"""
    unneeded = ["candle_spec.validation", "candle_spec.checkpoint.checkpoint", "importlib.metadata", *HEAVY]
    assert _loaded(code, unneeded) == []
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["[]"]
