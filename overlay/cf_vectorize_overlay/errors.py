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

# No annotations from __future__: the errors say that they are of another module, in which nobody finds their types.
import copyreg
import re
from typing import Any

import attrs


class VectorizeError(Exception):
    """The base of every error this package raises.

    Ctrl-C is none of them: see `InsertInterrupted`.

    What to do: read the message, which names the place and what helps. Where
    `retryable` is true the same call may succeed later, and sending again is
    safe: an insert never overwrites.

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
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class InputError(VectorizeError, ValueError):
    """An argument or a source is wrong. Nothing of it was sent.

    Also a missing credential, a variable of the environment that cannot be
    used, and an extra that is not installed.

    What to do: the message names the argument, or the file and the line, and
    what it should be.
    """


@attrs.define(slots=False)
class TransportError(VectorizeError):
    """No answer arrived.

    Connecting, sending or receiving failed, or took too long, and went on
    failing for as long as `give_up_after` allows. Whether the service acted is
    unknown; sending again is safe.

    What to do: check the network, the address (`CLOUDFLARE_BASE_URL`) and the
    proxy, and call again; a load with a journal goes on where it was.

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

    Which of the classes below it is follows from Cloudflare's code, and from
    the HTTP status where there is none.

    What to do: `message` and `code` say what the service minds; `ray` is what
    Cloudflare's support asks for.

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
        code = "" if self.code is None else f", code {self.code}"
        ray = "" if self.ray is None else f", cf-ray {self.ray}"
        place = "" if self.pointer is None else f"; at {self.pointer}"
        link = "" if self.documentation_url is None else f"; see {self.documentation_url}"
        said = "; ".join([self.message, *self.messages])
        return f"{said}{place}{link} (HTTP {self.status}{code}{ray}; {self.method} {self.path})"


class AuthenticationError(ResponseError):
    """The token, or the email and key, are refused, or lack the permission.

    What to do: take a token of the account whose id is given, that has not
    expired, with the permission Vectorize Write; Vectorize Read is enough to
    read.
    """


class NotFoundError(ResponseError):
    """There is no such account or index.

    What to do: compare account id and index name with the dashboard. An index
    is created with other tools, such as wrangler. A `base_url` without its path
    `/client/v4` may be answered like this too.
    """


_BODY_TOO_LARGE = re.compile(r"\b(body|payload|request|entity)\b.*\btoo large", re.IGNORECASE)


@attrs.define(slots=False)
class RejectedError(ResponseError):
    """The request is refused; sending it again will not help.

    What to do: mend the lines at `place`; `check` finds before a load what is
    known to be refused. `rejects` keeps bad lines back, and
    `unparsable="discard"` lets the service drop what it cannot parse.

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
        """Whether the body's size is the reason."""
        # The service's code for that is not known, its status is.
        return self.status == 413 or (self.line is None and _BODY_TOO_LARGE.search(self.message) is not None)  # noqa: PLR2004


class RateLimitError(ResponseError):
    """Too many requests.

    The account's budget of 1,200 in 5 minutes is used up, or writes are
    throttled (code 40041), and were so for longer than `give_up_after` allows
    to wait.

    What to do: call again in 5 minutes. Where other programs use the account
    too, leave them a part with `requests_per_5min`, or share one `budget`.
    """

    retryable = True


class ServerError(ResponseError):
    """The service or Cloudflare's edge failed; the same request may succeed later.

    It was sent again for as long as `give_up_after` allows.

    What to do: call again later; a load with a journal goes on where it was.
    """

    retryable = True


@attrs.define(slots=False)
class UnexpectedResponseError(ResponseError):
    """The answer is no envelope, or not the one that was asked for.

    A redirect, a page of a proxy or of another server, or an envelope with
    something else in it. Whether the service acted is unknown.

    What to do: the message shows how the answer begins; see whether `base_url`
    leads to the API, and what stands between.

    Attributes:
        retryable: False where the same request would be answered alike, as with
            a redirect.

    """

    retryable: bool = True


# Tracebacks and pickles name the package that people import.
for _error in [value for value in vars().values() if isinstance(value, type) and issubclass(value, VectorizeError)]:
    _error.__module__ = "cf_vectorize"
