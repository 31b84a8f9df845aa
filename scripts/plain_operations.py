"""The operations of an OpenAPI document in one form for everything that says the same.

References are inlined, `allOf` is merged, `nullable` becomes the type null, and prose is left out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# Words for readers, and names that nothing on the wire shows. So are extensions, but for those that say who may
# call an operation and what a line of its body is.
PROSE = {"description", "summary", "title", "example", "examples", "externalDocs", "tags", "operationId"}
KEPT_EXTENSIONS = {"x-api-token-group", "x-cfPermissionsRequired", "x-line-schema"}
# Maps whose keys are names, not keywords.
NAMED = {"properties", "patternProperties", "$defs", "headers", "content", "responses"}
# What these hold is data or a list of names, not schemas.
DATA = {"type", "enum", "const", "default", "required", *KEPT_EXTENSIONS}
# Saying these is the same as saying nothing.
DEFAULTS = [("required", False), ("nullable", False), ("deprecated", False), ("readOnly", False), ("items", {})]
DEFAULTS += [("writeOnly", False), ("uniqueItems", False), ("additionalProperties", True)]
DEFAULTS += [("additionalProperties", {})]
TYPES = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
TYPES |= {list: "array", dict: "object"}

Tree = dict[str, Any]


def operations(document: Tree) -> dict[tuple[str, str], tuple[Tree, Tree]]:
    """Return each operation with its path item, by method and path; names of path parameters do not count."""
    return {
        (method, re.sub(r"\{[^}]*\}", "{}", path)): (item[method], item)
        for path, item in document["paths"].items()
        for method in ("get", "put", "post", "delete", "patch")
        if method in item
    }


def plain_operation(document: Tree, operation: Tree, path_item: Tree) -> Tree:
    """Put one operation into its plain form: parameters by place and name, credentials and servers in words."""
    tree: Tree = plain(operation, document)
    tree["parameters"] = {}
    for parameter in plain([*path_item.get("parameters", []), *operation.get("parameters", [])], document):
        place, name = parameter.pop("in"), parameter.pop("name")
        tree["parameters"].setdefault(place, {})[name] = parameter
    security: list[Tree] = (operation if "security" in operation else document).get("security", [])
    tree["security"] = sorted(
        " and ".join(sorted(_credential(name, document) for name in needed)) for needed in security
    )
    servers = operation.get("servers") or path_item.get("servers") or document.get("servers") or []
    tree["servers"] = sorted(server["url"] for server in servers)
    return tree


def _credential(name: str, document: Tree) -> str:
    scheme = look_up(f"#/components/securitySchemes/{name}", document)
    return str(scheme["scheme"]) if scheme["type"] == "http" else f"{scheme['in']} {scheme['name']}"


def plain(node: Any, document: Tree, trail: tuple[str, ...] = ()) -> Any:
    """Inline references, drop prose, and bring each schema into one form."""
    if isinstance(node, list):
        return [plain(child, document, trail) for child in node]
    if not isinstance(node, dict):
        return node
    tree: Tree = {}
    for key, value in node.items():
        if key in PROSE or (key.startswith("x-") and key not in KEPT_EXTENSIONS):
            continue
        if key == "$ref" and value in trail:
            tree["$ref"] = "what holds it"
        elif key == "$ref":
            tree.setdefault("allOf", []).append(plain(look_up(value, document), document, (*trail, value)))
        elif key == "allOf":
            tree.setdefault("allOf", []).extend(plain(value, document, trail))
        elif key in NAMED:
            tree[key] = {str(name): plain(child, document, trail) for name, child in value.items()}
        elif key in DATA:
            tree[key] = value
        else:
            tree[key] = plain(value, document, trail)
    return simple(tree)


def look_up(reference: str, document: Tree) -> Any:
    """Follow a reference within the document."""
    found: Any = document
    for token in reference.removeprefix("#/").split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if name not in found:
            raise ValueError(f"nothing stands at {reference}; an excerpt has to hold what its operations refer to")
        found = found[name]
    return found


def simple(tree: Tree) -> Tree:
    """Bring one schema, whose parts are simple already, into one form; what is no schema passes unchanged."""
    parts = tree.pop("allOf", [])
    if "const" in tree:
        tree["enum"] = [tree.pop("const")]
    if isinstance(tree.get("type"), str):
        tree["type"] = [tree["type"]]
    if tree.pop("nullable", False) and "type" in tree:
        tree["type"] = [*tree["type"], "null"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if tree.get(exclusive) is True:
            tree[exclusive] = tree.pop(bound)
    for key in ("anyOf", "oneOf"):
        if key in tree and (alternatives := one_schema(tree[key])) is not None:
            del tree[key]
            parts.append(alternatives)
    for part in parts:
        tree = both(tree, part)
    return consistent({key: value for key, value in tree.items() if (key, value) not in DEFAULTS})


def one_schema(alternatives: Sequence[Tree]) -> Tree | None:
    """Say as one schema that any of these may hold, if all but one are nothing but a type."""
    detailed = [schema for schema in alternatives if schema.keys() != {"type"}]
    if len(detailed) > 1 or any("enum" in schema or "type" not in schema for schema in detailed):
        return None
    types = {name for schema in alternatives for name in schema["type"]}
    return {**(detailed[0] if detailed else {}), "type": sorted(types)}


def both(one: Tree, other: Tree) -> Tree:
    """Say as one schema that both of these hold."""
    merged = dict(one)
    for key, value in other.items():
        if key not in merged or merged[key] == value:
            merged[key] = value
        elif key == "properties":
            shared = {name: both(merged[key][name], value[name]) for name in merged[key].keys() & value.keys()}
            merged[key] = {**merged[key], **value, **shared}
        elif key == "required":
            merged[key] = [*merged[key], *value]
        elif key in {"type", "enum"}:
            merged[key] = [member for member in merged[key] if exactly(member) in map(exactly, value)]
        elif key.startswith(("min", "exclusiveMin")):
            merged[key] = max(merged[key], value)
        elif key.startswith(("max", "exclusiveMax")):
            merged[key] = min(merged[key], value)
        elif isinstance(value, dict):
            merged[key] = both(merged[key], value)
        else:
            merged.setdefault("allOf", []).append({key: value})
    return consistent(merged)


def consistent(tree: Tree) -> Tree:
    """Let `type` and `enum` say the same, and put lists whose order means nothing in order."""
    if "enum" in tree:
        types = tree.get("type", TYPES.values())
        tree["enum"] = [value for value in tree["enum"] if TYPES[type(value)] in types]
        tree["type"] = list({TYPES[type(value)] for value in tree["enum"]})
        if tree["type"] in ([], ["null"]):
            del tree["enum"]
    for key in ("type", "enum", "required"):
        if isinstance(tree.get(key), list):
            tree[key] = [json.loads(text) for text in sorted(set(map(exactly, tree[key])))]
    return tree


def exactly(value: Any) -> str:
    """Tell apart what Python holds for equal, such as 1 and true."""
    return json.dumps(value, sort_keys=True, default=str)
