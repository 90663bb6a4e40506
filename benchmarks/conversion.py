"""Convert and verify a large ``.pt`` file, against copying it and against the usual route through torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Row, Subject, alternate, at_most, faster, passes

_MAKE = """
import torch, sys
n = int(sys.argv[2]) // 100
torch.save({f"layer{i}.weight": torch.randn(5000, 5000) for i in range(n)}, sys.argv[1])
"""

# What one would write by hand for the same: all tensors as safetensors, sha256 of tensors and of both files, durable.
_PEER = """
import hashlib, os, sys, torch, safetensors.torch
source, target, mapped = sys.argv[1], sys.argv[2], sys.argv[3] == "mmap"
tensors = torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
safetensors.torch.save_file(tensors, target, metadata={"format": "pt"})
for tensor in tensors.values():
    hashlib.sha256(tensor.numpy()).hexdigest()
for path in (source, target):
    with open(path, "rb") as file:
        hashlib.file_digest(file, "sha256").hexdigest()
descriptor = os.open(target, os.O_RDONLY)
os.fsync(descriptor)
"""

# What every conversion has to do besides copying: sha256 of the tensors and of the native file, and the checksums that
# the native archive holds; nothing is compared, described or made durable here.
_DIGESTS = """
import hashlib, sys, zlib
from concurrent.futures import ThreadPoolExecutor
def each_block(take):
    buffer = memoryview(bytearray(1 << 20))
    with open(sys.argv[1], "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            take(buffer[:count])
with ThreadPoolExecutor(2) as pool:
    list(pool.map(each_block, [*(hashlib.sha256().update for _ in range(2)), zlib.crc32]))
"""

_HASH = "import hashlib, sys; hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256')"


def rows(folder: Path, megabytes: int, rounds: int) -> list[Row]:
    """Measure conversion and verification."""
    native, copy, common, peer = (folder / name for name in ("m.pt", "copy.pt", "m.candle", "p.safetensors"))
    subprocess.run([sys.executable, "-c", _MAKE, str(native), str(megabytes)], check=True)
    command = [sys.executable, "-m", "candle_spec"]

    def clean() -> None:
        shutil.rmtree(common, ignore_errors=True)
        peer.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)

    convert = Subject("convert", [*command, "convert", "-q", str(native), str(common)], clean)
    copying = Subject("cp + sync", ["sh", "-c", f"cp {native} {copy} && sync {copy}"], clean)
    by_torch = [sys.executable, "-c", _PEER, str(native), str(peer)]
    torch = Subject("torch.load + safetensors + sha256", [*by_torch, "read"], clean)
    mapped = Subject("the same with mmap", [*by_torch, "mmap"], clean)
    digests = Subject("its digests alone, two threads", [sys.executable, "-c", _DIGESTS, str(native)])
    idle = Subject("inspect", [*command, "inspect", str(native)])
    once = Subject("one sha256 pass", [sys.executable, "-c", _HASH, str(native)])
    alternate([copying, torch, mapped, idle, digests, once, convert], rounds)
    size = f"{native.stat().st_size / 1e9:.1f} GB"
    extra = convert.memory - idle.memory
    memory = (f"{convert.memory:.0f} MB", f"inspect: {idle.memory:.0f} MB", f"{extra:.0f} MB more")
    found = [
        at_most(f"convert {size} `.pt`, all digests, proof, fsync", convert, copying, 2.0),
        passes("the same", convert, once, 2.6),
        Row("of it", f"{digests.seconds:.2f} s", digests.name, f"{digests.seconds / convert.seconds:.0%}", "", True),
        Row("its memory", *memory, "≤ 64 MB more", extra <= 64),
        faster("the same", convert, torch, 4),
        faster("the same", convert, mapped, 1.4),
    ]
    return found + _verification(native, common, command, size, rounds)


def _verification(native: Path, common: Path, command: list[str], size: str, rounds: int) -> list[Row]:
    stated = common.with_name("stated.candle")
    shutil.copytree(common, stated)
    subprocess.run([*command, "seal", "--file-digests", str(stated)], check=True, capture_output=True)
    words = [*command, "validate", "-q", "--jobs"]
    one, two = (Subject(f"{jobs} thread", [*words, str(jobs), str(common)]) for jobs in (1, 2))
    twice = Subject("with digests of files", [*words, "1", str(stated)])
    weights = next(common.glob("model.safetensors"), native)
    plain = Subject("hashlib sha256 once over the bytes", [sys.executable, "-c", _HASH, str(weights)])
    alternate([plain, one, two, twice], rounds)
    shutil.rmtree(stated)
    return [
        passes(f"verify {size}, L0-L5, one thread", one, plain, 1.1),
        passes("the same, files with a digest of their own", twice, plain, 2.1),
        at_most(f"verify {size}, L0-L5, two threads", two, plain, 1.1),
    ]
