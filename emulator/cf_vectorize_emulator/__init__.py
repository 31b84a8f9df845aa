"""A local Vectorize: the two endpoints, their limits and their errors, with no account."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core.faults import Fault
    from .core.rate import Rate
    from .core.visibility import Visibility
    from .emulator import Emulator, Settings
    from .inprocess import EmulatorTransport
    from .server import Address, EmulatorProcess, LocalServer, serve

__all__ = [
    "Address",
    "Emulator",
    "EmulatorProcess",
    "EmulatorTransport",
    "Fault",
    "LocalServer",
    "Rate",
    "Settings",
    "Visibility",
    "serve",
]

NEEDS_EXTRA = "the emulator is an extra: pip install 'cf-vectorize[emulator]'"
_HOME = {
    "Fault": ".core.faults",
    "Rate": ".core.rate",
    "Visibility": ".core.visibility",
    "Emulator": ".emulator",
    "Settings": ".emulator",
    "EmulatorTransport": ".inprocess",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: pytest imports this package in every run."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME.get(name, ".server"), __name__), name)
