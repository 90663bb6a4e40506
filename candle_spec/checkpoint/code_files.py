"""Files that could run when somebody opens them: program code and pickles, by name or by first bytes (CS-081)."""

from __future__ import annotations

import io
import pickletools
import re
import zlib
from typing import Any, Final

from candle_spec.checkpoint.archive_names import names_inside

START: Final = 1 << 16
"""Bytes from the start of a file that are looked at."""

_SOURCES: Final = tuple(
    ".py .pyx .ipynb .r .rmd .jl .c .cc .cpp .cu .cuh .java .js .lua .pl .rb .sh .bash .bat .cmd .ps1".split()
)
_PROGRAMS: Final = tuple(".pyc .pyo .pyd .so .dll .dylib .exe .wasm .class .jar".split())
_PICKLES: Final = tuple(".pkl .pickle .joblib .dill .pt .pth .ckpt".split())
_RECIPES: Final = re.compile(r"(dockerfile(\..*)?|containerfile|makefile)\Z", re.DOTALL)
"""Files without a suffix whose lines are run."""

_STARTS: Final = (
    (b"\x7fELF", "a program for Linux"),
    (b"MZ", "a program for Windows"),
    (b"#!", "a script"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
    (b"\xce\xfa\xed\xfe", "a program for macOS"),
    (b"\xca\xfe\xba\xbe", "a program for macOS or Java"),
    (b"\0asm", "a program for WebAssembly"),
)
_WORD: Final = rb"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED: Final = _WORD + rb"(\." + _WORD + rb")*([ \t]+as[ \t]+" + _WORD + rb")?"
_IMPORT: Final = re.compile(
    rb"import[ \t]+" + _DOTTED + rb"([ \t]*,[ \t]*" + _DOTTED + rb")*[ \t]*(#.*)?"
    rb"|from[ \t]+(\.+|\.*" + _WORD + rb"(\." + _WORD + rb")*)[ \t]+import[ \t]+[(*A-Za-z_].*"
)
_QUOTES: Final = (b'"""', b"'''")
_PROTOCOLS: Final = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_IMPORTS: Final = frozenset("GLOBAL INST STACK_GLOBAL EXT1 EXT2 EXT4".split())
_CALLS: Final = frozenset("REDUCE BUILD INST OBJ NEWOBJ NEWOBJ_EX".split())
_NAMES: Final = re.compile(r"[^\W\d][\w.]* [^\W\d][\w.]*")


def is_source(name: str) -> bool:
    """Whether a file is program code that people write, by its name."""
    last = name.lower().rpartition("/")[2]
    return last.endswith(_SOURCES) or _RECIPES.match(last) is not None


def kind_of_code(name: str, start: bytes, *, packed: bool = True) -> str:
    """Return what kind of code a file is; nothing if it looks like none.

    Args:
        name: Its name.
        start: Its first :data:`START` bytes, or all of them where it has fewer.
        packed: Whether to look into what gzip compressed.
    """
    return _by_name(name) or _by_bytes(start) or (_packed(start) if packed else "")


def _by_name(name: str) -> str:
    last = name.lower().rpartition("/")[2]
    if is_source(last) or last.endswith(_PROGRAMS):
        return "program code by its name"
    return "a pickle by its name" if last.endswith(_PICKLES) else ""


def _by_bytes(start: bytes) -> str:
    for magic, what in _STARTS:
        if start.startswith(magic):
            return what
    if is_pickle(start):
        return "a pickle"
    if begins_as_python(start):
        return "Python source"
    inner = next(filter(_by_name, names_inside(start)), "")
    return f"an archive with {inner!r}" if inner else ""


def _packed(start: bytes) -> str:
    """Return what kind of code a file holds that is compressed by gzip."""
    if not start.startswith(b"\x1f\x8b"):
        return ""
    try:
        inner = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, START)
    except zlib.error:
        return ""
    found = _by_bytes(inner)
    return f"{found} compressed" if found else ""


def is_pickle(start: bytes) -> bool:
    """Whether first bytes are those of a pickle, by its opcodes; nothing of it is run.

    They are, with what each takes from the stack there, if they come to one that calls what one before it named; to
    STOP with one item, where the file begins with a protocol, imports something or ends there; or, after a protocol,
    to the end of what is looked at.
    """
    protocol = start.startswith(_PROTOCOLS)
    stack: list[bool] = []
    file, imported = io.BytesIO(start), False
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if not _stack_after(opcode, stack):
                return False
            if opcode.name in ("GLOBAL", "INST") and not _NAMES.fullmatch(str(argument)):
                return False
            imported |= opcode.name in _IMPORTS
            if imported and opcode.name in _CALLS:
                return True
        return not stack and (protocol or imported or file.tell() == len(start))
    except ValueError:  # an opcode that is none, or an argument that is not whole
        return protocol and len(start) >= START and file.tell() == len(start)


def begins_as_python(start: bytes) -> bool:
    """Whether the first line that is neither blank nor a comment nor in a docstring is an import of Python."""
    closing = b""
    for line in start.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        text = line.removesuffix(b"\r").rstrip(b" \t")
        if closing:
            closing = b"" if text.endswith(closing) else closing
        elif text.startswith(_QUOTES):
            closing = b"" if len(text) > 5 and text.endswith(text[:3]) else text[:3]
        elif text and not text.startswith(b"#"):
            return _IMPORT.fullmatch(text) is not None
    return False


def _stack_after(opcode: Any, stack: list[bool]) -> bool:
    """Do with the stack what an opcode does, a mark being true; whether it found what it takes."""
    takes = list(opcode.stack_before)
    if pickletools.markobject in takes or (opcode.name == "POP" and stack and stack[-1]):
        while stack and not stack[-1]:
            stack.pop()
        if not stack:
            return False
        stack.pop()
        takes = takes[: takes.index(pickletools.markobject)] if pickletools.markobject in takes else []
    if len(stack) < len(takes) or any(stack[len(stack) - len(takes) :]):
        return False
    del stack[len(stack) - len(takes) :]
    stack += (each is pickletools.markobject for each in opcode.stack_after)
    return True
