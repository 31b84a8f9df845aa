"""Docstrings of what is public say what each argument and attribute is, and of each error what to do."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

import render_reference
from cf_vectorize.base.options import _entries, _sections

if TYPE_CHECKING:
    from collections.abc import Iterator


def public() -> Iterator[tuple[str, Any]]:
    """Yield everything that the reference shows, but for the adapter of an engine that is not installed here."""
    for package, names in render_reference.documented().items():
        if package == render_reference.RAY:
            continue
        for name in sorted(names - render_reference.ALIASES.keys()):
            yield f"{package}.{name}", getattr(import_module(package), name)
    for module, handed in (found[1:] for found in render_reference.FIXTURES.values()):
        if hasattr(import_module(module), handed):
            yield f"{module}.{handed}", getattr(import_module(module), handed)


PUBLIC = dict(public())
METHODS = {
    f"{name}.{member}": getattr(function, "fget", function)
    for name, thing in PUBLIC.items()
    if isinstance(thing, type)
    for member, value in vars(thing).items()
    for function in [getattr(value, "__func__", value)]
    if not member.startswith("_") and (inspect.isfunction(function) or isinstance(value, property))
    if f"{thing.__name__}.{member}" not in render_reference.FOR_THE_CLIENT
}
FUNCTIONS = {**METHODS, **{name: thing for name, thing in PUBLIC.items() if inspect.isfunction(thing)}}
CLASSES = {name: thing for name, thing in PUBLIC.items() if isinstance(thing, type)}
EXCEPTIONS = {name: thing for name, thing in CLASSES.items() if issubclass(thing, BaseException)}
ERRORS = {name: thing for name, thing in EXCEPTIONS.items() if name.startswith("cf_vectorize.")}


def described(thing: Any, *headings: str) -> set[str]:
    """Return the names that sections of a docstring describe; of a class those of its bases too."""
    found = set()
    for documented in getattr(thing, "__mro__", [thing]):
        if getattr(documented, "__module__", "").startswith("cf_vectorize") and documented.__doc__:
            sections = _sections(documented)
            found |= {name for heading in headings for name in _entries(sections.get(heading, "")) if name}
    return found


def test_there_is_much_to_look_at() -> None:
    assert len(FUNCTIONS) > 100
    assert len(CLASSES) > 50


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_of_a_function_is_described(name: str) -> None:
    function = FUNCTIONS[name]
    assert (inspect.getdoc(function) or "").strip()
    taken = set(inspect.signature(function).parameters) - {"self", "cls"}
    assert described(function, "Args") == taken


@pytest.mark.parametrize("name", CLASSES)
def test_every_argument_and_attribute_of_a_class_is_described(name: str) -> None:
    thing = CLASSES[name]
    bases = [base for base in thing.__mro__ if base.__module__.startswith("cf_vectorize")]
    annotated = {each for base in bases for each in base.__annotations__ if not each.startswith("_")}
    made = (
        set() if name in EXCEPTIONS or thing.__init__ is object.__init__ else set(inspect.signature(thing).parameters)
    )
    made -= {"args", "kwargs", "found"}  # of a protocol; of a mapping that nobody makes
    assert annotated | made <= described(thing, "Args", "Attributes")


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_says_what_to_do(name: str) -> None:
    assert "\nWhat to do: " in (inspect.getdoc(ERRORS[name]) or "")


def test_every_error_is_on_the_page_of_errors_and_in_the_tree() -> None:
    page = {name for section in render_reference.PAGES["errors"].sections for name in section.names}
    assert page == {name.rpartition(".")[2] for name in ERRORS}
    tree = import_module("cf_vectorize_overlay.errors").__doc__ or ""
    assert {name for name in page if f" {name} " in tree.replace("\n", " ")} == page
