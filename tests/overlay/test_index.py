"""One request at a time, for whoever wants no engine."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cf_vectorize_overlay import Index, InputError, RejectedError, Vector, body
from cf_vectorize_overlay import index as transport
from loads import lines, settings
from raw_server import Connection, RawServer, answer, success
from scripted_server import ScriptedServer, failure, html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DATA = b"".join(lines(3))


def path(folder: Path) -> Path:
    (folder / "vectors.ndjson").write_bytes(DATA)
    return folder / "vectors.ndjson"


def opened(folder: Path, mode: str = "rb", skip: int = 0) -> Any:
    file = path(folder).open(mode)
    file.seek(skip)
    return file


def spooled(folder: Path) -> Any:
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the test
    file.write(DATA)
    file.flush()
    file.seek(0)
    return file


BODIES: dict[str, tuple[Callable[[Path], Any], bytes]] = {
    "a path": (path, DATA),
    "a path as text": (lambda folder: str(path(folder)), DATA),
    "a file": (opened, DATA),
    "a file, its first line read": (lambda folder: opened(folder, skip=len(lines(1)[0])), DATA[len(lines(1)[0]) :]),
    "a file without a buffer": (lambda folder: io.FileIO(path(folder)), DATA),
    "a temporary file": (spooled, DATA),
    "bytes": (lambda _: DATA, DATA),
    "a bytearray": (lambda _: bytearray(DATA), DATA),
    "a view": (lambda _: memoryview(DATA), DATA),
    "bytes in a file": (lambda _: io.BytesIO(DATA), DATA),
}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_sent_as_it_is_and_again_from_its_start(name: str, tmp_path: Path) -> None:
    make, expected = BODIES[name]
    source = make(tmp_path)
    with ScriptedServer([html(503)]) as server, Index("index", **settings(server.url)) as index:
        assert index.insert(source)
    if hasattr(source, "close"):
        source.close()
    assert [request.body for request in server.requests] == [expected, expected]
    assert {request.headers["content-type"] for request in server.requests} == {"application/x-ndjson"}
    assert {request.headers["content-length"] for request in server.requests} == {str(len(expected))}


@pytest.fixture
def pipe() -> Iterator[Any]:
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        yield file


def compressed(folder: Path) -> Any:
    (folder / "v.gz").write_bytes(gzip.compress(DATA))
    return gzip.open(folder / "v.gz")


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text": (lambda folder: opened(folder, "r"), "open it with mode 'rb'"),
    "text in memory": (lambda _: io.StringIO("x"), "open it with mode 'rb'"),
    "what unpacks": (compressed, "has no size beforehand"),
    "a generator": (lambda _: iter([b"x"]), "has no size beforehand"),
    "nothing": (lambda _: b"", "is empty"),
    "a file that is not there": (lambda folder: folder / "none", "none: No such file"),
    "a folder": (lambda folder: folder, "Is a directory"),
    "a device": (lambda _: "/dev/zero", "is no regular file"),
    "none": (lambda _: None, "has no size beforehand"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_size_or_nothing_in_it_is_refused_before_anything_is_sent(name: str, tmp_path: Path) -> None:
    make, words = REFUSED[name]
    source = make(tmp_path)
    with ScriptedServer() as server, Index("index", **settings(server.url)) as index:
        with pytest.raises(InputError, match=words):
            index.insert(source)
    if hasattr(source, "close"):
        source.close()
    assert server.requests == []


def test_an_open_pipe_is_refused(pipe: Any) -> None:
    with (
        Index("index", **settings("http://127.0.0.1:1")) as index,
        pytest.raises(InputError, match="no regular file"),
    ):
        index.insert(pipe)


def test_a_body_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "INSERT_BODY_BYTES", len(DATA) - 1)
    with Index("index", **settings("http://127.0.0.1:1")) as index:
        with pytest.raises(InputError, match=r"is 468 bytes and a request takes 467; .*Vectorize\.insert"):
            index.insert(DATA)


def test_what_to_do_with_a_line_that_cannot_be_parsed_is_sent_along() -> None:
    with ScriptedServer() as server, Index("index", **settings(server.url)) as index:
        index.insert(DATA)
        index.insert(DATA, unparsable="discard")
        with pytest.raises(InputError, match="unparsable is 'drop'; it is 'error' or 'discard'"):
            index.insert(DATA, unparsable="drop")  # type: ignore[arg-type]
    sent = [request.path.partition("?")[2] for request in server.requests]
    assert sent == ["unparsable-behavior=error", "unparsable-behavior=discard"]


def test_no_line_is_judged() -> None:
    with ScriptedServer([failure(400, 40023, "line Some(1) was not expected format")]) as server:
        with Index("index", **settings(server.url)) as index, pytest.raises(RejectedError) as caught:
            index.insert(b'{"id":"a"}\nno JSON\n')
    assert (caught.value.line, len(server.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([], "0 ids were given; a request takes 1 to 20"),
        ([str(number) for number in range(21)], "21 ids were given"),
        (["a", ""], "the id '' is 0 bytes of UTF-8; an id is 1 to 64"),
        (["ä" * 33], "is 66 bytes of UTF-8"),
        ([7], "is int; an id is a string"),
        (["\ud800"], "holds a lone surrogate"),
    ],
)
def test_wrong_ids_are_refused_before_anything_is_sent(ids: Any, words: str) -> None:
    with ScriptedServer() as server, Index("index", **settings(server.url)) as index:
        with pytest.raises(InputError, match=words):
            index.get_by_ids(ids)
    assert server.requests == []


def test_vectors_are_what_the_answer_holds() -> None:
    found = [{"id": "a", "values": [0.5, 2], "namespace": "n", "metadata": {"k": [1]}, "more": 1},
             {"id": "b", "values": [1, 2]}]  # fmt: skip

    def serve(connection: Connection) -> None:
        while (request := connection.read())[0]:
            assert json.loads(request[1]) == {"ids": ["a", "b"]}
            connection.send(answer(success(json.dumps(found).encode())))

    with RawServer(serve) as server, Index("index", **settings(server.url)) as index:
        one, other = index.get_by_ids(["a", "b", "a"])
    assert isinstance(one, Vector)
    assert (one.id, list(one.values), one.namespace, one.metadata) == ("a", [0.5, 2.0], "n", {"k": [1]})
    assert (one.extra, other.namespace, other.metadata) == ({"more": 1}, None, None)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"timeout": "5"}, r"timeout is '5'; it is a number of seconds"),
        ({"timeout": True}, "timeout is True"),
        ({"timeout": 0}, "timeout is 0"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"give_up_after": "5"}, r"give_up_after is '5'; it is a number of seconds"),
        ({"give_up_after": -1}, "give_up_after is -1"),
        ({"budget": 5}, "budget is 5; it has the methods ask, give_back, block"),
        ({"base_url": "https://example.com/x?y=1"}, "with a query or a fragment"),
        ({"base_url": "https://user:word@example.com"}, "holds a password or an @; it looks like"),
        (
            {"base_url": "example.com"},
            "base_url .* is 'example.com'; it looks like https://api.cloudflare.com/client",
        ),
        ({"base_url": 7}, "base_url .* is 7"),
        ({"account_id": 7}, "account_id is of type int; it is a string"),
        ({"api_token": b"x"}, "api_token is of type bytes; it is a string"),
    ],
)
def test_a_setting_of_a_wrong_kind_is_named(setting: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Index("index", **{**settings("http://127.0.0.1:1"), **setting})


@pytest.mark.parametrize("name", [7, None, b"\xff", "\udcff", "a\x1b[0m", "", ".", "..", "x" * 65])
def test_a_name_that_no_index_has_is_refused(name: Any) -> None:
    with pytest.raises(InputError, match="index is"):
        Index(name, **settings("http://127.0.0.1:1"))


def test_of_troubles_at_the_same_time_one_is_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "cf_vectorize")

    class Meanwhile(float):
        """A time to be quiet; while it is compared, another thread has trouble too."""

        def __le__(self, other: float) -> bool:
            if threading.current_thread() is threading.main_thread():
                other_thread = threading.Thread(target=index._say, args=("another",))
                other_thread.start()
                other_thread.join()
            return float(self) <= other

    monkeypatch.setattr(transport, "QUIET", Meanwhile(60.0))
    with Index("index", **settings("http://127.0.0.1:1")) as index:
        index._say("one")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "another"),
        ("WARNING", "one"),
    ]
