"""The state of a Keras training: names and digests as the converter's; optimizer, seeds and counters come back."""

import importlib
import os

import numpy as np
import pytest

import candle_spec
from candle_spec.callbacks import Settings
from candle_spec.callbacks._states.keras_state import KerasState
from candle_spec.callbacks.keras import checkpoint_callback, order_of
from candle_spec.checkpoint.contents import StatePart
from candle_spec.errors import InvalidInputError
from candle_spec.series.saves.training_state import TrainingState
from candle_spec.series.series import Series

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytestmark = pytest.mark.framework

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X.sum(1, keepdims=True)
QUIET = Settings(say=lambda line: None)


@pytest.fixture(params=["keras", "tf_keras"])
def library(request):
    pytest.importorskip("tensorflow")
    return importlib.import_module(request.param)


def build(library, width=5, seed=1):
    library.utils.set_random_seed(seed)
    layers = library.layers
    model = library.Sequential(
        [layers.Input((4,)), layers.Dense(width), layers.BatchNormalization(), layers.Dropout(0.2), layers.Dense(1)]
    )
    model.layers[0].trainable = False
    model.compile(library.optimizers.Adam(0.01), "mse")
    return model


def fit(model, epochs=1):
    model.fit(X, Y, 8, epochs, shuffle=False, verbose=0)


def saved(folder, state, **extra):
    with Series.create_or_open(folder) as series:
        snapshot = state.capture(extra)
        return candle_spec.load(series.save(TrainingState(1, snapshot.contents, stable=snapshot.stable)).path)


def values(model):
    return [np.asarray(weight) for weight in model.get_weights()]


def test_the_digests_are_those_of_the_keras_file(library, tmp_path):
    model = build(library)
    fit(model)
    ours = saved(tmp_path / "ckpts", KerasState(model)).manifest
    model.save(tmp_path / "net.keras")
    theirs = candle_spec.convert(tmp_path / "net.keras", tmp_path / "converted").manifest
    assert ours["weights"]["content_digest"] == theirs["weights"]["content_digest"]
    optimizer = [
        [(t["name"], t["digest"]) for t in manifest["weights"]["tensors"] if t["group"] == "optimizer"]
        for manifest in (ours, theirs)
    ]
    assert optimizer[0] == optimizer[1] != []
    assert ours["model"]["topology"] == [{"kind": "keras-config", "path": "topology/config.json"}]


def test_a_model_that_cannot_be_described_says_so(library, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise NotImplementedError("no configuration")

    model = build(library)
    monkeypatch.setattr(model, "to_json", refuse)
    about = saved(tmp_path / "ckpts", KerasState(model)).manifest["model"]
    assert "topology" not in about
    assert "NotImplementedError" in about["framework"]["evidence"][0]


def test_a_restored_model_goes_on_as_the_saved_one(library, tmp_path):
    model = build(library)
    fit(model)
    checkpoint = saved(tmp_path / "ckpts", KerasState(model), note=[1, 2.5])
    other = build(library, seed=7)
    restored = KerasState(other).restore(checkpoint)
    assert restored.extra == {"note": [1, 2.5]}
    assert all(np.array_equal(a, b) for a, b in zip(values(model), values(other), strict=True))
    assert int(np.asarray(other.optimizer.iterations)) == 2
    if library.__name__ == "keras":  # dropout's seeds are part of the state
        fit(model)
        fit(other)
        assert all(np.array_equal(a, b) for a, b in zip(values(model), values(other), strict=True))


def test_frozen_layers_are_stable():
    keras = pytest.importorskip("keras")
    stable = KerasState(build(keras)).capture({}).stable
    assert stable == {("model", "layers/dense/vars/0"), ("model", "layers/dense/vars/1")}


def test_another_model_is_refused_and_left_as_it_was(library, tmp_path):
    checkpoint = saved(tmp_path / "ckpts", KerasState(build(library)))
    other = build(library, width=6)
    before = values(other)
    with pytest.raises(InvalidInputError, match=r"another model: .*saved \(5,\), here \(6,\)"):
        KerasState(other).restore(checkpoint)
    assert all(np.array_equal(a, b) for a, b in zip(before, values(other), strict=True))


def test_weights_alone_leave_the_optimizer(library, tmp_path):
    model = build(library)
    fit(model)
    checkpoint = saved(tmp_path / "ckpts", KerasState(model))
    other = build(library, seed=3)
    fit(other, epochs=2)
    restored = KerasState(other).restore(checkpoint, weights_only=True)
    assert all(np.array_equal(a, b) for a, b in zip(values(model), values(other), strict=True))
    assert int(np.asarray(other.optimizer.iterations)) == 4
    assert "not restored: optimizer" in restored.text()


def test_counters_of_other_callbacks_come_back_behind_their_own_beginning(library, tmp_path):
    folder = tmp_path / "ckpts"
    for planned, waited in ((2, 2), (3, 3)):
        model = build(library)
        stop = library.callbacks.EarlyStopping("loss", min_delta=1e9, patience=50)
        checkpoints = checkpoint_callback(folder, model, callbacks=[stop], settings=QUIET)
        start = checkpoints.initial_epoch
        model.fit(X, Y, 8, planned, initial_epoch=start, shuffle=False, verbose=0, callbacks=[stop, checkpoints])
        # The first epoch sets the best value; every further one waits.
        assert stop.wait == waited - 1


def test_a_forgotten_initial_epoch_is_refused(library, tmp_path):
    folder = tmp_path / "ckpts"
    model = build(library)
    model.fit(X, Y, verbose=0, callbacks=[checkpoint_callback(folder, model, settings=QUIET)])
    again = build(library)
    callback = checkpoint_callback(folder, again, settings=QUIET)
    with pytest.raises(InvalidInputError, match="initial_epoch"):
        again.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    callback.recorder.close(failed=True)


@pytest.mark.parametrize(
    ("data", "fit", "status"),
    [
        (np.zeros((4, 2)), {"shuffle": False}, "not-used"),
        ({"a": np.zeros(4), "b": [np.zeros(4)]}, {"shuffle": False}, "not-used"),
        (np.zeros((4, 2)), {}, "absent"),
        (np.zeros((4, 2)), {"shuffle": "batch"}, "absent"),
        (np.zeros((4, 2)), {"shuffle": False, "steps_per_epoch": 3}, "absent"),
        (iter([]), {"shuffle": False}, "absent"),
        (None, {}, "absent"),
    ],
)
def test_the_order_of_the_data_is_graded_by_the_arguments_of_fit(data, fit, status):
    assert order_of(data, fit).status == status


def test_inside_an_epoch_the_order_alone_is_not_enough():
    keras = pytest.importorskip("keras")
    state = KerasState(build(keras), order=StatePart("not-used"))
    assert state.capture({}).contents.state_parts["sampler"].status == "not-used"
    assert state.capture({}, inside_epoch=True).contents.state_parts["sampler"].status == "absent"
