"""TensorFlow: checkpoints, graphs and object graphs, which four formats are made of."""
