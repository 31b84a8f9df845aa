"""The comparison with Cloudflare's document names every difference that matters, and no other."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import differences_table
import upstream

PUBLISHED = Path(__file__).parents[3] / "shared" / "upstream"
needs_published = pytest.mark.skipif(
    not (PUBLISHED / "openapi.json").exists(),
    reason="Cloudflare's published document is not beside the project, in ../shared/upstream",
)

# One contract, written twice: as Cloudflare writes, in OpenAPI 3.0 with references, `allOf` and `nullable`, …
WRITTEN_30: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Theirs", "version": "4.0.0"},
    "servers": [{"url": "https://api.example/v4", "description": "Theirs"}],
    "security": [{"other": []}],
    "tags": [{"name": "Things"}],
    "paths": {
        "/things/{thing_id}/read": {
            "post": {
                "operationId": "things-read-thing",
                "summary": "Read",
                "description": "Reads a thing.",
                "tags": ["Things"],
                "x-auditable": True,
                "x-api-token-group": ["Things Read"],
                "security": [{"token": []}, {"key": [], "email": []}],
                "parameters": [
                    {
                        "in": "path",
                        "name": "thing_id",
                        "required": True,
                        "schema": {"$ref": "#/components/schemas/id"},
                    },
                    {"in": "query", "name": "how", "schema": {"type": "string", "enum": ["b", "a"]}},
                ],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "example": {"description": "x"},
                                "required": ["ids"],
                                "properties": {
                                    "ids": {"type": "array", "items": {"$ref": "#/components/schemas/id"}},
                                    # Not prose: members that are called so.
                                    "description": {"type": "string", "minLength": 3},
                                    "above": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                                },
                            }
                        }
                    }
                },
                "responses": {
                    "200": {
                        "description": "A thing",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "allOf": [
                                        {"$ref": "#/components/schemas/envelope"},
                                        {"properties": {"result": {"$ref": "#/components/schemas/thing"}}},
                                    ]
                                }
                            }
                        },
                    }
                },
            }
        },
        "/elsewhere": {"get": {"operationId": "elsewhere", "responses": {}}},
    },
    "components": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "email": {"type": "apiKey", "in": "header", "name": "X-Email"},
            "other": {"type": "apiKey", "in": "header", "name": "X-Other"},
        },
        "schemas": {
            "id": {"type": "string", "maxLength": 8, "description": "Its id", "example": "x"},
            "envelope": {
                "type": "object",
                "required": ["success", "result"],
                "properties": {
                    "success": {"type": "boolean", "enum": [True], "example": True},
                    "result": {"anyOf": [{"type": "object"}, {"type": "string"}]},
                },
            },
            "thing": {
                "type": "object",
                "properties": {
                    "note": {"type": "string", "nullable": True},
                    "extra": {"type": "object", "nullable": True, "additionalProperties": True},
                    "part": {"$ref": "#/components/schemas/thing"},
                },
            },
        },
    },
}

# … and as the fragment is written, in OpenAPI 3.1.
WRITTEN_31: dict[str, Any] = yaml.safe_load("""
openapi: 3.1.0
info: {title: Ours, version: "1"}
servers: [{url: https://api.example/v4}]
security: [{bearer: []}, {email: [], key: []}]
paths:
  /things/{id_of_thing}/read:
    parameters:
      - {name: thing_id, in: path, required: true, schema: {$ref: "#/components/schemas/Id", description: Which}}
    post:
      operationId: read
      x-api-token-group: [Things Read]
      parameters:
        - {name: how, in: query, required: false, schema: {type: string, enum: [a, b]}}
      requestBody:
        content:
          application/json:
            schema:
              required: [ids]
              type: object
              properties:
                ids: {type: array, items: {$ref: "#/components/schemas/Id"}}
                description: {type: string, minLength: 3}
                above: {type: number, exclusiveMinimum: 0}
      responses:
        200:
          content:
            application/json:
              schema:
                type: object
                required: [result, success]
                properties:
                  success: {const: true}
                  result: {$ref: "#/components/schemas/Thing"}
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
    key: {type: apiKey, in: header, name: X-Key}
    email: {type: apiKey, in: header, name: X-Email}
  schemas:
    Id: {type: string, maxLength: 8}
    Thing:
      type: object
      properties:
        note: {type: ["null", string]}
        extra: {anyOf: [{type: object}, {type: "null"}]}
        part: {$ref: "#/components/schemas/Thing"}
""")
RESULT = "/read/responses/200/content/application~1json/schema/properties/result"
BODY = "/read/requestBody/content/application~1json/schema"


def differences(theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {d.pointer: (d.ours, d.theirs) for d in upstream.compare(WRITTEN_31, theirs, WRITTEN_31)}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Copy Cloudflare's way of writing with one place changed; None takes it away."""
    document = copy.deepcopy(WRITTEN_30)
    *parents, last = path.split(" ")
    owner: Any = document
    for key in parents:
        owner = owner[int(key) if isinstance(owner, list) else key]
    if value is None:
        del owner[last]
    else:
        owner[last] = value
    return document


OPERATION = "paths /things/{thing_id}/read post"
SCHEMAS = "components schemas"
HOW = {"schema": {"enum": ["a", "b"], "type": ["string"]}}


def test_the_same_contract_written_in_two_ways_has_no_differences() -> None:
    assert differences(WRITTEN_30) == {}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (f"{SCHEMAS} id maxLength", 9, {f"{BODY}/properties/ids/items/maxLength": (8, 9),
                                        "/read/parameters/path/thing_id/schema/maxLength": (8, 9)}),
        (f"{SCHEMAS} thing properties note nullable", False,
         {f"{RESULT}/properties/note/type": (["null", "string"], ["string"])}),
        (f"{SCHEMAS} thing required", ["note"], {f"{RESULT}/required": (upstream.ABSENT, ["note"])}),
        (f"{SCHEMAS} envelope required", ["success"],
         {"/read/responses/200/content/application~1json/schema/required": (["result", "success"], ["success"])}),
        (f"{SCHEMAS} envelope properties result", {"type": "array"}, {f"{RESULT}/type": (["object"], [])}),
        (f"{SCHEMAS} envelope properties success enum", [False],
         {"/read/responses/200/content/application~1json/schema/properties/success/enum": ([True], [False])}),
        (f"{SCHEMAS} envelope properties success enum", [1],
         {"/read/responses/200/content/application~1json/schema/properties/success/enum": ([True], upstream.ABSENT),
          "/read/responses/200/content/application~1json/schema/properties/success/type": (["boolean"], [])}),
        (f"{OPERATION} requestBody content application/json schema properties description", {"type": "string"},
         {f"{BODY}/properties/description/minLength": (3, upstream.ABSENT)}),
        (f"{OPERATION} requestBody content application/json schema properties above minimum", 1,
         {f"{BODY}/properties/above/exclusiveMinimum": (0, 1)}),
        (f"{OPERATION} requestBody required", True, {"/read/requestBody/required": (upstream.ABSENT, True)}),
        (f"{OPERATION} parameters 1 schema enum", ["a", "b", "c"],
         {"/read/parameters/query/how/schema/enum": (["a", "b"], ["a", "b", "c"])}),
        (f"{OPERATION} parameters 1 in", "header",
         {"/read/parameters/query": ({"how": HOW}, upstream.ABSENT),
          "/read/parameters/header": (upstream.ABSENT, {"how": HOW})}),
        (f"{OPERATION} security", [{"token": []}],
         {"/read/security": (["bearer", "header X-Email and header X-Key"], ["bearer"])}),
        (f"{OPERATION} x-api-token-group", ["Things Write"],
         {"/read/x-api-token-group": (["Things Read"], ["Things Write"])}),
        ("servers", [{"url": "https://api.example/v5"}],
         {"/read/servers": (["https://api.example/v4"], ["https://api.example/v5"])}),
        (f"{OPERATION} responses 429", {"description": "Slower"}, {"/read/responses/429": (upstream.ABSENT, {})}),
    ],
)  # fmt: skip
def test_one_change_is_named_and_nothing_else(path: str, value: Any, expected: dict[str, Any]) -> None:
    assert differences(changed(path, value)) == expected


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{OPERATION} description", "Other words"),
        (f"{OPERATION} operationId", "things_read"),
        (f"{OPERATION} responses 200 description", "Other words"),
        (f"{OPERATION} x-other-extension", {"type": "string"}),
        (f"{OPERATION} deprecated", False),
        (f"{SCHEMAS} id description", None),
        (f"{SCHEMAS} id example", "y"),
        (f"{SCHEMAS} unused", {"type": "string"}),
        ("paths /elsewhere get responses", {"200": {"description": "OK"}}),
        ("info version", "5.0.0"),
    ],
)  # fmt: skip
def test_prose_and_other_operations_are_no_difference(path: str, value: Any) -> None:
    assert differences(changed(path, value)) == {}


def test_unused_schemas_may_refer_to_nothing_and_used_ones_may_not() -> None:
    nowhere = {"$ref": "#/components/schemas/nowhere"}
    assert differences(changed(f"{SCHEMAS} unused", nowhere)) == {}
    with pytest.raises(ValueError, match="nothing stands at #/components/schemas/nowhere"):
        differences(changed(f"{SCHEMAS} id", nowhere))


def test_an_operation_that_is_gone_is_one_difference() -> None:
    ours = copy.deepcopy(WRITTEN_31)
    ours["paths"]["/things/{thing_id}/write"] = {"post": {"operationId": "write", "responses": {}}}
    found = upstream.compare(ours, WRITTEN_30, ours)
    assert [d.pointer for d in found if d.theirs is upstream.ABSENT] == ["/write"]


def test_a_document_without_any_of_the_operations_compares_nothing_and_says_so() -> None:
    with pytest.raises(ValueError, match="nothing was compared"):
        differences(changed("paths", {}))


def test_drift_is_what_is_undeclared_gone_or_changed() -> None:
    def difference(pointer: str, theirs: Any) -> upstream.Difference:
        return upstream.Difference(pointer, ours=1, theirs=theirs)

    found = [difference("/new", 1), difference("/known", 2), difference("/silent", upstream.ABSENT)]
    found += [difference("/moved", 3), difference("/spoken", 4), difference("/hushed", upstream.ABSENT)]
    declared = {"/known": 2, "/silent": upstream.ABSENT, "/moved": 2, "/spoken": upstream.ABSENT, "/hushed": 5}
    drifted = upstream.drift(found, {**declared, "/old": 1})
    assert [d.pointer for d in drifted.undeclared] == ["/new"]
    assert [d.pointer for d in drifted.changed] == ["/moved", "/spoken", "/hushed"]
    assert drifted.gone == ["/old"]
    assert drifted
    assert not upstream.drift(found[1:2], {"/known": 2})


def test_braces_in_a_pointer_stand_for_each_alternative(tmp_path: Path) -> None:
    assert upstream.expand("/{a,b}/c/{d,e}") == ["/a/c/d", "/a/c/e", "/b/c/d", "/b/c/e"]
    twice = tmp_path / "differences.yaml"
    twice.write_text("[{pointer: '/{a,b}'}, {pointer: /b}]")
    with pytest.raises(ValueError, match=r"differences\.yaml declares /b twice"):
        upstream.declarations(twice)


def test_every_declared_difference_has_its_reason_and_evidence() -> None:
    entries = yaml.safe_load((upstream.SPEC / "differences.yaml").read_text(encoding="utf-8"))
    assert len(entries) > 30
    for entry in entries:
        assert entry.keys() - {"theirs", "page"} == {"pointer", "what", "why", "evidence"}, entry
        assert entry["evidence"].split()[0] in {"documented", "observed", "prudent"}, entry


def test_the_command_says_what_to_do_about_a_document_that_drifted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fragment stands in for Cloudflare's document: none of the declared differences exists in it."""
    document = yaml.safe_load((upstream.SPEC / "vectorize.yaml").read_text(encoding="utf-8"))
    document["components"]["schemas"]["VectorId"]["maxLength"] = 128
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    assert upstream.main([str(path)]) == 1
    output = capsys.readouterr().out
    assert "@@ /get_by_ids/requestBody/content/application~1json/schema/properties/ids/items/maxLength\n" in output
    assert "\n- 64\n+ 128\n" in output
    assert "Take out of spec/differences.yaml:\n@@ /get_by_ids/parameters/path/account_id/schema/readOnly\n" in output


def test_the_command_tells_two_documents_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = upstream.SPEC / "vectorize.yaml"
    new = tmp_path / "new.yaml"
    new.write_text(old.read_text(encoding="utf-8").replace("maxLength: 64", "maxLength: 128"), encoding="utf-8")
    assert upstream.main([str(old), str(old)]) == 0
    assert "@@" not in capsys.readouterr().out
    assert upstream.main([str(old), str(new)]) == 1
    assert "- 64\n+ 128" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [("[]", "no OpenAPI document"), ("{", "upstream: "), ('{"paths": {}}', "nothing was compared")],
)
def test_the_command_refuses_what_it_cannot_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(text)
    assert upstream.main([str(path)]) == 2
    assert message in capsys.readouterr().err
    assert upstream.main([str(tmp_path / "missing")]) == 2


def test_the_command_refuses_a_malformed_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = upstream.load(upstream.SPEC / "vectorize.yaml")
    del document["components"]["parameters"]["index_name"]["in"]
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    assert upstream.main([str(path)]) == 2
    assert "no valid OpenAPI: something in it has no 'in'" in capsys.readouterr().err


@needs_published
def test_every_difference_from_the_published_document_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    assert upstream.main([str(PUBLISHED / "openapi.json")]) == 0, capsys.readouterr().out
    assert "70 differences" in capsys.readouterr().out


ENVELOPES = "/{insert,get_by_ids}/responses/{200,4XX}/content/application~1json/schema/properties/{errors,messages}"
CHANGED_SINCE_2024 = {
    *upstream.expand(ENVELOPES + "/items/properties/{documentation_url,source}"),
    *upstream.expand("/{insert,get_by_ids}/{x-api-token-group,x-cfPermissionsRequired}"),
    "/insert/responses/200/content/application~1json/schema/properties/result/properties/mutationId/type",
}


@needs_published
def test_two_years_of_drift_are_named_and_nothing_else() -> None:
    fragment = upstream.load(upstream.SPEC / "vectorize.yaml")
    old = upstream.load(PUBLISHED / "openapi-2024-08-07.json")
    new = upstream.load(PUBLISHED / "openapi.json")
    assert {d.pointer for d in upstream.compare(old, new, fragment)} == CHANGED_SINCE_2024


@needs_published
def test_the_older_document_drifts_from_the_fragment_by_just_what_changed() -> None:
    fragment = upstream.load(upstream.SPEC / "vectorize.yaml")
    found = upstream.compare(fragment, upstream.load(PUBLISHED / "openapi-2024-08-07.json"), fragment)
    drifted = upstream.drift(found, upstream.declarations(upstream.SPEC / "differences.yaml"))
    assert {d.pointer for d in drifted.undeclared} == CHANGED_SINCE_2024
    assert not drifted.gone
    assert not drifted.changed


def test_the_table_in_the_documentation_is_what_is_declared() -> None:
    declared = yaml.safe_load((upstream.SPEC / "differences.yaml").read_text(encoding="utf-8"))
    page = differences_table.DOCUMENTATION.read_text(encoding="utf-8")
    rendered = differences_table.table(declared)
    assert rendered.count("\n") == len(declared) + 2
    assert page == differences_table.with_table(page, rendered), f"Mend it with: {differences_table.MEND}"
