"""Who asks: a bearer token, or a key that comes with an email."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Final

from cf_vectorize_emulator.core.names import KEY, TOKEN

from .envelope import authentication_missing, invalid_token, malformed_key, malformed_token

if TYPE_CHECKING:
    from starlette.datastructures import Headers

BEARER: Final = re.compile(f"[Bb]earer +({TOKEN.pattern})")
# Names of headers whose values are for nobody's eyes.
SECRET: Final = re.compile("auth|key|token|secret|cookie|session|password|credential|jwt|signature", re.IGNORECASE)
HIDDEN: Final = "(hidden)"
# A word as short as `Bearer` is no secret.
SHORT: Final = 6


def admit(headers: Headers, token: str | None) -> str:
    """Return the credential of a request.

    Args:
        headers: The request's.
        token: The only credential that is accepted; None accepts any.

    Raises:
        Failure: There is none, or it is malformed, or another one.

    """
    credential = _credential(headers)
    if token is not None and not hmac.compare_digest(credential.encode(), token.encode()):
        raise invalid_token()
    return credential


def _credential(headers: Headers) -> str:
    if "authorization" in headers:
        bearer = BEARER.fullmatch(headers["authorization"])
        if bearer is None:
            raise malformed_token()
        return bearer[1]
    if "x-auth-email" not in headers or "x-auth-key" not in headers:
        raise authentication_missing()
    if not KEY.fullmatch(headers["x-auth-key"]):
        raise malformed_key()
    return headers["x-auth-key"]


def shown(headers: Headers, token: str | None) -> dict[str, str]:
    """Return headers as a record may hold them: without the token and what else may be secret, wherever it stands."""
    secrets = {token} if token else set()
    secrets |= {
        word for name, value in headers.items() if SECRET.search(name) for word in value.split() if len(word) > SHORT
    }
    return {
        name: HIDDEN if SECRET.search(name) or any(word in value for word in secrets) else value
        for name, value in headers.items()
    }
