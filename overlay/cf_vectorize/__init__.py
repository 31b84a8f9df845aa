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

from .limits import __version__ as __version__

if TYPE_CHECKING:
    from .async_client import AsyncVectorize
    from .client import Vectorize
    from .errors import (
        AuthenticationError,
        InputError,
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
    from .linecheck import BadLinesError
    from .lookup import Vectors
    from .records import columns, table
    from .report import BatchOutcome, InsertError, InsertInterrupted, InsertReport
    from .survey import CheckReport, check
    from .vector import Vector
    from .verify import VerifyReport

# The module of each public name that is no error.
_HOME = {
    "AsyncVectorize": "async_client",
    "BadLinesError": "linecheck",
    "BatchOutcome": "report",
    "CheckReport": "survey",
    "InsertError": "report",
    "InsertInterrupted": "report",
    "InsertReport": "report",
    "Vector": "vector",
    "Vectorize": "client",
    "Vectors": "lookup",
    "VerifyReport": "verify",
    "check": "survey",
    "columns": "records",
    "table": "records",
}

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
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    """Name what is public, so that shells complete what is not imported yet."""
    return __all__
