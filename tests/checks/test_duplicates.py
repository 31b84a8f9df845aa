"""Ids that come again, against a dict."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_vectorize.checks import duplicates
from cf_vectorize.checks.duplicates import BUFFER, DuplicateIds

# Few of them, so that they come again; whole characters, as ids are.
identities = st.one_of(
    st.sampled_from(["a", "b", "ä", "\x00", "a" * 64]), st.text(st.characters(codec="utf-8"), max_size=2)
)


def found(entries: list[tuple[str, int, int]]) -> list[tuple[str, tuple[int, int], tuple[int, int]]]:
    ids = DuplicateIds()
    for entry in entries:
        ids.add(*entry)
    return sorted(ids.find())


@given(st.lists(st.tuples(identities, st.integers(0, 3)), max_size=60), st.sampled_from([1, 40, BUFFER]))
def test_what_a_dict_would_find(added: list[tuple[str, int]], buffer: int) -> None:
    entries = [(identity, source, line) for line, (identity, source) in enumerate(added, 1)]
    first: dict[str, tuple[int, int]] = {}
    expected = []
    for identity, *place in entries:
        where = (place[0], place[1])
        if identity in first:
            expected.append((identity, where, first[identity]))
        first.setdefault(identity, where)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "BUFFER", buffer)
        assert found(entries) == sorted(expected)


def test_the_largest_numbers() -> None:
    """A line may be beyond 32 bits."""
    assert found([("a", 2**32 - 1, 2**64 - 2), ("a", 2**32 - 1, 2**64 - 1)]) == [
        ("a", (2**32 - 1, 2**64 - 1), (2**32 - 1, 2**64 - 2))
    ]


def test_memory_is_that_of_the_buffers_and_one_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of the ids alone are twice what is allowed here."""
    monkeypatch.setattr(duplicates, "BUFFER", 1024)
    tracemalloc.start()
    try:
        ids = DuplicateIds()
        for number in range(60_000):
            ids.add(f"id-{number:060}", 0, number)
        assert list(ids.find()) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60_000 * 64 / 2
