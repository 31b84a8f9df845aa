"""Docstrings as they are written here, for Sphinx: Markdown's backticks, and sections in Google's form."""

from __future__ import annotations

import inspect
import re
from collections import _tuplegetter  # type: ignore[attr-defined]
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_args

from sphinx.util.inspect import stringify_signature

import render_reference

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# What other projects document: no page here can have it.
OUTSIDE = (
    r"(typing|collections|threading|os|pathlib|numpy|np|pyarrow|pa|httpx|ray)\..*|[a-z_]+"
    r"|Any|Callable|ClassVar|Counter|IO|Iterable|Iterator|Literal|Mapping|Path|Self|Sequence|Unpack|Async\w+able|AsyncIterator"
    r"|(Type|Value|OS|Key|Attribute)Error|NoneType"
    r"|Block|Dataset|WriteResult|Matrix"
)
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)(?=(\w?))")
# Objects that people are handed, and never make: how is nobody's business.
HANDED = re.compile(
    r"(Report|Outcome|Finding|Difference|Progress|BadLine|Error|Interrupted|Vectors|Judgement|Problem|Counts|Emulator|LocalServer|RequestRecord|VectorizeEmulator)$"
)
# What a function returns, under the name by which people may annotate it.
PUBLIC_NAMES = dict.fromkeys(("Columns", "Table", "Named"), "SourceLike")


def setup(app: Sphinx) -> None:
    """Connect what follows."""
    # Before napoleon, which makes fields of the sections.
    app.connect("autodoc-process-docstring", as_rst, priority=400)
    app.connect("autodoc-process-signature", shortened)
    app.connect("autodoc-skip-member", left_out)


def as_rst(_app: Sphinx, what: str, name: str, thing: Any, _options: object, lines: list[str]) -> None:
    """Make reStructuredText of a docstring, with links to what is public and the types of attributes."""
    text = "\n".join(lines)
    text = text.replace("\nWhat to do: ", "\n**What to do:** ")
    text = re.sub(r"^( *)```(\w+)\n(.*?)^ *```$", _block, text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"(?<=[^:]\n\n)((?: {4}.*(?:\n|$))+)(?=\n\S|\Z)", r".. code-block:: python\n\n\1", text)
    text = CODE.sub(lambda found: _code(found[1], name) + ("\\ " if found[2] else ""), text)
    if what in {"class", "exception"}:
        text = _with_types(text, thing)
    lines[:] = text.split("\n")


def shortened(
    _app: Sphinx, what: str, name: str, thing: Any, _options: object, signature: str | None, result: str | None
) -> tuple[str, str | None] | None:
    """Leave out how to make what people are handed, and write out what a name of ours stands for."""
    if not signature:
        return None
    if what in {"class", "exception"} and HANDED.search(name):
        return "", None
    if signature == "(*args: Any, **kwargs: Any)":
        # Of a base class that is not installed here.
        taken = inspect.signature(thing.__init__)
        taken = taken.replace(parameters=list(taken.parameters.values())[1:])
        signature = stringify_signature(taken, show_return_annotation=False)
    # A default that is no literal is what Sphinx cannot read.
    signature = re.sub(r"= <[^>]*>", "= ...", signature)
    return _written_out(signature), result and PUBLIC_NAMES.get(result.rpartition(".")[2], result)


def left_out(_app: Sphinx, _what: str, name: str, thing: Any, _skip: object, _options: object) -> bool | None:
    """Leave out what one layer has for the next one only, and a named tuple's fields: its docstring tells of them."""
    function = getattr(thing, "fget", thing)
    for_the_client = getattr(function, "__qualname__", name) in render_reference.FOR_THE_CLIENT
    return True if for_the_client or isinstance(thing, _tuplegetter) else None


def _written_out(types: str) -> str:
    """Write out the names of choices in a signature or a type."""
    types = types.replace("Unpack[FaultMembers]", "Any").replace("reading.VerifyReport", "VerifyReport")
    for name, choice in _choices().items():
        types = re.sub(rf"\b{name}\b", choice, types)
    return types


@cache
def _choices() -> dict[str, str]:
    """Return the names of choices, which nobody else can import, as they are written out."""
    homes = {"Order": "cf_vectorize_emulator.core.visibility", "Verdict": "cf_vectorize_contract.judge"}
    homes["Endpoint"] = "cf_vectorize_emulator.core.faults"
    return {
        name: f"Literal[{', '.join(map(repr, get_args(getattr(import_module(home), name))))}]"
        for name, home in homes.items()
    }


def _block(found: re.Match[str]) -> str:
    indent, language, code = found.groups()
    inner = "".join(f"   {line}" if line.strip() else line for line in code.splitlines(keepends=True))
    return f"{indent}.. code-block:: {language}\n\n{inner}"


def _code(text: str, name: str) -> str:
    """Return a literal, or a link where the text is the name of something public."""
    text = " ".join(text.split())
    bare = text.removesuffix("()")
    if re.fullmatch(r"[A-Za-z_.]+", bare):
        package, *inner = name.split(".")
        around = [".".join([package, *inner[:depth]]) for depth in range(len(inner), -1, -1)]
        for scope in [*around, render_reference.CLIENT]:
            if _is_shown(f"{scope}.{bare}") and f"{scope}.{bare}" != name:
                return f":py:obj:`{text} <{scope}.{bare}>`"
    return f"``{text}``"


def _is_shown(path: str) -> bool:
    """Say whether the reference has this public name, or this method or property of one."""
    for package, names in render_reference.documented().items():
        name, _, member = path.removeprefix(f"{package}.").partition(".")
        if not path.startswith(f"{package}.") or name not in names or package == render_reference.RAY:
            continue
        own = vars(getattr(import_module(package), name)) if member else {}
        if not member or inspect.isroutine(own.get(member)) or isinstance(own.get(member), property):
            return True
    return False


def _with_types(text: str, thing: Any) -> str:
    """Make an entry of its own of each attribute, with its type."""
    bases = reversed(getattr(thing, "__mro__", ()))
    named = [item for base in bases for item in getattr(base, "__annotations__", {}).items()]
    types = {name: kind if isinstance(kind, str) else inspect.formatannotation(kind) for name, kind in named}

    def entry(found: re.Match[str]) -> str:
        name, meaning = found.groups()
        kind = f"   :type: {_written_out(types[name])}\n" if name in types else ""
        meaning = " ".join(meaning.split())
        return f".. attribute:: {name}\n{kind}\n   {meaning}\n\n"

    def section(found: re.Match[str]) -> str:
        return re.sub(r"^ {4}(\w+):((?:.*\n)(?: {5,}.*\n)*)", entry, found[1], flags=re.MULTILINE)

    return re.sub(r"^Attributes:\n((?: {4}.*\n)+)", section, f"{text}\n", flags=re.MULTILINE)
