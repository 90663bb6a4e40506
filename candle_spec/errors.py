"""Errors raised by the package: one base class, each also the builtin that a caller would catch.

An error says what is wrong, where, and what to do. The command line prints ``message``, ``location`` and
``hint``; nothing but the command line turns an error into an exit code.
"""

from __future__ import annotations


class CandleSpecError(Exception):
    """Base of all errors of this package.

    Args:
        message: What is wrong, in one sentence.
        location: The file, and the place in it, for example ``"model.pt: data.pkl, byte 4096"``.
        hint: What the user can do about it.
        code: The check's permanent code (``CKPnnnn``) where the fault is one that validation reports.
    """

    refusal: str = "internal"
    """Class of a refused conversion (``schemas/vocabularies/refusals.json``)."""

    def __init__(self, message: str, *, location: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        text = f"{self.location}: {self.message}" if self.location else self.message
        return f"{text} ({self.hint})" if self.hint else text


class InvalidInputError(CandleSpecError, ValueError):
    """A value, a path or an option given by the caller cannot be used."""

    refusal = "unclear"


class MissingPathError(CandleSpecError, FileNotFoundError):
    """A path given by the caller does not exist, or holds nothing to work on."""

    refusal = "part-missing"


class CorruptFileError(CandleSpecError, ValueError):
    """A file breaks the rules of its own format: it was cut off, changed, or made by a faulty writer."""

    refusal = "damaged"


class EmptyFileError(CorruptFileError):
    """A file holds nothing."""

    refusal = "empty"


class TruncatedFileError(CorruptFileError):
    """A file ends before its content does: a copy or a download was interrupted."""

    refusal = "truncated"


class UnknownDtypeError(CorruptFileError):
    """A safetensors file holds a data type that is not known: of a checkpoint a fault, of a native file a newer one."""


class MissingPartError(CorruptFileError):
    """A checkpoint of several files lacks one that another of them names."""

    refusal = "part-missing"


class UnsafeContentError(CandleSpecError, ValueError):
    """Content that could harm: a path out of its folder, a link, a bomb. Most likely corrupted or malicious."""

    refusal = "unsafe"


class LimitExceededError(UnsafeContentError):
    """A size, count, depth or ratio is beyond the bound that protects memory and time."""


class UnsupportedFormatError(CandleSpecError, ValueError):
    """The content is of a kind or a version that cannot be read; the hint says what would help."""

    refusal = "unsupported"


class ForeignContentError(UnsupportedFormatError):
    """The content is no native checkpoint known here.

    Args:
        message: What it is.
        refusal: Its class: ``foreign``, or what a failed transfer left (``pointer``, ``error-page``, ``apple-double``).
        location: The file.
        hint: What would help.
    """

    def __init__(self, message: str, *, refusal: str = "foreign", location: str = "", hint: str = "") -> None:
        super().__init__(message, location=location, hint=hint)
        self.refusal = refusal


class UnknownVersionError(UnsupportedFormatError):
    """A document of this format, but of a version that this package does not know; never read as a neighbour."""


class OutputExistsError(CandleSpecError, FileExistsError):
    """The output is already there and the caller did not ask to replace it."""

    refusal = "output"


class WriteFailedError(CandleSpecError, OSError):
    """The system refused to write: full disk, no permission. Nothing half-written is left under the final name."""

    refusal = "output"


class SeriesInUseError(CandleSpecError, BlockingIOError):
    """Another process writes into the training series."""

    refusal = "output"


class MissingDependencyError(CandleSpecError, ImportError):
    """An optional package is not installed; the hint is the exact install line."""

    refusal = "needs-package"


class UntrustedCodeError(CandleSpecError, PermissionError):
    """The operation would run code that a checkpoint names, and the caller did not allow it."""


class ProofFailedError(CandleSpecError, RuntimeError):
    """A conversion did not reproduce the native file or its tensors: nothing was committed."""

    refusal = "not-proved"


class ServiceError(CandleSpecError, ConnectionError):
    """A remote service cannot be reached, breaks off, or answers what cannot be used."""


class ServiceRefusedError(CandleSpecError, RuntimeError):
    """A remote service understood a request and refused it; the message holds its own words."""


class LoginError(CandleSpecError, PermissionError):
    """A remote service does not know the user, or no credentials were given."""
