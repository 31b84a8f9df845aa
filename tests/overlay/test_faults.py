"""Every fault that a network or a service can commit, over real sockets: nothing lost, nothing asked in vain."""

from __future__ import annotations

import json
import logging
import os
import random
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cf_vectorize import (
    AuthenticationError,
    InsertError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ServerError,
    TransportError,
    UnexpectedResponseError,
    Vectorize,
    VectorizeError,
)
from cf_vectorize_overlay import envelope
from cf_vectorize_overlay.body import Body
from cf_vectorize_overlay.index import Index
from cf_vectorize_overlay.limits import GIVE_UP_AFTER
from cf_vectorize_overlay.pacing import Attempts, Cancelled
from loads import environment, ids, insert_blocking, lines, settings
from scripted_server import Answer, ScriptedServer, failure, html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cf_vectorize import InsertReport
    from cf_vectorize.base.progress import Progress
    from loads import Clock, ServersTime

    Insert = Callable[..., InsertReport]


class Fault(NamedTuple):
    """A row of the table: how the second of three batches goes wrong, once for each answer, before it goes right."""

    name: str
    answers: tuple[Answer, ...]
    error: type[VectorizeError]


JSON = {"content-type": "application/json"}
SUCCESS = json.dumps({"success": True, "errors": [], "messages": [], "result": {"mutationId": "m"}}).encode()
UNAVAILABLE = (408, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527)

PASSING = [
    *(Fault(f"status {status}, envelope", (failure(status, 10001, "no"),), ServerError) for status in UNAVAILABLE),
    *(Fault(f"status {status}, HTML", (html(status),), ServerError) for status in UNAVAILABLE),
    Fault("429, code 971", (failure(429, 971, "Please wait"),), RateLimitError),
    Fault("429, HTML", (html(429),), RateLimitError),
    Fault("429, unknown code", (failure(429, 12345, "slow down"),), RateLimitError),
    Fault("40041 under 400", (failure(400, 40041, "Too Many Requests"),), RateLimitError),
    Fault("40041 under 429", (failure(429, 40041, "Too Many Requests"),), RateLimitError),
    Fault("reset before the body", (Answer(reset="before"),), TransportError),
    Fault("reset in the body", (Answer(reset="during"),), TransportError),
    Fault("reset after the body", (Answer(reset="after"),), TransportError),
    Fault("reset after it was stored", (Answer(reset="after", stores=True),), TransportError),
    Fault("closed without an answer", (Answer(ends="closes"),), TransportError),
    Fault("closed after it was stored", (Answer(ends="closes", stores=True),), TransportError),
    Fault("no answer in time", (Answer(ends="hangs", stores=True),), TransportError),
    Fault("half an answer, closed", (Answer(ends="closes", sends=20, stores=True),), TransportError),
    Fault("half an answer, silence", (Answer(ends="hangs", sends=20, stores=True),), TransportError),
    Fault("headers only, closed", (Answer(ends="closes", sends=0),), TransportError),
    Fault("Content-Length too long", (Answer(content_length=500, stores=True),), TransportError),
    Fault("Content-Length too short", (Answer(headers={"connection": "close"}, content_length=30, stores=True),),
          UnexpectedResponseError),
    Fault("truncated JSON", (Answer(body=SUCCESS[:40], headers=JSON, stores=True),), UnexpectedResponseError),
    Fault("HTML under 200", (html(200),), UnexpectedResponseError),
    Fault("empty body under 200", (Answer(body=b""),), UnexpectedResponseError),
    Fault("JSON that is no envelope", (Answer(body=b"[1]", headers=JSON),), UnexpectedResponseError),
    Fault("envelope without a result", (Answer(body=SUCCESS.replace(b"result", b"other")),), UnexpectedResponseError),
    Fault("envelope with result null", (Answer(body=SUCCESS.replace(b'{"mutationId": "m"}', b"null")),),
          UnexpectedResponseError),
    Fault("result of another type", (Answer(body=SUCCESS.replace(b'{"mutationId": "m"}', b"[1]")),),
          UnexpectedResponseError),
    Fault("not HTTP", (Answer(body=SUCCESS, headers={"bad header": "\x00"}, stores=True),), TransportError),
    Fault("bad compression", (Answer(body=b"no gzip", headers={"content-encoding": "gzip"}),),
          UnexpectedResponseError),
    Fault("one after the other", (html(502), Answer(reset="during"), failure(400, 40041, "x"), Answer(ends="closes")),
          TransportError),
]  # fmt: skip

LASTING = [
    Fault("success under 201", (Answer(201, SUCCESS),), UnexpectedResponseError),
    Fault("a redirect", (Answer(302, b"", {"location": "/elsewhere"}),), UnexpectedResponseError),
    Fault("HTML under 403", (html(403),), UnexpectedResponseError),
    Fault("400, unparsable line", (failure(400, 40023, "line Some(1) was not expected format"),), RejectedError),
    Fault("400, unknown code", (failure(400, 99999, "whatever"),), RejectedError),
    Fault("success: false under 200", (failure(200, 40012, "wrong dimensions"),), RejectedError),
    Fault("401", (failure(401, 10000, "Authentication error"),), AuthenticationError),
    Fault("403", (failure(403, 9109, "Invalid access token"),), AuthenticationError),
    Fault("400, header format", (failure(400, 6003, "Invalid request headers"),), AuthenticationError),
    Fault("404", (failure(404, 7003, "Could not route"),), NotFoundError),
    Fault("index under 400", (failure(400, 3000, "vectorize.index.not_found"),), NotFoundError),
    Fault("409", (failure(409, 12345, "conflict"),), RejectedError),
    Fault("413 of one line", (html(413),), RejectedError),
    Fault("422 without errors", (Answer(422, b'{"success":false}'),), RejectedError),
]


def named(fault: Fault) -> str:
    return fault.name


@pytest.mark.parametrize("fault", PASSING, ids=named)
def test_a_fault_that_passes(fault: Fault, insert: Insert, clock: Clock, servers_time: ServersTime) -> None:
    with ScriptedServer([Answer(), *fault.answers]) as server:
        server.on_silence = servers_time.run_out
        report = insert(settings(server.url), lines(3), batch_vectors=1, concurrency=1)
    assert set(server.stored) == set(ids(3))
    assert server.acknowledged == dict.fromkeys(ids(3), 1)
    assert [request.ids for request in server.inserts if request.body.endswith(b"\n")].count([ids(3)[0]]) == 1
    assert len(server.requests) == 3 + len(fault.answers)
    assert report.vectors == 3
    assert report.retries == len(fault.answers)
    assert [batch.attempts for batch in report.batches] == [1, 1 + len(fault.answers), 1]
    assert len(clock.pauses) == len(fault.answers)


@pytest.mark.parametrize("fault", PASSING, ids=named)
def test_a_fault_that_does_not_pass_ends_as_its_error(fault: Fault, clock: Clock, servers_time: ServersTime) -> None:
    last = fault.answers[-1]
    with ScriptedServer(lambda _number, _size: last) as server:
        server.on_silence = servers_time.run_out
        with pytest.raises(fault.error) as caught:
            insert_blocking(settings(server.url, give_up_after=2), lines(1))
    # Room for a pause of 1 second, and not for another of 2.
    assert len(server.requests) == 2
    assert clock.pauses == [1]
    assert type(caught.value) is fault.error


@pytest.mark.parametrize("fault", LASTING, ids=named)
def test_a_fault_that_lasts_is_sent_once_and_stops_the_load(fault: Fault, insert: Insert) -> None:
    with ScriptedServer([Answer(), *fault.answers]) as server, pytest.raises(InsertError) as caught:
        insert(settings(server.url), lines(9), batch_vectors=1, concurrency=1)
    assert len(server.requests) == 2
    (error,) = caught.value.exceptions
    assert type(error) is fault.error
    assert caught.value.report.vectors == 1
    assert [batch.attempts for batch in caught.value.report.batches] == [1, 1]


def in_seconds(seconds: int) -> str:
    return str(seconds)


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def as_date(seconds: int) -> str:
    return format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("written", [in_seconds, as_date])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(
    written: Callable[[int], str], status: int, clock: Clock, insert: Insert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "datetime", SimpleNamespace(now=lambda _zone: NOON))
    with ScriptedServer([html(status, retry_after=written(100))]) as server:
        report = insert(settings(server.url), lines(1))
    assert clock.pauses == [101]  # one second is added
    assert report.waited == 101
    assert len(server.requests) == 2


def test_retry_after_is_believed_up_to_a_cap(clock: Clock, insert: Insert) -> None:
    with ScriptedServer([html(429, retry_after="86400")]) as server:
        insert(settings(server.url), lines(1))
    assert clock.pauses == [330 + 1]


def test_the_default_outlasts_the_account_block(clock: Clock, insert: Insert) -> None:
    """Two refusals with the whole five minutes to wait, then success."""
    with ScriptedServer([html(429, retry_after="299"), html(429, retry_after="299")]) as server:
        assert insert(settings(server.url), lines(1)).vectors == 1
    assert clock.pauses == [300, 300]


@pytest.mark.parametrize(
    ("give_up_after", "pauses"),
    [
        (0, []),
        (0.99, []),
        (1, [1]),
        (62.9, [1, 2, 4, 8, 16]),
        (63, [1, 2, 4, 8, 16, 32]),
        (GIVE_UP_AFTER, [1, 2, 4, 8, 16, 32, *[60] * 8]),
    ],
)
def test_pauses_grow_from_attempt_to_attempt_until_it_gives_up(
    give_up_after: float, pauses: list[float], clock: Clock, insert: Insert
) -> None:
    with ScriptedServer(lambda _number, _size: html(503)) as server, pytest.raises(ServerError) as caught:
        insert(settings(server.url, give_up_after=give_up_after), lines(1))
    assert clock.pauses == pauses
    assert len(server.requests) == len(pauses) + 1
    assert caught.value.status == 503


def test_chance_shortens_a_pause_down_to_a_floor(
    clock: Clock, insert: Insert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, _high: low)
    with ScriptedServer([html(503)] * 3) as server:
        report = insert(settings(server.url), lines(1))
    assert clock.pauses == pytest.approx([0.2] * 3)
    assert report.waited == pytest.approx(0.6)
    assert len(server.requests) == 4


def test_each_request_counts_its_own_failures(clock: Clock, insert: Insert) -> None:
    with ScriptedServer([html(503), html(503), Answer(), html(503)]) as server:
        report = insert(settings(server.url), lines(2), batch_vectors=1, concurrency=1)
    assert clock.pauses == [1, 2, 1]
    assert [batch.waited for batch in report.batches] == [3, 1]


def test_the_time_to_give_up_is_each_failing_request_s_own(clock: Clock, insert: Insert) -> None:
    """A batch that waited long and then arrived takes nothing from the next."""
    script = [failure(503, 1, "x", retry_after="15"), Answer(), failure(503, 1, "x", retry_after="15")]
    with ScriptedServer(script) as server:
        assert insert(settings(server.url, give_up_after=20), lines(2), batch_vectors=1, concurrency=1).vectors == 2
    assert len(clock.pauses) == 2


def test_a_budget_of_one_request_starts_one_every_five_minutes(clock: Clock, insert: Insert) -> None:
    with ScriptedServer() as server:
        report = insert(settings(server.url, requests_per_5min=1), lines(3), batch_vectors=1, concurrency=1)
    assert clock.pauses == [300, 300]
    assert [batch.waited for batch in report.batches] == [0, 300, 300]


def test_the_log_and_the_progress_tell_the_seconds_of_a_pause(
    clock: Clock, insert: Insert, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Progress] = []
    caplog.set_level(logging.INFO, "cf_vectorize")
    with ScriptedServer([html(503), failure(429, 971, "slow down", retry_after="7")]) as server:
        insert(settings(server.url), lines(1), on_progress=seen.append)
    assert clock.pauses == [1, 8]
    told = [record.getMessage() for record in caplog.records if record.name == "cf_vectorize"]
    assert [text.partition(" before sending again: ")[0] for text in told] == ["waiting 1.0 s", "waiting 8.0 s"]
    assert ["503" in told[0], "slow down" in told[1]] == [True, True]
    assert [record.levelname for record in caplog.records if record.name == "cf_vectorize"] == ["WARNING", "INFO"]
    assert list(dict.fromkeys(progress.pause for progress in seen)) == [0, 1, 8]


def test_who_no_longer_wants_the_answer_hears_of_no_pause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cf_vectorize")
    attempts = Attempts()
    with ScriptedServer([html(503)]) as server, Index("index", **settings(server.url)) as index:
        server.before_answer = lambda _request: attempts.stop.set()
        with pytest.raises(Cancelled):
            index.get_by_ids(["a"], attempts)
    assert caplog.messages == []
    assert len(server.requests) == 1


def test_a_program_that_sets_up_no_logging_is_told_of_the_first_pause() -> None:
    code = "from cf_vectorize import Vectorize\nprint(*Vectorize('index').get_by_ids(['a']).missing)"
    with ScriptedServer([html(503), html(503)]) as server:
        found = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | environment(server.url), capture_output=True, check=True
        )
    assert len(server.requests) == 3
    assert found.stdout == b"a\n"
    (told,) = found.stderr.decode().splitlines()
    assert re.fullmatch(r"waiting [0-9.]+ s before sending again: .*HTTP 503.*", told)


@pytest.mark.parametrize("error", [KeyError("mine"), TypeError("mine"), ValueError("mine"), AttributeError("mine")])
def test_a_programming_error_while_sending_is_not_taken_for_the_service_s(error: Exception) -> None:
    def fail() -> Iterator[bytes]:
        raise error
        yield

    with ScriptedServer() as server, Index("index", **settings(server.url)) as index:
        with pytest.raises(type(error)) as caught:
            index.insert(Body(fail, 1))
    assert caught.value is error
    assert server.acknowledged == {}


@pytest.mark.parametrize("throttled", [failure(429, 971, "wait", retry_after="120"), html(429, retry_after="120")])
def test_one_throttled_worker_stops_all(throttled: Answer, clock: Clock, insert: Insert) -> None:
    """All four come to wait, though three of them were answered well; or the meeting would time out."""
    workers = 4
    clock.meeting = threading.Barrier(workers)
    with ScriptedServer([*[Answer()] * 8, throttled]) as server:
        report = insert(settings(server.url), lines(40), batch_vectors=1, concurrency=workers)
    assert server.acknowledged == dict.fromkeys(ids(40), 1)
    assert len(server.requests) == 41
    assert report.retries == 1
    assert clock.meeting is None
    assert clock.now >= 1_120


def test_a_worker_that_already_waits_obeys_a_later_block(clock: Clock) -> None:
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        budget = index._index.budget
        budget.block(10.0)
        clock.meeting = threading.Barrier(1, lambda: budget.block(100.0))
        index.insert(lines(1))
    assert clock.pauses == [10.0, 90.0]
    assert len(server.requests) == 1


def test_a_whole_account_that_is_throttled(clock: Clock, insert: Insert) -> None:
    """Every request is refused for five minutes: each worker asks once, and once more when the time is up."""
    workers = 4

    def refuse(_number: int, _size: int) -> Answer:
        return html(429, retry_after="300") if clock.now < 1_300 else Answer()

    clock.meeting = threading.Barrier(workers)
    with ScriptedServer(refuse) as server:
        insert(settings(server.url), lines(40), batch_vectors=1, concurrency=workers)
    assert server.acknowledged == dict.fromkeys(ids(40), 1)
    assert len(server.requests) <= 40 + workers
