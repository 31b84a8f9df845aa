"""When what was accepted becomes readable."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from raw_api import ACCOUNT, ndjson, vector

from cf_vectorize_emulator.core.service import Service
from cf_vectorize_emulator.core.store import Store
from cf_vectorize_emulator.core.visibility import Visibility
from cf_vectorize_emulator.emulator import Settings, open_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raw_api import Api


class Indexed:
    """A service with a clock that stands still until it is told."""

    def __init__(self, folder: Path, visibility: Visibility) -> None:
        self.now = 1_000_000.0
        self.store = Store(folder)
        self.service = Service(self.store, visibility, declared={}, clock=lambda: self.now)

    def insert(self, *ids: str, folder: Path) -> None:
        path = folder / "body"
        path.write_bytes(ndjson(*map(vector, ids)))
        with path.open("rb") as body:
            self.service.insert(ACCOUNT, "i", body, discard=False)

    def readable(self, *ids: str) -> set[str]:
        return {item.id for item in self.service.get_by_ids(ACCOUNT, "i", list(ids)).vectors}


@pytest.fixture
def indexed(tmp_path: Path) -> Iterator[Indexed]:
    service = Indexed(tmp_path / "data", Visibility())
    yield service
    service.store.close()


def test_nothing_is_readable_at_once_by_default(indexed: Indexed, tmp_path: Path) -> None:
    assert Visibility() == Visibility(1.0, 0.5, "accepted")
    indexed.insert("a", folder=tmp_path)
    indexed.now += 0.999
    assert indexed.readable("a") == set()
    indexed.now += 0.502
    assert indexed.readable("a") == {"a"}


def test_mutations_keep_their_order_however_long_their_jitter(indexed: Indexed, tmp_path: Path) -> None:
    indexed.service.visibility = Visibility(10.0)
    indexed.insert("a", folder=tmp_path)
    indexed.service.visibility = Visibility(0.0)
    indexed.insert("b", folder=tmp_path)
    indexed.now += 9.4
    assert indexed.readable("a", "b") == set()
    indexed.now += 1.2
    assert indexed.readable("a", "b") == {"a", "b"}


def test_jitter_may_change_the_order(indexed: Indexed, tmp_path: Path) -> None:
    indexed.service.visibility = Visibility(10.0, 0.0, "any")
    indexed.insert("a", folder=tmp_path)
    indexed.service.visibility = Visibility(0.0, 0.0, "any")
    indexed.insert("b", "a", folder=tmp_path)
    assert indexed.readable("a", "b") == {"b"}, "the first version of a, accepted earlier, is not readable yet"
    indexed.now += 10
    assert indexed.readable("a", "b") == {"a", "b"}


def test_a_scattered_mutation_becomes_readable_vector_by_vector(indexed: Indexed, tmp_path: Path) -> None:
    ids = [f"v{number}" for number in range(20)]
    indexed.service.visibility = Visibility(1.0, 10.0, "scattered")
    indexed.insert(*ids, folder=tmp_path)
    assert indexed.readable(*ids) == set()
    indexed.now += 6
    assert 0 < len(indexed.readable(*ids)) < 20  # all on one side: once in half a million runs
    indexed.now += 5
    assert indexed.readable(*ids) == set(ids)


def test_what_is_held_is_readable_once_it_is_released(indexed: Indexed, tmp_path: Path) -> None:
    indexed.service.visibility = Visibility.parse("held")
    indexed.insert("a", folder=tmp_path)
    indexed.insert("b", folder=tmp_path)
    indexed.now += 1e9
    assert indexed.readable("a", "b") == set()
    assert [mutation.vectors for mutation in indexed.store.pending(indexed.now, 9)] == [1, 1]
    assert indexed.service.release() == 2
    assert indexed.readable("a", "b") == {"a", "b"}
    assert indexed.store.pending(indexed.now, 9) == []


def test_immediately_does_not_wait_for_what_is_held(indexed: Indexed, tmp_path: Path) -> None:
    indexed.service.visibility = Visibility.parse("held")
    indexed.insert("a", folder=tmp_path)
    indexed.service.visibility = Visibility.parse("immediately")
    indexed.insert("b", folder=tmp_path)
    assert indexed.readable("a", "b") == {"b"}


def test_what_is_pending_survives_the_server_and_becomes_readable_after_it(tmp_path: Path) -> None:
    for delay, expected in ((math.inf, set()), (60.0, set()), (0.0, {"a"})):
        folder = tmp_path / str(delay)
        first = Indexed(folder, Visibility(delay, 0.0))
        first.insert("a", folder=tmp_path)
        first.store.close()
        second = Indexed(folder, Visibility(5.0, 0.0))
        assert second.readable("a") == expected
        second.now += 61
        assert second.readable("a") == (set() if delay == math.inf else {"a"})
        second.store.close()


def test_over_http_a_vector_is_accepted_first_and_readable_later(api: Api) -> None:
    assert api.client.put("/__emulator__/visibility", json={"visible": "held"}).is_success
    api.insert(vector("a"))
    assert api.get("a").json()["result"] == []
    assert api.client.post("/__emulator__/release", json={}).json() == {"released": 1}
    assert set(api.found("a")) == {"a"}


@pytest.mark.parametrize(
    ("visible", "jitter", "order"),
    [(-1, 0, "any"), ("soon", 0, "any"), ("nan", 0, "any"), (1, -1, "any"), (1, math.inf, "any"), (1, 0, "random")],
)
def test_a_visibility_that_makes_no_sense_is_refused(visible: str | float, jitter: float, order: str) -> None:
    with pytest.raises(ValueError, match=r"visible|delay|jitter|order"):
        Visibility.parse(visible, jitter, order)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "document",
    [{}, [], {"visible": []}, {"visible": 1, "jitter": "x"}, {"visible": 1, "order": []}, {"visible": 1, "a": 1}],
)
def test_a_control_route_explains_what_it_refuses(api: Api, document: object) -> None:
    before = api.client.get("/__emulator__/state").json()["visibility"]
    answer = api.client.put("/__emulator__/visibility", json=document)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 40000)
    assert api.client.get("/__emulator__/state").json()["visibility"] == before


def test_data_that_is_not_to_be_kept_is_deleted() -> None:
    with open_emulator(Settings()) as emulator:
        folder = emulator.service.store.path.parent
        assert folder.exists()
    assert not folder.exists()
