"""A training whose framework CANDLE does not know: a logistic regression in NumPy, with checkpoints of its own format.

    CANDLE_DATA_DIR=/tmp/data python sgd_numpy.py --epochs 20 --ckpt_save_interval 1

Two hooks are all that a subclass of CandleCkpt needs. What they write is the model in each checkpoint, byte for byte;
saving, keeping, restarting and verifying are those of every other training. The data is synthetic.
"""

import os

import numpy as np

from candle_spec import candle

file_path = os.path.dirname(os.path.realpath(__file__))


class CandleCkptNumpy(candle.CandleCkpt):
    """Checkpoints of a dictionary of arrays."""

    model_file = "model.npz"

    def write_model_backend(self, model, epoch):
        """Write the arrays; self.model_file is a path in a private folder now."""
        np.savez(self.model_file, **model)

    def build_model(self, model_file):
        """Read them again, into the dictionary that the program uses."""
        with np.load(model_file) as arrays:
            self.model.update(arrays)


def make_data(samples=200, features=10):
    """Return synthetic features and classes."""
    random = np.random.default_rng(1)
    x = random.normal(0, 1, (samples, features))
    return x, (x[:, 0] - x[:, 1] + random.normal(0, 0.1, samples) > 0).astype(float)


def step(model, x, y, params):
    """Take one step of gradient descent with momentum; return the loss before it."""
    predicted = 1 / (1 + np.exp(-(x @ model["weights"] + model["bias"])))
    error = predicted - y
    for name, gradient in (("weights", x.T @ error / len(y)), ("bias", error.mean(keepdims=True))):
        model[f"velocity.{name}"] = params["momentum"] * model[f"velocity.{name}"] - params["learning_rate"] * gradient
        model[name] = model[name] + model[f"velocity.{name}"]
    return float(-np.mean(y * np.log(predicted + 1e-9) + (1 - y) * np.log(1 - predicted + 1e-9)))


def run(params):
    """Train."""
    candle.set_seed(params["rng_seed"])
    x, y = make_data()
    model = {"weights": np.zeros(x.shape[1]), "bias": np.zeros(1)}
    model |= {f"velocity.{name}": np.zeros_like(value) for name, value in model.items()}

    ckpt = CandleCkptNumpy(params)
    ckpt.set_model(model)
    J = ckpt.restart(model)
    for epoch in range(J["epoch"] if J is not None else 0, params["epochs"]):
        for batch in np.array_split(np.random.permutation(len(y)), 10):
            loss = step(model, x[batch], y[batch], params)
        print(f"Epoch {epoch + 1}/{params['epochs']} loss {loss:.4f}", flush=True)
        ckpt.ckpt_epoch(epoch, "-", loss)
    ckpt.report_final()
    return model


def main():
    """Run the program."""
    required = {"epochs", "learning_rate", "momentum", "model_name"}
    run(candle.create_params(file_path, "sgd_default_model.txt", "numpy", prog_name="sgd", required=required))


if __name__ == "__main__":
    main()
