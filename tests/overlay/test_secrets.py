"""No secret in what an error carries: locals of frames, contexts, attributes, logs."""

from __future__ import annotations

import logging
import signal
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from cf_vectorize import AsyncVectorize, InputError, Vectorize, VectorizeError
from cf_vectorize_overlay import Index
from loads import ACCOUNT, TOKEN, lines, settings
from raw_server import Connection, RawServer, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EMAIL, KEY = "someone@example.com", "0123456789abcdef0123456789abcdef01234"
SECRETS = (ACCOUNT, TOKEN, EMAIL, KEY)
CREDENTIALS = {
    "token": {"account_id": ACCOUNT, "api_token": TOKEN},
    "key": {"account_id": ACCOUNT, "api_email": EMAIL, "api_key": KEY},
}


def chain(error: BaseException) -> Iterator[BaseException]:
    pending: list[BaseException | None] = [error]
    for each in pending:
        if each is not None:
            yield each
            pending += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def told(error: BaseException) -> Iterator[str]:
    """Yield all that a reporter of errors can print: texts, attributes, and the locals of every frame but ours."""
    for each in chain(error):
        yield repr(each)
        yield str(each)
        yield repr(vars(each))
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                for name, value in frame.f_locals.items():
                    yield f"{frame.f_code.co_qualname}.{name} = {value!r}"


def leaks(error: BaseException) -> list[str]:
    return [text for text in told(error) for secret in SECRETS if secret in text]


def reply(data: bytes) -> Callable[[Connection], None]:
    def serve(connection: Connection) -> None:
        while connection.read()[0]:
            connection.send(data)

    return serve


def hang_up(connection: Connection) -> None:
    connection.read()


def echo(connection: Connection) -> None:
    """Send back what a careless server would: the credentials in the message, in the ray, in a header."""
    head = connection.read()[0].decode()
    secret = TOKEN if TOKEN in head else KEY
    body = f'{{"success":false,"result":null,"errors":[{{"code":1,"message":"{secret} of {ACCOUNT}"}}]}}'
    connection.send(answer(body.encode(), f"cf-ray: {secret}", status=403))


FAILURES = {
    "refused": reply(answer(b'{"success":false,"errors":[{"code":10000,"message":"no"}]}', status=403)),
    "HTML": reply(answer(b"<html>", status=502)),
    "no envelope": reply(answer(b"[]")),
    "garbled": reply(answer(b"x", "content-encoding: gzip")),
    "another shape": reply(answer(b'{"success":true,"result":7}')),
    "no HTTP": reply(b"\x00\r\n\r\n"),
    "hung up": hang_up,
    "echoed": echo,
}
CALLS: dict[str, Callable[[Any], object]] = {
    "insert": lambda index: index.insert(lines(1)),
    "get_by_ids": lambda index: index.get_by_ids(["a"]),
    "verify": lambda index: index.verify(lines(1), deadline=0),
}


@pytest.mark.parametrize("who", CREDENTIALS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_carries_no_secret(who: str, call: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    options: Any = {**CREDENTIALS[who], "give_up_after": 0}
    with (
        RawServer(FAILURES[name]) as server,
        Vectorize("index", base_url=server.url, **options) as index,
        pytest.raises(VectorizeError) as caught,
    ):
        CALLS[call](index)
    assert leaks(caught.value) == []
    # The connection library tells at DEBUG what a server sends, also where that is an echo.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("httpcore")]
    assert not [text for text in ours for secret in SECRETS if secret in text]


@pytest.mark.parametrize("who", CREDENTIALS)
def test_no_connection_carries_no_secret(who: str) -> None:
    options: Any = {**CREDENTIALS[who], "give_up_after": 0, "base_url": "http://127.0.0.1:1"}
    with Vectorize("index", **options) as index, pytest.raises(VectorizeError) as caught:
        index.get_by_ids(["a"])
    assert leaks(caught.value) == []


@pytest.mark.parametrize("face", [Index, Vectorize, AsyncVectorize])
@pytest.mark.parametrize("who", CREDENTIALS)
@pytest.mark.parametrize("wrong", [{"timeout": -1}, {"base_url": "ftp://x"}, {"account_id": f"{ACCOUNT} x"}])
def test_a_constructor_that_refuses_carries_no_secret(face: Any, who: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        face("index", **{**CREDENTIALS[who], **wrong})
    assert leaks(caught.value) == []


def test_a_password_in_a_url_is_not_quoted() -> None:
    for url in ("https://user:hunter22@example.com/x", "ftp://user:hunter22@example.com", "http://user:hunter22@[x"):
        with pytest.raises(InputError, match="base_url") as caught:
            Index("index", **settings(url))
        assert not [text for text in told(caught.value) if "hunter22" in text]


def test_ctrl_c_in_a_request_carries_no_secret() -> None:
    arrived = threading.Event()

    def serve(connection: Connection) -> None:
        connection.read()
        arrived.set()
        server.ended.wait(60)

    def interrupt() -> None:
        arrived.wait(60)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with RawServer(serve) as server, Index("index", **settings(server.url)) as index:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt) as caught:
            index.get_by_ids(["a"])
        server.ended.set()
    assert leaks(caught.value) == []


def test_the_walk_sees_what_leaks() -> None:
    def leak(token: str) -> None:
        raise ValueError(len(token))

    with pytest.raises(ValueError, match="30") as caught:
        exec(compile("leak(token)", "elsewhere.py", "exec"), {"leak": leak}, {"token": TOKEN})
    assert leaks(caught.value) != []


def test_credentials_in_the_clear_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    for url in ("https://api.example.com", "http://127.0.0.1:8787", "http://localhost:1", "http://[::1]:1"):
        Index("index", **settings(url)).close()
    assert caplog.messages == []
    Index("index", **settings("http://api.example.com/x")).close()
    assert caplog.messages == ["http://api.example.com/x is not encrypted: the credentials can be read on the way"]
