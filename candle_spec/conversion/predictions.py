"""Compare the native file and the one rebuilt from the checkpoint inside their own framework.

The framework runs in a process of its own: one thread, no accelerator, nothing loaded that could run code of a
stranger (no pickle, no Lambda, no class that is not the framework's own). Where the architecture is in the file,
predictions on a batch are compared: the one stored with the checkpoint, else one made from a seed. Where it is not, the
tensors are compared as the framework loads them, and the claim says so.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from candle_spec import pointer
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.claims import Claim
from candle_spec.conversion.restore import restore
from candle_spec.errors import CandleSpecError

_MODULES: Final = {
    "pytorch": "torch",
    "keras": "tensorflow",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "onnx": "onnxruntime",
}
"""Formats whose predictions are compared, and the package that runs them."""

_SECONDS: Final = 600


def compare_predictions(checkpoint: Checkpoint, native: Path | None = None) -> Claim:
    """Compare the native file (or its byte-exact restore) with the rebuilt one in their framework.

    Args:
        checkpoint: A converted checkpoint.
        native: The native file, if it is at hand.
    """
    framework = checkpoint.document["conversion"]["native"]["format"]
    reason = _hindrance(checkpoint, framework)
    if reason:
        return Claim("behaves the same in its framework", None, reason)
    with tempfile.TemporaryDirectory(prefix="candle-spec-") as folder:
        try:
            rebuilt = _rebuilt(checkpoint, Path(folder))
            if native is None:
                (original,) = restore(checkpoint.path, Path(folder) / "original")
                native = original.path
        except CandleSpecError as error:
            return Claim("behaves the same in its framework", None, f"not run: {error.message}")
        return _claim(framework, _run(framework, native, rebuilt, _stored_batch(checkpoint)))


def _rebuilt(checkpoint: Checkpoint, folder: Path) -> Path:
    """Return what the checkpoint itself gives: its payload, or a fresh file from manifest and weights."""
    payload = checkpoint.document["weights"].get("payload", [])
    if payload:
        return checkpoint.file(payload[0]["path"])
    (rebuilt,) = restore(checkpoint.path, folder / "rebuilt", how="rebuilt")
    return rebuilt.path


def _hindrance(checkpoint: Checkpoint, framework: str) -> str:
    """Why the comparison cannot run, or ``""``."""
    module = _MODULES.get(framework)
    native = checkpoint.document["conversion"]["native"]
    if module is None:
        return f"not run: no comparison for {framework}"
    if importlib.util.find_spec(module) is None:
        return f"not run: no {module}"
    if len(native["files"]) != 1:
        return "not run: the native checkpoint has several files"
    if pointer.get(checkpoint.document, "/security/embedded_code"):
        return "not run: it would run code of the model's authors"
    if framework == "keras" and not pointer.get(checkpoint.document, "/model/topology"):
        return "not run: the architecture is not in the file"
    return ""


def _stored_batch(checkpoint: Checkpoint) -> str:
    """Path of the stored example inputs, or ``""``."""
    vectors = pointer.get(checkpoint.document, "/verification/vectors") or []
    return str(checkpoint.file(vectors[0]["inputs"])) if vectors else ""


def _run(framework: str, native: Path, rebuilt: Path, batch: str) -> dict[str, Any]:
    quiet = {
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": "1",
    }
    module = "candle_spec.conversion.predictions_runner"
    command = [sys.executable, "-m", module, framework, str(native), str(rebuilt), batch]
    package = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, **quiet, "PYTHONPATH": paths}
    try:
        done = subprocess.run(  # noqa: S603 - our own module, paths resolved
            command, capture_output=True, text=True, timeout=_SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it took longer than {_SECONDS} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return {"error": last[0][:300]}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def _claim(framework: str, result: dict[str, Any]) -> Claim:
    if "error" in result:
        return Claim("behaves the same in its framework", None, f"not run: {result['error']}")
    if result["kind"] == "tensors":
        what = f"{result['count']} tensors equal as {result['loader']} loads them"
        return Claim(what, result["equal"], "the network's code is not in the file, so predictions were not compared")
    what = f"predictions of native and rebuilt file equal in {result['loader']} ({result['count']} outputs)"
    if result["equal"]:
        return Claim(what, True, f"bit for bit, {result['batch']}")
    detail = f"max abs {result['max_abs']:.3g}, max ulp {result['max_ulp']}, {result['batch']}"
    return Claim(what, False, detail)
