"""The lines of a range, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .cut import BEGINNING, LINE_BYTES
from .encode import stand_in
from .ranges import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .cut import Cut
    from .ranges import Segment


class Line(NamedTuple):
    """A line that is not blank.

    Attributes:
        number: Its number in the source, from 1.
        text: Without its newline and carriage return; a stand-in where it is too long to be read.
        start: Its offset in the range.
        stop: The offset after its newline, or after what is held of it.

    """

    number: int
    text: bytes
    start: int
    stop: int


def lines_of(cut: Cut, raw: Sequence[Segment]) -> Iterator[Line]:
    """Yield the lines of a range that are not blank.

    Args:
        cut: The range.
        raw: Where its bytes lie.

    """
    if cut.too_long:
        yield Line(cut.first_line, too_long(cut), 0, min(cut.size, BEGINNING))
        return
    stop = 0
    for number, line in enumerate(split_lines(raw), cut.first_line):
        start, stop = stop, stop + len(line)
        text = line.rstrip(b"\r\n")
        if text and not text.isspace():
            yield Line(number, text, start, stop)


def too_long(cut: Cut) -> bytes:
    """Return what stands for a line that is too long."""
    least = "what Cloudflare documents of a line fits into 200,000 bytes, and this program reads lines of up to"
    by_option = "batch_bytes (--batch-bytes) allows a request less"
    known = f"{least} {LINE_BYTES:,}" if cut.size > LINE_BYTES else by_option
    return stand_in(f"is {cut.size:,} bytes; {known}", rule="line-size")
