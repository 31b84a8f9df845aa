"""JSON Schema as the fragment uses it: its extensions, its strict form, and errors as problems. Pure."""

from __future__ import annotations

import copy
import json
import math
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from .wire import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.protocols import Validator

UNDOCUMENTED = "undocumented"
PLAIN_NUMBERS = {"type", "exclusiveMinimum", "exclusiveMaximum"}


def validator_class(limits: Mapping[str, int]) -> type[Validator]:
    """Return the validator that knows the fragment's extensions, and the limits that `x-limit` names."""

    def limit(_: Validator, name: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        size = _size(instance)
        # Of what has too many characters, `maxLength` has said so.
        if isinstance(instance, str) and len(instance) > schema.get("maxLength", size):
            return
        if size > limits[name]:
            yield ValidationError(f"{size:,} bytes are more than {limits[name]:,} ({name})", validator=name)

    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    keywords = {"x-limit": limit, "x-unique-by": _unique_by, "x-same-length": _same_length, "items": _items}
    extended: Any = extend  # which has no types
    return cast("type[Validator]", extended(Draft202012Validator, validators=keywords, type_checker=checker))


def _is_integer(_: Any, instance: Any) -> bool:
    # Not 40007.0, which JSON Schema takes for an integer and readers with types do not.
    return isinstance(instance, int) and not isinstance(instance, bool)


def _size(instance: Any) -> int:
    """Return the bytes that count: of a text its UTF-8, of an object its compact JSON."""
    if isinstance(instance, dict):
        instance = json.dumps(instance, ensure_ascii=False, separators=(",", ":"))
    return len(instance.encode()) if isinstance(instance, str) else 0


def _members(instance: Any, name: str) -> Iterator[tuple[int, Any]]:
    for place, item in enumerate(instance if isinstance(instance, list) else ()):
        if isinstance(item, dict) and name in item:
            yield place, item[name]


def _unique_by(_: Validator, name: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    first: dict[str, int] = {}
    for place, value in _members(instance, name):
        if (earlier := first.setdefault(json.dumps(value), place)) != place:
            yield ValidationError(f"has the {name} of [{earlier}]", path=(place,))


def _same_length(_: Validator, name: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    lengths = [(place, len(value)) for place, value in _members(instance, name) if isinstance(value, list)]
    for place, length in lengths:
        if length != lengths[0][1]:
            yield ValidationError(f"has {length:,} {name}, and the first has {lengths[0][1]:,}", path=(place,))


def _items(validator: Validator, items: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    # A vector of a thousand numbers, which is all of a body, is not worth a thousand validations.
    if (
        items.keys() <= PLAIN_NUMBERS
        and items.get("type", "number") == "number"
        and isinstance(instance, list)
        and set(map(type, instance)) <= {int, float}
        and items.get("exclusiveMinimum", -math.inf) < min(instance, default=0)
        and max(instance, default=0) < items.get("exclusiveMaximum", math.inf)
    ):
        return
    yield from Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)


def closed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the document with `x-strict` in force and every object that lists its members closed to others."""

    def close(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node:
                node.setdefault("unevaluatedProperties", False)
            node.update(node.pop("x-strict", {}))
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    copied = copy.deepcopy(dict(document))
    close(copied)
    return copied


def references(node: Any) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(node, dict):
        for key, child in node.items():
            if key in {"$ref", "x-line-schema"}:
                yield child
            else:
                yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def problems_of(place: str, error: ValidationError) -> Iterator[Problem]:
    """Turn an error of jsonschema into problems: one for each undocumented member, else one."""
    for leaf in _leaves(error):
        if leaf.validator == "unevaluatedProperties":
            instance, schema = cast("tuple[dict[str, Any], dict[str, Any]]", (leaf.instance, leaf.schema))
            for name in sorted(instance.keys() - schema["properties"].keys()):
                member = f".{name}" if name.isidentifier() else f"[{name!r}]"
                yield Problem(place, leaf.json_path + member, UNDOCUMENTED, "is not described")
        else:
            yield Problem(place, leaf.json_path, str(leaf.validator), shown(leaf.message))


def _leaves(error: ValidationError) -> list[ValidationError]:
    """Return what is wrong within the alternative of an `anyOf` that has the instance's type, if one has."""
    if error.validator != "anyOf":
        return [error]
    elsewhere = {e.relative_schema_path[0] for e in error.context if e.validator == "type" and not e.relative_path}
    within = [e for e in error.context if e.relative_schema_path[0] not in elsewhere]
    return [leaf for e in within for leaf in _leaves(e)] or [error]
