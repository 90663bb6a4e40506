"""Validation as a whole: every check can find something, levels that did not run say why, reports are exact."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candle_spec import resources
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CandleSpecError, CorruptFileError, InvalidInputError, MissingPathError
from candle_spec.manifest import CURRENT, check, features, load_document, schema_id, versions
from candle_spec.problems import Level, LevelState, Location, Problem, Report, Severity
from candle_spec.validation import find_checkpoints, reporters, validate, verdict
from candle_spec.validation.catalogue import catalogue
from candle_spec.validation.context import BY_HEADER
from candle_spec.validation.reporters import Style
from candle_spec.validation.rules import files, safety, semantics, weights
from candle_spec.validation.run import RULES
from tests.helpers import checkpoints
from tests.helpers.faults.beside import BESIDE_FAULTS, sign
from tests.helpers.faults.files import FOLDER_FAULTS, Fault, of_each_file
from tests.helpers.faults.header import HEADER_FAULTS
from tests.helpers.faults.manifest import SEMANTIC_FAULTS, TEXT_FAULTS, mutated
from tests.helpers.faults.weights import WEIGHTS_FAULTS

CHECKS = resources.read_json("checks.json")["checks"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    return {kind: checkpoints.make(kind, folder).path for kind in checkpoints.KINDS}


@pytest.fixture
def copy(bases: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    def fresh(kind: str = "plain", name: str = "checkpoint") -> Path:
        for old in (tmp_path / name, tmp_path / f"{name}-outside"):
            shutil.rmtree(old, ignore_errors=True)
            old.unlink(missing_ok=True)
        return Path(shutil.copytree(bases[kind], tmp_path / name))

    return fresh


def apply(fault: Fault, at: Path) -> None:
    manifest = checkpoints.read_manifest(at)
    before = json.dumps(manifest)
    fault.do(at, manifest)
    if json.dumps(manifest) != before:
        checkpoints.write_manifest(at, manifest)


def problems(path: Path, **options: Any) -> list[Problem]:
    try:
        return list(validate(path, **options))
    except CandleSpecError as error:
        return [Problem(error.code, Severity.ERROR, error.message, hint=error.hint)]


@pytest.mark.parametrize("fault", [*TEXT_FAULTS, *SEMANTIC_FAULTS], ids=lambda fault: f"{fault.code}-{fault.name}")
def test_faults_of_the_manifest(fault: Fault, copy: Callable[..., Path]) -> None:
    at = copy(fault.kind)
    apply(fault, at)
    found = [problem for problem in problems(at) if problem.code == fault.code]
    assert found, problems(at)
    about = catalogue()[fault.code]
    for problem in found:
        assert problem.message
        assert problem.severity is about.severity
        assert problem.hint == about.hint or not about.hint or problem.hint


class TestEveryCheck:
    """The catalogue and the code hold the same checks."""

    @pytest.fixture(scope="class")
    @staticmethod
    def seen() -> set[str]:
        return set()

    @pytest.mark.slow
    def test_every_check_finds_something(
        self, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        seen: set[str] = set()
        each = of_each_file("plain", "model.safetensors")
        for fault in (*TEXT_FAULTS, *SEMANTIC_FAULTS, *FOLDER_FAULTS, *WEIGHTS_FAULTS, *BESIDE_FAULTS, *each):
            at = copy(fault.kind)
            apply(fault, at)
            seen |= {problem.code for problem in problems(at)}
        seen |= {problem.code for problem in problems(copy(), public_key="none")}
        seen |= header_codes(copy)
        seen |= {"CKP1001", "CKP1002"} & schema_codes(copy)
        seen |= newer_minor_codes(copy, monkeypatch)
        seen |= {found.code for found in features.unknown({"requires": ["what-nobody-knows"]})}
        seen |= required_codes(copy, monkeypatch)
        development = versions.select({"schema_version": "1.1.0-dev.1"}, known=["1.1.0-dev.1"])
        seen |= {problem.code for problem in development.problems}
        seen |= unreadable_codes(copy, monkeypatch)
        seen |= elsewhere_codes(tmp_path)
        every = {
            check["code"] for check in CHECKS if not check["code"].startswith("CKP72")
        }  # those of templates: tests/repositories
        assert (sorted(every - seen), sorted(seen - every - {""})) == ([], [])

    def test_the_catalogue_is_in_order(self) -> None:
        codes = [check["code"] for check in CHECKS]
        assert codes == sorted(set(codes))
        assert all(check["title"] for check in CHECKS)
        assert check(resources.read_json("checks.json"), schema="checks") == []

    def test_every_code_in_the_sources_is_in_the_catalogue(self) -> None:
        import re

        named = {
            code
            for folder in ("candle_spec", "converters")
            for path in (ROOT / folder).rglob("*.py")
            for code in re.findall(r"\bCKP[0-9]{4}\b", path.read_text(encoding="utf-8"))
        }
        assert sorted(named) == sorted(check["code"] for check in CHECKS)


def header_codes(copy: Callable[..., Path]) -> set[str]:
    seen = set()
    for fault in {fault.code: fault for fault in HEADER_FAULTS}.values():
        at = copy()
        weights = at / "model.safetensors"
        weights.write_bytes(fault.corrupt(weights.read_bytes()))
        seen |= {problem.code for problem in problems(at)}
    return seen


def required_codes(copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A checkpoint that requires what a version has and it does not use; no version has any feature yet."""
    at = copy()
    checkpoints.write_manifest(at, checkpoints.read_manifest(at) | {"requires": ["slices"]})
    with monkeypatch.context() as patch:
        patch.setattr(features, "registry", lambda: {"slices": {"brings": {}}})
        return {problem.code for problem in problems(at)}


def schema_codes(copy: Callable[..., Path]) -> set[str]:
    at = copy()
    manifest = checkpoints.read_manifest(at)
    del manifest["name"]
    checkpoints.write_manifest(at, manifest | {"nmae": "x"}, pretty=False)
    return {problem.code for problem in problems(at)}


def newer_minor_codes(copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A document of 1.9.0, for a package that knows 1.0.0 (of which the current version is the stand-in here)."""
    select = versions.select

    def of_a_release(document: Any, *, schema: str = "checkpoint") -> versions.Selection:
        if schema != "checkpoint":
            return select(document, schema=schema)
        return replace(select(document, schema=schema, known=["1.0.0"]), version=CURRENT)

    at = copy()
    manifest = checkpoints.read_manifest(at)
    manifest |= {
        "$schema": schema_id("checkpoint", "1.9.0"),
        "schema_version": "1.9.0",
        "novelty": 1,
    }
    checkpoints.write_manifest(at, manifest)
    with monkeypatch.context() as patch:
        patch.setattr(versions, "select", of_a_release)
        found = problems(at)
        assert [(p.code, p.severity) for p in found] == [("CKP1010", "warning"), ("CKP1002", "warning")]
        assert validate(at).ok
    return {problem.code for problem in found}


def unreadable_codes(copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Each level's own code for what kept it from looking, whatever another level would say of it."""
    at = copy()
    seen = set()
    for level, error in (
        (Level.SEMANTICS, InvalidInputError("x")),
        (Level.FILES, OSError(5, "Input/output error", "model.safetensors")),
        (Level.WEIGHTS, MissingPathError("x", code="CKP3001")),
        (Level.SAFETY, OSError(13, "Permission denied")),
    ):

        def refuse(context: object, error: Exception = error) -> Iterator[Problem]:
            raise error
            yield

        with monkeypatch.context() as patch:
            patch.setitem(RULES, level, (refuse, refuse))
            report = validate(at)
        assert [problem.code for problem in report.errors] == [f"CKP{int(level)}000"]
        assert [result.level for result in report.levels if result.state is LevelState.FAILED] == [level]
        seen |= {problem.code for problem in report}
    return seen


def elsewhere_codes(folder: Path) -> set[str]:
    """Codes that speak of what is no checkpoint: of a manifest in YAML, of a native file."""
    with pytest.raises(CorruptFileError) as caught:
        load_document(b"a: !!binary AAAA\n", "manifest.yaml")
    seen = {caught.value.code}
    with pytest.MonkeyPatch.context() as patch:
        read = checkpoints.TinyConverter.read

        def with_checksum(self: checkpoints.TinyConverter, source: Any) -> Any:
            native = read(self, source)
            native.checks.append(lambda: "data/0 does not fit its CRC-32")
            return native

        patch.setattr(checkpoints.TinyConverter, "read", with_checksum)
        return seen | {problem.code for problem in checkpoints.make("plain", folder).report}


class TestLevels:
    def states(self, report: Report) -> dict[str, str]:
        return {result.level.label: result.reason or str(result.state) for result in report.levels}

    def test_all_of_them(self, copy: Callable[..., Path]) -> None:
        assert self.states(validate(copy())) == {
            **dict.fromkeys(("L0", "L1", "L2", "L3", "L4", "L5"), "ok"),
            "L6": "candle-spec verify-conversion runs it",
            "L7": "no repository asked for",
            "L8": "unsigned",
        }

    @pytest.mark.parametrize("last", range(6))
    def test_what_was_not_asked_for(self, last: int, copy: Callable[..., Path]) -> None:
        states = self.states(validate(copy(), max_level=last))
        assert [label for label, state in states.items() if state == "ok"] == [f"L{n}" for n in range(last + 1)]
        assert [label for label, state in states.items() if state == "not asked for"] == [
            f"L{n}" for n in range(last + 1, 6)
        ]

    def test_after_a_manifest_that_cannot_be_read(self, copy: Callable[..., Path]) -> None:
        at = copy()
        (at / MANIFEST).write_bytes(b"{")
        report = validate(at)
        assert self.states(report)["L0"] == "failed"
        assert {self.states(report)[f"L{n}"] for n in range(1, 6)} == {"L0 failed"}
        assert not report.ok

    def test_after_a_schema_that_is_broken(self, copy: Callable[..., Path]) -> None:
        at = copy()
        checkpoints.write_manifest(at, {**checkpoints.read_manifest(at), "name": 1})
        states = self.states(validate(at))
        assert (states["L0"], states["L1"]) == ("ok", "failed")
        assert {states[f"L{n}"] for n in range(2, 6)} == {"L1 failed"}

    def test_semantics_do_not_keep_the_files_from_being_looked_at(self, copy: Callable[..., Path]) -> None:
        at = copy("described")
        manifest = checkpoints.read_manifest(at)
        manifest["dates"]["trained"] = "2026-02-30"
        checkpoints.write_manifest(at, manifest)
        (at / "notes.txt").write_bytes(b"x")
        states = self.states(validate(at))
        assert [states[f"L{n}"] for n in range(6)] == ["ok", "ok", "failed", "failed", "ok", "ok"]

    def test_a_signature_is_named(self, copy: Callable[..., Path]) -> None:
        at = copy()
        sign(at)
        report = validate(at)
        assert report.ok
        assert self.states(report)["L8"] == "signed by a key, not verified: give --public-key"
        assert verdict(report).endswith(" · L8 signed by a key, not verified: give --public-key")
        assert self.states(validate(at, max_level=2))["L8"] == "not asked for"

    def test_a_signature_of_something_else(self, copy: Callable[..., Path]) -> None:
        at = copy()
        (at / "candle-checkpoint.sig").write_bytes(b"x")
        report = validate(at)
        assert self.states(report)["L8"] == "failed"
        assert verdict(report).endswith(" · L8 1 problem")

    def test_a_checkpoint_that_should_be_signed(self, copy: Callable[..., Path], tmp_path: Path) -> None:
        report = validate(copy(), public_key=tmp_path / "key.pub")
        assert [problem.code for problem in report.errors] == ["CKP8003"]

    def test_weights_that_are_not_here_are_never_reported_as_checked(self, copy: Callable[..., Path]) -> None:
        at = copy()
        manifest = checkpoints.read_manifest(at)
        record = next(record for record in manifest["files"] if record["path"] == "model.safetensors")
        record["withheld"] = {"reason": "controlled access"}
        checkpoints.write_manifest(at, manifest)
        (at / "model.safetensors").unlink()
        report = validate(at)
        assert report.ok
        assert self.states(report)["L4"] == "the weights are not here"
        assert verdict(report).endswith("1 file withheld · 4 tensors not here")

    def test_pointers_of_git_lfs_are_no_weights(self, copy: Callable[..., Path]) -> None:
        at = copy("groups")
        apply(next(f for f in of_each_file("groups", "model.safetensors") if f.code == "CKP3011"), at)
        report = validate(at)
        assert report.ok
        assert self.states(report)["L4"] == "ok"  # the optimizer's were looked at
        assert verdict(report).endswith("1 file not fetched · 2 tensors not here")

    def test_what_was_looked_at_is_counted(self, copy: Callable[..., Path]) -> None:
        at = copy("groups")
        checked = {result.level: result.checked for result in validate(at).levels}
        listed = checkpoints.read_manifest(at)["files"]
        assert checked[Level.PARSE] == {"bytes": (at / MANIFEST).stat().st_size}
        whole = [record["size"] for record in listed if "digest" in record]
        told = {BY_HEADER: len(listed) - len(whole)}
        assert checked[Level.FILES] == {**told, "files": len(whole), "bytes": sum(whole)}
        assert checked[Level.WEIGHTS] == {"weights files": 2, "tensors": 4}

    def test_strict_safe_makes_foreign_code_an_error(self, bases: dict[str, Path]) -> None:
        assert validate(bases["pickled"]).ok
        strict = validate(bases["pickled"], strict_safe=True)
        assert [problem.code for problem in strict.errors] == ["CKP5001"]
        assert "L5 1 problem" in verdict(strict)


class TestVerdict:
    def test_of_a_sound_checkpoint(self, bases: dict[str, Path]) -> None:
        row = "L0-L5 ok · L6 not run: candle-spec verify-conversion runs it · L8 unsigned"
        assert verdict(validate(bases["plain"])) == row

    def test_of_findings(self, copy: Callable[..., Path]) -> None:
        at = copy()
        (at / "a").write_bytes(b"")
        (at / "b").write_bytes(b"")
        assert verdict(validate(at)).startswith("L0-L2 ok · L3 2 problems · L4-L5 ok · L6")

    def test_of_what_was_not_run(self, copy: Callable[..., Path]) -> None:
        at = copy()
        assert verdict(validate(at, max_level=1)).startswith("L0-L1 ok · L2-L5 not run: not asked for · L6")
        (at / MANIFEST).write_bytes(b"")
        assert verdict(validate(at)).startswith("L0 1 problem · L1-L5 not run: L0 failed · L6")

    @pytest.mark.slow
    def test_every_failed_level_has_its_findings(self, copy: Callable[..., Path]) -> None:
        for fault in WEIGHTS_FAULTS:
            at = copy(fault.kind)
            apply(fault, at)
            assert " 0 problem" not in verdict(validate(at)), fault.name


class TestFinding:
    def test_a_checkpoint_itself_or_its_manifest(self, bases: dict[str, Path]) -> None:
        assert validate(bases["plain"] / MANIFEST).ok
        assert find_checkpoints(bases["plain"]) == [bases["plain"]]

    def test_below_a_folder(self, copy: Callable[..., Path], tmp_path: Path) -> None:
        (tmp_path / "many").mkdir()
        paths = [copy("plain", f"many/{name}") for name in ("b", "a", "deep/er", "c.candle")]
        copy("plain", "many/a/inner")  # inside a checkpoint: a fault of that checkpoint
        copy("plain", "many/.hidden")
        (tmp_path / "many" / "link").symlink_to(paths[0], target_is_directory=True)
        (tmp_path / "many" / "up").symlink_to(tmp_path / "many", target_is_directory=True)
        (tmp_path / "many" / "file.txt").write_text("x")
        assert find_checkpoints(tmp_path / "many") == sorted(paths)

    def test_nothing(self, tmp_path: Path) -> None:
        assert find_checkpoints(tmp_path) == []
        assert find_checkpoints(tmp_path / "missing") == []
        with pytest.raises(MissingPathError):
            validate(tmp_path / "missing")
        with pytest.raises(InvalidInputError) as caught:
            validate(tmp_path)
        assert caught.value.code == "CKP0008"

    def test_folders_nested_deeper_than_calls(self, tmp_path: Path) -> None:
        here = tmp_path
        for _ in range(1200):
            here = here / "d"
            here.mkdir()
        assert find_checkpoints(tmp_path) == []
        while here != tmp_path:  # the tools that clean up recurse
            here.rmdir()
            here = here.parent

    def test_a_manifest_that_the_system_does_not_give(
        self, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("candle_spec.validation.run.load_document", refuse)
        with pytest.raises(InvalidInputError, match="Permission denied"):
            validate(copy())


class TestJobs:
    @pytest.mark.parametrize("jobs", [None, 1, 2, 8])
    def test_any_number_finds_the_same(self, jobs: int | None, copy: Callable[..., Path]) -> None:
        at = copy("sharded")
        apply(next(fault for fault in FOLDER_FAULTS if fault.code == "CKP3004"), at)
        assert problems(at, jobs=jobs) == problems(at, jobs=1)

    def test_no_thread_is_left(self, copy: Callable[..., Path]) -> None:
        at = copy("sharded")
        validate(at, jobs=2)
        (at / MANIFEST).write_bytes(b"")
        validate(at, jobs=2)
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("candle-spec")] == []


class TestKnownDigests:
    def test_they_are_taken_for_granted(self, copy: Callable[..., Path]) -> None:
        at = copy()
        record = next(r for r in checkpoints.read_manifest(at)["files"] if r["path"] == "state.json")
        data = (at / "state.json").read_bytes()
        (at / "state.json").write_bytes(data.replace(b"dense", b"dance", 1))
        assert "CKP3003" in {problem.code for problem in validate(at)}
        known: dict[str | tuple[str, str], str] = {"state.json": record["digest"]}
        assert "CKP3003" not in {problem.code for problem in validate(at, known_digests=known)}

    def test_so_only_who_wrote_the_bytes_gives_them(self) -> None:
        users = [
            path.relative_to(ROOT).as_posix()
            for path in sorted((ROOT / "candle_spec").rglob("*.py"))
            if "known_digests=" in path.read_text(encoding="utf-8")
        ]
        assert users == ["candle_spec/conversion/convert.py", "candle_spec/conversion/reshard.py"]


class TestPlaces:
    """A finding says on which line it is."""

    def line(self, at: Path, problem: Problem) -> str:
        assert problem.location.file == MANIFEST
        assert problem.location.line is not None
        assert problem.location.column is not None
        text = (at / MANIFEST).read_text(encoding="utf-8").splitlines()[problem.location.line - 1]
        return text[problem.location.column - 1 :]

    @pytest.mark.parametrize(
        ("name", "starts"),
        [
            ("an area to minimize", '"direction": "minimize"'),
            ("an area of 1.2", '"value": 1.2'),
            ("an interval above its value", '"interval": {'),
            ("a check digit of an ORCID iD", '"orcid": "0000-0002-1825-0098"'),
            ("the day 2026-02-30", '"trained": "2026-02-30"'),
            ("a source of nothing", '"pointer": "/nothing"'),
            ("too good a grade", '"resume_grade": "exactly-resumable"'),
            ("a name after the seal", '"manifest_digest": "sha256:'),
            ("/inputs/0/feature_list/path names nothing", '"path": "ghost.txt"'),
            ("a parameter too many", '"parameter_count": 6'),
            ("another values digest", '"values_digest": "sha256:0000'),
            ("a tensor too many in a group", '"tensor_count": 5'),
            ("the path ../genes.txt", '"path": "../genes.txt"'),
            ("program code", "{"),
        ],
    )
    def test_in_the_manifest(self, name: str, starts: str, copy: Callable[..., Path]) -> None:
        every = (*SEMANTIC_FAULTS, *WEIGHTS_FAULTS, *FOLDER_FAULTS)
        fault = next(fault for fault in every if fault.name == name)
        at = copy(fault.kind)
        apply(fault, at)
        found = next(problem for problem in problems(at) if problem.code == fault.code)
        assert self.line(at, found).startswith(starts)

    def test_of_the_schema(self, copy: Callable[..., Path]) -> None:
        at = copy()
        manifest = checkpoints.read_manifest(at)
        manifest["weights"]["tensors"][2]["shape"] = ["é", -1]
        checkpoints.write_manifest(at, manifest)
        found = [problem for problem in problems(at) if problem.severity is Severity.ERROR]
        assert [problem.location.pointer for problem in found] == [f"/weights/tensors/2/shape/{n}" for n in (0, 1)]
        assert [self.line(at, problem)[:2] for problem in found] == ['"é', "-1"]

    def test_of_the_syntax(self, copy: Callable[..., Path]) -> None:
        at = copy()
        (at / MANIFEST).write_text('{\n  "name": "uno",\n  oops\n}\n')
        (found,) = problems(at)
        assert found.location == Location(MANIFEST, line=3, column=3)

    def test_of_the_syntax_of_a_side_document(self, copy: Callable[..., Path]) -> None:
        at = copy()
        (at / "state.json").write_bytes(b"{\n  oops}")
        manifest = checkpoints.read_manifest(at)
        checkpoints.relist(at, manifest, "state.json")
        checkpoints.write_manifest(at, manifest)
        (found,) = (problem for problem in problems(at) if problem.severity is Severity.ERROR)
        assert (found.code, found.location) == ("CKP4030", Location("state.json", line=2, column=3))

    def test_of_a_tensor(self, copy: Callable[..., Path]) -> None:
        fault = next(fault for fault in WEIGHTS_FAULTS if fault.name == "byte 1/2 of dense/bias")
        at = copy()
        apply(fault, at)
        (found,) = (problem for problem in problems(at) if problem.severity is Severity.ERROR)
        assert found.location == Location("model.safetensors", tensor="dense/bias")


REPORT = Report(
    "models/uno.candle",
    problems=[
        Problem("CKP1014", Severity.INFO, "it can change", Location(MANIFEST, "/schema_version", 3, 3)),
        Problem(
            "CKP2007",
            Severity.ERROR,
            "auc-roc cannot be 1.2",
            Location(MANIFEST, "/evaluations/0/value", 31, 7),
            "sure?",
            "CS-023",
        ),
        Problem("CKP3003", Severity.ERROR, "sha256 differs", Location("model.safetensors"), "convert again", "CS-032"),
        Problem("CKP4024", Severity.ERROR, "other bytes", Location("model.safetensors", tensor="net.0.weight")),
        Problem("CKP5020", Severity.WARNING, "the text holds \x1b[31man address", Location()),
    ],
)


class TestReporters:
    def report(self) -> Report:
        from candle_spec.problems import LevelResult

        levels = [LevelResult(Level(n), LevelState.OK if n < 2 else LevelState.FAILED) for n in range(5)]
        return replace(REPORT, levels=[*levels, LevelResult(Level.SAFETY, LevelState.OK)])

    def test_text(self) -> None:
        assert reporters.render("text", [self.report()], Style()).splitlines() == [
            "models/uno.candle    L0-L1 ok · L2-L4 1 problem · L5 ok",
            "  candle-checkpoint.json:31:7 /evaluations/0/value  CKP2007  auc-roc cannot be 1.2  [CS-023]",
            "      -> sure?",
            "  model.safetensors  CKP3003  sha256 differs  [CS-032]",
            "      -> convert again",
            "  model.safetensors tensor net.0.weight  CKP4024  other bytes",
            "  checkpoint  CKP5020  warning: the text holds \\x1b[31man address",
        ]

    def test_text_with_infos_and_colours(self) -> None:
        text = reporters.render("text", [self.report()], Style(colour=True, infos=True))
        assert "/schema_version  \x1b[36mCKP1014\x1b[0m  info: it can change" in text
        assert "\x1b[31mCKP2007\x1b[0m" in text
        assert "\x1b[33mCKP5020\x1b[0m  warning: " in text
        assert "\x1b[31man" not in text

    def test_text_of_many(self) -> None:
        many = replace(self.report(), problems=[REPORT.problems[2]] * 60)
        lines = reporters.render("text", [many, Report("b")], Style()).splitlines()
        assert sum(line.startswith("  model.safetensors") for line in lines) == 50
        assert lines[-3] == "  … and 10 more (--format json shows all)"
        assert lines[-1] == "2 checkpoints, 1 with problems"

    def test_json(self) -> None:
        document = json.loads(reporters.render("json", [self.report(), Report("other")], Style()))
        assert [p.code for p in check(document, schema="report")] == []
        assert document["reports"][1] == {"path": "other", "ok": True, "levels": [], "problems": []}
        assert document["reports"][0]["problems"][1] == {
            "code": "CKP2007",
            "severity": "error",
            "message": "auc-roc cannot be 1.2",
            "location": {"file": MANIFEST, "pointer": "/evaluations/0/value", "line": 31, "column": 7},
            "hint": "sure?",
            "requirement": "CS-023",
        }

    def test_reports_of_every_fault_obey_their_schema(self, copy: Callable[..., Path]) -> None:
        for fault in (*TEXT_FAULTS, *FOLDER_FAULTS[::4], *WEIGHTS_FAULTS[::4]):
            at = copy(fault.kind)
            apply(fault, at)
            if (at / MANIFEST).exists():
                assert_reported(validate(at))

    @pytest.mark.parametrize("name", [b"\xff\xfe", b"new\nline", b"\x1b[2J", "é\u202e".encode(), b"a" * 255])
    def test_names_of_any_bytes(self, name: bytes, copy: Callable[..., Path]) -> None:
        at = copy()
        with open(os.path.join(os.fsencode(at), name), "wb"):
            pass
        report = validate(at)
        assert [problem.code for problem in report.errors] == ["CKP3004"]
        assert_reported(report)


def assert_reported(report: Report) -> None:
    """Both reporters take the report; the JSON obeys its schema, the text has no control characters."""
    document = json.loads(reporters.render("json", [report], Style()))
    assert [problem for problem in check(document, schema="report") if problem.severity is Severity.ERROR] == []
    text = reporters.render("text", [report], Style(infos=True))
    assert all(character.isprintable() or character == "\n" for character in text), text
    text.encode("utf-8")


EDITS = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.sampled_from(["set", "insert", "cut"]), st.binary(max_size=4)), max_size=6
)


def edited(data: bytes, edits: list[tuple[int, str, bytes]]) -> bytes:
    for place, how, new in edits:
        at = place % (len(data) + 1)
        rest = {"set": at + len(new), "insert": at, "cut": at + 40}[how]
        data = data[:at] + (b"" if how == "cut" else new) + data[rest:]
    return data


BOUNDED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TestNothingBreaksIt:
    """Whatever a checkpoint holds, validation ends with a report."""

    @pytest.fixture(scope="class")
    def scratch(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
        folder = tmp_path_factory.mktemp("scratch")
        return {kind: checkpoints.make(kind, folder).path for kind in ("described", "inventory", "sharded", "encoded")}

    @BOUNDED
    @given(edits=EDITS)
    def test_bytes_of_the_manifest(self, scratch: dict[str, Path], edits: list[tuple[int, str, bytes]]) -> None:
        at = scratch["described"]
        data = (at / MANIFEST).read_bytes()
        try:
            (at / MANIFEST).write_bytes(edited(data, edits))
            assert_reported(validate(at, jobs=1))
        finally:
            (at / MANIFEST).write_bytes(data)

    @BOUNDED
    @given(data=st.data(), kind=st.sampled_from(["described", "inventory", "sharded", "encoded"]))
    def test_values_of_the_manifest(self, scratch: dict[str, Path], data: st.DataObject, kind: str) -> None:
        at = scratch[kind]
        before = (at / MANIFEST).read_bytes()
        manifest = json.loads(before)
        for _ in range(data.draw(st.integers(1, 3))):
            manifest = mutated(manifest, lambda bound: data.draw(st.integers(0, max(0, bound - 1))))
        try:
            checkpoints.write_manifest(at, manifest, pretty=False)
            assert_reported(validate(at, jobs=1))
        finally:
            (at / MANIFEST).write_bytes(before)

    @BOUNDED
    @given(
        data=st.data(),
        where=st.sampled_from(
            [
                ("described", "state.json"),
                ("described", "original/0.extents.json"),
                ("inventory", "tensors.json"),
                ("sharded", "model.safetensors.index.json"),
                ("encoded", "model.safetensors"),
            ]
        ),
    )
    @pytest.mark.slow
    def test_other_files_listed_anew(
        self, scratch: dict[str, Path], data: st.DataObject, where: tuple[str, str]
    ) -> None:
        at, path = scratch[where[0]], where[1]
        before, listed = (at / path).read_bytes(), (at / MANIFEST).read_bytes()
        if path.endswith(".json") and data.draw(st.booleans()):
            changed = mutated(json.loads(before), lambda bound: data.draw(st.integers(0, max(0, bound - 1))))
            after = json.dumps(changed).encode()
        else:
            after = edited(before, data.draw(EDITS))
        try:
            (at / path).write_bytes(after)
            manifest = json.loads(listed)
            checkpoints.relist(at, manifest, path)
            checkpoints.write_manifest(at, manifest)
            assert_reported(validate(at, jobs=1))
        finally:
            (at / path).write_bytes(before)
            (at / MANIFEST).write_bytes(listed)


def test_rules_are_listed_once() -> None:
    every = [rule for rules in RULES.values() for rule in rules]
    assert len(every) == len(set(every))
    for module in (semantics, files, weights, safety):
        assert set(module.RULES) <= set(every)
