"""The files that CANDLE's own tools read and write beside checkpoints: notes, logs, older layouts."""
