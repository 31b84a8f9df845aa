"""Answers become typed errors that say everything, survive pickle, and hold no secret."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cf_vectorize
from cf_vectorize import (
    AuthenticationError,
    BadLinesError,
    BatchOutcome,
    InputError,
    InsertError,
    InsertReport,
    JournalError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ResponseError,
    ServerError,
    TransportError,
    UnexpectedResponseError,
    Vectorize,
    VectorizeError,
)
from cf_vectorize.checks.rules import BadLine
from cf_vectorize_overlay.envelope import retry_after, unwrap
from cf_vectorize_overlay.index import Index
from loads import ACCOUNT, TOKEN, lines, settings
from scripted_server import Answer, ScriptedServer, failure, html


class Row(NamedTuple):
    answer: Answer
    error: type[ResponseError]
    code: int | None


TABLE = [
    Row(failure(400, 1005, "vectorize.unknown_content_type"), RejectedError, 1005),
    Row(failure(400, 3000, "vectorize.index.not_found"), NotFoundError, 3000),
    Row(failure(404, 3000, "vectorize.index.not_found"), NotFoundError, 3000),
    Row(failure(410, 3005, "vectorize.index.deleted"), NotFoundError, 3005),
    Row(failure(400, 40007, "too many ids in payload"), RejectedError, 40007),
    Row(failure(400, 40008, "id too long"), RejectedError, 40008),
    Row(failure(400, 40012, "invalid vector"), RejectedError, 40012),
    Row(failure(400, 40016, "oversized metadata"), RejectedError, 40016),
    Row(failure(400, 40023, "line Some(7) was not expected format"), RejectedError, 40023),
    Row(failure(400, 40026, "Expected request with"), RejectedError, 40026),
    Row(failure(400, 40041, "Too Many Requests"), RateLimitError, 40041),
    Row(failure(429, 40041, "Too Many Requests"), RateLimitError, 40041),
    Row(failure(429, 971, "Please wait"), RateLimitError, 971),
    Row(failure(429, 10429, "Please wait"), RateLimitError, 10429),
    Row(failure(403, 10000, "Authentication error"), AuthenticationError, 10000),
    Row(failure(401, 10000, "Authentication error"), AuthenticationError, 10000),
    Row(failure(403, 9109, "Invalid access token"), AuthenticationError, 9109),
    Row(failure(400, 6003, "Invalid request headers"), AuthenticationError, 6003),
    Row(failure(404, 7003, "Could not route"), NotFoundError, 7003),
    Row(failure(200, 40012, "invalid vector"), RejectedError, 40012),
    Row(failure(500, 10001, "internal"), ServerError, 10001),
    Row(failure(418, 77, "teapot"), RejectedError, 77),
    Row(Answer(403, b'{"success":false,"errors":[]}'), AuthenticationError, None),
    Row(Answer(400, b'{"success":false,"errors":null}'), RejectedError, None),
    Row(Answer(400, b'{"success":false,"errors":[7,{"code":"x"}]}'), RejectedError, None),
    Row(html(413), RejectedError, None),
    Row(html(429), RateLimitError, None),
    Row(html(502), ServerError, None),
    Row(html(520), ServerError, None),
    Row(html(599), ServerError, None),
    Row(Answer(500, b'{"success":true,"result":{"mutationId":"m"}}'), ServerError, None),
    Row(Answer(202, b'{"success":true,"result":{"mutationId":"m"}}'), UnexpectedResponseError, None),
    Row(html(200), UnexpectedResponseError, None),
    Row(html(404), UnexpectedResponseError, None),
    Row(Answer(200, b""), UnexpectedResponseError, None),
    Row(Answer(200, b"{"), UnexpectedResponseError, None),
    Row(Answer(200, b'{"success":"yes"}'), UnexpectedResponseError, None),
    Row(Answer(200, b"\xff\xfe\x00"), UnexpectedResponseError, None),
    Row(Answer(200, b"[" * 100_000), UnexpectedResponseError, None),
]
OPERATIONS = {
    "insert": lambda client: client.insert(lines(1)),
    "get_by_ids": lambda client: client.get_by_ids(["v000000"]),
}


def caught(operation: str, answer: Answer) -> VectorizeError:
    with ScriptedServer(lambda _number, _size: answer) as server:
        client = Vectorize("index", **settings(server.url, give_up_after=0))
        with client, pytest.raises(VectorizeError) as raised:
            OPERATIONS[operation](client)
    return raised.value


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.answer.status}-{(row.answer.body or b'')[:40]!r}")
def test_an_answer_becomes_its_error(row: Row, operation: str) -> None:
    headers = {**row.answer.headers, "cf-ray": "8f2a-AMS", "retry-after": "7"}
    error = caught(operation, Answer(row.answer.status, row.answer.body, headers))
    assert type(error) is row.error
    assert isinstance(error, ResponseError)
    assert (error.status, error.code, error.method) == (row.answer.status, row.code, "POST")
    assert error.path == f"/client/v4/accounts/…/vectorize/v2/indexes/index/{operation}"
    assert error.ray == "8f2a-AMS"
    assert error.retry_after == 7
    assert f"HTTP {row.answer.status}" in str(error)
    assert "cf-ray 8f2a-AMS" in str(error)
    assert error.message


WRONG_RESULTS = {
    "insert": [b"null", b"[]", b"5", b'"m"', b"{}", b'{"mutationId":null}', b'{"mutationId":7}', b"[[]]"],
    "get_by_ids": [b"null", b"{}", b"5", b'"text"', b"[null]", b"[5]", b'[{"id":"a"}]', b'[{"values":[1]}]',
                   b'[{"id":7,"values":[1]}]', b'[{"id":"a","values":null}]', b'[{"id":"a","values":"text"}]',
                   b'[{"id":"a","values":[null]}]', b'[{"id":"a","values":[1],"metadata":7}]',
                   b'[{"id":"a","values":[1],"namespace":7}]'],
}  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "result"), [(operation, each) for operation, all_of in WRONG_RESULTS.items() for each in all_of]
)
def test_a_result_of_another_shape(operation: str, result: bytes) -> None:
    error = caught(operation, Answer(200, b'{"success":true,"errors":[],"messages":[],"result":' + result + b"}"))
    assert type(error) is UnexpectedResponseError
    assert error.status == 200
    assert error.path.endswith(operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_envelope_without_a_result(operation: str) -> None:
    answer = Answer(200, b'{"success":true,"errors":[],"messages":[]}')
    assert type(caught(operation, answer)) is UnexpectedResponseError


@pytest.mark.parametrize("member", ["errors", "messages"])
@pytest.mark.parametrize("value", ["null", "{}", "7", '["a notice"]', "[null]", '[{"message":7}]'])
def test_a_success_is_believed_whatever_the_shape_of_its_notices(member: str, value: str) -> None:
    answer = Answer(200, f'{{"success":true,"{member}":{value},"result":{{"mutationId":"m"}}}}'.encode())
    with ScriptedServer([answer]) as server, Index("index", **settings(server.url)) as index:
        assert index.insert(lines(1)[0]) == "m"
    assert len(server.requests) == 1


def test_all_errors_and_their_causes_are_told() -> None:
    body = (
        b'{"success":false,"errors":[{"code":6003,"message":"Invalid request headers",'
        b'"error_chain":[{"code":6111,"message":"Invalid format"}]},{"code":1,"message":"second"}]}'
    )
    error = caught("insert", Answer(400, body))
    assert isinstance(error, ResponseError)
    assert error.code == 6003
    assert error.message == "Invalid request headers: Invalid format; second"


def test_html_is_told_without_its_tags() -> None:
    error = caught("insert", html(502))
    assert "text/html" in str(error)
    assert "Error 502" in str(error)
    assert "<" not in str(error)


@given(st.integers(100, 599), st.binary(max_size=80) | st.sampled_from([b'{"success":false,"errors":{"a":1}}']))
def test_any_answer_is_an_envelope_or_a_typed_error(status: int, body: bytes) -> None:
    with pytest.raises(ResponseError):
        unwrap(status, {}, body, method="POST", path="/", scrub=str)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("120", 120.0), (" 5 ", 5.0), ("", None), ("soon", None), ("-5", None), ("1.5", None),
     ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("Thu, 01 Jan 1970 00:00:00 -0000", 0.0),
     ("Mon, 01 Jan 99999 00:00:00 GMT", None), ("²", None)],
)  # fmt: skip
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


@given(st.text(st.characters(max_codepoint=255), max_size=40) | st.from_regex(r"\w{3}, \d+ Jan \d+ \d+:\d+:\d+ \S+"))
def test_no_retry_after_is_an_exception(text: str) -> None:
    seconds = retry_after({"retry-after": text})
    assert seconds is None or seconds >= 0


# What can be pickled: one of each, with what is set later set.


def rejected() -> RejectedError:
    error = RejectedError("no", 400, 40023, "POST", "/client/v4/…/insert", "ray", 3.0)
    error.line = 4
    error.place = "vectors.ndjson:5"
    return error


BAD_LINES = BadLinesError([BadLine("vectors.ndjson", 3, "a", "values", "values is missing")])


def insert_error() -> InsertError:
    fine = BatchOutcome("vectors.ndjson", 1, 2, 0, 99, 2, 99, mutation_id="m", attempts=1)
    bad = BatchOutcome("vectors.ndjson", 3, 4, 99, 200, 2, 101, attempts=3, error=rejected())
    worse = BatchOutcome("vectors.ndjson", 5, 6, 200, 300, 2, 100, error=BAD_LINES)
    return InsertError(InsertReport((fine, bad, worse), 1.5))


RESPONSE_ERRORS = [AuthenticationError, NotFoundError, RateLimitError, RejectedError, ServerError]
ERRORS: list[VectorizeError] = [
    VectorizeError("base"),
    InputError("input"),
    JournalError("journal"),
    BAD_LINES,
    TransportError("cannot connect", "POST", "/client/v4/…/insert"),
    *(kind("no", 418, 7, "POST", "/p", "ray", 2.0) for kind in (*RESPONSE_ERRORS, UnexpectedResponseError)),
    rejected(),
    insert_error(),
]


def content(error: BaseException) -> Any:
    """Return all that an error holds, comparably."""
    inner = [content(each) for each in error.exceptions] if isinstance(error, BaseExceptionGroup) else error.args
    attributes = {name: value for name, value in vars(error).items() if name != "report"}
    return type(error), str(error), inner, attributes


def test_every_public_error_is_among_those_tried() -> None:
    public = {name for name in cf_vectorize.__all__ if name.endswith("Error")}
    assert public == {type(error).__name__ for error in ERRORS} | {"ResponseError"}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("through", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_errors_survive_pickle_with_all_they_hold(error: VectorizeError, through: Any) -> None:
    again = through(error)
    assert content(again) == content(error)
    if isinstance(error, InsertError):
        assert again.report.vectors == error.report.vectors
        assert [content(batch.error) for batch in again.report.failed] == [
            content(batch.error) for batch in error.report.failed if batch.error
        ]


def test_every_error_is_a_vectorize_error_and_input_errors_are_value_errors() -> None:
    assert all(isinstance(error, VectorizeError) for error in ERRORS)
    assert issubclass(InputError, ValueError)


# No secret anywhere.

EMAIL, KEY = "someone@example.com", "key-that-must-never-be-shown"
TOKEN_ONLY = {"api_token": TOKEN}
EMAIL_AND_KEY = {"api_token": None, "api_email": EMAIL, "api_key": KEY}
ECHOES = f"no {TOKEN} of {ACCOUNT} for {EMAIL} with {KEY}"
INDISCREET = [
    failure(403, 10000, ECHOES),
    failure(400, 7003, f"Could not route to /client/v4/accounts/{ACCOUNT}/vectorize"),
    Answer(502, f"<p>{ECHOES}</p>".encode(), {"content-type": "text/html"}),
    Answer(200, f'"{ECHOES}"'.encode()),
    Answer(200, f'{{"success":true,"errors":[],"messages":[],"result":{{"{ECHOES}":1}}}}'.encode()),
    Answer(200, f'{{"success":true,"errors":["{ECHOES}"],"messages":[],"result":"{ECHOES}"}}'.encode()),
    Answer(reset="after"),
    Answer(ends="closes"),
]


@pytest.mark.parametrize("who", [TOKEN_ONLY, EMAIL_AND_KEY], ids=["token", "email and key"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_secret_is_told(who: dict[str, str], operation: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    for answer in INDISCREET:
        with ScriptedServer(lambda _number, _size, answer=answer: answer) as server:
            client = Vectorize("index", **settings(server.url, give_up_after=0) | who)
            told += [repr(client), repr(client._index), repr(client._index._credentials)]
            with client, pytest.raises(VectorizeError) as raised:
                OPERATIONS[operation](client)
        assert len(server.requests) == 1
        error = raised.value
        told += [str(error), repr(error), repr(vars(error)), str(pickle.dumps(error))]
        told += traceback.TracebackException.from_exception(error, capture_locals=False).format()
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__
    secrets = [ACCOUNT, *filter(None, who.values())]
    assert [text for text in told if any(secret in text for secret in secrets)] == []
    assert [record for record in caplog.messages if any(secret in record for secret in secrets)] == []
    assert caplog.records


def test_the_secrets_were_sent_all_the_same() -> None:
    with ScriptedServer() as server:
        for who in (TOKEN_ONLY, EMAIL_AND_KEY):
            with Vectorize("index", **settings(server.url) | who) as client:
                client.insert(lines(1))
    first, second = (request.headers for request in server.requests)
    assert first["authorization"] == f"Bearer {TOKEN}"
    assert (second["x-auth-email"], second["x-auth-key"]) == (EMAIL, KEY)
    assert "authorization" not in second
    assert first["content-type"] == "application/x-ndjson"
    assert first["user-agent"].startswith("cf-vectorize/")
    path, _, query = server.requests[0].path.partition("?")
    assert path == f"/client/v4/accounts/{ACCOUNT}/vectorize/v2/indexes/index/insert"
    assert query == "unparsable-behavior=error"
