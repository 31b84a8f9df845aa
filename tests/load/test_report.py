"""Reports: they add up, stay within bounds, fit on a line, and are plain JSON."""

from __future__ import annotations

import json
import pickle
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from cf_vectorize import BadLine, BadLinesError, BatchOutcome, InputError, InsertError, InsertReport, ServerError
from cf_vectorize.load import report as reports
from cf_vectorize.load.report import Tally
from loads import insert_blocking, lines, settings
from scripted_server import Answer, ScriptedServer, failure

if TYPE_CHECKING:
    from pathlib import Path


def outcome(number: int = 0, **members: Any) -> BatchOutcome:
    first = 5_000 * number + 1
    given = {"source": "s", "start": 0, "stop": 9, "vectors": 5_000, "size": 9, "mutation_id": f"m{number}"}
    return BatchOutcome(first_line=first, last_line=first + 4_999, **{**given, **members})


def bad_lines(count: int, source: str = "<records>") -> tuple[BadLine, ...]:
    return tuple(BadLine(source, number, None, "json", "no") for number in range(1, count + 1))


REFUSED = ServerError("no", 503, None, "POST", "/")


def test_reports_add_up() -> None:
    parts = [
        InsertReport((outcome(0, attempts=3, waited=1.5, rejected=bad_lines(2)),), 4.0),
        InsertReport((outcome(1, rejected=bad_lines(2)), outcome(2, mutation_id=None, error=REFUSED)), 9.0),
        InsertReport((outcome(3, resumed=True, rejected_earlier=7, discarded=1000),), 2.0),
    ]
    whole = InsertReport.combined(parts)
    assert whole.counts == sum((part.counts for part in parts), reports.Counts())
    assert (whole.vectors, whole.size, whole.retries, whole.waited) == (14_000, 27, 2, 1.5)
    assert (whole.resumed, whole.rejected_earlier, whole.discarded, whole.counts.failed) == (1, 7, 1000, 1)
    # Lines of two sources of one name are not one line.
    assert whole.counts.rejected == 4
    assert whole.mutation_ids == ("m0", "m1", "m3")
    assert whole.seconds == 9.0
    assert InsertReport.combined(parts, 30.0).seconds == 30.0
    assert InsertReport.combined([InsertReport.combined(parts[:2]), parts[2]]) == whole
    assert InsertReport.combined([]) == InsertReport()
    assert "4 lines rejected" in whole.summary()


def test_details_are_bounded_and_counts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "BATCHES_KEPT", 10)
    monkeypatch.setattr(reports, "FAILURES_KEPT", 3)
    monkeypatch.setattr(reports, "PROBLEMS_KEPT", 25)
    tally = Tally()
    for number in range(20):
        tally.add([outcome(number, rejected=bad_lines(4))])
    for number in range(20, 30):
        problems = bad_lines(40)
        tally.add([outcome(number, mutation_id=None, rejected=problems, error=BadLinesError(problems))])
    report = tally.report(1.0)
    assert (report.counts.accepted, report.counts.failed, report.counts.rejected) == (20, 10, 80)
    assert report.vectors == 100_000
    assert [batch.mutation_id for batch in report.batches] == [*(f"m{n}" for n in range(10)), None, None, None]
    assert len(report.failed) == 3
    assert len(report.rejected) == 25
    error = report.failed[-1].error
    assert isinstance(error, BadLinesError)
    assert len(error.lines) == 10
    assert str(error).endswith("… and 30 more in this batch")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "10 batches not accepted" in report.summary()
    assert InsertReport.combined([report, report]).counts.rejected == 160


def test_a_load_of_bad_lines_only_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reports, "PROBLEMS_KEPT", 100)
    path = tmp_path / "bad.ndjson"
    path.write_bytes(b'{"id":"bad"}\n' * 4_000)
    with ScriptedServer() as server, pytest.raises(InputError) as caught:
        insert_blocking(settings(server.url), path, batch_vectors=50, on_error="continue")
    report = caught.value.report
    assert report.counts.failed == 80
    held = [line for batch in report.failed if isinstance(batch.error, BadLinesError) for line in batch.error.lines]
    assert len(held) < 80 * 10 + 100
    with ScriptedServer() as server:
        report = insert_blocking(settings(server.url), path, batch_vectors=50, rejects=tmp_path / "rejects")
    assert (report.counts.rejected, len(report.rejected)) == (4_000, 100)


def test_a_report_of_a_thousand_batches_is_one_line() -> None:
    report = InsertReport(tuple(outcome(number) for number in range(1_000)), 12.34)
    assert repr(report) == "<InsertReport: 5,000,000 vectors accepted in 1,000 batches, in 12.3 s>"
    assert repr(report.batches[1]) == "<BatchOutcome: s:5001-10000, 5,000 vectors, accepted>"
    assert repr(outcome(error=REFUSED)) == "<BatchOutcome: s:1-5000, 5,000 vectors, failed, ServerError>"
    assert pickle.loads(pickle.dumps(report)) == report


def test_a_report_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "odd \udcff"
    path.write_bytes(b"".join(lines(6)))
    with ScriptedServer([Answer(), failure(400, 1, "no")]) as server, pytest.raises(InsertError) as caught:
        insert_blocking(settings(server.url), path, batch_vectors=2, concurrency=1)
    document = caught.value.report.as_json()
    assert json.loads(orjson.dumps(document)) == json.loads(json.dumps(document)) == document
    assert document["batches"][0]["source"].endswith(r"odd \udcff")
    assert [batch["error_type"] for batch in document["batches"]] == [None, "RejectedError"]
    assert document["failed_batches"] == document["accepted_batches"] == 1
    assert sys.getsizeof(repr(caught.value.report)) < 300


def test_public_errors_are_of_the_public_package() -> None:
    error = InsertError(InsertReport((outcome(), outcome(1, error=REFUSED)), 1.0))
    assert type(error).__module__ == type(BadLinesError([])).__module__ == "cf_vectorize"
    again = pickle.loads(pickle.dumps(error))
    assert again.report == error.report or again.report.counts == error.report.counts
