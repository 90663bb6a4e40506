"""Folders of checkpoints as the frameworks write them during a small training; half of each network is frozen."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

WIDE = 512


def torch_net() -> Any:
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, WIDE), torch.nn.ReLU(), torch.nn.Linear(WIDE, 1))
    net[0].requires_grad_(False)
    return net


def torch_epochs(count: int) -> Any:
    """Yield epoch (from 1), network and optimizer of a training in PyTorch."""
    import torch

    net = torch_net()
    optimizer = torch.optim.Adam(net[2].parameters(), 0.01)
    x = torch.randn(32, 8)
    for epoch in range(1, count + 1):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
        yield epoch, net, optimizer


def numbered_torch(folder: Path, template: str = "model_{:03d}.pt", stride: int = 1) -> Path:
    import torch

    folder.mkdir()
    for epoch, net, optimizer in torch_epochs(4):
        path = folder / template.format(epoch * stride)
        torch.save({"model_state_dict": net.state_dict(), "optimizer_state_dict": optimizer.state_dict()}, path)
    return folder


def candle(folder: Path, layout: str = "", *, deleted: int = 0) -> Path:
    """CANDLE's folders as its PyTorch class writes them: absolute links, notes that outlive their models."""
    import torch

    root = folder / layout
    values = {1: 0.9, 2: 0.4, 3: 0.6, 4: 0.5}
    for epoch, net, optimizer in torch_epochs(4):
        place = root / "epochs" / f"{epoch:03d}"
        place.mkdir(parents=True)
        state = {"model_state_dict": net.state_dict(), "optimizer_state_dict": optimizer.state_dict(), "epoch": epoch}
        torch.save(state, place / "model.h5")
        note = {
            "epoch": epoch,
            "save_best_metric": "val_loss",
            "best_metric_last": min(value for key, value in values.items() if key <= epoch),
            "model_file": "model.h5",
            "checksum": str(zlib.crc32((place / "model.h5").read_bytes())),
            "timestamp": f"2026-01-02 03:04:0{epoch}",
            "time_elapsed": 1.0,
            "metadata": None,
        }
        (place / "ckpt-info.json").write_text(json.dumps(note) + "\n")
        if epoch <= deleted:
            (place / "model.h5").unlink()
    (root / "best").symlink_to((root / "epochs/002").absolute())
    (root / "last").symlink_to((root / "epochs/004").absolute())
    return folder


def keras(folder: Path) -> Path:
    """What ``ModelCheckpoint`` and ``CSVLogger`` write."""
    import keras
    import numpy as np

    folder.mkdir()
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(WIDE, trainable=False), keras.layers.Dense(1, name="head")]
    )
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("f4")
    callbacks = [
        keras.callbacks.ModelCheckpoint(
            str(folder / "weights.{epoch:02d}-{val_loss:.2f}.weights.h5"), save_weights_only=True
        ),
        keras.callbacks.CSVLogger(str(folder / "training.csv")),
    ]
    target = x[:, :1]
    model.fit(x, target, epochs=3, validation_data=(x, target), callbacks=callbacks, verbose=0)
    return folder


def lightning(folder: Path) -> Path:
    import lightning
    import torch
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger

    class Net(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch_net()

        def training_step(self, batch: Any, _: int) -> Any:
            return self.net(batch[0]).square().mean()

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val_loss", self.net(batch[0]).square().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.net[2].parameters(), 0.01)

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(16, 8)), 8)
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=CSVLogger(str(folder), name="lightning_logs"),
        callbacks=[ModelCheckpoint(save_top_k=-1, monitor="val_loss", save_last=True)],
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    trainer.fit(Net(), data, data)
    return folder


def trainer(folder: Path) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForSequenceClassification(BertConfig(vocab_size=256, max_position_embeddings=16, **sizes))
    model.bert.requires_grad_(False)
    data = [{"input_ids": torch.randint(0, 256, (8,)), "labels": torch.tensor(i % 2)} for i in range(16)]
    arguments = TrainingArguments(
        str(folder),
        num_train_epochs=2,
        per_device_train_batch_size=8,
        save_strategy="steps",
        save_steps=1,
        eval_strategy="steps",
        eval_steps=1,
        logging_steps=1,
        load_best_model_at_end=True,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    Trainer(model, arguments, train_dataset=data, eval_dataset=data).train()
    return folder


def tensorflow_2(folder: Path) -> Path:
    import tensorflow as tf

    frozen, head = tf.Variable(tf.ones((64, 64))), tf.Variable(tf.zeros((64,)))
    checkpoint = tf.train.Checkpoint(frozen=frozen, head=head)
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=None, checkpoint_name="model")
    for step in (100, 200, 1000):
        head.assign_add(tf.ones((64,)))
        manager.save(checkpoint_number=step)
    return folder


def tensorflow_1(folder: Path) -> Path:
    import tensorflow as tf

    folder.mkdir()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("frozen", initializer=tf.ones((64, 64)))
        head = tf.compat.v1.get_variable("head", initializer=tf.zeros((64,)))
        more = head.assign_add(tf.ones((64,)))
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(max_to_keep=None)
        for step in (100, 200, 1000):
            session.run(more)
            saver.save(session, str(folder / "model"), global_step=step)
    return folder
