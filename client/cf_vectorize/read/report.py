"""What reading back found, and how much that proves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from cf_vectorize.base.wording import duration
from cf_vectorize_overlay.limits import IDS_PER_GET_BY_IDS, REQUESTS_PER_WINDOW, WINDOW_SECONDS

from .sampling import CONFIDENCE, most_wrong

if TYPE_CHECKING:
    from cf_vectorize.checks.rules import BadLine

    from .comparison import Difference


@attrs.frozen
class Finding:
    """One line whose vector is missing or different.

    Attributes:
        source: The file's path as given, or a name in angle brackets such as `<stdin>`.
        line: The line's number in that source, from 1.
        id: The vector's id.
        differences: What differs; empty where the vector is missing.

    """

    source: str
    line: int
    id: str
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        what = "; ".join(map(str, self.differences)) or "is missing"
        return f'{self.source}:{self.line} (id "{self.id}"): {what}'


@attrs.frozen(kw_only=True)
class VerifyReport:
    """What was found of the lines looked at; each is equal, missing, different or not judged.

    Attributes:
        lines: Lines of the source, blank ones left out.
        equal: Vectors that are in the index as the source has them.
        missing: Vectors that the index did not hold when the deadline had passed.
        different: Vectors that the index holds otherwise.
        not_judged: Lines that have no readable id and values; that are missing, but that the service may have
            refused, also for other dimensions than the index's; or whose id another line has too, whose vector the
            index holds.
        late: Of the equal and different, those that turned up only after waiting.
        findings: The missing and different, the first 1,000 of each.
        unjudged: The lines not judged, each with its reason, the first 1,000.
        requests: Requests made, retries left out.
        seconds: Time they took, waiting included.
        seed: Repeats the choice of lines; None where all were looked at.

    """

    lines: int
    equal: int
    missing: int
    different: int
    not_judged: int
    late: int
    findings: tuple[Finding, ...]
    unjudged: tuple[BadLine, ...]
    requests: int
    seconds: float
    seed: int | None

    @property
    def ok(self) -> bool:
        """Whether something could be judged, and all of it is equal."""
        return self.equal > 0 and self.missing == self.different == 0

    @property
    def judged(self) -> int:
        """Lines found to be equal, missing or different."""
        return self.equal + self.missing + self.different

    @property
    def wrong_share(self) -> float | None:
        """At 95 % confidence no larger share of all lines is missing or different; None where none was judged."""
        if not self.judged:
            return None
        population = self.lines - self.not_judged
        return most_wrong(population, self.judged, self.missing + self.different) / population

    @property
    def requests_for_all(self) -> int:
        """Requests that looking at every line takes."""
        return math.ceil(self.lines / IDS_PER_GET_BY_IDS)

    @property
    def seconds_for_all(self) -> float:
        """The shortest time in which the account's budget, 1,200 requests in 5 minutes, allows them."""
        return self.requests_for_all * WINDOW_SECONDS / REQUESTS_PER_WINDOW

    def summary(self) -> str:
        """Say in plain words, some to a line, what was found and how much that proves."""
        looked_at = self.judged + self.not_judged
        seed = "" if self.seed is None else f", chosen with seed {self.seed}"
        late = f" ({self.late:,} of them after waiting)" if self.late else ""
        said = [
            f"{looked_at:,} of {self.lines:,} lines looked at{seed}",
            f"{self.equal:,} equal{late}",
            f"{self.missing:,} missing",
            f"{self.different:,} different",
            f"{self.not_judged:,} not judged",
        ]
        if self.wrong_share is not None and looked_at < self.lines:
            # Rounded up, so that what is said stays true.
            percent = math.ceil(self.wrong_share * 1e6) / 1e4
            said.append(f"at {CONFIDENCE:.0%} confidence at most {percent:g}% of all lines are missing or different")
        said.append(f"{self.requests:,} requests in {duration(self.seconds)}")
        if looked_at < self.lines:
            budget = duration(self.seconds_for_all)
            said.append(
                f"all lines would take {self.requests_for_all:,} requests and, by the account's budget, {budget}"
            )
        return "\n".join(said)

    def as_json(self) -> dict[str, Any]:
        """Give the report as what JSON can say."""
        return {
            "ok": self.ok,
            **attrs.asdict(self),
            "confidence": CONFIDENCE,
            "wrong_share_at_most": self.wrong_share,
            "requests_for_all": self.requests_for_all,
            "seconds_for_all": self.seconds_for_all,
        }
