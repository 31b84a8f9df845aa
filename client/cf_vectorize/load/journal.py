"""Which batches of a load the service has acknowledged, durably, so that a killed load goes on where it was."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from cf_vectorize.base.ledger import JournalError
from cf_vectorize_overlay.body import chunks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cf_vectorize_overlay.body import Segment

    from .rejects import Rejects

FORMAT: Final = "cf-vectorize journal 1"


@attrs.frozen
class Entry:
    """One acknowledged batch; one of no bytes says that its source ends there, and earlier ones do not count past it.

    Attributes:
        source: Name of its source.
        start: Offset of its first byte in the source.
        stop: Offset after its last byte.
        digest: Hash of the source's bytes in that range.
        vectors: Vectors that were sent.
        mutation_id: What the service answered; None where every line was rejected.
        rejects: State of the rejects files once this batch's lines were in them, None where there were none.
        rejected: Lines of the range that were kept back.

    """

    source: str
    start: int
    stop: int
    digest: str
    vectors: int
    mutation_id: str | None
    rejects: Rejects.State | None = None
    rejected: int = 0


def digest(segments: Sequence[Segment]) -> str:
    """Hash the bytes of a range."""
    sum_of_bytes = hashlib.blake2b(digest_size=16)
    for chunk in chunks(segments):
        sum_of_bytes.update(chunk)
    return sum_of_bytes.hexdigest()


class Journal:
    """An append-only file, one JSON document a line: what it belongs to, then an entry for each batch.

    Args:
        path: The file; made where it is missing, continued where it exists.
        target: What the load goes to, as a text without secrets; a journal of another target is refused.
        rejects: State of the rejects files before the load, None where there are none.

    Attributes:
        entries: What was noted before.
        rejects: States of the rejects files that were noted before, the latest last.

    Raises:
        JournalError: Another process uses it, it belongs to another target, or it is no journal.

    """

    def __init__(self, path: Path, target: str, rejects: Rejects.State | None = None) -> None:
        self._path = path
        self._target = target
        self.entries: list[Entry] = []
        self.rejects = [rejects]
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from None
        try:
            self._lock()
            self._read()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def note(self, entry: Entry) -> None:
        """Add an entry; it is on disk when this returns."""
        self._append(attrs.asdict(entry))

    def note_end(self, source: str, end: int) -> None:
        """Add that a source ends at `end` now: what was noted of it before does not count past that."""
        self.note(Entry(source, end, end, "", 0, None))

    def _lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise self._no_journal()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(f"{self._path}: another process is loading with this journal") from None

    def _read(self) -> None:
        """Read what was noted; a last line that was torn by a kill is cut off."""
        with os.fdopen(os.dup(self._file), "rb") as file:
            *whole, torn = file.read().split(b"\n")
        header = {"format": FORMAT, "target": self._target, "rejects": self.rejects[0]}
        if not whole:
            # Not cut off before it is known to be ours: it may be a file that was named by mistake.
            ours = _line({"format": FORMAT}).removesuffix(b"}\n")
            if torn[: len(ours)] != ours[: len(torn)]:
                raise self._no_journal()
            os.ftruncate(self._file, 0)
            self._append(header)
            _sync_folder(self._path)
            return
        documents = [self._decode(number, line) for number, line in enumerate(whole, 1)]
        self._check_header(documents[0])
        try:
            self.entries = [Entry(**document) for document in documents[1:]]
        except TypeError:
            raise self._damaged("an entry") from None
        self.rejects = [documents[0].get("rejects"), *(entry.rejects for entry in self.entries)]
        os.ftruncate(self._file, os.fstat(self._file).st_size - len(torn))

    def _decode(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError):
            if number == 1:
                raise self._no_journal() from None
            raise self._damaged(f"line {number}") from None

    def _check_header(self, header: dict[str, Any]) -> None:
        if header.get("format") != FORMAT:
            raise self._no_journal()
        if header.get("target") != self._target:
            raise JournalError(
                f"{self._path}: belongs to a load into another index or account; name another file for this one"
            )

    def _no_journal(self) -> JournalError:
        return JournalError(f"{self._path}: is not a journal of this program; name another file")

    def _damaged(self, what: str) -> JournalError:
        return JournalError(
            f"{self._path}: {what} is damaged; move the file away to load from the start, which is safe"
        )

    def _append(self, document: dict[str, Any]) -> None:
        line = _line(document)
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError as error:
            raise JournalError(
                f"{self._path}: {error.strerror}; what was just accepted is not noted, and sending it again is safe"
            ) from None


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _sync_folder(path: Path) -> None:
    """Make a new file's name durable."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
