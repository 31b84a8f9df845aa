"""How many requests an account may make: the window, and the block past its end. Pure."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Final

from .limits import REQUESTS_PER_WINDOW, WINDOW_SECONDS

MOST: Final = 999_999_999
# Windows kept before those that are over are thrown away.
MANY: Final = 1_000


@dataclass(frozen=True)
class Rate:
    """Requests allowed in a window of seconds.

    Args:
        requests: How many.
        seconds: How long the window is.

    Raises:
        ValueError: One of them is no whole number from 1 to 999,999,999.

    """

    requests: int
    seconds: int

    def __post_init__(self) -> None:
        for name, value in (("requests", self.requests), ("seconds", self.seconds)):
            if type(value) is not int or not 0 < value <= MOST:
                raise ValueError(f"{name}={value!r}: a whole number from 1 to {MOST:,}")

    @classmethod
    def parse(cls, text: object) -> Rate:
        """Read `REQUESTS/SECONDS`.

        Args:
            text: Such as `1200/300`.

        Raises:
            ValueError: It is not that.

        """
        rate = re.fullmatch(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})", text) if isinstance(text, str) else None
        if rate is None:
            raise ValueError(f"rate {text!r} is not REQUESTS/SECONDS, such as {REQUESTS_PER_WINDOW}/{WINDOW_SECONDS}")
        return cls(int(rate[1]), int(rate[2]))

    def __str__(self) -> str:
        return f"{self.requests}/{self.seconds}"


DOCUMENTED: Final = Rate(REQUESTS_PER_WINDOW, WINDOW_SECONDS)


@dataclass(frozen=True)
class Standing:
    """What is left of a window after a request.

    Args:
        rate: The rate that applies.
        left: Requests that are left.
        reset: Whole seconds until they are renewed.
        refused: Whether this request was one too many.

    """

    rate: Rate
    left: int
    reset: int
    refused: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell it."""
        return {
            "Ratelimit": f'"default";r={self.left};t={self.reset}',
            "Ratelimit-Policy": f'"default";q={self.rate.requests};w={self.rate.seconds}',
        }


# What an answer says while no limit is kept, or before it is known who asks.
UNLIMITED: Final = Standing(DOCUMENTED, DOCUMENTED.requests, DOCUMENTED.seconds)


@dataclass
class _Window:
    left: int
    ends: float
    blocked: bool = False


class RateLimit:
    """One window for each credential; a request past its end blocks that credential for as long as a window lasts.

    Args:
        rate: None keeps no limit.

    Raises:
        ValueError: It is no rate.

    """

    def __init__(self, rate: Rate | None) -> None:
        if not isinstance(rate, Rate | None):
            raise ValueError(f"{rate!r} is not a Rate")  # noqa: TRY004 - as every other value that makes no sense
        self.rate = rate
        self._windows: dict[bytes, _Window] = {}

    def count(self, credential: str, now: float) -> Standing:
        """Count one request of a credential at a monotonic time in seconds."""
        if self.rate is None:
            return UNLIMITED
        window = self._window(hashlib.blake2b(credential.encode(), digest_size=16).digest(), now, self.rate)
        if window.left == 0 and not window.blocked:
            window.blocked, window.ends = True, now + self.rate.seconds
        refused = window.blocked
        window.left = max(window.left - 1, 0)
        # Rounded first: adding to and taking from a clock leaves a trace that would count as a second.
        return Standing(self.rate, window.left, math.ceil(round(window.ends - now, 6)), refused)

    def _window(self, who: bytes, now: float, rate: Rate) -> _Window:
        if len(self._windows) >= MANY:
            self._windows = {key: window for key, window in self._windows.items() if window.ends > now}
        window = self._windows.get(who)
        if window is None or window.ends <= now:
            window = self._windows[who] = _Window(rate.requests, now + rate.seconds)
        return window
