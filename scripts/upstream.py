"""Compare spec/vectorize.yaml with Cloudflare's published OpenAPI document.

    python scripts/upstream.py PATH       every difference must be declared in spec/differences.yaml, and exist
    python scripts/upstream.py OLD NEW    what changed between two documents in the operations of the fragment

A document is whole or an excerpt, OpenAPI 3.0 or 3.1, JSON or YAML. Operations are matched by method and path,
schemas by what they say (`plain_operations.py`). A place is named by a JSON pointer that starts at the operation.
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

from plain_operations import Tree, exactly, operations, plain_operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SPEC = Path(__file__).parent.parent / "spec"


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
    elif ours is ABSENT or theirs is ABSENT or exactly(ours) != exactly(theirs):
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
    return (one is ABSENT) != (other is ABSENT) or (one is not ABSENT and exactly(one) != exactly(other))


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
    text = repr(value) if value is ABSENT else exactly(value)
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
