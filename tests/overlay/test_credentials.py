"""Whose credentials a client takes: what it is given, and the rest from the environment."""

from __future__ import annotations

import pytest

from cf_vectorize import InputError
from cf_vectorize_overlay.credentials import Credentials

ACCOUNT = {"CLOUDFLARE_ACCOUNT_ID": "account"}
TOKEN = {"CLOUDFLARE_API_TOKEN": "token"}
EMAIL = {"CLOUDFLARE_EMAIL": "a@example.com"}
KEY = {"CLOUDFLARE_API_KEY": "key"}
BY_TOKEN = ("account", "token", None, None)
BY_KEY = ("account", None, "a@example.com", "key")


def found(given: dict[str, str], environment: dict[str, str], patch: pytest.MonkeyPatch) -> Credentials:
    for name in ACCOUNT | TOKEN | EMAIL | KEY:
        patch.delenv(name, raising=False)
    for name, value in environment.items():
        patch.setenv(name, value)
    arguments = ("account_id", "api_token", "api_email", "api_key")
    return Credentials.find(*(given.get(argument) for argument in arguments))


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ({"account_id": "account", "api_token": "token"}, {}, BY_TOKEN),
        ({"account_id": "account", "api_email": "a@example.com", "api_key": "key"}, {}, BY_KEY),
        ({}, ACCOUNT | TOKEN, BY_TOKEN),
        ({}, ACCOUNT | EMAIL | KEY, BY_KEY),
        ({}, ACCOUNT | TOKEN | EMAIL | KEY, BY_TOKEN),
        ({"account_id": "account"}, {"CLOUDFLARE_ACCOUNT_ID": "other"} | TOKEN, BY_TOKEN),
        ({"api_token": "token"}, ACCOUNT | {"CLOUDFLARE_API_TOKEN": "other"} | EMAIL | KEY, BY_TOKEN),
        ({"api_token": "token", "api_email": "a@example.com", "api_key": "key"}, ACCOUNT, BY_TOKEN),
        # Who names an email or a key does not mean the token of the environment.
        ({"api_email": "a@example.com"}, ACCOUNT | TOKEN | KEY, BY_KEY),
        ({"api_key": "key"}, ACCOUNT | TOKEN | EMAIL, BY_KEY),
        ({"api_email": "a@example.com", "api_key": "key"}, ACCOUNT | TOKEN | {"CLOUDFLARE_API_KEY": "other"}, BY_KEY),
        ({}, {name: f" {value}\r\n" for name, value in (ACCOUNT | TOKEN).items()}, BY_TOKEN),
    ],
)
def test_what_is_given_comes_before_the_environment_and_a_token_before_a_key(
    given: dict[str, str],
    environment: dict[str, str],
    expected: tuple[str | None, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who = found(given, environment, monkeypatch)
    assert (who.account_id, who.api_token, who.api_email, who.api_key) == expected
    assert repr(who) == "Credentials()"


@pytest.mark.parametrize(
    ("given", "environment", "words"),
    [
        ({}, TOKEN, r"^no account: set CLOUDFLARE_ACCOUNT_ID\nOr pass account_id=…$"),
        ({"account_id": " "}, TOKEN, "^no account"),
        ({}, ACCOUNT, r"^no credentials: set CLOUDFLARE_API_TOKEN \(or .*\)\nOr pass api_token=… \(or api_em.*\)$"),
        ({"api_token": ""}, ACCOUNT, "^no credentials"),
        ({}, ACCOUNT | EMAIL, r"^an email without a key: set CLOUDFLARE_API_KEY\nOr pass api_key=…$"),
        ({"api_email": "a@example.com"}, ACCOUNT | TOKEN, "^an email without a key"),
        ({}, ACCOUNT | KEY, r"^a key without an email: set CLOUDFLARE_EMAIL\nOr pass api_email=…$"),
        ({"api_key": "key"}, ACCOUNT | TOKEN, "^a key without an email"),
        ({}, TOKEN | {"CF_ACCOUNT_ID": "a"}, "; CF_ACCOUNT_ID is set, but it is CLOUDFLARE_ACCOUNT_ID that is read"),
        ({}, ACCOUNT | {"CF_API_TOKEN": "a"}, "; CF_API_TOKEN is set, but it is CLOUDFLARE_API_TOKEN that is "),
        (
            {},
            ACCOUNT | EMAIL | {"CF_API_KEY": "a"},
            "; CF_API_KEY is set, but it is CLOUDFLARE_API_KEY that ",
        ),
        ({}, ACCOUNT | KEY | {"CF_EMAIL": "a"}, "; CF_EMAIL is set, but it is CLOUDFLARE_EMAIL that is "),
        ({}, ACCOUNT | {"CLOUDFLARE_API_TOKEN": "to ken"}, "^CLOUDFLARE_API_TOKEN holds a space"),
    ],
)
def test_what_is_missing_is_named_with_its_argument_and_its_variable(
    given: dict[str, str], environment: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=words):
        found(given, environment, monkeypatch)
