"""One request: credentials, timeouts, retries and typed failures around the generated endpoint functions.

The only file that knows httpx.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import attrs
import httpx

from cf_vectorize_api import AuthenticatedClient, Client
from cf_vectorize_api.api.vectorize import get_by_ids, insert
from cf_vectorize_api.models import GetByIdsRequest, Metadata
from cf_vectorize_api.types import File
from cf_vectorize_overlay import errors

from .credentials import Credentials
from .envelope import are_vectors, is_mutation, unwrap
from .limits import GIVE_UP_AFTER, TIMEOUT, __version__
from .pacing import RETRY_AFTER_CAP, Budget, pause_before_retry
from .vector import Vector

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from cf_vectorize_api.models import UnparsableBehavior
    from cf_vectorize_api.models import Vector as GeneratedVector
    from cf_vectorize_api.types import Response

    from .body import Body

BASE_URL = "https://api.cloudflare.com/client/v4"
INDEX_NAME_LENGTH = 64
LOGGER = logging.getLogger("cf_vectorize")
# Or Python would print what nobody asked to see.
LOGGER.addHandler(logging.NullHandler())


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Make the one TLS context of the process: reading the certificates is nearly all of a client's start."""
    return httpx.create_ssl_context()


def _checked_base_url(base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise errors.InputError(
            f"base_url (or CLOUDFLARE_BASE_URL) is {base_url!r}; it looks like {BASE_URL} or "
            "http://127.0.0.1:8787/client/v4"
        )
    return base_url.rstrip("/")


@attrs.define
class Attempts:
    """What one request took, retries included."""

    stop: threading.Event = attrs.field(factory=threading.Event)
    on_retry: Callable[[errors.VectorizeError, float], None] = lambda error, pause: None  # noqa: ARG005
    made: int = 0
    waited: float = 0.0


class Cancelled(BaseException):
    """The caller no longer wants the answer."""


class Index:
    """Sends requests of one index, from any number of threads."""

    def __init__(  # noqa: PLR0913 - the settings of a client, all but the first by name
        self,
        name: str,
        *,
        account_id: str | None = None,
        api_token: str | None = None,
        api_email: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT,
        give_up_after: float = GIVE_UP_AFTER,
        requests_per_5min: int | None = None,
    ) -> None:
        if not 0 < timeout < math.inf:
            raise errors.InputError(f"timeout is {timeout}; it is more than 0 seconds and finite")
        if not give_up_after >= 0:
            raise errors.InputError(f"give_up_after is {give_up_after}; it is at least 0 seconds")
        if requests_per_5min is not None and requests_per_5min < 1:
            raise errors.InputError(f"requests_per_5min is {requests_per_5min}; it is at least 1")
        if not 0 < len(name) <= INDEX_NAME_LENGTH or name in {".", ".."}:
            raise errors.InputError(f"index is {name!r}; a name has 1 to {INDEX_NAME_LENGTH} characters")
        self.name = name
        self._credentials = Credentials.find(account_id, api_token, api_email, api_key)
        self._give_up_after = give_up_after
        self._budget = Budget(requests_per_5min)
        # The response that the hook saw for the request that this thread is sending, and its envelope's result.
        self._answer = threading.local()
        self._base_url = _checked_base_url(base_url or os.environ.get("CLOUDFLARE_BASE_URL") or BASE_URL)
        self._timeout = timeout
        self._opening = threading.Lock()
        self._opened: Client | AuthenticatedClient | None = None
        self._closed = False

    @property
    def _client(self) -> Client | AuthenticatedClient:
        """The generated client, made for the first request: reading certificates takes longer than all else here."""
        with self._opening:
            if self._closed:
                raise errors.InputError("the client is closed; make another one")
            if self._opened is None:
                self._opened = self._generated_client(
                    self._base_url,
                    timeout=httpx.Timeout(self._timeout),
                    verify_ssl=_ssl_context(),
                    httpx_args={
                        "event_hooks": {"response": [self._check_response]},
                        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=64),
                    },
                )
                # It would make this at its first use, and threads would each make one.
                self._opened.get_httpx_client()
            return self._opened

    def _generated_client(self, base_url: str, **settings: Any) -> Client | AuthenticatedClient:
        agent = {"User-Agent": f"cf-vectorize/{__version__}"}
        who = self._credentials
        if who.api_token is not None:
            return AuthenticatedClient(base_url, token=who.api_token, headers=agent, **settings)
        keys = {"X-Auth-Email": str(who.api_email), "X-Auth-Key": str(who.api_key)}
        return Client(base_url, headers={**agent, **keys}, **settings)

    @property
    def target(self) -> str:
        """What requests go to, as a text that two indexes share only where account, service and index are one."""
        told = f"{self._base_url}\n{self._credentials.account_id}\n{self.name}"
        return f"{self.name} {hashlib.blake2b(told.encode(), digest_size=8).hexdigest()}"

    def close(self) -> None:
        """Close every connection; no request can be sent any more."""
        with self._opening:
            self._closed = True
            if self._opened is not None:
                self._opened.get_httpx_client().close()

    def send(self, body: Body, unparsable: UnparsableBehavior, attempts: Attempts) -> str:
        """Send one batch and give its mutation id.

        Raises:
            ResponseError: The service refused it, or kept failing until the client gave up.
            TransportError: No answer came until the client gave up.

        """

        def send() -> Response[Any]:
            # The annotation of `File.payload` is narrower than what httpx streams: any sized iterable.
            payload = File(payload=cast("BinaryIO", body))
            return insert.sync_detailed(
                self._credentials.account_id,
                self.name,
                client=self._client,
                body=payload,
                unparsable_behavior=unparsable,
            )

        return str(self._exchange(send, is_mutation, attempts).mutation_id)

    def fetch(self, ids: list[str], attempts: Attempts) -> list[Vector]:
        """Fetch at most 20 vectors; ids that the index does not hold are left out.

        Raises:
            ResponseError: The service refused it, or kept failing until the client gave up.
            TransportError: No answer came until the client gave up.

        """

        def send() -> Response[Any]:
            return get_by_ids.sync_detailed(
                self._credentials.account_id, self.name, client=self._client, body=GetByIdsRequest(ids)
            )

        return [_public(vector) for vector in self._exchange(send, are_vectors, attempts)]

    def _exchange(self, send: Callable[[], Response[Any]], holds: Callable[[Any], bool], attempts: Attempts) -> Any:
        """Send until there is an answer whose result `holds`, and give that result, or time is up."""
        failures = 0
        give_up_at = math.inf
        while True:
            try:
                return self._send_once(send, holds, attempts)
            except errors.VectorizeError as error:
                failures += 1
                now = time.monotonic()
                give_up_at = min(give_up_at, now + self._give_up_after)
                resume_at = now + self._pause(error, failures, now)
                if not error.retryable or resume_at > give_up_at:
                    raise
                LOGGER.warning("waiting %.1f s before sending again: %s", resume_at - now, error)
                attempts.on_retry(error, resume_at - now)
                self._wait_until(resume_at, attempts)

    def _pause(self, error: errors.VectorizeError, failures: int, now: float) -> float:
        """Give the seconds before the next attempt; a throttled worker imposes them on all others."""
        asked = error.retry_after if isinstance(error, errors.ResponseError) else None
        pause = pause_before_retry(failures, asked)
        if isinstance(error, errors.RateLimitError):
            self._budget.block(now + min(pause, RETRY_AFTER_CAP))
        return pause

    @staticmethod
    def _wait_until(moment: float, attempts: Attempts) -> None:
        seconds = moment - time.monotonic()
        if seconds > 0:
            attempts.waited += seconds
            attempts.stop.wait(seconds)
        if attempts.stop.is_set():
            raise Cancelled

    def _wait_for_budget(self, attempts: Attempts) -> None:
        """Return when a request may start; after each wait that is asked anew, since the service may have refused."""
        moment = time.monotonic()
        while True:
            self._wait_until(moment, attempts)
            now = time.monotonic()
            moment = self._budget.start(now)
            if moment == now:
                return

    def _send_once(self, send: Callable[[], Response[Any]], holds: Callable[[Any], bool], attempts: Attempts) -> Any:
        self._answer.response = None
        self._wait_for_budget(attempts)
        attempts.made += 1
        try:
            parsed: Any = send().parsed
            # The generated parser takes a member of the wrong type as it comes, and an object where an array belongs.
            if holds(self._answer.result):
                return parsed.result
            raise self._unexpected("it has another shape")
        except errors.VectorizeError:
            raise
        # What httpx raises holds the request with its credentials: it is not kept as the cause.
        except httpx.HTTPError as error:
            raise self._transport_error(error) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if self._answer.response is None:
                raise
            # The generated parser's ways of saying that a member is missing or of another type.
            raise self._unexpected(f"{type(error).__name__}: {error}") from None
        finally:
            response = self._answer.response
            self._budget.finish(time.monotonic(), None if response is None else response.headers)

    def _check_response(self, response: httpx.Response) -> None:
        """Raise the typed error before the generated parser meets a body or a status that it cannot read."""
        self._answer.response = response
        body = response.read()
        # Or the response, in a cycle with its stream, keeps the request's temporary files until garbage is collected.
        response.stream = httpx.ByteStream(body)
        request = response.request
        envelope = unwrap(
            response.status_code,
            response.headers,
            body,
            method=request.method,
            path=request.url.path,
            scrub=self._credentials.scrub,
        )
        self._answer.result = envelope.get("result")
        # The generated parser asks the response for its JSON: it gets what was just decoded.
        setattr(response, "json", lambda: envelope)  # noqa: B010 - mypy forbids assigning to a method

    def _unexpected(self, what: str) -> errors.UnexpectedResponseError:
        response: httpx.Response = self._answer.response
        return errors.UnexpectedResponseError(
            self._credentials.scrub(f"the envelope does not hold the result that was asked for ({what})"),
            response.status_code,
            None,
            response.request.method,
            self._credentials.scrub(response.request.url.path),
            response.headers.get("cf-ray"),
        )

    def _transport_error(self, error: httpx.HTTPError) -> errors.TransportError:
        request = error.request
        # What this one says shows the header that it refuses.
        what = "" if isinstance(error, httpx.LocalProtocolError) else str(error) or "timed out"
        return errors.TransportError(
            self._credentials.scrub(f"{_FAILURES.get(type(error), 'the connection failed')}: {what}"),
            request.method,
            self._credentials.scrub(request.url.path),
        )


def _public(vector: GeneratedVector) -> Vector:
    namespace, metadata = vector.namespace, vector.metadata
    return Vector(
        vector.id,
        vector.values,
        namespace if isinstance(namespace, str) else None,
        metadata.additional_properties if isinstance(metadata, Metadata) else None,
        vector.additional_properties,
    )


_FAILURES: dict[type[httpx.HTTPError], str] = {
    httpx.ConnectError: "cannot connect",
    httpx.ConnectTimeout: "cannot connect in time",
    httpx.WriteTimeout: "the service stopped taking the body",
    httpx.ReadTimeout: "no answer in time",
    httpx.RemoteProtocolError: "the answer was cut short",
}
