"""HAR 1.2, in which browsers, proxies and clients of any kind write what they exchanged -> recordings. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .recordings import Recording
from .wire import Request, Response, joined, lower

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What tools write in place of a credential that they take out.
LEFT_OUT = {"Authorization": "Bearer LEFT-OUT"}


def exchanges(document: Any, name: str) -> Iterator[Recording]:
    """Yield the exchanges of a HAR.

    Args:
        document: The HAR, decoded.
        name: What to call it.

    Raises:
        ValueError: It is none; the message names the entry.

    """
    try:
        entries = document["log"]["entries"]
        creator = document["log"].get("creator", {}).get("name", "unknown")
    except (KeyError, TypeError, AttributeError):
        raise ValueError("is no HAR: it has no log.entries") from None
    listed: list[Any] = entries if isinstance(entries, list) else [None]
    for number, entry in enumerate(listed):
        try:
            source = {"kind": "har", "seen": str(entry.get("startedDateTime", "")), "note": f"Written by {creator}."}
            request, lacks = _request(entry["request"])
            response, missing = _response(entry["response"])
        except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
            raise ValueError(f"entry {number}: is not as HAR 1.2 has it ({type(error).__name__}: {error})") from None
        yield Recording(f"{name}#{number}", source, None, request, response, lacks or missing)


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    named = ((str(header["name"]), str(header["value"])) for header in message.get("headers", []))
    return joined((name, value) for name, value in named if not name.startswith(":"))


def _length(message: Mapping[str, Any], headers: Mapping[str, str]) -> int:
    """Return how many bytes a body has by what is said of it, at least; 0 where nothing is said."""
    stated = lower(headers).get("content-length", "")
    if "content-encoding" in lower(headers):
        stated = ""
    return max(int(message.get("size") or 0), int(stated) if stated.isdecimal() else 0)


def _request(written: Mapping[str, Any]) -> tuple[Request, str | None]:
    headers = _headers(written)
    posted = written.get("postData") or {}
    body = str(posted.get("text") or "").encode(errors="surrogatepass")
    if "content-type" not in lower(headers) and posted.get("mimeType"):
        headers["Content-Type"] = str(posted["mimeType"])
    if "x-auth-email" not in lower(headers) and not lower(headers).get("authorization", "").startswith("Bearer "):
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"} | LEFT_OUT
    url = urlsplit(str(written["url"]))
    size = _length({"size": written.get("bodySize")}, headers)
    lacks = "the HAR lacks the request's body, or cut it short" if len(body) < size else None
    target = url.path + (f"?{url.query}" if url.query else "")
    return Request(str(written["method"]).upper(), target, headers, body), lacks


def _response(written: Mapping[str, Any]) -> tuple[Response | None, str | None]:
    status = int(written["status"])
    if not status:
        return None, "there was no answer"
    headers = _headers(written)
    content = written.get("content") or {}
    text = content.get("text")
    body = str(text or "").encode(errors="surrogatepass")
    if content.get("encoding") == "base64":
        body = base64.b64decode(body, validate=True)
    if "content-type" not in lower(headers) and content.get("mimeType"):
        headers["Content-Type"] = str(content["mimeType"])
    lacks = None
    if len(body) < _length(content, headers) or (text is None and int(content.get("size") or 0) < 0):
        lacks = "the HAR lacks the answer's body, or cut it short"
    return Response(status, headers, body), lacks
