"""P1B1 in small: an autoencoder of gene expression. What the program is called and which options it has."""

import os

from candle_spec import candle  # the one line that changed: it was "import candle"

file_path = os.path.dirname(os.path.realpath(__file__))

additional_definitions = [
    {"name": "latent_dim", "type": int, "help": "size of the code"},
    {"name": "genes", "type": int, "default": 40, "help": "number of genes of the synthetic data"},
    {"name": "samples", "type": int, "default": 96, "help": "number of samples of the synthetic data"},
]

required = """activation batch_size dense dropout epochs initialization latent_dim learning_rate loss model_name
    optimizer rng_seed scaling timeout val_split""".split()


class BenchmarkP1B1(candle.Benchmark):
    """The program's description of itself."""

    def set_locals(self):
        """Say which options there are and which must be set."""
        self.required = set(required)
        self.additional_definitions = additional_definitions
