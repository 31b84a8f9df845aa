"""Input that nobody sends by mistake, and web pages that try to write."""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from raw_api import AUTHORIZED, NDJSON, code, vector

from cf_vectorize_emulator.core.limits import INSERT_BODY_BYTES
from cf_vectorize_emulator.http import bodies, wire
from cf_vectorize_emulator.http.guard import Guard
from cf_vectorize_emulator.server import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raw_api import Api

MEGABYTE = 1_000_000
PATH = "/client/v4/accounts/a/vectorize/v2/indexes/i/insert"
# The Python process with NumPy and a SQLite cache takes about 60 MB; a body of 100 MB held once would show.
MEMORY_LIMIT = 140 * MEGABYTE


@pytest.fixture(scope="module")
def process() -> Iterator[EmulatorProcess]:
    with EmulatorProcess("--quiet") as running:
        yield running


def peak_memory(process: EmulatorProcess) -> int:
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def post(process: EmulatorProcess, content: object, **headers: str) -> httpx.Response:
    url = f"{process.base_url}{PATH.removeprefix('/client/v4')}"
    return httpx.post(url, content=content, headers={**AUTHORIZED, **NDJSON, **headers}, timeout=60)  # type: ignore[arg-type]


def pieces(total: int, piece: bytes = b"x" * MEGABYTE) -> Iterator[bytes]:
    for _ in range(total // len(piece)):
        yield piece


def lives(process: EmulatorProcess) -> bool:
    return httpx.get(process.base_url.removesuffix("client/v4") + "__emulator__/state", timeout=60).is_success


def test_large_bodies_are_refused_in_bounded_memory(process: EmulatorProcess) -> None:
    endless = post(process, pieces(150 * MEGABYTE))
    assert (endless.status_code, endless.headers["Content-Type"]) == (413, "text/html; charset=UTF-8")
    one_line = post(process, pieces(99 * MEGABYTE))
    assert code(one_line) == 40023
    newlines = post(process, pieces(20 * MEGABYTE, b"\n" * MEGABYTE))
    assert code(newlines) == 40023
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="vectors"; filename="v"\r\n\r\n'
    in_a_form = post(process, (part for parts in ([head], pieces(150 * MEGABYTE)) for part in parts), **form)
    assert in_a_form.status_code == 413
    field = b'--b\r\nContent-Disposition: form-data; name="vectors"\r\n\r\n'
    in_a_field = post(process, (part for parts in ([field], pieces(90 * MEGABYTE)) for part in parts), **form)
    assert code(in_a_field) == 40000
    assert lives(process)
    assert peak_memory(process) < MEMORY_LIMIT


PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
LABOURS = {
    "two million empty parts": ([b"--b\r\n\r\n\r\n"] * 2_000_000, "more than 100 parts"),
    "millions of headers in a part": (
        [b"--b\r\n", *[b"X: y\r\n" * 1000] * 10_000],
        "malformed multipart body: ",
    ),
    "millions of nameless headers": (
        [b"--b\r\n", *[b"X:\r\n" * 1000] * 10_000],
        "malformed multipart body: ",
    ),
    "what looks like the end of a part": (
        [PART.rstrip(), b"\r\n\r\n", *[b"\r\n--a" * 10_000] * 1000],
        "it ends before",
    ),
}


@pytest.mark.parametrize(("parts", "message"), LABOURS.values(), ids=LABOURS)
def test_a_form_that_is_made_to_cost_time_does_not_keep_others_waiting(
    process: EmulatorProcess, parts: list[bytes], message: str
) -> None:
    answers: list[httpx.Response] = []
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    length = {"Content-Length": str(sum(map(len, parts)))}
    sender = threading.Thread(target=lambda: answers.append(post(process, joined(parts), **form, **length)))
    before = processor_seconds(process)
    sender.start()
    while sender.is_alive():
        asked = processor_seconds(process)
        assert lives(process)
        assert processor_seconds(process) - asked < 2, "what it did first, whoever else uses the processor"
        sender.join(0.05)
    assert message in answers[0].text
    assert processor_seconds(process) - before < 10, "seconds of the processor, whoever else uses it"


def joined(parts: list[bytes], size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(parts), size):
        yield b"".join(parts[start : start + size])


def processor_seconds(process: EmulatorProcess) -> float:
    fields = Path(f"/proc/{process.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_batch_of_endless_bad_lines_is_read_no_further_than_a_batch_may_be(process: EmulatorProcess) -> None:
    before = processor_seconds(process)
    url = f"{process.base_url}{PATH.removeprefix('/client/v4')}?unparsable-behavior=discard"
    newlines = pieces(50 * MEGABYTE, b"\n" * MEGABYTE)
    answer = httpx.post(url, content=newlines, headers={**AUTHORIZED, **NDJSON}, timeout=60)
    assert answer.json()["errors"][0]["message"] == "too many vectors in payload; max vector count is 5000"
    assert processor_seconds(process) - before < 5


BROKEN_FORMS = {
    "no boundary": ("multipart/form-data", b"--b\r\n"),
    "wrong boundary": ("multipart/form-data; boundary=c", b"--b\r\n\r\n"),
    "no end": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="vectors"; filename="v"\r\n\r\n{}\r\n',
    ),
    "no name": ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
    "no disposition": ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nx\r\n--b--\r\n"),
    "two files": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="vectors"; filename="v"\r\n\r\nx\r\n' * 2 + b"--b--\r\n",
    ),
    "an endless header": ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: " + b"x" * 5 * MEGABYTE),
    "empty": ("multipart/form-data; boundary=b", b""),
}


@pytest.mark.parametrize(("content_type", "body"), BROKEN_FORMS.values(), ids=BROKEN_FORMS)
def test_a_broken_form_is_refused(api: Api, content_type: str, body: bytes) -> None:
    answer = api.post("insert", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400, answer.text
    assert code(answer) == 40000


def test_a_compressed_body_is_refused_and_not_inflated(api: Api) -> None:
    answer = api.post("insert", content=b"\x1f\x8b", headers={**NDJSON, "Content-Encoding": "gzip"})
    assert (answer.status_code, code(answer)) == (400, 40000)


def raw(api: Api, request: bytes) -> bytes:
    url = api.client.base_url
    with socket.create_connection((url.host, url.port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        with suppress(ConnectionResetError):  # the answer to bytes that were never read ends in a reset
            while received := connection.recv(65536):
                answer += received
        return answer


HEAD = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\nConnection: close\r\n"
TRICKS = {
    "two Content-Lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "negative Content-Length": HEAD + b"Content-Length: -1\r\n\r\n",
    "Content-Length and chunks": HEAD
    + b"Content-Type: application/x-ndjson\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk without a size": HEAD
    + b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "two hosts": HEAD + b"Host: localhost\r\n\r\n",
    "a header without a name": HEAD + b": x\r\n\r\n",
    "a folded header": HEAD + b"X: y\r\n folded\r\n\r\n",
    "headers without an end": HEAD + b"X: " + b"x" * 200_000,
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10 + b"\r\n\r\n",
    "a path with a null": HEAD.replace(b"/i/", b"/i%00/") + b"\r\n",
    "a path that is not UTF-8": HEAD.replace(b"/i/", b"/%ff/") + b"\r\n",
}


@pytest.mark.parametrize("request_bytes", TRICKS.values(), ids=TRICKS)
def test_a_trick_with_headers_is_refused_and_the_server_lives_on(api: Api, request_bytes: bytes) -> None:
    assert raw(api, request_bytes).startswith(b"HTTP/1.1 4")
    assert api.insert(vector("a")).is_success


def test_a_length_that_is_too_large_is_refused_before_the_body_comes(api: Api) -> None:
    length = str(INSERT_BODY_BYTES + 1).encode()
    answer = raw(api, HEAD + b"Content-Type: application/x-ndjson\r\nContent-Length: " + length + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_sender_who_pauses_for_too_long_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PAUSE_SECONDS", 0.05)
    answer = raw(api, HEAD + b"Content-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("beginning", [b"", b"POST / HTTP/1.1\r\nHost:"])
def test_headers_that_do_not_come_end_the_connection(
    api: Api, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(wire, "HEADER_SECONDS", 0.05)
    assert raw(api, beginning) == b""


def test_many_senders_who_wait_do_not_hold_up_the_others(api: Api) -> None:
    url = api.client.base_url
    waiting = [socket.create_connection((url.host, url.port)) for _ in range(100)]
    for connection in waiting:
        connection.sendall(HEAD + b"Content-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n{")
    assert api.insert(vector("a")).is_success
    for connection in waiting:
        connection.close()


def test_a_client_who_leaves_in_the_middle_leaves_nothing_behind(api: Api) -> None:
    api.insert(vector("a"))
    url = api.client.base_url
    with socket.create_connection((url.host, url.port)) as connection:
        path = f"/client/v4/accounts/{api.account}/vectorize/v2/indexes/{api.index}/insert".encode()
        connection.sendall(HEAD.replace(PATH.encode(), path) + b"Content-Type: application/x-ndjson\r\n")
        connection.sendall(b"Content-Length: 1000\r\n\r\n" + b'{"id":"gone","values":[' + b"1," * 31 + b"1]}\n")
    assert set(api.found("a", "gone")) == {"a"}


FOREIGN = {
    "a page elsewhere": {"Origin": "https://evil.example"},
    "a file or a sandbox": {"Origin": "null"},
    "a page on another port": {"Origin": "http://127.0.0.1:1"},
    "a page that hides its origin": {"Sec-Fetch-Site": "cross-site"},
    "a page on the same site": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_web_page_of_another_origin_cannot_write(api: Api, headers: dict[str, str]) -> None:
    api.insert(vector("a"))
    insert = api.post("insert", files={"vectors": ("v", b"{}")}, headers=headers)
    fault = api.client.post("/__emulator__/faults", json={"status": 500}, headers=headers)
    preflight = api.client.options(
        "/__emulator__/faults", headers={**headers, "Access-Control-Request-Method": "POST"}
    )
    assert [answer.status_code for answer in (insert, fault, preflight)] == [403] * 3
    assert not [
        name for answer in (insert, fault, preflight) for name in answer.headers if name.startswith("access-")
    ]
    assert api.get("a").is_success


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_control_route_takes_no_simple_request(api: Api, content_type: str) -> None:
    for method, path in (("POST", "faults"), ("PUT", "visibility"), ("PUT", "rate-limit"), ("POST", "release")):
        answer = api.client.request(
            method, f"/__emulator__/{path}", content=b'{"status":500}', headers={"Content-Type": content_type}
        )
        assert answer.status_code == 400, path
    assert api.client.get("/__emulator__/faults").json() == []


def test_its_own_page_may_write(api: Api) -> None:
    origin = str(api.client.base_url).rstrip("/")
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    assert api.client.post("/__emulator__/release", json={}, headers=headers).is_success


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1", "localhost.evil"]
)
def test_a_name_that_was_made_to_point_here_is_refused_and_logged(
    api: Api, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    caplog.set_level(logging.INFO, "cf_vectorize_emulator")
    for path in ("/", "/page/app.js", "/__emulator__/state", "/__emulator__/health", PATH):
        assert api.client.get(path, headers={"Host": host}).status_code == 403
        assert caplog.messages[-1].startswith(f"GET to {host}: 403 The Host header names another server; start ")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "192.168.1.7:8787", "[::1]", "[::1]:80", "named"]
)
def test_the_server_answers_to_its_names(host: str) -> None:
    assert Guard(None, ["Named"])._is_ours(host)  # type: ignore[arg-type]


def test_requests_at_once_are_all_answered(api: Api) -> None:
    api.insert(vector("a"))
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda number=number: statuses.append(api.insert(vector(f"v{number}")).status_code))
        for number in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 40
    assert len(api.found(*(f"v{number}" for number in range(20)))) == 20
