"""An operation that is added to the fragment is judged rightly from the start, and may wait for its recordings."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import pytest
import yaml
from contract_mutants import mutants
from contract_suite import disagreements, load_recordings, missing, pending, recorded_part, untested

from cf_vectorize_contract import Fragment, Request, Response
from cf_vectorize_contract.document import METHODS, load_document
from cf_vectorize_emulator.inprocess import EmulatorTransport

BASE = "/accounts/{account_id}/vectorize/v2/indexes"
# GETs without a body: one beside a template that matches its path too, one with query parameters of every kind.
ADDED: dict[str, Any] = yaml.safe_load("""
paths:
  /accounts/{account_id}/vectorize/v2/indexes/{index_name}/info:
    parameters:
      - $ref: "#/components/parameters/account_id"
      - $ref: "#/components/parameters/index_name"
    get:
      operationId: info
      tags: [vectorize]
      responses:
        "200":
          description: What is known of the index.
          content: { application/json: { schema: { $ref: "#/components/schemas/InfoResponse" } } }
        4XX: { $ref: "#/components/responses/Refused" }
  /accounts/{account_id}/vectorize/v2/indexes/{index_name}/list:
    parameters:
      - $ref: "#/components/parameters/account_id"
      - $ref: "#/components/parameters/index_name"
    get:
      operationId: list
      tags: [vectorize]
      parameters:
        - { name: X-Page, in: header, schema: { type: integer } }
        - { name: count, in: query, required: true, schema: { type: integer, minimum: 1, maximum: 1000 } }
        - { name: share, in: query, schema: { type: number } }
        - { name: all, in: query, schema: { type: boolean } }
        - { name: id, in: query, schema: { type: array, items: { type: string }, maxItems: 2 } }
        - { name: part, in: query, explode: false, schema: { type: array, items: { type: integer } } }
      responses:
        "200":
          description: Some of them.
          content: { application/json: { schema: { $ref: "#/components/schemas/InfoResponse" } } }
  /accounts/{account_id}/vectorize/v2/indexes/all/info:
    parameters:
      - $ref: "#/components/parameters/account_id"
    get:
      operationId: info_of_all
      tags: [vectorize]
      responses:
        "204": { description: Nothing. }
components:
  schemas:
    InfoResponse:
      type: object
      required: [success, result]
      properties:
        success: { const: true }
        result: { $ref: "#/components/schemas/Info" }
    Info:
      type: object
      required: [dimensions]
      properties:
        dimensions: { type: integer, minimum: 1 }
""")
# Without what is declared already, which may be one of these.
RECORDED = recorded_part(load_document())
JSON = {"Content-Type": "application/json"}
GOOD = Response(200, JSON, b'{"success":true,"result":{"dimensions":32}}')


def with_new(**members: str) -> dict[str, Any]:
    document, added = copy.deepcopy(RECORDED), copy.deepcopy(ADDED)
    for item in added["paths"].values():
        item["get"].update({name.replace("_", "-"): value for name, value in members.items()})
    document["paths"] |= added["paths"]
    document["components"]["schemas"] |= added["components"]["schemas"]
    return document


def get(path: str, body: bytes = b"") -> Request:
    return Request("GET", f"/client/v4/accounts/a/vectorize/v2/indexes/{path}", {"Authorization": "Bearer x"}, body)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("i/info", []),
        ("i/list?count=5", []),
        ("i/list?count=5&share=0.25&share2=x", ["request query share2 undocumented"]),
        ("i/list?count=-5", ["request query count $ minimum"]),
        ("i/list?count=5.5", ["request query count $ type"]),
        ("i/list?count=many", ["request query count $ type"]),
        ("i/list?count=5&count=6", ["request query count type"]),
        ("i/list?share=1e-3&count=1", []),
        ("i/list?share=x&count=1", ["request query share $ type"]),
        ("i/list?all=true&count=1", []),
        ("i/list?all=1&count=1", ["request query all $ type"]),
        ("i/list?id=a&id=b&count=1", []),
        ("i/list?id=a&id=b&id=c&count=1", ["request query id $ maxItems"]),
        ("i/list?part=1,2,3&count=1", []),
        ("i/list?part=1,x&count=1", ["request query part $[1] type"]),
        ("i/list", ["request query count required"]),
    ],
)
def test_queries_are_read_as_they_are_described(path: str, expected: list[str]) -> None:
    found = Fragment(with_new(), strict=True).request_problems(get(path))
    assert [f"{problem.place} {problem.path}".rstrip() + f" {problem.rule}" for problem in found] == expected


def test_a_parameter_may_be_a_header_and_an_operation_may_need_no_credentials() -> None:
    document = with_new()
    document["paths"][f"{BASE}/all/info"]["get"]["security"] = [{}]
    fragment = Fragment(document)
    for page, rules in (("7", []), ("x", ["type"])):
        request = get("i/list?count=1")
        paged = Request(request.method, request.target, {**request.headers, "x-page": page})
        assert [problem.rule for problem in fragment.request_problems(paged)] == rules
    assert fragment.request_problems(Request("GET", get("all/info").target, {})) == []
    assert [problem.rule for problem in fragment.request_problems(Request("GET", get("i/info").target, {}))] == [
        "security"
    ]


def test_a_get_has_no_body_and_its_answer_is_judged() -> None:
    fragment = Fragment(with_new(), strict=True)
    assert fragment.exchange_problems(get("i/info"), GOOD) == []
    assert [problem.rule for problem in fragment.request_problems(get("i/info", b"{}"))] == ["undocumented"]
    wrong = Response(200, JSON, b'{"success":true,"result":{"dimensions":0}}')
    assert [problem.rule for problem in fragment.exchange_problems(get("i/info"), wrong)] == ["minimum"]
    refused = {"success": False, "errors": [{"code": 1, "message": ""}], "messages": [], "result": None}
    assert fragment.exchange_problems(get("i/info"), Response(400, JSON, json.dumps(refused).encode())) == []


def test_a_fixed_path_goes_before_a_template_that_matches_it_too() -> None:
    fragment = Fragment(with_new())
    assert fragment.operation_of(get("all/info")) == "info_of_all"
    assert fragment.operation_of(get("i/info")) == "info"
    assert fragment.exchange_problems(get("all/info"), Response(204, {})) == []


def test_what_a_new_operation_lacks_is_said_together_with_where_to_read_how() -> None:
    recordings = load_recordings()
    document = with_new()
    lacking = list(missing(document, recordings))
    assert lacking[0] == "info: no recording with status 200, 4XX (docs/contract.md, Change the fragment)"
    assert [line.partition(":")[0] for line in lacking] == ["info", "list", "info_of_all"]
    new = {mutant.name for mutant in mutants(document)} - {mutant.name for mutant in mutants(RECORDED)}
    told = list(untested(sorted(new), document))
    groups = [line.partition(":")[0] for line in told if not line.startswith(" ")]
    assert {"info", "list", "info_of_all", "/components/schemas/Info"} <= set(groups)
    assert len(groups) < 10 < len(told)


def test_an_operation_may_be_declared_and_not_yet_recorded() -> None:
    document = with_new(x_not_recorded="nobody has an index to ask")
    assert pending(document) == dict.fromkeys(["info", "list", "info_of_all"], "nobody has an index to ask")
    assert list(missing(document, load_recordings())) == []
    assert recorded_part(document) == RECORDED
    assert list(disagreements(document, load_recordings())) == []


def test_the_emulator_lacks_no_operation_but_those_that_say_so() -> None:
    document = load_document()
    lacking = []
    with EmulatorTransport() as transport, httpx.Client(transport=transport, base_url="http://x/client/v4") as client:
        for path, item in document["paths"].items():
            for method in METHODS & item.keys():
                target = path.format(account_id="a", index_name="i")
                answer = client.request(method, target, headers={"Authorization": "Bearer x"})
                if '"code":7003' in answer.text or answer.status_code == 405:
                    lacking.append(item[method]["operationId"])
    operations = [item[method] for item in document["paths"].values() for method in METHODS & item.keys()]
    assert lacking == [operation["operationId"] for operation in operations if "x-not-emulated" in operation]
