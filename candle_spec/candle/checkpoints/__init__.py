"""CANDLE's own checkpoint classes, over the same recorder as the callbacks."""
