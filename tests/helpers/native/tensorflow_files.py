"""Makers of TensorFlow checkpoints: by TensorFlow itself, each once for all tests, and small ones byte by byte."""

from __future__ import annotations

import atexit
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from candle_spec.readers.crc32c import crc32c, masked
from candle_spec.readers.signatures import SSTABLE


@cache
def _made(maker: Callable[[Path], None]) -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    maker(folder)
    return folder


def copy_of(maker: Callable[[Path], None], target: Path) -> Path:
    """Return a copy of what a maker makes; it is run once."""
    shutil.copytree(_made(maker), target)
    return target


def _data() -> tuple[Any, Any]:
    chance = np.random.default_rng(5)
    return chance.standard_normal((8, 4), "f4"), chance.standard_normal((8, 1), "f4")


def keras_3_model() -> Any:
    """A model that was trained for one step."""
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(40, name="dose"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(1, name="out"),
        ],
        name="drug",
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(*_data(), verbose=0)
    return model


def keras_2_model(*, legacy: bool = False) -> Any:
    """A model of Keras 2 that was trained for one step."""
    import tf_keras

    tf_keras.utils.set_random_seed(3)
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((4,), name="genes"),
            layers.Dense(40, name="dose"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(1, name="out"),
        ],
        name="drug",
    )
    model.compile(tf_keras.optimizers.legacy.Adam() if legacy else "adam", "mse", metrics=["mae"])
    model.fit(*_data(), verbose=0)
    return model


def keras_3_objects(folder: Path) -> None:
    """A checkpoint of objects: Keras 3 files the weights under the optimizer."""
    import tensorflow as tf

    tf.train.Checkpoint(model=keras_3_model(), step=tf.Variable(7, dtype=tf.int64)).save(str(folder / "drug"))


def keras_2_weights(folder: Path) -> None:
    """``save_weights`` of Keras 2, with slots of its old optimizer."""
    keras_2_model(legacy=True).save_weights(str(folder / "drug"))


def all_dtypes(folder: Path) -> None:
    """Tensors of every dtype that TensorFlow saves."""
    import tensorflow as tf
    from tensorflow.python.framework import dtypes

    chance = np.random.default_rng(2)
    bits = chance.integers(0, 256, (3, 5, 16), np.uint8)
    names = """float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 complex64 complex128 bfloat16
    float8_e5m2 float8_e4m3fn float8_e4m3fnuz float8_e5m2fnuz float8_e4m3b11fnuz""".split()
    held: dict[str, Any] = {name: tf.constant(bits.view(getattr(dtypes, name).as_numpy_dtype)) for name in names}
    for name in ("int4", "uint4", "int2", "uint2", "float4_e2m1fn"):
        signed = -2 if name.startswith("int") else 0
        numbers = chance.integers(signed, signed + 4, (5, 20)).astype(getattr(dtypes, name).as_numpy_dtype)
        held[name] = tf.constant(numbers)
    for name, of in (("qint8", "i1"), ("quint8", "u1"), ("qint16", "i2"), ("quint16", "u2"), ("qint32", "i4")):
        held[name] = tf.constant(bits.view(of), dtype=getattr(dtypes, name))
    held["bool"] = tf.constant(bits > 99)
    held["empty"] = tf.zeros((0, 3))
    held["strings"] = tf.constant([[b"TP53", b"\xff\x00"], [b"", b"EGFR" * 100]])
    held["no_strings"] = tf.constant([], tf.string)
    tf.raw_ops.SaveV2(
        prefix=str(folder / "drug"),
        tensor_names=list(held),
        shape_and_slices=[""] * len(held),
        tensors=[*held.values()],
    )


def tf1_saver(folder: Path) -> None:
    """Index, shard and graph of TensorFlow 1: with slots, averages, partitioned variables, a large constant."""
    _tf1(lambda v1, session, _: v1.train.Saver().save(session, str(folder / "drug.ckpt"), 12))


def tf1_saved_model(folder: Path) -> None:
    """A SavedModel of TensorFlow 1."""
    _tf1(lambda v1, session, ends: v1.saved_model.simple_save(session, str(folder / "drug"), *ends))
    for path in (folder / "drug").iterdir():
        path.rename(folder / path.name)
    (folder / "drug").rmdir()


def tf1_frozen(folder: Path) -> None:
    """A frozen graph of TensorFlow 1."""

    def freeze(v1: Any, session: Any, _: Any) -> None:
        graph = v1.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), ["out"])
        (folder / "drug.pb").write_bytes(graph.SerializeToString(deterministic=True))

    _tf1(freeze)


def tf1_version_1(folder: Path) -> None:
    """A checkpoint of the first version."""
    _tf1(lambda v1, session, _: v1.train.Saver(write_version=1).save(session, str(folder / "drug.ckpt")))


def _tf1(save: Callable[[Any, Any, Any], Any]) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(4)
        x = v1.placeholder(tf.float32, (None, 4), "x")
        kernel = v1.get_variable("dense/kernel", (4, 30), initializer=v1.random_normal_initializer())
        bias = v1.get_variable("dense/bias", (30,), initializer=v1.random_normal_initializer())
        rows = v1.get_variable(
            "rows", (10, 20), initializer=v1.random_normal_initializer(), partitioner=v1.fixed_size_partitioner(3)
        )
        columns = v1.get_variable(
            "columns",
            (7, 10),
            initializer=v1.random_normal_initializer(),
            partitioner=v1.fixed_size_partitioner(4, axis=1),
        )
        table = tf.constant(np.random.default_rng(0).standard_normal(500, "f4"), name="table")
        out = tf.nn.softmax(x @ kernel + bias, name="out")
        parts = [tf.reduce_sum(tf.convert_to_tensor(value)) for value in (rows, columns)]
        loss = tf.reduce_mean(out * tf.reduce_sum(table)) + tf.add_n(parts)
        step = v1.train.get_or_create_global_step()
        train = v1.train.AdamOptimizer().minimize(loss, global_step=step)
        average = tf.train.ExponentialMovingAverage(0.9)
        with tf.control_dependencies([train]):
            update = average.apply([kernel])
        session.run(v1.global_variables_initializer())
        session.run(update, {x: _data()[0]})
        save(v1, session, ({"x": x}, {"probability": out}))


def keras_3_export(folder: Path) -> None:
    """``model.export``: every variable twice."""
    keras_3_model().export(str(folder), verbose=False)


def keras_2_saved_model(folder: Path) -> None:
    """A SavedModel of Keras 2 with its metadata."""
    keras_2_model().save(str(folder), save_format="tf")


def module_saved_model(folder: Path) -> None:
    """A SavedModel of a module: a table from an asset, a large constant, Python code, reading of a file."""
    import tensorflow as tf

    vocabulary = folder.parent / "genes.txt"
    vocabulary.write_text("TP53\nEGFR\nKRAS\n")

    class Module(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(_data()[0], name="kernel")
            self.fixed = tf.Variable(tf.ones((2, 3)), trainable=False, name="fixed")
            rows = tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.table = tf.lookup.StaticHashTable(rows, -1)
            self.large = tf.constant(np.random.default_rng(1).standard_normal((40, 30), "f4"))

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "gene")])
        def __call__(self, gene: Any) -> Any:
            numbers = tf.cast(self.table.lookup(gene), tf.float32)
            text = tf.io.read_file("/etc/hostname")
            called = tf.numpy_function(lambda a: a, [numbers], tf.float32)
            return tf.reduce_sum(self.large) + called + tf.cast(tf.strings.length(text), tf.float32)

    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.__call__)


def tf2_frozen(folder: Path) -> None:
    """A frozen graph of TensorFlow 2."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model = keras_2_model()
    call = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec((None, 4), tf.float32))
    graph = convert_variables_to_constants_v2(call).graph.as_graph_def()
    (folder / "drug.pb").write_bytes(graph.SerializeToString(deterministic=True))


# Byte by byte: tables, bundles and messages that TensorFlow would not write.


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """A protocol buffer of varints and bytes."""
    return b"".join(
        varint(number << 3) + varint(value % (1 << 64))
        if isinstance(value, int)
        else varint(number << 3 | 2) + varint(len(value)) + value
        for number, value in fields
    )


def fixed32(number: int, value: int) -> bytes:
    return varint(number << 3 | 5) + struct.pack("<I", value)


def block(rows: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A block of a table, without shared beginnings of keys."""
    body = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in rows)
    return body + struct.pack("<II", 0, 1)


def trailer(data: bytes, kind: int = 0) -> bytes:
    return bytes([kind]) + struct.pack("<I", masked(crc32c(data + bytes([kind]))))


def snappy(data: bytes) -> bytes:
    """A snappy block: a literal, and a copy for the second half of what is the same twice."""
    half = len(data) // 2
    if half and len(data) % 2 == 0 and half < 60 and data[:half] == data[half:]:
        return varint(len(data)) + bytes([(half - 1) << 2]) + data[:half] + bytes([(half - 1) << 2 | 2, half, 0])
    pieces = [data[at : at + 60] for at in range(0, len(data), 60)]
    return varint(len(data)) + b"".join(bytes([(len(piece) - 1) << 2]) + piece for piece in pieces)


def table(blocks: Iterable[Iterable[tuple[bytes, bytes]]], *, packed: bool = False) -> bytes:
    """A sorted string table of some blocks."""
    out, handles = b"", []
    for rows in blocks:
        rows = list(rows)
        data = block(rows)
        if packed:
            data = snappy(data)
        handles.append((rows[-1][0], varint(len(out)) + varint(len(data))))
        out += data + trailer(data, int(packed))
    empty, index = block([]), block(handles)
    meta = varint(len(out)) + varint(len(empty))
    out += empty + trailer(empty)
    place = varint(len(out)) + varint(len(index))
    out += index + trailer(index)
    return out + (meta + place).ljust(40, b"\x00") + SSTABLE


def shape(*axes: int) -> bytes:
    """A ``TensorShapeProto``."""
    return message(*((2, message((1, axis))) for axis in axes))


def entry(data: bytes, axes: Iterable[int], dtype: int = 1, offset: int = 0, **more: Any) -> bytes:
    """An entry of an index."""
    fields: list[tuple[int, int | bytes]] = [(1, dtype), (2, shape(*axes)), (3, more.get("shard", 0)), (4, offset)]
    size = more.get("size", len(data))
    return message(*fields, (5, size)) + fixed32(6, more.get("checksum", masked(crc32c(data)))) + more.get("tail", b"")


HEADER = message((1, 1), (3, message((1, 1))))


def bundle(
    folder: Path, rows: Mapping[bytes, bytes], data: bytes, header: bytes = HEADER, *, packed: bool = False
) -> Path:
    """A checkpoint of one shard."""
    folder.mkdir(exist_ok=True)
    (folder / "drug.index").write_bytes(table([sorted({b"": header, **rows}.items())], packed=packed))
    (folder / "drug.data-00000-of-00001").write_bytes(data)
    return folder
