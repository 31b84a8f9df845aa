"""One request to the API and its answer: who may ask, and what is recorded and logged of it."""

from __future__ import annotations

import logging
import re
import secrets
import time
import zlib
from itertools import islice
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from cf_vectorize_emulator.core.faults import NO_FAULT
from cf_vectorize_emulator.core.names import ACCOUNT_ID, INDEX_NAME
from cf_vectorize_emulator.core.rate import UNLIMITED

from . import credentials
from .envelope import no_route, success, throttled
from .missing import identifier

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request
    from starlette.types import Message

    from cf_vectorize_emulator.core.faults import Endpoint, Fault
    from cf_vectorize_emulator.emulator import Emulator

    from .envelope import Failure

ACCOUNT_IN_PATH: Final = re.compile(r"(?<=/accounts/)[^/?]+")
# What a log line and a record show of a path, a message or a header.
SHOWN: Final = 1_000
# Statuses that HTTP gives no body.
BODILESS: Final = frozenset({204, 205, 304})
# What it shows of headers: so many, and so much of each.
HEADERS: Final = 40
HEADER_SHOWN: Final = 200
# As much of a body as tells it from others of its length: a checksum of all of it would cost every insert.
CHECKED: Final = 1 << 16
# Of a Content-Length that can be meant.
DIGITS: Final = 16
LOG: Final = logging.getLogger("cf_vectorize_emulator")


class Exchange:
    """One request to the API and its answer.

    Args:
        emulator: What it is about.
        request: The request.
        endpoint: Which endpoint it asks for, if any.
        index: The index that it names, if any.

    """

    def __init__(self, emulator: Emulator, request: Request, endpoint: Endpoint | None, index: str | None) -> None:
        self.emulator = emulator
        self.request = request
        self.fault: Fault = NO_FAULT
        self._started = time.monotonic()
        self._standing = UNLIMITED
        self._checksum = 0
        query = request.scope["query_string"].decode("ascii", "replace")
        path = request.scope["raw_path"].decode("ascii", "replace") + (f"?{query}" if query else "")
        self.record = emulator.activity.start(
            time.time(), request.method, _without_account(path)[:SHOWN], endpoint, index and index[:SHOWN]
        )
        shown = credentials.shown(request.headers, emulator.token).items()
        self.record.headers = {name[:HEADER_SHOWN]: value[:HEADER_SHOWN] for name, value in islice(shown, HEADERS)}
        length = request.headers.get("content-length", "")
        self.record.length = int(length) if length.isdecimal() and len(length) < DIGITS else None

    def count(self, message: Message) -> None:
        """Count a piece of the body that was received."""
        piece = message.get("body", b"")
        if self.record.bytes < CHECKED:
            self._checksum = zlib.crc32(piece[: CHECKED - self.record.bytes], self._checksum)
        self.record.bytes += len(piece)
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.record.checksum = self._checksum

    def admit(self) -> tuple[str, str]:
        """Return the account and the index of a request that may be performed.

        Raises:
            Failure: It may not.

        """
        account, index = self.request.path_params["account"], self.request.path_params["index"]
        if not ACCOUNT_ID.fullmatch(account) or not INDEX_NAME.fullmatch(index):
            raise no_route(self.request.url.path, identifier(account, index))
        credential = credentials.admit(self.request.headers, self.emulator.token)
        self._standing = self.emulator.rate_limit.count(credential, time.monotonic())
        if self._standing.refused:
            raise throttled(self._standing.reset)
        return account, index

    def answer(self, result: Any) -> Response:
        """Make the answer of a request that was performed."""
        return self._response(200, success(result, self.fault), {"content-type": "application/json"})

    def refuse(self, failure: Failure) -> Response:
        """Make the answer of a request that was not."""
        self.record.code, self.record.message = failure.code, _without_account(failure.message)[:SHOWN]
        headers = {"content-type": failure.content_type, **failure.headers}
        return self._response(failure.status, failure.body(self.fault), headers)

    def _response(self, status: int, content: bytes, headers: dict[str, str]) -> Response:
        self.record.status = status
        self.record.ray = f"{secrets.token_hex(8)}-EMU"
        merged = MutableHeaders({"cf-ray": self.record.ray, **self._standing.headers})
        for name, value in (*headers.items(), *self.fault.headers.items()):
            merged[name] = value
        response = Response(b"" if status in BODILESS else content, status, merged)
        self.record.answer_headers = dict(response.headers)
        return response

    def no_answer(self) -> None:
        """Forget what was to be answered, since nothing will be sent."""
        self.record.status = self.record.code = self.record.message = None
        self.record.answer_headers = {}

    def finish(self) -> None:
        """Keep the record; done before the answer goes out, so that whoever has the answer finds the record."""
        record = self.record
        record.seconds = time.monotonic() - self._started
        self.emulator.activity.finish(record)
        LOG.info(
            "%s %s %s%s %d vectors %d bytes %.1f ms%s",
            record.method,
            record.path,
            record.status or "no answer",
            f" code {record.code}" if record.code else "",
            record.vectors,
            record.bytes,
            record.seconds * 1000,
            " (injected fault)" if record.fault else "",
        )
        if record.message:
            LOG.info("  %s", printable(record.message))


def _without_account(text: str) -> str:
    return ACCOUNT_IN_PATH.sub("...", text)


def printable(text: str) -> str:
    """Return text that a terminal shows and does not obey."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
