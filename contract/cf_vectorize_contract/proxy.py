"""A plain reverse proxy that judges what passes: base URL in, base URL out, in any language."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self, cast

import attrs

from cf_vectorize_overlay.credentials import checked_base_url

from .judge import Judge, Judgement
from .recordings import kept
from .report import Report
from .upstream import NoAnswerError, Upstream
from .wire import Request, Response, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What concerns one connection only, and what this proxy says itself.
HOP_BY_HOP: Final = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "host", "content-length", "expect", "date", "server",
}  # fmt: skip
TIMEOUT: Final = 600.0
# More than the service takes, so that its own refusal is what a client gets to see.
BODY_BYTES: Final = 128_000_000
LINE_BYTES: Final = 1_000
MOST: Final = 1_000


class Proxy:
    """Stands before a service on the loopback address, passes everything on, and judges it.

    Args:
        base_url: The service's base URL; by default what `CLOUDFLARE_BASE_URL` or Cloudflare says.
        port: Where to listen; 0 takes a free port.
        timeout: Seconds that an exchange may take.

    Attributes:
        base_url: What a client takes as base URL.
        report: What was judged so far.
        exchanges: The last thousand requests with their answers.
        under_way: How many requests are not answered and judged yet.
        on_judged: Called with each judgement, one at a time.
        keep: Called with each exchange that was judged.

    """

    def __init__(self, base_url: str | None = None, *, port: int = 0, timeout: float = TIMEOUT) -> None:
        self.upstream = Upstream(checked_base_url(base_url), timeout)
        self.judge = Judge()
        self.report = Report(self.upstream.host, self.judge.open.version)
        self.exchanges: list[tuple[Request, Response]] = []
        self.on_judged: Callable[[Judgement], None] = lambda _: None
        self.keep: Callable[[str, str, Request, Response, Judgement], None] = lambda *_: None
        self._lock = threading.Lock()
        self._idle = threading.Condition()
        self.under_way = 0
        self._server = _Server(port, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.base_url = f"http://127.0.0.1:{self._server.server_port}{self.judge.open.prefix}"

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Listen no more, and wait until what has passed is judged, unless an exception such as Ctrl-C ends it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if kind is None:
            self.settle()

    def settle(self) -> None:
        """Wait until every exchange that was answered is judged."""
        with self._idle:
            self._idle.wait_for(lambda: not self.under_way)

    def exchange(self, request: Request, answer: Callable[[Response], None]) -> None:
        """Pass a request on, answer it, and judge both.

        Args:
            request: What a client sent.
            answer: Called with what the client is to get.

        """
        with self._idle:
            self.under_way += 1
        try:
            prefix = self.judge.open.prefix
            outward = request.target
            if outward.startswith(f"{prefix}/"):
                outward = self.upstream.path + outward.removeprefix(prefix)
            try:
                response = self.upstream.send(attrs.evolve(request, target=outward))
            except NoAnswerError as error:
                answer(Response(502, {"Content-Type": "text/plain"}, f"no answer: {error}".encode()))
                with self._lock:
                    self._count(Judgement(request.method, "not judged", self.judge.few([f"no answer: {error}"])))
                return
            answer(response)
            self._judge(request, response)
        finally:
            with self._idle:
                self.under_way -= 1
                self._idle.notify_all()

    def _judge(self, request: Request, response: Response) -> None:
        operation = self.judge.open.operation_of(request)
        if operation is None:
            with self._lock:
                self.report.other += 1
            return
        judgement = self.judge.judge(operation, operation, request, response)
        with self._lock:
            self.exchanges = [*self.exchanges[1 - MOST :], (request, response)]
            name = f"{operation}-{self.report.counts.total():04}"
            # Counted before another exchange may have a name.
            self._count(kept(self.keep, name, operation, request, response, judgement))

    def _count(self, judgement: Judgement) -> None:
        self.report.add(judgement)
        self.on_judged(judgement)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.proxy = proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet of a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT

    def _pass_on(self) -> None:
        try:
            body = b"".join(self._body())
        except ValueError as error:
            self.close_connection = True
            self._answer(Response(400, {"Content-Type": "text/plain"}, f"the proxy: {error}".encode()))
            return
        headers = {n: v for n, v in joined(self.headers.items()).items() if n.lower() not in HOP_BY_HOP}
        # The answer is judged, so it has to come as it is.
        headers["Accept-Encoding"] = "identity"
        cast("_Server", self.server).proxy.exchange(Request(self.command, self.path, headers, body), self._answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _pass_on  # noqa: N815 - names that http.server looks for

    def _body(self) -> Iterator[bytes]:
        """Yield the pieces of the request's body.

        Raises:
            ValueError: It is not framed as HTTP has it, or is too large.

        """
        total = 0
        chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        while True:
            line = self.rfile.readline(LINE_BYTES) if chunked else b""
            size = int(line.partition(b";")[0], 16) if chunked else int(self.headers.get("content-length") or 0)
            total += size
            if size < 0 or total > BODY_BYTES:
                raise ValueError(f"a body of {total:,} bytes is beyond the {BODY_BYTES:,} that it passes on")
            piece = self.rfile.read(size)
            if len(piece) < size:
                raise ValueError("the body was cut short")
            yield piece
            if chunked:
                self.rfile.readline(LINE_BYTES)
            if not chunked or not size:
                return

    def _answer(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            if name.lower() not in HOP_BY_HOP - {"date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Keep quiet."""
