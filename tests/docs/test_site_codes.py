"""The page of codes says what is raised, for every code that is told apart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cf_vectorize import ResponseError, UnexpectedResponseError
from cf_vectorize_overlay.envelope import ERROR_OF_CODE, ERROR_OF_STATUS, unwrap

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "codes.md").read_text(encoding="utf-8")
BY_STATUS = PAGE.partition("| status | raised | sent again |")[2].partition("\n\n")[0].splitlines()
ROWS = re.findall(r"^\| (\d+) \| ([^|]*) \| ([^|]*) \| `(\w+)` \| [A-D/]+ \|$", PAGE, re.MULTILINE)
STATUSES = [
    (401, "AuthenticationError", False),
    (403, "AuthenticationError", False),
    (404, "NotFoundError", False),
    (408, "ServerError", True),
    (413, "RejectedError", False),
    (429, "RateLimitError", True),
    (400, "RejectedError", False),
    (422, "RejectedError", False),
    (500, "ServerError", True),
    (503, "ServerError", True),
    (520, "ServerError", True),
    (527, "ServerError", True),
]
HTML = b"<html><title>Error</title></html>"


def raised(status: int, body: bytes) -> ResponseError:
    with pytest.raises(ResponseError) as caught:
        unwrap(status, {}, body, method="POST", path="/p")
    return caught.value


def failure(**error: object) -> bytes:
    return json.dumps({"success": False, "errors": [error], "messages": [], "result": None}).encode()


@pytest.mark.parametrize(("code", "statuses", "error"), [(int(row[0]), row[1], row[3]) for row in ROWS])
def test_a_code_is_raised_as_the_page_says(code: int, statuses: str, error: str) -> None:
    for status in re.findall(r"\d{3}", statuses) or ["400"]:
        assert type(raised(int(status), failure(code=code, message="m"))).__name__ == error


def test_every_code_that_is_told_apart_is_on_the_page() -> None:
    assert {int(row[0]) for row in ROWS} >= ERROR_OF_CODE.keys()
    assert {status for status, *_ in STATUSES} >= ERROR_OF_STATUS.keys()


@pytest.mark.parametrize(("status", "error", "again"), STATUSES)
def test_an_answer_without_a_code_is_raised_as_the_page_says(status: int, error: str, *, again: bool) -> None:
    found = raised(status, failure(message="m"))
    assert (type(found).__name__, found.retryable) == (error, again)
    row = next(row for row in BY_STATUS if re.match(rf"\| .*\b{_row_of(status)}\b.* \| `{error}`", row))
    assert ("| yes" in row) == again


def _row_of(status: int) -> str:
    return (
        str(status)
        if status in {401, 403, 404, 408, 413, 429, 500, 520, 527}
        else {4: "4xx", 5: "500"}[status // 100]
    )


@pytest.mark.parametrize(("status", "again"), [(200, True), (302, False), (400, False), (418, False)])
def test_what_is_no_answer_of_the_api_is_unexpected(status: int, *, again: bool) -> None:
    found = raised(status, HTML)
    assert type(found) is UnexpectedResponseError
    assert found.retryable == again
