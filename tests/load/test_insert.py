"""Loads as a whole: how they are cut and sent, what stops them, and what they say afterwards."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import pickle
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from cf_vectorize import (
    AsyncVectorize,
    AuthenticationError,
    BadLinesError,
    BatchOutcome,
    InputError,
    InsertError,
    RejectedError,
    ServerError,
    Vectorize,
    threads,
)
from loads import DIMENSIONS, ids, insert_awaiting, insert_blocking, line, lines, settings
from scripted_server import Answer, ScriptedServer, failure, html

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cf_vectorize import InsertReport
    from cf_vectorize.base.progress import Progress
    from loads import Clock
    from scripted_server import Request

    Insert = Callable[..., InsertReport]

BAD = b'{"id":"bad","values":"none"}\n'
UNREADABLE = b"{not json}\n"


def write(folder: Path, *parts: bytes, name: str = "vectors.ndjson") -> Path:
    path = folder / name
    path.write_bytes(b"".join(parts))
    return path


# Batches.


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({"batch_vectors": 4}, [4, 4, 2]), ({"batch_bytes": 3 * len(line("v000000"))}, [3, 3, 3, 1]), ({}, [10])],
)
def test_batches_by_count_and_by_bytes(limits: dict[str, int], expected: list[int], insert: Insert) -> None:
    with ScriptedServer() as server:
        report = insert(settings(server.url), lines(10), concurrency=1, **limits)
    assert [len(request.ids) for request in server.inserts] == expected
    assert [batch.vectors for batch in report.batches] == expected
    assert all(request.size == len(request.body) for request in server.inserts)
    assert all("transfer-encoding" not in request.headers for request in server.inserts)


@pytest.mark.parametrize(
    ("option", "value"),
    [("batch_vectors", 5_001), ("batch_vectors", 0), ("batch_bytes", 100_000_000), ("concurrency", 0),
     ("unparsable", "ignore"), ("on_error", "panic"), ("on_changed", "x"), ("dimensions", 31), ("dimensions", 1_537)],
)  # fmt: skip
def test_an_option_out_of_bounds_is_refused_by_name(option: str, value: Any, insert: Insert) -> None:
    with ScriptedServer() as server, pytest.raises(InputError, match=f"{option}.*{value}"):
        insert(settings(server.url), lines(1), **{option: value})
    assert server.requests == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("batch_vectors", 1), ("batch_vectors", 5_000), ("batch_bytes", 99_999_999), ("concurrency", 1),
     ("dimensions", DIMENSIONS), ("verify", 1)],
)  # fmt: skip
def test_an_option_at_its_bound_is_taken(option: str, value: Any, insert: Insert) -> None:
    with ScriptedServer() as server:
        assert insert(settings(server.url), lines(2), **{option: value}).vectors == 2


def test_the_most_dimensions_that_an_index_may_have_can_be_asked_for(insert: Insert) -> None:
    longest = json.dumps({"id": "a", "values": [0.5] * 1_536}).encode()
    with ScriptedServer() as server:
        assert insert(settings(server.url), [longest], dimensions=1_536).vectors == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("requests_per_5min", 0),
        ("requests_per_5min", 1.5),
        ("requests_per_5min", True),
        ("timeout", 0),
        ("timeout", math.nan),
        ("timeout", math.inf),
        ("give_up_after", -1),
        ("give_up_after", math.nan),
    ],
)
@pytest.mark.parametrize("client", [Vectorize, AsyncVectorize])
def test_a_setting_out_of_bounds_is_refused_by_name(client: Any, setting: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{setting}.*{value}"):
        client("index", **settings("http://127.0.0.1:1/client/v4", **{setting: value}))


@pytest.mark.parametrize(("options", "most"), [({}, 4), ({"concurrency": 1}, 1), ({"concurrency": 5}, 5)])
def test_as_many_requests_at_once_as_asked(options: dict[str, int], most: int, insert: Insert) -> None:
    together = threading.Barrier(most)

    with ScriptedServer() as server:
        # Only as many as the barrier asks for get past it: fewer workers would break it.
        server.before_answer = lambda _request: together.wait(60) and None
        insert(settings(server.url), lines(20), batch_vectors=1, **options)
    assert server.most_at_once == most


def test_the_first_batch_is_small_and_each_one_twice_as_large_as_the_one_before(insert: Insert) -> None:
    megabyte = b"x" * 999_999 + b"\n"
    with ScriptedServer(keep_bodies=False) as server:
        insert(settings(server.url), [megabyte] * 60, check=False, concurrency=2)
    assert sorted(request.size for request in server.requests) == [4_000_000, 8_000_000, 16_000_000, 32_000_000]


def test_one_request_at_a_time_is_full_from_the_first(insert: Insert) -> None:
    """A task of 5,000 vectors of 1,536 values, as an engine cuts them: requests are what it has few of."""
    text = line("v").replace(b"0.5", b"%s" % (b"0.51234567," * 1535 + b"0.5"), 1)
    vectors = [text] * 5_000
    with ScriptedServer(keep_bodies=False) as server:
        insert(settings(server.url), vectors, check=False, concurrency=1)
    assert [request.size for request in server.requests] == [len(b"".join(vectors))]
    assert server.requests[0].size > 80_000_000


def test_the_service_finds_a_body_too_large(insert: Insert) -> None:
    limit = 4 * len(line("v000000"))

    def refuse_large(_number: int, size: int) -> Answer:
        return html(413) if size > limit else Answer()

    seen: list[Progress] = []
    with ScriptedServer(refuse_large) as server:
        report = insert(settings(server.url), lines(48), batch_vectors=16, concurrency=1, on_progress=seen.append)
    assert server.acknowledged == dict.fromkeys(ids(48), 1)
    sizes = [len(request.ids) for request in server.inserts]
    # Halved until it fits; what is planned after that starts at the size that does.
    assert sizes[:4] == [16, 8, 4, 4]
    assert sizes[-4:] == [4] * 4
    assert report.vectors == 48
    assert [(batch.first_line, batch.last_line) for batch in report.batches] == consecutive(report)
    assert seen[-1].sent == seen[-1].acknowledged == seen[-1].queued


def consecutive(report: InsertReport) -> list[tuple[int, int]]:
    """Return the line ranges that batches of those lengths have one after the other."""
    found, first = [], 1
    for batch in report.batches:
        count = batch.last_line - batch.first_line + 1
        found.append((first, first + count - 1))
        first += count
    return found


@pytest.mark.parametrize("answer", [html(413), failure(400, 99999, "request body too large")])
def test_a_single_line_that_the_service_finds_too_large(answer: Answer, insert: Insert) -> None:
    with ScriptedServer(lambda _number, _size: answer) as server, pytest.raises(RejectedError):
        insert(settings(server.url), lines(1))
    assert len(server.requests) == 1


# Bad lines.


def test_a_bad_line_stops_the_load_before_its_batch_is_sent(tmp_path: Path, insert: Insert) -> None:
    good = lines(9)
    path = write(tmp_path, *good[:3], good[3], BAD, UNREADABLE, *good[4:])
    with ScriptedServer() as server, pytest.raises(InsertError) as caught:
        insert(settings(server.url), path, batch_vectors=3, concurrency=1)
    assert set(server.stored) == set(ids(9)[:3])
    (error,) = caught.value.exceptions
    assert isinstance(error, BadLinesError)
    assert [(bad.source, bad.line, bad.id, bad.rule) for bad in error.lines] == [
        (str(path), 5, "bad", "values"),
        (str(path), 6, None, "json"),
    ]
    assert str(error).startswith(f'{path}:5 (id "bad"): ')
    assert caught.value.report.vectors == 3
    assert pickle.loads(pickle.dumps(error)).lines == error.lines


def test_bad_lines_of_the_first_batch_are_raised_themselves(tmp_path: Path, insert: Insert) -> None:
    with ScriptedServer() as server, pytest.raises(BadLinesError, match=r"vectors\.ndjson:2"):
        insert(settings(server.url), write(tmp_path, line("a"), BAD))
    assert server.requests == []


def test_many_bad_lines_are_shown_in_part(tmp_path: Path) -> None:
    with ScriptedServer() as server, pytest.raises(BadLinesError) as caught:
        insert_blocking(settings(server.url), write(tmp_path, BAD * 25))
    assert len(caught.value.lines) == 25
    assert str(caught.value).endswith("and 15 more in this batch")


def test_bad_lines_are_set_aside_unchanged_with_their_reasons(tmp_path: Path, insert: Insert) -> None:
    long = line("long", metadata={"text": "x" * 2_000})
    path = write(tmp_path, line("a"), BAD.replace(b"\n", b"\r\n"), b"\n", line("b"), UNREADABLE, long, line("c")[:-1])
    rejects = tmp_path / "rejects"
    with ScriptedServer() as server:
        report = insert(
            settings(server.url), path, rejects=rejects, batch_vectors=2, batch_bytes=1_000, concurrency=1
        )
    assert sorted(server.stored) == ["a", "b", "c"]
    assert rejects.read_bytes() == BAD.replace(b"\n", b"\r\n") + UNREADABLE + long
    reasons = [json.loads(each) for each in (tmp_path / "rejects.reasons").read_bytes().splitlines()]
    assert [(each["source"], each["line"], each["id"]) for each in reasons] == [
        (str(path), 2, "bad"),
        (str(path), 5, None),
        (str(path), 6, None),
    ]
    assert [each["problems"][0]["rule"] for each in reasons] == ["values", "json", "line-size"]
    assert [bad.line for bad in report.rejected] == [2, 5, 6]
    assert report.vectors == 3
    assert "3 lines rejected" in report.summary()


def test_rejects_are_added_to_those_of_an_earlier_load(tmp_path: Path, insert: Insert) -> None:
    rejects = tmp_path / "rejects"
    with ScriptedServer() as server:
        for number in (1, 2):
            source = write(tmp_path, line("a"), BAD, name=str(number))
            insert(settings(server.url), source, rejects=rejects)
    assert rejects.read_bytes() == BAD * 2


def test_a_rejected_line_without_a_newline_gets_one(tmp_path: Path, insert: Insert) -> None:
    sources = [write(tmp_path, line("a"), BAD[:-1], name="1"), write(tmp_path, BAD[:-1], name="2")]
    with ScriptedServer() as server:
        insert(settings(server.url), sources, rejects=tmp_path / "rejects", concurrency=1)
    assert (tmp_path / "rejects").read_bytes() == BAD * 2


def test_a_batch_of_rejected_lines_only_is_not_sent(tmp_path: Path, insert: Insert) -> None:
    with ScriptedServer() as server:
        report = insert(settings(server.url), write(tmp_path, BAD, BAD), rejects=tmp_path / "rejects")
    assert server.requests == []
    assert (report.vectors, report.mutation_ids) == (0, ())


def test_what_the_service_will_discard_is_counted(tmp_path: Path, insert: Insert) -> None:
    too_short = b'{"id":"short","values":[1.0]}\n'
    path = write(tmp_path, line("a"), BAD, UNREADABLE, line("b"))
    with ScriptedServer() as server:
        server._keep_bodies = False
        report = insert(settings(server.url), path, unparsable="discard")
        with pytest.raises(BadLinesError):  # which discarding is not for
            insert(settings(server.url), write(tmp_path, line("a"), too_short, name="2"), unparsable="discard")
    assert server.requests[0].path.endswith("unparsable-behavior=discard")
    assert server.requests[0].size == path.stat().st_size
    assert (report.vectors, report.discarded) == (2, 2)


@pytest.mark.parametrize("check", [True, False])
def test_the_line_that_the_service_names_is_found_in_the_source(
    tmp_path: Path, insert: Insert, *, check: bool
) -> None:
    """Lines that were not sent (blank, and when checked, rejected) do not count for the service."""
    rejected = [BAD] if check else []
    path = write(tmp_path, line("a"), b"\r\n", *rejected, line("b"), b"\n", line("c"), line("d"))
    refusal = failure(400, 40023, "failed to parse: line Some(2) was not expected format")
    with ScriptedServer([refusal]) as server, pytest.raises(RejectedError) as caught:
        insert(settings(server.url), path, check=check, rejects=tmp_path / "rejects")
    assert server.requests[0].body.splitlines()[2] == line("c").strip()
    number = path.read_bytes().splitlines().index(line("c").strip()) + 1
    assert (caught.value.line, caught.value.place) == (2, f"{path}:{number}")
    assert str(caught.value).startswith(f"{path}:{number}: ")
    assert pickle.loads(pickle.dumps(caught.value)).place == caught.value.place


def test_nothing_of_a_refused_batch_is_among_the_rejects(tmp_path: Path, insert: Insert) -> None:
    """They would be there twice once the batch is sent again."""
    rejects = tmp_path / "rejects"
    with ScriptedServer([failure(400, 1, "no")]) as server, pytest.raises(RejectedError):
        insert(settings(server.url), write(tmp_path, line("a"), BAD), rejects=rejects)
    assert not rejects.exists()


# Failure, and what is said of it.


def fail_third(number: int, _size: int) -> Answer:
    return failure(400, 99999, "no") if number == 2 else Answer()


def test_a_failed_batch_stops_the_load(insert: Insert) -> None:
    with ScriptedServer(fail_third) as server, pytest.raises(InsertError) as caught:
        insert(settings(server.url), lines(20), batch_vectors=2, concurrency=1)
    assert len(server.requests) == 3
    report = caught.value.report
    assert (report.vectors, len(report.accepted), len(report.failed)) == (4, 2, 1)
    assert caught.value.exceptions == tuple(batch.error for batch in report.failed)


def test_batches_under_way_finish_when_one_fails_and_no_other_begins() -> None:
    together, decided = threading.Barrier(4), threading.Event()
    long = line("refused", metadata={"k": "v" * 99})

    def hold(request: Request) -> None:
        together.wait(60)
        if request.ids != ["refused"]:
            assert decided.wait(60)

    with (
        ScriptedServer(lambda _number, size: failure(400, 99999, "no") if size == len(long) else Answer()) as server,
        Vectorize("index", **settings(server.url)) as index,
    ):
        server.before_answer = hold
        batches = index.insert_batches([*lines(2), long, *lines(9, "w")], batch_vectors=1, concurrency=4)
        assert next(batches).first_id == "refused"
        decided.set()
        assert [batch.accepted for batch in batches] == [True] * 3
    assert len(server.requests) == 4


def test_on_error_continue(insert: Insert) -> None:
    with ScriptedServer(fail_third) as server, pytest.raises(InsertError) as caught:
        insert(settings(server.url), lines(20), batch_vectors=2, concurrency=1, on_error="continue")
    assert len(server.requests) == 10
    assert caught.value.report.vectors == 18
    assert [batch.first_line for batch in caught.value.report.failed] == [5]


def test_on_error_continue_goes_on_after_bad_lines_and_unreadable_sources(tmp_path: Path, insert: Insert) -> None:
    sources = [
        write(tmp_path, line("a"), BAD, line("b"), name="1"),
        write(tmp_path, b"no gzip", name="2.gz"),
        write(tmp_path, line("c"), name="3"),
    ]
    with ScriptedServer() as server, pytest.raises(InsertError) as caught:
        insert(settings(server.url), sources, batch_vectors=1, on_error="continue")
    assert sorted(server.stored) == ["a", "b", "c"]
    kinds = Counter(type(error) for error in caught.value.exceptions)
    assert kinds == {BadLinesError: 1, InputError: 1}


def test_an_error_with_nothing_accepted_is_raised_itself(insert: Insert) -> None:
    with (
        ScriptedServer(lambda _number, _size: failure(403, 10000, "Authentication error")) as server,
        pytest.raises(AuthenticationError) as caught,
    ):
        insert(settings(server.url), lines(4), batch_vectors=1, concurrency=2, on_error="continue")
    assert len(server.requests) == 4
    assert len(caught.value.report.failed) == 4  # type: ignore[union-attr]


def test_the_report_says_of_every_line_what_became_of_it(tmp_path: Path, insert: Insert, clock: Clock) -> None:
    path = write(tmp_path, *lines(5))
    with ScriptedServer([Answer(), html(502)]) as server:
        report = insert(settings(server.url), path, batch_vectors=2, concurrency=1)
    assert [(b.source, b.first_line, b.last_line, b.start, b.stop, b.vectors, b.size) for b in report.batches] == [
        (str(path), 1, 2, 0, len(b"".join(lines(2))), 2, len(b"".join(lines(2)))),
        (str(path), 3, 4, len(b"".join(lines(2))), len(b"".join(lines(4))), 2, len(b"".join(lines(2)))),
        (str(path), 5, 5, len(b"".join(lines(4))), path.stat().st_size, 1, len(line("v000004"))),
    ]
    assert [(batch.first_id, batch.last_id) for batch in report.batches] == [
        ("v000000", "v000001"),
        ("v000002", "v000003"),
        ("v000004", "v000004"),
    ]
    assert [batch.attempts for batch in report.batches] == [1, 2, 1]
    assert report.mutation_ids == tuple(batch.mutation_id for batch in report.batches)
    assert len(set(report.mutation_ids)) == 3
    assert (report.vectors, report.size, report.retries) == (5, path.stat().st_size, 1)
    assert report.waited == sum(clock.pauses)
    document = json.loads(json.dumps(report.as_json()))
    assert (document["vectors"], document["bytes"], document["retries"]) == (5, path.stat().st_size, 1)


def test_progress_only_grows_and_takes_back_what_a_retry_sends_again(insert: Insert, clock: Clock) -> None:
    seen: list[Progress] = []
    with ScriptedServer([Answer(), Answer(reset="after"), html(503)]) as server:
        insert(settings(server.url), lines(12), batch_vectors=3, concurrency=2, on_progress=seen.append)
    total = len(b"".join(lines(12)))
    for name in ("queued", "acknowledged", "taken_back", "vectors", "retries"):
        values = [getattr(progress, name) for progress in seen]
        assert values == sorted(values)
    assert all(progress.acknowledged <= progress.sent <= progress.queued <= total for progress in seen)
    assert (seen[-1].queued, seen[-1].sent, seen[-1].acknowledged, seen[-1].vectors) == (total, total, total, 12)
    assert (seen[-1].taken_back, seen[-1].retries) == (2 * len(b"".join(lines(3))), 2)
    assert seen[-1].reason
    assert seen[-1].total is None
    assert clock.pauses


def test_compact_sends_shortest_float32_decimals(tmp_path: Path, insert: Insert) -> None:
    text = json.dumps({"id": "a", "values": [0.1 + 0.2] * DIMENSIONS, "metadata": {"k": ["x"]}})
    with ScriptedServer() as server:
        report = insert(settings(server.url), write(tmp_path, text.encode(), b"\r\n\n", line("b")), compact=True)
    vector = server.stored["a"]
    assert vector["values"] == [0.3] * DIMENSIONS
    assert vector["metadata"] == {"k": ["x"]}
    assert server.requests[0].size < len(text)
    assert report.size == server.requests[0].size
    assert report.vectors == 2


# Both faces, one meaning.


def test_both_faces_report_the_same(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path, *lines(7))
    found = []
    for face in (insert_blocking, insert_awaiting):
        with ScriptedServer([Answer(), html(502), failure(400, 40041, "slow")]) as server:
            found.append(face(settings(server.url), path, batch_vectors=2, concurrency=1).as_json())
    for document in found:
        document["seconds"] = 0
    assert found[0] == found[1]
    assert len(clock.pauses) == 4


def test_insert_batches_gives_each_outcome_as_it_ends() -> None:
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        batches = index.insert_batches(lines(6), batch_vectors=2, concurrency=1)
        assert next(batches).first_line == 1
        assert [batch.first_line for batch in batches] == [3, 5]


def test_a_failed_batch_is_an_outcome_of_insert_batches() -> None:
    with ScriptedServer(fail_third) as server, Vectorize("index", **settings(server.url)) as index:
        found = list(index.insert_batches(lines(6), batch_vectors=1, concurrency=1, on_error="continue"))
    assert [batch.accepted for batch in found] == [True, True, False, True, True, True]


def test_abandoning_insert_batches_stops_the_load() -> None:
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        batches = index.insert_batches(lines(100), batch_vectors=1, concurrency=1)
        next(batches)
        batches.close()  # type: ignore[attr-defined]
    assert len(server.requests) < 5


def test_abandoning_insert_batches_breaks_off_a_pause() -> None:
    patient = html(503, retry_after="50")
    with ScriptedServer([Answer(), patient]) as server, Vectorize("index", **settings(server.url)) as index:
        batches = index.insert_batches(lines(3), batch_vectors=1, concurrency=2)
        next(batches)
        closing = threading.Thread(target=batches.close)  # type: ignore[attr-defined]
        closing.start()
        closing.join(20)
        assert not closing.is_alive()


def test_the_async_iterator_too() -> None:
    async def load(url: str) -> list[BatchOutcome]:
        async with AsyncVectorize("index", **settings(url)) as index:
            first = [batch async for batch in index.insert_batches(lines(6), batch_vectors=2, concurrency=1)]
            async for batch in index.insert_batches(lines(100, "w"), batch_vectors=1, concurrency=1):
                return [*first, batch]
        raise AssertionError

    with ScriptedServer() as server:
        assert [batch.first_line for batch in asyncio.run(load(server.url))] == [1, 3, 5, 1]
    assert len(server.requests) < 10


def test_cancelling_breaks_off_and_leaves_a_journal_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is answered once it is broken off is noted, and nothing follows."""
    path = write(tmp_path, *lines(40))
    journal = tmp_path / "journal"
    broken_off = threading.Event()

    class Told(threads.Stop):
        def set(self) -> None:
            super().set()
            broken_off.set()

    monkeypatch.setattr(threads, "Stop", Told)

    async def load(url: str) -> InsertReport:
        async with AsyncVectorize("index", **settings(url)) as index:
            reached = asyncio.Event()
            loop = asyncio.get_running_loop()

            def hold(request: Request) -> None:
                if request.ids == ["v000010"]:
                    loop.call_soon_threadsafe(reached.set)
                    assert broken_off.wait(60)

            server.before_answer = hold
            task = asyncio.create_task(index.insert(path, batch_vectors=1, concurrency=1, journal=journal))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert list(server.stored) == ids(11)
            return await index.insert(path, batch_vectors=1, concurrency=1, journal=journal)

    with ScriptedServer() as server:
        report = asyncio.run(load(server.url))
    assert report.resumed == 11
    assert server.acknowledged == dict.fromkeys(ids(40), 1)


def test_cancelling_does_not_wait_for_a_source_that_gives_nothing() -> None:
    asked = asyncio.Event()

    async def never() -> AsyncIterator[bytes]:
        yield line("a")
        asked.set()
        await asyncio.Event().wait()

    async def load(url: str) -> None:
        async with AsyncVectorize("index", **settings(url)) as index:
            task = asyncio.create_task(index.insert(never()))
            await asked.wait()
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=10)
            assert task in done
            assert task.cancelled()

    with ScriptedServer() as server:
        asyncio.run(load(server.url))


def test_a_cancelled_load_takes_nothing_from_the_budget_of_the_next(clock: Clock) -> None:
    """Its requests are no longer under way."""
    left = Answer(headers={"ratelimit": '"default";r=3;t=30'})

    with ScriptedServer(lambda _number, _size: left) as server, Vectorize("index", **settings(server.url)) as index:
        for _ in range(5):
            batches = index.insert_batches(lines(3), batch_vectors=1, concurrency=3)
            next(batches)
            batches.close()  # type: ignore[attr-defined]
        assert len(index._index.budget._under_way) == 0
    assert clock.now >= 1_000


def test_two_loads_at_once_of_one_client(insert: Insert) -> None:
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        threads = [
            threading.Thread(target=index.insert, args=(lines(30, prefix),), kwargs={"batch_vectors": 1})
            for prefix in "abc"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert insert(settings(server.url), lines(1)).vectors == 1
    assert server.acknowledged == dict.fromkeys([*ids(30, "a"), *ids(30, "b"), *ids(30, "c"), *ids(1)], 1)


@pytest.mark.parametrize("on_error", ["stop", "continue"])
def test_a_callback_that_fails_costs_no_report(on_error: str, insert: Insert) -> None:
    def fail(progress: Progress) -> None:
        if progress.vectors >= 4:
            raise ZeroDivisionError("of the caller")

    with ScriptedServer() as server, pytest.raises(InsertError) as caught:
        insert(settings(server.url), lines(20), batch_vectors=2, concurrency=1, on_progress=fail, on_error=on_error)
    (error,) = caught.value.exceptions
    assert isinstance(error, InputError)
    assert str(error) == "on_progress raised ZeroDivisionError('of the caller')"
    assert isinstance(error.__cause__, ZeroDivisionError)
    report = caught.value.report
    assert report.vectors == len(server.stored)
    assert 4 <= report.vectors < 20 if on_error == "stop" else report.vectors == 20


def test_a_callback_that_fails_while_reading_back_costs_no_report(insert: Insert) -> None:
    def fail(progress: Progress) -> None:
        if progress.verification:
            raise ZeroDivisionError

    with ScriptedServer() as server, pytest.raises(InputError, match="on_progress raised ZeroDivision") as caught:
        insert(settings(server.url), lines(3), on_progress=fail, verify=3)
    assert caught.value.report.vectors == 3


def test_a_server_error_keeps_its_place_in_the_order_of_failing(clock: Clock) -> None:
    def script(number: int, _size: int) -> Answer:
        return failure(400, 1, "no") if number == 1 else failure(503, 2, "down") if number > 1 else Answer()

    with ScriptedServer(script) as server, pytest.raises(InsertError) as caught:
        insert_blocking(settings(server.url, give_up_after=2), lines(3), batch_vectors=1, concurrency=1,
                        on_error="continue")  # fmt: skip
    assert [type(error) for error in caught.value.exceptions] == [RejectedError, ServerError]
    assert clock.pauses


# What is decided is not waited for.


def ends_soon(work: Callable[[], object]) -> None:
    """Run work that may hang, and see that it does not."""
    running = threading.Thread(target=work, daemon=True)
    running.start()
    running.join(30)
    assert not running.is_alive()


@pytest.mark.parametrize("batches", [2, 8])
def test_a_load_that_is_decided_waits_for_no_retry(batches: int) -> None:
    """A batch that was throttled for minutes is told as that, as soon as another one has failed for good."""
    together = threading.Barrier(2)
    found: list[BatchOutcome] = []

    def load() -> None:
        with Vectorize("index", **settings(server.url)) as index:
            found.extend(index.insert_batches(lines(batches), batch_vectors=1, concurrency=2))

    with ScriptedServer([failure(429, 971, "wait", retry_after="300"), failure(400, 1, "no")]) as server:
        # Once one is throttled no other starts.
        server.before_answer = lambda _request: together.wait(60) and None
        ends_soon(load)
    assert sorted(type(outcome.error).__name__ for outcome in found) == ["RateLimitError", "RejectedError"]
    assert len(server.requests) == 2


def test_a_load_that_is_decided_waits_for_no_budget() -> None:
    """Batches that had not begun are not told of."""
    found: list[BatchOutcome] = []

    def load() -> None:
        with Vectorize("index", **settings(server.url, requests_per_5min=1)) as index:
            found.extend(index.insert_batches(lines(8), batch_vectors=1, concurrency=3))

    with ScriptedServer([failure(400, 1, "no")]) as server:
        ends_soon(load)
    assert [type(outcome.error) for outcome in found] == [RejectedError]
    assert len(server.requests) == 1


def test_cancelling_breaks_off_a_wait_for_the_budget() -> None:
    async def load(url: str) -> None:
        async with AsyncVectorize("index", **settings(url, requests_per_5min=1)) as index:
            accepted = asyncio.Event()
            loop = asyncio.get_running_loop()

            def tell(progress: Progress) -> None:
                if progress.vectors:
                    loop.call_soon_threadsafe(accepted.set)

            task = asyncio.create_task(index.insert(lines(8), batch_vectors=1, concurrency=2, on_progress=tell))
            await accepted.wait()
            task.cancel()
            await asyncio.wait([task])

    with ScriptedServer() as server:
        ends_soon(lambda: asyncio.run(load(server.url)))
    assert len(server.requests) == 1


# Rejected lines as data.


def test_rejected_lines_are_handed_over_as_they_are(tmp_path: Path, insert: Insert) -> None:
    path = write(tmp_path, line("a"), BAD, line("b"), UNREADABLE.replace(b"\n", b"\r\n"))
    given: list[tuple[bytes, Any]] = []
    with ScriptedServer() as server:
        report = insert(settings(server.url), path, on_reject=lambda *of: given.append(of))
        insert(settings(server.url), path, on_reject=lambda *_: None, rejects=tmp_path / "rejects")
    assert [text for text, _ in given] == [BAD, UNREADABLE.replace(b"\n", b"\r\n")]
    assert [(bad.source, bad.line, bad.rule) for _, problems in given for bad in problems] == [
        (str(path), 2, "values"),
        (str(path), 4, "json"),
    ]
    assert (report.vectors, report.counts.rejected) == (2, 2)
    assert (tmp_path / "rejects").read_bytes() == b"".join(text for text, _ in given)


def test_what_on_reject_raises_costs_no_report(insert: Insert) -> None:
    def fail(_line: bytes, _problems: object) -> None:
        raise KeyError("mine")

    with ScriptedServer() as server, pytest.raises(InsertError) as caught:
        insert(settings(server.url), [line("a"), BAD, line("b")], batch_vectors=1, concurrency=1, on_reject=fail)
    assert str(caught.value.exceptions[0]) == "on_reject raised KeyError('mine')"
    assert caught.value.report.vectors == len(server.stored)


@pytest.mark.parametrize("compressed", [False, True])
def test_of_a_line_that_is_too_long_the_beginning_is_set_aside(
    tmp_path: Path, insert: Insert, *, compressed: bool
) -> None:
    long = line("long", metadata={"text": "x" * 5_000_000})
    data = line("a") + long + line("b")
    path = tmp_path / ("vectors.ndjson.gz" if compressed else "vectors.ndjson")
    path.write_bytes(gzip.compress(data) if compressed else data)
    rejects = tmp_path / "rejects"
    with ScriptedServer() as server:
        report = insert(settings(server.url), path, rejects=rejects, journal=tmp_path / "journal")
        insert(settings(server.url), path, rejects=rejects, journal=tmp_path / "journal")
    assert sorted(server.stored) == ["a", "b"]
    assert rejects.read_bytes() == long[:4096] + b"\n"
    (bad,) = report.rejected
    assert (bad.line, bad.rule) == (2, "line-size")
    assert bad.reason.startswith(f"is {len(long):,} bytes; ")


@pytest.mark.parametrize("content", [b"\n", b"\n \n\t\r\n" * 9_000])
@pytest.mark.parametrize("journal", [False, True])
def test_a_file_of_blank_lines_holds_no_vectors(
    content: bytes, tmp_path: Path, insert: Insert, *, journal: bool
) -> None:
    options = {"journal": tmp_path / "journal"} if journal else {}
    with ScriptedServer() as server, pytest.raises(InputError, match=r"ndjson: holds no vectors; there is nothing"):
        insert(settings(server.url), write(tmp_path, content), **options)
    assert server.requests == []
