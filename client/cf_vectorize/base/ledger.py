"""An append-only file of notes on one piece of work, so that it can go on after it was broken off at any moment."""

from __future__ import annotations

import json
import os
import secrets
import stat
import threading
from typing import IO, TYPE_CHECKING, Any, Final, Self
from zlib import crc32

import orjson

from cf_vectorize_overlay.errors import VectorizeError

from .lock import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

CLOSED: Final = -1
_BLOCK: Final = 64 * 1024
_CHECKSUM: Final = b',"checksum":"'
# Windows translates line ends otherwise.
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


class JournalError(VectorizeError):
    """A journal is in use or damaged, or does not go with the load.

    Likewise the file `OUTPUT.part` of an export.

    What to do: the message says which. Wait for the other process; load to
    the index that it is of, at the same base URL; say
    `on_changed="resend"` where a source was meant to change; else take
    another file: loading from the start is safe.
    """

    __module__ = "cf_vectorize"


class Ledger:
    """A file of JSON documents, one a line: the header says what the work is, each other line is a note on it.

    One process at a time has it, and any of its threads may note. Each line carries a checksum of itself; files of
    earlier versions, whose lines have none, are read too. A last line without its newline was torn by a kill or a
    full disk: it counts for nothing, and the next note takes its place.

    Args:
        path: The file; made where it is missing, continued where it exists.
        form: The kind and version of the file; a file of another kind is refused.
        target: What the work is on, as a text without secrets; a file on another target is refused, unless nothing
            in it binds it: then it is begun anew.
        binds: Tells of a note whether it binds the file to its target. Default: each one does.

    Attributes:
        path: As given.
        header: The file's first document. Its `id` is drawn when the file is made; earlier versions had none.

    Raises:
        JournalError: Another process uses the file, it is of another kind or on another target, it is damaged, or it
            cannot be written.

    """

    def __init__(
        self, path: Path, form: str, target: str, binds: Callable[[Mapping[str, Any]], bool] = lambda _note: True
    ) -> None:
        self.path = path
        self._binds = binds
        # Or one thread takes what another has just written for a torn line.
        self._noting = threading.Lock()
        try:
            self._file = os.open(path, _OPEN, 0o644)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from None
        try:
            self._lock()
            self._end = self._after_last_newline()
            self._checked = False
            self.header = self._read_header(form, target) if self._end else self._begin(form, target)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the next one have the file."""
        if self._file != CLOSED:
            os.close(self._file)
            self._file = CLOSED

    def notes(self) -> Iterator[dict[str, Any]]:
        """Yield each note that is in the file, the oldest first; none may be added before the last one is read.

        Raises:
            JournalError: One is damaged.

        """
        with self._reader() as file:
            read = len(file.readline())
            number = 1
            while read < self._end:
                number += 1
                line = file.readline()
                read += len(line)
                yield self._decode(line, number)

    def note(self, *documents: Mapping[str, Any], durable: bool = True) -> None:
        """Add notes.

        Args:
            documents: What JSON can say.
            durable: Whether they are on disk when this returns, rather than some time later.

        Raises:
            JournalError: They cannot be written; the file can be used again once they can.

        """
        data = b"".join(map(_line, documents))
        with self._noting:
            try:
                if os.fstat(self._file).st_size > self._end:
                    os.ftruncate(self._file, self._end)
                rest = data
                while rest:
                    rest = rest[os.write(self._file, rest) :]
                if durable:
                    os.fsync(self._file)
            except OSError as error:
                raise JournalError(
                    f"{self.path}: {error.strerror}; what was just done is not noted, and doing it again is safe"
                ) from None
            self._end += len(data)

    def delete(self) -> None:
        """Delete the file.

        Raises:
            OSError: It cannot be deleted.

        """
        try:
            self.path.unlink()
        except PermissionError:  # Windows deletes no open file; elsewhere nobody can have it before it is gone
            self.close()
            self.path.unlink()

    def damaged(self, number: int) -> JournalError:
        """Return the error that says which line cannot be believed."""
        return JournalError(
            f"{self.path}:{number}: is damaged; move the file away to begin from the start, which is safe"
        )

    def _lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise self._of_another_kind()
        try:
            locked = lock(self._file)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be locked: {error.strerror}") from None
        if not locked:
            raise JournalError(f"{self.path}: another process is using it")

    def _after_last_newline(self) -> int:
        """Return the size of the file without a last line that was torn."""
        with self._reader() as file:
            end = file.seek(0, os.SEEK_END)
            while end:
                start = max(0, end - _BLOCK)
                file.seek(start)
                found = file.read(end - start).rfind(b"\n")
                if found >= 0:
                    return start + found + 1
                end = start
        return 0

    def _begin(self, form: str, target: str) -> dict[str, Any]:
        """Write the header of a new file, or that of one whose header was torn."""
        ours = dumps({"format": form}).removesuffix(b"}")
        with self._reader() as file:
            torn = file.read(len(ours))
        # It may be a file that was named by mistake.
        if torn != ours[: len(torn)]:
            raise self._of_another_kind()
        header = {"format": form, "target": target, "id": secrets.token_hex(8)}
        self.note(header)
        make_name_durable(self.path)
        self._checked = True
        return header

    def _read_header(self, form: str, target: str) -> dict[str, Any]:
        with self._reader() as file:
            line = file.readline()
        if not line.startswith(dumps({"format": form}).removesuffix(b"}")):
            raise self._of_another_kind()
        header = self._decode(line, 1)
        if ("id" in header) != (_CHECKSUM in line):
            raise self.damaged(1)
        self._checked = _CHECKSUM in line
        if header.get("target") == target:
            return header
        if any(map(self._binds, self.notes())):
            raise JournalError(
                f"{self.path}: belongs to another index, account or base URL; name another file, or move it away"
            )
        # As where the first request failed: there is nothing to mix up.
        self._end = 0
        return self._begin(form, target)

    def _decode(self, line: bytes, number: int) -> dict[str, Any]:
        text, mark, checksum = line.rpartition(_CHECKSUM)
        if mark and checksum == _checksum(text):
            line = text + b"}"
        elif self._checked:
            raise self.damaged(number)
        document = _loads(line)
        if not isinstance(document, dict) or "checksum" in document:
            raise self.damaged(number)
        return document

    def _of_another_kind(self) -> JournalError:
        return JournalError(f"{self.path}: is not a journal of this program; name another file")

    def _reader(self) -> IO[bytes]:
        file = os.fdopen(os.dup(self._file), "rb")
        file.seek(0)
        return file


def _line(document: Mapping[str, Any]) -> bytes:
    text = dumps(document).removesuffix(b"}")
    return text + _CHECKSUM + _checksum(text)


def _checksum(text: bytes) -> bytes:
    return b'%08x"}\n' % crc32(text)


def dumps(document: Mapping[str, Any]) -> bytes:
    """Write a document as JSON, whatever its texts hold."""
    try:
        return orjson.dumps(document)
    except TypeError:  # names of files may hold bytes that are no text
        return json.dumps(document, separators=(",", ":")).encode()


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            return None


def make_name_durable(path: Path) -> None:
    """Synchronise the folder of a new file, where a folder can be."""
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
