"""Routes under `/__emulator__/`, which the live service does not have: look inside, and decide what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
import orjson
from starlette.responses import Response
from starlette.routing import Route

from . import bodies, credentials
from .envelope import Failure, broken, unknown
from .exchange import LOG
from .view import View

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from cf_vectorize_emulator.emulator import Emulator

    Action = Callable[[Request], Awaitable[Any]]

NO_STORE: Final = {"cache-control": "no-store"}


def routes(emulator: Emulator) -> list[Route]:
    """Return the control routes of an emulator."""
    controls, view = _Controls(emulator), View(emulator)

    def json(action: Action) -> Callable[[Request], Awaitable[Response]]:
        return _json(action, emulator.token)

    return [
        Route("/health", _json(view.health, None)),
        Route("/state", json(view.state)),
        Route("/requests", json(view.requests)),
        Route("/request", json(view.request)),
        Route("/ids", json(view.ids)),
        Route("/vector", json(view.vector)),
        Route("/faults", json(view.faults)),
        Route("/faults", json(controls.add_faults), methods=["POST"]),
        Route("/faults", json(controls.clear_faults), methods=["DELETE"]),
        Route("/visibility", json(controls.set_visibility), methods=["PUT"]),
        Route("/release", json(controls.release), methods=["POST"]),
        Route("/rate-limit", json(controls.set_rate_limit), methods=["PUT"]),
        Route("/reset", json(controls.reset), methods=["POST"]),
    ]


def _json(action: Action, token: str | None) -> Callable[[Request], Awaitable[Response]]:
    """Answer with what an action returns, or with the failure it raises; where a token is set, to its bearer only."""

    async def endpoint(request: Request) -> Response:
        try:
            if token is not None:
                credentials.admit(request.headers, token)
            content = orjson.dumps(await action(request))
        except Failure as failure:
            return refuse(failure)
        except ValueError as error:
            return refuse(unknown(str(error)))
        except Exception as error:  # noqa: BLE001 - as a damaged file: told, and logged
            LOG.exception("the emulator failed")
            return refuse(broken(error))
        return Response(content, 200, NO_STORE, "application/json")

    return endpoint


def refuse(failure: Failure) -> Response:
    """Answer with a failure."""
    return Response(failure.body(), failure.status, {**NO_STORE, **failure.headers}, "application/json")


class _Controls:
    """What changes something. Every action is a method of `Emulator`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._view = View(emulator)

    async def add_faults(self, request: Request) -> Any:
        """Add faults, and return all that are waiting."""
        self._emulator.inject_json(await _document(request))
        return await self._view.faults(request)

    async def clear_faults(self, _: Request) -> Any:
        """Take all faults away."""
        self._emulator.clear_faults()
        return []

    async def set_visibility(self, request: Request) -> Any:
        """Decide when vectors become readable that are accepted from now on."""
        document = _members(await _document(request), "visible", "jitter", "order")
        if "visible" not in document:
            raise ValueError("visible is missing: immediately, held, or a number of seconds")
        self._emulator.set_visibility(**document)
        return self._view.visibility()

    async def release(self, request: Request) -> Any:
        """Make everything readable that was accepted."""
        _members(await _document(request))
        return {"released": await anyio.to_thread.run_sync(self._emulator.release)}

    async def set_rate_limit(self, request: Request) -> Any:
        """Keep another rate limit, or none, and forget what was counted."""
        document = _members(await _document(request), "rate")
        if "rate" not in document:
            raise ValueError("rate is missing: REQUESTS/SECONDS, such as 1200/300, or null")
        self._emulator.limit_rate(document["rate"])
        return document

    async def reset(self, request: Request) -> Any:
        """Delete an index with all that it holds; where none is named, everything, and put all back to the start."""
        document = _members(await _document(request), "account", "index")
        if not document:
            return {"deleted": await anyio.to_thread.run_sync(self._emulator.reset)}
        account, index = document.get("account"), document.get("index")
        if not isinstance(account, str) or not isinstance(index, str):
            raise ValueError("account and index are expected, or neither for everything")  # noqa: TRY004 - bad input
        return {"deleted": await anyio.to_thread.run_sync(self._emulator.reset_index, account, index)}


async def _document(request: Request) -> Any:
    if bodies.media_type(request) != "application/json":
        raise ValueError("Content-Type: application/json is expected")
    try:
        return orjson.loads(await bodies.small(request))
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the body is not JSON: {error.msg}") from None


def _members(document: Any, *known: str) -> dict[str, Any]:
    if type(document) is not dict or document.keys() - set(known):
        raise ValueError(f"an object with {', '.join(known) or 'no member'} is expected")
    return document
