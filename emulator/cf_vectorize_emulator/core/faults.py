"""Faults as data: what goes wrong, with which requests, how often. Pure but for a lock."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable

Endpoint = Literal["insert", "get_by_ids"]
Moment = Literal["before", "during", "after"]
# A share is reached by adding it up, which rounds: 10 times 0.1 must fire once.
ROUNDING: Final = 1e-9
NUMBERS: Final = frozenset({int, float})
HEADER: Final = re.compile(r"[A-Za-z0-9-]+:[ -~]*")


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with a request.

    Args:
        endpoint: The endpoint that it befalls; None for both.
        times: How many requests it befalls; None until it is cleared.
        share: The share of requests that it befalls, spread evenly: 0.25 is every fourth.
        status: Answer with this status; None leaves the answer as it is.
        code: Code of the envelope's error; None takes the emulator's own for unknown ones.
        message: Message of the envelope's error, or title of the page.
        html: Answer with an HTML page, as Cloudflare's edge does, not with an envelope.
        headers: Headers of that answer, such as `retry-after`.
        commit: Carry the request out before it is answered with `status`.
        delay: Seconds to wait before the answer, or before the reset.
        reset: Reset the connection: `before` the body is read, `during` it, or `after` the request was carried out.
        truncate: Send only this many bytes of the answer's body, then close the connection.
        content_length: Add this to the answer's Content-Length, which then lies; the connection closes after it.

    Raises:
        ValueError: A member has a value that it cannot have.

    """

    endpoint: Endpoint | None = None
    times: int | None = 1
    share: float = 1.0
    status: int | None = None
    code: int | None = None
    message: str = "Injected fault"
    html: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    commit: bool = False
    delay: float = 0.0
    reset: Moment | None = None
    truncate: int | None = None
    content_length: int | None = None

    def __post_init__(self) -> None:
        kept = {
            "endpoint": self.endpoint is None or self.endpoint in get_args(Endpoint),
            "times": self.times is None or _is_whole(self.times, 1),
            "share": type(self.share) in NUMBERS and 0 < self.share <= 1,
            "status": self.status is None or _is_whole(self.status, 200, 599),
            "code": self.code is None or _is_whole(self.code, 1),
            "message": type(self.message) is str,
            "html": type(self.html) is bool,
            "headers": type(self.headers) is dict and all(map(_is_header, self.headers.items())),
            "commit": type(self.commit) is bool,
            "delay": type(self.delay) in NUMBERS and 0 <= self.delay < math.inf,
            "reset": self.reset is None or self.reset in get_args(Moment),
            "truncate": self.truncate is None or _is_whole(self.truncate, 0),
            "content_length": self.content_length is None or type(self.content_length) is int,
        }
        for name, good in kept.items():
            if not good:
                raise ValueError(f"{name} cannot be {getattr(self, name)!r}")

    @property
    def cuts(self) -> bool:
        """Whether the answer, though it is sent, is not the whole and true one."""
        return self.truncate is not None or self.content_length is not None


def _is_whole(value: Any, least: int, most: float = math.inf) -> bool:
    return type(value) is int and least <= value <= most


def _is_header(header: tuple[Any, Any]) -> bool:
    name, value = header
    return isinstance(name, str) and isinstance(value, str) and bool(HEADER.fullmatch(f"{name}:{value}"))


def read_faults(document: Any) -> list[Fault]:
    """Make faults of a JSON document: one object, or an array of them.

    Raises:
        ValueError: It is not that; the message names the place.

    """
    items = document if type(document) is list else [document]
    faults = []
    for number, item in enumerate(items):
        if type(item) is not dict:
            raise ValueError(f"fault {number}: an object is expected")
        if unknown := item.keys() - MEMBERS:
            raise ValueError(f"fault {number}: unknown {', '.join(sorted(unknown))}; known: {', '.join(MEMBERS)}")
        try:
            faults.append(Fault(**item))
        except ValueError as error:
            raise ValueError(f"fault {number}: {error}") from None
    return faults


MEMBERS: Final = tuple(field.name for field in fields(Fault))


class Faults:
    """The faults that are waiting for a request, in the order in which they were added."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._waiting = [_Waiting(fault) for fault in faults]

    def add(self, *faults: Fault) -> None:
        """Let faults wait behind those that are there."""
        with self._lock:
            self._waiting += map(_Waiting, faults)

    def clear(self) -> None:
        """Take all of them away."""
        with self._lock:
            self._waiting = []

    def waiting(self) -> list[Fault]:
        """Give those that are waiting, with the times that are left."""
        with self._lock:
            return [replace(item.fault, times=item.left) for item in self._waiting]

    def take(self, endpoint: Endpoint) -> Fault | None:
        """Give the fault that befalls a request to an endpoint, if one does."""
        with self._lock:
            for item in self._waiting:
                if item.fault.endpoint in {None, endpoint} and item.fires():
                    if item.left == 0:
                        self._waiting.remove(item)
                    return item.fault
        return None


class _Waiting:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.times
        self._due = 0.0

    def fires(self) -> bool:
        """Count a request, and say whether the fault befalls it."""
        self._due += self.fault.share
        if self._due < 1 - ROUNDING:
            return False
        self._due -= 1
        if self.left is not None:
            self.left -= 1
        return True
