"""Faults on demand, seen from a client's socket."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from raw_api import vector

from cf_vectorize_emulator.core.faults import MEMBERS, Fault, FaultMembers, Faults, read_faults

if TYPE_CHECKING:
    from raw_api import Api


def inject(api: Api, *faults: dict[str, Any]) -> None:
    assert api.client.post("/__emulator__/faults", json=faults).is_success


@pytest.mark.parametrize(("moment", "committed"), [("before", False), ("during", False), ("after", True)])
def test_a_reset_loses_the_answer_and_only_after_the_commit_keeps_the_batch(
    api: Api, *, moment: str, committed: bool
) -> None:
    api.insert(vector("there"))
    inject(api, {"reset": moment, "endpoint": "insert"})
    with pytest.raises(httpx.TransportError):
        api.insert(*(vector(f"v{number}") for number in range(2000)))
    assert set(api.found("v0", "v1999")) == ({"v0", "v1999"} if committed else set())
    assert api.insert(vector("b")).is_success, "a fault befalls one request unless told otherwise"


@pytest.mark.parametrize("commit", [False, True])
def test_a_status_is_answered_before_or_after_the_commit(api: Api, *, commit: bool) -> None:
    api.insert(vector("there"))
    inject(api, {"status": 504, "code": 1234, "message": "late", "headers": {"retry-after": "7"}, "commit": commit})
    answer = api.insert(vector("a"))
    assert (answer.status_code, answer.headers["retry-after"]) == (504, "7")
    assert answer.json()["errors"] == [{"code": 1234, "message": "late"}]
    assert set(api.found("a")) == ({"a"} if commit else set())


def test_an_html_page_comes_instead_of_the_envelope(api: Api) -> None:
    inject(api, {"status": 522, "html": True, "message": "Connection <timed> out"})
    answer = api.get("a")
    assert (answer.status_code, answer.headers["Content-Type"]) == (522, "text/html; charset=UTF-8")
    assert "<h1>522 Connection &lt;timed&gt; out</h1>" in answer.text


def test_an_answer_is_cut_off(api: Api) -> None:
    api.insert(vector("a"))
    inject(api, {"truncate": 10})
    with pytest.raises(httpx.RemoteProtocolError, match="received 10 bytes"):
        api.get("a")


@pytest.mark.parametrize("difference", [-5, 5])
def test_content_length_lies(api: Api, difference: int) -> None:
    api.insert(vector("a"))
    whole = len(api.get("a").content)
    inject(api, {"content_length": difference})
    if difference > 0:
        with pytest.raises(httpx.RemoteProtocolError, match=f"received {whole} bytes, expected {whole + 5}"):
            api.get("a")
    else:
        assert len(api.get("a").content) == whole - 5


MESSAGE = {"code": 1, "message": "read this"}


def test_the_envelope_brings_messages_with_success_and_with_failure(api: Api) -> None:
    inject(api, {"messages": [MESSAGE]}, {"messages": [MESSAGE], "endpoint": "get_by_ids"})
    inject(api, {"messages": [MESSAGE], "endpoint": "get_by_ids", "status": 500})
    answers = [api.insert(vector("a")), api.get("a"), api.get("a")]
    assert [answer.json()["messages"] for answer in answers] == [[MESSAGE]] * 3
    assert [answer.json()["success"] for answer in answers] == [True, True, False]
    assert [item["id"] for item in answers[1].json()["result"]] == ["a"]


def test_an_error_brings_its_documentation_and_its_source(api: Api) -> None:
    members = {"documentation_url": "https://example.com/why", "source_pointer": "/ids"}
    inject(api, {**members, "status": 400, "code": 40007, "message": "no"}, members)
    added = {"documentation_url": "https://example.com/why", "source": {"pointer": "/ids"}}
    assert api.get("a").json()["errors"] == [{"code": 40007, "message": "no", **added}]
    true = api.send(b"{\n").json()["errors"]
    assert true == [{"code": 40023, "message": true[0]["message"], **added}], "a true refusal brings them too"


def test_headers_of_a_true_answer_may_hold_several_items(api: Api) -> None:
    headers = {"ratelimit": '"default";r=50;t=30, "burst";r=2;t=1', "Ratelimit-Policy": '"burst";q=100;w=60'}
    inject(api, {"headers": headers})
    answer = api.insert(vector("a"))
    assert answer.status_code == 200
    assert {name: answer.headers.get_list(name) for name in headers} == {
        name: [value] for name, value in headers.items()
    }, "in place of the true ones, not beside them"


def test_a_lookup_is_answered_with_ids_that_nobody_asked_for(api: Api) -> None:
    api.insert(vector("a", 1), vector("b", 2))
    inject(api, {"wrong_ids": True})
    wrong = api.get("a", "b").json()["result"]
    assert len({item["id"] for item in wrong} - {"a", "b"}) == 2
    assert set(api.found("a", "b")) == {"a", "b"}


@pytest.mark.parametrize("count", [0, 1, 16, 33])
def test_the_first_vector_of_a_lookup_has_another_length(api: Api, count: int) -> None:
    api.insert(vector("a"), vector("b"))
    inject(api, {"wrong_dimensions": count})
    assert [len(item["values"]) for item in api.get("a", "b").json()["result"]] == [count, 32]


@pytest.mark.parametrize("status", [200, 204, 205, 300, 304, 599])
def test_any_status_is_answered_and_the_connection_serves_on(api: Api, status: int) -> None:
    inject(api, {"status": status})
    answer = api.insert(vector("a"))
    assert (answer.status_code, bool(answer.content)) == (status, status not in {204, 205, 304})
    assert api.insert(vector("a")).is_success


def test_an_answer_is_huge_and_still_json(api: Api) -> None:
    api.insert(vector("a"))
    whole = len(api.get("a").content)
    inject(api, {"huge": 5_000_000})
    answer = api.get("a")
    assert len(answer.content) == int(answer.headers["Content-Length"]) == whole + 5_000_000
    assert answer.json()["result"][0]["id"] == "a"


@pytest.mark.parametrize(("pause", "size"), [(0, 10_000_000), (0.001, 300)])
def test_an_answer_never_ends_until_the_client_leaves(api: Api, pause: float, size: int) -> None:
    inject(api, {"endless": pause, "status": 500})
    url = f"/client/v4/accounts/{api.account}/vectorize/v2/indexes/{api.index}/insert"
    with api.client.stream("POST", url, content=b"") as answer:
        received = 0
        for piece in answer.iter_raw():
            received += len(piece)
            if received > size:
                break
    assert (len(piece) < 1000) == (pause > 0), "bytes that drop, or as many as are read"
    assert api.insert(vector("a")).is_success


def on_one_connection(api: Api, requests: int) -> socket.socket:
    """Send requests one after the other, without reading an answer."""
    url = api.client.base_url
    connection = socket.create_connection((url.host, url.port), timeout=20)
    path = f"/client/v4/accounts/{api.account}/vectorize/v2/indexes/{api.index}/get_by_ids"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\n"
    request = head + "Content-Type: application/json\r\nContent-Length: 13\r\n\r\n" + '{"ids":["a"]}'
    connection.sendall(request.encode() * requests)
    return connection


def received(connection: socket.socket, ends: int, end: bytes = b"]}") -> bytes:
    data = b""
    while data.count(end) < ends:
        data += connection.recv(65_536)
    return data


def test_an_answer_comes_twice_at_once_and_the_connection_serves_on(api: Api) -> None:
    api.insert(vector("a"))
    inject(api, {"answers": 2})
    with on_one_connection(api, 2) as connection:
        _, first, second, third = received(connection, 3, b"}]}").split(b"HTTP/1.1 200 OK")
    assert first == second
    assert first.partition(b"\r\n\r\n")[2] == third.partition(b"\r\n\r\n")[2] != b""
    assert first != third, "the third answers the second request, under another cf-ray"


def test_bytes_that_nobody_asked_for_follow_an_answer_on_an_open_connection(api: Api) -> None:
    api.insert(vector("a"))
    inject(api, {"surplus": 7})
    with on_one_connection(api, 2) as connection:
        data = received(connection, 2, b"}]}")
    assert data.count(b"}]}xxxxxxxHTTP/1.1 200 OK") == 1, "the second request was answered behind them"


def test_the_keywords_of_a_fault_are_its_members() -> None:
    assert {*FaultMembers.__annotations__, "times"} == set(MEMBERS)


def test_an_answer_is_late(api: Api) -> None:
    api.insert(vector("a"))
    inject(api, {"delay": 0.2})
    assert api.get("a").elapsed.total_seconds() >= 0.2


def test_faults_befall_the_next_requests_of_their_endpoint_in_order(api: Api) -> None:
    api.insert(vector("a"))
    inject(api, {"status": 500, "times": 2, "endpoint": "get_by_ids"}, {"status": 503, "endpoint": "get_by_ids"})
    assert api.insert(vector("b")).status_code == 200
    assert [api.get("a").status_code for _ in range(4)] == [500, 500, 503, 200]
    assert [record.fault for record in api.emulator.activity.records()[-4:]] == [True, True, True, False]  # type: ignore[union-attr]


def test_a_share_is_spread_evenly_until_it_is_cleared(api: Api) -> None:
    api.insert(vector("a"))
    inject(api, {"status": 500, "share": 0.25, "times": None})
    assert [api.get("a").status_code for _ in range(8)] == [200, 200, 200, 500] * 2
    assert api.client.request("DELETE", "/__emulator__/faults").json() == []
    assert [api.get("a").status_code for _ in range(4)] == [200] * 4


@pytest.mark.parametrize("share", [0.1, 0.3, 0.75])
def test_a_share_is_exact(share: float) -> None:
    faults = Faults([Fault(share=share, times=None)])
    assert sum(faults.take("insert") is not None for _ in range(1000)) == share * 1000


def test_what_is_left_of_a_fault_is_told(api: Api) -> None:
    inject(api, {"status": 500, "times": 3})
    api.get("a")
    (waiting,) = api.client.get("/__emulator__/faults").json()
    assert (waiting["times"], waiting["status"]) == (2, 500)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"statsu": 500}, "unknown statsu; known: endpoint, times"),
        ({"status": 600}, "status cannot be 600"),
        ({"status": "500"}, "status cannot be '500'"),
        ({"times": 0}, "times cannot be 0"),
        ({"times": True}, "times cannot be True"),
        ({"share": 0}, "share cannot be 0"),
        ({"share": 1.5}, "share cannot be 1.5"),
        ({"endpoint": "upsert"}, "endpoint cannot be 'upsert'"),
        ({"reset": "later"}, "reset cannot be 'later'"),
        ({"delay": -1}, "delay cannot be -1"),
        ({"headers": {"a": "b\r\nc: d"}}, "headers cannot be"),
        ({"headers": {"a b": "c"}}, "headers cannot be"),
        ({"headers": {"Content-Length": "3"}}, "headers cannot be"),
        ({"truncate": -1}, "truncate cannot be -1"),
        ({"messages": ["text"]}, "messages cannot be ['text']"),
        ({"messages": [{"code": 1}]}, "messages cannot be"),
        ({"documentation_url": 1}, "documentation_url cannot be 1"),
        ({"source_pointer": []}, "source_pointer cannot be []"),
        ({"wrong_ids": 1}, "wrong_ids cannot be 1"),
        ({"wrong_dimensions": -1}, "wrong_dimensions cannot be -1"),
        ({"answers": 0}, "answers cannot be 0"),
        ({"surplus": -1}, "surplus cannot be -1"),
        ({"huge": 1.5}, "huge cannot be 1.5"),
        ({"endless": True}, "endless cannot be True"),
        (3, "an object is expected"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_its_place(api: Api, fault: Any, message: str) -> None:
    answer = api.client.post("/__emulator__/faults", json=[{"status": 500}, fault])
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].startswith(f"fault 1: {message}")
    assert api.client.get("/__emulator__/faults").json() == [], "none of them is taken"


def test_every_example_of_the_documentation_is_a_fault(pytestconfig: pytest.Config) -> None:
    text = (pytestconfig.rootpath / "docs/emulator.md").read_text()
    blocks = [block.partition("```")[0] for block in text.split("```json\n")[1:]]
    assert [read_faults(json.loads(block)) for block in blocks]
