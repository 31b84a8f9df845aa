"""What is recorded of requests, for whoever looks for the mistake of a loader."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from raw_api import ACCOUNT, DIMENSIONS, NDJSON, ndjson, vector

from cf_vectorize_emulator.core.activity import KEPT, Activity

if TYPE_CHECKING:
    from raw_api import Api

    from cf_vectorize_emulator.core.activity import RequestRecord


def last(api: Api) -> dict[str, Any]:
    record: dict[str, Any] = api.client.get("/__emulator__/requests").json()[-1]
    return record


def opened(api: Api, number: int) -> dict[str, Any]:
    shown: dict[str, Any] = api.client.get("/__emulator__/request", params={"number": number}).json()
    return shown


LINES = {
    b"{": "not JSON: unexpected end of data at character 2",
    b"[1]": "not an object",
    b"": "blank",
    b'{"values":[1]}': "id is missing",
    b'{"id":1}': "id is not a string",
    b'{"id":"a","namespace":1}': "namespace is not a string",
    b'{"id":"a"}': "values is missing",
    b'{"id":"a","values":{"0":1}}': "values is not an array",
    b'{"id":"a","values":[1,null]}': "values[1] is not a number",
    b'{"id":"a","values":[1,2,true]}': "values[2] is not a number",
    b'{"id":"a","values":[1,2,1e39]}': "values[2] is beyond float32",
    b'{"id":"a","values":[],"metadata":[]}': "metadata is not an object",
    b'{"id":"a","values":[1]}': 'invalid vector for id="a", expected 32 dimensions, and got 1 dimensions',
    b'{"id":"","values":[1]}': "id must not be empty",
}


@pytest.mark.parametrize("line", LINES)
def test_the_line_that_was_refused_is_recorded_with_its_number_and_the_reason(api: Api, line: bytes) -> None:
    api.insert(vector("there"))
    assert api.send(ndjson(vector("a"), vector("b")) + line + b"\n" + ndjson(vector("c"))).status_code == 400
    assert last(api)["line"] == {"number": 3, "reason": LINES[line], "excerpt": line.decode()}


def test_of_a_long_line_the_beginning_is_recorded(api: Api) -> None:
    api.send(b'{"id":"\xff' + b"x" * 5000 + b'"}')
    assert last(api)["line"]["excerpt"] == '{"id":"�' + "x" * 392


def test_lines_that_were_discarded_are_counted_and_the_first_is_shown(api: Api) -> None:
    api.send(ndjson(vector("a")) + b"{\n[\n", params={"unparsable-behavior": "discard"})
    record = last(api)
    assert (record["status"], record["vectors"], record["discarded"]) == (200, 1, 2)
    assert (record["line"]["number"], record["line"]["excerpt"]) == (2, "{")
    assert record["path"].endswith("/insert?unparsable-behavior=discard")


def test_ids_that_are_accepted_and_not_readable_yet_are_recorded(api: Api) -> None:
    api.insert(vector("old"))
    api.client.put("/__emulator__/visibility", json={"visible": "held"})
    api.insert(vector("new"))
    api.get("new", "old", "nobody")
    record = last(api)
    assert (record["ids"], record["vectors"], record["pending"]) == (3, 1, ["new"])


def test_a_request_opens_with_its_message_and_the_headers_of_both_sides(api: Api) -> None:
    answer = api.post("get_by_ids", json={"ids": []}, headers={"X-Own": "1"})
    request = opened(api, last(api)["number"])["request"]
    assert (request["status"], request["code"], request["message"]) == (400, 40000, "no ids in payload")
    assert request["headers"]["x-own"] == "1"
    assert request["headers"]["authorization"] == "(hidden)"
    assert request["answer_headers"]["cf-ray"] == answer.headers["cf-ray"] == request["ray"]
    assert request["path"] == f"/client/v4/accounts/.../vectorize/v2/indexes/{api.index}/get_by_ids"


def test_a_record_stays_small_whatever_is_sent(api: Api) -> None:
    api.index = "i" * 9000
    api.post("insert", content=b"", headers={"X-Long": "x" * 9000, "Y" * 9000: "y"}, params={"q": "q" * 9000})
    api.index = "i"
    api.post("get_by_ids", content=b"", headers={f"X-{number}": "x" for number in range(2000)})
    api.send(ndjson(vector("a", metadata={"." * 9000: 1})))
    records = api.client.get("/__emulator__/requests").json()[-3:]
    assert [record["code"] for record in records] == [7003, 40026, 40000]
    assert [len(json.dumps(record)) < 8000 for record in records] == [True] * 3


@pytest.mark.parametrize("number", ["0", "x", "", "9" * 5000, "-1"])
def test_a_request_that_is_not_kept_does_not_open(api: Api, number: str) -> None:
    answer = api.client.get("/__emulator__/request", params={"number": number})
    assert answer.status_code in {400, 404}
    assert answer.json()["success"] is False


def test_a_batch_that_is_sent_again_after_a_failure_is_known_again(api: Api) -> None:
    batch, other = ndjson(vector("a")), ndjson(vector("another"))
    faults = [{"status": 503}, {"status": 502, "html": True}, {"status": 500, "endpoint": "get_by_ids"}]
    api.client.post("/__emulator__/faults", json=faults)
    api.client.post("/__emulator__/faults", json={"status": 504, "commit": True})
    numbers = []
    for send in (lambda: api.send(batch), lambda: api.send(batch), lambda: api.send(other), lambda: api.send(batch)):
        send()
        numbers.append(last(api)["number"])
    attempts = opened(api, numbers[1])["attempts"]
    assert [(item["number"], item["status"]) for item in attempts] == [
        (numbers[0], 503),
        (numbers[1], 502),
        (numbers[3], 200),
    ]
    assert opened(api, numbers[3])["request"]["again"] == numbers[1]
    assert [item["number"] for item in opened(api, numbers[2])["attempts"]] == [numbers[2]]


def test_of_a_request_without_an_answer_none_is_recorded(api: Api) -> None:
    api.client.post("/__emulator__/faults", json={"reset": "after"})
    with pytest.raises(httpx.TransportError):
        api.send(b"{")
    record = last(api)
    assert [record[name] for name in ("status", "code", "message", "answer_headers")] == [None, None, None, {}]
    assert (record["fault"], record["line"]["number"]) == (True, 1)


def request(activity: Activity, status: int | None = 200, **members: Any) -> RequestRecord:
    record = activity.start(0.0, "POST", members.pop("path", "/p"), "insert", members.pop("index", "i"))
    record.status = status
    for name, value in members.items():
        setattr(record, name, value)
    activity.finish(record)
    return record


AGAIN: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "the same body": ({"status": 500, "checksum": 1, "bytes": 9}, {"checksum": 1, "bytes": 9}, True),
    "another body": ({"status": 500, "checksum": 1, "bytes": 9}, {"checksum": 2, "bytes": 9}, False),
    "a body that was not read": ({"status": 429, "length": 9}, {"checksum": 1, "bytes": 9, "length": 9}, True),
    "one of another length": ({"status": 429, "length": 8}, {"checksum": 1, "bytes": 9, "length": 9}, False),
    "one without a length": ({"status": 429}, {"checksum": 1, "bytes": 9}, False),
    "no answer": ({"status": None, "checksum": 1}, {"checksum": 1}, True),
    "an answer that was cut off": ({"fault": True, "checksum": 1}, {"checksum": 1}, True),
    "after success": ({"checksum": 1}, {"checksum": 1}, False),
    "another index": ({"status": 500, "checksum": 1}, {"checksum": 1, "index": "j"}, False),
    "another query": ({"status": 500, "checksum": 1}, {"checksum": 1, "path": "/p?q"}, False),
}


@pytest.mark.parametrize(("first", "second", "again"), AGAIN.values(), ids=AGAIN)
def test_what_counts_as_the_same_again(first: dict[str, Any], second: dict[str, Any], *, again: bool) -> None:
    activity = Activity()
    one, two = request(activity, **first), request(activity, **second)
    assert two.again == (one.number if again else None)


def test_what_is_forgotten_is_not_repeated() -> None:
    activity = Activity()
    request(activity, 500, checksum=7)
    for number in range(KEPT):
        request(activity, 200, checksum=number + 100)
    assert request(activity, 200, checksum=7).again is None
    assert activity.attempts(1) == []
    assert len(activity.records()) == KEPT


def test_the_log_tells_why_and_obeys_no_terminal(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cf_vectorize_emulator")
    api.insert({"id": "\x1b]0;title\x07" * 3, "values": [1] * (DIMENSIONS + 1), "namespace": "n" * 65})
    assert "\\x1b]0;title\\x07" in caplog.messages[-1]
    assert "\x1b" not in caplog.text
    api.post("insert", content=b"", headers=NDJSON)
    assert caplog.messages[-1] == "  no vectors in payload"
    assert ACCOUNT not in caplog.text
