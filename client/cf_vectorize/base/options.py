"""Options that are said once: a method's keywords, whose names, defaults and meaning others take from it."""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

from .extras import Late

if TYPE_CHECKING:
    import difflib
    import inspect
    from collections.abc import Callable, Iterable, Mapping
else:
    # What help needs none of.
    difflib, inspect = Late("difflib"), Late("inspect")

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
A = TypeVar("A")

_SECTION = re.compile(r"^(\w+):\n", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): .*(?:\n     .*)*", re.MULTILINE)


class Option(NamedTuple):
    """One option of a method, as its signature and its docstring say it."""

    default: Any
    annotation: str
    meaning: str


def options_of(stated: Callable[..., Any], documented: Any = None) -> dict[str, Option]:
    """Return the options of a function by name.

    Args:
        stated: Has them as keywords.
        documented: Whose docstring says what they mean, where that is another, such as the class of an `__init__`.

    """
    function = cast("Any", getattr(stated, "__wrapped__", stated))
    meanings = _entries(_sections(documented or stated).get("Args", ""))
    return {
        name: Option(default, function.__annotations__[name], _meaning(meanings.get(name, "")))
        for name, default in function.__kwdefaults__.items()
    }


def filled(stated: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a caller gave, and the rest with the defaults that the function states.

    Raises:
        TypeError: The function has no such option.

    """
    defaults: dict[str, Any] = cast("Any", getattr(stated, "__wrapped__", stated)).__kwdefaults__
    refuse_others(given, defaults)
    return {**defaults, **given}


def refuse_others(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names that are not known.

    Raises:
        TypeError: Names the first one, and the nearest that is known.

    """
    known = list(known)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise TypeError(f"no option {name}; {hint}")


def states_options(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method answer an option that it does not have with the nearest one."""
    function = cast("Any", method)
    names = function.__code__.co_varnames[1 : function.__code__.co_argcount + function.__code__.co_kwonlyargcount]

    @wraps(method)
    def call(*args: P.args, **given: P.kwargs) -> R:
        refuse_others(given, names)
        return method(*args, **given)

    return call


def takes_options_of(
    stated: Callable[Concatenate[Any, Any, P], Any],
) -> Callable[[Callable[Concatenate[S, A, ...], R]], Callable[Concatenate[S, A, P], R]]:
    """Let a method with `**options` show the options of another one, in its signature and in its docstring.

    What its docstring says by itself stands; sections and arguments that it leaves out are the other's.
    """

    def adopt(method: Callable[Concatenate[S, A, ...], R]) -> Callable[Concatenate[S, A, P], R]:
        own = inspect.signature(method)
        signature = inspect.signature(stated)
        parameters = [own.parameters.get(name, parameter) for name, parameter in signature.parameters.items()]
        adopted = cast("Any", method)
        adopted.__signature__ = signature.replace(parameters=parameters, return_annotation=own.return_annotation)
        adopted.__doc__ = _adopted_text(stated, method)
        return cast("Callable[Concatenate[S, A, P], R]", method)

    return adopt


def _adopted_text(stated: Any, method: Any) -> str:
    theirs, ours = _sections(stated), _sections(method)
    arguments = {**_entries(theirs.get("Args", "")), **_entries(ours.get("Args", ""))}
    arguments.pop("options", None)
    ending = "Yields" if "Yields" in ours else "Returns"
    theirs = {ending if heading == "Returns" else heading: text for heading, text in theirs.items()}
    sections = {**theirs, **ours, "Args": "\n".join(arguments.values())}
    first = sections.pop("")
    return "\n\n".join([first, *(f"{name}:\n{text}" for name, text in sections.items()), ""])


def _sections(documented: Any) -> dict[str, str]:
    """Return the sections of a docstring by their headings, the text before them by the empty one."""
    parts = ["", *_SECTION.split(inspect.cleandoc(documented.__doc__ or ""))]
    return {heading: text.strip("\n") for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def _entries(section: str) -> dict[str, str]:
    """Return the entries of a section by name, each with the lines that go on with it."""
    return {entry[1]: entry[0] for entry in _ENTRY.finditer(section)}


def _meaning(entry: str) -> str:
    """Return what an entry says, on one line."""
    return " ".join(entry.partition(": ")[2].split())
