"""A stand-in for one index: answers `get_by_ids` from a dict, and does to the answers what a test wants."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from cf_vectorize_overlay.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable

    Respond = Callable[[list[str]], tuple[int, Any]]


class IndexServer:
    """Serves `vectors`, in reverse order as no order is promised, and remembers the ids of each request."""

    def __init__(self) -> None:
        self.vectors: dict[str, dict[str, Any]] = {}
        self.requests: list[list[str]] = []
        self.hidden: Callable[[str], bool] = lambda _: False
        self.faults: list[Respond] = []
        self.under_way = 0
        self.most_under_way = 0
        self.hold = threading.Event()
        self.hold.set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                ids = json.loads(self.rfile.read(int(self.headers["content-length"])))["ids"]
                status, document = index.answer(ids)
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def transport(self, **settings: Any) -> Index:
        """Give a transport to this index."""
        return Index(
            "an-index",
            account_id="an-account",
            api_token="a-token",
            base_url=f"http://127.0.0.1:{self._server.server_port}/client/v4",
            **{"timeout": 10.0, "give_up_after": 10.0, "requests_per_5min": None, **settings},
        )

    def put(self, identity: str, values: list[float], **members: Any) -> None:
        """Store a vector."""
        self.vectors[identity] = {"id": identity, "namespace": None, "metadata": {}, "values": values, **members}

    def answer(self, ids: list[str]) -> tuple[int, Any]:
        """Answer one request."""
        with self._lock:
            self.requests.append(ids)
            fault = self.faults.pop(0) if self.faults else None
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            self.hold.wait()
            return fault(ids) if fault else (200, success(self._found(ids)))
        finally:
            with self._lock:
                self.under_way -= 1

    def _found(self, ids: list[str]) -> list[dict[str, Any]]:
        return [self.vectors[each] for each in reversed(ids) if each in self.vectors and not self.hidden(each)]


def success(result: Any) -> dict[str, Any]:
    return {"success": True, "errors": [], "messages": [], "result": result}


def failure(code: int, message: str) -> dict[str, Any]:
    return {"result": None, "success": False, "errors": [{"code": code, "message": message}], "messages": []}
