"""Small parts on their own: rules, checksums, the body of an upload."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from candle_spec.errors import CorruptFileError
from candle_spec.modac.checksums import Digesting, compare, etag
from candle_spec.modac.metadata import Fault, check_collection, check_file
from candle_spec.modac.multipart import MultipartBody
from candle_spec.modac.rules import Rule, starter
from candle_spec.remote.checks import Match
from tests.helpers.services.modac_calls import entries


def _faults(rule: Rule, *rows: dict[str, str]) -> list[Fault]:
    rules = replace(starter(), collection_rules=(rule,))
    return check_collection(list(rows), rules, path="/x").faults


class TestRules:
    def test_a_date_is_stored_as_the_rule_says(self) -> None:
        rules = replace(starter(), collection_rules=(Rule("when", date_format="MM-dd-yyyy"),))
        checked = check_collection(entries({"when": "2026-11-23"}), rules, path="/x")
        assert (checked.values, checked.faults) == ({"when": "11-23-2026"}, [])
        own = [{"attribute": "when", "value": "23/11/2026", "dateFormat": "dd/MM/yyyy"}]
        assert check_collection(own, rules, path="/x").values == {"when": "11-23-2026"}
        (fault,) = check_collection(entries({"when": "yesterday"}), rules, path="/x").faults
        assert fault.message.startswith("Metadata format is invalid: when")

    def test_a_controller_is_a_pattern_for_the_whole_value(self) -> None:
        rule = Rule("a", controller_attribute="kind", controller_value="Mod.*|X")
        for value, missing in (("Model", True), ("X", True), ("aModel", False), ("XX", False)):
            assert bool(_faults(rule, *entries({"kind": value}))) is missing

    def test_mandatory_counts_even_where_the_controller_does_not_match(self) -> None:
        rule = Rule("a", mandatory=True, controller_attribute="kind", controller_value="Model")
        (fault,) = _faults(rule, *entries({"kind": "Dataset", "a": "given"}))
        assert fault.message == "Missing or empty mandatory metadata: a"

    def test_a_rule_that_is_off_or_of_another_type(self) -> None:
        assert not _faults(Rule("a", mandatory=True, enabled=False), *entries({"b": "x"}))
        study = Rule("a", mandatory=True, collection_types=("Study",))
        assert not _faults(study, *entries({"collection_type": "Asset"}))
        assert _faults(study, *entries({"b": "x"}))  # without a type all rules apply

    def test_rules_of_files(self) -> None:
        rules = replace(starter(), file_rules=(Rule("role", mandatory=True),))
        assert [fault.message for fault in check_file([], rules).faults] == [
            "Missing or empty mandatory metadata: role"
        ]


class TestChecksums:
    @hypothesis.given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 30))
    def test_parts_are_those_of_s3(self, blocks: list[bytes], size: int) -> None:
        data = b"".join(blocks)
        parts = [data[start : start + size] for start in range(0, len(data), size)]
        expected = hashlib.md5(data).hexdigest()
        if len(data) > size:
            expected = hashlib.md5(b"".join(hashlib.md5(one).digest() for one in parts)).hexdigest() + f"-{len(parts)}"
        assert etag(blocks, part_size=size) == expected

    def test_what_a_checksum_says(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_bytes(b"x" * 25)
        assert compare(path, hashlib.md5(b"x" * 25).hexdigest()) is Match.SAME
        assert compare(path, hashlib.md5(b"y").hexdigest()) is Match.DIFFERENT
        assert compare(path, etag([b"x" * 25], part_size=10), part_size=10) is Match.SAME
        assert compare(path, etag([b"x" * 25], part_size=10), part_size=9) is Match.UNVERIFIABLE

    def test_a_real_size_of_part(self) -> None:
        assert Digesting().compare("d41d8cd98f00b204e9800998ecf8427e") is Match.SAME


class TestBody:
    def test_its_length_is_known(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_bytes(b"data")
        for file in (None, path):
            body = MultipartBody({"metadataEntries": entries({"a": "ü"})}, file)
            assert len(b"".join(body())) == body.length == int(body.headers["Content-Length"])

    @pytest.mark.parametrize("data", [b"dat", b"data2"])
    def test_a_file_that_changes(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "x"
        path.write_bytes(b"data")
        body = MultipartBody({}, path)
        path.write_bytes(data)
        with pytest.raises(CorruptFileError, match="changed while it was sent"):
            b"".join(body())
