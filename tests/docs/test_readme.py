"""The README shows what the commands print, and its Python runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.corpus import cache

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shown(folder: Path) -> str:
    """Run the README's example and return it as the README shows it."""
    native = cache.checkpoint("oncomark")
    (folder / native.name).write_bytes(native.read_bytes())
    lines = []
    for words in (["convert", native.name], ["validate", f"{native.name}.candle"]):
        command = [sys.executable, "-m", "candle_spec", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        lines += [f"$ candle-spec {' '.join(words)}", done.stdout.rstrip(), ""]
    return re.sub(r"\d+\.\d s", "0.3 s", "\n".join(lines).rstrip())


@pytest.mark.corpus
def test_the_example_is_the_real_output(tmp_path: Path) -> None:
    assert f"```\n{shown(tmp_path)}\n```" in README


BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    network = torch.nn.Linear(4, 3)
    average = {f"module.{name}": value / 2 for name, value in network.state_dict().items()}
    torch.save({"model_state_dict": network.state_dict(), "ema_state_dict": average, "epoch": 3}, "model.pt")
    names = {"network": torch.nn.Linear(4, 3)}
    exec(BLOCKS[0], names)
    assert torch.equal(names["network"].weight, network.weight)
    names["network"].load_state_dict(names["average"], strict=True)
    assert torch.equal(names["network"].weight, network.weight / 2)


def test_the_training_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trained: list[int] = []
    names = {
        "model": model,
        "optimizer": optimizer,
        "schedule": torch.optim.lr_scheduler.StepLR(optimizer, 1),
        "loader": torch.utils.data.DataLoader(torch.zeros(4, 4), batch_size=2),
        "train": trained.append,
        "validate": lambda: 1.0 / len(trained),
    }
    (block,) = BLOCKS[1:]
    exec(block.replace("epochs(50)", "epochs(3)"), names)
    exec(block.replace("epochs(50)", "epochs(4)"), names)
    assert len(trained) == 4
    assert (tmp_path / "out/ckpts/best").resolve().name == "004"


def test_every_command_shown_exists() -> None:
    from candle_spec.cli.program import GROUPS

    known = {name for commands in GROUPS.values() for name in commands}
    assert set(re.findall(r"^candle-spec ([a-z-]+)", README, re.MULTILINE)) <= known


def test_every_target_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
