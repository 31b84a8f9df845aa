"""Which batches of a load the service has acknowledged, durably, so that a killed load goes on where it was."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

import attrs
from attrs.validators import ge, in_, instance_of, optional

from cf_vectorize.base.ledger import Ledger
from cf_vectorize.source.ranges import chunks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cf_vectorize.source.ranges import Segment

FORMAT: Final = "cf-vectorize journal 1"
Mark = Literal["", "complete", "anew"]
_COUNT: Final = [instance_of(int), ge(0)]


@attrs.frozen
class Entry:
    """One acknowledged batch; or, of no bytes, that its source ends there: earlier entries do not count past it.

    Attributes:
        source: Name of its source.
        start: Offset of its first byte in the source.
        stop: Offset after its last byte.
        digest: Hash of the source's bytes in that range.
        vectors: Vectors that were sent.
        mutation_id: What the service answered; None where every line was rejected.
        rejects: State of the rejects files once this batch's lines were in them, None where there were none.
        rejected: Lines of the range that were kept back.
        mark: What an end means beyond that: "complete", a load of the source has ended with success; "anew", the
            source had changed since then, and is loaded as another one from there.

    """

    source: str = attrs.field(validator=instance_of(str))
    start: int = attrs.field(validator=_COUNT)
    stop: int = attrs.field(validator=_COUNT)
    digest: str = attrs.field(default="", validator=instance_of(str))
    vectors: int = attrs.field(default=0, validator=_COUNT)
    mutation_id: str | None = attrs.field(default=None, validator=optional(instance_of(str)))
    rejects: dict[str, Any] | None = attrs.field(default=None, validator=optional(instance_of(dict)))
    rejected: int = attrs.field(default=0, validator=_COUNT)
    mark: Mark = attrs.field(default="", validator=in_(get_args(Mark)))


def digest(segments: Sequence[Segment]) -> str:
    """Hash the bytes of a range."""
    sum_of_bytes = hashlib.blake2b(digest_size=16)
    for chunk in chunks(segments):
        sum_of_bytes.update(chunk)
    return sum_of_bytes.hexdigest()


class Journal:
    """The entries of one target, in a `Ledger`.

    Args:
        path: The file; made where it is missing, continued where it exists.
        target: What the load goes to, as a text without secrets; a journal of another target is refused, unless
            nothing was accepted there.

    Attributes:
        entries: What was noted, the oldest first.

    Raises:
        JournalError: Another process uses it, it belongs to another target, is damaged, or is no journal.

    """

    def __init__(self, path: Path, target: str) -> None:
        # Batches of rejected lines only are noted too, and went nowhere.
        self._ledger = Ledger(path, FORMAT, target, lambda note: bool(note.get("vectors")))
        self.entries: list[Entry] = []
        try:
            for number, document in enumerate(self._ledger.notes(), 2):
                try:
                    self.entries.append(Entry(**document))
                except (TypeError, ValueError):
                    raise self._ledger.damaged(number) from None
        except BaseException:
            self._ledger.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ledger.close()

    @property
    def load(self) -> str:
        """A name for the load: not that of another journal, nor of what this one noted before it began anew."""
        drawn = self._ledger.header.get("id") or digest_of_path(self._ledger.path)
        return f"{drawn}-{sum(entry.mark == 'anew' for entry in self.entries)}"

    def note(self, *entries: Entry) -> None:
        """Add entries; they are on disk when this returns.

        Raises:
            JournalError: They cannot be written.

        """
        self._ledger.note(*map(attrs.asdict, entries))
        self.entries += entries


def digest_of_path(path: Path) -> str:
    """Tell journals of earlier versions apart, which have no name of their own."""
    return hashlib.blake2b(str(path.resolve()).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
