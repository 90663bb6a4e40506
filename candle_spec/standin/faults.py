"""Faults on purpose: what a network, a tired server or a hostile one does to a client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from candle_spec.errors import InvalidInputError

KINDS: Final = {
    "drop-request": "close the connection after `at` bytes of the request's body",
    "drop-response": "close the connection after `at` bytes of the answer's body; the work is done",
    "error": "answer 500 without doing anything",
    "slow": "wait `seconds` before each block of the answer",
    "expired-token": "answer as to an expired token",
    "wrong-size": "state another size of a file",
    "wrong-checksum": "state another checksum of a file",
    "endless": "answer with a body that never ends",
    "no-range": "send all of a file where a part of it is asked for",
    "redirect": "redirect to the address `to`",
}


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One fault: what happens, to which requests, and how often.

    Attributes:
        kind: One of :data:`KINDS`.
        method: Only requests of this method; empty for all.
        path: Only requests whose address contains this.
        at: Bytes of the body that pass before a connection is closed.
        times: How often; 0 for always.
        seconds: Of a wait.
        to: Where a redirect leads.
    """

    kind: str
    method: str = ""
    path: str = ""
    at: int = 0
    times: int = 1
    seconds: float = 0.2
    to: str = ""


def parse_fault(text: str) -> FaultRule:
    """Read ``kind,member=value,…``, for example ``drop-request,path=/v2/dataObject/,at=4096,times=1``.

    Raises:
        InvalidInputError: There is no such fault or member.
    """
    kind, *rest = text.split(",")
    types = {field.name: field.type for field in fields(FaultRule)}
    members: dict[str, Any] = {}
    for item in rest:
        name, equals, value = item.partition("=")
        if not equals or name not in types or name == "kind":
            raise InvalidInputError(f"{item!r} is no member of a fault", hint="such as path=/api/, at=100, times=2")
        members[name] = {"int": int, "float": float, "str": str}[str(types[name])](value)
    if kind not in KINDS:
        raise InvalidInputError(f"there is no fault {kind!r}", hint=f"known: {', '.join(KINDS)}")
    return FaultRule(kind, **members)


class Faults:
    """The faults that are still to come; each is used up as often as it says."""

    def __init__(self, rules: Iterable[FaultRule] = ()) -> None:
        self._rules = list(rules)

    def add(self, kind: str, **members: Any) -> None:
        """Add one."""
        self._rules.append(FaultRule(kind, **members))

    def clear(self) -> None:
        """Drop all that are left."""
        self._rules.clear()

    def take(self, method: str, path: str, kinds: Iterable[str]) -> FaultRule | None:
        """Return the next fault of these kinds for a request and count it."""
        for index, rule in enumerate(self._rules):
            if rule.kind in kinds and rule.method in ("", method) and rule.path in path:
                if rule.times == 1:
                    del self._rules[index]
                elif rule.times:
                    self._rules[index] = replace(rule, times=rule.times - 1)
                return rule
        return None


class DroppedError(Exception):
    """The connection was closed on purpose."""


class Connections:
    """The open connections by the address of their other end, so that one can be cut."""

    def __init__(self) -> None:
        self._transports: MutableMapping[tuple[str, int], asyncio.Transport] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        """Remember a connection."""
        self._transports[transport.get_extra_info("peername")[:2]] = transport

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        for name in [name for name, known in self._transports.items() if known is transport]:
            del self._transports[name]

    def cut(self, scope: Scope, *, flush: bool) -> None:
        """Close the connection of a request: at once, or after what was written has gone out."""
        transport = self._transports.get(tuple(scope["client"]))
        if transport is not None:
            if flush:
                transport.close()
            else:
                transport.abort()


class FaultLayer:
    """Applies the faults of the network around an application."""

    KINDS: Final = ("drop-request", "drop-response", "slow", "endless")

    def __init__(self, app: ASGIApp, faults: Faults, connections: Connections) -> None:
        self._app = app
        self._faults = faults
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("raw_path", b"").decode("latin-1")
        rule = self._faults.take(scope.get("method", ""), path, self.KINDS)
        try:
            if rule is None:
                await self._app(scope, receive, send)
            elif rule.kind == "drop-request":
                await self._drop_request(rule, scope, receive)
            elif rule.kind == "endless":
                await self._endless(send)
            else:
                await self._app(scope, receive, self._sender(rule, scope, send))
        except DroppedError:
            return
        except ConnectionResetError:  # the application gives a request up, as a container does with a large one
            self._connections.cut(scope, flush=False)

    async def _drop_request(self, rule: FaultRule, scope: Scope, receive: Receive) -> None:
        seen = 0
        while seen < rule.at:
            message = await receive()
            seen += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        self._connections.cut(scope, flush=False)
        raise DroppedError

    async def _endless(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        while True:
            await send({"type": "http.response.body", "body": b" " * 65536, "more_body": True})
            await asyncio.sleep(0)

    def _sender(self, rule: FaultRule, scope: Scope, send: Send) -> Send:
        passed = 0

        async def sender(message: Message) -> None:
            nonlocal passed
            body = message.get("body", b"")
            if rule.kind == "slow":
                await asyncio.sleep(rule.seconds)
            elif rule.at == 0:
                self._connections.cut(scope, flush=False)
                raise DroppedError
            elif passed + len(body) >= rule.at:
                await send({**message, "body": body[: rule.at - passed], "more_body": True})
                self._connections.cut(scope, flush=True)
                raise DroppedError
            passed += len(body)
            await send(message)

        return sender
