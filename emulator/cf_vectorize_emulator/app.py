"""HTTP: routes, authentication, headers, envelopes."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import bodies
from .envelope import (
    Refusal,
    authentication_missing,
    invalid_token,
    json_expected,
    malformed_key,
    malformed_token,
    no_route,
    success,
    unknown,
)
from .service import INDEX_NAME

if TYPE_CHECKING:
    from .service import Service

PREFIX: Final = "/client/v4/accounts/{account}/vectorize/v2/indexes/{index}"
ACCOUNT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/=-]+)")
KEY: Final = re.compile(r"[!-~]+")


def create_app(service: Service, token: str | None) -> Starlette:
    """Make the ASGI application.

    Args:
        service: What performs the operations.
        token: The only token (or key) that is accepted; None accepts any well-formed one.

    """
    api = _Api(service, token)
    routes = [
        Route(f"{PREFIX}/insert", api.insert, methods=["POST"]),
        Route(f"{PREFIX}/get_by_ids", api.get_by_ids, methods=["POST"]),
        Route("/{path:path}", api.no_route),
    ]
    return Starlette(routes=routes)


class _Api:
    def __init__(self, service: Service, token: str | None) -> None:
        self._service = service
        self._token = token

    async def insert(self, request: Request) -> Response:
        try:
            account, index = self._target(request)
            discard = _discard(request)
            async with bodies.ndjson(request) as body:
                mutation_id, _ = await anyio.to_thread.run_sync(
                    lambda: self._service.insert(account, index, body, discard=discard)
                )
            return _answer(success({"mutationId": mutation_id}))
        except Refusal as refusal:
            await bodies.drain(request)
            return _refuse(refusal)

    async def get_by_ids(self, request: Request) -> Response:
        try:
            account, index = self._target(request)
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                raise json_expected()
            body = await bodies.read_json(request)
            answer = await anyio.to_thread.run_sync(
                lambda: success(self._service.get_by_ids(account, index, body)[0])
            )
            return _answer(answer)
        except Refusal as refusal:
            await bodies.drain(request)
            return _refuse(refusal)

    async def no_route(self, request: Request) -> Response:
        return _refuse(no_route(request.url.path))

    def _target(self, request: Request) -> tuple[str, str]:
        account, index = request.path_params["account"], request.path_params["index"]
        if not ACCOUNT_ID.fullmatch(account) or not INDEX_NAME.fullmatch(index):
            raise no_route(request.url.path)
        credential = _credential(request)
        if self._token is not None and not hmac.compare_digest(credential.encode(), self._token.encode()):
            raise invalid_token()
        return account, index


def _credential(request: Request) -> str:
    """Give the bearer token, or the key that comes with an email."""
    headers = request.headers
    if "authorization" in headers:
        bearer = BEARER.fullmatch(headers["authorization"])
        if bearer is None:
            raise malformed_token()
        return bearer[1]
    if "x-auth-email" not in headers or "x-auth-key" not in headers:
        raise authentication_missing()
    if not KEY.fullmatch(headers["x-auth-key"]):
        raise malformed_key()
    return headers["x-auth-key"]


def _discard(request: Request) -> bool:
    behaviour = request.query_params.get("unparsable-behavior", "error")
    if behaviour not in {"error", "discard"}:
        raise unknown("unparsable-behavior is neither `error` nor `discard`")
    return behaviour == "discard"


def _headers() -> dict[str, str]:
    return {
        "cf-ray": f"{secrets.token_hex(8)}-EMU",
        "Ratelimit": '"default";r=1200;t=300',
        "Ratelimit-Policy": '"default";q=1200;w=300',
    }


def _answer(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers=_headers())


def _refuse(refusal: Refusal) -> Response:
    return Response(
        refusal.body,
        refusal.status,
        headers={**_headers(), **refusal.headers, "content-type": refusal.content_type},
    )
