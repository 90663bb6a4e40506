"""Training goes on from a rebuilt checkpoint as from the native one: one more step, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import candle_spec

pytestmark = pytest.mark.framework

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.standard_normal((32, 6)).astype("f4"), RANDOM.standard_normal((32, 1)).astype("f4")


def rebuilt(native: Path, folder: Path) -> Path:
    made = candle_spec.convert(native, folder / "made.candle")
    (file,) = candle_spec.restore(made.path, folder / f"rebuilt{native.suffix}", how="rebuilt")
    return file.path


def test_torch_adam(tmp_path: Path) -> None:
    import torch

    torch.set_num_threads(1)

    def fresh() -> tuple[Any, Any, Any]:
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01, amsgrad=True)
        return net, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 2)

    def step(net: Any, optimizer: Any, scheduler: Any) -> None:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
        optimizer.step()
        scheduler.step()

    parts = fresh()
    for _ in range(3):
        step(*parts)
    state = {"model": parts[0].state_dict(), "optimizer": parts[1].state_dict(), "scheduler": parts[2].state_dict()}
    torch.save(state, tmp_path / "run.pt")

    results = []
    for path in (tmp_path / "run.pt", rebuilt(tmp_path / "run.pt", tmp_path)):
        loaded = torch.load(path, weights_only=True)
        net, optimizer, scheduler = fresh()
        net.load_state_dict(loaded["model"], strict=True)
        optimizer.load_state_dict(loaded["optimizer"])
        scheduler.load_state_dict(loaded["scheduler"])
        step(net, optimizer, scheduler)
        results.append([value.detach().numpy().tobytes() for value in net.state_dict().values()])
    step(*parts)
    assert results[0] == results[1] == [value.detach().numpy().tobytes() for value in parts[0].state_dict().values()]


def test_torch_adam_without_its_moments_differs(tmp_path: Path) -> None:
    """The comparison can fail: without the optimizer's state the next step is another one."""
    import torch

    net = torch.nn.Linear(6, 1)
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
        optimizer.step()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    after = []
    for keep in (True, False):
        net.load_state_dict(state)
        fresh = torch.optim.Adam(net.parameters())
        if keep:
            fresh.load_state_dict(optimizer.state_dict())
        fresh.zero_grad()
        torch.nn.functional.mse_loss(net(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
        fresh.step()
        after.append(net.weight.detach().numpy().tobytes())
    assert after[0] != after[1]


def test_keras_adam(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    net.compile(keras.optimizers.Adam(0.01), "mse")
    for _ in range(3):
        net.train_on_batch(X, Y)
    net.save(tmp_path / "run.keras")

    results = []
    for path in (tmp_path / "run.keras", rebuilt(tmp_path / "run.keras", tmp_path)):
        loaded = keras.models.load_model(path)
        loaded.train_on_batch(X, Y)
        results.append([value.tobytes() for value in loaded.get_weights()])
    net.train_on_batch(X, Y)
    assert results[0] == results[1] == [value.tobytes() for value in net.get_weights()]
