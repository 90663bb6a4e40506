"""The index of a checkpoint: keys of pieces as TensorFlow encodes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_spec.errors import UnsupportedFormatError
from candle_spec.readers.tensor_bundle import piece_key, read_index
from tests.helpers.native.tensorflow_files import table

AXES = [0, 1, 63, 64, 8191, 8192, (1 << 20) - 1, 1 << 20, 1 << 40, (1 << 55) - 1, 1 << 55, 1 << 62, (1 << 63) - 1]


@pytest.mark.parametrize("start", AXES)
def test_keys_are_ordered_as_their_places(start: int) -> None:
    keys = [piece_key("v", ((at, 1),)) for at in AXES]
    assert keys == sorted(keys)
    assert piece_key("v", ((start, None),)) < piece_key("v", ((start, 0),))


def test_keys_are_those_of_tensorflow(tmp_path: Path) -> None:
    import tensorflow as tf

    pieces = [("a", "10 4 0,5:-"), ("a", "10 4 5,5:-"), ("b", "300 9000 0,300:0,64"), ("b", "300 9000 0,300:64,8936")]
    shapes = [(5, 4), (5, 4), (300, 64), (300, 8936)]
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "drug"),
        tensor_names=[name for name, _ in pieces],
        shape_and_slices=[place for _, place in pieces],
        tensors=[tf.zeros(shape) for shape in shapes],
    )
    index = read_index(tmp_path / "drug.index")
    wanted = {piece_key(name, piece) for name, entry in index.tensors.items() for piece in entry.pieces}
    assert wanted == set(index.pieces)
    assert len(wanted) == 4


def test_bytes_that_the_encoding_uses_are_escaped() -> None:
    assert piece_key("a\x00b", ()) == b"\x00a\x00\xffb\x00\x01\x00"
    assert piece_key("\udcff", ()) == b"\x00\xff\x00\x00\x01\x00"


def test_another_table_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(table([[(b"key", b"value")]]))
    with pytest.raises(UnsupportedFormatError, match="without the header"):
        read_index(tmp_path / "t")
