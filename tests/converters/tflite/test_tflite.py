"""TensorFlow Lite models: the payload, the constants as the interpreter gives them, damaged files."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import candle_spec
from candle_spec.conversion.convert import convert
from candle_spec.converters.tflite import CONVERTER
from candle_spec.errors import CandleSpecError, UnsupportedFormatError
from candle_spec.testing.contract import ConverterContract


def model(path: Path, *, quantised: bool = False) -> Path:
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((6,)), keras.layers.Dense(40, activation="relu"), keras.layers.Dense(2)])
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    if quantised:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    path.write_bytes(converter.convert())
    return path


class TestTFLite(ConverterContract):
    converter = CONVERTER

    @pytest.fixture(params=[False, True], ids=["float", "quantised"], scope="class")
    def made(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
        return model(tmp_path_factory.mktemp("tflite") / "m", quantised=request.param).read_bytes()

    @pytest.fixture
    def native(self, made: bytes, tmp_path: Path) -> Path:
        path = tmp_path / "uno.tflite"
        path.write_bytes(made)
        return path


def test_constants_are_those_of_the_interpreter(tmp_path: Path) -> None:
    native = model(tmp_path / "uno.tflite")
    made = convert(native, tmp_path / "x.candle")
    interpreter = tf.lite.Interpreter(str(native))
    interpreter.allocate_tensors()
    found = candle_spec.load(made.path).state_dict("derived", framework="numpy")
    expected = {about["name"]: about["index"] for about in interpreter.get_tensor_details()}
    assert len(found) >= 2
    for name, value in found.items():
        own = interpreter.get_tensor(expected[name])
        assert value.dtype == own.dtype
        assert value.tobytes() == own.tobytes(), name


def test_the_payload_is_the_model(tmp_path: Path) -> None:
    native = model(tmp_path / "uno.tflite")
    made = convert(native, tmp_path / "x.candle")
    assert made.manifest["weights"]["kind"] == "payload"
    assert (made.path / "payload" / "uno.tflite").read_bytes() == native.read_bytes()
    assert made.manifest["inputs"][0]["axes"][1]["size"] == 6
    assert sum(file["size"] for file in made.manifest["files"] if file["role"] == "residue") < 100


def test_quantised_tensors_carry_their_scales(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64), keras.layers.Dense(2)])
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (tmp_path / "q.tflite").write_bytes(converter.convert())
    tensors = convert(tmp_path / "q.tflite", tmp_path / "x.candle").manifest["weights"]["tensors"]
    quantised = [tensor for tensor in tensors if tensor["dtype"] == "I8"]
    assert quantised
    assert all(tensor["attributes"]["scales"] for tensor in quantised)


@pytest.mark.parametrize("at", [0, 20, 40, 100])
def test_offsets_that_lead_out(at: int, tmp_path: Path) -> None:
    data = bytearray(model(tmp_path / "uno.tflite").read_bytes())
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "m").write_bytes(data)
    try:
        made = convert(tmp_path / "m", tmp_path / "x.candle")
    except CandleSpecError:
        assert not (tmp_path / "x.candle").exists()
    else:
        assert (made.path / "payload" / "m").read_bytes() == bytes(data)


def test_another_version(tmp_path: Path) -> None:
    data = np.frombuffer(model(tmp_path / "uno.tflite").read_bytes(), np.uint8).copy()
    root = int(data[:4].view("<u4")[0])
    listing = root - int(data[root : root + 4].view("<i4")[0])
    at = root + int(data[listing + 4 : listing + 6].view("<u2")[0])
    data[at] = 9
    (tmp_path / "m").write_bytes(data.tobytes())
    with pytest.raises(UnsupportedFormatError, match="version 9"):
        convert(tmp_path / "m", tmp_path / "x.candle")


@pytest.mark.parametrize("quantised", [False, True])
def test_the_payload_predicts_the_same(quantised: bool, tmp_path: Path) -> None:
    native = model(tmp_path / "uno.tflite", quantised=quantised)
    made = convert(native, tmp_path / "x.candle")
    values = np.random.default_rng(0).normal(size=(1, 6)).astype("f4")

    def outputs(content: bytes) -> bytes:
        interpreter = tf.lite.Interpreter(model_content=content)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        return bytes(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tobytes())

    payload = made.path / made.manifest["weights"]["payload"][0]["path"]
    assert outputs(native.read_bytes()) == outputs(payload.read_bytes())
