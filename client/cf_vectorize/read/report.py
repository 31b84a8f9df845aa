"""What reading back found, and how much that proves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, Self

import attrs

from cf_vectorize.base.wording import count, duration
from cf_vectorize.checks.rules import BadLine  # noqa: TC001 - types of public fields
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import IDS_PER_GET_BY_IDS, REQUESTS_PER_WINDOW, WINDOW_SECONDS
from cf_vectorize_overlay.text import printable

from .comparison import Difference  # noqa: TC001 - types of public fields
from .sampling import CONFIDENCE, most_wrong, most_wrong_share

# Of missing, different and unjudged lines, as many as this are kept with their details.
DETAILS: Final = 1_000
FIRST_VERSION_STAYS: Final = (
    "insert never overwrites: an id keeps its first version; to change it, upsert or delete it by other means"
)


@attrs.frozen
class Finding:
    """One line whose vector is missing or different.

    Attributes:
        source: The file's path as given, or a name in angle brackets such as
            `<stdin>`.
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
        return printable(f'{self.source}:{self.line} (id "{self.id}"): {what}')


@attrs.frozen(kw_only=True, repr=False)
class VerifyReport:
    """What was found of the lines looked at.

    Each is equal, missing, different or not judged.

    Attributes:
        lines: Lines of the source, blank ones left out; or of the whole that
            they were chosen from, where the caller told how large that is.
        equal: Vectors that are in the index as the source has them.
        missing: Vectors that the index did not hold when the deadline had
            passed.
        different: Vectors that the index holds otherwise: insert never
            overwrites, so the first version of an id stays.
        not_judged: Lines that have no readable id and values; that are missing,
            but that the service may have refused, also for other dimensions
            than the index's; or whose id another line has too, whose vector the
            index holds.
        late: Of the equal, those that turned up only after waiting.
        findings: The missing and different, the first 1,000 of each.
        unjudged: The lines not judged, each with its reason, the first 1,000.
        requests: Requests made, retries left out.
        seconds: Time they took, waiting included; of reports put together, the
            longest.
        seed: Repeats the choice of lines; None where all were looked at.
        least_share: Of reports put together, the smallest share of a part's
            lines that was judged; None where the lines were chosen from all at
            once.

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
    least_share: float | None = None

    @classmethod
    def combined(cls, reports: Iterable[Self]) -> Self:
        """Put reports on the parts of a whole together.

        The lines of each part were chosen from that part. The bound holds
        however unevenly, and is best where each part had its fair share; where
        they were chosen from the whole before it was parted, call
        `of_population`.

        Args:
            reports: At least one; no line belongs to two of them.

        Raises:
            InputError: There is none.

        """
        parts = list(reports)
        if not parts:
            raise InputError("there is no report to put together")
        missing = (each for part in parts for each in part.findings if not each.differences)
        different = (each for part in parts for each in part.findings if each.differences)
        shares = [part.judged_share for part in parts if part.lines > part.not_judged]
        return cls(
            lines=sum(part.lines for part in parts),
            equal=sum(part.equal for part in parts),
            missing=sum(part.missing for part in parts),
            different=sum(part.different for part in parts),
            not_judged=sum(part.not_judged for part in parts),
            late=sum(part.late for part in parts),
            findings=(*islice(missing, DETAILS), *islice(different, DETAILS)),
            unjudged=tuple(islice((line for part in parts for line in part.unjudged), DETAILS)),
            requests=sum(part.requests for part in parts),
            seconds=max(part.seconds for part in parts),
            seed=parts[0].seed if len(parts) == 1 else None,
            least_share=min(shares, default=None),
        )

    def of_population(self, population: int) -> Self:
        """Return the report as one on a larger whole.

        From that whole its lines had been chosen at random.

        Args:
            population: How many lines the whole has.

        Raises:
            InputError: The whole is smaller than they are.

        """
        if population < self.lines:
            raise InputError(f"population is {population:,}, and the lines that were chosen from it {self.lines:,}")
        uneven = self.least_share is not None and self.least_share < 1
        least_share = self.judged_share * self.lines / population if uneven else None
        return attrs.evolve(self, lines=population, least_share=least_share)

    @property
    def ok(self) -> bool:
        """Whether something could be judged, and all of it is equal."""
        return self.equal > 0 and self.missing == self.different == 0

    @property
    def judged(self) -> int:
        """Lines found to be equal, missing or different."""
        return self.equal + self.missing + self.different

    @property
    def looked_at(self) -> int:
        """Lines judged or found not to be judgeable."""
        return self.judged + self.not_judged

    @property
    def judged_share(self) -> float:
        """The share of the lines that was judged.

        Of reports put together, the smallest of a part's.
        """
        if self.least_share is not None:
            return self.least_share
        return self.judged / (self.lines - self.not_judged)

    @property
    def wrong_share(self) -> float | None:
        """At 95 % confidence no larger share of all lines is missing or different.

        None where none was judged.
        """
        population, wrong = self.lines - self.not_judged, self.missing + self.different
        if not self.judged or not self.judged_share:
            return None
        if self.least_share is None:
            return most_wrong(population, self.judged, wrong) / population
        # Were all wrong lines in the part that was looked at least, as few of them would have been seen.
        at_most = most_wrong_share(self.judged, wrong) * self.judged / self.least_share
        return min(at_most, population - self.equal) / population

    @property
    def requests_for_all(self) -> int:
        """Requests that looking at every line takes."""
        return math.ceil(self.lines / IDS_PER_GET_BY_IDS)

    @property
    def seconds_for_all(self) -> float:
        """The shortest time in which the account's budget allows them."""
        return self.requests_for_all * WINDOW_SECONDS / REQUESTS_PER_WINDOW

    def __repr__(self) -> str:
        return f"<VerifyReport: {', '.join(self._counts())}>"

    def summary(self) -> str:
        """Say in plain words what was found, and how much that proves."""
        said = self._counts()
        if self.different:
            said.append(FIRST_VERSION_STAYS)
        if self.wrong_share is not None and self.looked_at < self.lines:
            # Rounded up, so that what is said stays true.
            percent = math.ceil(self.wrong_share * 1e6) / 1e4
            said.append(f"at {CONFIDENCE:.0%} confidence at most {percent:g}% of all lines are missing or different")
        said.append(f"{count(self.requests, 'request')} in {duration(self.seconds)}")
        if self.looked_at < self.lines:
            requests, budget = count(self.requests_for_all, "request"), duration(self.seconds_for_all)
            said.append(f"all lines would take {requests} and, by the account's budget, {budget}")
        return "\n".join(said)

    def as_json(self) -> dict[str, Any]:
        """Return the report as what JSON can say."""
        return {
            "ok": self.ok,
            **attrs.asdict(self),
            "confidence": CONFIDENCE,
            "wrong_share_at_most": self.wrong_share,
            "requests_for_all": self.requests_for_all,
            "seconds_for_all": self.seconds_for_all,
        }

    def _counts(self) -> list[str]:
        seed = "" if self.seed is None else f", chosen with seed {self.seed}"
        late = f" ({self.late:,} of them after waiting)" if self.late else ""
        return [
            f"{self.looked_at:,} of {count(self.lines, 'line')} looked at{seed}",
            f"{self.equal:,} equal{late}",
            f"{self.missing:,} missing",
            f"{self.different:,} different",
            f"{self.not_judged:,} not judged",
        ]
