"""Load Cloudflare Vectorize at any size, read vectors back, and check that they arrived.

This package is the only part of the client that is written by hand. What the specification can say (paths,
parameters, security, models) is generated into `cf_vectorize_api` from spec/vectorize.yaml. Here is what it cannot
say: cutting a source of any size into batches that can be sent again, judging a line before it is sent, waiting
when the account's budget says so, unwrapping the envelope into a result or a typed error, and reading back in
twenties.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .async_client import AsyncVectorize
    from .client import Vectorize
    from .errors import (
        AuthenticationError,
        BadLinesError,
        InputError,
        InsertError,
        InsertInterrupted,
        JournalError,
        NotFoundError,
        RateLimitError,
        RejectedError,
        ResponseError,
        ServerError,
        TransportError,
        UnexpectedResponseError,
        VectorizeError,
    )
    from .lookup import Vectors
    from .records import columns, table
    from .report import BatchOutcome, InsertReport
    from .survey import CheckReport, check
    from .vector import Vector
    from .verify import VerifyReport

__version__ = "0.1.0"

_HOMES = {
    "async_client": ("AsyncVectorize",),
    "client": ("Vectorize",),
    "errors": (
        "AuthenticationError",
        "BadLinesError",
        "InputError",
        "InsertError",
        "InsertInterrupted",
        "JournalError",
        "NotFoundError",
        "RateLimitError",
        "RejectedError",
        "ResponseError",
        "ServerError",
        "TransportError",
        "UnexpectedResponseError",
        "VectorizeError",
    ),
    "lookup": ("Vectors",),
    "records": ("columns", "table"),
    "report": ("BatchOutcome", "InsertReport"),
    "survey": ("CheckReport", "check"),
    "vector": ("Vector",),
    "verify": ("VerifyReport",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AsyncVectorize",
    "AuthenticationError",
    "BadLinesError",
    "BatchOutcome",
    "CheckReport",
    "InputError",
    "InsertError",
    "InsertInterrupted",
    "InsertReport",
    "JournalError",
    "NotFoundError",
    "RateLimitError",
    "RejectedError",
    "ResponseError",
    "ServerError",
    "TransportError",
    "UnexpectedResponseError",
    "Vector",
    "Vectorize",
    "VectorizeError",
    "Vectors",
    "VerifyReport",
    "check",
    "columns",
    "table",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the command line starts without the HTTP stack."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
