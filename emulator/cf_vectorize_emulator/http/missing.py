"""What a request asks for that the emulator does not have: said, so that nobody looks for a mistake of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cf_vectorize_emulator.core.names import ACCOUNT_ID, INDEX_NAME

BASE: Final = "/client/v4"
HAS: Final = "this emulator has insert and get_by_ids only"
# Vectorize's endpoints, as Cloudflare's API has them, below `/vectorize/v2/indexes`.
CLOUDFLARES: Final = {
    ("GET", ""): "list indexes",
    ("POST", ""): "create index",
    ("GET", "/{index}"): "get index",
    ("DELETE", "/{index}"): "delete index",
    ("GET", "/{index}/info"): "info",
    ("GET", "/{index}/list"): "list vectors",
    ("POST", "/{index}/query"): "query",
    ("POST", "/{index}/upsert"): "upsert",
    ("POST", "/{index}/delete_by_ids"): "delete_by_ids",
    ("POST", "/{index}/metadata_index/create"): "create metadata index",
    ("POST", "/{index}/metadata_index/delete"): "delete metadata index",
    ("GET", "/{index}/metadata_index/list"): "list metadata indexes",
}
PATH: Final = re.compile(
    r"(?P<base>.*?)/accounts/(?P<account>[^/]*)/vectorize(?P<version>/v2)?/indexes(?:/(?P<index>[^/]*)(?P<rest>/.*)?)?"
)
# What nobody who talks to the API asks for: browsers and health checks do.
NOISE: Final = re.compile(r"(?!.*/(client|accounts|vectorize)(/|$))")


@dataclass(frozen=True)
class Missing:
    """What is to be said of a path that is not there, and the index that it names, if any."""

    hint: str
    index: str | None


def look(method: str, path: str, origin: str) -> Missing:
    """Say what a request asks for whose path is not there.

    Args:
        method: The request's method.
        path: The request's path.
        origin: Where the emulator listens, as the request says it.

    """
    asked = PATH.fullmatch(path)
    if asked is None:
        return Missing(f"perhaps your object identifier is invalid? Of Cloudflare's API {HAS}, of Vectorize", None)
    index = asked["index"] or None
    if asked["base"] != BASE:
        wrong = f"instead of {asked['base']}" if asked["base"] else "which is missing"
        return Missing(f"whose base must be {BASE}, {wrong}: the base URL is {origin}{BASE}", index)
    if asked["version"] is None:
        return Missing(f"an endpoint of Vectorize's first version; {HAS}, of /vectorize/v2", index)
    rest = "" if asked["index"] is None else "/{index}" + (asked["rest"] or "")
    name = CLOUDFLARES.get((method, rest))
    if name is not None:
        return Missing(f"Cloudflare's endpoint `{name}`: {HAS}", index)
    if rest in {"/{index}/insert", "/{index}/get_by_ids"}:
        return Missing(identifier(asked["account"], asked["index"]), index)
    return Missing(f"perhaps your object identifier is invalid? {HAS.capitalize()}", index)


def identifier(account: str, index: str) -> str:
    """Say which of the two is none."""
    hint = "perhaps your object identifier is invalid?"
    if not ACCOUNT_ID.fullmatch(account):
        return f"{hint} The account id is not 1 to 32 of A-Z a-z 0-9 _ -"
    if not INDEX_NAME.fullmatch(index):
        return f"{hint} The name of the index is not 1 to 64 of A-Z a-z 0-9 _ -"
    return hint
