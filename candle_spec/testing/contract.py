"""The contract of converters as a test class: subclass it, give a converter and native checkpoints, run pytest.

.. code-block:: python

    class TestMine(ConverterContract):
        converter = CONVERTER

        @pytest.fixture(params=["small", "large"])
        def native(self, request, tmp_path):
            return make_native(tmp_path, request.param)      # a path

Needs pytest, which the extra ``test`` installs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.contract import Converter, Native
from candle_spec.conversion.convert import convert
from candle_spec.conversion.restore import restore
from candle_spec.conversion.source import resolve_source
from candle_spec.conversion.verify import verify_conversion
from candle_spec.errors import CandleSpecError
from candle_spec.testing.damage import damaged
from candle_spec.validation import validate
from candle_spec.weights.native_places import is_place

_FRAMEWORKS = ("torch", "tensorflow", "keras", "tf_keras", "jax", "sklearn", "lightgbm", "xgboost", "onnx")


class ConverterContract:
    """What every converter keeps; a subclass names ``converter`` and has a fixture ``native``."""

    converter: ClassVar[Converter]

    def read(self, native: Path) -> Native:
        """Read a native checkpoint."""
        return self.converter.read(resolve_source(native))

    def test_it_is_described(self) -> None:
        """Name, title, suffixes and card are there."""
        assert self.converter.name.isidentifier()
        assert self.converter.title
        assert all(suffix.startswith(".") for suffix in self.converter.suffixes)
        card = self.converter.card
        assert card.family
        assert card.kept
        assert card.not_kept
        assert card.restore

    def test_it_detects_its_own(self, native: Path) -> None:
        """The content is recognised, whatever the file or the folder is called."""
        assert self.converter.detect(resolve_source(native)) is not None
        renamed = native.with_name("renamed.bin")
        if native.is_file():
            renamed.write_bytes(native.read_bytes())
        else:
            shutil.copytree(native, renamed, symlinks=True)
        assert self.converter.detect(resolve_source(renamed)) is not None

    def test_it_leaves_foreign_content_alone(self, tmp_path: Path) -> None:
        """Other content gives ``None``, never an error."""
        for number, content in enumerate(
            (b"x", b"hello world\n" * 99, b"\x00" * 512, bytes(range(256)), b"PK\x03\x04" + bytes(99))
        ):
            path = tmp_path / f"foreign{number}"
            path.write_bytes(content)
            assert self.converter.detect(resolve_source(path)) is None

    def test_tensors_are_well_formed(self, native: Path) -> None:
        """Names are unique, groups exist, sizes are true, bytes stream twice alike, aliases have a target."""
        found = self.read(native)
        groups = {group.id for group in found.groups}
        names = [(tensor.group, tensor.name) for tensor in found.tensors]
        assert len(names) == len(set(names))
        for tensor in found.tensors:
            assert tensor.group in groups
            if tensor.alias_of is not None:
                assert tensor.alias_of in names
                continue
            for part in tensor.parts.values():
                first = b"".join(bytes(block) for block in part.data.blocks())
                assert len(first) == part.data.size
                assert first == b"".join(bytes(block) for block in part.data.blocks())
                for extent in part.data.extents:
                    if extent.verbatim:
                        with extent.path.open("rb") as file:
                            file.seek(extent.offset)
                            assert file.read(extent.length) == first[extent.start : extent.start + extent.length]

    def test_names_begin_at_the_root_of_their_group(self, native: Path) -> None:
        """The root of a group is a place of the native structure, where there is one."""
        found = self.read(native)
        if found.state is not None:
            assert [group.root for group in found.groups if not is_place(found.state, group.root)] == []

    def test_it_converts_and_comes_back(self, native: Path, tmp_path: Path) -> None:
        """The checkpoint is valid, the native bytes come back, the certificate holds."""
        made = convert(native, tmp_path / "made.candle").path
        report = validate(made)
        assert report.errors == []
        self.comes_back(made, native, tmp_path / "restored")
        proof = verify_conversion(made, native, predictions=False)
        assert proof.ok, proof.claims

    def test_it_converts_alike_every_time(self, native: Path, tmp_path: Path, monkeypatch: Any) -> None:
        """The same input gives the same bytes."""
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        first, second = (convert(native, tmp_path / name).path for name in ("first.candle", "second.candle"))
        names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
        assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
        for name in names:
            assert (first / name).read_bytes() == (second / name).read_bytes(), name

    def test_loading_gives_every_tensor(self, native: Path, tmp_path: Path) -> None:
        """Every group loads without a framework."""
        made = Checkpoint(convert(native, tmp_path / "made.candle").path)
        for group in made.groups:
            arrays = made.state_dict(group, framework="numpy")
            assert list(arrays) == [tensor.name for tensor in made.tensors if tensor.group == group]

    def test_damaged_files_give_clear_errors(self, native: Path, tmp_path: Path) -> None:
        """Cut off, changed or incomplete anywhere: a checkpoint that keeps its promises, or a clear error.

        An error is a :class:`CandleSpecError`, never anything else, and leaves nothing behind. What is converted is
        valid, and the damaged bytes come back.
        """
        kept, work = tmp_path / "kept", tmp_path / "work"
        kept.mkdir()
        for path in damaged(native, kept):
            work.mkdir()
            try:
                made = convert(path, work / "made.candle").path
            except CandleSpecError:
                assert list(work.iterdir()) == []
            else:
                assert validate(made).errors == []
                self.comes_back(made, path, work / "restored")
            shutil.rmtree(work)

    @staticmethod
    def comes_back(made: Path, native: Path, output: Path) -> None:
        """Restore a checkpoint and compare: every file of the native one is there again, byte for byte."""
        restored = restore(made, output)
        files = resolve_source(native).files
        assert len(restored) == len(files)
        for file in files:
            back = restored[0].path if len(files) == 1 else output / file.name
            assert back.read_bytes() == file.path.read_bytes(), file.name

    def test_it_imports_no_framework(self, native: Path) -> None:
        """Reading runs without any framework in the process."""
        code = (
            "import sys, candle_spec\n"
            f"candle_spec.inspect({str(native)!r})\n"
            f"print([name for name in {_FRAMEWORKS!r} if name in sys.modules])"
        )
        done = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stderr
