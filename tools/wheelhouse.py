"""Make an offline bundle: wheels of this project and of all it needs, their sums, and the line that installs it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "wheelhouse"
    target.mkdir(parents=True, exist_ok=True)
    constraints = ROOT / "constraints" / "test.txt"
    command = [sys.executable, "-m", "pip", "wheel", "-q", "-c", str(constraints), "-w", str(target), str(ROOT)]
    subprocess.run(command, check=True)
    wheels = sorted(target.glob("*.whl"))
    sums = [f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}" for wheel in wheels]
    (target / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    size = sum(wheel.stat().st_size for wheel in wheels)
    print(f"{len(wheels)} wheels, {size / 1e6:.0f} MB in {target}")
    print(f"install without network: pip install --no-index --find-links {target.name} candle-spec")
    return 0


if __name__ == "__main__":
    sys.exit(main())
