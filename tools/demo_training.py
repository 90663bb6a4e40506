"""The demo of a training: killed in the middle of a save, started again, and nothing is lost.

A small network predicts how a tumour cell line responds to a drug (area under the dose-response curve) from its gene
expression and the drug's fingerprint. The data are made here from a seed. The encoder of the expression is frozen, as
a pretrained one is; so its weights, most of the model, are stored once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

from candle_spec.atomic import Fs

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".cache" / "demo-training"
EPOCHS, KILLED_IN = 12, 6
LINES, DRUGS, GENES, BITS, LATENT = 80, 40, 1_000, 256, 512
_SMALL = 1 << 20


def data() -> tuple[Any, Any, Any]:
    """Return expression, fingerprints and responses of all pairs of a cell line and a drug, split by cell line."""
    import torch

    random = torch.Generator().manual_seed(2026)
    programs = torch.randn(8, GENES, generator=random)
    activity = torch.randn(LINES, 8, generator=random)
    expression = activity @ programs / 8**0.5 + 0.3 * torch.randn(LINES, GENES, generator=random)
    fingerprints = (torch.rand(DRUGS, BITS, generator=random) < 0.1).float()
    targets = torch.randn(BITS, 8, generator=random) / 5
    effect = activity @ (fingerprints @ targets).T  # a drug works where its targets are active
    auc = torch.sigmoid(-effect + 0.1 * torch.randn(LINES, DRUGS, generator=random))
    line, drug = torch.meshgrid(torch.arange(LINES), torch.arange(DRUGS), indexing="ij")
    pairs = torch.cat([expression[line.flatten()], fingerprints[drug.flatten()]], dim=1)
    return pairs, auc.flatten()[:, None], line.flatten() < LINES * 3 // 4


def network() -> Any:
    """Return the network: a frozen encoder of the expression, and a head that is trained."""
    import torch

    class DrugResponse(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = torch.nn.Linear(GENES, LATENT).requires_grad_(requires_grad=False)
            self.head = torch.nn.Sequential(
                torch.nn.Linear(LATENT + BITS, 64), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(64, 1)
            )

        def forward(self, x: Any) -> Any:
            encoded = torch.tanh(self.encoder(x[:, :GENES]))
            return torch.sigmoid(self.head(torch.cat([encoded, x[:, GENES:]], dim=1)))

    torch.manual_seed(1)
    return DrugResponse()


def train(folder: Path, *, killed: bool) -> None:
    """Train up to the last epoch; with ``killed``, the process is killed while epoch 6 is being written."""
    import torch

    from candle_spec.callbacks import Settings
    from candle_spec.callbacks.pytorch import Checkpoints

    torch.use_deterministic_algorithms(mode=True)
    torch.set_num_threads(1)  # so small a network gains nothing from more
    x, y, known = data()
    model = network()
    optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-3)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[known], y[known]), 64, shuffle=True)
    keep = {"ckpt_save_interval": 1, "ckpt_keep_mode": "all", "ckpt_save_best_metric": "val_loss"}
    named = Settings(name="drug-response")
    with Checkpoints(folder, model, optimizer, data=loader, params=keep, settings=named) as checkpoints:
        for epoch in checkpoints.epochs(EPOCHS):
            if killed and epoch + 1 == KILLED_IN:
                _kill_in_the_next_save()
            model.train()
            for batch, target in loader:
                optimizer.zero_grad()
                error: Any = torch.nn.functional.mse_loss(model(batch), target)
                error.backward()
                optimizer.step()
            loss = validate(model, x[~known], y[~known])
            print(f"  epoch {epoch + 1:2}  val_loss {loss:.5f}", flush=True)
            checkpoints.log(val_loss=loss)


def validate(model: Any, x: Any, y: Any) -> float:
    """Return the mean squared error on cell lines that the training never saw."""
    import torch

    model.eval()
    with torch.no_grad():
        return float(torch.nn.functional.mse_loss(model(x), y))


def _kill_in_the_next_save() -> None:
    """Let the process die as the system kills it, when half of the manifest of the next save is written."""
    write = Fs.write

    def half(self: Fs, file: BinaryIO, data: bytes | memoryview) -> None:
        content = bytes(data) if len(data) < _SMALL else b""
        if b'"training_state"' in content and f'"epoch": {KILLED_IN},'.encode() in content:
            write(self, file, data[: len(data) // 2])
            print(f"  SIGKILL while epoch {KILLED_IN} is being written", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, file, data)

    Fs.write = half  # type: ignore[method-assign]


def report(folder: Path) -> int:
    """Compare with full copies and an uninterrupted training; validate the best epoch from its checkpoint."""
    import candle_spec
    from candle_spec.series.series import Series

    series = Series.read(folder)
    full = sum(entry.size for entry in series.entries())
    inodes = {(s.st_dev, s.st_ino): s.st_size for s in (p.stat() for p in folder.rglob("*") if p.is_file())}
    used = sum(inodes.values())
    print(f"\non disk {used / 1e6:.1f} MB; {EPOCHS} full copies: {full / 1e6:.1f} MB; ratio {used / full:.2f}")
    best = series.best()
    if best is None:
        print("DIFFERENT: there is no best epoch")
        return 1
    model = network()
    model.load_state_dict(candle_spec.load(best.path).state_dict(framework="torch"))
    x, y, known = data()
    again, noted = validate(model, x[~known], y[~known]), best.metrics["val_loss"]
    print(f"best epoch {best.epoch}: val_loss {again:.5f} from its checkpoint, {noted:.5f} in the training")
    same = _weights(series) == _weights(Series.read(folder.with_name("uninterrupted")))
    print("the weights of the last epoch equal those of a training that was never killed: " + ("yes" if same else "NO"))
    return 0 if same and abs(again - noted) < 1e-6 else 1


def _weights(series: Any) -> str:
    """Return the digest of the weights of the last epoch; the state also holds random numbers that nothing uses."""
    from candle_spec.checkpoint.checkpoint import Checkpoint

    return str(Checkpoint(series.entries()[-1].path).manifest["weights"]["content_digest"])


def run(title: str, *words: str, ends: int = 0) -> None:
    """Show what is run and run it."""
    print(f"\n$ {title}", flush=True)
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=False)
    if done.returncode != ends:
        raise SystemExit(f"it ended with {done.returncode}, not {ends}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, help="only train, into this folder")
    parser.add_argument("--killed", action="store_true", help="with --train: be killed in a save")
    given = parser.parse_args()
    if given.train:
        train(given.train, killed=given.killed)
        return 0
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    folder = WORK / "ckpts"
    command = ("tools.demo_training", "--train", str(folder))
    run("python train.py", *command, "--killed", ends=-signal.SIGKILL)
    run("python train.py        # the same command again", *command)
    run(f"candle-spec series ls {shlex.quote(folder.name)}", "candle_spec", "series", "ls", str(folder))
    run(f"candle-spec series verify {shlex.quote(folder.name)}", "candle_spec", "series", "verify", str(folder))
    run("candle-spec validate ckpts/best", "candle_spec", "validate", str(folder / "best"))
    print("\nthe same training, never interrupted, to compare")
    subprocess.run(
        [sys.executable, "-m", "tools.demo_training", "--train", str(WORK / "uninterrupted")],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return report(folder)


if __name__ == "__main__":
    sys.exit(main())
