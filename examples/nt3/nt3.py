"""NT3 in small: normal or tumour tissue from gene expression. What the program is called and which options it has."""

import os

from candle_spec import candle  # the one line that changed: it was "import candle"

file_path = os.path.dirname(os.path.realpath(__file__))

additional_definitions = [
    {"name": "classes", "type": int, "default": 2, "help": "number of classes"},
    {"name": "genes", "type": int, "default": 60, "help": "number of genes of the synthetic data"},
    {"name": "samples", "type": int, "default": 128, "help": "number of samples of the synthetic data"},
    {"name": "add_noise", "type": candle.str2bool, "default": False, "help": "add noise to the training data"},
    {"name": "label_noise", "type": float, "default": 0.0, "help": "share of the labels to flip"},
    {"name": "noise_correlated", "type": candle.str2bool, "default": False, "help": "only where a gene is active"},
    {"name": "feature_col", "nargs": "+", "type": int, "default": [0], "help": "genes of the noise"},
    {"name": "feature_threshold", "type": float, "default": 0.5, "help": "from where on a gene is active"},
    {"name": "noise_gaussian", "type": candle.str2bool, "default": False, "help": "noise on all genes"},
    {"name": "noise_column", "type": candle.str2bool, "default": False, "help": "noise on some genes"},
    {"name": "noise_cluster", "type": candle.str2bool, "default": False, "help": "noise on some genes of some samples"},
    {"name": "noise_type", "type": str, "default": "gaussian", "help": "gaussian or uniform"},
    {"name": "sample_ids", "nargs": "+", "type": int, "default": [0], "help": "samples of the noise"},
    {"name": "std_dev", "type": float, "default": 0.5, "help": "deviation of the noise"},
]

required = """activation batch_size classes conv dense dropout epochs learning_rate loss metrics model_name optimizer
    out_activation pool test_data train_data timeout""".split()


class BenchmarkNT3(candle.Benchmark):
    """The program's description of itself."""

    def set_locals(self):
        """Say which options there are and which must be set."""
        self.required = set(required)
        self.additional_definitions = additional_definitions
