"""Faults on demand, seen from a client's socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from raw_api import vector

from cf_vectorize_emulator.core.faults import Fault, Faults, read_faults

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


def test_an_answer_is_late(api: Api) -> None:
    api.insert(vector("a"))
    inject(api, {"delay": 0.2})
    with pytest.raises(httpx.ReadTimeout):
        api.client.post(
            f"/client/v4/accounts/{api.account}/vectorize/v2/indexes/{api.index}/get_by_ids",
            headers={"Authorization": "Bearer t"},
            json={"ids": ["a"]},
            timeout=0.05,
        )
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
        ({"truncate": -1}, "truncate cannot be -1"),
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
