"""However bytes arrive, batches are whole lines within the limits, and joined again they are the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_vectorize.source.cut import BLOCK, BYTE_ORDER_MARK, BatchLimits, Cut, split

if TYPE_CHECKING:
    from cf_vectorize.source.spool import ReadInto

LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=30)
READS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def reader(data: bytes, sizes: list[int]) -> ReadInto:
    """Give the data in reads of these sizes, over and over."""
    position = 0
    turn = 0

    def read_into(buffer: memoryview) -> int:
        nonlocal position, turn
        piece = data[position : position + min(sizes[turn % len(sizes)], len(buffer))]
        buffer[: len(piece)] = piece
        position += len(piece)
        turn += 1
        return len(piece)

    return read_into


def cuts_of(data: bytes, vectors: int = 5_000, size: int = 10**9, reads: list[int] | None = None) -> list[Cut]:
    return list(split(reader(data, reads or [BLOCK]), BatchLimits(vectors, size)))


@given(lines=LINES, last=st.booleans(), mark=st.booleans(), reads=READS, vectors=st.integers(1, 6),
       size=st.integers(1, 40))  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_batches_joined_again_are_the_source(
    *, lines: list[bytes], last: bool, mark: bool, reads: list[int], vectors: int, size: int
) -> None:
    text = b"".join(lines)
    if not last:
        text = text.removesuffix(b"\n")
    prefix = BYTE_ORDER_MARK if mark or text.startswith(BYTE_ORDER_MARK) else b""
    data = prefix + text.removeprefix(BYTE_ORDER_MARK)
    text = data.removeprefix(BYTE_ORDER_MARK)
    cuts = cuts_of(data, vectors, size, reads)
    pieces = [data[cut.start : cut.stop] for cut in cuts]
    assert b"".join(pieces) == text
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])
    assert all(0 < cut.lines <= vectors for cut in cuts)
    assert all(cut.size <= size or cut.lines == 1 for cut in cuts)
    assert [cut.first_line for cut in cuts] == [1 + text[: cut.start - len(prefix)].count(b"\n") for cut in cuts]
    # Of the pieces of a text, what follows the last newline is a line only where there is something.
    lines_of = [[*piece.split(b"\n")[:-1], *filter(None, piece.split(b"\n")[-1:])] for piece in pieces]
    ragged = [any(not line or line.endswith((b"\r", b"\t")) for line in found) for found in lines_of]
    assert all(cut.ragged or not found for cut, found in zip(cuts, ragged, strict=True))
    assert any(ragged) or not any(cut.ragged for cut in cuts)
    assert [cut.lines for cut in cuts] == list(map(len, lines_of))
    assert not any(cut.fixed for cut in cuts)


@given(lines=LINES, reads=READS, vectors=st.integers(1, 6), size=st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_a_batch_ends_as_late_as_the_limits_allow(
    lines: list[bytes], reads: list[int], vectors: int, size: int
) -> None:
    data = b"".join(lines)
    if data.startswith(BYTE_ORDER_MARK):
        return
    ends = [sum(map(len, lines[: number + 1])) for number in range(len(lines))]
    for cut in cuts_of(data, vectors, size, reads)[:-1]:
        next_end = next(end for end in ends if end > cut.stop)
        assert cut.lines == vectors or next_end - cut.start > size


@given(lines=LINES.filter(len), reads=READS, vectors=st.integers(1, 6), size=st.integers(1, 40), choice=st.data())
@settings(max_examples=300, deadline=None)
def test_acknowledged_ranges_stay_batches(
    lines: list[bytes], reads: list[int], vectors: int, size: int, choice: st.DataObject
) -> None:
    data = b"".join(lines)
    if data.startswith(BYTE_ORDER_MARK):
        return
    bounds = [0, *(sum(map(len, lines[: number + 1])) for number in range(len(lines)))]
    chosen = sorted(choice.draw(st.sets(st.sampled_from(bounds), max_size=6)))
    fixed = dict(zip(chosen[::2], chosen[1::2], strict=False))
    cuts = list(split(reader(data, reads), BatchLimits(vectors, size), fixed))
    assert {cut.start: cut.stop for cut in cuts if cut.fixed} == fixed
    assert b"".join(data[cut.start : cut.stop] for cut in cuts) == data
    assert all(cut.lines <= vectors and (cut.size <= size or cut.lines == 1) for cut in cuts if not cut.fixed)


def test_a_fixed_range_that_ends_within_a_line_is_not_found() -> None:
    cuts = list(split(reader(b"one\ntwo\nthree\n", [100]), BatchLimits(), {0: 5}))
    assert [(cut.start, cut.stop, cut.fixed) for cut in cuts] == [(0, 4, False), (4, 14, False)]


@pytest.mark.parametrize("data", [b"", BYTE_ORDER_MARK])
@pytest.mark.parametrize("reads", [[1], [100]])
def test_nothing_is_no_batch(data: bytes, reads: list[int]) -> None:
    assert cuts_of(data, reads=reads) == []


def test_limits_are_read_anew_at_every_line() -> None:
    limits = BatchLimits(5_000, 100)
    found = split(reader(b"x" * 9 + b"\n" + (b"y" * 9 + b"\n") * 30, [7]), limits)
    assert next(found).lines == 10
    limits.size = 20
    assert [cut.lines for cut in found] == [2] * 10 + [1]


def test_a_line_over_the_limit_is_a_batch_of_its_own() -> None:
    cuts = cuts_of(b"a\n" + b"b" * 99 + b"\nc\n", size=10)
    assert [(cut.first_line, cut.lines, cut.size) for cut in cuts] == [(1, 1, 2), (2, 1, 100), (3, 1, 2)]


def test_lines_longer_than_a_block_and_ends_on_its_edge() -> None:
    data = b"a" * (BLOCK - 1) + b"\n" + b"b" * (3 * BLOCK) + b"\n" + b"c\n"
    assert [cut.size for cut in cuts_of(data, vectors=1)] == [BLOCK, 3 * BLOCK + 1, 2]


def test_batches_grow_from_the_ramp_up_to_the_limit() -> None:
    limits = BatchLimits(size=50, ramp=10)
    cuts = list(split(reader(b"ten bytes\n" * 20, [7]), limits))
    assert [cut.size for cut in cuts] == [10, 20, 40, 50, 50, 30]
    assert [cut.size for cut in split(reader(b"ten bytes\n" * 7, [7]), limits)] == [50, 20]
