"""Options that are said once: a method's keywords, whose names, defaults and meaning others take from it."""

from __future__ import annotations

import sys
from functools import wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from .extras import Late

if TYPE_CHECKING:
    import difflib
    from collections.abc import Callable, Iterable, Mapping
else:
    difflib = Late("difflib")

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
A = TypeVar("A")

# Regular expressions, named tuples and `inspect` would be most of what help takes: plain loops serve here.


def options_of(stated: Callable[..., Any], documented: Any = None) -> dict[str, tuple[Any, str, str]]:
    """Return the options of a function by name: of each its default, its annotation, and its meaning.

    Args:
        stated: Has them as keywords.
        documented: Whose docstring says what they mean, where that is another, such as the class of an `__init__`.

    """
    function = _function(stated)
    meanings = _entries(_sections(documented or stated).get("Args", ""))
    return {
        name: (default, function.__annotations__[name], _meaning(meanings.get(name, "")))
        for name, default in function.__kwdefaults__.items()
    }


def filled(stated: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a caller gave, and the rest with the defaults that the function states.

    Raises:
        TypeError: The function has no such option.

    """
    defaults: dict[str, Any] = _function(stated).__kwdefaults__
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

    cast("Any", call).__wrapped__ = _shown(function)
    return call


def typed_late(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method tell its types to whoever asks with `typing.get_type_hints`; nothing is imported for it before."""
    cast("Any", method).__wrapped__ = _shown(method)
    return method


def takes_options_of(
    stated: Callable[Concatenate[Any, Any, P], Any],
) -> Callable[[Callable[Concatenate[S, A, ...], R]], Callable[Concatenate[S, A, P], R]]:
    """Let a method with `**options` show the options of another one, in its signature and in its docstring.

    What its docstring says by itself stands; sections and arguments that it leaves out are the other's.
    """

    def adopt(method: Callable[Concatenate[S, A, ...], R]) -> Callable[Concatenate[S, A, P], R]:
        theirs, ours = _function(stated), cast("Any", method)
        ours.__doc__ = _adopted_text(stated, method)
        ours.__wrapped__ = _shown(theirs, ours)
        return cast("Callable[Concatenate[S, A, P], R]", method)

    return adopt


def takes_settings_of(stated: type) -> Callable[[type[S]], type[S]]:
    """Let the docstring of a class describe the arguments that another one describes."""

    def adopt(cls: type[S]) -> type[S]:
        cls.__doc__ = _adopted_text(stated, cls)
        return cls

    return adopt


def _shown(theirs: Any, ours: Any = None) -> FunctionType:
    """Return a function that is only looked at: it has the arguments of one, and else all of the other."""
    # Not a `__signature__`: `inspect`, which makes one, is imported by who asks for it.
    ours = ours or theirs
    shown = FunctionType(theirs.__code__, _Names(ours.__globals__, theirs.__globals__), ours.__name__)
    shown.__kwdefaults__ = theirs.__kwdefaults__
    shown.__annotations__ = {**theirs.__annotations__, **ours.__annotations__}
    shown.__doc__, shown.__module__ = ours.__doc__, ours.__module__
    shown.__qualname__ = ours.__qualname__
    return shown


class _Names(dict[str, Any]):
    """What annotations name: what modules hold, and of their package what they import for type checkers only."""

    def __init__(self, *modules: dict[str, Any]) -> None:
        super().__init__()
        self._modules = modules

    def __missing__(self, name: str) -> Any:
        for module in self._modules:
            if name in module:
                return module[name]
        package = sys.modules[self._modules[0]["__name__"].partition(".")[0]]
        if name not in package.__all__:
            raise KeyError(name)
        return getattr(package, name)


def _function(method: Any) -> Any:
    """Return the function that states a method's options, which may stand behind the method."""
    return getattr(method, "__wrapped__", method)


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
    first, _, rest = (documented.__doc__ or "").partition("\n")
    sections, heading = {"": [first]}, ""
    lines = rest.splitlines()
    # As `textwrap.dedent`, whose import compiles regular expressions.
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    for line in (line[margin:] for line in lines):
        if line.endswith(":") and line[:-1].isidentifier():
            heading = line[:-1]
            sections[heading] = []
        else:
            sections[heading].append(line)
    return {heading: "\n".join(lines).strip("\n") for heading, lines in sections.items()}


def _entries(section: str) -> dict[str, str]:
    """Return the entries of a section by name, each with the lines that go on with it."""
    entries, name = dict[str, str](), ""
    for line in section.splitlines():
        if line[4:5] != " ":
            name = line.strip().partition(":")[0]
            entries[name] = line
        else:
            entries[name] += f"\n{line}"
    return entries


def _meaning(entry: str) -> str:
    """Return what an entry says, on one line."""
    return " ".join(entry.partition(":")[2].split())
