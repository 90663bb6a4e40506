"""The lines of docs/training.md run, and run again they find everything done; what it says of copies is true."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from candle_spec.series.series import Series

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```python (\w+)\n(.*?)```", DOC, re.DOTALL))


def pytorch() -> dict[str, Any]:
    import torch

    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    data = torch.utils.data.TensorDataset(torch.randn(8, 4), torch.randn(8, 1))

    def train_step(x: Any, y: Any) -> None:
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()

    loader = torch.utils.data.DataLoader(data, 4)
    return {"model": model, "optimizer": optimizer, "loader": loader, "train_step": train_step, "validate": lambda: 0.5}


def settings() -> dict[str, Any]:
    return pytorch()


def candle() -> dict[str, Any]:
    names = pytorch()
    return {**names, "train_epoch": lambda: [names["train_step"](x, y) for x, y in names["loader"]]}


def own() -> dict[str, Any]:
    import numpy as np

    def train_epoch(arrays: dict[str, Any]) -> None:
        arrays["w"] = arrays["w"] * 0.5

    return {"arrays": {"w": np.ones(3)}, "train_epoch": train_epoch, "validate": lambda: 0.5}


def keras() -> dict[str, Any]:
    import keras
    import numpy as np

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return {"model": model, "x": np.ones((8, 4), "f4"), "y": np.ones((8, 1), "f4")}


def lightning() -> dict[str, Any]:
    from functools import partial

    import lightning
    import torch

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any, _: int) -> Any:
            return self.net(batch[0]).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.01)

    data = torch.utils.data.TensorDataset(torch.ones(8, 4))
    trainer = partial(
        lightning.Trainer,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    return {"module": Module(), "loader": torch.utils.data.DataLoader(data, 4), "Trainer": trainer}


def transformers() -> dict[str, Any]:
    import torch
    import transformers

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.BertConfig(vocab_size=20, max_position_embeddings=8, **sizes)
    data = [{"input_ids": torch.arange(6), "labels": torch.tensor(number % 2)} for number in range(8)]
    quiet = {"report_to": [], "use_cpu": True, "disable_tqdm": True, "save_strategy": "no"}
    arguments = transformers.TrainingArguments("trainer", num_train_epochs=3, **quiet)
    model = transformers.BertForSequenceClassification(config)
    return {"model": model, "arguments": arguments, "data": data, "Trainer": transformers.Trainer}


def jax() -> dict[str, Any]:
    import jax.numpy as jnp

    state = {"params": {"w": jnp.ones(3)}}
    train = lambda state: {"params": {"w": state["params"]["w"] * 0.5}}  # noqa: E731
    return {"state": state, "train_epoch": train, "validate": lambda state: float(state["params"]["w"].sum())}


def lightgbm() -> dict[str, Any]:
    import lightgbm
    import numpy as np

    x = np.random.default_rng(0).normal(size=(100, 3))
    return {"lightgbm": lightgbm, "params": {"verbose": -1}, "data": lightgbm.Dataset(x, x[:, 0], free_raw_data=False)}


MAKERS: list[Callable[[], dict[str, Any]]] = [
    pytorch,
    settings,
    candle,
    own,
    keras,
    lightning,
    transformers,
    jax,
    lightgbm,
]


def test_every_block_is_run() -> None:
    assert {make.__name__ for make in MAKERS} == set(BLOCKS)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_the_lines_run_and_run_again(
    make: Callable[[], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[make.__name__], make())
    first = Series.read("out/ckpts").entries()
    assert [entry.epoch for entry in first][-1] == 3
    exec(BLOCKS[make.__name__], make())
    again = Series.read("out/ckpts").entries()
    assert [entry.state_digest for entry in again] == [entry.state_digest for entry in first]


@pytest.mark.parametrize(("command", "shares"), [(("cp", "-a"), True), (("cp", "-r"), False)])
def test_copies(command: tuple[str, str], shares: bool, tmp_path: Path) -> None:
    from tests.helpers.series.states import open_series, state

    with open_series(tmp_path / "ckpts") as series:
        for epoch in (1, 2, 3):
            series.save(state(epoch, size=4096))
    subprocess.run([*command, tmp_path / "ckpts", tmp_path / "copy"], check=True)
    copied = Series.read(tmp_path / "copy")
    assert copied.verify() == []
    assert copied.last() is not None
    entries = copied.entries()
    assert any(entry.unique_size < entry.size for entry in entries) == shares


def test_every_command_and_parameter_shown_exists() -> None:
    from candle_spec.cli.program import GROUPS
    from candle_spec.cli.series import VERBS
    from candle_spec.series.policy.params import definitions

    known = {name for commands in GROUPS.values() for name in commands}
    assert set(re.findall(r"candle-spec ([a-z-]+)", DOC)) <= known
    assert set(re.findall(r"candle-spec series ([a-z-]+)", DOC)) <= set(VERBS)
    assert set(re.findall(r"\bckpt_[a-z_]+", DOC)) - {"ckpt_path", "ckpt_epoch"} <= {
        row["name"] for row in definitions()
    }
