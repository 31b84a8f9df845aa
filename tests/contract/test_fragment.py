"""The fragment accepts every known answer, refuses what departs from it, and every constraint of it counts."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from contract_cases import CASES, FULL_ERROR, Case
from contract_mutants import mutants
from contract_suite import (
    RECORDINGS,
    disagreements,
    judged,
    load_recordings,
    missing,
    problems,
    recorded_part,
    secrets_in,
    untested,
)

from cf_vectorize_contract import Fragment, Recording, Request, Response
from cf_vectorize_contract.document import METHODS, load_document
from cf_vectorize_overlay import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DOCUMENT = load_document()
OPERATIONS = [item[method] for item in DOCUMENT["paths"].values() for method in METHODS & item.keys()]
STRICT = Fragment(DOCUMENT, strict=True)
OPEN = Fragment(DOCUMENT)
ALL = load_recordings()
JSON = {"Content-Type": "application/json"}
# Every code that the service is known to answer with.
KNOWN_CODES = {
    971, 1005, 3000, 3005, 6003, 6103, 6111, 7003, 9109, 10000, 10429, 40007, 40008, 40012, 40016, 40023, 40026,
    40041,
}  # fmt: skip
EDGE_STATUSES = {413, 429, 502, *range(520, 528)}


@pytest.mark.parametrize("recording", ALL.values(), ids=ALL)
def test_recording_is_accepted_and_holds_nothing_undocumented(recording: Recording) -> None:
    assert problems(STRICT, recording) == set()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_change_is_judged_as_expected(case: Case) -> None:
    assert judged(STRICT, case, ALL[case.base]) == case.strict
    assert judged(OPEN, case, ALL[case.base]) == case.open


def test_recordings_cover_everything_known() -> None:
    answers = [json.loads(r.response.body) for r in ALL.values() if r.response.body.startswith(b"{")]
    errors = [error for answer in answers for error in answer["errors"]]
    chained = [link for error in errors for link in error.get("error_chain", [])]
    pages = {r.response.status for r in ALL.values() if r.response.body.startswith(b"<")}
    assert {entry["code"] for entry in errors + chained} == KNOWN_CODES
    assert pages >= EDGE_STATUSES
    assert {r.operation for r in ALL.values() if r.response.status == 200} >= {"insert", "get_by_ids"}
    assert any("result_info" in answer for answer in answers)
    assert {next(iter(answer)) for answer in answers} == {"success", "result"}
    vectors = [v for answer in answers if isinstance(answer["result"], list) for v in answer["result"]]
    assert {repr(v.get("namespace", "absent")) for v in vectors} >= {"None", "'absent'", "'namespaced'"}
    assert {repr(v.get("metadata", "absent")) for v in vectors} >= {"None", "'absent'", "{}"}


@pytest.mark.parametrize("recording", ALL.values(), ids=ALL)
def test_recording_says_where_it_comes_from_and_when(recording: Recording) -> None:
    source = recording.source
    assert source.keys() - {"link"} == {"kind", "seen", "note"}
    assert source["kind"] in {"documentation", "report", "unobserved", "emulator", "live"}
    assert recording.name.startswith(source["kind"])
    assert source.get("link", "https://").startswith("https://")
    assert "link" in source or source["kind"] != "documentation"
    assert dt.date.fromisoformat(source["seen"]) >= dt.date(2020, 1, 1)
    assert source["note"].endswith(".")


def test_recordings_hold_no_secret() -> None:
    own = [value for name, value in os.environ.items() if name.startswith("CLOUDFLARE_") and len(value) > 7]
    for path in [*RECORDINGS.iterdir(), *(RECORDINGS.parent / "har").iterdir()]:
        text = path.read_text(encoding="utf-8")
        assert not secrets_in(text), path.name
        assert not [secret for secret in own if secret in text], path.name


@pytest.mark.parametrize(
    "secret",
    [
        "/accounts/8d3f1e0a5b6c47d2a9e0f1b2c3d4e5f6/vectorize",
        "Authorization: Bearer abc",
        "X-Auth-Key: abc",
        "X-Auth-Email: someone@example.com",
        "someone@example.com",
        "cf-ray: 8f1a2b3c4d5e6f70-AMS",
        '"mutationId":"7c9e6679-7425-40de-944b-e07fc1f90ae7"',
        "Zq3vT8_kLmN0pR-sUvWxYz1234567890AbCdEfGh",
    ],
)
def test_a_secret_would_be_found(secret: str) -> None:
    assert secrets_in(f"a line\n  {secret} and more\n")


def test_examples_of_the_fragment_satisfy_it() -> None:
    judged = set()
    for operation_id, media_type, status, example in _examples():
        headers = {"Content-Type": media_type, "Authorization": "Bearer TOKEN"}
        body = (example if isinstance(example, str) else json.dumps(example)).encode()
        if status is None:
            method, template = STRICT.route(operation_id)
            target = "/client/v4" + re.sub(r"\{\w+\}", "x", template)
            assert not STRICT.request_problems(Request(method, target, headers, body))
        else:
            assert not STRICT.response_problems(operation_id, Response(status, headers, body))
        judged.add((operation_id, status))
    assert judged >= set(itertools.product(["insert", "get_by_ids"], [None, 200, 400, 429]))


def _examples() -> Iterator[tuple[str, str, int | None, Any]]:
    """Return each example with its operation, its media type, and its status, None for a request."""
    for operation in OPERATIONS:
        sides = [(None, operation.get("requestBody", {}))]
        for status, response in operation["responses"].items():
            described = response
            if "$ref" in response:
                described = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
            sides.append((int(status.replace("XX", "00")), described))
        for status, side in sides:
            for media_type, media in side.get("content", {}).items():
                examples = [example["value"] for example in media.get("examples", {}).values()]
                if "example" in media:
                    examples.append(media["example"])
                for example in examples:
                    yield operation["operationId"], media_type, status, example


# Mutants that say what the fragment says.
EQUIVALENT = {
    "made nullable at /components/schemas/Metadata/type": "null stands beside it wherever it is used",
    "unanchored behind at /components/schemas/InsertResult/properties/mutationId/pattern": "it has a maximum length",
    "blankless at /components/schemas/InsertResult/properties/mutationId/pattern": "no UUID has one",
    "shortened at /components/schemas/InsertResult/properties/mutationId/pattern": "it has a maximum length",
    "shortened at /components/headers/retry-after/schema/pattern": "no date is that long",
    **dict.fromkeys(
        (
            f"minLength 1 added at /components/headers/{name}/schema/items/minLength"
            for name in ("Ratelimit", "Ratelimit-Policy")
        ),
        "the pattern says it",
    ),
    **dict.fromkeys(
        (
            f"minLength 1 added at /components/parameters/{name}/schema/minLength"
            for name in ("account_id", "index_name")
        ),
        "an empty one is a missing one",
    ),
}
SHARES = 4


@pytest.mark.parametrize("share", range(SHARES))
def test_no_mutant_of_the_fragment_survives(share: int, report_mutants: Callable[[int, int], None]) -> None:
    tried = list(mutants(recorded_part(DOCUMENT)))[share::SHARES]
    survivors = [mutant.name for mutant in tried if mutant.name not in EQUIVALENT and not noticed(mutant.document)]
    report_mutants(len(tried), len(survivors))
    assert len(tried) > 600 / SHARES
    assert not survivors, "\n".join(untested(survivors, DOCUMENT))


def test_what_counts_as_saying_the_same_is_among_the_mutants() -> None:
    assert EQUIVALENT.keys() <= {mutant.name for mutant in mutants(DOCUMENT)}


def test_the_evidence_speaks_for_the_fragment_as_it_is() -> None:
    """Or every mutant would be noticed, whatever was changed."""
    assert list(disagreements(DOCUMENT, ALL)) == []


def noticed(document: dict[str, Any]) -> bool:
    try:
        return any(True for _ in disagreements(document, ALL))
    # A document that cannot even be read as a contract: a reference or a member is gone.
    except (AttributeError, KeyError, TypeError, ValueError):
        return True


def test_nothing_is_missing_for_the_operations_of_the_fragment() -> None:
    assert list(missing(DOCUMENT, ALL)) == []


def test_every_constraint_of_the_fragment_has_a_mutant() -> None:
    constraints = {
        "required", "type", "const", "enum", "minimum", "minLength", "maxLength", "minItems", "maxItems", "pattern",
        "anyOf", "items", "propertyNames", "format",
    }  # fmt: skip
    changed = {re.split(r"[/ ]", mutant.name)[-1] for mutant in mutants(DOCUMENT)}
    assert constraints <= changed


def test_a_contract_that_checks_nothing_is_noticed() -> None:
    emptied = copy.deepcopy(DOCUMENT)
    for name in ("InsertResponse", "GetByIdsResponse", "FailureResponse"):
        emptied["components"]["schemas"][name] = {}
    assert len(list(disagreements(emptied, ALL))) > 90


def test_a_reference_that_leads_nowhere_is_an_error() -> None:
    broken = copy.deepcopy(DOCUMENT)
    broken["components"]["schemas"]["Vector"]["properties"]["id"]["$ref"] = "#/components/schemas/Nothing"
    with pytest.raises(ValueError, match="nothing at #/components/schemas/Nothing"):
        Fragment(broken)


def test_no_recordings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no recordings"):
        load_recordings(tmp_path)
    (tmp_path / "bad.yaml").write_text("response: {}")
    with pytest.raises(InputError, match=r"bad\.yaml: is no recording"):
        load_recordings(tmp_path)


@pytest.mark.parametrize(("limit", "size"), [("insert_body_bytes", 3), ("vectors_per_insert", 1)])
def test_limit_of_a_whole_insert_is_held(limit: str, size: int) -> None:
    lowered = copy.deepcopy(DOCUMENT)
    lowered["x-limits"][limit]["value"] = size
    assert problems(Fragment(lowered), ALL["documentation-insert"]) == {f"request body {limit}"}


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("insert", {"mutationId": "0000aaaa-11bb-22cc-33dd-444444eeeeee"}),
        (
            "get_by_ids",
            [
                {
                    "id": "some-vector-id",
                    "metadata": {"another-key": "another-value", "customer-id": 442},
                    "values": [0.812, 0.621, 0.261],
                },
                {
                    "id": "other-vector-id",
                    "metadata": {"another-key": "with-a-value", "customer-id": 2151},
                    "namespace": "namespaced",
                    "values": [0.961, 0.751, 0.661],
                },
            ],
        ),
    ],
)
def test_the_examples_of_the_documentation_are_accepted_as_they_stand(operation: str, result: Any) -> None:
    """Both API pages show entries in `errors` and `messages` beside `success: true`."""
    page = {"errors": [FULL_ERROR], "messages": [FULL_ERROR], "result": result, "success": True}
    answer = Response(200, JSON, json.dumps(page).encode())
    assert OPEN.response_problems(operation, answer) == []
    reported = [f"{problem.path} {problem.rule}" for problem in STRICT.response_problems(operation, answer)]
    assert reported == ["$.errors maxItems", "$.messages maxItems"]


def test_the_request_of_the_documentation_which_asks_for_no_ids_is_accepted() -> None:
    target = "/client/v4/accounts/a/vectorize/v2/indexes/example-index/get_by_ids"
    request = Request("POST", target, {**JSON, "Authorization": "Bearer TOKEN"}, b"{}")
    found = Response(200, JSON, b'{"success":true,"errors":[],"messages":[],"result":[{"id":"a","values":[1]}]}')
    assert OPEN.exchange_problems(request, found) == []
    assert [problem.rule for problem in STRICT.request_problems(request)] == ["required"]


@pytest.mark.parametrize("depth", [10, 900, *range(960, 1001, 4), 100_000])
def test_no_depth_of_nesting_ends_the_judge(depth: int) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    body = b'{"success":true,"errors":[],"messages":[],"result":[{"id":"a","values":[1],"metadata":%s}]}' % nested
    rules = [problem.rule for problem in OPEN.response_problems("get_by_ids", Response(200, JSON, body))]
    assert rules == [] if depth < 700 else rules in ([], ["json"])


def test_undocumented_member_is_named_by_its_path() -> None:
    answer = {"success": True, "errors": [], "messages": [], "result": [{"id": "a", "values": [1], "x y": 1}]}
    found = STRICT.response_problems("get_by_ids", Response(200, JSON, json.dumps(answer).encode()))
    assert [str(problem) for problem in found] == ["response body $.result[0]['x y']: is not described"]


def test_unknown_operation_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operation upsert"):
        OPEN.response_problems("upsert", Response(200, JSON, b"{}"))
