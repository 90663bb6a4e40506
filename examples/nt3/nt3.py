"""NT3 in small: normal or tumour tissue from gene expression. What the program is called and which options it has."""

import os

from candle_spec import candle  # the one line that changed: it was "import candle"

file_path = os.path.dirname(os.path.realpath(__file__))

additional_definitions = [
    {"name": "classes", "type": int, "default": 2, "help": "number of classes"},
    {"name": "genes", "type": int, "default": 60, "help": "number of genes of the synthetic data"},
    {"name": "samples", "type": int, "default": 128, "help": "number of samples of the synthetic data"},
]

required = """activation batch_size classes conv dense dropout epochs learning_rate loss metrics model_name optimizer
    out_activation pool test_data train_data timeout""".split()


class BenchmarkNT3(candle.Benchmark):
    """The program's description of itself."""

    def set_locals(self):
        """Say which options there are and which must be set."""
        self.required = set(required)
        self.additional_definitions = additional_definitions
