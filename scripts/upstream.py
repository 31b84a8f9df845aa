"""Compare spec/vectorize.yaml with Cloudflare's published OpenAPI document.

    python scripts/upstream.py PATH       every difference must be declared in spec/differences.yaml, and exist
    python scripts/upstream.py OLD NEW    what changed between two documents in the operations of the fragment

A document is whole or an excerpt, OpenAPI 3.0 or 3.1, JSON or YAML. Operations are matched by method and path,
schemas by what they say: references are inlined, `allOf` is merged, `nullable` becomes the type null, and prose
is left out. A place is named by a JSON pointer that starts at the operation.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SPEC = Path(__file__).parent.parent / "spec"

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


class Absent:
    """The value of what one side does not say."""

    def __repr__(self) -> str:
        """Name it as the output does."""
        return "(absent)"


ABSENT = Absent()


@dataclass(frozen=True)
class Difference:
    """A place where two documents differ, and what each says there."""

    pointer: str
    ours: Any
    theirs: Any


# --- reading


def load(path: Path) -> Tree:
    """Read a document, JSON or YAML."""
    text = path.read_text(encoding="utf-8")
    try:
        document = json.loads(text)
    except ValueError:
        document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(document, dict) or "paths" not in document:
        raise ValueError(f"{path} is no OpenAPI document: it has no `paths`")
    return cast("Tree", document)


def declarations(path: Path) -> dict[str, Any]:
    """Read the declared differences from Cloudflare's document: what it says, by pointer."""
    declared: dict[str, Any] = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        if "page" in entry:
            continue
        for pointer in expand(entry["pointer"]):
            if pointer in declared:
                raise ValueError(f"{path.name} declares {pointer} twice")
            declared[pointer] = entry.get("theirs", ABSENT)
    return declared


def expand(pattern: str) -> list[str]:
    """Return the pointers that a pointer with alternatives in braces stands for: `/{a,b}/c` is `/a/c` and `/b/c`."""
    alternatives = [part.split(",") for part in re.split(r"[{}]", pattern)]
    return ["".join(chosen) for chosen in itertools.product(*alternatives)]


# --- one form for everything that says the same


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
            merged[key] = [member for member in merged[key] if _exactly(member) in map(_exactly, value)]
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
            tree[key] = [json.loads(text) for text in sorted(set(map(_exactly, tree[key])))]
    return tree


def _exactly(value: Any) -> str:
    """Tell apart what Python holds for equal, such as 1 and true."""
    return json.dumps(value, sort_keys=True, default=str)


# --- comparing


def compare(ours: Tree, theirs: Tree, fragment: Tree) -> list[Difference]:
    """Return the differences of two documents in the operations of a fragment, which also names them."""
    named = {key: operation["operationId"] for key, (operation, _) in operations(fragment).items()}
    one, other = operations(ours), operations(theirs)
    if not named.keys() & one.keys() & other.keys():
        raise ValueError("the documents share none of the fragment's operations: nothing was compared")
    return list(
        _differences(
            {name: plain_operation(ours, *one[key]) for key, name in named.items() if key in one},
            {name: plain_operation(theirs, *other[key]) for key, name in named.items() if key in other},
        )
    )


def _differences(ours: Any, theirs: Any, pointer: str = "") -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            step = key.replace("~", "~0").replace("/", "~1")
            yield from _differences(ours.get(key, ABSENT), theirs.get(key, ABSENT), f"{pointer}/{step}")
    elif ours is ABSENT or theirs is ABSENT or _exactly(ours) != _exactly(theirs):
        yield Difference(pointer, ours, theirs)


@dataclass(frozen=True)
class Drift:
    """Where a document and the declared differences disagree.

    Attributes:
        undeclared: Differences that are not declared.
        gone: Pointers that are declared, where the documents agree.
        changed: Differences that are declared, but with another value on Cloudflare's side.

    """

    undeclared: list[Difference]
    gone: list[str]
    changed: list[Difference]

    def __bool__(self) -> bool:
        """Tell whether there is anything to act on."""
        return bool(self.undeclared or self.gone or self.changed)


def drift(found: Sequence[Difference], declared: Mapping[str, Any]) -> Drift:
    """Hold what was found against what is declared."""
    known = [d for d in found if d.pointer in declared]
    return Drift(
        undeclared=[d for d in found if d.pointer not in declared],
        gone=sorted(declared.keys() - {d.pointer for d in found}),
        changed=[d for d in known if _differs(d.theirs, declared[d.pointer])],
    )


def _differs(one: Any, other: Any) -> bool:
    return (one is ABSENT) != (other is ABSENT) or (one is not ABSENT and _exactly(one) != _exactly(other))


# --- telling


def as_diff(found: Sequence[Difference]) -> Iterator[str]:
    """Write differences as a diff, the same change at several places once."""
    places = defaultdict(list)
    for difference in found:
        places[_shown(difference.ours), _shown(difference.theirs), difference.pointer.rpartition("/")[2]].append(
            difference.pointer
        )
    for (ours, theirs, _), pointers in places.items():
        yield from (f"@@ {pointer}" for pointer in pointers)
        yield from (f"{sign} {text}" for sign, text in (("-", ours), ("+", theirs)) if text != repr(ABSENT))


def _shown(value: Any) -> str:
    text = repr(value) if value is ABSENT else _exactly(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text):,} characters)"  # noqa: PLR2004 - a screenful


def report(drifted: Drift, path: Path, declared: Mapping[str, Any]) -> Iterator[str]:
    """Say in words what to do about a drift."""
    yield f"--- spec/vectorize.yaml\n+++ {path}"
    if drifted.undeclared:
        yield "\nNot declared in spec/differences.yaml. Follow Cloudflare's document, or declare why not:"
        yield from as_diff(drifted.undeclared)
    if drifted.changed:
        yield "\nDeclared, but Cloudflare's document no longer says what spec/differences.yaml quotes. Judge anew:"
        for difference in drifted.changed:
            quoted = Difference(difference.pointer, declared[difference.pointer], difference.theirs)
            yield from as_diff([quoted])
    if drifted.gone:
        yield "\nDeclared, but the documents agree here now. Take out of spec/differences.yaml:"
        yield from (f"@@ {pointer}" for pointer in drifted.gone)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; 0 nothing to act on, 1 something, 2 nothing could be compared."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    paths = parser.parse_args(arguments).paths
    try:
        fragment = load(SPEC / "vectorize.yaml")
        if len(paths) > 1:
            old, new = paths
            found = compare(load(old), load(new), fragment)
            print(f"--- {old}\n+++ {new}", *as_diff(found), sep="\n")
            return 1 if found else 0
        declared = declarations(SPEC / "differences.yaml")
        found = compare(fragment, load(paths[0]), fragment)
    except (OSError, ValueError, yaml.YAMLError) as error:
        print(f"upstream: {error}", file=sys.stderr)
        return 2
    except KeyError as error:
        print(f"upstream: the document is no valid OpenAPI: something in it has no {error}", file=sys.stderr)
        return 2
    if drifted := drift(found, declared):
        print(*report(drifted, paths[0], declared), sep="\n")
        return 1
    print(f"{len(found)} differences from {paths[0]}, all of them declared in spec/differences.yaml.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
