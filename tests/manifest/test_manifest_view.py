"""The typed manifest of a checkpoint: generated, lenient, made when it is asked for, known to a type checker."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.checkpoint.layout import MANIFEST
from candle_spec.errors import CorruptFileError
from tests.helpers import checkpoints

if TYPE_CHECKING:
    from candle_spec.manifest.models import Manifest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "schemas" / "checkpoint" / "examples" / "valid").glob("*.json"))


def view(document: dict[str, Any], folder: Path) -> Manifest:
    (folder / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
    return Checkpoint(folder).manifest


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_comes_back(path: Path, tmp_path: Path) -> None:
    document = json.loads(path.read_bytes())
    assert view(document, tmp_path).model_dump(by_alias=True, exclude_unset=True) == document


def full() -> dict[str, Any]:
    path = next(path for path in EXAMPLES if path.stem == "keras_hallmarks")
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document


def test_members_are_typed(tmp_path: Path) -> None:
    manifest = view(full(), tmp_path)
    assert manifest.schema_id.startswith("https://w3id.org/candle-spec/")
    assert manifest.conforms_to == ["https://w3id.org/candle-spec/schemas/extensions/oncology/1.0.0-rc.1"]
    assert manifest.model.framework.name == "keras"
    assert manifest.creators is not None
    assert manifest.creators[0].affiliation is not None
    assert manifest.creators[0].affiliation[0].name == "Argonne National Laboratory"
    assert manifest.weights.tensors is not None
    assert manifest.weights.tensors[0].shape == [9326, 64]
    assert manifest.out_of_scope_use == "Clinical decisions."
    assert manifest.base_models is not None
    assert manifest.base_models[0].identifier.scheme == "hf"


def test_it_is_no_validator(tmp_path: Path) -> None:
    """Unknown members are kept, values of open lists and forms of text are not looked at."""
    document = full()
    document["newMember"] = {"a": 1}
    document["files"][0]["role"] = "new-role"
    document["files"][0]["digest"] = "nonsense"
    document["name"] = ""
    manifest = view(document, tmp_path)
    assert manifest.model_extra == {"newMember": {"a": 1}}
    assert manifest.files[0].role == "new-role"


def test_what_has_another_type_is_refused_at_its_place(tmp_path: Path) -> None:
    document = full()
    document["files"][0]["size"] = "large"
    with pytest.raises(CorruptFileError) as caught:
        view(document, tmp_path)
    assert caught.value.location == "/files/0/size"


@pytest.mark.slow
def test_it_is_made_once_and_at_the_first_use(tmp_path: Path) -> None:
    """Nothing on the way of what is done to checkpoints loads the generated models, or pydantic."""
    made = checkpoints.make("groups", tmp_path)
    code = f"""
import sys
from pathlib import Path
import candle_spec
from tests.helpers import checkpoints
from tests.helpers.series import states

def loaded():
    return [name for name in sys.modules if name.partition(".")[0] == "pydantic" or name.endswith("manifest.models")]

folder = Path({str(tmp_path)!r})
with checkpoints.only_tiny():
    candle_spec.convert(folder / "groups.tiny", folder / "again")
    candle_spec.inspect(folder / "again")
    candle_spec.restore(folder / "again", folder / "again.tiny")
with states.open_series(folder / "ckpts") as series:
    series.save(states.state(1))
assert candle_spec.validate(folder / "again").ok
opened = candle_spec.load({str(made.path)!r})
opened.state_dict(framework="numpy")
assert loaded() == [], loaded()
assert opened.manifest.model.framework.name == opened.document["model"]["framework"]["name"]
assert opened.manifest is opened.manifest
assert loaded()
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_a_type_checker_knows_the_members(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import candle_spec\nreveal_type(candle_spec.load('x').manifest.model.framework.name)\n")
    mypy = [sys.executable, "-m", "mypy", "--follow-imports=silent", f"--cache-dir={tmp_path / 'cache'}", str(program)]
    found = subprocess.run(mypy, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'Revealed type is "str"' in found.stdout, found.stdout + found.stderr
