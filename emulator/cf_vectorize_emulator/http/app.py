"""The application: the API, the control routes, the page, and who may talk to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route

from . import control, page
from .envelope import no_route, unknown
from .operations import Exchange, Operation, get_by_ids, insert

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from cf_vectorize_emulator.emulator import Emulator

INDEX: Final = "/client/v4/accounts/{account}/vectorize/v2/indexes/{index}"
METHOD_NOT_ALLOWED: Final = 405


def create_app(emulator: Emulator) -> Starlette:
    """Make the ASGI application of an emulator."""

    async def no_such_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        refusal = (
            unknown("Method not allowed", METHOD_NOT_ALLOWED, dict(error.headers or {}))
            if error.status_code == METHOD_NOT_ALLOWED
            else no_route(request.url.path)
        )
        exchange = Exchange(emulator, request, None)
        response = exchange.refuse(refusal)
        exchange.finish()
        return response

    routes = [
        Route(f"{INDEX}/insert", Operation(emulator, "insert", insert), methods=["POST"]),
        Route(f"{INDEX}/get_by_ids", Operation(emulator, "get_by_ids", get_by_ids), methods=["POST"]),
        Mount("/__emulator__", routes=control.routes(emulator)),
        Route("/", page.show),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: no_such_route})
    app.router.redirect_slashes = False
    return app
