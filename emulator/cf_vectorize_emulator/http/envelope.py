"""The envelope around every answer, and the catalogue of refusals. Pure."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import orjson

from cf_vectorize_emulator.core.limits import ID_BYTES, IDS_PER_GET, METADATA_BYTES

# The live code is not known: this one is the emulator's, and no client should match on it.
UNKNOWN_CODE: Final = 40000


class Refusal(Exception):  # noqa: N818 - a refusal is the service's normal answer to bad input
    """An answer other than success.

    Args:
        status: HTTP status.
        code: Code of the envelope's one error; None where the answer is an HTML page of Cloudflare's edge.
        message: Message of that error, or title of the page.
        chain: Code and message of the chained error, where there is one.
        headers: Headers beside the usual ones.

    """

    def __init__(
        self,
        status: int,
        code: int | None,
        message: str,
        *,
        chain: tuple[int, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.chain = chain
        self.headers = headers or {}

    @property
    def content_type(self) -> str:
        """The media type of the body."""
        return "text/html; charset=UTF-8" if self.code is None else "application/json"

    @property
    def body(self) -> bytes:
        """The failure envelope, or the page."""
        if self.code is None:
            return _page(self.status, self.message)
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.chain is not None:
            error["error_chain"] = [{"code": self.chain[0], "message": self.chain[1]}]
        return orjson.dumps({"result": None, "success": False, "errors": [error], "messages": []})


def success(result: Any) -> bytes:
    """Give the success envelope around a result."""
    return orjson.dumps({"success": True, "errors": [], "messages": [], "result": result})


def _page(status: int, title: str) -> bytes:
    title = escape(title)
    return (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def unknown_content_type() -> Refusal:
    """Refuse an insert that is neither NDJSON nor multipart."""
    return Refusal(400, 1005, "vectorize.unknown_content_type")


def index_not_found(name: str) -> Refusal:
    """Refuse an index that does not exist."""
    return Refusal(400, 3000, f'vectorize.index.not_found - Index name "{name}"')


def too_many_ids(count: int) -> Refusal:
    """Refuse more ids than one request may ask for."""
    return Refusal(400, 40007, f"too many ids in payload; max id count is {IDS_PER_GET}, got {count}")


def id_too_long(size: int) -> Refusal:
    """Refuse an id, in an insert or in a lookup."""
    return Refusal(400, 40008, f"id too long; max is {ID_BYTES} bytes, got {size} bytes")


def wrong_dimensions(vector_id: str, expected: int | str, count: int) -> Refusal:
    """Refuse a vector that does not fit its index."""
    return Refusal(
        400,
        40012,
        f'invalid vector for id="{vector_id}", expected {expected} dimensions, and got {count} dimensions',
    )


def oversized_metadata(vector_id: str, size: int) -> Refusal:
    """Refuse a vector with too much metadata."""
    return Refusal(
        400,
        40016,
        f'oversized metadata for vector id="{vector_id}"; metadata must not exceed {METADATA_BYTES} bytes, '
        f"got {size} bytes",
    )


def unparsable_line(number: int) -> Refusal:
    """Refuse a batch for its line `number`, counted from zero."""
    return Refusal(
        400,
        40023,
        f"failed to parse insert vectors request in ndjson format: line Some({number}) was not expected format",
    )


def json_expected() -> Refusal:
    """Refuse a lookup that does not say it is JSON."""
    return Refusal(400, 40026, "Expected request with `Content-Type: application/json`")


def not_json(reason: str) -> Refusal:
    """Refuse a lookup whose body is not what it should be."""
    return Refusal(400, 40026, f"Failed to parse the request body as JSON: {reason}")


def throttled(retry_after: int) -> Refusal:
    """Refuse a request past the account's rate."""
    return Refusal(
        429,
        971,
        "Please wait and consider throttling your request speed",
        headers={"retry-after": str(retry_after)},
    )


def authentication_missing() -> Refusal:
    """Refuse a request without credentials."""
    return Refusal(403, 10000, "Authentication error")


def invalid_token() -> Refusal:
    """Refuse a well-formed token that is not the one that was set."""
    return Refusal(403, 9109, "Invalid access token")


def malformed_token() -> Refusal:
    """Refuse an Authorization header that holds no bearer token."""
    return Refusal(400, 6003, "Invalid request headers", chain=(6111, "Invalid format for Authorization header"))


def malformed_key() -> Refusal:
    """Refuse an X-Auth-Key header that holds no key."""
    return Refusal(400, 6003, "Invalid request headers", chain=(6103, "Invalid format for X-Auth-Key header"))


def no_route(path: str) -> Refusal:
    """Refuse a path that the API does not have."""
    return Refusal(404, 7003, f"Could not route to {path}, perhaps your object identifier is invalid?")


def body_too_large() -> Refusal:
    """Refuse a body as Cloudflare's edge does."""
    return Refusal(413, None, "Payload Too Large")


def unknown(message: str, status: int = 400, headers: dict[str, str] | None = None) -> Refusal:
    """Refuse what the live service is thought to refuse, with a code that is not known."""
    return Refusal(status, UNKNOWN_CODE, message, headers=headers)
