"""Load Cloudflare Vectorize at any size, read vectors back, and check that they arrived.

What people import. One folder for each thing it does: `load`, `read`, `checks`, `source`, the command line in `cli`,
and in `base` what all of them use. One request is sent by `cf_vectorize_overlay`, on what is generated into
`cf_vectorize_api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cf_vectorize_overlay.lazy import lazy_names
from cf_vectorize_overlay.limits import __version__ as __version__

if TYPE_CHECKING:
    from cf_vectorize.base.budget import AccountBudget as AccountBudget
    from cf_vectorize.base.ledger import JournalError as JournalError
    from cf_vectorize.base.progress import Progress as Progress
    from cf_vectorize.base.progress import VerifyProgress as VerifyProgress
    from cf_vectorize.checks.report import CheckReport as CheckReport
    from cf_vectorize.checks.rules import BadLine as BadLine
    from cf_vectorize.checks.rules import BadLinesError as BadLinesError
    from cf_vectorize.checks.survey import check as check
    from cf_vectorize.load.failures import InsertError as InsertError
    from cf_vectorize.load.failures import InsertInterrupted as InsertInterrupted
    from cf_vectorize.load.outcome import BatchOutcome as BatchOutcome
    from cf_vectorize.load.report import InsertReport as InsertReport
    from cf_vectorize.read.comparison import Difference as Difference
    from cf_vectorize.read.report import Finding as Finding
    from cf_vectorize.read.report import VerifyReport as VerifyReport
    from cf_vectorize.read.vectors import Vectors as Vectors
    from cf_vectorize.source.columns import columns as columns
    from cf_vectorize.source.kinds import AsyncSourceLike as AsyncSourceLike
    from cf_vectorize.source.kinds import SourceLike as SourceLike
    from cf_vectorize.source.named import named as named
    from cf_vectorize.source.table import table as table
    from cf_vectorize_overlay.errors import AuthenticationError as AuthenticationError
    from cf_vectorize_overlay.errors import InputError as InputError
    from cf_vectorize_overlay.errors import NotFoundError as NotFoundError
    from cf_vectorize_overlay.errors import RateLimitError as RateLimitError
    from cf_vectorize_overlay.errors import RejectedError as RejectedError
    from cf_vectorize_overlay.errors import ResponseError as ResponseError
    from cf_vectorize_overlay.errors import ServerError as ServerError
    from cf_vectorize_overlay.errors import TransportError as TransportError
    from cf_vectorize_overlay.errors import UnexpectedResponseError as UnexpectedResponseError
    from cf_vectorize_overlay.errors import VectorizeError as VectorizeError
    from cf_vectorize_overlay.pacing import Budget as Budget
    from cf_vectorize_overlay.vector import Vector as Vector

    from .async_client import AsyncVectorize as AsyncVectorize
    from .client import Vectorize as Vectorize

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "cf_vectorize.async_client": "AsyncVectorize",
        "cf_vectorize.base.budget": "AccountBudget",
        "cf_vectorize.base.ledger": "JournalError",
        "cf_vectorize.base.progress": "Progress VerifyProgress",
        "cf_vectorize.checks.report": "CheckReport",
        "cf_vectorize.checks.rules": "BadLine BadLinesError",
        "cf_vectorize.checks.survey": "check",
        "cf_vectorize.client": "Vectorize",
        "cf_vectorize.load.failures": "InsertError InsertInterrupted",
        "cf_vectorize.load.outcome": "BatchOutcome",
        "cf_vectorize.load.report": "InsertReport",
        "cf_vectorize.read.comparison": "Difference",
        "cf_vectorize.read.report": "Finding VerifyReport",
        "cf_vectorize.read.vectors": "Vectors",
        "cf_vectorize.source.columns": "columns",
        "cf_vectorize.source.kinds": "AsyncSourceLike SourceLike",
        "cf_vectorize.source.named": "named",
        "cf_vectorize.source.table": "table",
        "cf_vectorize_overlay.errors": "AuthenticationError InputError NotFoundError RateLimitError "
        "RejectedError ResponseError ServerError TransportError UnexpectedResponseError VectorizeError",
        "cf_vectorize_overlay.pacing": "Budget",
        "cf_vectorize_overlay.vector": "Vector",
    },
)
