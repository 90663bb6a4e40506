"""Small trainings, one a framework, that may be killed at a step: ``python -m tests.helpers.trainings.programs``.

Arguments: framework, folder, epochs, step at which the process kills itself (0: never). Each prints a digest of its
final weights and the epochs that it trained.
"""

import os
import sys
from pathlib import Path

from tests.helpers.trainings import hugging_face
from tests.helpers.trainings.killer import BATCHES, EPOCHS, Killer, digest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

_EVALUATED = {"ckpt_save_steps": 3, "ckpt_save_interval": 0, "ckpt_save_best_metric": "eval_loss"}


def torch_net():
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    x = torch.randn(8 * BATCHES, 6)
    layers = [torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)]
    data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
    return torch, torch.nn.Sequential(*layers), data


def pytorch(folder: Path, killer: Killer):
    from candle_spec.callbacks.pytorch import Checkpoints

    torch, model, data = torch_net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=EPOCHS * BATCHES)
    loader = torch.utils.data.DataLoader(data, 8, shuffle=True)
    trained = 0
    with Checkpoints(folder, model, optimizer, scheduler=schedule, data=loader) as checkpoints:
        for _ in checkpoints.epochs(EPOCHS):
            for x, y in loader:
                optimizer.zero_grad()
                loss = (model(x) - y).square().mean()
                loss.backward()
                optimizer.step()
                schedule.step()
                killer.step()
                checkpoints.step()
            checkpoints.log(loss=loss.item(), val_loss=loss.item())
            trained += 1
    return digest(p.detach().numpy() for p in model.parameters()), trained


def keras(folder: Path, killer: Killer, package: str = "keras"):
    import importlib

    import numpy as np
    import tensorflow

    from candle_spec.callbacks.keras import checkpoint_callback

    if not tensorflow.config.threading.get_intra_op_parallelism_threads():
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    library = importlib.import_module(package)
    library.backend.clear_session()
    library.utils.set_random_seed(1)
    layers = library.layers
    # tf_keras draws dropout from operations of TensorFlow, whose state nobody can save.
    middle = [layers.Dropout(0.3)] if package == "keras" else []
    model = library.Sequential(
        [layers.Input((6,)), layers.Dense(8, "relu"), layers.BatchNormalization(), *middle, layers.Dense(1)]
    )
    model.compile(library.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(8 * BATCHES, 6)).astype("float32")
    plateau = library.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=10)
    checkpoints = checkpoint_callback(folder, model, callbacks=[plateau])
    arguments = {"batch_size": 8, "epochs": EPOCHS, "shuffle": False, "verbose": 0}
    kill = library.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: killer.step())
    if package == "keras":
        history = checkpoints.fit(x, x.sum(1, keepdims=True), callbacks=[plateau, kill], **arguments)
    else:
        arguments["initial_epoch"] = checkpoints.initial_epoch
        history = model.fit(x, x.sum(1, keepdims=True), callbacks=[plateau, checkpoints, kill], **arguments)
    return digest(np.asarray(w) for w in [*model.get_weights(), model.optimizer.learning_rate]), len(history.epoch)


def tf_keras(folder: Path, killer: Killer):
    return keras(folder, killer, "tf_keras")


def jax(folder: Path, killer: Killer):
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    from candle_spec.callbacks.jax import Checkpoints

    np.random.seed(0)
    tx = optax.adam(0.01)
    key = jax.random.key(0)
    params = {"w": jax.random.normal(key, (6, 1)), "b": jnp.zeros(1)}
    x = jax.random.normal(jax.random.key(1), (8 * BATCHES, 6))

    def loss(params, batch, key):
        noisy = batch + 0.1 * jax.random.normal(key, batch.shape)
        return jnp.mean((noisy @ params["w"] + params["b"] - batch.sum(1, keepdims=True)) ** 2)

    @jax.jit
    def step(state, batch):
        key, own = jax.random.split(state["rng"])
        value, grads = jax.value_and_grad(loss)(state["params"], batch, own)
        updates, opt_state = tx.update(grads, state["opt_state"])
        return {"params": optax.apply_updates(state["params"], updates), "opt_state": opt_state, "rng": key}, value

    trained = 0
    with Checkpoints(folder, {"params": params, "opt_state": tx.init(params), "rng": key}) as checkpoints:
        for _ in checkpoints.epochs(EPOCHS):
            state = checkpoints.state
            order = np.random.permutation(BATCHES)
            for number in order:
                state, value = step(state, x[number * 8 : number * 8 + 8])
                killer.step()
            checkpoints.update(state, loss=float(value), val_loss=float(value))
            trained += 1
    return digest(np.asarray(leaf) for leaf in jax.tree_util.tree_leaves(checkpoints.state["params"])), trained


def lightning(folder: Path, killer: Killer):
    import logging

    import lightning.pytorch as pl

    from candle_spec.callbacks.lightning import checkpoint_callback

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch, net, data = torch_net()

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net

        def training_step(self, batch, number):
            loss = (self.net(batch[0]) - batch[1]).square().mean()
            self.log("loss", loss, on_step=False, on_epoch=True)
            return loss

        def validation_step(self, batch, number):
            self.log("val_loss", (self.net(batch[0]) - batch[1]).square().mean())

        def on_train_batch_end(self, *_):
            killer.step()

        def configure_optimizers(self):
            optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)]

    checkpoints = checkpoint_callback(folder)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=EPOCHS,
        callbacks=[checkpoints, pl.callbacks.EarlyStopping("val_loss", patience=50)],
        plugins=[checkpoints.io],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = torch.utils.data.DataLoader(data, 8, shuffle=True)
    path = checkpoints.ckpt_path
    first = checkpoints.recorder.epoch
    trainer.fit(Module(), loader, torch.utils.data.DataLoader(data, 8), ckpt_path=path)
    return digest(p.detach().numpy() for p in net.parameters()), trainer.current_epoch - first


def transformers_steps(folder: Path, killer: Killer):
    """The Trainer, saved every 3 steps: inside epochs of 4."""
    return transformers(folder, killer, _EVALUATED, "steps")


def jax_steps(folder: Path, killer: Killer):
    """A loop that knows steps alone."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from candle_spec.callbacks import Settings
    from candle_spec.callbacks.jax import Checkpoints

    state = {"params": {"w": jnp.zeros((6,))}, "rng": jax.random.key(0)}
    params = {"ckpt_save_steps": 3, "ckpt_save_interval": 0, "ckpt_save_best_metric": "loss"}
    trained = 0
    with Checkpoints(folder, state, params=params, settings=Settings(asynchronous=False)) as checkpoints:
        checkpoints.restart()
        state = checkpoints.state
        for _ in range(checkpoints.recorder.step or 0, EPOCHS * BATCHES):
            key, own = jax.random.split(state["rng"])
            w = state["params"]["w"]
            w = w - 0.1 * (w - jax.random.normal(own, (6,)))
            state = {"params": {"w": w}, "rng": key}
            killer.step()
            checkpoints.update(state)
            checkpoints.step(loss=float(jnp.sum(w * w)))
            trained += 1
    return digest([np.asarray(state["params"]["w"])]), trained


def transformers(folder: Path, killer: Killer, params=None, evaluated="epoch"):
    from candle_spec.callbacks import Settings

    torch, _, _ = torch_net()
    more = {"eval_strategy": evaluated, "eval_steps": 3, "lr_scheduler_type": "cosine"}
    settings = Settings(asynchronous=params is None)
    checkpoints, trainer = hugging_face.training(torch, folder, killer, params, settings, evaluated=True, **more)
    before = checkpoints.recorder.peek()
    trained = EPOCHS - (int(before.name.partition("-")[0]) if before else 0)
    checkpoints.train(trainer)
    return digest(p.detach().numpy() for p in trainer.model.parameters()), trained


def rows_of_numbers():
    import numpy as np

    x = np.random.default_rng(0).normal(size=(200, 5))
    return x, x[:, 0] * 2 + x[:, 1] ** 2


def lightgbm(folder: Path, killer: Killer):
    import lightgbm

    from candle_spec.callbacks.lightgbm import checkpoint_callback

    x, y = rows_of_numbers()
    settings = {"objective": "regression", "num_threads": 1, "verbose": -1, "deterministic": True}
    settings |= {"force_row_wise": True}
    rounds = EPOCHS * BATCHES
    with checkpoint_callback(folder) as checkpoints:
        data, left = lightgbm.Dataset(x, y), checkpoints.remaining(rounds)
        booster = lightgbm.train(
            settings,
            data,
            left,
            init_model=checkpoints.booster,
            valid_sets=[lightgbm.Dataset(x, y, reference=data)],
            valid_names=["val"],
            callbacks=[checkpoints, lambda env: killer.step()],
        )
    return digest([booster.model_to_string().partition("parameters:")[0].encode()]), left


def xgboost(folder: Path, killer: Killer):
    import xgboost

    from candle_spec.callbacks.xgboost import checkpoint_callback

    class Kill(xgboost.callback.TrainingCallback):
        def after_iteration(self, *_):
            killer.step()
            return False

    x, y = rows_of_numbers()
    rounds = EPOCHS * BATCHES
    with checkpoint_callback(folder) as checkpoints:
        data, left = xgboost.DMatrix(x, y), checkpoints.remaining(rounds)
        booster = xgboost.train(
            {"nthread": 1},
            data,
            left,
            xgb_model=checkpoints.booster,
            evals=[(data, "val")],
            verbose_eval=False,
            callbacks=[checkpoints, Kill()],
        )
    return digest([bytes(booster.save_raw("ubj"))]), left


def main() -> None:
    framework, folder, kill_at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    train = globals()[framework]
    finished, trained = train(folder, Killer(kill_at))
    # The same training from its beginning in another folder, without an interruption.
    whole, all_of_it = train(folder.with_name("whole"), Killer(0))
    print(f"result {finished} {trained} {whole} {all_of_it}")


if __name__ == "__main__":
    main()
