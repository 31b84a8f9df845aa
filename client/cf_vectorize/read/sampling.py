"""A uniform sample of lines in one pass, and what it proves about all of them. Pure."""

from __future__ import annotations

import math
import random
import secrets
from typing import TYPE_CHECKING, Final

from cf_vectorize.base.defaults import SAMPLE
from cf_vectorize_overlay.errors import InputError

from .comparison import LineReader

if TYPE_CHECKING:
    from cf_vectorize.checks.rules import BadLine

    from .comparison import Expected

CONFIDENCE: Final = 0.95
ROUNDING: Final = 1e-9


class Sampler:
    """Keeps a uniform sample of the lines it is offered, in one pass (Li's algorithm L).

    Offering a line that is not taken costs a comparison; memory is that of the sample, about 4 bytes a value.

    Args:
        size: Lines to keep. Default 3,000.
        seed: Repeats an earlier choice among the same lines; by default one is drawn.

    Attributes:
        seed: As given or drawn.
        offered: Lines offered so far, blank ones left out.

    """

    def __init__(self, size: int = SAMPLE, seed: int | None = None) -> None:
        if size < 1:
            raise InputError(f"sample is {size}; it is at least 1")
        self.seed = secrets.randbits(32) if seed is None else seed
        self.offered = 0
        self._size = size
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        self._kept: list[tuple[int, Expected | BadLine]] = []
        self._log_weight = 0.0
        self._next = 1
        self._read = LineReader()

    def offer(self, line: bytes, source: str, number: int) -> None:
        """Take note of a line, which may end in a newline, and keep it if chance wants it."""
        if line.isspace():
            return
        self.offered += 1
        if self.offered == self._next:
            self._keep(self._read(line, source, number))

    def lines(self) -> list[Expected | BadLine]:
        """Return the sample in the order of the lines."""
        return [line for _, line in sorted(self._kept, key=lambda kept: kept[0])]

    def _keep(self, line: Expected | BadLine) -> None:
        if len(self._kept) < self._size:
            self._kept.append((self.offered, line))
        else:
            self._kept[self._random.randrange(self._size)] = self.offered, line
        self._next += 1 + (self._gap() if len(self._kept) == self._size else 0)

    def _gap(self) -> int:
        """Draw how many lines to pass over."""
        self._log_weight -= self._random.expovariate(self._size)
        return int(self._random.expovariate(1.0) / -math.log1p(-math.exp(self._log_weight)))


def most_wrong(population: int, looked_at: int, wrong: int) -> int:
    """Return the most lines of a population that can be wrong, when so many of a sample of it are.

    The exact one-sided limit for drawing without replacement: the largest number under which a sample as good as this
    one has at least a chance of `1 - CONFIDENCE`. For a large population it is Clopper and Pearson's; when all were
    looked at it is `wrong`.
    """
    # Up to the share seen in the sample, such a sample is more likely than not.
    low, high = wrong * population // looked_at, population - looked_at + wrong
    while low < high:
        middle = (low + high + 1) // 2
        if _chance_of_at_most(wrong, population, middle, looked_at) > 1 - CONFIDENCE - ROUNDING:
            low = middle
        else:
            high = middle - 1
    return low


def most_wrong_share(looked_at: int, wrong: int) -> float:
    """Return Clopper and Pearson's one-sided limit: the largest share of a whole of any size that can be wrong."""
    whole = max(10**9, 1_000 * looked_at)
    return (most_wrong(whole, looked_at, wrong) + 1) / whole


def _chance_of_at_most(wrong: int, population: int, wrong_in_all: int, looked_at: int) -> float:
    """Return the hypergeometric distribution function, summed down from its largest term asked for."""
    right_in_all = population - wrong_in_all
    at = min(wrong, wrong_in_all)
    term = math.exp(
        _log_choices(wrong_in_all, at)
        + _log_choices(right_in_all, looked_at - at)
        - _log_choices(population, looked_at)
    )
    total = 0.0
    while term > total * 1e-15:
        total += term
        term *= at * (right_in_all - looked_at + at) / ((wrong_in_all - at + 1) * (looked_at - at + 1))
        at -= 1
    return total


def _log_choices(of: int, taken: int) -> float:
    if not 0 <= taken <= of:
        return -math.inf
    return math.lgamma(of + 1) - math.lgamma(taken + 1) - math.lgamma(of - taken + 1)
