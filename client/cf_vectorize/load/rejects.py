"""Where bad lines are set aside: unchanged in one file, and their reasons, one for each, in another beside it.

Any number of loads may add to the same two files, one after the other or at the same time. Each reason says which
load it is of, and where its line lies: so a load that was killed between the two files can be told from any other
content, the next one completes the pair again, and a load that goes on does not set the same line aside twice.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cf_vectorize.base.ledger import dumps, make_name_durable
from cf_vectorize.base.lock import lock
from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cf_vectorize.checks.rules import BadLine

_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
_BLOCK: Final = 64 * 1024
# How each reason begins.
_FIRST: Final = b'{"source":'


class Rejects:
    """Appends to `PATH` (the lines) and `PATH.reasons` (a JSON document a line, in the same order).

    Nothing is made before there is something to reject.

    Args:
        path: The file for the lines.
        load: A name for the load, the same for each run of it; None for a load that no later run goes on with.
        since: The `state` that an earlier run of the load noted last, None where there is none.

    Raises:
        InputError: The files cannot be written.

    """

    def __init__(self, path: Path, load: str | None = None, since: Mapping[str, Any] | None = None) -> None:
        self._path = path
        self._lines, self._reasons = path.absolute(), Path(f"{path.absolute()}.reasons")
        self._load = load or secrets.token_hex(8)
        self._since = since["reasons"] if since and since["path"] == str(self._lines) else 0
        # What an earlier run has set aside and not noted: place in its source -> place in the file.
        self._unnoted: dict[tuple[str, int], tuple[int, int]] | None = None if load else {}
        for file in (self._lines, self._reasons):
            _refuse_unwritable(file)

    def state(self) -> dict[str, Any]:
        """Return which files these are, and their sizes in bytes."""
        return {"path": str(self._lines), "lines": _size_of(self._lines), "reasons": _size_of(self._reasons)}

    def append(self, rejected: Callable[[], Iterable[tuple[bytes, tuple[BadLine, ...]]]]) -> None:
        """Add lines; they are on disk when this returns.

        Args:
            rejected: Called twice for the lines, each with its problems, so that they are not held in memory.

        Raises:
            InputError: They cannot be written; none of them is in the files.

        """
        try:
            with self._opened() as (lines, reasons):
                _end_with_newline(lines)
                if self._unnoted is None:
                    self._unnoted = dict(self._set_aside(reasons))
                before = [(file, _size(file)) for file in (lines, reasons)]
                records = self._records(rejected(), lines)
                try:
                    # Reasons first: one without its line is known to be torn.
                    _write(reasons, (dumps(record) + b"\n" for record in records.values()))
                    _write(lines, (_whole(text) for number, (text, _) in enumerate(rejected()) if number in records))
                except OSError:
                    for file, size in before:
                        os.ftruncate(file, size)
                    raise
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror}") from None

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, int]]:
        """Open both files, for one load at a time, without what one that was killed left half done."""
        with ExitStack() as stack:
            files = []
            new = [path for path in (self._lines, self._reasons) if not path.exists()]
            for path in (self._lines, self._reasons):
                files.append(os.open(path, _OPEN, 0o644))
                stack.callback(os.close, files[-1])
            for path in new:
                make_name_durable(path)
            lines, reasons = files
            lock(lines, wait=True)
            # Where the lines were moved away, their reasons stay.
            if stat.S_ISREG(os.fstat(lines).st_mode) and self._lines not in new:
                _take_back_half_done(lines, reasons)
            yield lines, reasons

    def _records(
        self, rejected: Iterable[tuple[bytes, tuple[BadLine, ...]]], lines: int
    ) -> dict[int, dict[str, Any]]:
        """Return the reason of each line that is not there already, by the line's number among those given."""
        records = {}
        at = _size(lines)
        for number, (text, problems) in enumerate(rejected):
            whole = _whole(text)
            place = (self._unnoted or {}).get((problems[0].source, problems[0].line))
            if place is None or _read(lines, *place) != whole:
                records[number] = {**_reason(problems), "load": self._load, "at": at, "bytes": len(whole)}
                at += len(whole)
        return records

    def _set_aside(self, reasons: int) -> Iterator[tuple[tuple[str, int], tuple[int, int]]]:
        """Yield what this load has set aside after what it noted last."""
        start = self._since if self._since and _read(reasons, self._since - 1, 1) == b"\n" else 0
        with os.fdopen(os.dup(reasons), "rb") as file:
            file.seek(start)
            for line in file:
                record = _record(line) if self._load.encode() in line else None
                if record and record["load"] == self._load:
                    yield (record["source"], record["line"]), (record["at"], record["bytes"])


def _reason(problems: Sequence[BadLine]) -> dict[str, Any]:
    first = problems[0]
    return {
        "source": first.source,
        "line": first.line,
        "id": first.id,
        "problems": [{"rule": problem.rule, "reason": problem.reason} for problem in problems],
    }


def _record(line: bytes) -> dict[str, Any] | None:
    """Read a reason; None where it does not say where its line is, as those of earlier versions do not."""
    try:
        record = json.loads(line)
        return record if record["load"] and record["at"] + record["bytes"] > 0 and record["line"] else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _take_back_half_done(lines: int, reasons: int) -> None:
    """Cut off reasons at the end whose lines are not there whole, as a kill leaves them, with what is there of these.

    Only what can be nothing else is cut off: the last lines of the one file that are missing at the end of the other.
    """
    size = _size(lines)
    whole = _size(reasons)
    cut_at: tuple[int, int] | None = None
    load = None
    for start, line in _backwards(reasons, whole):
        if not line.endswith(b"\n"):
            if line.startswith(_FIRST) or _FIRST.startswith(line):
                os.ftruncate(reasons, start)
            continue
        record = _record(line)
        if not record or record["at"] + record["bytes"] <= size or record["load"] != (load or record["load"]):
            break
        load, cut_at = record["load"], (start, record["at"])
    _end_with_newline(reasons)
    if cut_at is None or cut_at[1] > size:
        return
    start, at = cut_at
    # What somebody has written there by hand ends with a newline, or begins in the middle of a line.
    if b"\n" not in _read(lines, at, size - at) and (not at or _read(lines, at - 1, 1) == b"\n"):
        os.ftruncate(lines, at)
        os.ftruncate(reasons, start)


def _backwards(file: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield each line before `end` and where it starts, the last one first."""
    rest = b""
    while end:
        start = max(0, end - _BLOCK)
        block = _read(file, start, end - start) + rest
        first, *lines = block.splitlines(keepends=True)
        position = start + len(block)
        for line in reversed(lines):
            position -= len(line)
            yield position, line
        rest, end = first, start
    if rest:
        yield 0, rest


def _whole(text: bytes) -> bytes:
    return text.removesuffix(b"\n") + b"\n"


def _end_with_newline(file: int) -> None:
    size = _size(file)
    if size and _read(file, size - 1, 1) != b"\n":
        _write(file, [b"\n"])


def _size(file: int) -> int:
    return os.fstat(file).st_size


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(file: int, start: int, size: int) -> bytes:
    os.lseek(file, start, os.SEEK_SET)
    pieces = []
    while size and (piece := os.read(file, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _write(file: int, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(file, rest) :]
    os.fsync(file)


def _refuse_unwritable(path: Path) -> None:
    """Refuse a file that cannot be written before anything is sent, without making it."""
    folder = path.parent
    reason = (
        errno.EISDIR
        if path.is_dir()
        else errno.ENOENT
        if not folder.exists()
        else errno.ENOTDIR
        if not folder.is_dir()
        else 0
        if os.access(path if path.exists() else folder, os.W_OK)
        else errno.EACCES
    )
    if reason:
        raise InputError(f"{path}: {os.strerror(reason)}")
