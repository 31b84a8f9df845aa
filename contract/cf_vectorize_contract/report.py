"""What a run of judging found, in words and as JSON."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .judge import Judgement, Verdict

KEPT, BROKEN, NOT_JUDGED = 0, 1, 3
# Judgements that are kept of a long run; all are counted.
MOST: Final = 1000


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _version() -> str:
    try:
        return metadata.version("cf-vectorize")
    except metadata.PackageNotFoundError:
        return "unknown"


@attrs.define
class Report:
    """Judgements as they come.

    Attributes:
        host: Whom the answers are from: a host, or the files that were replayed.
        fragment: The version of the fragment that judged.
        results: The judgements, in order; of a long run only the first thousand, and all that are broken.
        stored: Ids of the vectors that may have been left in the index; this package cannot delete them.
        other: Exchanges that are none of the contract's operations.
        time: When the run began.
        counts: How many judgements came to which verdict.

    """

    host: str
    fragment: str
    results: list[Judgement] = attrs.field(factory=list)
    stored: list[str] = attrs.field(factory=list)
    other: int = 0
    time: str = attrs.field(factory=_now)
    counts: Counter[Verdict] = attrs.field(factory=Counter)

    def add(self, judgement: Judgement) -> None:
        """Count a judgement, and keep it where there is room.

        Args:
            judgement: What came of one exchange.

        """
        self.counts[judgement.verdict] += 1
        if len(self.results) < MOST or (judgement.verdict == "broken" and self.counts["broken"] <= MOST):
            self.results.append(judgement)

    @property
    def exit_code(self) -> int:
        """0 the contract is kept; 1 it is broken; 3 something, or everything, could not be judged."""
        if self.counts["broken"]:
            return BROKEN
        return NOT_JUDGED if self.counts["not judged"] or not self.counts["kept"] else KEPT

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "kept": self.exit_code == KEPT,
            "exit_code": self.exit_code,
            "time": self.time,
            "host": self.host,
            "versions": {"cf-vectorize": _version(), "fragment": self.fragment},
            "counts": {verdict: self.counts[verdict] for verdict in ("kept", "broken", "not judged")},
            "other": self.other,
            "results": [attrs.asdict(result) for result in self.results],
            "stored": self.stored,
        }

    def as_text(self) -> Iterator[str]:
        """Say the report in words, one line at a time."""
        for result in self.results:
            yield from result.lines()
        yield from self.summary()

    def summary(self) -> Iterator[str]:
        """Say in words what it comes to."""
        total = self.counts.total()
        if self.stored:
            yield f"Left in the index, for there is no deleting here: {', '.join(self.stored)}"
        if self.other:
            yield f"Not of the contract's operations, and not looked at: {self.other:,}"
        if total > len(self.results):
            yield f"… and {total - len(self.results):,} exchanges more"
        if not total:
            yield "Nothing was judged: there was no exchange of the contract's operations."
        else:
            yield {
                KEPT: f"The contract is kept: {total:,} exchanges.",
                BROKEN: f"The contract is broken by {self.counts['broken']:,} of {total:,} exchanges. "
                "Please report it with the lines above.",
                NOT_JUDGED: f"Nothing is broken, but {self.counts['not judged']:,} of {total:,} exchanges could not "
                "be judged.",
            }[self.exit_code]
