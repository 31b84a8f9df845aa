"""What a whole source holds, as a report."""

from __future__ import annotations

from typing import Any, Final

import attrs

from cf_vectorize.base.wording import duration
from cf_vectorize_overlay.limits import REQUESTS_PER_WINDOW, WINDOW_SECONDS

from .rules import BadLine  # noqa: TC001 - types of public fields

SHOWN: Final = 6


@attrs.frozen
class CheckReport:
    """What a source holds, and what is wrong with it.

    Attributes:
        vectors: Lines without a problem of their own.
        problems: Every problem, in the order of the lines; ids that come again
            follow, in the same order.
        complete: False where `max_problems` ended the check: there may be more
            problems, and the numbers below are of what was read until then.
        dimensions: Values in each vector, None where no line is good.
        namespaces: Vectors in each namespace, None for those without; 1,000
            namespaces are told apart.
        metadata_keys: Vectors that have each metadata key; 1,000 keys are told
            apart.
        uncounted_namespaces: Vectors in other namespaces than those.
        uncounted_metadata_keys: Metadata keys other than those, each vector's
            counted.
        metadata_bytes: Bytes of all metadata as compact JSON.
        metadata_bytes_most: Bytes of the largest one; Cloudflare allows 10,240.
        size: Bytes of the source, after decompression.
        compact_size: Bytes when rewritten with `compact=True`, estimated from
            one line in 50.
        requests: Requests that `insert` makes by default.

    """

    vectors: int
    problems: tuple[BadLine, ...]
    complete: bool
    dimensions: int | None
    namespaces: dict[str | None, int]
    metadata_keys: dict[str, int]
    metadata_bytes: int
    metadata_bytes_most: int
    size: int
    compact_size: int
    requests: int
    uncounted_namespaces: int = 0
    uncounted_metadata_keys: int = 0

    @property
    def seconds_by_budget(self) -> int:
        """Seconds that a load takes at least, by the account's budget."""
        return max(0, self.requests - 1) // REQUESTS_PER_WINDOW * WINDOW_SECONDS

    def as_json(self) -> dict[str, Any]:
        """Return the report as what JSON can say."""
        return {
            **attrs.asdict(self),
            "namespaces": [{"namespace": name, "vectors": vectors} for name, vectors in self.namespaces.items()],
            "seconds_by_budget": self.seconds_by_budget,
        }

    def summary(self) -> str:
        """Say what the source holds, one fact a line."""
        named = {name: count for name, count in self.namespaces.items() if name is not None}
        facts = [
            ("vectors", f"{self.vectors:,}"),
            ("problems", f"{len(self.problems):,}" + ("" if self.complete else ", and the check ended there")),
            ("dimensions", "unknown" if self.dimensions is None else f"{self.dimensions:,}"),
            ("namespaces", _most_common(named, self.uncounted_namespaces) if named else "none"),
            ("metadata", self._metadata_summary()),
            ("bytes", f"{self.size:,}; about {self.compact_size:,} with --compact"),
            ("requests", f"{self.requests:,}, at least {duration(self.seconds_by_budget)} by the account's budget"),
        ]
        return "\n".join(f"{name:<11} {value}" for name, value in facts)

    def _metadata_summary(self) -> str:
        if not self.metadata_keys:
            return "none"
        average = self.metadata_bytes / max(1, self.vectors)
        sizes = f"{average:,.0f} bytes on average, {self.metadata_bytes_most:,} at most"
        return f"{sizes}; {_most_common(self.metadata_keys, self.uncounted_metadata_keys)}"


def _most_common(counts: dict[str, int], uncounted: int) -> str:
    """Name the most frequent few with their counts."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name!r} {count:,}" for name, count in ordered[:SHOWN])
    if len(ordered) > SHOWN:
        shown += f" and {len(ordered) - SHOWN:,} more"
    return shown + (f"; others {uncounted:,} times" if uncounted else "")
