"""Which batches of a load the service has acknowledged, durably, so that a killed load goes on where it was."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from .body import chunks
from .errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .body import Segment

FORMAT: Final = "cf-vectorize journal 1"


@attrs.frozen
class Entry:
    """One acknowledged batch.

    Attributes:
        source: Name of its source.
        start: Offset of its first byte in the source.
        stop: Offset after its last byte.
        digest: Hash of the source's bytes in that range.
        vectors: Vectors that were sent.
        mutation_id: What the service answered; None where every line was rejected.
        rejects_size: Sizes of the rejects files once this batch's lines were in them.

    """

    source: str
    start: int
    stop: int
    digest: str
    vectors: int
    mutation_id: str | None
    rejects_size: tuple[int, int] = (0, 0)


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

    Raises:
        JournalError: Another process uses it, it belongs to another target, or it is no journal.

    """

    def __init__(self, path: Path, target: str) -> None:
        self._path = path
        self._header = {"format": FORMAT, "target": target}
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._lock()
            self.entries = self._read()
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

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(f"{self._path}: another process is loading with this journal") from None

    def _read(self) -> list[Entry]:
        """Read the entries; a last line that was torn by a kill is cut off."""
        with os.fdopen(os.dup(self._file), "rb") as file:
            *whole, torn = file.read().split(b"\n")
        if torn:
            os.ftruncate(self._file, os.lseek(self._file, 0, os.SEEK_END) - len(torn))
        os.lseek(self._file, 0, os.SEEK_END)
        if not whole:
            self._append(self._header)
            _sync_folder(self._path)
            return []
        documents = [self._decode(number, line) for number, line in enumerate(whole, 1)]
        self._check_header(documents[0])
        return [Entry(**{**document, "rejects_size": tuple(document["rejects_size"])}) for document in documents[1:]]

    def _decode(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError):
            raise JournalError(
                f"{self._path}:{number}: is damaged; move it away to load from the start, which is safe"
            ) from None

    def _check_header(self, header: dict[str, Any]) -> None:
        if header.get("format") != FORMAT:
            raise JournalError(f"{self._path}: is not a journal of this program; name another file")
        if header != self._header:
            raise JournalError(
                f"{self._path}: belongs to a load into another index or account; name another file for this one"
            )

    def _append(self, document: dict[str, Any]) -> None:
        line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)


def _sync_folder(path: Path) -> None:
    """Make a new file's name durable."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
