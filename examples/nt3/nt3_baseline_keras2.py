"""NT3 in small, with Keras 3: a convolutional network tells normal from tumour tissue.

    CANDLE_DATA_DIR=/tmp/data python nt3_baseline_keras2.py --epochs 3 --ckpt_save_interval 1

The data is synthetic: some genes are more active in tumours.
"""

import os

import keras
import nt3 as bmk
import numpy as np

from candle_spec import candle  # the one line that changed: it was "import candle"


def initialize_parameters(default_model="nt3_default_model.txt"):
    """Return the hyperparameters."""
    benchmark = bmk.BenchmarkNT3(
        bmk.file_path, default_model, "keras", prog="nt3_baseline", desc="1D CNN to tell normal from tumour tissue"
    )
    return candle.finalize_parameters(benchmark)


def make_data(params, path, seed):
    """Write a table of synthetic expression: the class, then the genes; a fifth of them tell tumours."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, params["classes"], params["samples"])
    genes = random.normal(5, 1, (params["samples"], params["genes"]))
    genes[:, : params["genes"] // 5] += 1.5 * labels[:, None]
    candle.verify_path(path)
    np.savetxt(path, np.column_stack([labels, genes]), delimiter=",", fmt="%.4f")


def load_data(params):
    """Return the arrays of training and test."""
    paths = []
    for seed, name in enumerate((params["train_data"], params["test_data"])):
        path = os.path.join(params["data_dir"], name)
        if not os.path.exists(path):
            make_data(params, path, seed)
        paths.append(candle.get_file(name, params.get("data_url", "") + name, datadir=params["data_dir"]))
    x_train, y_train, x_test, y_test = candle.load_Xy_data_noheader(
        *paths, params["classes"], scaling="minabs", dtype=params["data_type"]
    )
    x_train, y_train = candle.add_noise(x_train, y_train, params)  # only training data is noisy
    return x_train[..., None], y_train, x_test[..., None], y_test


def build_model(params, length):
    """Return the network: convolutions with pooling, then dense layers."""
    model = keras.Sequential([keras.Input((length, 1))])
    convolutions = [params["conv"][start : start + 3] for start in range(0, len(params["conv"]), 3)]
    for (filters, width, stride), pool in zip(convolutions, params["pool"]):
        model.add(keras.layers.Conv1D(filters, width, strides=stride, activation=params["activation"]))
        model.add(keras.layers.MaxPooling1D(pool))
    model.add(keras.layers.Flatten())
    for units in params["dense"]:
        model.add(keras.layers.Dense(units, activation=params["activation"]))
        model.add(keras.layers.Dropout(params["dropout"]))
    model.add(keras.layers.Dense(params["classes"], activation=params["out_activation"]))
    return model


def run(params):
    """Train."""
    candle.set_seed(params["rng_seed"])
    x_train, y_train, x_test, y_test = load_data(params)
    model = build_model(params, x_train.shape[1])
    optimizer = candle.build_optimizer(params["optimizer"], params["learning_rate"], candle.keras_default_config())
    model.compile(loss=params["loss"], optimizer=optimizer, metrics=[params["metrics"]])
    params.update(candle.compute_trainable_params(model))

    ckpt = candle.CandleCkptKeras(params, verbose=False)
    ckpt.set_model(model)
    J = ckpt.restart(model)
    initial_epoch = J["epoch"] if J is not None else 0

    history = model.fit(
        x_train,
        y_train,
        batch_size=params["batch_size"],
        epochs=params["epochs"],
        initial_epoch=initial_epoch,
        validation_data=(x_test, y_test),
        verbose=2,
        callbacks=[candle.CandleRemoteMonitor(params), candle.TerminateOnTimeOut(params["timeout"]), ckpt],
    )
    ckpt.report_final()
    score = model.evaluate(x_test, y_test, verbose=0)
    print("Test score:", score[0])
    print("Test accuracy:", score[1])
    return history


def main():
    """Run the program."""
    run(initialize_parameters())


if __name__ == "__main__":
    main()
