"""When the next request may start: the account's budget, the pause before a retry, and who breaks a wait off.

No library fits: the published limiters and retriers know neither a budget that an answer's headers correct, nor
one pause that a throttled worker imposes on all others, nor a wait that a cancelled load leaves at once.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import random
import re
import threading
import time
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakValueDictionary

import attrs

from .limits import REQUESTS_PER_WINDOW, WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .errors import VectorizeError

LOGGER = logging.getLogger("cf_vectorize")
PAUSE_FLOOR: Final = 0.2
PAUSE_BASE: Final = 0.5
PAUSE_CAP: Final = 60.0
# The longest wait the service is believed: its five-minute block and a little more.
RETRY_AFTER_CAP: Final = WINDOW_SECONDS + 30.0
# After a block, waiting workers start one after the other this far apart, not all at once.
RESTART_SPACING: Final = 0.25
# A request under way for longer belongs to a worker that died.
LOST_AFTER: Final = 600.0

LEFT = re.compile(r"\br=(\d+)\s*;\s*t=(\d+)")
POLICY = re.compile(r"\bq=(\d+)\s*;\s*w=(\d+)")
# More digits than these are no number of requests or seconds, and Python refuses to read thousands of them.
MOST_DIGITS: Final = 9


class Budget(Protocol):
    """What says when a request may start: one for all requests of an account.

    In durations and never clock readings, so that one may serve several
    machines. Safe to use from several threads.
    """

    def ask(self) -> float:
        """Count a request and return 0, or the seconds after which to ask again."""
        ...

    def give_back(self, headers: Mapping[str, str] | None) -> None:
        """Note that a request has ended, and its answer's headers.

        Args:
            headers: By lower-case name; None for no answer.

        """
        ...

    def block(self, seconds: float) -> None:
        """Let no request start for so long: one of them was throttled.

        Args:
            seconds: Counted from now.

        """
        ...


@attrs.define
class Attempts:
    """What one request took, retries included, and who wants to hear of it.

    Attributes:
        stop: Set by whoever no longer wants the answer; what is under way is broken off as `Cancelled`.
        on_retry: Called with the error and the seconds of the pause before each further attempt.
        on_wait: Called with the seconds of each wait for the budget, and why.
        made: Requests made.
        waited: Seconds waited, for the budget and between attempts.
        waiting: Whether it waits now, and no request is under way.

    """

    stop: threading.Event = attrs.field(factory=threading.Event)
    on_retry: Callable[[VectorizeError, float], None] = lambda error, pause: None  # noqa: ARG005
    on_wait: Callable[[float, str], None] = lambda seconds, reason: None  # noqa: ARG005
    made: int = 0
    waited: float = 0.0
    waiting: bool = False

    def wait(self, seconds: float) -> None:
        """Wait, unless and until nobody wants the answer any more.

        Args:
            seconds: At most so long.

        """
        self.waited += seconds
        self.waiting = True
        self.stop.wait(seconds)
        self.waiting = False
        if self.stop.is_set():
            raise Cancelled


class Cancelled(BaseException):
    """The caller no longer wants the answer."""


def pause_before_retry(failures: int, retry_after: float | None) -> float:
    """Return the seconds to wait after the `failures`-th failure in a row: full jitter with a floor.

    What the service asks for (`retry_after`) is obeyed up to a cap, with a little jitter on top.
    """
    # The exponent is bounded since a day of failures would overflow a float.
    jittered = max(PAUSE_FLOOR, random.uniform(0, min(PAUSE_CAP, PAUSE_BASE * 2 ** min(failures, 30))))  # noqa: S311
    if retry_after is None:
        return jittered
    return min(RETRY_AFTER_CAP, retry_after) + min(jittered, 1.0)


class AccountBudget:
    """The requests that an account may start, shared by all who ask.

    Retries count like any other.

    Args:
        requests: Requests in any 5 minutes. None takes Cloudflare's 1,200, and
            lets a stricter `Ratelimit-Policy` header lower it; a given number
            stands. What `Ratelimit` says is left is obeyed either way.
        clock: Returns the time in seconds; any start will do.

    """

    def __init__(self, requests: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._adjustable = requests is None
        self._requests = requests or REQUESTS_PER_WINDOW
        self._window = float(WINDOW_SECONDS)
        self._starts: deque[float] = deque()
        self._under_way: deque[float] = deque()
        self._left: int | None = None
        self._least = 0
        self._left_until = -math.inf
        self._blocked_until = 0.0
        self._restart_at = 0.0

    def ask(self) -> float:
        """Count a request and return 0, or the seconds after which to ask again."""
        with self._lock:
            now = self._clock()
            _forget(self._starts, now - self._window)
            stop = max(self._blocked_until, self._left_until if self._left is not None and self._left <= 0 else 0.0)
            moment = now
            if stop > now:
                # A slot of its own for each caller.
                moment = self._restart_at = max(stop, self._restart_at + RESTART_SPACING)
            if len(self._starts) >= self._requests:
                moment = max(moment, self._starts[-self._requests] + self._window)
            if moment == now:
                self._starts.append(now)
                self._under_way.append(now)
                if self._left is not None:
                    self._left -= 1
            return moment - now

    def give_back(self, headers: Mapping[str, str] | None) -> None:
        """Note that a request has ended, and what its answer says of the budget.

        Args:
            headers: By lower-case name; None for no answer.

        """
        with self._lock:
            now = self._clock()
            _forget(self._under_way, now - LOST_AFTER)
            if self._under_way:
                self._under_way.popleft()
            if headers is None:
                return
            left = list(_numbers(LEFT, headers.get("ratelimit", "")))
            if left:
                remaining, reset = min(left)
                # Answers may be told in another order than they were given: within a window, none says more.
                if now >= self._left_until or remaining <= self._least:
                    self._least = remaining
                    self._left = remaining - len(self._under_way)
                    self._left_until = now + min(reset, RETRY_AFTER_CAP)
            for requests, window in _numbers(POLICY, headers.get("ratelimit-policy", "")) if self._adjustable else ():
                if not 0 < window <= RETRY_AFTER_CAP or not requests:
                    _say_once(f"a Ratelimit-Policy of {requests} requests in {window} s is not obeyed")
                elif requests / window < self._requests / self._window:
                    self._requests, self._window = requests, float(window)

    def block(self, seconds: float) -> None:
        """Let no request start for so long: one of them was throttled.

        Args:
            seconds: Counted from now.

        """
        with self._lock:
            self._blocked_until = max(self._blocked_until, self._clock() + seconds)

    def limit(self, requests: int) -> None:
        """Allow so many requests in 5 minutes, from now on whatever headers say.

        Args:
            requests: At least 1.

        """
        with self._lock:
            if self._adjustable or requests < self._requests:
                self._requests, self._window = min(requests, self._requests), float(WINDOW_SECONDS)
            self._adjustable = False


def _forget(moments: deque[float], until: float) -> None:
    while moments and moments[0] <= until:
        moments.popleft()


def _numbers(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for pair in pattern.findall(text):
        if max(map(len, pair)) > MOST_DIGITS:
            _say_once(f"a rate header with a number of {max(map(len, pair))} digits is not obeyed")
        else:
            yield int(pair[0]), int(pair[1])


@lru_cache(64)
def _say_once(text: str) -> None:
    LOGGER.warning(text)


_SHARED: WeakValueDictionary[bytes, AccountBudget] = WeakValueDictionary()
_SHARING = threading.Lock()


def budget_of(account: str, requests: int | None, clock: Callable[[], float]) -> AccountBudget:
    """Return the one budget of this process for an account; where several numbers are given, the smallest counts."""
    # The text holds secrets, and lasts no longer than this.
    key = hashlib.blake2b(account.encode(), digest_size=16).digest()
    with _SHARING:
        budget = _SHARED.get(key)
        if budget is None:
            budget = _SHARED[key] = AccountBudget(requests, clock)
        elif requests is not None:
            budget.limit(requests)
        return budget


def _renew_locks() -> None:
    """Renew the locks in a forked process: threads that are not in it may have held them."""
    global _SHARING  # noqa: PLW0603
    _SHARING = threading.Lock()
    for budget in list(_SHARED.values()):
        budget._lock = threading.Lock()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
