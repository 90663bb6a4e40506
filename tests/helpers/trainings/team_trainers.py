"""Trainers on two processes: ``torchrun -m tests.helpers.trainings.team_trainers lightning|transformers FOLDER KILL``.

KILL is the step at which the last process kills itself, 0 for never.
"""

import os
import sys
from pathlib import Path

import torch.distributed as distributed

from candle_spec.callbacks import Settings
from tests.helpers.trainings import hugging_face
from tests.helpers.trainings.killer import BATCHES, EPOCHS, Killer, digest
from tests.helpers.trainings.programs import torch_net

STEPS = BATCHES // 2
"""Steps of each of two processes in an epoch."""


def lightning(folder, killer):
    import lightning.pytorch as pl

    from candle_spec.callbacks.lightning import checkpoint_callback

    torch, net, data = torch_net()
    place = int(os.environ["RANK"])

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net

        def training_step(self, batch, number):
            loss = (self.net(batch[0]) - batch[1]).square().mean()
            self.log("val_loss", loss, on_step=False, on_epoch=True, sync_dist=True)
            return loss

        def on_train_batch_end(self, *_):
            killer.step()

        def configure_optimizers(self):
            optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)]

    pl.seed_everything(3 + place)  # each process draws its own numbers for dropout
    checkpoints = checkpoint_callback(folder, settings=Settings(asynchronous=False))
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        max_epochs=EPOCHS,
        callbacks=[checkpoints],
        plugins=[checkpoints.io],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = torch.utils.data.DataLoader(data, 8, shuffle=True)
    path = checkpoints.ckpt_path
    first = checkpoints.recorder.epoch
    trainer.fit(Module(), loader, ckpt_path=path)
    return digest(p.detach().numpy() for p in net.parameters()), trainer.current_epoch - first


def transformers(folder, killer):
    torch, _, _ = torch_net()
    params = {"ckpt_save_interval": 1, "ckpt_save_best_metric": "loss"}
    settings = Settings(asynchronous=False)
    checkpoints, trainer = hugging_face.training(torch, folder, killer, params, settings, ddp_backend="gloo")
    torch.manual_seed(7 + trainer.args.process_index)
    checkpoints.train(trainer)
    restarted = checkpoints.recorder.restarted
    weights = digest(p.detach().numpy() for p in trainer.model.parameters())
    return weights, EPOCHS - (restarted.epoch if restarted else 0)


def main():
    train, folder, kill = globals()[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3])
    last = os.environ["RANK"] == str(int(os.environ["WORLD_SIZE"]) - 1)
    finished, trained = train(folder, Killer(kill if last else 0))
    whole, all_of_it = train(folder.with_name("whole"), Killer(0))
    if distributed.get_rank() == 0:
        print(f"result {finished} {trained} {whole} {all_of_it}", flush=True)
    distributed.destroy_process_group()  # its threads would end the interpreter while they still run


if __name__ == "__main__":
    main()
