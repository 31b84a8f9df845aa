"""The OpenAPI fragment as a judge of requests and answers. Needs the extra `contract`.

`Fragment.load()` is the contract as published: objects are open. `Fragment.load(strict=True)` also names
every member and query parameter that the fragment does not describe. Reads one file; the rest is pure.
"""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import PointerToNowhere
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.exceptions import ValidationError

UNDOCUMENTED = "undocumented"
METHODS = {"get", "put", "post", "delete", "patch"}
_URI = "urn:cf-vectorize:fragment"


@attrs.frozen
class Problem:
    """One way in which a request or an answer departs from the fragment.

    Attributes:
        place: Which part of it, such as `response body` or `request line 2`.
        path: JSON path in that part; empty where the part as a whole is meant.
        rule: The JSON Schema keyword, or a word of this module, such as `undocumented` or `media type`.
        message: What is wrong, in words.

    """

    place: str
    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        """Say it on one line."""
        return f"{self.place} {self.path}".rstrip() + f": {self.message}"


@attrs.frozen
class Request:
    """A request as it is on the wire: `target` is the path with its query."""

    method: str
    target: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes


@attrs.frozen
class Response:
    """An answer as it is on the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen
class _Node:
    """A place of the document, and what stands there."""

    pointer: str
    value: Any

    def __truediv__(self, key: str) -> _Node:
        return _Node(f"{self.pointer}/{_escape(key)}", self.value[key])

    def __contains__(self, key: str) -> bool:
        return key in self.value


class Fragment:
    """Judges requests and answers of the operations that one OpenAPI 3.1 document describes.

    Args:
        document: The document, decoded. Is not changed.
        strict: Whether what the document does not describe is a problem too.

    Raises:
        ValueError: A reference of the document leads nowhere.

    """

    def __init__(self, document: Mapping[str, Any], *, strict: bool = False) -> None:
        self._strict = strict
        contents = _closed(document) if strict else document
        self._registry: Registry[Any] = Registry().with_resource(_URI, DRAFT202012.create_resource(contents))
        self._resolver = self._registry.resolver(_URI)
        self._root = _Node("", contents)
        for reference in _references(contents):
            self._at(reference)
        self._prefix = urlsplit(contents["servers"][0]["url"]).path
        self._limits = {name: limit["value"] for name, limit in contents["x-limits"].items()}
        self._validator = cache(self._build_validator)

    @classmethod
    def load(cls, *, strict: bool = False) -> Self:
        """Make the judge of the fragment that this package carries."""
        return cls(load_document(), strict=strict)

    def request_problems(self, request: Request) -> list[Problem]:
        """Judge a request: its path, query, credentials, content type, body and each NDJSON line."""
        url = urlsplit(request.target)
        for template, path_item in self._root.value["paths"].items():
            matched = _template_pattern(self._prefix + template).fullmatch(url.path)
            if matched and request.method.lower() in path_item:
                break
        else:
            return [Problem("request line", "", "operation", f"no operation {request.method} {url.path}")]
        path = self._root / "paths" / template
        operation = path / request.method.lower()
        found = {
            "path": {name: unquote(value) for name, value in matched.groupdict().items() if value},
            "query": dict(parse_qsl(url.query, keep_blank_values=True)),
        }
        headers = _lower(request.headers)
        return [
            *self._parameter_problems([path, operation], found),
            *self._credential_problems(headers),
            *self._request_body_problems(operation, headers, request.body),
        ]

    def response_problems(self, operation_id: str, response: Response) -> list[Problem]:
        """Judge an answer to the operation: its status, headers, content type and body."""
        method, template = self.route(operation_id)
        responses = self._root / "paths" / template / method.lower() / "responses"
        exact, family = str(response.status), f"{response.status // 100}XX"
        status = exact if exact in responses else family
        if status not in responses:
            return [Problem("response status", "", "status", f"{response.status} is not described")]
        described = self._follow(responses / status)
        headers = _lower(response.headers)
        return [
            *self._header_problems(described, headers),
            *self._content_problems("response", described, headers, response.body),
        ]

    def route(self, operation_id: str) -> tuple[str, str]:
        """Give an operation's method, and its path below the base URL with its parameters in braces."""
        for template, path_item in self._root.value["paths"].items():
            for method in METHODS & path_item.keys():
                if path_item[method]["operationId"] == operation_id:
                    return method.upper(), template
        raise ValueError(f"the fragment has no operation {operation_id}")

    def _parameter_problems(self, owners: list[_Node], found: Mapping[str, dict[str, str]]) -> Iterator[Problem]:
        described = set()
        for owner in owners:
            for position in range(len(owner.value.get("parameters", []))):
                parameter = self._at(f"#{owner.pointer}/parameters/{position}")
                where, name = parameter.value["in"], parameter.value["name"]
                described.add((where, name))
                place = f"request {where} {name}"
                if name in found[where]:
                    yield from self._text_problems(place, parameter / "schema", found[where][name])
                elif parameter.value.get("required"):
                    yield Problem(place, "", "required", "is missing")
        if self._strict:
            for name in found["query"]:
                if ("query", name) not in described:
                    yield Problem(f"request query {name}", "", UNDOCUMENTED, "is not described")

    def _credential_problems(self, headers: Mapping[str, str]) -> Iterator[Problem]:
        schemes = self._root.value["components"]["securitySchemes"]
        if not any(
            all(_carries(schemes[name], headers) for name in needed) for needed in self._root.value["security"]
        ):
            yield Problem("request headers", "", "security", "carry no credentials that the fragment knows")

    def _request_body_problems(self, operation: _Node, headers: Mapping[str, str], body: bytes) -> Iterator[Problem]:
        if "requestBody" not in operation:
            if body:
                yield Problem("request body", "", UNDOCUMENTED, "is not described")
            return
        described = operation / "requestBody"
        if body:
            yield from self._content_problems("request", described, headers, body)
        elif described.value.get("required"):
            yield Problem("request body", "", "required", "is missing")

    def _header_problems(self, described: _Node, headers: Mapping[str, str]) -> Iterator[Problem]:
        for name in described.value.get("headers", {}):
            if name.lower() in headers:
                header = self._follow(described / "headers" / name)
                yield from self._text_problems(f"response header {name}", header / "schema", headers[name.lower()])

    def _content_problems(
        self, side: str, described: _Node, headers: Mapping[str, str], body: bytes
    ) -> Iterator[Problem]:
        content = described / "content"
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in content:
            known = ", ".join(content.value)
            yield Problem(f"{side} headers", "", "media type", f"{media_type or 'none'} is not one of {known}")
            return
        media = content / media_type
        if "x-line-schema" in media:
            yield from self._ndjson_problems(media, body)
        elif media_type == "application/json":
            yield from self._json_problems(f"{side} body", media / "schema", body)
        else:
            yield from self._text_problems(f"{side} body", media / "schema", body.decode(errors="replace"))

    def _ndjson_problems(self, media: _Node, body: bytes) -> Iterator[Problem]:
        # The schema of the whole body can say no more than that it is bytes; the lines have one of their own.
        if media.value["schema"] != {"type": "string", "format": "binary"}:
            yield Problem("request body", "", "format", "is described as something else than bytes")
        line_schema = self._at(media.value["x-line-schema"])
        lines = body.removesuffix(b"\n").split(b"\n")
        yield from self._limit_problems(
            "request body", {"insert_body_bytes": len(body), "vectors_per_insert": len(lines)}
        )
        for number, line in enumerate(lines, start=1):
            place = f"request line {number}"
            problems = list(self._json_problems(place, line_schema, line))
            yield from problems or self._limit_problems(place, _line_sizes(json.loads(line)))

    def _limit_problems(self, place: str, sizes: Mapping[str, int]) -> Iterator[Problem]:
        for name, size in sizes.items():
            if size > self._limits[name]:
                yield Problem(place, "", name, f"{size:,} is more than {self._limits[name]:,} ({name})")

    def _json_problems(self, place: str, schema: _Node, text: bytes) -> Iterator[Problem]:
        try:
            instance = json.loads(text, parse_constant=_refuse_constant)
            # Half a surrogate pair is an escape that JSON allows and UTF-8 cannot say.
            json.dumps(instance, ensure_ascii=False).encode()
        except ValueError as error:
            yield Problem(place, "", "json", f"is not JSON: {error}")
        else:
            yield from self._schema_problems(place, schema, instance)

    def _text_problems(self, place: str, schema: _Node, text: str) -> Iterator[Problem]:
        # Nothing on the wire shows the type of a text: the schema has to say it, for those who generate code.
        if self._follow(schema).value.get("type") != "string":
            yield Problem(place, "", "type", "is described as something else than a string")
        yield from self._schema_problems(place, schema, text)

    def _schema_problems(self, place: str, schema: _Node, instance: Any) -> Iterator[Problem]:
        for error in self._validator(schema.pointer).iter_errors(instance):
            yield from _problems_of(place, error)

    def _build_validator(self, pointer: str) -> Draft202012Validator:
        return Draft202012Validator(
            {"$ref": f"{_URI}#{pointer}"},
            registry=self._registry,
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )

    def _follow(self, node: _Node) -> _Node:
        return self._at(node.value["$ref"]) if "$ref" in node else node

    def _at(self, reference: str) -> _Node:
        try:
            found = self._resolver.lookup(reference).contents
        except PointerToNowhere:
            raise ValueError(f"the fragment has nothing at {reference}") from None
        return self._follow(_Node(reference.removeprefix("#"), found))


def load_document() -> dict[str, Any]:
    """Read the fragment: beside this module in a wheel, in spec/ of the source tree otherwise."""
    packaged = Path(__file__).with_name("vectorize.yaml")
    path = packaged if packaged.exists() else Path(__file__).parents[2] / "spec" / "vectorize.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def _closed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the document with every object that lists its members closed to others."""

    def close(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node:
                node.setdefault("unevaluatedProperties", False)
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    closed = copy.deepcopy(dict(document))
    close(closed)
    return closed


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, child in node.items():
            if key in {"$ref", "x-line-schema"}:
                yield child
            else:
                yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


def _problems_of(place: str, error: ValidationError) -> Iterator[Problem]:
    """Turn an error of jsonschema into problems: one for each undocumented member, else one."""
    for leaf in _leaves(error):
        if leaf.validator == "unevaluatedProperties":
            instance, schema = cast("tuple[dict[str, Any], dict[str, Any]]", (leaf.instance, leaf.schema))
            for name in sorted(instance.keys() - schema["properties"].keys()):
                member = f".{name}" if name.isidentifier() else f"[{name!r}]"
                yield Problem(place, leaf.json_path + member, UNDOCUMENTED, "is not described")
        else:
            yield Problem(place, leaf.json_path, str(leaf.validator), leaf.message)


def _leaves(error: ValidationError) -> list[ValidationError]:
    """Give what is wrong within the alternative of an `anyOf` that has the instance's type, if one has."""
    if error.validator != "anyOf":
        return [error]
    elsewhere = {e.relative_schema_path[0] for e in error.context if e.validator == "type" and not e.relative_path}
    within = [e for e in error.context if e.relative_schema_path[0] not in elsewhere]
    return [leaf for e in within for leaf in _leaves(e)] or [error]


def _carries(scheme: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    if scheme["type"] == "http":
        return headers.get("authorization", "").lower().startswith(f"{scheme['scheme']} ")
    return scheme["in"] == "header" and bool(headers.get(scheme["name"].lower()))


def _line_sizes(line: Mapping[str, Any]) -> dict[str, int]:
    """Give the sizes in bytes that JSON Schema cannot bound, by the names of `x-limits`."""
    compact = json.dumps(line.get("metadata"), ensure_ascii=False, separators=(",", ":"))
    return {
        "id_bytes": len(line["id"].encode()),
        "namespace_bytes": len((line.get("namespace") or "").encode()),
        "metadata_bytes": len(compact.encode()),
    }


def _template_pattern(template: str) -> re.Pattern[str]:
    """Match a path against its template; a parameter may be empty, which its `required` then judges."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]*)", re.escape(template)))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _escape(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")
