"""Uno in small: the response of a cell line to a drug. What the program is called and which options it has."""

import os

from candle_spec import candle  # the one line that changed: it was "import candle"

file_path = os.path.dirname(os.path.realpath(__file__))

additional_definitions = [
    {"name": "dense_feature_layers", "nargs": "+", "type": int, "help": "units of the layers of each feature encoder"},
    {"name": "residual", "type": candle.str2bool, "default": False, "help": "add skip connections"},
    {"name": "reduce_lr", "type": candle.str2bool, "default": False, "help": "a lower learning rate on a plateau"},
    {"name": "warmup_lr", "type": candle.str2bool, "default": False, "help": "a rising learning rate at the start"},
    {"name": "base_lr", "type": float, "default": None, "help": "learning rate at the start"},
    {"name": "es", "type": candle.str2bool, "default": False, "help": "stop early"},
    {"name": "cp", "type": candle.str2bool, "default": False, "help": "also keep the best model as Keras writes it"},
    {"name": "cv", "type": int, "default": 1, "help": "folds of cross validation"},
    {"name": "initial_weights", "type": str, "default": None, "help": "a weights file of the parent run to begin from"},
]

required = """activation batch_size dense dense_feature_layers dropout epochs learning_rate loss model_name optimizer
    save_path timeout train_data val_split""".split()


class BenchmarkUno(candle.Benchmark):
    """The program's description of itself."""

    def set_locals(self):
        """Say which options there are and which must be set."""
        self.required = set(required)
        self.additional_definitions = additional_definitions
