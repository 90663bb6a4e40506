"""Models that know what they do not know: each formula against NumPy, and a training that abstains."""

from __future__ import annotations

import numpy
import pytest

from candle_spec import candle
from candle_spec.errors import InvalidInputError

pytestmark = pytest.mark.framework

TRUE = numpy.eye(3, dtype="float32")[[0, 1, 1, 0]]
PREDICTED = numpy.array(
    [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], "float32"
)  # right, right, wrong, silent


def value(result: object) -> float:
    return float(numpy.asarray(result).mean())


def test_abstention() -> None:
    assert value(candle.abstention_acc_metric(2)(TRUE, PREDICTED)) == pytest.approx(2 / 3)
    assert value(candle.abstention_metric(2)(TRUE, PREDICTED)) == pytest.approx(1 / 4)
    assert value(candle.abstention_acc_metric(2)(TRUE[3:], PREDICTED[3:])) == 1.0
    assert value(candle.acc_class_i_metric(1)(TRUE, PREDICTED)) == pytest.approx(1 / 2)
    assert value(candle.acc_class_i_metric(0)(TRUE[1:3], PREDICTED[1:3])) == 0.0
    assert value(candle.abstention_acc_class_i_metric(2, 0)(TRUE, PREDICTED)) == pytest.approx(1)
    assert value(candle.abstention_class_i_metric(2, 0)(TRUE, PREDICTED)) == pytest.approx(1 / 2)
    assert candle.abstention_acc_metric(2).__name__ == "abstention_acc"


def test_the_loss_of_abstention() -> None:
    mask = numpy.array([0.0, 0.0, 1.0])
    silent = PREDICTED[:, 2]
    answered = PREDICTED[:, :2] / PREDICTED[:, :2].sum(axis=1, keepdims=True)
    entropy = -numpy.log(answered[numpy.arange(4), TRUE.argmax(axis=1)])
    expected = (1 - silent) * entropy - 0.5 * numpy.log(1 - silent)
    assert numpy.asarray(candle.abstention_loss(0.5, mask)(TRUE, PREDICTED)) == pytest.approx(expected, abs=1e-4)


def test_labels() -> None:
    train, test = candle.modify_labels(3, numpy.array([0, 1]), numpy.array([1, 0]))
    assert train.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert test.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert len(candle.modify_labels(3, [0, 1], [1], [0])) == 3
    with pytest.raises(InvalidInputError, match="no room"):
        candle.modify_labels(2, [0, 1], [0, 1])


def test_the_cost_follows_the_metrics() -> None:
    callback = candle.AbstentionAdapt_Callback("val_acc", "val_abs", 0.5, init_abs_epoch=0, min_abs_acc=0.9)
    assert callback.factor({"val_acc": 0.95, "val_abs": 0.1}) == 1
    assert callback.factor({"val_acc": 0.88, "val_abs": 0.1}) == pytest.approx(0.9)
    assert callback.factor({"val_acc": 0.1, "val_abs": 0.1}) == 0.8
    assert callback.factor({"val_acc": 0.95, "val_abs": 0.5}) == pytest.approx(1.1)
    with pytest.raises(InvalidInputError, match="val_abs is not measured"):
        callback.factor({"val_acc": 1})
    for epoch in (0, 1):
        callback.on_epoch_end(epoch, {"val_acc": 0.88, "val_abs": 0.1})
    assert callback.alphavalues == pytest.approx([0.5, 0.45])


def test_regression() -> None:
    y = numpy.array([[1.0], [2.0]], "float32")
    het = numpy.array([[1.5, 0.0], [2.0, 1.0]], "float32")
    assert value(candle.heteroscedastic_loss(1)(y, het)) == pytest.approx((0.25 + 0 + 0 + 1) / 2)
    assert value(candle.mae_heteroscedastic_metric(1)(y, het)) == pytest.approx(0.25)
    assert value(candle.mse_heteroscedastic_metric(1)(y, het)) == pytest.approx(0.125)
    assert value(candle.r2_heteroscedastic_metric(1)(y, het)) == pytest.approx(0.5, abs=1e-3)
    assert value(candle.meanS_heteroscedastic_metric(1)(y, het)) == pytest.approx(0.5)
    two = numpy.array([[1.0, 0.0, 2.0, 0.0]], "float32")
    assert value(candle.heteroscedastic_loss(2)(numpy.array([[1.0, 2.0]], "float32"), two)) == 0.0
    quantiles = numpy.array([[1.0, 0.0, 3.0], [2.0, 2.0, 2.0]], "float32")
    assert value(candle.quantile_metric(1, 1, 0.1)(y, quantiles)) == pytest.approx(0.05)
    assert value(candle.quantile_metric(1, 2, 0.9)(y, quantiles)) == pytest.approx(0.1)
    assert value(candle.triple_quantile_loss(1, 0.1, 0.9)(y, quantiles)) == pytest.approx(0.15)


@pytest.mark.parametrize(("mode", "units"), [("abstain", 3), ("het", 4), ("qtl", 6)])
def test_more_outputs(mode: str, units: int) -> None:
    import keras

    layers = [keras.Input((4,)), keras.layers.Dense(5), keras.layers.Dense(2), keras.layers.Activation("softmax")]
    model = keras.Sequential(layers)
    more = candle.add_model_output(model, mode, 1 if mode == "abstain" else None, "linear")
    assert more.output.shape == (None, units)
    assert more.layers[-1].activation.__name__ == "softmax"
    assert numpy.array_equal(more.layers[1].get_weights()[0], model.layers[0].get_weights()[0])
    assert candle.add_model_output(model) is model
    for wrong in ({"mode": "other"}, {"mode": "abstain"}):
        with pytest.raises(InvalidInputError, match="mode is abstain"):
            candle.add_model_output(model, **wrong)


@pytest.mark.slow
def test_a_training_that_abstains() -> None:
    """The calls of NT3's program with abstention."""
    import keras

    random = numpy.random.default_rng(0)
    x = random.normal(size=(64, 4)).astype("float32")
    y, _ = candle.modify_labels(3, (x[:, 0] > 0).astype(int), (x[:, 0] > 0).astype(int))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.Activation("softmax")])
    model = candle.add_model_output(model, mode="abstain", num_add=1)
    adapt = candle.AbstentionAdapt_Callback("val_abstention_acc", "val_abstention", 0.3, init_abs_epoch=0)
    mask = numpy.zeros(3)
    mask[2] = 1.0
    metrics = [candle.abstention_acc_metric(2), candle.abstention_metric(2), candle.acc_class_i_metric(1)]
    model.compile(loss=candle.abstention_loss(adapt.alpha, mask), optimizer="adam", metrics=metrics)
    history = model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y), callbacks=[adapt])
    assert len(adapt.alphavalues) == 3
    assert adapt.alphavalues[0] != adapt.alphavalues[2]
    assert history.history["loss"][2] < history.history["loss"][0]
    assert {"val_abstention", "acc_class_1"} <= history.history.keys()
