"""The demo: a real cancer model of somebody else, converted, validated, restored; each command is shown as typed."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tools.fetch_corpus import fetch

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".cache" / "demo"


def run(*words: str) -> None:
    """Show a command and run it; the demo ends where one fails."""
    print(f"\n$ candle-spec {shlex.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "candle_spec", *words], cwd=WORK, check=True)


def main() -> int:
    print("OncoMark 1.0.0 (Apache-2.0): hallmarks of cancer from gene expression, saved by Keras 3.6.0")
    native = fetch("oncomark")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    shutil.copy(native, WORK / native.name)
    run("convert", native.name)
    run("validate", f"{native.name}.candle")
    run("inspect", f"{native.name}.candle")
    run("restore", f"{native.name}.candle", "restored.keras")
    digests = {name: hashlib.sha256((WORK / name).read_bytes()).hexdigest() for name in (native.name, "restored.keras")}
    print()
    for name, digest in digests.items():
        print(f"sha256 {digest}  {name}")
    equal = len(set(digests.values())) == 1
    print("equal: the native file came back byte for byte" if equal else "DIFFERENT")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
