"""The walls of the house: what may lean on what, and what is public."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
import yaml

import cf_vectorize
from cf_vectorize_overlay import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
# A file imports from its own folder and from what stands to the right; imports for type checking count.
RULE = "cli | ray -> client -> load -> read -> checks -> source -> base -> cf_vectorize_overlay -> cf_vectorize_api"
FLOORS = [{room.strip() for room in floor.split("|")} for floor in RULE.split("->")]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What stands beside the house, and what of it each may lean on.
BESIDE = {
    "cf_vectorize_contract": {"cf_vectorize_overlay"},
    "cf_vectorize_emulator": set[str](),
    "cf_vectorize_api": set[str](),
}
ONLY_THE_COMMAND_LINE_LEANS_ON = {"cf_vectorize_contract", "cf_vectorize_emulator"}


def sources() -> dict[str, str]:
    """Return the text of every module, by its dotted name."""
    found = {}
    for root in ("client", "overlay", "generated", "contract", "emulator"):
        for path in (ROOT / root).rglob("*.py"):
            parts = path.relative_to(ROOT / root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


MODULES = sources()
IMPORTS_BY_NAME = {"Late", "import_module"}


@cache
def imports(module: str, text: str) -> frozenset[str]:
    """Return what a module imports: modules of this repository where they are some, else the name as it stands."""
    package = module if is_package(module) else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else base for name in names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPORTS_BY_NAME:
            found |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    return frozenset(found)


def is_package(module: str) -> bool:
    return any(other.startswith(f"{module}.") for other in MODULES)


def room_of(module: str) -> str:
    """Return the folder of a module: a room of the client, `client` for what lies beside them, or its package."""
    package, *inner = module.split(".")
    if package != "cf_vectorize":
        return package
    if inner == ["__main__"]:
        return "cli"
    return inner[0] if len(inner) > 1 or (is_package(module) and inner) else "client"


def arrows(modules: dict[str, str]) -> list[tuple[str, str]]:
    """Return each import of one module of this repository by another."""
    return sorted(
        (module, other) for module, text in modules.items() for other in imports(module, text) & MODULES.keys()
    )


def wrong_arrows(modules: dict[str, str]) -> list[str]:
    return [f"{module} -> {other}" for module, other in arrows(modules) if not may(room_of(module), room_of(other))]


def may(room: str, other: str) -> bool:
    if room == other:
        return True
    if room in BESIDE:
        return other in BESIDE[room]
    if other in ONLY_THE_COMMAND_LINE_LEANS_ON:
        return room == "cli"
    return FLOOR_OF[room] < FLOOR_OF[other]


def circles(modules: dict[str, str]) -> list[str]:
    """Return every module that leads back to itself within its room."""
    leads_to: dict[str, set[str]] = {module: set() for module in modules}
    for module, other in arrows(modules):
        if room_of(module) == room_of(other):
            leads_to[module].add(other)

    def reachable(start: str) -> set[str]:
        found: set[str] = set()
        ahead = set(leads_to[start])
        while ahead:
            module = ahead.pop()
            found.add(module)
            ahead |= leads_to[module] - found
        return found

    return [module for module in leads_to if module in reachable(module)]


HANDWRITTEN = {module: text for module, text in MODULES.items() if not module.startswith("cf_vectorize_api")}


def test_every_room_has_its_place_in_the_rule() -> None:
    rooms = {room_of(module) for module in MODULES}
    assert rooms - BESIDE.keys() <= FLOOR_OF.keys()
    assert rooms >= {"cli", "client", "load", "read", "checks", "source", "base", "cf_vectorize_overlay"}
    assert RULE in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_arrows_run_one_way() -> None:
    assert len(arrows(MODULES)) > 150
    assert wrong_arrows(MODULES) == []


def test_no_circle() -> None:
    assert circles(HANDWRITTEN) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("cf_vectorize.source.open", "from cf_vectorize.read.sampling import Sampler"),
        ("cf_vectorize.source.open", "import cf_vectorize.client"),
        ("cf_vectorize.base.progress", "from cf_vectorize.source import cut"),
        ("cf_vectorize.read.verify", "if TYPE_CHECKING:\n    from cf_vectorize.load.report import InsertReport"),
        ("cf_vectorize.client", "def later():\n    from cf_vectorize.cli import main"),
        ("cf_vectorize.load.report", "from cf_vectorize import InsertReport"),
        ("cf_vectorize.base.progress", 'cut = Late("cf_vectorize.source.cut")'),
        ("cf_vectorize_overlay.errors", "from cf_vectorize.load import report"),
        ("cf_vectorize_contract.probes", "from cf_vectorize import Vectorize"),
        ("cf_vectorize_emulator.command", "import cf_vectorize_overlay.limits"),
        ("cf_vectorize.load.insert", "import cf_vectorize_emulator"),
    ],
)
def test_an_arrow_the_wrong_way_is_noticed(module: str, line: str) -> None:
    assert wrong_arrows({**MODULES, module: f"{MODULES[module]}\n{line}\n"}) != []


def test_a_circle_in_a_room_is_noticed() -> None:
    line = "if TYPE_CHECKING:\n    from .index import BASE_URL"
    assert circles(
        {**HANDWRITTEN, "cf_vectorize_overlay.errors": f"{MODULES['cf_vectorize_overlay.errors']}\n{line}\n"}
    )


def who_imports(*packages: str) -> set[str]:
    return {
        module
        for module, text in HANDWRITTEN.items()
        if any(name.split(".")[0] in packages for name in imports(module, text))
    }


def test_one_file_knows_the_http_library() -> None:
    ours = {
        module
        for module in who_imports("httpx", "httpcore", "httpx2")
        if module.startswith(("cf_vectorize.", "cf_vectorize_overlay"))
    }
    assert ours == {"cf_vectorize_overlay.wire"}


def test_the_overlay_alone_sends_through_generated_and_nobody_uses_its_private_names() -> None:
    used = {
        name for text_of in HANDWRITTEN.items() for name in imports(*text_of) if name.startswith("cf_vectorize_api")
    }
    assert used
    assert not [name for name in used if any(part.startswith("_") for part in name.split("."))]
    assert {room_of(module) for module in who_imports("cf_vectorize_api")} <= {"cf_vectorize_overlay", "load"}


# What is public.


ALIASES = {"AsyncSourceLike", "SourceLike"}


def public_members() -> Iterator[tuple[str, Any]]:
    for name in set(cf_vectorize.__all__) - ALIASES:
        thing = getattr(cf_vectorize, name)
        yield name, thing
        for member, value in vars(thing).items():
            if not member.startswith("_") and (callable(value) or isinstance(value, property | classmethod)):
                yield f"{name}.{member}", value


def test_what_is_listed_is_what_is_visible() -> None:
    """In a fresh process: submodules appear in a package's namespace as they are imported."""
    code = "import cf_vectorize as p; print(*sorted(n for n in dir(p) if not n.startswith('_')))"
    seen = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    machinery = {"annotations"}
    assert set(seen) - machinery <= set(cf_vectorize.__all__)
    assert all(getattr(cf_vectorize, name).__name__ == name for name in set(cf_vectorize.__all__) - ALIASES)
    assert sorted(cf_vectorize.__all__) == list(cf_vectorize.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cf_vectorize.nothing  # noqa: B018


def test_public_names_are_few() -> None:
    things = {name: getattr(cf_vectorize, name) for name in cf_vectorize.__all__}
    errors = {name for name, thing in things.items() if isinstance(thing, type) and issubclass(thing, BaseException)}
    assert len(set(cf_vectorize.__all__) - errors) <= 24


def test_every_public_name_has_a_docstring() -> None:
    assert [name for name, thing in public_members() if not (inspect.getdoc(thing) or "").strip()] == []


# Their types are those of extras.
OF_EXTRAS = {"Vectors.to_numpy", "Vectors.to_arrow"}


def test_the_types_of_everything_public_can_be_asked_for() -> None:
    asked = {name: thing for name, thing in public_members() if not isinstance(thing, property)}
    asked |= {f"{face}.__init__": getattr(cf_vectorize, face).__init__ for face in ("Vectorize", "AsyncVectorize")}
    hints = {name: get_type_hints(thing) for name, thing in asked.items() if name not in OF_EXTRAS}
    assert hints["Vectorize.insert"]["return"] is cf_vectorize.InsertReport
    assert hints["AsyncVectorize.verify"]["return"] is cf_vectorize.VerifyReport
    assert hints["Vectorize.__init__"]["budget"] == cf_vectorize.Budget | None
    assert hints["RejectedError"]["line"] == int | None


def test_no_type_of_the_http_library_is_public() -> None:
    for name, thing in public_members():
        members = inspect.signature(thing).parameters.values() if inspect.isfunction(thing) else ()
        told = " ".join([str(getattr(thing, "__annotations__", "")), *map(str, members)])
        assert "httpx" not in told, name
        for base in getattr(thing, "__mro__", ()):
            assert not base.__module__.startswith(("httpx", "httpcore")), name


def normalised(method: Any) -> dict[str, tuple[Any, str, Any]]:
    """Return a method's parameters, without what awaiting changes in their types."""

    def blocking(annotation: object) -> str:
        return str(annotation).replace(" | AsyncIterable[str]", "").replace("AsyncSourceLike", "SourceLike")

    return {
        name: (parameter.kind, blocking(parameter.annotation), parameter.default)
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
        "import sys; from cf_vectorize.cli import main as cli\n"
        "try: cli.main(['insert', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr.split()
    assert {"httpx", "orjson", "cf_vectorize_api", "numpy", "starlette", "ssl"}.isdisjoint(loaded)
