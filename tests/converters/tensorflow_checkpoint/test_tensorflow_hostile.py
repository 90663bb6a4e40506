"""Checkpoints of TensorFlow that nobody should trust, and odd ones that TensorFlow reads."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from candle_spec import limits
from candle_spec.checkpoint.checkpoint import Checkpoint
from candle_spec.conversion.convert import convert
from candle_spec.conversion.source import resolve_source
from candle_spec.converters.tensorflow_checkpoint import CONVERTER
from candle_spec.errors import CandleSpecError, CorruptFileError, LimitExceededError, UnsupportedFormatError
from candle_spec.readers.crc32c import crc32c, masked
from candle_spec.readers.tensor_bundle import piece_key
from tests.helpers.native import tensorflow_files as files
from tests.helpers.native.tensorflow_files import bundle, entry, message, shape, varint

DATA = np.arange(24, dtype="<f4").tobytes()


def piece(*axes: tuple[int, int]) -> bytes:
    """A ``TensorSliceProto``."""
    return message(*((1, message((1, start), (2, length))) for start, length in axes))


def sliced(axes: tuple[int, ...], *pieces: bytes) -> bytes:
    return message((1, 1), (2, shape(*axes)), *((7, row) for row in pieces))


def strings(*items: bytes, seal: int | None = None) -> tuple[bytes, int]:
    """The bytes of a tensor of strings, and its checksum."""
    lengths = b"".join(len(item).to_bytes(4, "little") for item in items)
    mark = (masked(crc32c(lengths)) if seal is None else seal).to_bytes(4, "little")
    data = b"".join(varint(len(item)) for item in items) + mark + b"".join(items)
    return data, masked(crc32c(lengths + mark + b"".join(items)))


WORDS, WORDS_SUM = strings(b"TP53", b"KRAS")
GRAPH = message((1, message((1, message((1, 5), (2, b"x"))))))
GRAPH_DATA, GRAPH_SUM = strings(GRAPH)

BAD: dict[str, tuple[dict[bytes, bytes], bytes, type[CandleSpecError], str]] = {
    "beyond-the-shard": ({b"v": entry(DATA, (24,), offset=1)}, DATA, CorruptFileError, "the shard at 96"),
    "offset-negative": ({b"v": entry(DATA, (24,), offset=-1)}, DATA, CorruptFileError, "no place and shape"),
    "size-negative": ({b"v": entry(DATA, (24,), size=-8)}, DATA, CorruptFileError, "no place and shape"),
    "offset-huge": ({b"v": entry(DATA, (24,), offset=(1 << 63) - 1)}, DATA, CorruptFileError, "the shard at 96"),
    "shape-too-large": ({b"v": entry(DATA, (25,))}, DATA, CorruptFileError, "its shape 100"),
    "shape-overflow": ({b"v": entry(DATA, (1 << 40, 1 << 40))}, DATA, LimitExceededError, "2 axes"),
    "rank-bomb": ({b"v": entry(DATA, [1] * 99)}, DATA, LimitExceededError, "99 axes"),
    "axis-negative": ({b"v": entry(DATA, (-24,))}, DATA, CorruptFileError, "no place and shape"),
    "shard-that-is-not": ({b"v": entry(DATA, (24,), shard=1)}, DATA, CorruptFileError, "in shard 1 of 1"),
    "unknown-dtype": ({b"v": entry(DATA, (24,), dtype=88)}, DATA, UnsupportedFormatError, "dtype 88"),
    "same-bytes-twice": (
        {b"v": entry(DATA, (24,)), b"w": entry(DATA[4:8], (1,), offset=4)},
        DATA,
        CorruptFileError,
        "those of another tensor",
    ),
    "entry-is-no-message": ({b"v": b"\xff\xff"}, DATA, CorruptFileError, "not a sound protocol buffer"),
    "checksum": ({b"v": entry(DATA, (24,), checksum=1)}, DATA, CorruptFileError, "checksum of the tensor"),
    "strings-checksum": (
        {b"v": entry(WORDS, (2,), 7, checksum=1)},
        WORDS,
        CorruptFileError,
        "checksum of the tensor",
    ),
    "objects-beyond": ({b"v": entry(b"\x7f" * 30, (), 21)}, b"\x7f" * 30, CorruptFileError, "object goes beyond"),
    "objects-too-many": ({b"v": entry(bytes(20), (1 << 40,), 21)}, bytes(20), CorruptFileError, "no end"),
    "objects-checksum": ({b"v": entry(bytes(5), (), 21)}, bytes(5), CorruptFileError, "checksum of the tensor"),
    "strings-lengths-checksum": (
        {b"v": entry(b"", (2,), 7, size=len(WORDS))},
        strings(b"TP53", b"KRAS", seal=7)[0],
        CorruptFileError,
        "checksum of the strings' lengths",
    ),
    "strings-too-many": ({b"v": entry(WORDS, (1 << 30,), 7)}, WORDS, CorruptFileError, "strings in 14 bytes"),
    "strings-too-few": ({b"v": entry(WORDS, (1,), 7)}, WORDS, CorruptFileError, "does not fit"),
    "strings-length": (
        {b"v": entry(b"\xff" * 30, (2,), 7)},
        b"\xff" * 30,
        CorruptFileError,
        "no end",
    ),
    "strings-do-not-fill": (
        {b"v": entry(WORDS + b"more", (2,), 7)},
        WORDS + b"more",
        CorruptFileError,
        "do not fill",
    ),
    "piece-missing": ({b"v": sliced((24,), piece((0, 24)))}, DATA, CorruptFileError, "does not hold a piece"),
    "piece-of-other-rank": (
        {b"v": sliced((24,), piece((0, 4), (0, 6))), piece_key("v", ((0, 4), (0, 6))): entry(DATA, (4, 6))},
        DATA,
        CorruptFileError,
        "does not hold a piece",
    ),
    "piece-beyond": (
        {b"v": sliced((24,), piece((1, 24))), piece_key("v", ((1, 24),)): entry(DATA, (24,))},
        DATA,
        CorruptFileError,
        "beyond its tensor",
    ),
    "piece-of-other-shape": (
        {b"v": sliced((24,), piece((0, 24))), piece_key("v", ((0, 24),)): entry(DATA, (4, 6))},
        DATA,
        CorruptFileError,
        "another dtype or shape",
    ),
    "pieces-with-a-hole": (
        {b"v": sliced((30,), piece((6, 24))), piece_key("v", ((6, 24),)): entry(DATA, (24,))},
        DATA,
        CorruptFileError,
        "leave",
    ),
    "pieces-overlap": (
        {
            b"v": sliced((24,), piece((0, 12)), piece((6, 12))),
            piece_key("v", ((0, 12),)): entry(DATA[:48], (12,)),
            piece_key("v", ((6, 12),)): entry(DATA[48:], (12,), offset=48),
        },
        DATA,
        CorruptFileError,
        "overlap",
    ),
    "tiles-overlap": (
        {
            b"v": sliced((4, 6), piece((0, 4), (0, 3)), piece((0, 4), (2, 3))),
            piece_key("v", ((0, 4), (0, 3))): entry(DATA[:48], (4, 3)),
            piece_key("v", ((0, 4), (2, 3))): entry(DATA[48:], (4, 3), offset=48),
        },
        DATA,
        CorruptFileError,
        "overlap",
    ),
    "piece-negative": ({b"v": sliced((24,), piece((-1, 24)))}, DATA, CorruptFileError, "without a place"),
    "scalar-in-pieces": (
        {b"v": sliced((), b"", b""), piece_key("v", ()): entry(DATA[:4], ())},
        DATA,
        CorruptFileError,
        "single",
    ),
    "object-that-is-not": (
        {b"_CHECKPOINTABLE_OBJECT_GRAPH": entry(GRAPH_DATA, (), 7, checksum=GRAPH_SUM)},
        GRAPH_DATA,
        CorruptFileError,
        "object that is not there",
    ),
    "object-graph-is-none": (
        {b"_CHECKPOINTABLE_OBJECT_GRAPH": entry(b"", (), 7, size=6, checksum=strings(b"\x07")[1])},
        strings(b"\x07")[0],
        CorruptFileError,
        "not a sound protocol buffer",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_hostile_checkpoints(name: str, tmp_path: Path) -> None:
    rows, data, error, text = BAD[name]
    folder = bundle(tmp_path / "native", rows, data)
    with pytest.raises(error, match=text):
        convert(folder, tmp_path / "x.candle")
    assert not (tmp_path / "x.candle").exists()


HEADERS = {
    "no-shards": (message((1, 0)), "no index"),
    "shards-bomb": (message((1, 1 << 40)), "no index"),
    "unknown-order": (message((1, 1), (2, 7)), "no index"),
    "later-version": (message((1, 1), (3, message((1, 9), (2, 9)))), "reader of version 9"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_something_else(name: str, tmp_path: Path) -> None:
    header, text = HEADERS[name]
    folder = bundle(tmp_path / "native", {b"v": entry(DATA, (24,))}, DATA, header)
    with pytest.raises(UnsupportedFormatError, match=text):
        CONVERTER.read(resolve_source(folder))


def test_too_many_pieces_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TENSOR_SLICES", 3)
    rows = {b"v": sliced((24,), *[piece((number, 1)) for number in range(4)])}
    with pytest.raises(LimitExceededError, match="more than 3 pieces"):
        CONVERTER.read(resolve_source(bundle(tmp_path / "a", rows, DATA)))
    monkeypatch.setattr(limits, "TENSOR_TILES", 1)
    key = [((0, 4), (2 * number, 2)) for number in range(3)]
    rows = {b"v": sliced((4, 6), *[piece(*row) for row in key])}
    rows |= {piece_key("v", row): entry(DATA, (4, 2), offset=32 * n, size=32) for n, row in enumerate(key)}
    with pytest.raises(LimitExceededError, match="more than 1 pieces"):
        CONVERTER.read(resolve_source(bundle(tmp_path / "b", rows, DATA)))


def test_too_many_strings_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TENSOR_STRINGS", 1)
    with pytest.raises(LimitExceededError, match="2 strings"):
        CONVERTER.read(resolve_source(bundle(tmp_path / "a", {b"v": entry(WORDS, (2,), 7)}, WORDS)))


def test_values_of_running_objects_stay_in_the_native_bytes(tmp_path: Path) -> None:
    body = b"x" * 99
    counted = len(body).to_bytes(8, "little") + body
    seal = masked(crc32c(counted)).to_bytes(4, "little")
    data = varint(len(body)) + body + seal
    rows = {b"iterator": entry(data, (), 21, checksum=masked(crc32c(counted + seal)))}
    rows |= {b"v": entry(b"", (0,), offset=len(data))}
    native = CONVERTER.read(resolve_source(bundle(tmp_path / "native", rows, data)))
    part = next(part for part in native.parts if part.what == "objects")
    assert (part.status, part.count) == ("residue", 1)
    assert "iterator" in part.reason
    made = convert(tmp_path / "native", tmp_path / "x.candle")
    assert not made.report.errors


@pytest.mark.parametrize("packed", [False, True])
def test_an_index_that_tensorflow_reads_too(packed: bool, tmp_path: Path) -> None:
    import tensorflow as tf

    rows = {b"v": entry(DATA, (4, 6)), b"words": entry(WORDS, (2,), 7, offset=96, checksum=WORDS_SUM)}
    folder = bundle(tmp_path / "native", rows, DATA + WORDS, packed=packed)
    reader = tf.train.load_checkpoint(str(folder / "drug"))
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    assert np.array_equal(made.tensor("model", "v"), reader.get_tensor("v"))
    assert made.tensor("model", "words").tolist() == reader.get_tensor("words").tolist() == [b"TP53", b"KRAS"]


def test_big_endian_numbers(tmp_path: Path) -> None:
    import tensorflow as tf

    values = (np.arange(24) / 7).astype(">f4")
    pairs = (np.arange(4) + 1j).astype(">c16")
    data = values.tobytes() + pairs.tobytes()
    rows = {b"v": entry(data[:96], (4, 6)), b"z": entry(data[96:], (4,), 18, offset=96)}
    folder = bundle(tmp_path / "native", rows, data, message((1, 1), (2, 1), (3, message((1, 1)))))
    made = Checkpoint(convert(folder, tmp_path / "x.candle").path)
    reader = tf.train.load_checkpoint(str(folder / "drug"))
    assert np.array_equal(made.tensor("model", "v"), values.reshape(4, 6))
    assert np.array_equal(made.tensor("model", "v"), reader.get_tensor("v"))
    assert np.array_equal(made.tensor("model", "z"), pairs)
    words = bundle(tmp_path / "b", {b"v": entry(WORDS, (2,), 7)}, WORDS, message((1, 1), (2, 1)))
    with pytest.raises(UnsupportedFormatError, match="big-endian"):
        CONVERTER.read(resolve_source(words))


def test_a_changed_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    """Every byte of index and shard is under a checksum: a change gives an error, or (in a gap) the same tensors."""
    folder = files.copy_of(files.keras_2_weights, tmp_path / "native")
    expected = _digests(tmp_path / "whole.candle", folder)
    chance = random.Random(11)
    for path in (next(folder.glob("*.index")), next(folder.glob("*.data-*"))):
        data = path.read_bytes()
        for number in range(60):
            changed = bytearray(data)
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            target = tmp_path / f"{path.suffix}{number}.candle"
            try:
                assert _digests(target, folder) == expected
            except CandleSpecError:
                assert not target.exists()
        path.write_bytes(data)


def _digests(target: Path, folder: Path) -> dict[str, Any]:
    made = Checkpoint(convert(folder, target).path)
    arrays = {tensor.name: made.tensor(tensor.group, tensor.name) for tensor in made.tensors}
    return {name: array.tolist() if array.dtype == object else array.tobytes() for name, array in arrays.items()}


def test_a_cut_index_or_shard_is_noticed(tmp_path: Path) -> None:
    folder = files.copy_of(files.tf1_saver, tmp_path / "native")
    for path in sorted(folder.iterdir()):
        if path.name == "checkpoint":
            continue
        data = path.read_bytes()
        for part in range(1, 12):
            path.write_bytes(data[: len(data) * part // 12])
            with pytest.raises(CandleSpecError):
                convert(folder, tmp_path / "x.candle")
        path.write_bytes(data)


def test_copies_that_differ_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = files.copy_of(files.keras_3_export, tmp_path / "native")
    from candle_spec.converters._shared.tensorflow import checksums, variables
    from candle_spec.converters.tensorflow_savedmodel import CONVERTER as SAVED_MODEL

    native = SAVED_MODEL.read(resolve_source(folder))
    twins = [check for check in native.checks if isinstance(check, variables.Twins)]
    assert len(twins) == 8
    assert all(check() == "" for check in twins)
    shard = next(folder.glob("variables/*.data-*"))
    data = bytearray(shard.read_bytes())
    largest = max(twins, key=lambda check: check.first.size)
    data[largest.first.offset] ^= 1
    shard.write_bytes(data)
    monkeypatch.setattr(checksums.Comparison, "__call__", lambda self: "")
    with pytest.raises(CorruptFileError, match="two copies"):
        largest()


def test_names_stay_as_they_are(tmp_path: Path) -> None:
    name = "ä b/../\u202e:0".encode()
    rows = {name: entry(DATA, (24,)), b"\xff\xfe": entry(DATA, (24,), offset=96)}
    folder = bundle(tmp_path / "native", rows, DATA * 2)
    native = CONVERTER.read(resolve_source(folder))
    assert {tensor.name for tensor in native.tensors} == {name.decode(), "\udcff\udcfe"}
    made = convert(bundle(tmp_path / "b", {name: rows[name]}, DATA), tmp_path / "x.candle")
    assert not made.report.errors
