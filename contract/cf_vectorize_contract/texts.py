"""What stands in paths, queries, headers and forms, read as what it is described as. Pure."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def in_a_form(content: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> tuple[str, bytes]:
    """Return the media type and the body that a form stands for: of the field that is described, if it has it."""
    head = f"Content-Type: {headers['content-type']}\r\n\r\n".encode()
    form = message_from_bytes(head + body, policy=HTTP)
    for known, media in content.items():
        for part in form.iter_parts() if form.is_multipart() else ():
            if part.get_param("name", header="content-disposition") == media.get("x-form-field"):
                payload = part.get_payload(decode=True)
                return known, payload if isinstance(payload, bytes) else b""
    return "multipart/form-data", body


def carries(scheme: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Tell whether lower-case headers carry the credential that a security scheme describes."""
    if scheme["type"] == "http":
        return headers.get("authorization", "").lower().startswith(f"{scheme['scheme']} ")
    return scheme["in"] == "header" and bool(headers.get(scheme["name"].lower()))


def template_pattern(template: str) -> re.Pattern[str]:
    """Match a path against its template; a parameter may be empty, which its `required` then judges."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]*)", re.escape(template)))


def typed(text: str, schema: Mapping[str, Any]) -> Any:
    """Read a text of a path, query or header as the number or boolean that it is described as, if it can be."""
    kind = schema.get("type")
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    number = r"-?[0-9]+" if kind == "integer" else r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"
    if kind in {"integer", "number"} and re.fullmatch(number, text):
        return int(text) if kind == "integer" else float(text)
    return text
