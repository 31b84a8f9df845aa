"""Mutants of an OpenAPI document: copies in which one constraint is knocked out, changed, or added."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import attrs

from cf_vectorize_contract.document import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Words for readers, names that only code refers to, and permissions, which no request or answer shows.
UNTESTABLE = {
    "description",
    "summary",
    "title",
    "example",
    "examples",
    "tags",
    "operationId",
    "info",
    "openapi",
    "evidence",
    "x-api-token-group",
    "links",
}
# Maps from names to constraints: their keys are no keywords.
NAMED = {
    "properties",
    "headers",
    "content",
    "responses",
    "paths",
    "securitySchemes",
    "schemas",
    "parameters",
    "x-limits",
}
REMOVED = object()

Path = tuple[Any, ...]
Change = tuple[str, Any]


@attrs.frozen
class Mutant:
    """A changed document, and what was changed in it."""

    name: str
    document: dict[str, Any] = attrs.field(repr=False)


def mutants(document: dict[str, Any]) -> Iterator[Mutant]:
    """Return every mutant of every constraint, one constraint at a time."""
    for path, change, replacement in _changes(document, ()):
        mutated = copy.deepcopy(document)
        owner: Any = mutated
        for key in path[:-1]:
            owner = owner[key]
        if replacement is REMOVED:
            del owner[path[-1]]
        else:
            owner[path[-1]] = replacement
        yield Mutant(f"{change} at /{'/'.join(map(str, path))}", mutated)


def _changes(node: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    """Walk the document, and give the place of each constraint with each change to make there."""
    children = (
        list(enumerate(node)) if isinstance(node, list) else list(node.items()) if isinstance(node, dict) else []
    )
    named = bool(path) and path[-1] in NAMED
    if isinstance(node, dict) and not named:
        for change, key, constraint in _added(node, path):
            yield (*path, key), change, constraint
    for key, value in children:
        if isinstance(node, dict) and named:
            yield (*path, key), "taken away", REMOVED
        elif isinstance(node, dict) and key not in UNTESTABLE:
            for change, replacement in OPERATORS.get(key, _untouched)(value):
                yield (*path, key), change, replacement
        if named or key not in UNTESTABLE:
            yield from _changes(value, (*path, key))


def _added(node: dict[str, Any], path: Path) -> Iterator[tuple[str, str, Any]]:
    """Return each constraint that a header or a schema does not have and might have."""
    if path[-2:-1] in {("headers",), ("parameters",)} and "schema" in node and not node.get("required"):
        yield "made required", "required", True
    if "schema" not in "/".join(map(str, path)):
        return
    kinds = node.get("type", "object" if "properties" in node else ())
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        for keyword, value in TIGHTER.get(kind, ()):
            if not node.keys() & {keyword, "format", "enum"} and IMPLIED.isdisjoint((keyword, name) for name in path):
                yield f"{keyword} {value!r} added", keyword, value
    if (
        {"type", "anyOf", "$ref"} & node.keys()
        and not node.keys() & {"in", "enum", "format"}
        and path[-1] != "x-strict"
    ):
        yield "refused altogether", "not", {}
    for name in sorted(node.get("properties", {}).keys() - set(node.get("required", ()))):
        yield f"{name} made required", "required", [*node.get("required", ()), name]


def _untouched(_: Any) -> Iterator[Change]:
    yield from ()


def _removed(_: Any) -> Iterator[Change]:
    yield "removed", REMOVED


def _emptied(_: Any) -> Iterator[Change]:
    yield "emptied", {}


def _replaced(value: str) -> Iterator[Change]:
    yield f"{value!r} replaced", "another"


def _rewritten(value: str) -> Iterator[Change]:
    """Loosen a pattern at either end, and tighten it."""
    yield "removed", REMOVED
    for end, changed in (("before", value.removeprefix("^")), ("behind", value.removesuffix("$"))):
        if changed != value:
            yield f"unanchored {end}", changed
    yield "digitless", f"(?!.*[0-9]){value}"
    yield "blankless", f"(?!.* ){value}"
    yield "shortened", f"(?!.{{41}}){value}"


def _widened(value: Any) -> Iterator[Change]:
    """Take each member out of a list, and add one."""
    yield from _shortened(value)
    if isinstance(value, list):
        yield "widened", [*value, "another"]


def _retyped(value: Any) -> Iterator[Change]:
    yield from _shortened(value)
    others = {"number": "integer", "integer": "number", "string": "integer", "object": "array", "array": "object"}
    kinds = [value] if isinstance(value, str) else value
    for kind in kinds:
        if kind in others:
            yield f"{kind} made {others[kind]}", others[kind]
    if "null" not in kinds and kinds not in (["apiKey"], ["http"]):
        yield "made nullable", [*kinds, "null"]


def _negated(value: bool) -> Iterator[Change]:  # noqa: FBT001 - a value of the document
    yield from _removed(value)
    yield f"{value} negated", not value


def _moved(value: float) -> Iterator[Change]:
    yield from _removed(value)
    yield f"{value} halved", value / 2
    yield f"{value} doubled", value * 2


def _shifted(value: int) -> Iterator[Change]:
    yield from _removed(value)
    yield f"{value} made {value + 1}", value + 1
    yield f"{value} made {value - 1}", value - 1


def _shortened(value: Any) -> Iterator[Change]:
    """Take each member out of a list; what is no list is taken away whole."""
    if isinstance(value, list):
        for position, member in enumerate(value):
            yield f"{member!r} dropped", value[:position] + value[position + 1 :]
    elif isinstance(value, str | bool):
        yield f"{value!r} removed", REMOVED


def _fewer_credentials(value: list[dict[str, Any]]) -> Iterator[Change]:
    yield from _shortened(value)
    for position, needed in enumerate(value):
        for scheme in needed:
            fewer = {name: scopes for name, scopes in needed.items() if name != scheme}
            yield f"{scheme} not needed", [*value[:position], fewer, *value[position + 1 :]]


# What another constraint says already.
IMPLIED = {
    ("minLength", "mutationId"),
    ("minLength", "retry-after"),
    ("maxLength", "retry-after"),
    ("uniqueItems", "result"),
    *(
        ("minProperties", name)
        for name in (
            "VectorLine",
            "Vector",
            "InsertResult",
            "InsertResponse",
            "GetByIdsResponse",
            "FailureResponse",
            "Error",
            "ChainedError",
        )
    ),
}
# What somebody who writes a schema from a few answers might come to demand.
TIGHTER: dict[str, list[tuple[str, Any]]] = {
    "string": [
        ("minLength", 1),
        ("minLength", 2),
        ("maxLength", 32),
        ("maxLength", 500),
        ("pattern", "^[ -~]*$"),
        ("pattern", "^[^ ]*$"),
        ("pattern", "^[^0-9]*$"),
        ("pattern", "^[A-Za-z0-9]*$"),
        ("pattern", "^[^-]*$"),
    ],
    "integer": [("minimum", 1000), ("maximum", 40041), ("maximum", 99_999)],
    "number": [
        ("exclusiveMinimum", -1.0),
        ("minimum", 0),
        ("maximum", 1),
        ("maximum", 1e6),
        ("minimum", -1e6),
        ("type", "integer"),
    ],
    "array": [("minItems", 1), ("maxItems", 1), ("maxItems", 10), ("uniqueItems", True)],
    "object": [
        ("minProperties", 1),
        ("maxProperties", 4),
        ("maxProperties", 100),
        ("additionalProperties", False),
        ("additionalProperties", {"type": ["string", "number", "boolean"]}),
        ("propertyNames", {"maxLength": 64}),
        ("propertyNames", {"pattern": "^[^ ]*$"}),
        ("propertyNames", {"pattern": "^[a-zA-Z]"}),
    ],
}

OPERATORS: dict[str, Callable[[Any], Iterator[Change]]] = {
    **dict.fromkeys(("minimum", "minLength", "maxLength", "minItems", "maxItems", "value"), _shifted),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _moved),
    **dict.fromkeys(("required", "anyOf", "parameters"), _shortened),
    **dict.fromkeys(("format", "propertyNames", "requestBody", "x-line-schema", "$ref"), _removed),
    **dict.fromkeys(("x-unique-by", "x-same-length", "x-limit", "x-form-field", "x-strict"), _removed),
    **dict.fromkeys(METHODS, _removed),
    **dict.fromkeys(("items", "schema"), _emptied),
    **dict.fromkeys(("in", "name", "scheme", "url"), _replaced),
    "pattern": _rewritten,
    "enum": _widened,
    "type": _retyped,
    "const": _negated,
    "security": _fewer_credentials,
}
