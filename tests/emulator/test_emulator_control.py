"""What can be done to a running emulator: by control route, by fixture, by whoever has the token."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from raw_api import ACCOUNT, AUTHORIZED, NDJSON, Api, code, ndjson, vector

from cf_vectorize_emulator import Address, Fault, Rate, Settings, Visibility, serve
from cf_vectorize_emulator.pytest_plugin import VectorizeEmulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest_plugins = ["pytester"]

CONTROL = "/__emulator__"
NOW = Visibility.parse("immediately")


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[Api]:
    """Serve an emulator that nobody else uses; its settings are the test's parameter."""
    settings = getattr(request, "param", Settings(visibility=NOW))
    with (
        serve(settings) as server,
        httpx.Client(base_url=server.base_url.removesuffix("/client/v4"), timeout=60) as client,
    ):
        yield Api(client, "i", emulator=server.emulator)


def test_an_index_is_reset_alone(own: Api) -> None:
    own.insert(vector("a"))
    other = Api(own.client, "other")
    other.insert(vector("b"))
    answer = own.client.post(f"{CONTROL}/reset", json={"account": ACCOUNT, "index": "i"})
    assert answer.json() == {"deleted": 1}
    assert code(own.get("a")) == 3000
    assert set(other.found("b")) == {"b"}
    assert own.insert({"id": "a", "values": [1] * 33}).is_success, (
        "an index that comes anew may have other dimensions"
    )
    assert set(own.found("a", "b")) == {"a"}
    assert own.client.post(f"{CONTROL}/reset", json={"account": ACCOUNT, "index": "nobody"}).json() == {"deleted": 0}


AS_STARTED = Settings(indexes={"declared": 32}, visibility=NOW, rate=Rate(1000, 60), faults=[Fault(status=599)])


@pytest.mark.parametrize("own", [AS_STARTED], indirect=True)
def test_everything_is_reset_to_how_it_was_started(own: Api) -> None:
    assert own.insert(vector("a")).status_code == 599
    assert own.insert(vector("a")).status_code == 200
    assert own.client.put(f"{CONTROL}/visibility", json={"visible": "held"}).is_success
    assert own.client.put(f"{CONTROL}/rate-limit", json={"rate": None}).is_success
    own.insert(vector("b"), vector("c"))
    assert own.client.post(f"{CONTROL}/reset", json={}).json() == {"deleted": 3}
    state = own.client.get(f"{CONTROL}/state").json()
    assert (state["indexes"], state["pending"], state["requests"]) == ([], [], [])
    assert state["visibility"]["visible"] == "immediately"
    assert state["rate_limit"] == "1000/60"
    assert [fault["status"] for fault in state["faults"]] == [599]
    own.client.delete(f"{CONTROL}/faults")
    assert code(own.get("a")) == 3000
    own.index = "declared"
    assert own.get("a").json()["result"] == [], "a declared index is there again"


@pytest.mark.parametrize(
    "document", [[], {"index": "i"}, {"account": "a"}, {"account": 1, "index": "i"}, {"all": True}]
)
def test_a_reset_that_is_not_understood_deletes_nothing(own: Api, document: Any) -> None:
    own.insert(vector("a"))
    assert own.client.post(f"{CONTROL}/reset", json=document).status_code == 400
    assert set(own.found("a")) == {"a"}


def test_ids_are_searched_and_paged(own: Api) -> None:
    own.insert(*(vector(f"{kind}-{number}") for kind in ("cat", "dog") for number in range(5)))
    where = {"account": ACCOUNT, "index": "i", "limit": 2}

    def ids(**query: str) -> Any:
        return own.client.get(f"{CONTROL}/ids", params={**where, **query}).json()

    assert ids() == {"ids": ["cat-0", "cat-1"], "more": True}
    assert ids(after="cat-4") == {"ids": ["dog-0", "dog-1"], "more": True}
    assert ids(after="dog-2") == {"ids": ["dog-3", "dog-4"], "more": False}
    assert ids(search="g-4") == {"ids": ["dog-4"], "more": False}
    assert ids(search="-3", after="cat-3") == {"ids": ["dog-3"], "more": False}
    assert ids(search="%") == {"ids": [], "more": False}, "a text, not a pattern"
    assert ids(limit="0")["errors"][0]["message"] == "limit: a whole number from 1 to 1000"


NONSENSE: dict[str, Callable[[Any], Any]] = {
    "a rate that is a number": lambda emulator: emulator.limit_rate(3),
    "a rate without seconds": lambda emulator: emulator.limit_rate("3"),
    "a visibility": lambda emulator: emulator.set_visibility("soon"),
    "a jitter": lambda emulator: emulator.set_visibility(1, "x"),
    "a jitter that is true": lambda emulator: emulator.set_visibility(1, jitter=True),
    "an order": lambda emulator: emulator.set_visibility(1, 0.0, "sorted"),
    "a fault": lambda emulator: emulator.inject({"status": 500}),
    "no requests": lambda _: Rate(0, 3),
    "seconds that are a text": lambda _: Rate(1, "3"),  # type: ignore[arg-type]
    "a delay that is a text": lambda _: Visibility("1"),  # type: ignore[arg-type]
    "an index with too few dimensions": lambda _: Settings(indexes={"i": 31}),
    "an index that nobody can name": lambda _: Settings(indexes={"a b": 32}),
    "a token that nobody can send": lambda _: Settings(token="a b"),
    "faults of a start": lambda _: Settings(faults=["x"]),  # type: ignore[list-item]
    "the rate of a start": lambda _: Settings(rate="1/300"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_at_once_and_nothing_changes(own: Api, nonsense: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        nonsense(own.emulator)
    assert own.insert(vector("a")).is_success
    assert set(own.found("a")) == {"a"}


def test_a_rate_may_be_given_as_text(own: Api) -> None:
    assert own.emulator is not None
    own.emulator.limit_rate("1/300")
    assert [own.insert(vector("a")).status_code for _ in range(2)] == [200, 429]


def test_each_test_has_an_index_of_its_own_and_what_it_changes_is_put_back(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import httpx
        from cf_vectorize_emulator import Fault

        def post(fixture, index, endpoint, **request):
            url = f"{fixture.base_url}/accounts/{fixture.account_id}/vectorize/v2/indexes/{index}/{endpoint}"
            return httpx.post(url, headers={"Authorization": "Bearer t"} | request.pop("headers", {}), **request)

        def insert(fixture, index):
            line = '{"id":"a","values":[' + "0.5," * 31 + "0.5]}"
            return post(fixture, index, "insert", content=line, headers={"Content-Type": "application/x-ndjson"})

        seen = []

        def test_one(vectorize_emulator):
            seen.append(vectorize_emulator.index)
            vectorize_emulator.hold()
            assert insert(vectorize_emulator, vectorize_emulator.index).status_code == 200
            assert insert(vectorize_emulator, "an-index-of-no-test").status_code == 200
            assert vectorize_emulator.release() == 2
            vectorize_emulator.inject(Fault(status=503), Fault(status=504))
            vectorize_emulator.fail_next(None, status=500)
            vectorize_emulator.limit_rate("1/300")
            vectorize_emulator.visible(60, jitter=1, order="scattered")

        def test_two(vectorize_emulator):
            assert vectorize_emulator.index not in seen
            assert vectorize_emulator.requests == []
            answers = [post(vectorize_emulator, name, "get_by_ids", json={"ids": ["a"]})
                       for name in (vectorize_emulator.index, "an-index-of-no-test")]
            assert [answer.json()["errors"][0]["code"] for answer in answers] == [3000, 3000]
            assert insert(vectorize_emulator, vectorize_emulator.index).status_code == 200
            emulator = vectorize_emulator.server.emulator
            assert emulator.service.visibility.text == "1"
            assert emulator.rate_limit.rate is None
            assert [record.status for record in vectorize_emulator.requests] == [400, 200]

        def test_three(vectorize_emulator):
            vectorize_emulator.fail_next(status=500)
            vectorize_emulator.clear_faults()
            assert insert(vectorize_emulator, vectorize_emulator.index).status_code == 200
            assert vectorize_emulator.reset_index() == 1
            assert insert(vectorize_emulator, vectorize_emulator.index).status_code == 200
            assert vectorize_emulator.reset() == 1
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)


GUARDED = [
    ("GET", "state"),
    ("GET", "requests"),
    ("GET", "request"),
    ("GET", "ids"),
    ("GET", "vector"),
    ("GET", "faults"),
    ("POST", "faults"),
    ("DELETE", "faults"),
    ("PUT", "visibility"),
    ("POST", "release"),
    ("PUT", "rate-limit"),
    ("POST", "reset"),
]


# What each control route that changes something is called on the fixture, and where the page has it.
ACTIONS = {
    ("PUT", "visibility"): ("visible", "hold"),
    ("POST", "release"): ("release",),
    ("POST", "faults"): ("fail_next", "inject"),
    ("DELETE", "faults"): ("clear_faults",),
    ("PUT", "rate-limit"): ("limit_rate",),
    ("POST", "reset"): ("reset", "reset_index"),
}


def test_whatever_can_be_done_can_be_done_by_route_by_fixture_and_on_the_page(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    page = root / "emulator/cf_vectorize_emulator/http/static"
    scripts = "".join(file.read_text() for file in page.glob("*.js"))
    documented = (root / "docs/emulator.md").read_text()
    assert set(ACTIONS) == {(method, path) for method, path in GUARDED if method != "GET"}
    table = documented.partition("## Control routes\n")[2].partition("\n\n|")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(GET|POST|PUT|DELETE) ([\w-]+)[`?]", table)) == {*GUARDED, ("GET", "health")}
    for (method, path), names in ACTIONS.items():
        assert f'ask("{method}", "{path}"' in scripts
        assert f"`{method} {path}" in documented
        for name in names:
            assert callable(getattr(VectorizeEmulator, name))
            assert f"`{name}(" in documented


@pytest.mark.parametrize("own", [Settings(token="right", visibility=NOW)], indirect=True)
def test_a_token_guards_every_control_route_but_health(own: Api, pytestconfig: pytest.Config) -> None:
    own.token = "right"
    own.insert(vector("a"))
    for method, path in GUARDED:
        for headers in ({}, AUTHORIZED, {"Authorization": "right"}):
            answer = own.client.request(method, f"{CONTROL}/{path}", json={}, headers=headers)
            assert answer.status_code in {400, 403}, path
            assert code(answer) in {10000, 9109, 6003}, path
    assert set(own.found("a")) == {"a"}
    right = {"Authorization": "Bearer right"}
    assert own.client.get(f"{CONTROL}/state", headers=right).json()["indexes"]
    assert own.client.post(f"{CONTROL}/reset", headers=right, json={}).json() == {"deleted": 1}
    assert own.client.get(f"{CONTROL}/health").json() == {"status": "ok"}
    assert own.client.get("/").is_success, "the page holds nothing until it has the token"
    source = (pytestconfig.rootpath / "emulator/cf_vectorize_emulator/http/control.py").read_text()
    assert len(re.findall(r"Route\(", source)) == len(GUARDED) + 1, "a route that is added is guarded too"


@pytest.mark.parametrize("own", [Settings(token="s3cret-token", visibility=NOW)], indirect=True)
def test_a_record_holds_no_secret(own: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    own.token = "s3cret-token"
    headers = {
        **NDJSON,
        "Cookie": "session=s3cret-cookie",
        "X-Auth-Key": "s3cret-key",
        "X-Auth-Email": "someone@s3cret.example",
        "CF-Access-Client-Secret": "s3cret-access",
        "X-Copy": "of s3cret-token",
        "X-Plain": "plain",
    }
    own.post("insert", content=ndjson(vector("a")), headers=headers)
    own.post("insert", content=b"", headers={**headers, "Authorization": "Bearer wrong-s3cret"})
    right = {"Authorization": "Bearer s3cret-token"}
    requests = own.client.get(f"{CONTROL}/requests", headers=right)
    assert [record["status"] for record in requests.json()] == [200, 403]
    assert requests.json()[0]["headers"]["x-plain"] == "plain"
    assert requests.json()[0]["headers"]["authorization"] == "(hidden)"
    assert "s3cret" not in requests.text
    assert "s3cret" not in caplog.text
    assert ACCOUNT not in requests.text
    assert ACCOUNT not in caplog.text


@pytest.mark.parametrize(
    ("host", "token", "warned"), [("127.0.0.1", None, False), ("0.0.0.0", None, True), ("0.0.0.0", "t", False)]
)
def test_whoever_listens_for_others_without_a_token_is_warned(
    caplog: pytest.LogCaptureFixture, host: str, token: str | None, *, warned: bool
) -> None:
    with serve(Settings(token=token), Address(host)):
        pass
    assert any("set a token" in message for message in caplog.messages) == warned
