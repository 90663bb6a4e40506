"""Addresses of services, and what is sent to them alone: secrets."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from candle_spec.errors import InvalidInputError


class Secret:
    """A password or a token: it is shown nowhere unless asked for by :meth:`reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, for a request's header alone."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__


def checked_url(url: str, *, usual: str) -> str:
    """Return the address of a service to which a secret may be sent.

    Args:
        url: The address.
        usual: The one that the service has for everybody, for the hint.

    Raises:
        InvalidInputError: It is none: no https, or a user in it.
    """
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise InvalidInputError(
            "this is no address of a service", location=url.rpartition("@")[2], hint=f"such as {usual}"
        )
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)):
        return url.rstrip("/")
    raise InvalidInputError("a password and a token are sent over https alone", location=url, hint=f"such as {usual}")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> str:
    """Return scheme, host and port of an address: the place that a secret is for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
