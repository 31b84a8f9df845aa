"""One exchange on the wire: the generated endpoint functions, and bounds on what an answer may cost.

The only file that knows the HTTP library.
"""

from __future__ import annotations

import logging
import os
import ssl
import sys
import threading
import traceback
import zlib
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from weakref import WeakSet

import httpx

from cf_vectorize_api import AuthenticatedClient, Client
from cf_vectorize_api.api.vectorize import get_by_ids, insert
from cf_vectorize_api.models import GetByIdsRequest, Metadata
from cf_vectorize_api.types import File

from . import remedies
from .bounds import BoundedStream, Exchange, LateError
from .envelope import OK, TEXT, mutation_problem, notices, unwrap, vectors_problem
from .errors import InputError, TransportError, UnexpectedResponseError, VectorizeError
from .limits import __version__
from .text import printable
from .vector import Vector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cf_vectorize_api.models import UnparsableBehavior
    from cf_vectorize_api.models import Vector as GeneratedVector

    from .body import Body
    from .credentials import Credentials

LOGGER = logging.getLogger("cf_vectorize")
# The most bytes of an answer; 20 vectors of 1,536 values with all that they may carry are below 2 MB.
ANSWER: Final = 1_000_000
VECTORS_ANSWER: Final = 8_000_000
ERROR_PAGE: Final = 64 * 1024
ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32


# The exchange that a thread is in, as `exchange`.
_HERE = threading.local()
_WIRES: WeakSet[Wire] = WeakSet()


class Wire:
    """Sends requests of one account, from any number of threads.

    Args:
        base_url: Where the API is.
        credentials: Who asks.
        timeout: Seconds that connecting, each write, and the answer from the body's last byte on may take.

    """

    def __init__(self, base_url: str, credentials: Credentials, timeout: float) -> None:
        self._base_url = base_url
        self._is_plain = base_url.lower().startswith("http:")
        self._credentials = credentials
        self._timeout = timeout
        self._opening = threading.Lock()
        self._opened: Client | AuthenticatedClient | None = None
        self._closed = False
        _WIRES.add(self)

    def insert(self, index: str, body: Body, unparsable: UnparsableBehavior, exchange: Exchange) -> str:
        """Send one NDJSON body and return the mutation id."""
        # The annotation of `File.payload` is narrower than what the library streams: any sized iterable.
        payload = File(payload=cast("BinaryIO", body))
        send = partial(insert.sync_detailed, body=payload, unparsable_behavior=unparsable)
        return str(self._exchange(send, index, mutation_problem, exchange).mutation_id)

    def get_by_ids(self, index: str, ids: list[str], exchange: Exchange) -> list[Vector]:
        """Fetch the vectors of at most 20 ids."""
        send = partial(get_by_ids.sync_detailed, body=GetByIdsRequest(ids))
        return list(map(_public, self._exchange(send, index, partial(vectors_problem, asked=ids), exchange)))

    def close(self) -> None:
        """Close every connection; no request can be sent any more."""
        with self._opening:
            self._closed = True
            if self._opened is not None:
                self._opened.get_httpx_client().close()

    def begin_anew(self) -> None:
        """Leave the connections, and a lock that another thread may hold, to the process this one was forked from."""
        self._opening, self._opened = threading.Lock(), None

    def _client(self) -> Client | AuthenticatedClient:
        """Return the generated client, made for the first request: reading certificates takes longest of all."""
        with self._opening:
            if self._closed:
                raise InputError("the client is closed; make another one")
            if self._opened is None:
                client = self._generated_client(
                    timeout=httpx.Timeout(self._timeout),
                    # Without authorities it would trust nobody.
                    verify_ssl=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self._is_plain else _ssl_context(),
                    httpx_args={
                        "event_hooks": {"request": [self._watch], "response": [self._judge]},
                        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=64),
                    },
                )
                _open(client)
                self._opened = client
            return self._opened

    def _generated_client(self, **settings: Any) -> Client | AuthenticatedClient:
        agent = {"User-Agent": f"cf-vectorize/{__version__}", "Accept-Encoding": "gzip, deflate"}
        who = self._credentials
        if who.api_token is not None:
            return AuthenticatedClient(self._base_url, token=who.api_token, headers=agent, **settings)
        keys = {"X-Auth-Email": str(who.api_email), "X-Auth-Key": str(who.api_key)}
        return Client(self._base_url, headers={**agent, **keys}, **settings)

    def _exchange(
        self, send: Callable[..., Any], index: str, problem: Callable[[Any], str | None], exchange: Exchange
    ) -> Any:
        """Send once and return the result; whatever is raised holds no secret and no object of the HTTP library."""
        exchange.begin(self._timeout)
        exchange.problem = problem
        around = getattr(_HERE, "exchange", None)
        _HERE.exchange = exchange
        failure: BaseException
        try:
            return send(self._credentials.account_id, index, client=self._client()).parsed.result
        except BaseException as error:  # noqa: BLE001 - raised below
            failure = self._ours(error, exchange)
            traceback.clear_frames(error.__traceback__)
        finally:
            _HERE.exchange = around
        # Frames and contexts hold the request with its credentials; error reporters print them.
        failure.__cause__ = failure.__context__ = None
        raise failure

    def _ours(self, error: BaseException, exchange: Exchange) -> BaseException:
        """Return what an error of the HTTP library or of the generated parser means; any other is what it is."""
        if isinstance(error, httpx.HTTPError | LateError):
            return self._transport_error(error, exchange)
        # The generated parser's ways of saying that a member is missing or of another type.
        wrong = isinstance(error, KeyError | TypeError | ValueError | AttributeError)
        if wrong and not isinstance(error, VectorizeError) and exchange.headers is not None:
            return self._unexpected(exchange, f"{type(error).__name__}: {error}")
        return error

    def _watch(self, request: httpx.Request) -> None:
        """See to it that the stream on which a request goes is held to the bounds of its exchange."""
        exchange: Exchange = _HERE.exchange
        exchange.method, exchange.path = request.method, self._credentials.scrub(request.url.path)
        if exchange.connecting is not None:
            request.extensions["timeout"] = {**request.extensions["timeout"], "connect": exchange.connecting}
        request.extensions["trace"] = _watch_new_streams

    def _judge(self, response: httpx.Response) -> None:
        """Raise the typed error before the generated parser meets a body or a status that it cannot read."""
        exchange: Exchange = _HERE.exchange
        exchange.status = response.status_code
        exchange.headers = {name.lower(): value for name, value in response.headers.items()}
        if not exchange.heard:
            raise self._unexpected(exchange, "it was there before the request was sent")
        body = self._body(response, exchange)
        LOGGER.debug("HTTP %d, %d bytes: %s %s", exchange.status, len(body), exchange.method, exchange.path)
        # Or the response, in a cycle with its stream, keeps the request's temporary files until garbage is collected.
        response.stream = httpx.ByteStream(body)
        response.headers.pop("content-encoding", None)
        envelope = unwrap(
            response.status_code,
            exchange.headers,
            body,
            method=exchange.method,
            path=exchange.path,
            scrub=self._credentials.scrub,
        )
        if exchange.unsent:
            raise self._unexpected(exchange, "it came before the whole request was sent")
        # The generated parser takes a member of the wrong type as it comes, and an object where an array belongs.
        if what := exchange.problem(envelope.get("result")):
            raise self._unexpected(exchange, what)
        told = notices(envelope) + notices(envelope, "errors")
        exchange.notices = tuple(printable(self._credentials.scrub(text), TEXT) for text in told)
        # The generated parser asks the response for its JSON: it gets what was just decoded, but for notices, whose
        # shape is no reason to send again what was accepted.
        believed = {**envelope, "errors": [], "messages": []}
        setattr(response, "json", lambda: believed)  # noqa: B010 - mypy forbids assigning to a method

    def _body(self, response: httpx.Response, exchange: Exchange) -> bytes:
        """Read an answer up to what it may have; of an error page the beginning is enough."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise self._unexpected(exchange, f"it is encoded as {encoding[:40]!r}")
        inflate = zlib.decompressobj(ZLIB_OR_GZIP) if encoding not in {"", "identity"} else None
        most = exchange.most if response.status_code == OK else ERROR_PAGE
        pieces: list[bytes] = []
        size = 0
        stream = cast("httpx.SyncByteStream", response.stream)
        try:
            for raw in stream:
                pieces.append(inflate.decompress(raw, most + 1 - size) if inflate else raw)
                size += len(pieces[-1])
                if size > most:
                    break
        except zlib.error as error:
            raise self._unexpected(exchange, f"it cannot be unpacked: {error}") from None
        finally:
            stream.close()
        if size > most and response.status_code == OK:
            raise self._unexpected(exchange, f"it is larger than {most:,} bytes", retryable=False)
        if inflate and pieces and size <= most and not inflate.eof:
            raise self._unexpected(exchange, "it is packed and was cut short")
        return b"".join(pieces)

    def _unexpected(self, exchange: Exchange, what: str, *, retryable: bool = True) -> UnexpectedResponseError:
        ray = (exchange.headers or {}).get("cf-ray")
        scrub = self._credentials.scrub
        return UnexpectedResponseError(
            scrub(f"the answer is not the one that was asked for ({what})"),
            exchange.status,
            None,
            exchange.method,
            exchange.path,
            ray and scrub(ray),
            retryable=retryable,
        )

    def _transport_error(self, error: Exception, exchange: Exchange) -> TransportError:
        # What a `LocalProtocolError` says shows the header that it refuses.
        what = "" if isinstance(error, httpx.LocalProtocolError) else str(error) or "timed out"
        refused_by_proxy = isinstance(error, httpx.ProxyError) and str(error).startswith("4")
        lasting, remedy = remedies.remedy(error, self._base_url, refused_by_proxy=refused_by_proxy)
        return TransportError(
            self._credentials.scrub(f"{_FAILURES.get(type(error), 'the connection failed')}: {what}{remedy}"),
            exchange.method,
            exchange.path,
            connecting=isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError),
            retryable=not lasting,
        )


_FAILURES: dict[type[Exception], str] = {
    httpx.ConnectError: "cannot connect",
    httpx.ConnectTimeout: "cannot connect in time",
    httpx.WriteTimeout: "the service stopped taking the body",
    httpx.ReadTimeout: "no answer in time",
    httpx.RemoteProtocolError: "the answer was cut short",
    LateError: "the exchange took too long",
}


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Make the one TLS context of the process: reading the certificates is nearly all of a client's start."""
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        named = " and ".join(name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name))
        raise InputError(f"{named or 'the certificates'} cannot be read: {error.strerror or error}") from None


def _open(client: Client | AuthenticatedClient) -> None:
    """Make the generated client's connections now: it would make them at its first use, and each thread its own."""
    try:
        client.get_httpx_client()
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        refused = type(error)
    else:
        return
    names = [name for name in os.environ if name.lower() in {"http_proxy", "https_proxy", "all_proxy"}]
    more = "; for socks5 proxies: pip install 'httpx[socks]'" if refused is ImportError else ""
    raise InputError(f"{' or '.join(names) or 'a proxy setting'} names a proxy that cannot be used{more}")


def _watch_new_streams(event: str, info: Mapping[str, Any]) -> None:
    if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
        stream = info["return_value"]
        # Under httpx lies httpcore, under httpx2 httpcore2; what they raise goes by the same names.
        library = sys.modules[type(stream).__module__.partition(".")[0]]
        BoundedStream(stream, lambda: cast("Exchange", _HERE.exchange), library)


def _public(vector: GeneratedVector) -> Vector:
    namespace, metadata = vector.namespace, vector.metadata
    return Vector(
        vector.id,
        vector.values,
        namespace if isinstance(namespace, str) else None,
        metadata.additional_properties if isinstance(metadata, Metadata) else None,
        vector.additional_properties,
    )


def _begin_anew() -> None:
    for wire in list(_WIRES):
        wire.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
