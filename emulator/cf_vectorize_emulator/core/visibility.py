"""When an accepted vector becomes readable. Pure."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final, Literal, get_args

Order = Literal["accepted", "any", "scattered"]
NUMBERS: Final = frozenset({int, float})


@dataclass(frozen=True)
class Visibility:
    """How long a mutation stays unreadable after it was accepted.

    Args:
        delay: Seconds; infinite holds everything back until it is released.
        jitter: Seconds; each mutation draws up to this much more.
        order: `accepted`: mutations of an index become readable in the order in which they were accepted.
            `any`: jitter may reorder them. `scattered`: each vector of a mutation draws its own jitter.

    Raises:
        ValueError: A duration is negative or no number, or the order is unknown.

    """

    delay: float = 1.0
    jitter: float = 0.5
    order: Order = "accepted"

    def __post_init__(self) -> None:
        if type(self.delay) not in NUMBERS or not self.delay >= 0:
            raise ValueError(f"delay={self.delay!r}: seconds, 0 or more")
        if type(self.jitter) not in NUMBERS or not 0 <= self.jitter < math.inf:
            raise ValueError(f"jitter={self.jitter!r}: seconds, 0 or more")
        if self.order not in get_args(Order):
            raise ValueError(f"order={self.order!r}: one of {', '.join(get_args(Order))}")

    @classmethod
    def parse(cls, visible: str | float, jitter: float = 0.0, order: Order = "accepted") -> Visibility:
        """Read `immediately`, `held` or a number of seconds.

        Args:
            visible: One of these.
            jitter: As of the class.
            order: As of the class.

        Raises:
            ValueError: It is none of them, or `jitter` or `order` is not what it can be.

        """
        if visible == "immediately":
            return cls(0.0, 0.0, "any")  # a mutation that others hold up would not be readable immediately
        if visible == "held":
            return cls(math.inf, 0.0, order)
        try:
            delay = float(visible)
        except (TypeError, ValueError):
            raise ValueError(f"visible={visible!r}: immediately, held, or a number of seconds") from None
        return cls(delay, jitter, order)

    def readable_at(self, accepted_at: float, previous: float) -> float:
        """Return the moment from which a mutation can be read.

        Args:
            accepted_at: When it was accepted, as seconds since the epoch.
            previous: When the mutation accepted before it becomes readable.

        """
        moment = accepted_at + self.delay + self.draw()
        return max(moment, previous) if self.order == "accepted" else moment

    @property
    def text(self) -> str:
        """Return the delay as `parse` reads it."""
        return {0.0: "immediately", math.inf: "held"}.get(self.delay, f"{self.delay:g}")

    def draw(self) -> float:
        """Draw the jitter of one mutation, or of one scattered vector."""
        return random.uniform(0, self.jitter)  # noqa: S311
