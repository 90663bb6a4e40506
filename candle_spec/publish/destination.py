"""What a destination is: a service that checkpoints are published to and fetched from.

**To add a service**: an object that satisfies :class:`Destination`, announced by the entry point group
``candle_spec.destinations`` under the name that ``publish --to NAME`` and ``fetch NAME:…`` take. A template of that
name, if there is one, makes its records. Nothing else: the commands find it.

* :meth:`Destination.prepared` makes everything that would be sent and says what speaks against it, without a word to
  the service. :mod:`candle_spec.publish.draft` makes a record with files, :class:`candle_spec.publish.shipment.Files`
  is most of the shipment.
* :meth:`Destination.published` finds what there is to fetch; files come in by
  :mod:`candle_spec.remote.incoming`, the checkpoint is put together and validated elsewhere.

A destination is loaded whenever a template of its name is asked for, hundreds of times a day: what publishing needs is
imported where it is used. :class:`candle_spec.publish.service_package.ServicePackage` does that for a package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from candle_spec.digests import Progress, no_progress
from candle_spec.errors import InvalidInputError

if TYPE_CHECKING:
    from candle_spec.publish.published import Published
    from candle_spec.publish.remarks import Remark
    from candle_spec.publish.sources import Selection
    from candle_spec.repositories.packs.pack import Pack


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a destination lets its caller choose.

    Attributes:
        name: Its name, as a program gives it: ``token_file``; on the command line ``--token-file``.
        help: What it does, in a sentence.
        kind: A text, a path, or a flag that is on or off.
        many: Whether it may be given more than once; the value is then a tuple.
        required: Whether it must be given.
        default: The text that is taken where none is given; ``None`` for a path.
        placeholder: What the help shows in the place of a value.
        replaces_checkpoint: Whether it stands instead of a checkpoint.
    """

    name: str
    help: str
    kind: Literal["text", "path", "flag"] = "text"
    many: bool = False
    required: bool = False
    default: str | None = None
    placeholder: str = ""
    replaces_checkpoint: bool = False

    @property
    def nothing(self) -> Any:
        """Its value where none is given."""
        if self.kind == "flag":
            return False
        return () if self.many else self.default


ACCEPT_PERSONAL: Final = Option("accept_personal", "Send personal paths, addresses, UIDs that were found.", kind="flag")
OUT: Final = Option("out", "With --dry-run: folder for the files and requests that would be sent.", kind="path")
TOKEN_FILE: Final = Option("token_file", "File with the token, instead of the environment.", kind="path")


@contextmanager
def no_bar(what: str, total: int) -> Iterator[Progress]:
    """Yield a function that shows nothing."""
    yield no_progress


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told what goes on: nobody, unless somebody is there.

    Attributes:
        tell: Called with a line for each thing that was done.
        bar: Called with what is done and its bytes; yields what is called with the bytes that were done.
    """

    tell: Callable[[str], None] = lambda line: None
    bar: Callable[[str, int], AbstractContextManager[Progress]] = no_bar


@dataclass(frozen=True, slots=True)
class Access:
    """How something is fetched.

    Attributes:
        url: Address of the service, instead of its usual one.
        token_file: File with the token, instead of the environment.
        series: Whether all epochs are wanted, where a service does not say by itself that it holds a series.
    """

    url: str = ""
    token_file: Path | None = None
    series: bool = False

    def refuse_series(self, title: str) -> None:
        """Refuse that all epochs are asked for, at a service that says itself what it holds.

        Raises:
            InvalidInputError: They are asked for.
        """
        if self.series:
            raise InvalidInputError(f"--series is not for {title}: a series is found there by itself")


@dataclass(frozen=True, slots=True)
class Overview:
    """A shipment for people.

    Attributes:
        place: Where it goes.
        size: Bytes to send.
        counts: How many of what, by the word for one of them.
        rows: Size in bytes, or the kind of what is no file, and the name at the service.
        host: The service, where ``place`` does not name it.
    """

    place: str
    size: int
    counts: Mapping[str, int]
    rows: Sequence[tuple[int | str, str]]
    host: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, as the service confirmed it: where it is, the receipt, and where the receipt stands."""

    place: str
    receipt: Mapping[str, Any]
    receipt_path: Path


class Shipment(Protocol):
    """All that would be sent, ready."""

    @property
    def overview(self) -> Overview | None:
        """What would be sent; ``None`` where not even its place is known."""
        ...

    @property
    def remarks(self) -> Sequence[Remark]:
        """What is wrong, or not known."""
        ...

    @property
    def blocked(self) -> bool:
        """Whether it must not be sent; what its owner accepted no longer counts."""
        ...

    @property
    def hint(self) -> str:
        """What would help where its place is not known, or ``""``."""
        ...

    def report(self) -> Mapping[str, Any]:
        """Return the shipment for programs, as JSON."""
        ...

    def write(self, *, dry_run: bool) -> str:
        """Write what would be sent into the folder that an option names.

        Args:
            dry_run: Whether nothing is to be sent anyway.

        Returns:
            What to tell; ``""`` where no folder is named. What was written is not sent.
        """
        ...

    def send(self, audience: Audience) -> Sent:
        """Send it, or what is missing of it, and keep a receipt.

        Raises:
            CandleSpecError: One of its children says what went wrong; the same call goes on.
        """
        ...


class Destination(Protocol):
    """A service."""

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    @property
    def about(self) -> str:
        """What publishing there means, in a paragraph or two."""
        ...

    @property
    def form(self) -> str:
        """What stands behind its name where something is fetched: ``OWNER/NAME[@REVISION]``."""
        ...

    @property
    def options(self) -> Sequence[Option]:
        """What a publisher may choose, beside what every destination takes."""
        ...

    def informed(self, pack: Pack) -> Pack:
        """Return the template of the service with what was learnt about the service since it was written."""
        ...

    def prepared(
        self, selection: Selection, values: Mapping[str, Any], audience: Audience
    ) -> AbstractContextManager[Shipment]:
        """Make everything that would be sent; nothing is sent, and nobody is asked.

        Args:
            selection: What is published.
            values: The options by their names.
            audience: Who is told.

        Raises:
            CandleSpecError: One of its children says what is wrong with the selection or a value.
        """
        ...

    def published(self, address: str, access: Access) -> AbstractContextManager[Published]:
        """Find what there is to fetch.

        Args:
            address: What stands behind the name of the service.
            access: How it is fetched.

        Raises:
            CandleSpecError: One of its children says what is wrong with the address, or with the service's answer.
        """
        ...


def complete(options: Sequence[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every option: the one that is given, or its default.

    Args:
        options: The options.
        values: Values by the names of options.

    Raises:
        InvalidInputError: There is no such option, or one that must be given is not.
    """
    unknown = sorted(set(values) - {option.name for option in options})
    missing = [option.name for option in options if option.required and not values.get(option.name)]
    if unknown or missing:
        words = f"there is no option {', '.join(unknown)}" if unknown else f"not given: {', '.join(missing)}"
        raise InvalidInputError(words)
    return {option.name: values.get(option.name, option.nothing) for option in options}
