"""Modules that are imported late: our own that only some calls need, and those of extras, which may be missing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cf_vectorize_overlay import errors


class Late:
    """A module of ours that is imported when something in it is first used.

    Beside it stands the import itself, for type checkers and for the test of what leans on what:

        if TYPE_CHECKING:
            from cf_vectorize.read import fetch
        else:
            fetch = Late("cf_vectorize.read.fetch")
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> object:
        found: object = getattr(import_module(self._module), name)
        return found


if not TYPE_CHECKING:
    errors = Late("cf_vectorize_overlay.errors")

# The extra that brings a package.
EXTRAS: Final = {
    "numpy": "numpy",
    "pyarrow": "arrow",
    "simdjson": "fast",
    "backports": "zstd",
    "ray": "ray",
}


def extra(module: str, what: str) -> Any:
    """Import a module of an extra.

    Args:
        module: Its dotted name.
        what: What needs it, as the error says it.

    Raises:
        InputError: The extra is not installed, with the command that installs it; or it cannot be imported.

    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        name = EXTRAS[module.partition(".")[0]]
        raise errors.InputError(f"{what} needs an extra: pip install 'cf-vectorize[{name}]'") from None
    except ImportError as error:
        raise errors.InputError(f"{what} needs {module}, which cannot be imported: {error}") from None


def optional(module: str) -> Any | None:
    """Import a module of an extra that makes something faster; return None where it cannot be imported."""
    try:
        return import_module(module)
    except ImportError:
        return None
