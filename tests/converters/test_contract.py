"""Both converters keep the contract."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from candle_spec.converters import keras, pytorch
from candle_spec.testing import ConverterContract


class TestPyTorch(ConverterContract):
    converter = pytorch.CONVERTER

    @pytest.fixture(params=["zip", "legacy", "module", "script"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / "drug_response.pt"
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.LSTM(3, 2))
        state = module.state_dict()
        extra = {
            "model_state_dict": state,
            "epoch": 3,
            "tied": state["0.weight"],
            "t": state["0.weight"].t(),
            "z": {1: (2.5, None)},
        }
        if request.param == "zip":
            torch.save(extra, path)
        elif request.param == "legacy":
            torch.save(extra, path, _use_new_zipfile_serialization=False)
        elif request.param == "module":
            torch.save(module, path)
        else:
            torch.jit.script(torch.nn.Sequential(*module[:2])).save(str(path))
        return path


class TestKeras(ConverterContract):
    converter = keras.CONVERTER

    @pytest.fixture(params=["plain", "chunked", "big-endian"])
    def native(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / "nt3.h5"
        kernel = (
            np.random.default_rng(0).standard_normal((40, 30)).astype(">f4" if request.param == "big-endian" else "<f4")
        )
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = [b"dense"]
            file.attrs["keras_version"] = b"2.2.4"
            layer = file.create_group("dense")
            layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
            chunks = (8, 8) if request.param == "chunked" else None
            layer.create_dataset("dense/kernel:0", data=kernel, chunks=chunks, compression="gzip" if chunks else None)
            layer.create_dataset("dense/bias:0", data=np.zeros(30, "<f4"))
        return path
