"""Where the API is, who asks, and what of it may be shown: nothing."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import attrs

from .errors import InputError

# A shorter one is no secret, and would tear words apart.
SHORTEST_SECRET: Final = 8
BASE_URL: Final = "https://api.cloudflare.com/client/v4"
EMULATOR_URL: Final = "http://127.0.0.1:8787/client/v4"


@attrs.frozen
class Credentials:
    """Who asks: an API token, or an email with a key. Never shown."""

    account_id: str = attrs.field(repr=False)
    api_token: str | None = attrs.field(repr=False)
    api_email: str | None = attrs.field(repr=False)
    api_key: str | None = attrs.field(repr=False)

    @classmethod
    def find(
        cls,
        account_id: str | None,
        api_token: str | None,
        api_email: str | None,
        api_key: str | None,
    ) -> Credentials:
        """Take what is given, and the rest from the environment under the official SDK's names.

        Raises:
            InputError: One cannot stand in a header, or is missing: named by its variable, in a note by its argument.

        """
        account_id = _usable("account_id", account_id) or _from_environment("CLOUDFLARE_ACCOUNT_ID")
        if not account_id:
            raise _missing("no account", "CLOUDFLARE_ACCOUNT_ID", "account_id=…")
        if api_token is None and api_email is None and api_key is None:
            api_token = _from_environment("CLOUDFLARE_API_TOKEN")
        if api_token := _usable("api_token", api_token):
            return cls(account_id, api_token, None, None)
        api_email = _usable("api_email", api_email) or _from_environment("CLOUDFLARE_EMAIL")
        api_key = _usable("api_key", api_key) or _from_environment("CLOUDFLARE_API_KEY")
        if api_email and api_key:
            return cls(account_id, None, api_email, api_key)
        if api_email:
            raise _missing("an email without a key", "CLOUDFLARE_API_KEY", "api_key=…")
        if api_key:
            raise _missing("a key without an email", "CLOUDFLARE_EMAIL", "api_email=…")
        others = " (or CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY)"
        raise _missing("no credentials", "CLOUDFLARE_API_TOKEN", "api_token=… (or api_email=… and api_key=…)", others)

    def asker(self, base_url: str) -> str:
        """Return who asks whom, whatever account it is for: a text that only the same secrets have in common."""
        told = f"{base_url}\n{(self.api_token, self.api_email, self.api_key)}"
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def scrub(self, text: str) -> str:
        """Take every secret out of a text that came from outside."""
        text = text.replace(f"/accounts/{self.account_id}/", "/accounts/…/")
        for secret in (self.account_id, self.api_token, self.api_email, self.api_key):
            if secret and len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "[redacted]")
        return text


def _usable(name: str, given: str | None) -> str | None:
    """Return a credential without the white space around it, None where there is none."""
    if not isinstance(given, str | None):
        raise InputError(f"{name} is of type {type(given).__name__}; it is a string")
    value = (given or "").strip()
    # A header would refuse anything else with a message that shows it.
    if not value.isascii() or any(not character.isprintable() or character.isspace() for character in value):
        raise InputError(f"{name} holds a space or a character that no credential has; copy it anew")
    return value or None


def _from_environment(name: str) -> str | None:
    return _usable(name, os.environ.get(name))


def _missing(what: str, variable: str, argument: str, others: str = "") -> InputError:
    """Return the error that names a variable, and in a note for Python's tracebacks the argument."""
    # That of langchain-cloudflare; its value is never shown.
    other = f"CF_{variable.removeprefix('CLOUDFLARE_')}"
    mistaken = f"; {other} is set, but it is {variable} that is read" if os.environ.get(other) else ""
    error = InputError(f"{what}: set {variable}{others}{mistaken}")
    error.add_note(f"Or pass {argument}")
    return error


def checked_base_url(base_url: str | None) -> str:
    """Return where the API is, without a slash at the end; by default what `CLOUDFLARE_BASE_URL` or Cloudflare says.

    Raises:
        InputError: It is no URL to which paths can be added; the message holds no password of it.

    """
    given = base_url or os.environ.get("CLOUDFLARE_BASE_URL") or BASE_URL
    whole = False
    with suppress(ValueError):
        parts = urlsplit(given) if isinstance(given, str) and given.isprintable() else urlsplit("")
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    if whole and not re.search("[?#@]", given):
        return given.rstrip("/")
    shown = "holds a password or an @" if "@" in str(given) else f"is {given!r}"
    extra = ", with a query or a fragment" if whole and re.search("[?#]", given) else ""
    raise InputError(f"base_url (or CLOUDFLARE_BASE_URL) {shown}{extra}; it looks like {BASE_URL} or {EMULATOR_URL}")


def is_loopback(base_url: str) -> bool:
    """Tell whether a URL leads to this machine."""
    host = urlsplit(base_url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".localhost")


class _WithoutAccount(logging.Filter):
    """Takes the account id out of the URL that the HTTP library logs for each request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                re.sub("/accounts/[^/]+/", "/accounts/…/", str(value)) if "/accounts/" in str(value) else value
                for value in record.args
            )
        return True


# The generator is about to move from the one to the other.
for _library in ("httpx", "httpx2"):
    logging.getLogger(_library).addFilter(_WithoutAccount())
