"""Program code and pickles, told by names and by first bytes: what could run is found, what could not is left alone."""

from __future__ import annotations

import collections
import gzip
import io
import os
import pickle
import pickletools
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.checkpoint.code_files import START, is_pickle, is_source, kind_of_code

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Calling:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


VALUES: dict[str, Any] = {
    "nothing": None,
    "numbers": [1, 2.5, 10**30, True],
    "text": "TP53",
    "bytes": b"\0\1",
    "nested": [1, [2, {"a": (1, (2, 3, 4, 5))}]],
    "sets": {1, frozenset({2})},
    "shared": [[1]] * 3,
    "a class": collections.OrderedDict,
    "an object": collections.OrderedDict(a=1),
    "a call": Calling(),
    "many calls": [Calling()] * 3,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", VALUES)
def test_every_pickle(name: str, protocol: int) -> None:
    data = pickle.dumps(VALUES[name], protocol)
    assert is_pickle(data)
    assert is_pickle(pickletools.optimize(data))
    assert kind_of_code("model.bin", data) == "a pickle"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_that_would_run_before_it_fails(protocol: int) -> None:
    data = pickle.dumps(Calling(), protocol)
    assert is_pickle(data + b"\xff\xff")
    assert is_pickle(data.removesuffix(b".") + b"\xff\xff")


@pytest.mark.parametrize("protocol", PROTOCOLS[2:])
def test_one_that_is_larger_than_what_is_looked_at(protocol: int) -> None:
    for value in (b"x" * 2 * START, list(range(START))):
        assert is_pickle(pickle.dumps(value, protocol)[:START])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0.5\n",
        b"2.5\n",
        b"N. Smith\n",
        b"cMYC\nTP53\nBRCA1\n",
        b"cell\nline\nfoo.\n",
        b"chromosome,start\n1,2\n",
        b"(in vitro)\nfoo\n",
        b"I am\nhere.\n",
        b"tree\nversion=v3\n",
        b"{}",
        b"[1]",
        b"\x80\x02" + b"\0" * 700,
        b"\x80\x04\x95",
        b"\x80\x09N. and more",
        b"(.",
        b"NN.",
    ],
)
def test_what_only_looks_like_one(data: bytes) -> None:
    assert not is_pickle(data)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Whatever a loader would take to its end, and would import something for, is found."""

    class Loader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            raise ZeroDivisionError

    class Plain(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return dict

    try:
        Plain(io.BytesIO(data)).load()
    except Exception:  # noqa: BLE001 - no pickle
        return
    try:
        Loader(io.BytesIO(data)).load()
    except ZeroDivisionError:
        assert is_pickle(data)
    except Exception:  # noqa: BLE001 - no pickle
        return


@pytest.mark.parametrize("data", [b"(" * START, b"]2" + b"20" * (START // 2 - 1), b"N" * (START // 2) + b"(1" * 9_999])
def test_nothing_takes_long(data: bytes) -> None:
    assert not is_pickle(data)


@pytest.mark.parametrize("name", ["a.PY", "b/fit.R", "n.ipynb", "k.cu", "x.jl", "Dockerfile", "d/dockerfile.gpu"])
def test_sources(name: str) -> None:
    assert is_source(name)
    assert kind_of_code(name, b"") == "program code by its name"


@pytest.mark.parametrize("name", ["genes.txt", "py", "a.pyx.txt", "model.onnx", "mydockerfile", "for.r.csv"])
def test_no_sources(name: str) -> None:
    assert not is_source(name)
    assert kind_of_code(name, b"gene\n") == ""


@pytest.mark.parametrize(
    "start", [b"\x7fELF\2", b"MZ\x90", b"#!/bin/sh", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\0asm\1\0\0\0"]
)
def test_programs_by_their_bytes(start: bytes) -> None:
    assert kind_of_code("weights.bin", start)


@pytest.mark.parametrize(
    "text",
    [
        "import os\n\nos.system('true')\n",
        "# -*- coding: utf-8 -*-\n\nfrom os import system\n",
        '"""What it does."""\nimport os, sys as s  # both\n',
        "'''\nWhat\nit does.\n'''\r\nfrom . import (a,\r\n",
        "\ufeffimport torch.nn as nn\n",
        "from __future__ import annotations",
    ],
)
def test_python_without_its_suffix(text: str) -> None:
    assert kind_of_code("notes", text.encode()) == "Python source"
    assert kind_of_code("notes.gz", gzip.compress(text.encode())) == "Python source compressed"


@pytest.mark.parametrize(
    "text",
    [
        "import the model first\n",
        "from Paris\n",
        "important\n",
        "# notes\nTo run it:\n\nimport torch\n",
        '"""never closed\nimport os\n',
        "imports,exports\n1,2\n",
        "from,to\n",
        '{"import": 1}',
    ],
)
def test_texts_that_are_no_python(text: str) -> None:
    assert kind_of_code("notes", text.encode()) == ""


def _zip(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"x" * 1000)
    return data.getvalue()


def _tar(*names: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name in names:
            about = tarfile.TarInfo(name)
            about.size = 1000
            archive.addfile(about, io.BytesIO(b"x" * 1000))
    return data.getvalue()


@pytest.mark.parametrize("make", [_zip, _tar, lambda *names: gzip.compress(_tar(*names))], ids=["zip", "tar", "tar.gz"])
def test_what_an_archive_names(make: Callable[..., bytes]) -> None:
    assert "an archive with 'archive/data.pkl'" in kind_of_code("scaler.bin", make("a.txt", "archive/data.pkl"))
    assert kind_of_code("genes.bin", make("genes.txt", "weights/w.npy")) == ""


def test_a_model_of_torch_by_any_name() -> None:
    assert (
        kind_of_code("weights.bin", _zip("archive/data.pkl", "archive/data/0")) == "an archive with 'archive/data.pkl'"
    )


@pytest.mark.parametrize("data", [b"PK\3\4" * 16_000, b"\x1f\x8b" + b"\0" * 99, b"PK\3\4", _tar("a.txt")[:300]])
def test_archives_that_are_none(data: bytes) -> None:
    assert kind_of_code("x.bin", data) == ""


def test_what_is_packed_is_not_unpacked_whole() -> None:
    assert kind_of_code("x.gz", gzip.compress(bytes(50_000_000))[:START]) == ""
