"""The walls of the house: what may lean on what, and what is public."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import cf_vectorize
from cf_vectorize import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "overlay": ROOT / "overlay" / "cf_vectorize",
    "generated": ROOT / "generated" / "cf_vectorize_api",
    "contract": ROOT / "contract" / "cf_vectorize_contract",
    "emulator": ROOT / "emulator" / "cf_vectorize_emulator",
}
COMMAND_LINE = {"__main__", "cli", "terminal"}
# From the top floor down: a room leans on its own floor and those below.
FLOORS = [
    COMMAND_LINE,
    {"__init__", "client", "async_client", "survey"},
    {"engine", "threads"},
    {"insert", "lookup", "verify", "export"},
    {"transport"},
]


def imports(path: Path, *, at_run_time: bool) -> Iterator[str]:
    """Give the modules that a file imports, absolutely named; those for type checking only where asked."""
    package = path.parent.relative_to(next(root.parent for root in PACKAGES.values() if root in path.parents)).parts
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if at_run_time and id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            source = base if node.level else str(node.module)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def rooms(package: str) -> dict[str, Path]:
    return {path.stem: path for path in PACKAGES[package].glob("*.py")}


def inner_imports(room: str, *, at_run_time: bool = True) -> set[str]:
    """Give the rooms of the overlay that one of them imports."""
    found = {name.split(".")[1] for name in imports(rooms("overlay")[room], at_run_time=at_run_time)
             if name.startswith("cf_vectorize.")}  # fmt: skip
    return found & rooms("overlay").keys()


def reachable(room: str) -> set[str]:
    found: set[str] = set()
    ahead = {room}
    while ahead:
        next_room = ahead.pop()
        found.add(next_room)
        ahead |= inner_imports(next_room) - found
    return found - {room}


def test_the_rooms_are_where_the_test_looks() -> None:
    assert set().union(*FLOORS) <= rooms("overlay").keys()
    assert inner_imports("engine") >= {"insert", "lookup", "transport"}
    assert "httpx" in set(imports(rooms("overlay")["transport"], at_run_time=True))


def test_arrows_run_down_only() -> None:
    floor_of = {room: floor for floor, found in enumerate(FLOORS) for room in found}
    upward = [
        f"{room} -> {other}"
        for room in rooms("overlay")
        for other in inner_imports(room)
        if other != "__init__" and floor_of.get(other, len(FLOORS)) < floor_of.get(room, len(FLOORS))
    ]
    assert upward == []


def test_no_circle_at_run_time() -> None:
    assert [room for room in rooms("overlay") if any(room in reachable(other) for other in inner_imports(room))] == []


PURE = {
    "ndjson": {"body", "limits"},
    "encode": set(),
    "records": {"encode", "errors"},
    "linecheck": {"errors", "limits"},
    "decode": set(),
    "envelope": {"decode", "errors"},
    "errors": set(),
    "defaults": set(),
    "limits": set(),
    "pacing": {"limits"},
    "vector": set(),
}


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_leans_on_nobody_who_reads_or_sends(room: str) -> None:
    assert inner_imports(room) <= PURE[room]
    outside = {name.split(".")[0] for name in imports(rooms("overlay")[room], at_run_time=True)}
    assert outside.isdisjoint(
        {"httpx", "socket", "asyncio", "subprocess", "cf_vectorize_api", "cf_vectorize_emulator"}
    )


def test_only_the_transport_knows_httpx() -> None:
    knows = {
        room
        for room, path in rooms("overlay").items()
        if any(name.split(".")[0] in {"httpx", "httpcore"} for name in imports(path, at_run_time=False))
    }
    assert knows == {"transport"}


def test_only_the_transport_sends_through_generated_and_nobody_uses_its_private_names() -> None:
    for room, path in rooms("overlay").items():
        used = [name for name in imports(path, at_run_time=False) if name.startswith("cf_vectorize_api")]
        assert not any(part.startswith("_") for name in used for part in name.split(".")), room
        if room not in {"transport", "__init__"}:
            assert not [name for name in imports(path, at_run_time=True) if name.startswith("cf_vectorize_api")], room


@pytest.mark.parametrize(
    ("package", "may"),
    [("generated", {"cf_vectorize_api"}), ("emulator", {"cf_vectorize_emulator"})],
)
def test_generated_and_emulator_lean_on_none_of_the_others(package: str, may: set[str]) -> None:
    paths = list(PACKAGES[package].rglob("*.py"))
    assert len(paths) > 3
    used = {name.split(".")[0] for path in paths for name in imports(path, at_run_time=False)}
    assert {name for name in used if name.startswith("cf_vectorize")} <= may


def test_the_overlay_leans_on_the_emulator_and_the_contract_in_the_command_line_only() -> None:
    leans = {
        room
        for room, path in rooms("overlay").items()
        for name in imports(path, at_run_time=False)
        if name.startswith(("cf_vectorize_emulator", "cf_vectorize_contract"))
    }
    assert leans <= {"cli"}


# What is public.


def public_members() -> Iterator[tuple[str, Any]]:
    for name in cf_vectorize.__all__:
        thing = getattr(cf_vectorize, name)
        yield name, thing
        for member, value in vars(thing).items():
            if not member.startswith("_") and (callable(value) or isinstance(value, property | classmethod)):
                yield f"{name}.{member}", value


def test_what_is_listed_is_what_is_visible() -> None:
    """In a fresh process: submodules appear in a package's namespace as they are imported."""
    code = "import cf_vectorize as p; print(*sorted(n for n in dir(p) if not n.startswith('_')))"
    seen = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    machinery = {"annotations", "import_module", "limits", "TYPE_CHECKING"}
    assert set(seen) - machinery <= set(cf_vectorize.__all__)
    assert all(getattr(cf_vectorize, name).__name__ == name for name in cf_vectorize.__all__)
    assert sorted(cf_vectorize.__all__) == list(cf_vectorize.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cf_vectorize.nothing  # noqa: B018


def test_public_names_are_few() -> None:
    things = {name: getattr(cf_vectorize, name) for name in cf_vectorize.__all__}
    errors = {name for name, thing in things.items() if isinstance(thing, type) and issubclass(thing, BaseException)}
    assert len(set(cf_vectorize.__all__) - errors) <= 15


def test_every_public_name_has_a_docstring() -> None:
    assert [name for name, thing in public_members() if not (inspect.getdoc(thing) or "").strip()] == []


def test_no_type_of_the_http_library_is_public() -> None:
    for name, thing in public_members():
        members = inspect.signature(thing).parameters.values() if inspect.isfunction(thing) else ()
        told = " ".join([str(getattr(thing, "__annotations__", "")), *map(str, members)])
        assert "httpx" not in told, name
        for base in getattr(thing, "__mro__", ()):
            assert not base.__module__.startswith(("httpx", "httpcore")), name


def normalised(method: Any) -> dict[str, tuple[Any, str, Any]]:
    """Give a method's parameters, without what awaiting changes in their types."""
    return {
        name: (parameter.kind, str(parameter.annotation).replace(" | AsyncIterable[str]", ""), parameter.default)
        for name, parameter in inspect.signature(method).parameters.items()
    }


def test_both_faces_have_the_same_methods_with_the_same_arguments() -> None:
    blocking, awaiting = cf_vectorize.Vectorize, cf_vectorize.AsyncVectorize
    methods = {name for name, thing in vars(blocking).items() if callable(thing) and not name.startswith("_")}
    others = {name for name, thing in vars(awaiting).items() if callable(thing) and not name.startswith("_")}
    assert methods - {"close"} == others - {"aclose"}
    assert methods >= {"insert", "insert_batches", "get_by_ids", "iter_by_ids"}
    for name in methods - {"close"}:
        assert normalised(getattr(blocking, name)) == normalised(getattr(awaiting, name)), name
        result = str(inspect.signature(getattr(awaiting, name)).return_annotation)
        assert result.replace("Async", "") == str(inspect.signature(getattr(blocking, name)).return_annotation), name
    assert inspect.signature(blocking) == inspect.signature(awaiting)


def test_an_attribute_of_a_client_is_private() -> None:
    with cf_vectorize.Vectorize("i", account_id="a", api_token="t", base_url="http://127.0.0.1:1") as client:
        assert [name for name in vars(client) if not name.startswith("_")] == []


# Limits are those of the specification.


def test_limits_are_those_of_the_specification() -> None:
    written = yaml.safe_load((ROOT / "spec" / "vectorize.yaml").read_text())["x-limits"]
    stated = {
        name.lower(): value for name, value in vars(limits).items() if name.isupper() and isinstance(value, int)
    }
    assert stated == {name: entry["value"] for name, entry in written.items()}


def test_help_is_quick() -> None:
    """It imports neither the HTTP stack nor what parses JSON."""
    code = (
        "import sys; from cf_vectorize import cli\n"
        "try: cli.main(['insert', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr.split()
    assert {"httpx", "orjson", "cf_vectorize_api", "numpy", "starlette", "ssl"}.isdisjoint(loaded)


def test_modules_are_modules() -> None:
    """Each room can be imported by itself, first."""
    for room in rooms("overlay").keys() - {"__main__"}:
        assert isinstance(importlib.import_module(f"cf_vectorize.{room}"), types.ModuleType)
