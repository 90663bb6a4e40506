"""No mutant survives: from sound checkpoints, one faulty checkpoint for every rule, and validation finds each of them.

(a) every assertion of the schemas that a manifest reaches, broken by its operators; and those of the side documents;
(b) every rule of the safetensors header, broken in the bytes of real files;
(c) every fault of the files, of what the manifest says of them, of what it says of the weights, and of its values.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from candle_spec.checkpoint import manifest_file
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CandleSpecError
from candle_spec.validation import validate
from tests.helpers import checkpoints
from tests.helpers.faults.beside import BESIDE_FAULTS
from tests.helpers.faults.files import FOLDER_FAULTS, Fault, files_of, of_each_file
from tests.helpers.faults.header import HEADER_FAULTS, parts
from tests.helpers.faults.manifest import SEMANTIC_FAULTS, TEXT_FAULTS
from tests.helpers.faults.mutation import Mutant, expected_code, mutants
from tests.helpers.faults.weights import WEIGHTS_FAULTS

EXAMPLES = Path(__file__).resolve().parents[2] / "schemas" / "checkpoint" / "examples" / "valid"
SIDE_DOCUMENTS = {"state.json": "state-tree", "original/0.extents.json": "extents", "tensors.json": "tensors"}

Survivor = tuple[str, ...]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind of checkpoint, made once."""
    folder = tmp_path_factory.mktemp("bases")
    return {kind: checkpoints.make(kind, folder).path for kind in checkpoints.KINDS}


@pytest.fixture
def copy(bases: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Give a fresh copy of one kind, at the same place each time."""

    def fresh(kind: str) -> Path:
        for old in tmp_path.iterdir():
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        return Path(shutil.copytree(bases[kind], tmp_path / "checkpoint", symlinks=True))

    return fresh


def found(path: Path) -> set[str]:
    """Return the codes that validation gives."""
    try:
        return {problem.code for problem in validate(path, jobs=1)}
    except CandleSpecError as error:
        return {error.code}


def documents(bases: dict[str, Path]) -> Iterator[tuple[str, Any]]:
    """Yield the real manifests, then the examples, by name."""
    for kind, path in bases.items():
        yield kind, checkpoints.read_manifest(path)
    for path in sorted(EXAMPLES.glob("*.json")):
        yield path.name, json.loads(path.read_bytes())


def schema_mutants(bases: dict[str, Path]) -> Iterator[tuple[str, Mutant]]:
    """Yield each operator once for every keyword path, in the first document that reaches it."""
    seen: set[tuple[str, str]] = set()
    for name, document in documents(bases):
        for mutant in mutants("checkpoint", document):
            if (mutant.keyword_path, mutant.operator) not in seen:
                seen.add((mutant.keyword_path, mutant.operator))
                yield name, mutant


def side_mutants(bases: dict[str, Path]) -> Iterator[tuple[str, str, Mutant]]:
    """Yield the mutants of the side documents, with the kind of checkpoint and the path."""
    for kind, path in (("plain", "state.json"), ("plain", "original/0.extents.json"), ("inventory", "tensors.json")):
        document = json.loads((bases[kind] / path).read_bytes())
        for mutant in mutants(SIDE_DOCUMENTS[path], document):
            yield kind, path, mutant


def file_faults(bases: dict[str, Path]) -> list[Fault]:
    """Return all faults of files, folders and weights, of the manifest's text and of what it means."""
    each = [
        fault
        for kind in ("plain", "groups", "sharded", "inventory")
        for path in files_of(bases[kind])
        if kind == "plain" or path.endswith((".safetensors", ".index.json", "tensors.json"))
        for fault in of_each_file(kind, path)
    ]
    return [*each, *FOLDER_FAULTS, *WEIGHTS_FAULTS, *BESIDE_FAULTS, *TEXT_FAULTS, *SEMANTIC_FAULTS]


def test_the_checkpoints_are_sound(bases: dict[str, Path]) -> None:
    problems = {kind: [p for p in validate(path) if p.severity == "error"] for kind, path in bases.items()}
    assert problems == {kind: [] for kind in checkpoints.KINDS}


@pytest.mark.slow
def test_every_assertion_of_the_schema(bases: dict[str, Path], copy: Callable[[str], Path]) -> None:
    survivors: list[Survivor] = []
    at, of = copy("plain"), ""
    for name, mutant in schema_mutants(bases):
        if name != of and name in bases:
            at, of = copy(name), name
        (at / MANIFEST).write_bytes(json.dumps(mutant.document).encode())
        codes = found(at)
        if expected_code(mutant.operator) not in codes:
            survivors.append((name, *mutant[:3], str(sorted(codes))))
    assert not survivors, "\n".join(map(str, survivors))


@pytest.mark.slow
def test_every_assertion_of_the_side_documents(bases: dict[str, Path], copy: Callable[[str], Path]) -> None:
    survivors: list[Survivor] = []
    for kind, path, mutant in side_mutants(bases):
        at = copy(kind)
        (at / path).write_bytes(json.dumps(mutant.document).encode())
        manifest = checkpoints.read_manifest(at)
        checkpoints.relist(at, manifest, path)
        checkpoints.write_manifest(at, manifest)
        if "CKP4030" not in (codes := found(at)):
            survivors.append((kind, path, *mutant[:3], str(sorted(codes))))
    assert not survivors, "\n".join(map(str, survivors))


@pytest.mark.parametrize(("kind", "path"), [("plain", "model.safetensors"), ("groups", "optimizer.safetensors")])
@pytest.mark.slow
def test_every_rule_of_a_header(kind: str, path: str, copy: Callable[[str], Path]) -> None:
    survivors: list[Survivor] = []
    for fault in HEADER_FAULTS:
        at = copy(kind)
        before = (at / path).read_bytes()
        (at / path).write_bytes(fault.corrupt(before))
        assert (at / path).read_bytes() != before, fault.name
        manifest = checkpoints.read_manifest(at)
        checkpoints.relist(at, manifest, path)
        checkpoints.write_manifest(at, manifest)
        if fault.code not in (codes := found(at)):
            survivors.append((fault.code, fault.name, str(sorted(codes))))
    assert not survivors, "\n".join(map(str, survivors))


def test_every_rule_of_a_header_is_broken_in_two_ways() -> None:
    counts = Counter(fault.code for fault in HEADER_FAULTS)
    assert sorted(counts) == [f"CKP400{number}" for number in range(1, 10)]
    assert min(counts.values()) >= 2


def header_places(data: bytes) -> list[int]:
    """Return the places of the bytes of a file's header that say something of an array."""
    header, body = parts(data)
    metadata = json.dumps(header["__metadata__"], separators=(",", ":")).encode()
    free = data.index(metadata)
    return [at for at in range(len(data) - len(body)) if not free <= at < free + len(metadata)]


@pytest.mark.slow
def test_every_byte_of_a_header(bases: dict[str, Path], copy: Callable[[str], Path]) -> None:
    """Also where size and digest of the file were brought up to date."""
    at = copy("plain")
    data = (at / "model.safetensors").read_bytes()
    survivors: list[Survivor] = []
    for place in header_places(data):
        (at / "model.safetensors").write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        manifest = checkpoints.read_manifest(at)
        checkpoints.relist(at, manifest, "model.safetensors")
        checkpoints.write_manifest(at, manifest)
        if not any(code.startswith("CKP4") for code in found(at)):
            survivors.append((str(place), chr(data[place])))
    assert not survivors, "\n".join(map(str, survivors))


SEALED_STEP = 5


def sealed_places(bases: dict[str, Path]) -> range:
    """Return the places of a sealed manifest that are changed."""
    manifest = checkpoints.read_manifest(bases["plain"])
    checkpoints.seal(manifest)
    return range(0, len(manifest_file.dump(manifest)), SEALED_STEP)


@pytest.mark.slow
def test_bytes_of_a_sealed_manifest(bases: dict[str, Path], copy: Callable[[str], Path]) -> None:
    at = copy("plain")
    manifest = checkpoints.read_manifest(at)
    checkpoints.seal(manifest)
    data = manifest_file.dump(manifest)
    survivors: list[Survivor] = []
    for place in sealed_places(bases):
        for bit in (1, 128):
            (at / MANIFEST).write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
            if not found(at) - {"CKP1014"}:
                survivors.append((str(place), data[place - 20 : place + 20].decode()))
    assert not survivors, "\n".join(map(str, survivors))


def _apply(fault: Fault, at: Path) -> None:
    manifest = checkpoints.read_manifest(at)
    before = json.dumps(manifest)
    fault.do(at, manifest)
    if json.dumps(manifest) != before:
        checkpoints.write_manifest(at, manifest)


@pytest.mark.slow
def test_every_fault_of_files_weights_and_values(bases: dict[str, Path], copy: Callable[[str], Path]) -> None:
    survivors: list[Survivor] = []
    for fault in file_faults(bases):
        at = copy(fault.kind)
        _apply(fault, at)
        if fault.code not in (codes := found(at)):
            survivors.append((fault.code, fault.name, fault.kind, str(sorted(codes))))
    assert not survivors, "\n".join(map(str, survivors))


@pytest.mark.slow
def test_no_fault_hides_another(bases: dict[str, Path], copy: Callable[[str], Path]) -> None:
    """Two faults at once, of two levels, are both found."""
    survivors: list[Survivor] = []
    first = next(fault for fault in FOLDER_FAULTS if fault.name == "an unlisted file")
    for fault in (fault for fault in WEIGHTS_FAULTS if fault.code > "CKP4"):
        at = copy(fault.kind)
        _apply(first, at)
        _apply(fault, at)
        if not {first.code, fault.code} <= (codes := found(at)):
            survivors.append((fault.code, fault.name, fault.kind, str(sorted(codes))))
    assert not survivors, "\n".join(map(str, survivors))


def _count(items: Iterable[Any]) -> int:
    return sum(1 for _ in items)


def test_total(bases: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    header = (bases["plain"] / "model.safetensors").read_bytes()
    counts = {
        "assertions of the manifest's schema": _count(schema_mutants(bases)),
        "assertions of the side documents' schemas": _count(side_mutants(bases)),
        "rules of a header": 2 * len(HEADER_FAULTS),
        "bytes of a header": len(header_places(header)),
        "bytes of a sealed manifest": 2 * len(sealed_places(bases)),
        "faults of files, weights and values": len(file_faults(bases)),
        "pairs of faults": _count(fault for fault in WEIGHTS_FAULTS if fault.code > "CKP4"),
    }
    with capsys.disabled():
        print()
        print("\n".join(f"{count:>6,} mutants: {what}" for what, count in counts.items()))
        print(f"{sum(counts.values()):>6,} mutants in all, none survives")
    assert min(counts.values()) > 20
