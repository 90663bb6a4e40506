"""A session at MoDaC: the client with the credentials of the environment, and what refusals teach."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from candle_spec.errors import ServiceRefusedError
from candle_spec.modac.client import Client
from candle_spec.modac.service import Service
from candle_spec.modac.settings import PREFIX, Settings, password_from
from candle_spec.modac.vocabulary import Knowledge
from candle_spec.remote.addresses import Secret


@contextmanager
def session(
    settings: Settings,
    *,
    password: Secret | None = None,
    anew: bool = False,
    nobody: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Client]:
    """Yield a client; what a refusal teaches about a vocabulary is kept and offered.

    Args:
        settings: Where and as whom.
        password: The password, instead of the environment's.
        anew: Log in anew: a token that the environment gives does not count.
        nobody: Log in as nobody, whatever is known.
        environ: Environment variables.

    Raises:
        ServiceRefusedError: The service refuses; where it names the values that it takes, the hint names one.
    """
    token = environ.get(PREFIX + "TOKEN")
    given = Secret(token) if token and not anew else None
    password = password or password_from(environ)
    with Service(settings, password=password, token=given, nobody=nobody) as service:
        try:
            yield Client(service)
        except ServiceRefusedError as refused:
            learnt = Knowledge(settings.place).learn(refused.message, time.time())
            if learnt is None:
                raise
            attribute, known = learnt
            raise ServiceRefusedError(
                refused.message,
                location=refused.location,
                hint=f"choose one of them: --set {attribute}={known.values[0]!r}; the list is kept for the next check",
            ) from refused
