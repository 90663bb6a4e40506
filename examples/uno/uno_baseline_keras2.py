"""Uno in small, with Keras 3: encoders of the cell line and of the drug, then dense layers, predict the growth.

    CANDLE_DATA_DIR=/tmp/data python uno_baseline_keras2.py --epochs 3 --ckpt_save_interval 1

The data is synthetic. With --cv 3, each fold has checkpoints of its own.
"""

import logging
import os

import keras
import numpy as np
import uno as benchmark

from candle_spec import candle  # the one line that changed: it was "import candle"

logger = logging.getLogger(__name__)
FEATURES = {"cell": 20, "drug": 12}


def initialize_parameters(default_model="uno_default_model.txt"):
    """Return the hyperparameters."""
    bmk = benchmark.BenchmarkUno(
        benchmark.file_path, default_model, "keras", prog="uno_baseline", desc="predict the response of cells to drugs"
    )
    return candle.finalize_parameters(bmk)


def make_data(path, samples=256):
    """Write a table of synthetic responses: growth, then the features of cell line and drug."""
    random = np.random.default_rng(5)
    x = random.normal(0, 1, (samples, sum(FEATURES.values())))
    growth = np.tanh(x[:, 0] * x[:, FEATURES["cell"]] + 0.5 * x[:, 1])
    names = [f"{kind}.{number}" for kind, count in FEATURES.items() for number in range(count)]
    candle.verify_path(path)
    np.savetxt(path, np.column_stack([growth, x]), delimiter=",", header=",".join(["Growth", *names]), comments="")


def load_data(args):
    """Return inputs and growth of all samples."""
    path = os.path.join(args.data_dir, args.train_data)
    if not os.path.exists(path):
        make_data(path)
    x, y = candle.load_csv_data(
        candle.get_file(args.train_data, args.train_data, datadir=args.data_dir),
        y_cols=["Growth"], scaling=args.scaling, dtype=args.data_type, return_dataframe=False,
    )  # fmt: skip
    return [x[:, : FEATURES["cell"]], x[:, FEATURES["cell"] :]], y


def build_model(args):
    """Return the network."""
    inputs, encoded = [], []
    for kind, count in FEATURES.items():
        inputs.append(keras.Input((count,), name=f"input_{kind}"))
        encoded.append(layers(inputs[-1], args.dense_feature_layers, args))
    h = layers(keras.layers.concatenate(encoded), args.dense, args)
    return keras.Model(inputs, keras.layers.Dense(1)(h))


def layers(h, units, args):
    """Return dense layers behind a tensor."""
    for count in units:
        x = h
        h = keras.layers.Dense(count, activation=args.activation)(h)
        if args.dropout > 0:
            h = keras.layers.Dropout(args.dropout)(h)
        if args.residual and h.shape == x.shape:
            h = keras.layers.add([h, x])
    return h


def callbacks_of(params, args, prefix, base_lr):
    """Return the callbacks that the hyperparameters ask for."""

    def warmup_scheduler(epoch, lr):
        return (base_lr * (5 - epoch) + args.learning_rate * epoch) / 5 if epoch <= 5 else lr

    found = [
        candle.CandleRemoteMonitor(params=params),
        candle.TerminateOnTimeOut(params["timeout"]),
        candle.LoggingCallback(logger.debug),
    ]
    clr = candle.clr_set_args(params) if candle.clr_check_args(params) else {"mode": None}
    if clr["mode"] is not None:
        found.append(candle.clr_callback(**clr))
    if params["es"]:
        found.append(keras.callbacks.EarlyStopping(patience=10))
    if params["reduce_lr"]:
        found.append(keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=5, min_lr=0.00001))
    if params["warmup_lr"]:
        found.append(keras.callbacks.LearningRateScheduler(warmup_scheduler))
    if params["cp"]:
        found.append(candle.MultiGPUCheckpoint(prefix + ".model.keras", save_best_only=True))
    return found


def run_fold(params, args, prefix, data, fold):
    """Train one fold; return the history and the predictions of validation."""
    (x, y), count = data, len(data[1])
    held = np.zeros(count, bool)
    size = int(count * args.val_split) if args.cv == 1 else count // args.cv
    held[fold * size : (fold + 1) * size] = True
    template_model = build_model(args)

    ckpt = candle.CandleCkptKeras(params, verbose=True)
    ckpt.set_model(template_model)
    J = ckpt.restart(params)
    initial_epoch = J["epoch"] if J is not None else 0
    if J is not None:
        params["ckpt_best_metric_last"] = J["best_metric_last"]
    elif args.initial_weights is not None:
        logger.info("Loading initial weights from '%s'", args.initial_weights)
        template_model.load_weights(args.initial_weights)

    optimizer = keras.optimizers.deserialize({"class_name": args.optimizer, "config": {}})
    base_lr = args.base_lr or float(optimizer.learning_rate)
    optimizer.learning_rate.assign(args.learning_rate)
    template_model.compile(loss=args.loss, optimizer=optimizer, metrics=[candle.mae, candle.r2])
    params.update(candle.compute_trainable_params(template_model))
    history = template_model.fit(
        [part[~held] for part in x], y[~held],
        batch_size=args.batch_size, epochs=args.epochs, initial_epoch=initial_epoch, verbose=2,
        validation_data=([part[held] for part in x], y[held]),
        callbacks=[*callbacks_of(params, args, prefix, base_lr), ckpt],
    )  # fmt: skip
    ckpt.report_final()
    expected = args.epochs - initial_epoch
    if "loss" in history.history:
        logger.info("stopping: %s", "complete" if len(history.history["loss"]) == expected else "early")
    return history, template_model.predict([part[held] for part in x], verbose=0).flatten(), y[held].flatten()


def run(params):
    """Train."""
    args = candle.ArgumentStruct(**params)
    candle.set_seed(args.rng_seed)
    prefix = os.path.join(args.output_dir, args.save_path)
    candle.verify_path(prefix)
    candle.set_up_logger(args.logfile or prefix + ".log", logger, args.verbose, fmt_line="%(asctime)s %(message)s")
    logger.info("Params: %s", params)
    data = load_data(args)
    for fold in range(args.cv):
        name = f"{prefix}.cv{fold + 1}" if args.cv > 1 else prefix
        own = {"ckpt_directory": os.path.join(args.output_dir, f"cv{fold + 1}")} if args.cv > 1 else {}
        history, predicted, true = run_fold({**params, **own}, args, name, data, fold)
        logger.info("corr: %.4f", np.corrcoef(predicted, true)[0, 1])
        if "loss" in history.history:
            candle.plot_history(name, history, "loss")
            candle.plot_history(name, history, "r2")
    logger.handlers = []
    return history


def main():
    """Run the program."""
    run(initialize_parameters())


if __name__ == "__main__":
    main()
