"""An answer's status, headers and body -> its envelope, or the typed error it amounts to. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import orjson

from cf_vectorize_overlay import errors

from .decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OK = 200
SERVER_FAILURE = 500

# Codes decide before the status does: the service was seen to give some of them under several statuses.
ERROR_OF_CODE: dict[int, type[errors.ResponseError]] = {
    971: errors.RateLimitError,
    10429: errors.RateLimitError,
    40041: errors.RateLimitError,
    6003: errors.AuthenticationError,
    9109: errors.AuthenticationError,
    10000: errors.AuthenticationError,
    3000: errors.NotFoundError,
    3005: errors.NotFoundError,
    7003: errors.NotFoundError,
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

NAMED_LINE = re.compile(r"\bline Some\((\d+)\)")
EXCERPT = 200


def unwrap(
    status: int, headers: Mapping[str, str], body: bytes, *, method: str, path: str, scrub: Callable[[str], str] = str
) -> dict[str, Any]:
    """Give the envelope of a successful answer.

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
    failure = envelope if envelope is not None and not envelope["success"] else None
    code, message = _first_error(failure) if failure else (None, _describe(headers, body))
    kind = _kind(status, code, enveloped=failure is not None)
    error = kind(scrub(message), status, code, method, scrub(path), headers.get("cf-ray"), retry_after(headers))
    if isinstance(error, errors.RejectedError) and (named := NAMED_LINE.search(message)):
        error.line = int(named[1])
    raise error


def is_mutation(result: Any) -> bool:
    """Tell whether an envelope's result is what `insert` is answered."""
    return isinstance(result, dict) and isinstance(result.get("mutationId"), str)


def are_vectors(result: Any) -> bool:
    """Tell whether an envelope's result is what `get_by_ids` is answered; `decode` has seen to the values."""
    return isinstance(result, list) and all(
        isinstance(vector, dict)
        and "values" in vector
        and isinstance(vector.get("id"), str)
        and isinstance(vector.get("namespace"), str | None)
        and isinstance(vector.get("metadata"), dict | None)
        for vector in result
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`, seconds or a date, as seconds from now; None where absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (OverflowError, ValueError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def _decode(body: bytes) -> dict[str, Any] | None:
    """Give the body as an envelope, None where it is none."""
    try:
        document = decode(body)
    except (orjson.JSONDecodeError, TypeError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("success"), bool):
        return None
    return document


def _kind(status: int, code: int | None, *, enveloped: bool) -> type[errors.ResponseError]:
    if code in ERROR_OF_CODE:
        return ERROR_OF_CODE[code]
    if status >= SERVER_FAILURE:
        return errors.ServerError
    if enveloped or status in STATUS_SPEAKS_ALONE:
        return ERROR_OF_STATUS.get(status, errors.RejectedError)
    return errors.UnexpectedResponseError


def _first_error(envelope: dict[str, Any]) -> tuple[int | None, str]:
    """Give the first error's code, and the messages of all of them with those they were caused by."""
    listed = envelope.get("errors")
    found = [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []
    code = found[0].get("code") if found else None
    message = "; ".join(filter(None, map(_message, found))) or "the service reports failure without saying why"
    return code if isinstance(code, int) else None, message


def _message(error: dict[str, Any]) -> str:
    chain = error.get("error_chain")
    causes = [_message(cause) for cause in chain if isinstance(cause, dict)] if isinstance(chain, list) else []
    return ": ".join([str(error.get("message", "")), *causes])


def _describe(headers: Mapping[str, str], body: bytes) -> str:
    """Say what arrived in place of an envelope."""
    if not body:
        what = "an empty body"
    else:
        text = " ".join(re.sub(r"<[^>]*>", " ", body[: 4 * EXCERPT].decode(errors="replace")).split())
        what = f"{headers.get('content-type', 'no content type')}: {text[:EXCERPT]!r}"
    return f"the answer is not a Vectorize envelope but {what}"
