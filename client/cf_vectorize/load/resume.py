"""What the journal still vouches for of each source, and what is noted where a source has changed."""

from __future__ import annotations

import math
from bisect import bisect
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from cf_vectorize.base.extras import Late
from cf_vectorize.source.ranges import chunks, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cf_vectorize.base import ledger
    from cf_vectorize.source.cut import Cut
    from cf_vectorize.source.open import Source
    from cf_vectorize.source.ranges import Segment

    from . import journal as journals
    from .journal import Entry, Journal, Mark
else:
    ledger, journals = Late("cf_vectorize.base.ledger"), Late("cf_vectorize.load.journal")

# What an append may put behind a last line that had no newline.
_LINE_ENDS: Final = (b"\n", b"\r\n")


class Acknowledged:
    """What the journal says was acknowledged of one source.

    Args:
        source: The source; one that lies in place is held against the journal at once.
        journal: Where the entries are; None where there is no journal.
        entries: The entries of this source.
        resends: Whether parts that have changed are sent again.

    Attributes:
        fixed: Ranges, start to stop, that were batches.
        anew: Whether a load of the source had ended with success, and what it holds has changed since.
        sent: Whether something of it had to be sent; set by who plans that.

    Raises:
        JournalError: The source has changed, and no load of it had ended with success.

    """

    def __init__(self, source: Source, journal: Journal | None, entries: Sequence[Entry], *, resends: bool) -> None:
        self._source = source
        self._journal = journal
        self._resends = resends
        self._entries = latest(entries)
        # Where a load of it had ended with success, and nothing was noted after that.
        self._complete_at = entries[-1].stop if entries and entries[-1].mark == "complete" else None
        self._end: int | None = None
        self.anew = [entry.mark for entry in entries if entry.mark][-1:] == ["anew"]
        self.sent = False
        self.fixed: dict[int, int] = {}
        if self._entries and source.size is not None:
            self._check_in_place(source.size)
        self.fixed.update({start: entry.stop for start, entry in self._entries.items()})

    def entry_of(self, cut: Cut, raw: Sequence[Segment]) -> Entry | None:
        """Return the entry that vouches for a range as it is now, None where there is none.

        Raises:
            JournalError: As above.

        """
        entry = self._entries.pop(cut.start, None)
        if entry is not None:
            if cut.fixed and self._still_holds(entry, cut, raw):
                return entry
            self._begins_anew(cut.start)
        return None

    def end_at(self, end: int) -> None:
        """Take note of where the source ended.

        Raises:
            JournalError: As above, since it was longer.

        """
        self._end = end
        # Earlier versions noted batches of blank lines too.
        gone = [entry for entry in self._entries.values() if entry.vectors or entry.rejected]
        if gone and not self._begins_anew(end):
            self._note(end)

    def completed(self) -> Entry | None:
        """Return what to note of the source once a load of it has ended with success, None where that is noted."""
        if self._end is None or (self._end == self._complete_at and not self.sent):
            return None
        return journals.Entry(self._source.name, self._end, self._end, mark="complete")

    def _check_in_place(self, size: int) -> None:
        with self._source.open() as readable:
            changed = [
                start
                for start, entry in self._entries.items()
                if entry.stop > size or journals.digest(readable.segments(entry.start, entry.stop)) != entry.digest
            ]
        if changed and not self._begins_anew(0):
            self._note(size)
            for start in changed:
                del self._entries[start]

    def _still_holds(self, entry: Entry, cut: Cut, raw: Sequence[Segment]) -> bool:
        length = entry.stop - entry.start
        # Of a line that is too long no more than its beginning may be there.
        if cut.size > length and not cut.too_long:
            if b"".join(chunks(select(raw, [(length, cut.size)]))) not in _LINE_ENDS:
                return False
            raw = select(raw, [(0, length)])
        # A source in place was compared before anything was sent.
        return self._source.in_place or journals.digest(raw) == entry.digest

    def _begins_anew(self, offset: int) -> bool:
        """Decide what a change means: whether the source is loaded anew from here, or only its changed parts are."""
        if self._resends:
            return False
        if self._complete_at is None:
            raise ledger.JournalError(
                f"{self._source.name}: has changed since the journal was written, before it was loaded to its end; "
                "load it with another journal, or tell this one to send the changed parts again "
                '(on_changed="resend", --on-changed resend)'
            )
        self.anew = True
        self._complete_at = None
        self._entries.clear()
        self.fixed.clear()
        self._note(offset, "anew")
        return True

    def _note(self, end: int, mark: Mark = "") -> None:
        if self._journal:
            self._journal.note(journals.Entry(self._source.name, end, end, mark=mark))


def acknowledged(sources: Sequence[Source], journal: Journal | None, *, resends: bool) -> dict[str, Acknowledged]:
    """Return what was acknowledged of each source, by its name.

    Raises:
        JournalError: A source that lies in place has changed.

    """
    noted: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in journal.entries if journal else ():
        noted[entry.source].append(entry)
    return {source.name: Acknowledged(source, journal, noted[source.name], resends=resends) for source in sources}


def latest(entries: Sequence[Entry]) -> dict[int, Entry]:
    """Return the entries by their start, without those that a later entry overlaps, or that pass a later end."""
    starts: list[int] = []
    kept: dict[int, Entry] = {}
    end = math.inf
    for entry in reversed(entries):
        if entry.start == entry.stop:
            end = min(end, entry.stop)
            continue
        at = bisect(starts, entry.start)
        clear_before = at == 0 or kept[starts[at - 1]].stop <= entry.start
        clear_after = at == len(starts) or entry.stop <= starts[at]
        if clear_before and clear_after and entry.stop <= end:
            starts.insert(at, entry.start)
            kept[entry.start] = entry
    return kept
