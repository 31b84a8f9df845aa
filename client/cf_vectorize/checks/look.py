"""One range of a source, looked through: what is wrong with its lines, and what the others hold."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from cf_vectorize.source.lines import lines_of
from cf_vectorize.source.open import open_sources
from cf_vectorize.source.records import compact
from cf_vectorize_overlay.limits import ID_BYTES

from .line import LineCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cf_vectorize.source.cut import Cut
    from cf_vectorize.source.ranges import Segment

    from .rules import BadLine

# One line in so many is rewritten to estimate the compact size: rewriting all would take most of the time.
COMPACT_EVERY: Final = 50
# Keys and namespaces are counted one by one up to so many.
MOST_COUNTED: Final = 1_000


@attrs.define
class Tally:
    """What was found in some lines; those of two ranges can be added up."""

    lines: int = 0
    size: int = 0
    vectors: int = 0
    problems: list[BadLine] = attrs.field(factory=list)
    ids: list[tuple[str, int]] = attrs.field(factory=list)
    namespaces: Counter[str | None] = attrs.field(factory=Counter)
    metadata_keys: Counter[str] = attrs.field(factory=Counter)
    uncounted_namespaces: int = 0
    uncounted_metadata_keys: int = 0
    metadata_bytes: int = 0
    metadata_bytes_most: int = 0
    sampled_size: int = 0
    sampled_compact_size: int = 0

    def take(self, good: LineCheck) -> None:
        """Count the line that was just found good."""
        self.vectors += 1
        self.uncounted_namespaces += _uncounted(self.namespaces, good.namespace)
        if good.metadata:
            size = len(orjson.dumps(good.metadata))
            self.metadata_bytes += size
            self.metadata_bytes_most = max(self.metadata_bytes_most, size)
            for key in good.metadata:
                self.uncounted_metadata_keys += _uncounted(self.metadata_keys, key)

    def add(self, other: Tally) -> None:
        """Add what was found in a later range, but for its ids."""
        self.lines += other.lines
        self.size += other.size
        self.vectors += other.vectors
        self.problems += other.problems
        for name, count in other.namespaces.items():
            self.uncounted_namespaces += _uncounted(self.namespaces, name, count)
        for key, count in other.metadata_keys.items():
            self.uncounted_metadata_keys += _uncounted(self.metadata_keys, key, count)
        self.uncounted_namespaces += other.uncounted_namespaces
        self.uncounted_metadata_keys += other.uncounted_metadata_keys
        self.metadata_bytes += other.metadata_bytes
        self.metadata_bytes_most = max(self.metadata_bytes_most, other.metadata_bytes_most)
        self.sampled_size += other.sampled_size
        self.sampled_compact_size += other.sampled_compact_size


def _uncounted(counts: Counter[Any], name: str | None, count: int = 1) -> int:
    """Count one by its name where there is room for the name; return how many are not counted so."""
    if name in counts or len(counts) < MOST_COUNTED:
        counts[name] += count
        return 0
    return count


def look_in_file(path: str, cut: Cut, asked: int | None, dimensions: int) -> Tally:
    """Look through one range of a file, in a process of its own.

    Args:
        path: Of a regular file.
        cut: The range.
        asked: The dimensions that the caller asked for.
        dimensions: The same, or those of the first good line.

    """
    line_check = LineCheck(asked)
    line_check.dimensions = dimensions
    [source] = open_sources(path)
    with source.open() as readable:
        return look(path, cut, readable.segments(cut.start, cut.stop), line_check)


def look(source: str, cut: Cut, segments: Sequence[Segment], line_check: LineCheck) -> Tally:
    """Judge the lines of one range."""
    findings = Tally(size=cut.size)
    for line in lines_of(cut, segments):
        findings.lines += 1
        problems = line_check(line.text, source, line.number)
        if line_check.id is not None and len(line_check.id) <= ID_BYTES:
            findings.ids.append((line_check.id, line.number))
        if problems:
            findings.problems += problems
        else:
            findings.take(line_check)
            if line.number % COMPACT_EVERY == 1:
                findings.sampled_size += line.stop - line.start
                findings.sampled_compact_size += len(compact(line.text)) + 1
    return findings
