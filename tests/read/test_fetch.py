from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
import sys
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from cf_vectorize import AccountBudget, AsyncVectorize
from cf_vectorize.read.fetch import fetch, fetch_iter
from cf_vectorize.read.vectors import Vectors
from cf_vectorize_overlay import decode
from cf_vectorize_overlay.errors import InputError, RejectedError, UnexpectedResponseError
from cf_vectorize_overlay.pacing import Cancelled
from loads import sending
from scripted_server import Answer, ScriptedServer, failure, html, success

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cf_vectorize_overlay.index import Index

DIMENSIONS = 32


def fill(index: ScriptedServer, count: int) -> list[str]:
    ids = [f"v{number}" for number in range(count)]
    for number, identity in enumerate(ids):
        index.put(identity, [number + step / 64 for step in range(DIMENSIONS)])
    return ids


def get(transport: Index, ids: Any, **options: Any) -> Vectors:
    return fetch(transport, ids, stop=threading.Event(), **options)


def get_iter(transport: Index, ids: Any, **options: Any) -> Any:
    return fetch_iter(transport, ids, stop=threading.Event(), **options)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(params=["with pysimdjson", "without"])
def either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without":
        monkeypatch.setattr(decode, "simdjson", None)
    else:
        pytest.importorskip("simdjson")


# --- order, requests, missing ---------------------------------------------------------------------------------------


def test_vectors_come_in_the_order_asked_whatever_order_the_service_answers_in(
    index: ScriptedServer, transport: Index
) -> None:
    ids = fill(index, 205)[::-1]
    vectors = get(transport, ids)
    assert list(vectors) == ids
    assert [vector.id for vector in vectors.values()] == ids
    assert vectors.missing == ()
    assert sorted(map(len, index.asked)) == [5] + [20] * 10


def test_unknown_ids_are_missing_in_the_order_asked(index: ScriptedServer, transport: Index) -> None:
    fill(index, 50)
    asked = [name for number in range(50) for name in (f"x{number}", f"v{number}")]
    vectors = get(transport, asked)
    assert vectors.missing == tuple(asked[0::2])
    assert list(vectors) == asked[1::2]
    assert "x0" not in vectors
    with pytest.raises(
        KeyError, match=r"'x0' was not asked for, or the index does not hold it, or not yet: a vector "
    ):
        vectors["x0"]
    assert vectors.get("x0") is None


def test_nothing_found_and_nothing_asked_are_empty(index: ScriptedServer, transport: Index) -> None:
    assert get(transport, ["a"]).missing == ("a",)
    assert len(get(transport, iter(()))) == 0
    assert index.asked == [["a"]]


def test_the_mapping_fetches_a_repeated_id_once(index: ScriptedServer, transport: Index) -> None:
    fill(index, 30)
    ids = [f"v{number % 30}" for number in range(100)]
    assert list(get(transport, ids)) == [f"v{number}" for number in range(30)]
    assert sorted(itertools.chain(*index.asked)) == sorted(set(ids))


def test_the_iterator_gives_a_repeated_id_each_time_and_sends_it_once_a_request(
    index: ScriptedServer, transport: Index
) -> None:
    fill(index, 1)
    pairs = list(get_iter(transport, ["v0", "v0", "x", "v0"]))
    assert [identity for identity, _ in pairs] == ["v0", "v0", "x", "v0"]
    assert [vector is None for _, vector in pairs] == [False, False, True, False]
    assert index.asked == [["v0", "x"]]


# --- what a vector holds --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("either_parser")
def test_a_vector_holds_what_the_service_answers(index: ScriptedServer, transport: Index) -> None:
    index.stored = {
        "null": {"id": "null", "namespace": None, "metadata": None, "values": [0.1, 0, -1.5]},
        "absent": {"id": "absent", "values": [0.1, 0, -1.5]},
        "full": {
            "id": "full",
            "namespace": "näm",
            "metadata": {"a": ["x", "ÿ"], "b": {"c": 1.5, "d": True}},
            "values": [3.4028235e38, 1e-45, 16777217],
            "score": [1, {"z": None}],
        },
    }
    vectors = get(transport, ["null", "absent", "full"])
    assert vectors["null"].namespace is vectors["absent"].namespace is None
    assert not vectors["null"].metadata
    assert not vectors["absent"].metadata
    assert list(vectors["null"].values) == [0.1, 0.0, -1.5]
    full = vectors["full"]
    assert (full.namespace, full.metadata) == ("näm", {"a": ["x", "ÿ"], "b": {"c": 1.5, "d": True}})
    assert full.extra == {"score": [1, {"z": None}]}
    assert memoryview(full.values).format == "d"


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    "result",
    [
        [{"id": "v", "values": [1.5, None]}],
        [{"id": "v", "values": [1.5, "2"]}],
        [{"id": "v", "values": None}],
        [{"id": "v", "values": "1.5"}],
        [{"id": "v"}],
        [{"values": [1.5]}],
        ["v"],
        {"id": "v", "values": [1.5]},
        None,
    ],
)
def test_an_answer_of_another_shape_is_a_typed_error(index: ScriptedServer, result: Any) -> None:
    transport = sending(index.url, give_up_after=0.0)
    index.script = [success(result)]
    with pytest.raises(UnexpectedResponseError):
        get(transport, ["v"])
    transport.close()


@pytest.mark.parametrize(
    "body",
    [
        success([{"id": "a", "values": [1, 2.5], "metadata": {"l": ["x"], "n": None}, "extra": []}]).body,
        success([]).body,
        success({"mutationId": "m"}).body,
        failure(400, 40007, "too many ids in payload").body,
        b'{"result":[{"id":"a","values":[1e400]}]}',
        b'{"result":[{"id":"a","values":[]}]}',
        b'{"result":[{"id":"a","values":[1],"big":123456789012345678901234567890}]}',
        b'{"result":[[1],[2]]}',
        b"[1]",
        b"null",
        b"",
        b"<html>",
        b'{"result":[',
        b'"\xff"',
    ],
)
def test_both_parsers_decode_alike(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("simdjson")

    def outcome() -> Any:
        try:
            return decode.decode(body)
        except (orjson.JSONDecodeError, TypeError) as error:
            return type(error)

    fast = outcome()
    monkeypatch.setattr(decode, "simdjson", None)
    assert fast == outcome()


# --- refused before sending -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", ""], "ids[1] is 0 bytes of UTF-8; an id is 1 to 64"),
        (["ä" * 33], "ids[0] is 66 bytes of UTF-8; an id is 1 to 64"),
        (["a", "b", 7], "ids[2] is int; an id is a string"),
        (["\ud800"], "ids[0] holds a lone surrogate, which UTF-8 cannot express"),
        ("abc", "ids is one str; give a list of ids"),
        (b"abc", "ids is one bytes; give a list of ids"),
        (7, "ids is one int; give a list of ids"),
        (None, "ids is one NoneType; give a list of ids"),
    ],
)
@pytest.mark.parametrize("way", [get, lambda *arguments: list(get_iter(*arguments))])
def test_what_is_no_id_is_refused_before_anything_is_sent(
    index: ScriptedServer, transport: Index, way: Any, ids: Any, message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        way(transport, ids)
    assert index.requests == []


def test_an_id_of_64_bytes_is_sent(index: ScriptedServer, transport: Index) -> None:
    index.put("ä" * 32, [1.0])
    assert list(get(transport, ["ä" * 32])) == ["ä" * 32]


# --- many -----------------------------------------------------------------------------------------------------------


def test_the_iterator_reads_ids_no_further_than_its_requests_need(transport: Index) -> None:
    read = itertools.count()
    pairs = get_iter(transport, (f"x{next(read)}" for _ in range(5000)), concurrency=2)
    given = [identity for identity, _ in itertools.islice(pairs, 1000)]
    assert given == [f"x{number}" for number in range(1000)]
    assert next(read) <= 1000 + 20 * 2 * 2
    pairs.close()


def test_requests_run_at_the_same_time_and_no_more_than_asked_for(index: ScriptedServer, transport: Index) -> None:
    hold = threading.Event()
    index.before_answer = lambda _: hold.wait()
    consumer = threading.Thread(target=lambda: list(get_iter(transport, map(str, range(400)), concurrency=3)))
    consumer.start()
    wait_until(lambda: len(index.requests) == 3)
    hold.set()
    consumer.join()
    assert index.most_at_once == 3


def test_memory_does_not_grow_with_the_number_of_ids(index: ScriptedServer, transport: Index) -> None:
    ids = [f"v{number}" for number in range(20)]
    answer = success([{"id": identity, "values": [0.5] * 1536} for identity in ids])
    index.script = lambda _number, _size: answer

    def peak(rounds: int) -> int:
        pairs = get_iter(transport, itertools.chain.from_iterable(itertools.repeat(ids, rounds)), concurrency=2)
        tracemalloc.start()
        for _ in pairs:
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(30), peak(120)
    # Holding 90 more answers would take 22 MB.
    assert many < few + 5_000_000


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_failed_request_is_made_again_with_a_warning(
    index: ScriptedServer, transport: Index, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cf_vectorize")
    ids = fill(index, 100)
    index.script = [
        html(520),
        failure(429, 971, "Please wait and consider throttling your request speed"),
        Answer(body=b'{"success": true, "result": ['),
    ]
    assert list(get(transport, ids)) == ids
    assert len(index.requests) == 5 + 3
    warned = [record.getMessage() for record in caplog.records if record.name == "cf_vectorize"]
    told = [re.fullmatch(r"waiting [0-9.]+ s before sending again: .*HTTP (\d+).*", text) for text in warned]
    assert sorted(match[1] for match in told if match) == ["200", "429", "520"]
    assert [record.levelname for record in caplog.records if record.name == "cf_vectorize"].count("WARNING") == 1


def test_a_refused_request_ends_it_and_nothing_new_is_sent(index: ScriptedServer, transport: Index) -> None:
    ids = fill(index, 10_000)
    index.script = [failure(400, 40007, "too many ids in payload; max id count is 20, got 21")]
    with pytest.raises(RejectedError, match="max id count is 20"):
        get(transport, ids, concurrency=2)
    assert len(index.requests) < 10


def test_what_came_before_a_failure_in_order_is_given_by_the_iterator(
    index: ScriptedServer, transport: Index
) -> None:
    ids = fill(index, 60)
    index.script = [success([]), success([]), failure(400, 40008, "id too long; max is 64 bytes, got 65 bytes")]
    pairs = get_iter(transport, ids, concurrency=1)
    assert [identity for identity, _ in itertools.islice(pairs, 40)] == ids[:40]
    with pytest.raises(RejectedError):
        next(pairs)


def test_abandoning_the_iterator_stops_its_requests(index: ScriptedServer, transport: Index) -> None:
    stop = threading.Event()
    pairs = fetch_iter(transport, map(str, range(5000)), concurrency=2, stop=stop)
    next(pairs)
    pairs.close()
    assert stop.is_set()
    assert len(index.requests) <= 4
    assert len(transport.budget._starts) == len(index.requests)


def test_stopping_from_another_thread_ends_the_wait_for_the_budget(index: ScriptedServer) -> None:
    transport = sending(index.url, budget=AccountBudget(1))
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Cancelled):
        fetch(transport, map(str, range(100)), stop=stop)
    transport.close()


# --- for code that awaits -------------------------------------------------------------------------------------------


def awaiting(base_url: str = "http://127.0.0.1:1") -> AsyncVectorize:
    return AsyncVectorize("an-index", account_id="an-account", api_token="a-token", base_url=base_url)


def test_ids_come_from_an_async_iterable(index: ScriptedServer, transport: Index, tmp_path: Path) -> None:
    ids = fill(index, 50)

    async def asked() -> AsyncIterator[str]:
        for identity in ids:
            await asyncio.sleep(0)
            yield identity

    async def use() -> None:
        async with awaiting(transport._base_url) as client:
            assert list(await client.get_by_ids(asked())) == ids
            assert [identity async for identity, _ in client.iter_by_ids(asked())] == ids
            assert [identity async for identity, _ in client.export_by_ids(asked(), tmp_path / "out")] == ids

    asyncio.run(use())


def test_a_closed_client_says_so() -> None:
    async def use() -> None:
        client = awaiting()
        await client.aclose()
        for call in (client.insert([{"id": "a", "values": [0.5] * 32}]), client.get_by_ids(["a"])):
            with pytest.raises(InputError, match="the client is closed; make another one"):
                await call

    asyncio.run(use())


# --- a table of them ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("either_parser")
def test_to_numpy_gives_ids_and_float32_rows(index: ScriptedServer, transport: Index) -> None:
    source = np.random.default_rng(7).standard_normal((45, 96)).astype(np.float32)
    for number, row in enumerate(source):
        index.stored[f"v{number}"] = {"id": f"v{number}", "values": json.loads(orjson.dumps(row.tolist()))}
    ids, matrix = get(transport, [f"v{number}" for number in range(45)] + ["unknown"]).to_numpy()
    assert ids == [f"v{number}" for number in range(45)]
    assert matrix.dtype == np.float32
    assert np.array_equal(matrix.view(np.uint32), source.view(np.uint32))


def test_to_arrow_gives_a_table(index: ScriptedServer, transport: Index) -> None:
    pytest.importorskip("pyarrow")
    index.put("a", [1.0, 2.5], namespace="n", metadata={"k": ["v"], "x": 1})
    index.put("b", [3.0, -4.5])
    table = get(transport, ["b", "a"]).to_arrow()
    assert str(table.schema.field("values").type) == "fixed_size_list<item: float>[2]"
    assert table.to_pylist() == [
        {"id": "b", "values": [3.0, -4.5], "namespace": None, "metadata": None},
        {"id": "a", "values": [1.0, 2.5], "namespace": "n", "metadata": '{"k":["v"],"x":1}'},
    ]


def test_nothing_found_is_an_empty_array_and_table(transport: Index) -> None:
    pytest.importorskip("pyarrow")
    nothing = get(transport, ["x"])
    assert nothing.to_numpy()[1].shape == (0, 0)
    assert nothing.to_arrow().num_rows == 0


def test_the_repr_counts_and_does_not_dump(index: ScriptedServer, transport: Index) -> None:
    assert repr(get(transport, [*fill(index, 40), "x"])) == "<Vectors: 40 found, 1 missing>"


@pytest.mark.parametrize(("way", "module", "extra"), [("numpy", "numpy", "numpy"), ("arrow", "pyarrow", "arrow")])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, way: str, module: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    message = f"to_{way}() needs an extra: pip install 'cf-vectorize[{extra}]'"
    with pytest.raises(InputError, match=re.escape(message)):
        getattr(Vectors({}), f"to_{way}")()


def test_numpy_and_arrow_are_not_imported_for_those_who_do_not_ask() -> None:
    import subprocess

    loaded = "import sys, cf_vectorize.read.fetch; print({'numpy', 'pyarrow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True).strip() == "set()"
