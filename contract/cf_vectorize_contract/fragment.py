"""The OpenAPI fragment as a judge of requests, answers and exchanges. Needs the extra `contract`.

`Fragment.load()` is the contract as published: objects are open. `Fragment.load(strict=True)` also names
every member and query parameter that the fragment does not describe.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from jsonschema import Draft202012Validator

from .document import URI, Document, load_document
from .exchange import REFUSED, relation_problems
from .schema import UNDOCUMENTED, closed, problems_of, validator_class
from .texts import carries, in_a_form, typed
from .wire import Problem, Request, Response, lower, media_type, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema.protocols import Validator

    from .document import Node

_DISCARD = {"unparsable-behavior": ["discard"]}


class Fragment:
    """Judges requests, answers and exchanges of the operations that one OpenAPI 3.1 document describes.

    Args:
        document: The document, decoded. Is not changed.
        strict: Whether what the document does not describe is a problem too.

    Raises:
        ValueError: A reference of the document leads nowhere.

    """

    def __init__(self, document: Mapping[str, Any], *, strict: bool = False) -> None:
        self.version = str(document["info"]["version"])
        self._strict = strict
        self._document = Document(closed(document) if strict else document)
        self._root = self._document.root
        self.prefix = self._document.prefix
        self._limits = {name: limit["value"] for name, limit in self._root.value["x-limits"].items()}
        self._validators = validator_class(self._limits)
        self._validator = cache(self._build_validator)

    @classmethod
    def load(cls, *, strict: bool = False) -> Self:
        """Return the judge of the fragment that this package carries.

        Args:
            strict: Whether what the document does not describe is a problem too.

        """
        return cls(load_document(), strict=strict)

    def exchange_problems(self, request: Request, response: Response) -> list[Problem]:
        """Judge an exchange: the answer, the request where it was taken, and whether the two go together.

        A request that was refused may be wrong in any way: that is what it was refused for.

        Args:
            request: As it went out.
            response: As it came.

        """
        operation = self._document.operation(request)
        if operation is None:
            return [_no_operation(request)]
        problems = self.response_problems(operation.name, response)
        asked = self.request_problems(request)
        if response.status < REFUSED:
            problems = asked + problems
        return problems or list(relation_problems(operation.name, request, response, refusable=bool(asked)))

    def request_problems(self, request: Request) -> list[Problem]:
        """Judge a request: its path, query, credentials, content type, body and each NDJSON line.

        Args:
            request: As it went out.

        """
        operation = self._document.operation(request)
        if operation is None:
            return [_no_operation(request)]
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        headers = lower(request.headers)
        found = {
            "path": {name: [unquote(text)] for name, text in operation.found.items() if text},
            "query": query,
            "header": {name: [text] for name, text in headers.items()},
        }
        return [
            *self._parameter_problems([operation.path, operation.node], found),
            *self._credential_problems(operation.node, headers),
            *self._request_body_problems(operation.node, headers, request.body, discard=query == _DISCARD),
        ]

    def response_problems(self, operation_id: str, response: Response) -> list[Problem]:
        """Judge an answer to the operation: its status, headers, content type and body.

        Args:
            operation_id: What was asked for, such as `insert`.
            response: As it came.

        """
        method, template = self.route(operation_id)
        responses = self._root / "paths" / template / method.lower() / "responses"
        exact, family = str(response.status), f"{response.status // 100}XX"
        status = exact if exact in responses else family
        if status not in responses:
            return [Problem("response status", "", "status", f"{response.status} is not described")]
        described = self._document.follow(responses / status)
        headers = lower(response.headers)
        return [
            *self._header_problems(described, headers),
            *self._content_problems("response", described, headers, response.body),
        ]

    def operation_of(self, request: Request) -> str | None:
        """Return the id of the operation that a request is for; None where the fragment has none.

        Args:
            request: As it went out.

        """
        operation = self._document.operation(request)
        return None if operation is None else operation.name

    def route(self, operation_id: str) -> tuple[str, str]:
        """Return an operation's method, and its path below the base URL with its parameters in braces.

        Args:
            operation_id: The operation's id, such as `insert`.

        """
        return self._document.route(operation_id)

    def _parameter_problems(
        self, owners: list[Node], found: Mapping[str, Mapping[str, list[str]]]
    ) -> Iterator[Problem]:
        described = set()
        for owner in owners:
            for position in range(len(owner.value.get("parameters", []))):
                parameter = self._document.at(f"#{owner.pointer}/parameters/{position}")
                where, name = parameter.value["in"], parameter.value["name"]
                described.add((where, name))
                place = f"request {where} {name}"
                given = found.get(where, {})
                if (key := name.lower() if where == "header" else name) in given:
                    texts = given[key]
                    if parameter.value.get("explode") is False:
                        texts = [part for text in texts for part in text.split(",")]
                    yield from self._text_problems(place, parameter / "schema", texts)
                elif parameter.value.get("required"):
                    yield Problem(place, "", "required", "is missing")
        if self._strict:
            for name in found["query"]:
                if ("query", name) not in described:
                    yield Problem(f"request query {name}", "", UNDOCUMENTED, "is not described")

    def _credential_problems(self, operation: Node, headers: Mapping[str, str]) -> Iterator[Problem]:
        schemes = self._root.value["components"]["securitySchemes"]
        if not any(
            all(carries(schemes[name], headers) for name in needed)
            for needed in operation.value.get("security", self._root.value["security"])
        ):
            yield Problem("request headers", "", "security", "carry no credentials that the fragment knows")

    def _request_body_problems(
        self, operation: Node, headers: Mapping[str, str], body: bytes, *, discard: bool
    ) -> Iterator[Problem]:
        if "requestBody" not in operation:
            if body:
                yield Problem("request body", "", UNDOCUMENTED, "is not described")
            return
        described = self._document.follow(operation / "requestBody")
        if body:
            yield from self._content_problems("request", described, headers, body, discard=discard)
        elif described.value.get("required"):
            yield Problem("request body", "", "required", "is missing")

    def _header_problems(self, described: Node, headers: Mapping[str, str]) -> Iterator[Problem]:
        for name in described.value.get("headers", {}):
            header = self._document.follow(described / "headers" / name)
            if name.lower() in headers:
                text = headers[name.lower()]
                listed = self._document.follow(header / "schema").value.get("type") == "array"
                texts = [part.strip() for part in re.findall(r'(?:[^,"]|"[^"]*"?)+', text)] if listed else [text]
                yield from self._text_problems(f"response header {name}", header / "schema", texts)
            elif header.value.get("required"):
                yield Problem(f"response header {name}", "", "required", "is missing")

    def _content_problems(
        self, side: str, described: Node, headers: Mapping[str, str], body: bytes, *, discard: bool = False
    ) -> Iterator[Problem]:
        if "content" not in described:
            if body:
                yield Problem(f"{side} body", "", UNDOCUMENTED, "is not described")
            return
        content, found = described / "content", media_type(headers)
        if found == "multipart/form-data":
            found, body = in_a_form(content.value, headers, body)
        ranges = [found, f"{found.partition('/')[0]}/*", "*/*"]
        known = next((known for known in ranges if known in content), None)
        if known is None:
            expected = ", ".join(content.value)
            yield Problem(f"{side} headers", "", "media type", f"{found or 'none'} is not one of {expected}")
            return
        media = content / known
        if "x-line-schema" in media:
            yield from self._ndjson_problems(media, body, discard=discard)
        elif known == "application/json":
            yield from self._json_problems(f"{side} body", media / "schema", body)
        else:
            yield from self._text_problems(f"{side} body", media / "schema", [body.decode(errors="replace")])

    def _ndjson_problems(self, media: Node, body: bytes, *, discard: bool) -> Iterator[Problem]:
        # The schema of the whole body can say no more than that it is bytes; the lines have one of their own.
        if media.value["schema"] != {"type": "string", "format": "binary"}:
            yield Problem("request body", "", "format", "is described as something else than bytes")
        line_schema = self._document.at(media.value["x-line-schema"])
        lines = body.removesuffix(b"\n").split(b"\n")
        for name, size in (("insert_body_bytes", len(body)), ("vectors_per_insert", len(lines))):
            if size > self._limits[name]:
                yield Problem("request body", "", name, f"{size:,} is more than {self._limits[name]:,} ({name})")
        # Of bad lines that are to be dropped, the answer does not say which were.
        first = None
        for number, line in enumerate(() if discard else lines, start=1):
            # What the service does with a blank line is unknown.
            if not line.strip() and not self._strict:
                continue
            place = f"request line {number}"
            try:
                vector = read_json(line)
            except ValueError as error:
                yield Problem(place, "", "json", f"is not JSON: {error}")
                continue
            problems = list(self._schema_problems(place, line_schema, vector))
            yield from problems
            if not problems:
                dimensions = len(vector["values"])
                first = first or dimensions
                if dimensions != first:
                    yield Problem(place, "$.values", "dimensions", f"are {dimensions:,}, and the first has {first:,}")

    def _json_problems(self, place: str, schema: Node, text: bytes) -> Iterator[Problem]:
        try:
            instance = read_json(text)
        except ValueError as error:
            yield Problem(place, "", "json", f"is not JSON: {error}")
        else:
            yield from self._schema_problems(place, schema, instance)

    def _text_problems(self, place: str, schema: Node, texts: Sequence[str]) -> Iterator[Problem]:
        described = self._document.follow(schema).value
        if described.get("type") == "array":
            item = self._document.follow(schema / "items").value
            if "type" not in item:
                yield Problem(place, "", "type", "is described without a type")
            yield from self._schema_problems(place, schema, [typed(text, item) for text in texts])
        elif len(texts) > 1:
            yield Problem(place, "", "type", f"is given {len(texts)} times")
        else:
            # Nothing on the wire shows the type of a text: the schema has to say it, for those who generate code.
            if "type" not in described:
                yield Problem(place, "", "type", "is described without a type")
            yield from self._schema_problems(place, schema, typed(texts[0], described))

    def _schema_problems(self, place: str, schema: Node, instance: Any) -> Iterator[Problem]:
        try:
            errors = list(self._validator(schema.pointer).iter_errors(instance))
        except RecursionError:
            yield Problem(place, "", "json", "is nested too deeply to be judged")
            return
        for error in errors:
            yield from problems_of(place, error)

    def _build_validator(self, pointer: str) -> Validator:
        return self._validators(
            {"$ref": f"{URI}#{pointer}"},
            registry=self._document.registry,
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )


def _no_operation(request: Request) -> Problem:
    return Problem("request line", "", "operation", f"no operation {request.method} {urlsplit(request.target).path}")
