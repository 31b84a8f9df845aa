"""The reference has what is public, and nothing else."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import render_reference

ROOT = Path(__file__).parents[2]
HANDED = {"cf_vectorize.load.report": {"Counts"}, "cf_vectorize_emulator.core.activity": {"RequestRecord"}}


def public_names(package: str) -> set[str]:
    """Return a package's `__all__`; of the adapter, whose engine is not installed here, as its text says it."""
    if package != render_reference.RAY:
        return set(import_module(package).__all__)
    tree = ast.parse((ROOT / "client/cf_vectorize/ray/__init__.py").read_text(encoding="utf-8"))
    (written,) = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return set(ast.literal_eval(written))


@pytest.mark.parametrize(
    "package",
    ["cf_vectorize", "cf_vectorize_overlay", "cf_vectorize_contract", "cf_vectorize_emulator", "cf_vectorize.ray"],
)
def test_the_pages_hold_what_is_public(package: str) -> None:
    documented, public = render_reference.documented()[package], public_names(package)
    assert documented == public, f"put {sorted(public - documented)} on a page in scripts/render_reference.py"


def test_the_pages_hold_nothing_else_but_what_people_are_handed() -> None:
    packages = {"cf_vectorize", "cf_vectorize_overlay", "cf_vectorize_contract", "cf_vectorize_emulator"}
    others = {home: names for home, names in render_reference.documented().items() if home not in packages}
    assert others == {**HANDED, "cf_vectorize.ray": others["cf_vectorize.ray"]}


def test_a_name_stands_on_one_page() -> None:
    named = [
        (section.package, name)
        for page in render_reference.PAGES.values()
        for section in page.sections
        for name in section.names
    ]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", render_reference.SHARED.split())
def test_what_two_packages_have_is_the_same_object(name: str) -> None:
    assert getattr(import_module("cf_vectorize"), name) is getattr(import_module("cf_vectorize_overlay"), name)
