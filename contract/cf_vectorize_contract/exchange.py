"""Whether a request and its answer go together, which no schema of either can say. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .wire import Problem, lower, media_type, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .wire import Request, Response

OPERATIONS: Final = {"insert", "get_by_ids"}
REFUSED: Final = 400
# What these codes refuse, the request itself shows: content types, too many ids, an id or metadata that is too long.
SELF_EVIDENT: Final = {1005, 40007, 40008, 40016, 40026}


def relation_problems(operation: str, request: Request, response: Response, *, refusable: bool) -> Iterator[Problem]:
    """Judge a well-formed answer by what was asked.

    Args:
        operation: The operation's id.
        request: The request.
        response: Its answer, in which nothing else is wrong.
        refusable: Whether something is wrong with the request.

    """
    if operation not in OPERATIONS or media_type(lower(response.headers)) != "application/json":
        return
    answer: dict[str, Any] = read_json(response.body)
    if response.status >= REFUSED:
        code = answer["errors"][0]["code"]
        if code in SELF_EVIDENT and not refusable:
            yield Problem("response body", "$.errors[0].code", "refusal", f"{code}, and the request keeps that rule")
    elif operation == "get_by_ids":
        asked = read_json(request.body).get("ids")
        for place, vector in enumerate(answer["result"]):
            # What the service answers to a request without ids is unknown.
            if asked is not None and vector["id"] not in asked:
                path = f"$.result[{place}].id"
                yield Problem(
                    "response body", path, "not asked for", f"{vector['id']!r} is none of the ids asked for"
                )
