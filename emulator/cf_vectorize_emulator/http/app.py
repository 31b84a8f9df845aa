"""The application: the API, the control routes, the page, and who may talk to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount, Route

from . import control, page
from .endpoints import ENDPOINTS
from .envelope import no_route, unknown
from .exchange import Exchange
from .missing import BASE, NOISE, look
from .operation import Operation

if TYPE_CHECKING:
    from starlette.requests import Request

    from cf_vectorize_emulator.emulator import Emulator

INDEX: Final = f"{BASE}/accounts/{{account}}/vectorize/v2/indexes/{{index}}"
CONTROL: Final = "/__emulator__"
METHOD_NOT_ALLOWED: Final = 405
SAFE: Final = frozenset({"GET", "HEAD"})


def create_app(emulator: Emulator) -> Starlette:
    """Make the ASGI application of an emulator."""
    controls = control.routes(emulator)
    there_are = ", ".join(
        f"{method} {CONTROL.rstrip('/')}{route.path}"
        for route in controls
        for method in sorted((route.methods or set()) - {"HEAD"})
    )

    async def no_such_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.url.path
        if path.startswith(CONTROL):
            message = f"there is no such control route; there are {there_are}"
            return control.refuse(unknown(message, error.status_code, dict(error.headers or {})))
        if request.method in SAFE and NOISE.match(path):
            return Response("Not Found\n", error.status_code, error.headers, "text/plain")
        missing = look(request.method, path, f"{request.url.scheme}://{request.url.netloc}")
        failure = (
            unknown("Method not allowed", METHOD_NOT_ALLOWED, dict(error.headers or {}))
            if error.status_code == METHOD_NOT_ALLOWED
            else no_route(path, missing.hint)
        )
        exchange = Exchange(emulator, request, None, missing.index)
        response = exchange.refuse(failure)
        exchange.finish()
        return response

    routes = [
        *(Route(f"{INDEX}/{endpoint}", Operation(emulator, endpoint), methods=["POST"]) for endpoint in ENDPOINTS),
        Mount(CONTROL, routes=controls),
        *page.ROUTES,
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: no_such_route})
    app.router.redirect_slashes = False
    return app
