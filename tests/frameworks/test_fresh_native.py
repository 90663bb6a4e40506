"""``series restore`` of a training's own checkpoints: its framework loads the file, and finds the same values in it."""

import numpy as np
import pytest

from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.native_series.fresh import write_native
from candle_spec.errors import InvalidInputError, OutputExistsError, UnsupportedFormatError
from candle_spec.series.series import Series

pytestmark = pytest.mark.framework


def last(folder):
    return Checkpoint(Series.read(folder).last().path)


def test_pytorch_loads_the_whole_state_without_running_a_pickle(tmp_path):
    torch = pytest.importorskip("torch")
    from candle_spec.callbacks.pytorch import Checkpoints

    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(model.parameters())
    loader = torch.utils.data.DataLoader(torch.randn(8, 4), 4, shuffle=True)
    with Checkpoints(tmp_path / "ckpts", model, optimizer, data=loader) as checkpoints:
        for _ in checkpoints.epochs(1):
            for x in loader:
                model(x).sum().backward()
                optimizer.step()
            checkpoints.log(val_loss=0.5)
    made = write_native(last(tmp_path / "ckpts"), tmp_path / "model.pt")
    loaded = torch.load(made.path, weights_only=True)
    assert not made.byte_exact
    fresh = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    fresh.load_state_dict(loaded["model_state_dict"])
    for name, value in model.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name
    again = torch.optim.Adam(fresh.parameters())
    again.load_state_dict(loaded["optimizer_state_dict"])
    assert int(again.state_dict()["state"][0]["step"]) == 2
    assert loaded["metric_history"] == [{"epoch": 1, "val_loss": 0.5}]
    with pytest.raises(OutputExistsError):
        write_native(last(tmp_path / "ckpts"), tmp_path / "model.pt")
    write_native(last(tmp_path / "ckpts"), tmp_path / "model.pt", overwrite=True)


def test_pytorch_weights_alone_are_a_state_dict(tmp_path):
    torch = pytest.importorskip("torch")
    from candle_spec.callbacks.pytorch import Checkpoints

    model = torch.nn.Linear(4, 3)
    params = {"ckpt_save_interval": 1, "ckpt_save_weights_only": True}
    with Checkpoints(tmp_path / "ckpts", model, params=params) as checkpoints:
        for _ in checkpoints.epochs(1):
            checkpoints.log(val_loss=0.5)
    made = write_native(last(tmp_path / "ckpts"), tmp_path / "model.pt")
    torch.nn.Linear(4, 3).load_state_dict(torch.load(made.path, weights_only=True))


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_keras_loads_weights_and_model(package, tmp_path):
    library = pytest.importorskip(package)
    from candle_spec.callbacks.keras import checkpoint_callback

    def net():
        layers = library.layers
        inner = library.Sequential([layers.Dense(3, "relu"), layers.Dropout(0.2)])
        body = [layers.Input((4,)), inner, layers.BatchNormalization(), layers.Flatten(), layers.Dense(1)]
        model = library.Sequential(body)
        model.compile(library.optimizers.Adam(0.01), "mse")
        return model

    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    model = net()
    model.fit(x, x[:, :1], epochs=1, verbose=0, callbacks=[checkpoint_callback(tmp_path / "ckpts", model)])
    saved = last(tmp_path / "ckpts")
    made = write_native(saved, tmp_path / "model.weights.h5")
    fresh = net()
    fresh.load_weights(made.path)
    for before, after in zip(model.get_weights(), fresh.get_weights(), strict=True):
        assert np.array_equal(before, after)
    with pytest.raises(InvalidInputError, match="by its name"):
        write_native(saved, tmp_path / "model.pt")
    if package == "keras":
        whole = library.models.load_model(write_native(saved, tmp_path / "model.keras").path)
        assert np.array_equal(whole.predict(x, verbose=0), model.predict(x, verbose=0))
        assert int(whole.optimizer.iterations.numpy()) == 1


def test_a_booster_is_its_own_file(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    from candle_spec.callbacks.xgboost import checkpoint_callback

    x = np.random.default_rng(0).normal(size=(40, 3))
    data = xgboost.DMatrix(x, x[:, 0])
    with checkpoint_callback(tmp_path / "ckpts") as checkpoints:
        trained = xgboost.train({"nthread": 1}, data, 2, evals=[(data, "val")], callbacks=[checkpoints])
    made = write_native(last(tmp_path / "ckpts"), tmp_path / "model.ubj")
    assert np.array_equal(xgboost.Booster(model_file=str(made.path)).predict(data), trained.predict(data))


def test_jax_has_no_file_of_its_own_and_is_told_what_to_do(tmp_path):
    pytest.importorskip("jax")
    import jax.numpy as jnp
    from safetensors.flax import load_file

    from candle_spec.callbacks.jax import Checkpoints

    with Checkpoints(tmp_path / "ckpts", {"params": {"w": jnp.ones(3)}}) as checkpoints:
        for _ in checkpoints.epochs(1):
            checkpoints.log(val_loss=0.5)
    with pytest.raises(UnsupportedFormatError) as caught:
        write_native(last(tmp_path / "ckpts"), tmp_path / "model.msgpack")
    named = caught.value.hint.rpartition(": ")[2]
    assert [value.shape for value in load_file(named).values()] == [(3,)]
