"""Sends a request as it is and returns the answer as it is, within bounds of time and size."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.error import URLError
from urllib.parse import urlsplit

from cf_vectorize_overlay.remedies import remedy

from .wire import Response, joined

if TYPE_CHECKING:
    from .wire import Request

# The largest answer that keeps the contract has 20 vectors, and less than 2 MB.
ANSWER_BYTES: Final = 16_000_000
_UNREACHABLE: Final = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)


class NoAnswerError(Exception):
    """No whole answer came; says why."""


class UnreachableError(NoAnswerError):
    """No connection was made; says why, and what may help."""


class _Http(urllib.request.HTTPHandler):
    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        """Add no header to a request: it has what its sender gave it."""
        return request


class _Https(urllib.request.HTTPSHandler):
    def https_request(self, request: urllib.request.Request) -> urllib.request.Request:
        """Add no header to a request, likewise."""
        return request


class Upstream:
    """A service, by its base URL.

    Args:
        base_url: Where its API is.
        timeout: Seconds that an exchange may take as a whole.

    """

    def __init__(self, base_url: str, timeout: float) -> None:
        url = urlsplit(base_url.rstrip("/"))
        self.host = url.netloc
        self.path = url.path
        self._origin = f"{url.scheme}://{url.netloc}"
        self._base_url = base_url
        self._timeout = timeout
        # Without the usual handlers of redirections and errors: those are answers to judge too.
        self._opener = urllib.request.OpenerDirector()
        for handler in (urllib.request.ProxyHandler, _Http, _Https):
            self._opener.add_handler(handler())

    def send(self, request: Request) -> Response:
        """Send a request, and return the answer.

        Raises:
            NoAnswerError: None came, or not in time, or it was cut short.
            UnreachableError: No connection was made.

        """
        outcome: queue.Queue[Response | Exception] = queue.Queue()

        def exchange() -> None:
            try:
                outcome.put(self._exchange(request))
            except (OSError, HTTPException, ValueError) as error:
                outcome.put(error)

        # In a thread, since a timeout of sockets begins anew with each byte that a service lets drop.
        asking = threading.Thread(target=exchange, daemon=True)
        asking.start()
        give_up_at = time.monotonic() + self._timeout
        # Windows tells of Ctrl-C only between waits.
        while asking.is_alive() and (left := give_up_at - time.monotonic()) > 0:
            asking.join(min(left, 1.0))
        if outcome.empty():
            raise NoAnswerError(f"none that was whole within {self._timeout:g} s")
        answer = outcome.get()
        if isinstance(answer, Exception):
            cause = answer.reason if isinstance(answer, URLError) else answer
            said = str(cause) or type(cause).__name__
            if isinstance(cause, _UNREACHABLE):
                raise UnreachableError(said + remedy(cause, self._base_url, refused_by_proxy=False)[1]) from None
            raise NoAnswerError(said) from None
        return answer

    def _exchange(self, request: Request) -> Response:
        headers = {"Host": self.host, **request.headers}
        if request.body:
            headers["Content-Length"] = str(len(request.body))
        asked = urllib.request.Request(  # noqa: S310 - http or https, as whoever made the base URL has checked
            self._origin + request.target, request.body or None, headers, method=request.method
        )
        with self._opener.open(asked, timeout=self._timeout) as answer:
            return Response(answer.status, joined(answer.headers.items()), answer.read(ANSWER_BYTES))
