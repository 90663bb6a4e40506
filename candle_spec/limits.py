"""Bounds on what is read from files of strangers: sizes, counts, depths, ratios.

Nothing in a file is trusted: a number that a file states is compared with these bounds and with the file's real
size *before* memory is allocated. The bounds are wide enough for every real checkpoint known to us.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

JSON_BYTES: Final = 256 * MIB
"""Size of a JSON or YAML document (a state tree of a large optimizer is tens of MB)."""

MANIFEST_BYTES: Final = 4 * MIB
"""Size of a manifest: what people, services and remote readers take in one piece."""

JSON_DEPTH: Final = 256
"""Nesting of a JSON or YAML document: a state tree takes three levels for each native one."""

YAML_ALIASES: Final = 100
"""Aliases in a YAML document: a handful is a convenience, thousands are a bomb."""

YAML_BYTES: Final = MIB
"""Size of a YAML document: people write them; what programs write is JSON, which is read a hundred times faster."""

YAML_LINE_DEPTH: Final = 100
"""Brackets that are open at once in a line of YAML: the time to read a line grows with the square of them."""

YAML_NODES: Final = 200_000
"""Values in a YAML document after its aliases are expanded."""

SAFETENSORS_HEADER: Final = 100_000_000
"""Size of a safetensors header, the limit of the format itself."""

TENSOR_RANK: Final = 64
"""Dimensions of a tensor (NumPy's limit)."""

TENSOR_BYTES: Final = 1 << 50
"""Bytes of one tensor, stored; a shape that asks for more is nonsense."""

PICKLE_BYTES: Final = 512 * MIB
"""Size of one pickle stream without its tensor storages."""

PICKLE_OPCODES: Final = 50_000_000
"""Opcodes of one pickle stream."""

ZIP_ENTRIES: Final = 1_000_000
"""Entries of a zip archive."""

ZIP_RATIO: Final = 1_100
"""Unpacked to packed bytes of a deflated zip entry: deflate itself cannot exceed 1032."""

ZIP_INFLATED: Final = 1 << 31
"""Unpacked bytes of one deflated zip entry that is read into memory."""

HDF5_OBJECTS: Final = 1_000_000
"""Objects in an HDF5 file."""

HDF5_DEPTH: Final = 256
"""Nesting of groups in an HDF5 file."""

PROTOBUF_DEPTH: Final = 100
"""Nesting of messages in a protocol buffer, the limit of the official readers."""

SETTINGS_BYTES: Final = MIB
"""Size of a text with the settings or scores of a training run."""

UBJSON_DEPTH: Final = 64
"""Nesting of a UBJSON document: a model of XGBoost takes eight."""

UBJSON_VALUES: Final = 20_000_000
"""Values of a UBJSON document, an array of numbers of one type counted once."""

BOOSTER_BYTES: Final = 2048 * MIB
"""Size of a model of boosted trees: ten thousand trees of 255 leaves take about 250 MB."""

BOOSTER_TREES: Final = 1_000_000
"""Trees of one model."""

BOOSTER_CONTAINERS: Final = 10_000_000
"""Lists and objects in a model written as JSON, about fifteen for each tree."""

SSTABLE_BYTES: Final = 512 * MIB
"""Size of a sorted string table, packed and unpacked: the index of a million tensors takes about 100 MB."""

TENSOR_SLICES: Final = 100_000
"""Pieces in which a checkpoint keeps one tensor: one for each parameter server."""

TENSOR_TILES: Final = 2_000
"""Pieces of one tensor that is cut along other axes than the first: each is compared with each."""

TENSOR_STRINGS: Final = 20_000_000
"""Strings of one tensor: the length of each is read before its bytes are."""

STRING_BYTES: Final = 256 * MIB
"""Bytes of one tensor of strings, padding included where all have one size: it is read, and made, in memory."""

GRAPH_NODES: Final = 5_000_000
"""Nodes of a graph (TensorFlow, ONNX) with those of its functions."""

ONNX_TENSORS: Final = 1_000_000
"""Tensors of an ONNX model, those in attributes included: large language models have a few thousand."""

GRAPH_CONSTANTS: Final = 256 * MIB
"""Bytes of all constants of a graph that are not written out, but made from a repeated last value."""

DESCRIPTION_BYTES: Final = 64 * MIB
"""Size of a document beside a model that describes it: a tokenizer's vocabulary of 250,000 words takes 17 MB."""

ARCHIVE_FILES: Final = 100_000
"""Files in an archive that is unpacked."""

ARCHIVE_BYTES: Final = 1 << 40
"""Bytes of everything in an archive, unpacked."""

ARCHIVE_RATIO: Final = 200
"""Unpacked to packed bytes of an archive as a whole, beyond the first ``ARCHIVE_SMALL``: weights hardly shrink."""

ARCHIVE_SMALL: Final = 256 * MIB
"""Bytes that an archive may unpack to whatever its ratio."""

ARCHIVE_DEPTH: Final = 3
"""Archives inside archives."""

ARCHIVE_LOOK: Final = 8 * MIB
"""Bytes of a packed archive that are unpacked to see what is in it."""

ARCHIVE_HEADER: Final = MIB
"""Size of a tar archive's extended header of one file."""

XZ_MEMORY: Final = 256 * MIB
"""Memory that unpacking an xz file may take: its strongest usual setting takes 65 MiB."""

NPY_HEADER: Final = 64 * KIB
"""Size of the header of a ``.npy`` array: a record of a thousand fields takes 30 KiB."""

NPY_ITEM: Final = MIB
"""Size of one item of a ``.npy`` array: a record, or a string."""

MSGPACK_DEPTH: Final = 200
"""Nesting of a MessagePack document: each layer of a Flax module takes one or two."""

MSGPACK_VALUES: Final = 20_000_000
"""Values in a MessagePack document."""

MSGPACK_BYTES: Final = 64 * MIB
"""Size of a byte string in a MessagePack document that is no array."""

ORBAX_CHUNK: Final = 1 << 31
"""Bytes of one chunk of a zarr array, unpacked; more only where the folder itself holds a quarter of them."""

ORBAX_CACHE: Final = 64 * MIB
"""Memory in which TensorStore may keep unpacked chunks and nodes of its database."""

ORBAX_SLAB: Final = 256 * MIB
"""Bytes of a zarr array that are read at once, if one chunk is not larger than that."""

ORBAX_RATIO: Final = 100_000
"""Unpacked to packed bytes of a folder of zarr arrays: zstd packs zeros a ten-thousandfold."""

FLATBUFFER_LOOKS: Final = 20_000_000
"""Numbers that are looked at in a FlatBuffer: a graph of 10,000 operators takes a million."""

SERVICE_ANSWER: Final = 64 * MIB
"""Bytes of one JSON answer of a remote service: a page of ten thousand hits of a query takes about 40 MB."""

ONNX_STRINGS: Final = 256 * MIB
"""Bytes of one ONNX tensor of strings, or of the places of a sparse one, which are read into memory."""
