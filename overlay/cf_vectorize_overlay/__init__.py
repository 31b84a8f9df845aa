"""One request of Cloudflare Vectorize: the handwritten layer on the generated client `cf_vectorize_api`.

What the specification can say (paths, parameters, security, models) is generated from spec/vectorize.yaml. Here is
what it cannot say: NDJSON that is streamed from where it lies, retries, and the envelope
unwrapped into a result or a typed error. No other package knows the HTTP library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazy_names
from .limits import __version__ as __version__

if TYPE_CHECKING:
    from .body import Body as Body
    from .errors import AuthenticationError as AuthenticationError
    from .errors import InputError as InputError
    from .errors import NotFoundError as NotFoundError
    from .errors import RateLimitError as RateLimitError
    from .errors import RejectedError as RejectedError
    from .errors import ResponseError as ResponseError
    from .errors import ServerError as ServerError
    from .errors import TransportError as TransportError
    from .errors import UnexpectedResponseError as UnexpectedResponseError
    from .errors import VectorizeError as VectorizeError
    from .index import Index as Index
    from .pacing import Attempts as Attempts
    from .pacing import Budget as Budget
    from .pacing import Cancelled as Cancelled
    from .vector import Vector as Vector

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "cf_vectorize_overlay.body": "Body",
        "cf_vectorize_overlay.errors": "AuthenticationError InputError NotFoundError RateLimitError RejectedError "
        "ResponseError ServerError TransportError UnexpectedResponseError VectorizeError",
        "cf_vectorize_overlay.index": "Index",
        "cf_vectorize_overlay.pacing": "Attempts Budget Cancelled",
        "cf_vectorize_overlay.vector": "Vector",
    },
)
