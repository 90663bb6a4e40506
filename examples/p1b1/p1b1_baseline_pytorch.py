"""P1B1 in small, with PyTorch: an autoencoder of gene expression.

    CANDLE_DATA_DIR=/tmp/data python p1b1_baseline_pytorch.py --epochs 3 --ckpt_save_interval 1

The data is synthetic: a few hidden factors drive all genes.
"""

import os

import numpy as np
import p1b1
import torch

from candle_spec import candle  # the one line that changed: it was "import candle"


def initialize_parameters(default_model="p1b1_default_model.txt"):
    """Return the hyperparameters."""
    benchmark = p1b1.BenchmarkP1B1(
        p1b1.file_path, default_model, "pytorch", prog="p1b1_baseline", desc="Autoencoder of gene expression"
    )
    return candle.finalize_parameters(benchmark)


def make_data(params, path):
    """Write a table of synthetic expression with a header."""
    random = np.random.default_rng(7)
    factors = random.normal(0, 1, (params["samples"], 4))
    genes = factors @ random.normal(0, 1, (4, params["genes"])) + random.normal(
        0, 0.1, (params["samples"], params["genes"])
    )
    candle.verify_path(path)
    header = ",".join(f"gene_{number}" for number in range(params["genes"]))
    np.savetxt(path, genes, delimiter=",", fmt="%.4f", header=header, comments="")


def load_data(params):
    """Return the arrays of training and validation."""
    path = os.path.join(params["data_dir"], params["train_data"])
    if not os.path.exists(path):
        make_data(params, path)
    return candle.load_csv_data(
        path,
        scaling=params["scaling"],
        dtype=params["data_type"],
        validation_split=params["val_split"],
        return_dataframe=False,
        seed=params["rng_seed"],
    )


class P1B1Model(torch.nn.Module):
    """The autoencoder: dense layers down to the code, and up again."""

    def __init__(self, params, genes):
        super().__init__()
        sizes = [genes, *params["dense"], params["latent_dim"], *reversed(params["dense"]), genes]
        self.layers = torch.nn.Sequential()
        for number, (before, after) in enumerate(zip(sizes, sizes[1:])):
            self.layers.add_module(f"dense_{number}", torch.nn.Linear(before, after))
            if number < len(sizes) - 2:
                self.layers.add_module(f"act_{number}", candle.build_pytorch_activation(params["activation"]))
                self.layers.add_module(f"dropout_{number}", torch.nn.Dropout(params["dropout"]))
        defaults = candle.keras_default_config()
        for layer in self.layers:
            if isinstance(layer, torch.nn.Linear):
                candle.pytorch_initialize(layer.weight, params["initialization"], defaults, params["rng_seed"])
                candle.pytorch_initialize(layer.bias, "constant", defaults, constant=0.0)

    def forward(self, x):
        """Return the reconstruction."""
        return self.layers(x)


def fit(model, x_train, x_val, params):
    """Train, and restart where the checkpoints end."""
    table = torch.utils.data.TensorDataset(torch.from_numpy(x_train))
    loader = torch.utils.data.DataLoader(table, batch_size=params["batch_size"], shuffle=True)
    rate = params["learning_rate"]
    optimizer = candle.build_pytorch_optimizer(model, params["optimizer"], rate, candle.keras_default_config())
    loss_function = candle.get_pytorch_function(params["loss"])

    ckpt = candle.CandleCkptPyTorch(params)
    ckpt.set_model({"model": model, "optimizer": optimizer})
    J = ckpt.restart(model)
    initial_epoch = J["epoch"] if J is not None else 0

    for epoch in range(initial_epoch, params["epochs"]):
        model.train()
        total = 0.0
        for (batch,) in loader:
            loss = loss_function(model(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        model.eval()
        with torch.no_grad():
            val_loss = loss_function(model(torch.from_numpy(x_val)), torch.from_numpy(x_val)).item()
        print(f"====> Epoch: {epoch} Average loss: {total / len(table):.4f} Validation loss: {val_loss:.4f}")
        ckpt.ckpt_epoch(epoch, val_loss)
    ckpt.report_final()


def run(params):
    """Train."""
    args = candle.ArgumentStruct(**params)
    candle.set_seed(args.rng_seed)
    x_train, x_val = load_data(params)
    model = P1B1Model(params, x_train.shape[1])
    print(model)
    fit(model, x_train, x_val, params)


def main():
    """Run the program."""
    run(initialize_parameters())


if __name__ == "__main__":
    main()
