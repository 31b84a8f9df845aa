"""When the next request may start: the account's budget, and the pause before a retry. Pure but for a lock.

No library fits: the published limiters and retriers know neither a budget that an answer's headers correct, nor
one pause that a throttled worker imposes on all others, nor a wait that a cancelled load leaves at once.
"""

from __future__ import annotations

import random
import re
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from .limits import REQUESTS_PER_WINDOW, WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSE_FLOOR: Final = 0.2
PAUSE_BASE: Final = 0.5
PAUSE_CAP: Final = 60.0
# The longest wait the service is believed: its five-minute block and a little more.
RETRY_AFTER_CAP: Final = WINDOW_SECONDS + 30.0
# After a block, waiting workers start one after the other this far apart, not all at once.
RESTART_SPACING: Final = 0.25

LEFT = re.compile(r"\br=(\d+)\s*;\s*t=(\d+)")
POLICY = re.compile(r"\bq=(\d+)\s*;\s*w=(\d+)")


def pause_before_retry(failures: int, retry_after: float | None) -> float:
    """Give the seconds to wait after the `failures`-th failure in a row: full jitter with a floor.

    What the service asks for (`retry_after`) is obeyed up to a cap, with a little jitter on top.
    """
    # The exponent is bounded since a day of failures would overflow a float.
    jittered = max(PAUSE_FLOOR, random.uniform(0, min(PAUSE_CAP, PAUSE_BASE * 2 ** min(failures, 30))))  # noqa: S311
    if retry_after is None:
        return jittered
    return min(RETRY_AFTER_CAP, retry_after) + min(jittered, 1.0)


class Budget:
    """The requests an account may start, shared by all workers of a client; counts retries like any other.

    Args:
        requests: Requests in any 5 minutes. None takes Cloudflare's 1,200, and lets a stricter
            `Ratelimit-Policy` header lower it; a given number stands. What `Ratelimit` says is left is
            obeyed either way.

    """

    def __init__(self, requests: int | None = None) -> None:
        self._lock = threading.Lock()
        self._adjustable = requests is None
        self._requests = requests or REQUESTS_PER_WINDOW
        self._window = float(WINDOW_SECONDS)
        self._starts: deque[float] = deque()
        self._left: int | None = None
        self._left_until = 0.0
        self._blocked_until = 0.0
        self._restart_at = 0.0
        self._under_way = 0

    def start(self, now: float) -> float:
        """Count one request and give `now` if it may start; otherwise count nothing and give when to ask again."""
        with self._lock:
            while self._starts and self._starts[0] <= now - self._window:
                self._starts.popleft()
            moment = self._after_stop(now)
            if len(self._starts) >= self._requests:
                moment = max(moment, self._starts[-self._requests] + self._window)
            if moment == now:
                self._starts.append(now)
                self._under_way += 1
                if self._left is not None:
                    self._left -= 1
            return moment

    def _after_stop(self, now: float) -> float:
        """Give the earliest start that the service's last words allow, a slot of its own for each caller."""
        stop = self._blocked_until
        if self._left is not None and self._left <= 0:
            stop = max(stop, self._left_until)
        if stop <= now:
            return now
        self._restart_at = max(stop, self._restart_at + RESTART_SPACING)
        return self._restart_at

    def finish(self, now: float, headers: Mapping[str, str] | None = None) -> None:
        """Note the end of a request, and what the answer's headers (by lower-case name) say of the budget."""
        with self._lock:
            self._under_way -= 1
            if headers is None:
                return
            left = [(int(r), int(t)) for r, t in LEFT.findall(headers.get("ratelimit", ""))]
            if left:
                remaining, reset = min(left)
                self._left = remaining - self._under_way
                self._left_until = now + min(reset, RETRY_AFTER_CAP)
            for q, w in POLICY.findall(headers.get("ratelimit-policy", "")) if self._adjustable else ():
                requests, window = int(q), int(w)
                if requests and window and requests / window < self._requests / self._window:
                    self._requests, self._window = requests, float(window)

    def block(self, until: float) -> None:
        """Let no worker start a request before `until`: one of them was throttled."""
        with self._lock:
            self._blocked_until = max(self._blocked_until, until)
