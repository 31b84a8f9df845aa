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
from contract_mutants import mutants
from contract_suite import CASES, RECORDINGS, Recording, disagreements, load_recordings, problems, secrets_in

from cf_vectorize_contract.fragment import METHODS, Fragment, Request, Response, load_document

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
def test_change_is_judged_as_expected(case: Any) -> None:
    assert problems(STRICT, case.change(ALL[case.base])) == case.expected


def test_open_contract_accepts_only_what_is_undocumented_beyond_the_strict_one() -> None:
    for case in CASES:
        expected = {said for said in case.expected if not said.endswith(" undocumented")}
        assert problems(OPEN, case.change(ALL[case.base])) == expected, case.name


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
    for path in RECORDINGS.iterdir():
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
    """Give each example with its operation, its media type, and its status, None for a request."""
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


def test_no_mutant_of_the_fragment_survives(report_mutants: Callable[[str], None]) -> None:
    survivors = []
    total = 0
    for mutant in mutants(DOCUMENT):
        total += 1
        if not noticed(mutant.document):
            survivors.append(mutant.name)
    report_mutants(f"{total} mutants of spec/vectorize.yaml, {len(survivors)} survived")
    assert total > 300
    assert not survivors, "\n".join(["no recording and no case of contract_suite.py speaks for", *survivors])


def noticed(document: dict[str, Any]) -> bool:
    try:
        return any(True for _ in disagreements(document, ALL))
    # A document that cannot even be read as a contract: a reference or a member is gone.
    except (AttributeError, KeyError, ValueError):
        return True


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


@pytest.mark.parametrize(("limit", "size"), [("insert_body_bytes", 3), ("vectors_per_insert", 1)])
def test_limit_of_a_whole_insert_is_held(limit: str, size: int) -> None:
    lowered = copy.deepcopy(DOCUMENT)
    lowered["x-limits"][limit]["value"] = size
    assert problems(Fragment(lowered), ALL["documentation-insert"]) == {f"request body {limit}"}


def test_undocumented_member_is_named_by_its_path() -> None:
    answer = {"success": True, "errors": [], "messages": [], "result": [{"id": "a", "values": [1], "x y": 1}]}
    found = STRICT.response_problems("get_by_ids", Response(200, JSON, json.dumps(answer).encode()))
    assert [str(problem) for problem in found] == ["response body $.result[0]['x y']: is not described"]


def test_unknown_operation_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operation upsert"):
        OPEN.response_problems("upsert", Response(200, JSON, b"{}"))
