"""Faults as data: what goes wrong, with which requests, how often. Pure but for a lock."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable

Endpoint = Literal["insert", "get_by_ids"]
Moment = Literal["before", "during", "after"]
# A share is reached by adding it up, which rounds: 10 times 0.1 must fire once.
ROUNDING: Final = 1e-9
NUMBERS: Final = frozenset({int, float})
# Headers that say how long a body is: what `content_length`, `truncate`, `huge` and `endless` are for.
FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
HEADER: Final = re.compile(r"[A-Za-z0-9-]+:[ -~]*")


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with a request.

    Args:
        endpoint: The endpoint that it affects; None for both.
        times: How many requests it affects; None until it is cleared.
        share: The share of requests that it affects, spread evenly: 0.25 is every fourth.
        status: Answer with this status; None leaves the answer as it is.
        code: Code of the envelope's error; None takes the emulator's own for unknown ones.
        message: Message of the envelope's error, or title of the page.
        html: Answer with an HTML page, as Cloudflare's edge does, not with an envelope.
        documentation_url: `documentation_url` of the envelope's error.
        source_pointer: `source.pointer` of the envelope's error.
        messages: The envelope's list `messages`: objects with a code and a message.
        headers: Headers of the answer, true or not, in place of those of the same name, such as `retry-after`.
        commit: Carry the request out before it is answered with `status`.
        wrong_ids: Answer a lookup with vectors whose ids nobody asked for.
        wrong_dimensions: Give the first vector that a lookup found so many values.
        delay: Seconds to wait before the answer, or before the reset.
        reset: Reset the connection: `before` the body is read, `during` it, or `after` the request was carried out.
        truncate: Send only this many bytes of the answer's body, then close the connection.
        content_length: Add this to the answer's Content-Length, which then lies; the connection closes after it.
        answers: Send the answer so many times at once, on a connection that stays open.
        surplus: Send so many bytes behind the end of the answer, on a connection that stays open.
        huge: Let so many spaces follow in the answer's body, which makes it long and leaves it JSON.
        endless: Never end the answer's body: spaces follow, with so many seconds between them, or 0 for none.

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
    documentation_url: str | None = None
    source_pointer: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    commit: bool = False
    wrong_ids: bool = False
    wrong_dimensions: int | None = None
    delay: float = 0.0
    reset: Moment | None = None
    truncate: int | None = None
    content_length: int | None = None
    answers: int = 1
    surplus: int = 0
    huge: int = 0
    endless: float | None = None

    def __post_init__(self) -> None:
        kept = {
            "endpoint": self.endpoint is None or self.endpoint in get_args(Endpoint),
            "times": self.times is None or _is_whole(self.times, 1),
            "share": type(self.share) in NUMBERS and 0 < self.share <= 1,
            "status": self.status is None or _is_whole(self.status, 200, 599),
            "code": self.code is None or _is_whole(self.code, 1),
            "message": type(self.message) is str,
            "html": type(self.html) is bool,
            "documentation_url": self.documentation_url is None or type(self.documentation_url) is str,
            "source_pointer": self.source_pointer is None or type(self.source_pointer) is str,
            "messages": type(self.messages) is list and all(map(_is_message, self.messages)),
            "headers": type(self.headers) is dict and all(map(_is_header, self.headers.items())),
            "commit": type(self.commit) is bool,
            "wrong_ids": type(self.wrong_ids) is bool,
            "wrong_dimensions": self.wrong_dimensions is None or _is_whole(self.wrong_dimensions, 0, 1 << 20),
            "delay": _is_seconds(self.delay),
            "reset": self.reset is None or self.reset in get_args(Moment),
            "truncate": self.truncate is None or _is_whole(self.truncate, 0),
            "content_length": self.content_length is None or type(self.content_length) is int,
            "answers": _is_whole(self.answers, 1, 1000),
            "surplus": _is_whole(self.surplus, 0, 1 << 20),
            "huge": _is_whole(self.huge, 0),
            "endless": self.endless is None or _is_seconds(self.endless),
        }
        for name, good in kept.items():
            if not good:
                raise ValueError(f"{name} cannot be {getattr(self, name)!r}")


class FaultMembers(TypedDict, total=False):
    """The members of a fault but `times`, for whoever takes them as keywords."""

    endpoint: Endpoint | None
    share: float
    status: int | None
    code: int | None
    message: str
    html: bool
    documentation_url: str | None
    source_pointer: str | None
    messages: list[dict[str, Any]]
    headers: dict[str, str]
    commit: bool
    wrong_ids: bool
    wrong_dimensions: int | None
    delay: float
    reset: Moment | None
    truncate: int | None
    content_length: int | None
    answers: int
    surplus: int
    huge: int
    endless: float | None


def _is_whole(value: Any, least: int, most: float = math.inf) -> bool:
    return type(value) is int and least <= value <= most


def _is_seconds(value: Any) -> bool:
    return type(value) in NUMBERS and 0 <= value < math.inf


def _is_message(item: Any) -> bool:
    return type(item) is dict and type(item.get("code")) is int and type(item.get("message")) is str


def _is_header(header: tuple[Any, Any]) -> bool:
    name, value = header
    if not isinstance(name, str) or not isinstance(value, str) or name.lower() in FRAMING:
        return False
    return bool(HEADER.fullmatch(f"{name}:{value}"))


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
# What a request meets that no fault affects.
NO_FAULT: Final = Fault()


class Faults:
    """The faults that are waiting for a request, in the order in which they were added."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Let faults wait behind those that are there.

        Raises:
            ValueError: One of them is no `Fault`.

        """
        if strange := [fault for fault in faults if not isinstance(fault, Fault)]:
            raise ValueError(f"{strange[0]!r} is not a Fault")
        with self._lock:
            self._waiting += map(_Waiting, faults)

    def clear(self) -> None:
        """Take all of them away."""
        with self._lock:
            self._waiting = []

    def waiting(self) -> list[Fault]:
        """Return those that are waiting, with the times that are left."""
        with self._lock:
            return [replace(item.fault, times=item.left) for item in self._waiting]

    def take(self, endpoint: Endpoint) -> Fault | None:
        """Return the fault that a request to an endpoint meets, if it meets one."""
        with self._lock:
            for item in self._waiting:
                if item.fault.endpoint in {None, endpoint} and item.affects_next():
                    if item.left == 0:
                        self._waiting.remove(item)
                    return item.fault
        return None


class _Waiting:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.times
        self._due = 0.0

    def affects_next(self) -> bool:
        """Count a request, and say whether the fault affects it."""
        self._due += self.fault.share
        if self._due < 1 - ROUNDING:
            return False
        self._due -= 1
        if self.left is not None:
            self.left -= 1
        return True
