"""The page at the server's root, for people."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

# Nothing from elsewhere, and nothing that stands in the page: a text that became markup could still do nothing.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FOLDER: Final = files("cf_vectorize_emulator.http").joinpath("static")
TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


async def show(request: Request) -> Response:
    """Answer with the page, or a part of it."""
    name = request.path_params.get("name", "index.html")
    file = next((file for file in FOLDER.iterdir() if file.name == name), None)
    if file is None:
        return Response("Not Found\n", 404, media_type="text/plain")
    headers = {
        "content-security-policy": POLICY,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return Response(file.read_bytes(), 200, headers, TYPES[name.rpartition(".")[2]])


ROUTES: Final = [Route("/", show), Route("/page/{name}", show)]
