"""Write the pages of the API reference, which Sphinx fills from the docstrings; they are built, not committed.

`PAGES` says which public name stands on which page; tests/docs/test_site_reference.py holds it to what is public.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen
class Section:
    """A part of a page: public names of one package.

    Attributes:
        heading: Empty for what stands under the page's title.
        package: Where the names are imported from.
        names: In the order in which they are shown.
        text: reStructuredText that goes before them.

    """

    heading: str
    package: str
    names: tuple[str, ...] = ()
    text: str = ""


@attrs.frozen
class Page:
    """A page of the reference.

    Attributes:
        title: Its title.
        sections: What stands on it.
        text: reStructuredText under the title.

    """

    title: str
    sections: tuple[Section, ...]
    text: str = ""


CLIENT = "cf_vectorize"
OVERLAY = "cf_vectorize_overlay"
CONTRACT = "cf_vectorize_contract"
EMULATOR = "cf_vectorize_emulator"
RAY = "cf_vectorize.ray"
# Public in the overlay too, where they are the same objects.
SHARED = (
    "AuthenticationError Budget "
    "InputError NotFoundError RateLimitError RejectedError ResponseError "
    "ServerError TransportError UnexpectedResponseError Vector VectorizeError"
)
# What pytest finds by itself: a fixture's name, where it is, and the class of what a test gets.
FIXTURES = {
    EMULATOR: ("vectorize_emulator", "cf_vectorize_emulator.pytest_plugin", "VectorizeEmulator"),
    CONTRACT: ("vectorize_contract", "cf_vectorize_contract.pytest_plugin", "Proxy"),
}
# What the overlay has for the client above it.
FOR_THE_CLIENT = {"Index.asker", "Index.target"}
ALIASES = {
    "SourceLike": "What ``insert``, ``check`` and ``verify`` take, for annotations of your own: a path or several, "
    "an open binary file, an iterable of lines (``bytes``) or of records (mappings, :py:class:`Vector`), what "
    ":py:func:`columns`, :py:func:`table` and :py:func:`named` return, and tables and data frames with Arrow's C "
    "interface.",
    "AsyncSourceLike": "The same, and async iterables of lines or records: what :py:class:`AsyncVectorize` takes.",
}

PAGES = {
    "client": Page(
        "Clients",
        (
            Section("Blocking", CLIENT, ("Vectorize",)),
            Section("Awaiting", CLIENT, ("AsyncVectorize",)),
            Section("While a load runs", CLIENT, ("Progress", "VerifyProgress")),
            Section("The account's budget", CLIENT, ("Budget", "AccountBudget")),
        ),
        "Both clients mean the same; what is awaited and iterated differs:\n\n{faces}",
    ),
    "sources": Page(
        "Sources and vectors",
        (
            Section("Sources", CLIENT, ("SourceLike", "AsyncSourceLike", "columns", "table", "named")),
            Section("Look before a load", CLIENT, ("check", "CheckReport", "BadLine")),
            Section("Vectors", CLIENT, ("Vector", "Vectors")),
        ),
        "What ``insert`` and ``verify`` take; :doc:`../../sources` shows each kind.",
    ),
    "reports": Page(
        "Reports",
        (
            Section("Of a load", CLIENT, ("InsertReport", "BatchOutcome")),
            Section("", "cf_vectorize.load.report", ("Counts",)),
            Section("Of reading back", CLIENT, ("VerifyReport", "Finding", "Difference")),
        ),
    ),
    "errors": Page(
        "Errors",
        (
            Section("Anything that goes wrong", CLIENT, ("VectorizeError",)),
            Section("Before anything is sent", CLIENT, ("InputError", "BadLinesError", "JournalError")),
            Section("No answer", CLIENT, ("TransportError",)),
            Section(
                "An answer that is no success",
                CLIENT,
                (
                    "ResponseError",
                    "AuthenticationError",
                    "NotFoundError",
                    "RejectedError",
                    "RateLimitError",
                    "ServerError",
                    "UnexpectedResponseError",
                ),
            ),
            Section("The end of a load", CLIENT, ("InsertError", "InsertInterrupted")),
        ),
        "Cloudflare's codes and the command's exit codes are on a page of their own: :doc:`../codes`.\n\n{errors}",
    ),
    "overlay": Page(
        OVERLAY,
        (
            Section("", OVERLAY, ("Index",)),
            Section("For engines", OVERLAY, ("Body", "Attempts", "Cancelled")),
        ),
        f":doc:`../../overlay` shows it. {', '.join(f':py:obj:`~{CLIENT}.{name}`' for name in SHARED.split())} are "
        "public here too, and the same objects.",
    ),
    "ray": Page(
        RAY,
        (
            Section(
                "", RAY, ("VectorizeDatasink", "VectorizeLookup", "verify", "repartitioned", "CarriedCredentials")
            ),
        ),
        "Needs the extra ``ray``; :doc:`../../engines` shows it.",
    ),
    "emulator": Page(
        EMULATOR,
        (
            Section("In tests", EMULATOR, text="{fixture}"),
            Section("", "cf_vectorize_emulator.core.activity", ("RequestRecord",)),
            Section("In this process", EMULATOR, ("serve", "LocalServer", "EmulatorTransport")),
            Section("In another process", EMULATOR, ("EmulatorProcess",)),
            Section("Set it up", EMULATOR, ("Settings", "Address", "Visibility", "Rate", "Fault")),
            Section("While it runs", EMULATOR, ("Emulator",)),
        ),
        "Needs the extra ``emulator``; :doc:`../../emulator` shows it.",
    ),
    "contract": Page(
        CONTRACT,
        (
            Section("In tests", CONTRACT, text="{fixture}"),
            Section("Judge an exchange", CONTRACT, ("Fragment", "Request", "Response", "Problem")),
            Section("Judge what was recorded", CONTRACT, ("replay", "load_recording", "Recording")),
            Section("Judge another client", CONTRACT, ("Proxy", "Recorder")),
            Section("What it comes to", CONTRACT, ("Judge", "Judgement", "Report")),
        ),
        "Needs the extra ``contract``; :doc:`../../contract` shows it.",
    ),
}


def documented() -> dict[str, set[str]]:
    """Return the names that the pages hold, by package."""
    found: dict[str, set[str]] = {OVERLAY: set(SHARED.split())}
    for page in PAGES.values():
        for section in page.sections:
            found.setdefault(section.package, set()).update(section.names)
    return found


def write(folder: Path) -> None:
    """Write every page into `folder`; one that says the same already stays untouched, and is not built again."""
    folder.mkdir(exist_ok=True, parents=True)
    for name, page in PAGES.items():
        path, text = folder / f"{name}.rst", _text(page)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _text(page: Page) -> str:
    parts = [_heading(page.title, "="), page.text.replace("{faces}", _faces()).replace("{errors}", _tree())]
    for section in page.sections:
        if section.heading:
            parts.append(_heading(section.heading, "-"))
        parts.append(section.text.replace("{fixture}", _fixture(section.package)))
        # Imported from where people import it; modules within are nobody's business.
        parts += [f".. py:currentmodule:: {section.package}"]
        parts += [_directive(section.package, name) for name in section.names]
    return "\n\n".join(filter(None, parts)) + "\n"


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def _directive(package: str, name: str) -> str:
    # Ray is not installed where pages are built: nothing is asked of the object itself.
    if name in ALIASES:
        return f".. py:type:: {name}\n\n   {ALIASES[name]}"
    kind = "function" if name[0].islower() else "exception" if name.endswith(("Error", "Interrupted")) else "class"
    return f".. auto{kind}:: {package}.{name}"


def _fixture(package: str) -> str:
    if package not in FIXTURES:
        return ""
    name, module, handed = FIXTURES[package]
    doc = inspect.cleandoc(getattr(import_module(module), name).__doc__ or "")
    home = module if hasattr(import_module(module), handed) else package
    text = [f".. py:function:: {name}", "   :no-index-entry:", "", *(f"   {line}" for line in doc.splitlines()), ""]
    if home == package:
        return "\n".join([*text, f"   A test gets a :py:class:`{package}.{handed}`."])
    return "\n".join([*text, f".. autoclass:: {home}.{handed}"])


def _faces() -> str:
    """Return a table of both clients' methods, as they are called."""
    package: Any = import_module(CLIENT)
    blocking, awaiting = package.Vectorize, package.AsyncVectorize
    rows = [".. list-table::", "   :header-rows: 1", "", "   * - ``Vectorize``", "     - ``AsyncVectorize``"]
    rows += ["   * - ``with Vectorize(…) as index:``", "     - ``async with AsyncVectorize(…) as index:``"]
    for name, method in vars(blocking).items():
        if name.startswith("_") or not callable(method):
            continue
        other = name if hasattr(awaiting, name) else f"a{name}"
        given = ", ".join(
            parameter.name
            for parameter in inspect.signature(method).parameters.values()
            if parameter.default is parameter.empty and parameter.name != "self"
        )
        iterates = "Iterator" in str(inspect.signature(method).return_annotation)
        call = f"index.{name}({given})"
        theirs = f"index.{other}({given})"
        ours = f"for … in {call}:" if iterates else call
        theirs = f"async for … in {theirs}:" if iterates else f"await {theirs}"
        rows += [f"   * - ``{ours}``", f"     - ``{theirs}``"]
    return "\n".join(rows)


def _tree() -> str:
    """Return the errors as nested lists, each with the first line of its docstring."""
    package: Any = import_module(CLIENT)
    named = {name: getattr(package, name) for section in PAGES["errors"].sections for name in section.names}

    def branch(error: type, indent: str) -> list[str]:
        says = (error.__doc__ or "").partition("\n")[0]
        children = [each for each in named.values() if error in each.__bases__]
        lines = [f"{indent}* :py:exc:`{error.__name__} <{CLIENT}.{error.__name__}>`: {_plain(says)}", ""]
        return lines + [line for child in children for line in branch(child, f"{indent}  ")]

    roots = [each for each in named.values() if not set(each.__bases__) & set(named.values())]
    return "\n".join(line for root in roots for line in branch(root, ""))


def _plain(text: str) -> str:
    return text.replace("`", "``")
