"""A training on several processes: ``torchrun -m tests.helpers.trainings.team_program ddp|fsdp FOLDER EPOCHS KILL``.

KILL is ``EPOCH:step`` or ``EPOCH:save``: the last process kills itself in a step of that epoch, or in the middle of
what it writes behind it. Without torchrun, one process trains the plain module.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as distributed

from candle_spec.atomic import Fs
from candle_spec.callbacks.pytorch import Checkpoints

WRITTEN = {}
"""Bytes that this process wrote to weights files, by name."""


def watch(dies):
    """Count what is written; die in the middle of it where ``dies`` says so."""
    write = Fs.write

    def watched(self, file, data):
        name = Path(os.readlink(f"/proc/self/fd/{file.fileno()}")).name
        if name.endswith(".safetensors"):
            if dies():
                os.write(file.fileno(), memoryview(data).cast("B")[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            WRITTEN[name] = WRITTEN.get(name, 0) + memoryview(data).nbytes
        write(self, file, data)

    Fs.write = watched


def train(kind, folder, epochs, kill):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    model = net()
    alone = not distributed.is_initialized()
    if kind == "fsdp":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        fully_shard(model, mesh=init_device_mesh("cpu", (distributed.get_world_size(),)))
    elif not alone:
        model = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    x = torch.randn(48, 6)
    data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
    place = (1, 0) if alone else (distributed.get_world_size(), distributed.get_rank())
    sampler = torch.utils.data.DistributedSampler(data, *place, shuffle=True, seed=3)
    trained, last = 0, place[1] == place[0] - 1
    now = {"epoch": -1}
    watch(lambda: last and kill == f"{now['epoch']}:save")
    loader = torch.utils.data.DataLoader(data, 4, sampler=sampler)
    with Checkpoints(folder, model, optimizer, scheduler=schedule, data=loader) as checkpoints:
        for epoch in checkpoints.epochs(epochs):
            sampler.set_epoch(epoch)
            now["epoch"] = epoch
            for number, (rows, wanted) in enumerate(loader):
                if kill == f"{epoch}:step" and number == 1 and last:
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


def net():
    """Running averages differ between the processes; the first layer's bias is frozen."""
    layers = [torch.nn.Linear(6, 10), torch.nn.BatchNorm1d(10), torch.nn.ReLU(), torch.nn.Linear(10, 1)]
    layers[0].bias.requires_grad = False
    return torch.nn.Sequential(*layers)


def main():
    kind, folder, epochs, kill = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    if "RANK" not in os.environ:
        train(kind, folder, epochs, kill)
        return
    distributed.init_process_group("gloo")
    finished, trained = train(kind, folder, epochs, kill)
    rows = [None] * distributed.get_world_size()
    distributed.all_gather_object(rows, dict(WRITTEN))
    # The same training from its beginning in another folder, without an interruption.
    whole, _ = train(kind, folder.with_name(f"whole-{distributed.get_world_size()}"), epochs, "")
    if distributed.get_rank() == 0:
        print(f"written {json.dumps(rows)}", flush=True)
        print(f"result {finished} {trained} {whole}", flush=True)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
