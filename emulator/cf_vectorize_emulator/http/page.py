"""The page at the server's root, for people."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

# Nothing from elsewhere: style and script stand in the page, and it talks to its own server only.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def show(_: Request) -> Response:
    """Answer with the page."""
    return Response(
        files("cf_vectorize_emulator.http").joinpath("page.html").read_bytes(),
        media_type="text/html",
        headers={"content-security-policy": POLICY, "cache-control": "no-store"},
    )
