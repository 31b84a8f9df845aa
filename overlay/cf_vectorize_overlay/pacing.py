"""When a request may start: who says so, the pause before a retry, and who breaks a wait off."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from .limits import WINDOW_SECONDS

if TYPE_CHECKING:
    from .errors import VectorizeError

PAUSE_FLOOR: Final = 0.2
PAUSE_BASE: Final = 0.5
PAUSE_CAP: Final = 60.0
# The longest wait the service is believed: its five-minute block and a little more.
RETRY_AFTER_CAP: Final = WINDOW_SECONDS + 30.0


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


class Attempts:
    """What one request took, retries included, and who wants to hear of it.

    Args:
        stop: Set by whoever no longer wants the answer; what is under way is broken off as `Cancelled`.
        on_retry: Called with the error and the seconds of the pause before each further attempt.
        on_wait: Called with the seconds of each wait for the budget, and why.

    Attributes:
        made: Requests made.
        waited: Seconds waited, for the budget and between attempts.
        waiting: Whether it waits now, and no request is under way.

    """

    def __init__(
        self,
        stop: threading.Event | None = None,
        on_retry: Callable[[VectorizeError, float], None] = lambda error, pause: None,  # noqa: ARG005
        on_wait: Callable[[float, str], None] = lambda seconds, reason: None,  # noqa: ARG005
    ) -> None:
        self.stop = stop or threading.Event()
        self.on_retry, self.on_wait = on_retry, on_wait
        self.made = 0
        self.waited = 0.0
        self.waiting = False

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
