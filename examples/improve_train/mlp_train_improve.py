"""Train a small drug-response network, in the style of IMPROVE's scripts, with checkpoints by the keys of [Train].

    python mlp_train_improve.py --output_dir models/CCLE/split_0

The output folder appears when the model is complete; until then it is called models/CCLE/split_0.partial, and the same
command goes on where the last one was interrupted. With improvelib, use its own configuration and add
``improve.train_params()`` to the list of training parameters. The data is synthetic.
"""

import sys
import time
from pathlib import Path

import torch

from candle_spec.callbacks import Settings
from candle_spec.callbacks.pytorch import Checkpoints
from candle_spec.candle import improve

HERE = Path(__file__).resolve().parent

model_train_params = [
    {"name": "hidden", "type": int, "default": 16, "help": "units of the hidden layer"},
    {"name": "pause", "type": float, "default": 0.0, "help": "seconds to wait in each epoch"},
]


def make_data(samples=96, features=20):
    """Return synthetic responses: expression of genes and a drug descriptor."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(samples, features, generator=generator)
    y = torch.sigmoid(x[:, :3].sum(dim=1, keepdim=True))
    return torch.utils.data.TensorDataset(x[:64], y[:64]), (x[64:], y[64:])


def scores_of(predicted, true):
    """Return IMPROVE's scores of a regression."""
    mse = torch.mean((predicted - true) ** 2).item()
    r2 = 1 - mse / torch.var(true, unbiased=False).item()
    pcc = torch.corrcoef(torch.stack([predicted.flatten(), true.flatten()]))[0, 1].item()
    return {"mse": mse, "rmse": mse**0.5, "pcc": pcc, "r2": r2}


def train(params, folder):
    """Train in a folder, and return the scores of validation."""
    torch.manual_seed(1)
    table, (x_val, y_val) = make_data()
    loader = torch.utils.data.DataLoader(table, batch_size=params["batch_size"], shuffle=True)
    model = torch.nn.Sequential(
        torch.nn.Linear(20, params["hidden"]),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(params["hidden"], 1),
    )
    optimizer = torch.optim.Adam(model.parameters(), params["learning_rate"])
    scores = {}
    with Checkpoints(folder / "ckpts", model, optimizer, params=params, settings=Settings(name="mlp")) as checkpoints:
        for epoch in checkpoints.epochs(params["epochs"]):
            model.train()
            for x, y in loader:
                loss = torch.nn.functional.mse_loss(torch.sigmoid(model(x)), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            time.sleep(params["pause"])
            model.eval()
            with torch.no_grad():
                scores = scores_of(torch.sigmoid(model(x_val)), y_val)
            print(f"epoch {epoch + 1} mse {scores['mse']:.5f}", flush=True)
            checkpoints.log(**scores)
    torch.save(model.state_dict(), improve.model_path(params, folder))
    return scores


def run(params):
    """Train one model; its folder exists when it is complete."""
    with improve.training_folder(params["output_dir"]) as folder:
        improve.log_parameters(params, folder)
        scores = train(params, folder)
        improve.write_scores(scores, folder)
    print(f"IMPROVE_RESULT val_loss:\t{scores['mse']:.10f}")
    return scores


def main(args):
    """Run the script."""
    run(improve.initialize_parameters(HERE, "mlp_params.ini", model_train_params, arguments=args))


if __name__ == "__main__":
    main(sys.argv[1:])
