"""``python -m candle_spec`` is the command ``candle-spec``."""

from candle_spec.cli import main

if __name__ == "__main__":
    main()
