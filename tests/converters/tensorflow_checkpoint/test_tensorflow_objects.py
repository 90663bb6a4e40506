"""What the object graph of a checkpoint says: whose tensors they are, on whatever path they were found first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tf_keras

from candle_spec.conversion.contract import Native
from candle_spec.conversion.convert import convert
from candle_spec.conversion.source import resolve_source
from candle_spec.converters._shared.tensorflow.names import kinds_of
from candle_spec.converters.tensorflow_checkpoint import CONVERTER

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def saved(folder: Path, *root: Any, **objects: Any) -> Native:
    folder.mkdir()
    tf.train.Checkpoint(*root, **objects).write(str(folder / "drug"))
    return CONVERTER.read(resolve_source(folder))


def groups(native: Native) -> dict[str, str]:
    return {tensor.name.removesuffix(VALUE): tensor.group for tensor in native.tensors}


def net(name: str) -> Any:
    model = tf_keras.Sequential([tf_keras.layers.Dense(5, name=name)])
    model.build((None, 3))
    return model


def trained(model: Any, optimizer: Any) -> Any:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(tf.ones((2, 3))))
    optimizer.apply_gradients(
        zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
    )
    return optimizer


@pytest.mark.parametrize("make", [tf_keras.optimizers.Adam, tf_keras.optimizers.legacy.Adam], ids=["new", "legacy"])
def test_two_models_and_two_optimizers(make: Callable[[], Any], tmp_path: Path) -> None:
    one, two = net("g"), net("d")
    found = groups(
        saved(tmp_path / "a", generator=one, critic=two, first=trained(one, make()), second=trained(two, make()))
    )
    model = {name for name, group in found.items() if group == "model"}
    assert len(model) == 4
    assert all(name.startswith(("generator/", "critic/")) for name in model)
    assert {group for name, group in found.items() if name not in model} == {"optimizer", "other"}


def test_an_optimizer_alone(tmp_path: Path) -> None:
    model = net("g")
    found = groups(saved(tmp_path / "a", trained(model, tf_keras.optimizers.Adam())))
    assert {group for name, group in found.items() if not name.startswith("_CHECK")} == {"optimizer"}


def test_a_keras_3_optimizer_alone_holds_weights_of_its_model(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(5)])
    optimizer = keras.optimizers.SGD(momentum=0.9)
    optimizer.build(model.trainable_variables)
    found = groups(saved(tmp_path / "a", optimizer=optimizer))
    assert {name for name, group in found.items() if group == "model"} == {
        "optimizer/_trainable_variables/0",
        "optimizer/_trainable_variables/1",
    }
    assert found["optimizer/_learning_rate"] == "optimizer"


def test_a_trainer_with_a_rate_and_a_counter_is_no_optimizer(tmp_path: Path) -> None:
    trainer = tf.Module()
    trainer.iterations, trainer.learning_rate = tf.Variable(3), tf.Variable(0.5)
    trainer.net = net("g")
    found = groups(saved(tmp_path / "a", trainer=trainer))
    assert sum(group == "model" for group in found.values()) == 4
    assert "optimizer" not in found.values()
    found = groups(saved(tmp_path / "b", iterations=tf.Variable(3), lr=tf.Variable(0.5), net=net("d")))
    assert "optimizer" not in found.values()


def test_metrics_averages_and_generators(tmp_path: Path) -> None:
    model = net("g")
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(tf.ones((4, 3)), tf.ones((4, 5)), verbose=0)
    objects = {"model": model, "ema": tf.Variable(tf.ones(3)), "generator": tf.random.Generator.from_seed(1)}
    found = groups(saved(tmp_path / "a", metrics=[tf_keras.metrics.Mean()], **objects))
    assert found["ema"] == "ema"
    assert found["metrics/0/total"] == "metric"
    assert found["generator/_state_var"] == "rng"


def test_an_iterator_has_no_tensor(tmp_path: Path) -> None:
    native = saved(tmp_path / "a", data=iter(tf.data.Dataset.range(9)), net=net("g"))
    part = next(part for part in native.parts if part.what == "objects")
    assert (part.status, part.count) == ("residue", 1)
    assert not convert(tmp_path / "a", tmp_path / "x.candle").report.errors


def test_strings_and_tables_are_kept(tmp_path: Path) -> None:
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    table.insert(tf.constant(["TP53", "EGFR"]), tf.constant([1, 2], tf.int64))
    native = saved(tmp_path / "a", table=table)
    found = {tensor.name: (tensor.dtype, tensor.group) for tensor in native.tensors}
    assert found["table/.ATTRIBUTES/table-keys"][0] == "BYTES"
    assert found["table/.ATTRIBUTES/table-values"][0] == "I64"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("conv/w", "model"),
        ("conv/w/Adam", "optimizer"),
        ("train/conv/w/Adam_1", "optimizer"),
        ("conv/w/MyOwnSlot", "optimizer"),
        ("conv/w/sub", "model"),
        ("conv/moving_mean", "model"),
        ("conv/moving_mean/biased", "model"),
        ("conv/w/ExponentialMovingAverage", "ema"),
        ("train/beta1_power_1", "optimizer"),
        ("x/global_step", "other"),
        ("Adam", "model"),
    ],
)
def test_customs_of_names(name: str, kind: str) -> None:
    shapes = {"conv/w": (3, 4), "conv/moving_mean": (4,), "conv/moving_mean/biased": (4,), "conv/w/sub": (2,)}
    shapes |= {name: shapes.get(name, (3, 4))}
    assert kinds_of(shapes)[name] == kind
