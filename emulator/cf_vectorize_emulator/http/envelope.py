"""The envelope around every answer, and what is refused before the service is asked. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

import orjson

from cf_vectorize_emulator.core.faults import NO_FAULT
from cf_vectorize_emulator.core.refusals import UNKNOWN_CODE, Refusal

if TYPE_CHECKING:
    from cf_vectorize_emulator.core.faults import Fault

# Of what the service refuses, every status that was seen is this one.
REFUSED: Final = 400


class Failure(Exception):  # noqa: N818 - a normal answer to bad input
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

    @classmethod
    def of(cls, refusal: Refusal) -> Failure:
        """Say over HTTP that the service refuses."""
        return cls(REFUSED, refusal.code, refusal.message)

    @property
    def content_type(self) -> str:
        """The media type of the body."""
        return "text/html; charset=UTF-8" if self.code is None else "application/json"

    def body(self, fault: Fault = NO_FAULT) -> bytes:
        """Return the failure envelope, with the members that a fault adds, or the page."""
        if self.code is None:
            return _page(self.status, self.message)
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if fault.documentation_url is not None:
            error["documentation_url"] = fault.documentation_url
        if fault.source_pointer is not None:
            error["source"] = {"pointer": fault.source_pointer}
        if self.chain is not None:
            error["error_chain"] = [{"code": self.chain[0], "message": self.chain[1]}]
        return orjson.dumps({"result": None, "success": False, "errors": [error], "messages": fault.messages})


def success(result: Any, fault: Fault = NO_FAULT) -> bytes:
    """Return the success envelope around a result, with the messages that a fault adds."""
    return orjson.dumps({"success": True, "errors": [], "messages": fault.messages, "result": result})


def _page(status: int, title: str) -> bytes:
    title = escape(title)
    return (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def unknown_content_type() -> Failure:
    """Refuse an insert that is neither NDJSON nor multipart."""
    return Failure(400, 1005, "vectorize.unknown_content_type")


def json_expected() -> Failure:
    """Refuse a lookup that does not say it is JSON."""
    return Failure(400, 40026, "Expected request with `Content-Type: application/json`")


def throttled(retry_after: int) -> Failure:
    """Refuse a request past the account's rate."""
    return Failure(
        429,
        971,
        "Please wait and consider throttling your request speed",
        headers={"retry-after": str(retry_after)},
    )


def authentication_missing() -> Failure:
    """Refuse a request without credentials."""
    return Failure(403, 10000, "Authentication error")


def invalid_token() -> Failure:
    """Refuse a well-formed token that is not the one that was set."""
    return Failure(403, 9109, "Invalid access token")


def malformed_token() -> Failure:
    """Refuse an Authorization header that holds no bearer token."""
    return Failure(400, 6003, "Invalid request headers", chain=(6111, "Invalid format for Authorization header"))


def malformed_key() -> Failure:
    """Refuse an X-Auth-Key header that holds no key."""
    return Failure(400, 6003, "Invalid request headers", chain=(6103, "Invalid format for X-Auth-Key header"))


def no_route(path: str, hint: str = "perhaps your object identifier is invalid?") -> Failure:
    """Refuse a path that the API, or the emulator, does not have."""
    return Failure(404, 7003, f"Could not route to {path}, {hint}")


def body_too_large() -> Failure:
    """Refuse a body as Cloudflare's edge does."""
    return Failure(413, None, "Payload Too Large")


def unknown(message: str, status: int = 400, headers: dict[str, str] | None = None) -> Failure:
    """Refuse what the live service is thought to refuse, with a code that is not known."""
    return Failure(status, UNKNOWN_CODE, message, headers=headers)


def broken(error: Exception) -> Failure:
    """Answer that the emulator itself failed, and that nothing was done."""
    return Failure(500, UNKNOWN_CODE, f"the emulator failed, nothing was stored: {error or type(error).__name__}")
