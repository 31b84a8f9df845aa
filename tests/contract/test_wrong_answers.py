"""Contract and client judge the same answers, each by code of its own, and differ only where a reason is given."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from wrong_answers import ASKED, GET, ROWS, Row

from cf_vectorize import AsyncVectorize, InsertError, Vectorize, VectorizeError
from cf_vectorize_contract import Judge, Request, Response
from loads import TOKEN, line, settings
from scripted_server import Answer, ScriptedServer

JUDGE = Judge()
BODY = {"insert": line("a"), GET: json.dumps({"ids": ASKED}).encode()}
MEDIA = {"insert": "application/x-ndjson", GET: "application/json"}
NAMES = [f"{row.operation} {row.status} {row.name}" for row in ROWS]


def request(row: Row) -> Request:
    target = f"/client/v4/accounts/account/vectorize/v2/indexes/index/{row.operation}"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": MEDIA[row.operation]}
    return Request("POST", target, headers, BODY[row.operation])


def test_the_table_has_a_row_for_each_name_and_a_reason_for_each_difference() -> None:
    assert [name for name, count in Counter(NAMES).items() if count > 1] == []
    assert len(ROWS) >= 150
    for row in ROWS:
        # A good refusal keeps the contract too, and is an error of the client's.
        assert bool(row.differ) == (row.contract == "broken" and row.client == "accepted"), row.name
        assert row.contract != "kept" or row.status >= 400 or row.client == "accepted", row.name


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_contract_judges_as_the_table_says(row: Row) -> None:
    judgement = JUDGE.judge(row.name, row.operation, request(row), Response(row.status, row.headers, row.body))
    assert judgement.verdict == row.contract, judgement
    assert bool(judgement.reasons) == (row.contract != "kept")
    assert all(len(text) < 400 for text in judgement.reasons + judgement.notes)
    assert len(judgement.reasons) <= 11


def outcome_of(face: str, url: str, operation: str) -> str:
    """Send one request by the real client and tell what came of it: `accepted`, or the error's name."""
    given: dict[str, Any] = settings(url, give_up_after=0, timeout=20)
    source = {"insert": BODY["insert"].splitlines(), GET: ASKED}[operation]
    try:
        if face == "sync":
            with Vectorize("index", **given) as index:
                getattr(index, operation)(source)
        else:

            async def send() -> None:
                async with AsyncVectorize("index", **given) as index:
                    await getattr(index, operation)(source)

            asyncio.run(send())
    except InsertError as error:
        return type(error.exceptions[0]).__name__
    except VectorizeError as error:
        return type(error).__name__
    return "accepted"


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=name, marks=[pytest.mark.xfail(strict=True, reason="todo of the client")] * row.todo)
     for row, name in zip(ROWS, NAMES, strict=True)],
)  # fmt: skip
def test_the_client_does_as_the_table_says(row: Row, face: str) -> None:
    headers = {name.lower(): value for name, value in row.headers.items()}
    answer = Answer(row.status, row.body, headers or {"content-type": ""})
    with ScriptedServer([answer]) as server:
        assert outcome_of(face, server.url, row.operation) == row.client
        assert len(server.requests) == 1
