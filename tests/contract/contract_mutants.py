"""Mutants of an OpenAPI document: copies in which one constraint is knocked out or changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import attrs

from cf_vectorize_contract.fragment import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Words for readers, names that only code refers to, and permissions, which no request or answer shows.
UNTESTABLE = {
    "description", "summary", "title", "example", "examples", "tags", "operationId", "info", "openapi",
    "evidence", "x-api-token-group",
}  # fmt: skip
# Maps from names to constraints: their keys are no keywords.
NAMED = {
    "properties", "headers", "content", "responses", "paths", "securitySchemes", "schemas", "parameters", "x-limits",
}  # fmt: skip
REMOVED = object()

Path = tuple[Any, ...]
Change = tuple[str, Any]


@attrs.frozen
class Mutant:
    """A changed document, and what was changed in it."""

    name: str
    document: dict[str, Any] = attrs.field(repr=False)


def mutants(document: dict[str, Any]) -> Iterator[Mutant]:
    """Give every mutant of every constraint, one constraint at a time."""
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
    if isinstance(node, list):
        for position, child in enumerate(node):
            yield from _changes(child, (*path, position))
    elif isinstance(node, dict):
        named = bool(path) and path[-1] in NAMED
        for key, value in node.items():
            if named:
                yield (*path, key), "taken away", REMOVED
            elif key in UNTESTABLE:
                continue
            else:
                operator = OPERATORS.get(key, _untouched)
                for change, replacement in operator(value):
                    yield (*path, key), change, replacement
            yield from _changes(value, (*path, key))


def _untouched(_: Any) -> Iterator[Change]:
    yield from ()


def _removed(_: Any) -> Iterator[Change]:
    yield "removed", REMOVED


def _emptied(_: Any) -> Iterator[Change]:
    yield "emptied", {}


def _replaced(value: str) -> Iterator[Change]:
    yield f"{value!r} replaced", "another"


def _negated(value: bool) -> Iterator[Change]:  # noqa: FBT001 - a value of the document
    yield from _removed(value)
    yield f"{value} negated", not value


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


OPERATORS: dict[str, Callable[[Any], Iterator[Change]]] = {
    **dict.fromkeys(("minimum", "minLength", "maxLength", "minItems", "maxItems", "value"), _shifted),
    **dict.fromkeys(("required", "type", "enum", "anyOf", "parameters"), _shortened),
    **dict.fromkeys(("format", "pattern", "propertyNames", "requestBody", "x-line-schema", "$ref"), _removed),
    **dict.fromkeys(METHODS, _removed),
    **dict.fromkeys(("items", "schema"), _emptied),
    **dict.fromkeys(("in", "name", "scheme", "url"), _replaced),
    "const": _negated,
    "security": _fewer_credentials,
}
