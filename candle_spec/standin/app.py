"""The application: from a raw request to an answer, in the order of the real one: container, login, body, handler."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from candle_spec.standin import answers, paths, routes, tasks
from candle_spec.standin.desk import Desk
from candle_spec.standin.faults import DroppedError
from candle_spec.standin.identity import Caller, DeniedError
from candle_spec.standin.messages import RefusedError
from candle_spec.standin.routes import Route
from candle_spec.standin.search import MalformedError
from candle_spec.standin.uploads import TooLargeError


def _route(method: str, shape: str, handler: routes.Handler) -> Route:
    return Route(method, re.compile(shape), handler)


ROUTES: Final = (
    _route("GET", r"/api/authenticate", routes.authenticate),
    _route("POST", r"/api/collection/query", routes.query_collections),
    _route("POST", r"/api/dataObject/query", routes.query_files),
    _route("GET", r"/api/collection/download/[^/]+", tasks.download_status("collection")),
    _route("GET", r"/api/dataObject/download/[^/]+", tasks.download_status("dataObject")),
    _route("GET", r"/api/download/[^/]+", tasks.download_status("many")),
    _route("GET", r"/api/v2/registration/[^/]+", tasks.registration_status),
    _route("PUT", r"/api/v2/registration", tasks.register_many),
    _route("POST", r"/api/v2/download", tasks.download_many),
    _route("POST", r"/api/v2/collection/.+/download", tasks.download_collection),
    _route("POST", r"/api/v2/dataObject/.+/download", routes.download_file),
    _route("POST", r"/api/dataObject/.+/generateDownloadRequestURL", routes.download_url),
    _route("POST", r"/api/dataObject/.+/syncDownload", routes.sync_download),
    _route("PUT", r"/api/v2/dataObject/.+", routes.put_file),
    _route("GET", r"/api/v2/dataObject/.+", routes.get_file),
    _route("PUT", r"/api/collection/.+", routes.put_collection),
    _route("GET", r"/api/collection/.+", routes.get_collection),
)

_PRESIGNED: Final = re.compile(r"/presigned/[0-9]+/[^/]+")


class StandIn:
    """The ASGI application of a stand-in."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        raw = scope["raw_path"].partition(b"?")[0].decode("latin-1")
        response = await self._answer(request, raw)
        await response(scope, receive, send)

    async def _answer(self, request: Request, raw: str) -> Response:
        desk = self._desk
        if paths.refused(raw):
            return answers.container_error()
        if rule := desk.fault(request, raw, "redirect"):
            return RedirectResponse(rule.to, 302, answers.HEADERS)
        if desk.fault(request, raw, "error"):
            return answers.spring_error(500, "Internal Server Error", raw, desk.config.clock())
        if _PRESIGNED.fullmatch(raw) and request.method in ("GET", "HEAD"):
            return await routes.presigned(desk, request, Caller(), raw)
        matching = [route for route in ROUTES if route.shape.fullmatch(raw)]
        route = next((route for route in matching if route.method == request.method), None)
        if route is None:
            status, words = (405, "Method Not Allowed") if matching else (404, "Not Found")
            return answers.spring_error(status, words, raw, desk.config.clock())
        return await self._handled(route, request, raw)

    async def _handled(self, route: Route, request: Request, raw: str) -> Response:
        desk = self._desk
        try:
            if desk.fault(request, raw, "expired-token"):
                raise DeniedError("malformed", 400)
            return await route.handler(desk, request, desk.gate.caller(request, raw), raw)
        except DeniedError as denied:
            return answers.error(str(denied), denied.status)
        except RefusedError as refused:
            return answers.error(str(refused))
        except MalformedError:
            return answers.malformed()
        except TooLargeError:
            return self._too_large(raw)
        except DroppedError:
            raise
        except Exception:  # noqa: BLE001 - the service answers so to whatever goes wrong in it
            return answers.malformed()

    def _too_large(self, raw: str) -> Response:
        if self._desk.config.over_limit == "reset":
            raise ConnectionResetError(raw)
        return answers.spring_error(500, "Internal Server Error", raw, self._desk.config.clock())
