"""Every error this package raises.

VectorizeError
├── InputError (also a ValueError)      an argument or a source is wrong; nothing of it was sent
│   └── BadLinesError                   lines that the service would refuse, each with its place
├── JournalError (of the client)        a journal is in use, belongs to another load, or its source has changed
├── TransportError                      no answer: connecting, sending or receiving failed
├── ResponseError                       the service answered, and not with success
│   ├── AuthenticationError             the credentials are refused
│   ├── NotFoundError                   no such account or index
│   ├── RejectedError                   the request is refused; sending it again will not help
│   ├── RateLimitError                  too many requests
│   ├── ServerError                     the service or Cloudflare's edge failed
│   └── UnexpectedResponseError         the answer is no envelope, or not the one that was asked for
└── InsertError (an ExceptionGroup)     some batches of a load failed; carries the report of all of them

KeyboardInterrupt
└── InsertInterrupted                   Ctrl-C ended a load; carries the report of what was accepted

All of them survive `pickle`. None holds a token, a key or an account id.
"""

from __future__ import annotations

import re
from typing import Any

import attrs


class VectorizeError(Exception):
    """The base of every error this package raises.

    Attributes:
        retryable: Whether the same request may succeed later.
        report: What became of the load that this error ended, an
            `InsertReport`; None where it ended none.
        fetched: What `get_by_ids` had fetched when this error ended it,
            `Vectors`; None where it ended none.

    """

    retryable: bool = False
    report: Any = None
    fetched: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        # By its fields: some frameworks append to the `args` that Python would make it from.
        return _empty, (type(self), self.args), self.__dict__


def _empty(kind: type[VectorizeError], args: tuple[Any, ...]) -> VectorizeError:
    error = kind.__new__(kind)
    error.args = args
    return error


class InputError(VectorizeError, ValueError):
    """An argument or a source is wrong. Nothing of it was sent."""


@attrs.define(slots=False)
class TransportError(VectorizeError):
    """No answer arrived.

    Whether the service acted is unknown; sending again is safe.

    Attributes:
        message: What failed, and what can be done where that is known.
        method: HTTP method.
        path: Path of the request, without the account id.
        connecting: Whether there was no connection to send it on.
        retryable: False where another attempt cannot help, as with a
            certificate that does not verify.

    """

    message: str
    method: str
    path: str
    connecting: bool = False
    retryable: bool = True

    def __str__(self) -> str:
        return f"{self.message} ({self.method} {self.path})"


@attrs.define(slots=False)
class ResponseError(VectorizeError):
    """The service answered, and not with success.

    Attributes:
        message: The service's words, or what is wrong with its answer.
        status: HTTP status.
        code: Cloudflare's error code, None where the answer held none.
        method: HTTP method.
        path: Path of the request, without the account id.
        ray: The `cf-ray` header, to quote to Cloudflare's support; None where
            there was none.
        retry_after: Seconds the service asks to wait; None where it does not
            say.
        pointer: What of the request the service names as the source of its
            error; None where it names nothing.
        documentation_url: Where the service says that its error is explained;
            None where it does not.
        messages: What the service says beside its error.

    """

    message: str
    status: int
    code: int | None
    method: str
    path: str
    ray: str | None = None
    retry_after: float | None = None
    pointer: str | None = None
    documentation_url: str | None = None
    messages: tuple[str, ...] = ()

    def __str__(self) -> str:
        facts = [f"HTTP {self.status}"]
        if self.code is not None:
            facts.append(f"code {self.code}")
        if self.ray is not None:
            facts.append(f"cf-ray {self.ray}")
        said = [self.message, *self.messages]
        if self.pointer is not None:
            said.append(f"at {self.pointer}")
        if self.documentation_url is not None:
            said.append(f"see {self.documentation_url}")
        return f"{'; '.join(said)} ({', '.join(facts)}; {self.method} {self.path})"


class AuthenticationError(ResponseError):
    """The token, or the email and key, are refused, or lack the permission."""


class NotFoundError(ResponseError):
    """There is no such account or index."""


_BODY_TOO_LARGE = re.compile(r"\b(body|payload|request|entity)\b.*\btoo large", re.IGNORECASE)


@attrs.define(slots=False)
class RejectedError(ResponseError):
    """The request is refused; sending it again will not help.

    Attributes:
        line: The line the service names, counted from 0 in the body it
            received; None where it names none.
        place: That line's place in the source, `FILE:LINE`; where it names
            none, the batch's, `FILE:FIRST-LAST`; None where no batch was sent.

    """

    line: int | None = None
    place: str | None = None

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.place is None else f"{self.place}: {text}"

    @property
    def too_large(self) -> bool:
        """Whether the body's size is the reason.

        The service's code for that is not known, its status is.
        """
        return self.status == 413 or (self.line is None and _BODY_TOO_LARGE.search(self.message) is not None)  # noqa: PLR2004


class RateLimitError(ResponseError):
    """Too many requests.

    The account's budget of 1,200 in 5 minutes is used up, or writes are
    throttled (code 40041).
    """

    retryable = True


class ServerError(ResponseError):
    """The service or Cloudflare's edge failed; the same request may succeed later."""

    retryable = True


@attrs.define(slots=False)
class UnexpectedResponseError(ResponseError):
    """The answer is no envelope, or not the one that was asked for.

    Whether the service acted is unknown.

    Attributes:
        retryable: False where the same request would be answered alike, as with
            a redirect.

    """

    retryable: bool = True


# Tracebacks and pickles name the package that people import.
for _error in [value for value in vars().values() if isinstance(value, type) and issubclass(value, VectorizeError)]:
    _error.__module__ = "cf_vectorize"
