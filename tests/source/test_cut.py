"""However bytes arrive, batches are whole lines within the limits, and joined again they are the source."""

from __future__ import annotations

import os
import weakref

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cf_vectorize import InputError
from cf_vectorize.source import spool as spool_module
from cf_vectorize.source.cut import BEGINNING, BLANK, BLOCK, BYTE_ORDER_MARK, LINE_BYTES, BatchLimits, Cut, split
from cf_vectorize.source.ranges import OpenFile, chunks
from cf_vectorize.source.spool import Spool, temporary_file, write_all

LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=30)
READS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def reader(data: bytes, sizes: list[int]) -> Spool:
    """Return the data in reads of these sizes, over and over."""
    position = 0
    turn = 0

    def read_into(buffer: memoryview) -> int:
        nonlocal position, turn
        piece = data[position : position + min(sizes[turn % len(sizes)], len(buffer))]
        buffer[: len(piece)] = piece
        position += len(piece)
        turn += 1
        return len(piece)

    return Spool("<data>", read_into)


@pytest.fixture(autouse=True)
def no_format_is_told_by_its_first_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "refuse_other_formats", lambda *_: None)


def cuts_of(data: bytes, vectors: int = 5_000, size: int = 10**9, reads: list[int] | None = None) -> list[Cut]:
    return list(split(reader(data, reads or [BLOCK]), BatchLimits(vectors, size)))


def is_blank(line: bytes) -> bool:
    return not line.strip()


def lines_of(text: bytes) -> list[bytes]:
    """Return the lines without newlines; what follows the last newline is a line only where there is something."""
    *whole, last = text.split(b"\n")
    return [*whole, last] if last else whole


@given(lines=LINES, last=st.booleans(), mark=st.booleans(), reads=READS, vectors=st.integers(1, 6),
       size=st.integers(1, 40))  # fmt: skip
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_and_blank_lines_between_them_are_the_source(
    *, lines: list[bytes], last: bool, mark: bool, reads: list[int], vectors: int, size: int
) -> None:
    text = b"".join(lines)
    if not last:
        text = text.removesuffix(b"\n")
    prefix = BYTE_ORDER_MARK if mark or text.startswith(BYTE_ORDER_MARK) else b""
    data = prefix + text.removeprefix(BYTE_ORDER_MARK)
    text = data.removeprefix(BYTE_ORDER_MARK)
    cuts = cuts_of(data, vectors, size, reads)
    stops = [len(prefix), *(cut.stop for cut in cuts)]
    starts = [*(cut.start for cut in cuts), len(data)]
    assert all(stop <= start and is_blank(data[stop:start]) for stop, start in zip(stops, starts, strict=True))
    found = [lines_of(data[cut.start : cut.stop]) for cut in cuts]
    assert [sum(map(len, lines)) + len(lines) for lines in found[:-1]] == [cut.size for cut in cuts[:-1]]
    assert not any(is_blank(lines[0]) or is_blank(lines[-1]) for lines in found)
    counts = [sum(not is_blank(line) for line in lines) for lines in found]
    assert all(0 < count <= vectors for count in counts)
    assert all(cut.size <= size or cut.lines == 1 for cut in cuts)
    assert [cut.lines for cut in cuts] == list(map(len, found))
    assert [cut.first_line for cut in cuts] == [1 + text[: cut.start - len(prefix)].count(b"\n") for cut in cuts]
    ragged = [any(not line or line[-1:] in BLANK for line in lines) for lines in found]
    assert all(cut.ragged or not odd for cut, odd in zip(cuts, ragged, strict=True))
    assert any(not line or line[-1:] in BLANK for line in lines_of(text)) or not any(cut.ragged for cut in cuts)
    assert not any(cut.fixed for cut in cuts)


@given(lines=LINES, reads=READS, vectors=st.integers(1, 6), size=st.integers(1, 40))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_batch_ends_as_late_as_the_limits_allow(
    lines: list[bytes], reads: list[int], vectors: int, size: int
) -> None:
    data = b"".join(lines)
    if data.startswith(BYTE_ORDER_MARK):
        return
    ends = [sum(map(len, lines[: number + 1])) for number, line in enumerate(lines) if not is_blank(line)]
    for cut in cuts_of(data, vectors, size, reads)[:-1]:
        next_end = next(end for end in ends if end > cut.stop)
        held = sum(not is_blank(line) for line in lines_of(data[cut.start : cut.stop]))
        assert held == vectors or next_end - cut.start > size


@given(lines=LINES.filter(len), reads=READS, limits=st.tuples(st.integers(1, 6), st.integers(1, 40)),
       earlier=st.tuples(st.integers(1, 6), st.integers(1, 40)), choice=st.data())  # fmt: skip
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_acknowledged_ranges_stay_batches(
    lines: list[bytes], reads: list[int], limits: tuple[int, int], earlier: tuple[int, int], choice: st.DataObject
) -> None:
    data = b"".join(lines)
    ranges = {cut.start: cut.stop for cut in cuts_of(data, *earlier)}
    chosen = choice.draw(st.sets(st.sampled_from(sorted(ranges)))) if ranges else set()
    fixed = {start: ranges[start] for start in chosen}
    cuts = list(split(reader(data, reads), BatchLimits(*limits), fixed))
    assert {cut.start: cut.stop for cut in cuts if cut.fixed} == fixed
    vectors, size = limits
    assert all(cut.lines <= vectors + data.count(b"\n") for cut in cuts)
    assert all(cut.size <= size or cut.lines == 1 for cut in cuts if not cut.fixed)
    assert b"".join(data[cut.start : cut.stop] for cut in cuts).split() == data.removeprefix(BYTE_ORDER_MARK).split()


@pytest.mark.parametrize(
    ("data", "fixed"),
    [
        (b"\n\na\nb\n", {0: 4}),
        (b"\n\na\nb\n", {0: 4, 4: 6}),
        (b"a\nb\n\n \n", {0: 2, 2: 7}),
        (b"a\n\n\nb\n", {0: 4}),
        (b"a\n\n\nb\n", {2: 6}),
        (BYTE_ORDER_MARK + b"\na\n", {3: 6}),
    ],
)
def test_ranges_of_an_earlier_version_may_begin_or_end_with_blank_lines(data: bytes, fixed: dict[int, int]) -> None:
    cuts = list(split(reader(data, [100]), BatchLimits(), fixed))
    assert {cut.start: cut.stop for cut in cuts if cut.fixed} == fixed
    assert [cut.first_line for cut in cuts] == [1 + data[: cut.start].count(b"\n") for cut in cuts]


def test_a_fixed_range_that_ends_within_a_line_is_not_found() -> None:
    cuts = list(split(reader(b"one\ntwo\nthree\n", [100]), BatchLimits(), {0: 5}))
    assert [(cut.start, cut.stop, cut.fixed) for cut in cuts] == [(0, 4, False), (4, 14, False)]


@pytest.mark.parametrize("data", [b"", BYTE_ORDER_MARK, b"\n", b" ", b"\r\n \t\n", BYTE_ORDER_MARK + b"\n"])
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


@pytest.mark.parametrize("reads", [[BLOCK], [60_000]])
def test_too_long_a_line_is_a_batch_of_its_own_of_which_the_beginning_is_held(reads: list[int]) -> None:
    data = b"a\n" + b"b" * LINE_BYTES + b"\n\n" + b"c" * (LINE_BYTES - 1) + b"\n" + b"d" * (3 * LINE_BYTES)
    spool = reader(data, reads)
    found = [(cut, b"".join(chunks(spool.segments(cut.start, cut.stop)))) for cut in split(spool, BatchLimits())]
    assert [(cut.first_line, cut.lines, cut.size, cut.too_long) for cut, _ in found] == [
        (1, 1, 2, False),
        (2, 1, LINE_BYTES + 1, True),
        (4, 1, LINE_BYTES, False),
        (5, 1, 3 * LINE_BYTES, True),
    ]
    first, second, third, fourth = (held for _, held in found)
    assert first + third == b"a\n" + b"c" * (LINE_BYTES - 1) + b"\n"
    assert second.startswith(b"b" * BEGINNING)
    assert fourth == b"d" * BEGINNING


@pytest.mark.parametrize("blank", [b"\n", b" \r\n", b" " * 5_000_000 + b"\n", b"\t" * 100_000 + b"\n"])
def test_blank_lines_are_not_held(blank: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    count = -(-30 * BLOCK // len(blank))
    data = b"a\n" + blank * count + b"b\n" + blank + b"c\n" + blank * count
    sizes = disk_use(monkeypatch)
    spool = reader(data, [BLOCK])
    found = [(cut, b"".join(chunks(spool.segments(cut.start, cut.stop)))) for cut in split(spool, BatchLimits())]
    first, *others = found
    assert first == (Cut(0, 2, 1, 1, ragged=first[0].ragged, fixed=False), b"a\n")
    assert b"".join(held for _, held in others).split() == [b"b", b"c"]
    assert others[0][0].first_line == 2 + count
    assert max(sizes) <= LINE_BYTES + 4 * BLOCK


def disk_use(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what temporary files hold after each write."""
    files: list[weakref.ref[OpenFile]] = []
    sizes = []

    def made() -> OpenFile:
        file = temporary_file()
        files.append(weakref.ref(file))
        return file

    def written(file: OpenFile, data: memoryview) -> None:
        write_all(file, data)
        sizes.append(sum(os.fstat(held.descriptor).st_size for each in files if (held := each()) is not None))

    monkeypatch.setattr(spool_module, "temporary_file", made)
    monkeypatch.setattr(spool_module, "write_all", written)
    return sizes


def test_a_line_that_does_not_end_is_an_error_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = disk_use(monkeypatch)
    given = [b"{}\n\n"]

    def endless(buffer: memoryview) -> int:
        start = given.pop() if given else bytes(len(buffer))
        buffer[: len(start)] = start
        return len(start)

    message = "<zeros>:3: begins at byte 5, does not end within 1,000,000,000 bytes; write one object a line"
    with pytest.raises(InputError) as caught:
        list(split(Spool("<zeros>", endless), BatchLimits()))
    assert str(caught.value) == message
    assert max(sizes) <= LINE_BYTES + 2 * BLOCK
