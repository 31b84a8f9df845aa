"""The account's budget: the requests that it may start, shared by all who ask.

No library fits: the published limiters know neither a budget that an answer's headers correct, nor one pause that a
throttled worker imposes on all others.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final
from weakref import WeakValueDictionary

from cf_vectorize_overlay.limits import REQUESTS_PER_WINDOW, WINDOW_SECONDS
from cf_vectorize_overlay.pacing import RETRY_AFTER_CAP

LOGGER = logging.getLogger("cf_vectorize")
# After a block, waiting workers start one after the other this far apart, not all at once.
RESTART_SPACING: Final = 0.25
# A request under way for longer belongs to a worker that died.
LOST_AFTER: Final = 600.0

LEFT = re.compile(r"\br=(\d+)\s*;\s*t=(\d+)")
POLICY = re.compile(r"\bq=(\d+)\s*;\s*w=(\d+)")
# More digits than these are no number of requests or seconds, and Python refuses to read thousands of them.
MOST_DIGITS: Final = 9


class AccountBudget:
    """The requests that an account may start, shared by all who ask.

    Retries count like any other.

    Args:
        requests: Requests in any 5 minutes. None takes Cloudflare's 1,200, and
            lets a stricter `Ratelimit-Policy` header lower it; a given number
            stands. What `Ratelimit` says is left is obeyed either way.
        clock: Returns the time in seconds; any start will do. Default:
            `time.monotonic`.

    """

    def __init__(self, requests: int | None = None, clock: Callable[[], float] | None = None) -> None:
        self._lock = threading.Lock()
        self._clock = clock or time.monotonic
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

    @property
    def advisory(self) -> bool:
        """Whether only headers limit it, which may slow, and not stop."""
        return self._adjustable

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


_SHARED: WeakValueDictionary[str, AccountBudget] = WeakValueDictionary()
_SHARING = threading.Lock()


def shared_budget(asker: str, requests: int | None) -> AccountBudget:
    """Return the one budget of this process for who asks; where several numbers are given, the smallest counts."""
    with _SHARING:
        budget = _SHARED.get(asker)
        if budget is None:
            budget = _SHARED[asker] = AccountBudget(requests)
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
