"""The demo of publishing: a model, then a series of five epochs, to a local stand-in of MoDaC and back.

Each command is shown as typed. Nothing leaves this machine: the stand-in is a test double and says so.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.fetch_corpus import fetch

if TYPE_CHECKING:
    from candle_spec.weights.sources import TensorSource

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".cache" / "demo-modac"
ANSWERS = ROOT / "examples" / "modac"
OWNER, READER = "uploader@example.org", "reader@example.org"
STUDY = "REHEARSAL/Hallmarks"


def run(*words: str, user: str = OWNER, expected: int = 0) -> None:
    """Show a command and run it as a user of the stand-in; the demo ends where one fails.

    Raises:
        SystemExit: The command ended otherwise than expected.
    """
    print(f"\n$ candle-spec {shlex.join(words)}", flush=True)
    environment = {**os.environ, "CANDLE_SPEC_MODAC_USER": user, "CANDLE_SPEC_MODAC_STATE": str(WORK / "state" / user)}
    ended = subprocess.run([sys.executable, "-m", "candle_spec", *words], cwd=WORK, env=environment, check=False)
    if ended.returncode != expected:
        raise SystemExit(f"the command ended with {ended.returncode}, not {expected}")


@contextmanager
def stand_in() -> Iterator[str]:
    """Start the stand-in as a process of its own and yield its address."""
    words = ["modac", "serve", "--folder", "standin", "--port", "0"]
    print(f"$ candle-spec {shlex.join(words)} &")
    command = [sys.executable, "-u", "-m", "candle_spec", *words]
    with (
        (WORK / "standin.log").open("wb") as log,
        subprocess.Popen(command, cwd=WORK, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            if process.stdout is None:
                raise SystemExit("the stand-in says nothing")
            lines = (line.strip() for line in process.stdout)
            yield next(line for line in lines if line.startswith("http://"))
        finally:
            process.terminate()


def save_series(folder: Path) -> None:
    """Train nothing, save five epochs: tensors that change, and one that never does."""
    import numpy as np

    from candle_spec.checkpoint.contents import Contents, Framework, Group
    from candle_spec.series.saves.training_state import TrainingState
    from candle_spec.series.series import Series
    from candle_spec.weights.live import LiveBytes
    from candle_spec.weights.sources import plain

    def tensor(name: str, values: Any) -> TensorSource:
        return plain("model", name, "F32", values.shape, LiveBytes(values.astype("<f4")))

    with Series.create_or_open(folder) as series:
        for epoch in range(1, 6):
            tensors = [
                tensor("encoder.weight", np.arange(4096).reshape(64, 64) / 7),
                tensor("head.weight", np.linspace(0, epoch, 64)),
            ]
            contents = Contents(Framework("numpy", np.__version__), [Group("model", "model")], tensors)
            series.save(TrainingState(epoch, contents, metrics={"val_loss": 1 / epoch}), best=epoch == 4)


def digests(folder: Path) -> list[str]:
    """The content digest of a checkpoint, or of every epoch of a series."""
    manifests = sorted(folder.glob("epochs/*/candle-checkpoint.json")) or [folder / "candle-checkpoint.json"]
    return [json.loads(path.read_bytes())["weights"]["content_digest"] for path in manifests]


def there_and_back(source: str, answers: Path, asset: str) -> bool:
    """Readiness, answers, publish, query, download as somebody else, validate, compare."""
    run("readiness", source, "--for", "modac", expected=1)
    run("describe", source, "--for", "modac", "--answers", os.path.relpath(answers, WORK))
    run("publish", source, "--to", "modac", "--create-parents")
    run("modac", "download", f"{STUDY}/{asset}", f"elsewhere/{asset}", user=READER, expected=1)
    print("\nNobody but its owner reads it. When reviewers have verified it, the owner makes it public:")
    run("publish", source, "--to", "modac", "--set", "access_group=public", "--allow-public")
    run("modac", "query", f"asset_identifier={asset}", user=READER)
    run("modac", "download", f"{STUDY}/{asset}", f"elsewhere/{asset}", user=READER)
    run("validate", f"elsewhere/{asset}", user=READER)
    same = digests(WORK / source) == digests(WORK / "elsewhere" / asset)
    for digest in digests(WORK / "elsewhere" / asset):
        print(f"content digest {digest}")
    print("equal: what the reader has is what was published" if same else "DIFFERENT")
    return same


def main() -> int:
    native = fetch("oncomark")
    began = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    for folder in ("model", "training", "elsewhere"):
        (WORK / folder).mkdir(parents=True)
    shutil.copy(native, WORK / "model" / native.name)
    with stand_in() as url:
        os.environ |= {"CANDLE_SPEC_MODAC_URL": url, "CANDLE_SPEC_MODAC_PASSWORD": "rehearse", "CANDLE_SPEC_SITE": ""}
        run("convert", f"model/{native.name}", f"model/{native.name}.candle")
        same = there_and_back(f"model/{native.name}.candle", ANSWERS / "model.yaml", "OncoMark")
        print("\nThe same for the five epochs of a training run")
        save_series(WORK / "training" / "run")
        same = there_and_back("training/run", ANSWERS / "series.yaml", "OncoMark-run") and same
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
