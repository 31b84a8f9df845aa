"""An answer's status, headers and body -> its result, or the typed error it amounts to. Pure."""

from __future__ import annotations

import re
import sys
from array import array
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from cf_vectorize_overlay import errors

from .decode import decode
from .text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

OK: Final = 200
NOT_FOUND: Final = 404
PROXY_AUTHENTICATION_REQUIRED: Final = 407
SERVER_FAILURE: Final = 500
# Where float32 ends, after rounding; and the high bytes of doubles that are below 2**113, well within it.
FLOAT32_END: Final = 3.4028235677973366e38
SMALL: Final = bytes([*range(0x47), *range(0x80, 0xC7)])
# Causes that an error is said to have, and characters of a text from outside that are kept.
CAUSES: Final = 8
TEXT: Final = 1_000

# Codes decide before the status does: the service was seen to give some of them under several statuses.
ERROR_OF_CODE: dict[int, type[errors.ResponseError]] = {
    **dict.fromkeys([971, 10429, 40041], errors.RateLimitError),
    **dict.fromkeys([6003, 9109, 10000], errors.AuthenticationError),
    **dict.fromkeys([3000, 3005, 7003], errors.NotFoundError),
}
ERROR_OF_STATUS: dict[int, type[errors.ResponseError]] = {
    401: errors.AuthenticationError,
    403: errors.AuthenticationError,
    404: errors.NotFoundError,
    408: errors.ServerError,
    429: errors.RateLimitError,
}
# What these statuses mean does not depend on an envelope: edge servers answer them with HTML.
STATUS_SPEAKS_ALONE = {408, 413, 429}

NAMED_LINE = re.compile(r"\bline Some\((\d{1,9})\)")
EXCERPT = 200


def unwrap(
    status: int, headers: Mapping[str, str], body: bytes, *, method: str, path: str, scrub: Callable[[str], str] = str
) -> dict[str, Any]:
    """Return the envelope of a successful answer.

    Args:
        status: HTTP status.
        headers: The answer's headers, by lower-case name.
        body: The answer's whole body.
        method: HTTP method of the request, for the error.
        path: Path of the request, for the error.
        scrub: Takes the secrets out of a text before it gets into the error, which keeps all it was made with.

    Raises:
        ResponseError: The answer is anything else; the subclass and its fields say what.

    """
    envelope = _decode(body)
    if envelope is not None and envelope["success"] and status == OK:
        return envelope

    def told(text: Any) -> Any:
        return printable(scrub(text), TEXT) if isinstance(text, str) else None

    failure = envelope if envelope is not None and not envelope["success"] else {}
    first: dict[str, Any] = next(_objects(failure.get("errors")), {})
    code = first.get("code") if type(first.get("code")) is int else None
    kind = _kind(status, code, enveloped=bool(failure))
    message = _messages(failure) if failure else _describe(status, headers, body)
    ray = told(headers.get("cf-ray"))
    error = kind(told(message), status, code, method, told(path), ray and ray[:EXCERPT], retry_after(headers))
    source: dict[str, Any] = next(_objects([first.get("source")]), {})
    error.pointer = told(source.get("pointer"))
    error.documentation_url = told(first.get("documentation_url"))
    error.messages = tuple(map(told, notices(failure)))
    if isinstance(error, errors.UnexpectedResponseError):
        error.retryable = status == OK
    if isinstance(error, errors.RejectedError) and (named := NAMED_LINE.search(message)):
        error.line = int(named[1])
    raise error


def notices(envelope: Mapping[str, Any], member: str = "messages") -> list[str]:
    """Return the texts in an envelope's `messages`, or its `errors`."""
    listed = envelope.get(member)
    found = listed if isinstance(listed, list) else []
    return [entry if isinstance(entry, str) else str(entry.get("message", "")) for entry in found[:CAUSES]
            if isinstance(entry, str | dict)]  # fmt: skip


def mutation_problem(result: Any) -> str | None:
    """Say why an envelope's result is not what `insert` is answered."""
    held = isinstance(result, dict) and isinstance(result.get("mutationId"), str) and result["mutationId"]
    return None if held else "it names no mutation"


def vectors_problem(result: Any, asked: Collection[str]) -> str | None:
    """Say why an envelope's result is not what `get_by_ids` is answered: some of those `asked` for, each once."""
    if not isinstance(result, list) or not all(map(_is_vector, result)):
        return "it is no array of vectors with id and values"
    found = [vector["id"] for vector in result]
    lengths = sorted({len(vector["values"]) for vector in result})
    if foreign := set(found).difference(asked):
        return f"it holds a vector that was not asked for: {printable(min(foreign), TEXT)!r}"
    if len(set(found)) < len(found):
        return "it holds a vector twice"
    if len(lengths) > 1 or 0 in lengths:
        return f"its vectors have {' and '.join(map(str, lengths))} values"
    if not all(_fits_float32(vector["values"]) for vector in result):
        return "a value is beyond float32, which is what the service stores"
    return None


def _is_vector(vector: Any) -> bool:
    return (
        isinstance(vector, dict)
        and isinstance(vector.get("values"), array)
        and isinstance(vector.get("id"), str)
        and isinstance(vector.get("namespace"), str | None)
        and isinstance(vector.get("metadata"), dict | None)
    )


def _fits_float32(values: array[float]) -> bool:
    # A double's high byte is its sign and the top of its exponent: all of them are looked at before any value is.
    high = values.tobytes()[7::8] if sys.byteorder == "little" else values.tobytes()[::8]
    return not high.translate(None, SMALL) or all(-FLOAT32_END < value < FLOAT32_END for value in values)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`, seconds or a date, as seconds from now; None where absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except (OverflowError, ValueError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def _decode(body: bytes) -> dict[str, Any] | None:
    """Return the body as an envelope, None where it is none."""
    with suppress(ArithmeticError, RecursionError, TypeError, ValueError):
        document = decode(body)
        if isinstance(document, dict) and isinstance(document.get("success"), bool):
            return document
    return None


def _kind(status: int, code: int | None, *, enveloped: bool) -> type[errors.ResponseError]:
    if code in ERROR_OF_CODE:
        return ERROR_OF_CODE[code]
    if status >= SERVER_FAILURE:
        return errors.ServerError
    if enveloped or status in STATUS_SPEAKS_ALONE:
        return ERROR_OF_STATUS.get(status, errors.RejectedError)
    return errors.UnexpectedResponseError


def _objects(listed: Any) -> Iterator[dict[str, Any]]:
    return (entry for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, dict))


def _messages(envelope: dict[str, Any]) -> str:
    """Return the messages of an envelope's errors, each with those of what caused it."""
    said = (": ".join(islice(_chain(error), CAUSES)) for error in _objects(envelope.get("errors")))
    return "; ".join(filter(None, said)) or "the service reports failure without saying why"


def _chain(error: dict[str, Any]) -> Iterator[str]:
    pending = [error]
    for cause in pending:
        yield str(cause.get("message", ""))
        pending += _objects(cause.get("error_chain"))


def _describe(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Say what arrived in place of an envelope."""
    if location := headers.get("location"):
        return f"the answer is a redirect to {location[:EXCERPT]}, which is not followed; is base_url the API's?"
    if not body:
        what = "an empty body"
    else:
        text = " ".join(re.sub(r"<[^>]*>", " ", body[: 4 * EXCERPT].decode(errors="replace")).split())
        what = f"{headers.get('content-type', 'no content type')}: {text[:EXCERPT]!r}"
    hint = {
        NOT_FOUND: "; is base_url the API's?",
        PROXY_AUTHENTICATION_REQUIRED: "; the proxy wants user and password: HTTP_PROXY=http://user:password@host:port",
    }.get(status, "")
    return f"the answer is not a Vectorize envelope but {what}{hint}"
