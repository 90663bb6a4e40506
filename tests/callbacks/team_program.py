"""A training on several processes of gloo: ``torchrun -m tests.callbacks.team_program ddp|fsdp FOLDER EPOCHS KILL``."""

import hashlib
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as distributed

from candle_spec.callbacks.pytorch import Checkpoints


def train(kind, folder, epochs, kill_at):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 10), torch.nn.ReLU(), torch.nn.Linear(10, 1))
    model[0].bias.requires_grad = False
    if kind == "fsdp":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        fully_shard(model, mesh=init_device_mesh("cpu", (distributed.get_world_size(),)))
    else:
        model = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    x = torch.randn(48, 6)
    data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
    sampler = torch.utils.data.DistributedSampler(data, shuffle=True, seed=3)
    loader = torch.utils.data.DataLoader(data, 4, sampler=sampler)
    trained = 0
    with Checkpoints(folder, model, optimizer, scheduler=schedule, data=loader) as checkpoints:
        for epoch in checkpoints.epochs(epochs):
            sampler.set_epoch(epoch)
            for number, (rows, wanted) in enumerate(loader):
                if kill_at == epoch and number == 1 and distributed.get_rank() == distributed.get_world_size() - 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                optimizer.zero_grad()
                loss = (model(rows + 0.1 * torch.randn_like(rows)) - wanted).square().mean()
                loss.backward()
                optimizer.step()
            schedule.step()
            checkpoints.log(val_loss=loss.item())
            trained += 1
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    weights = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    return hashlib.sha256(b"".join(weights[name].numpy().tobytes() for name in sorted(weights))).hexdigest(), trained


def main():
    kind, folder, epochs, kill_at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    distributed.init_process_group("gloo")
    finished, trained = train(kind, folder, epochs, kill_at)
    # The same training from its beginning in another folder, without an interruption.
    whole, _ = train(kind, folder.with_name(f"whole-{distributed.get_world_size()}"), epochs, -1)
    if distributed.get_rank() == 0:
        print(f"result {finished} {trained} {whole}", flush=True)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
