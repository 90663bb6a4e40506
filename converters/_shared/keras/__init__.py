"""Keras: architectures, layers, inputs and outputs, which TensorFlow's formats hold as well."""
