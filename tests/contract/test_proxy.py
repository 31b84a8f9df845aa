"""The reverse proxy passes everything on as it is and judges it, for clients in any language."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import nullcontext
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from wrong_services import Change, always, changed, enveloped

from cf_vectorize_contract import Proxy
from cf_vectorize_emulator.server import EmulatorProcess
from raw_server import unserved_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

PATH = "/client/v4/accounts/0123456789abcdef0123456789abcdef/vectorize/v2/indexes/example-index"
AUTHORIZED = {"Authorization": "Bearer any-token"}
NDJSON = {**AUTHORIZED, "Content-Type": "application/x-ndjson"}
JSON = {**AUTHORIZED, "Content-Type": "application/json"}
LINE = json.dumps({"id": "a", "values": [0.5] * 32}).encode() + b"\n"
pytest_plugins = ["pytester"]


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with EmulatorProcess("--visible", "immediately") as process:
        yield process.base_url


@pytest.fixture
def proxy(emulator: str) -> Iterator[Proxy]:
    with Proxy(emulator) as found:
        yield found


def ask(proxy: Proxy, method: str, path: str, body: object = None, **headers: object) -> tuple[int, bytes]:
    connection = HTTPConnection(proxy.base_url.split("/")[2], timeout=20)
    given = {str(name).replace("_", "-"): str(value) for name, value in headers.items()}
    connection.request(method, path, body, given, encode_chunked="Transfer-Encoding" in given)  # type: ignore[arg-type]
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    proxy.settle()
    return found


def verdicts(proxy: Proxy) -> list[str]:
    return [judgement.verdict for judgement in proxy.report.results]


def test_what_is_sent_and_answered_passes_as_it_is(proxy: Proxy) -> None:
    assert ask(proxy, "POST", f"{PATH}/insert", LINE, **NDJSON)[0] == 200
    status, body = ask(proxy, "POST", f"{PATH}/get_by_ids", b'{"ids":["a"]}', **JSON, Accept_Encoding="gzip")
    assert (status, json.loads(body)["result"][0]["values"]) == (200, [0.5] * 32)
    # What is packed could not be judged.
    assert proxy.exchanges[1][0].headers["Accept-Encoding"] == "identity"
    assert verdicts(proxy) == ["kept", "kept"]
    assert [request.body for request, _ in proxy.exchanges] == [LINE, b'{"ids":["a"]}']
    assert proxy.exchanges[1][1].body == body


def test_a_body_in_chunks_arrives_whole(proxy: Proxy) -> None:
    status, _ = ask(
        proxy, "POST", f"{PATH}/insert", iter([LINE[:9], LINE[9:]]), **NDJSON, Transfer_Encoding="chunked"
    )
    assert status == 200
    assert proxy.exchanges[0][0].body == LINE


def test_a_request_without_a_content_type_stays_without_one(proxy: Proxy) -> None:
    status, body = ask(proxy, "POST", f"{PATH}/insert", LINE, **AUTHORIZED)
    assert (status, json.loads(body)["errors"][0]["code"]) == (400, 1005)
    assert verdicts(proxy) == ["kept"]
    assert proxy.report.results[0].notes == ("refused for: request headers: none is not one of application/x-ndjson",)


def test_exchanges_at_the_same_time_are_kept_under_names_of_their_own(proxy: Proxy) -> None:
    class InStep:
        """A lock that nobody leaves before another has had it too."""

        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._had = threading.Barrier(2)

        def __enter__(self) -> None:
            self._lock.acquire()

        def __exit__(self, *_: object) -> None:
            self._lock.release()
            self._had.wait(60)

    names: list[str] = []
    proxy._lock = InStep()  # type: ignore[assignment]
    proxy.keep = lambda name, *_: names.append(name)
    asking = [
        threading.Thread(target=ask, args=(proxy, "POST", f"{PATH}/insert", LINE), kwargs=NDJSON) for _ in range(2)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    proxy.settle()
    assert sorted(names) == ["insert-0000", "insert-0001"]


def test_other_routes_pass_and_are_counted(proxy: Proxy) -> None:
    assert ask(proxy, "GET", "/client/v4/user/tokens/verify", **AUTHORIZED)[0] == 404
    assert (proxy.report.other, proxy.report.exit_code) == (1, 3)


def test_a_service_that_is_not_there_is_not_judged() -> None:
    with unserved_port() as port, Proxy(f"http://127.0.0.1:{port}/client/v4") as proxy:
        status, body = ask(proxy, "POST", f"{PATH}/get_by_ids", b'{"ids":["a"]}', **JSON)
    assert (status, body[:10]) == (502, b"no answer:")
    assert verdicts(proxy) == ["not judged"]


@pytest.mark.parametrize("length", ["-1", "x", "999999999999"])
def test_a_body_that_cannot_be_read_is_refused(proxy: Proxy, length: str) -> None:
    with socket.create_connection(("127.0.0.1", int(proxy.base_url.split(":")[2].split("/")[0]))) as connection:
        connection.sendall(f"POST {PATH}/insert HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("form", [["--header", "Content-Type: application/x-ndjson", "--data-binary"], ["--form"]])
def test_curl_is_judged(proxy: Proxy, tmp_path: Path, form: list[str]) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(LINE * 4000)
    source = f"vectors=@{path}" if form == ["--form"] else f"@{path}"
    url = f"{proxy.base_url}{PATH.removeprefix('/client/v4')}/insert"
    command = ["curl", "-fsS", url, "--header", "Authorization: Bearer any-token", *form, source]
    subprocess.run(command, check=True, capture_output=True)
    proxy.settle()
    assert [(found.verdict, found.notes) for found in proxy.report.results] == [("kept", ())]


@pytest.mark.parametrize(("arguments", "ends"), [([], "is broken by 1 of 2"), (["--json"], '"stored": []\n}')])
def test_the_command_judges_until_it_is_ended(emulator: str, arguments: list[str], ends: str) -> None:
    def spoil(envelope: dict[str, object]) -> None:
        envelope.pop("messages")

    with changed(emulator, enveloped(spoil, "get_by_ids")) as base_url:
        command = [sys.executable, "-m", "cf_vectorize", "contract", "--proxy", "0", *arguments]
        environment = {**os.environ, "CLOUDFLARE_BASE_URL": base_url}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            told = process.stderr.readline()
            address = told.split("http://")[1].split("/")[0]
            for operation, body, headers in (("insert", LINE, NDJSON), ("get_by_ids", b'{"ids":["a"]}', JSON)):
                connection = HTTPConnection(address, timeout=20)
                connection.request("POST", f"{PATH}/{operation}", body, headers)
                assert connection.getresponse().status == 200
                connection.close()
            process.send_signal(signal.SIGTERM)
            output = process.stdout.read()
            assert process.wait(20) == 1
    assert "'messages' is a required property" in output
    assert ends in output


INTERRUPTED = """
import signal
import sys

from cf_vectorize.cli.main import main
from cf_vectorize_contract import Proxy

moment, number = sys.argv[1:]
method = getattr(Proxy, moment)

def interrupted(self, **given):
    found = method(self, **given)
    signal.raise_signal(getattr(signal, number))
    return found

setattr(Proxy, moment, interrupted)
sys.exit(main(["contract", "--proxy", "0"]))
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("moment", ["__init__", "__enter__"])
def test_an_interruption_before_the_first_exchange_ends_it_with_its_report(moment: str, number: str) -> None:
    with unserved_port() as port:
        environment = {**os.environ, "CLOUDFLARE_BASE_URL": f"http://127.0.0.1:{port}/client/v4"}
        command = [sys.executable, "-c", INTERRUPTED, moment, number]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert (found.returncode, found.stdout) == (
        3,
        "Nothing was judged: there was no exchange of the contract's operations.\n",
    )
    assert re.fullmatch("Judging what is sent to .*\n", found.stderr)


@pytest.mark.parametrize(("ends", "waits"), [(nullcontext(), [True]), (pytest.raises(KeyboardInterrupt), [])])
def test_what_is_under_way_is_waited_for_unless_an_exception_ends_it(
    ends: AbstractContextManager[Any], waits: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C may come between the words that tell of a second one and the wait."""
    waited: list[bool] = []
    monkeypatch.setattr(Proxy, "settle", lambda _: waited.append(True))
    with ends, Proxy("http://127.0.0.1:1/client/v4"):
        if not waits:
            raise KeyboardInterrupt
    assert waited == waits


def test_a_second_interruption_leaves_an_exchange_under_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as service:
        environment = {**os.environ, "CLOUDFLARE_BASE_URL": f"http://127.0.0.1:{service.getsockname()[1]}/client/v4"}
        command = [sys.executable, "-m", "cf_vectorize", "contract", "--proxy", "0"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            address = process.stderr.readline().split("http://")[1].split("/")[0]
            connection = HTTPConnection(address, timeout=20)
            connection.request("POST", f"{PATH}/insert", LINE, NDJSON)
            asked, _ = service.accept()
            process.send_signal(signal.SIGINT)
            assert process.stderr.readline() == "waiting for what is under way; Ctrl-C again leaves it\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            assert process.stderr.read() == "interrupted\n"
            asked.close()
            connection.close()


# --- the fixture

TEST = """
import json
import os
import urllib.request

def send(base_url):
    url = base_url + "/accounts/a/vectorize/v2/indexes/i/get_by_ids"
    headers = {"Authorization": "Bearer any-token", "Content-Type": "application/json"}
    try:
        urllib.request.urlopen(urllib.request.Request(url, b'{"ids":["a"]}', headers)).close()
    except urllib.error.HTTPError as error:
        error.close()

def test_by_the_variable(vectorize_contract):
    send(os.environ["CLOUDFLARE_BASE_URL"])

def test_by_the_fixture(vectorize_contract):
    send(vectorize_contract.base_url)
    vectorize_contract.settle()
    assert len(vectorize_contract.exchanges) == 1
"""


@pytest.mark.parametrize(
    ("change", "passed", "says"),
    [
        (lambda _, response: response, 2, ""),
        (enveloped(lambda envelope: envelope.pop("messages")), 0, "'messages' is a required property"),
        (always(502, {}, b""), 2, ""),
    ],
    ids=["kept", "broken", "weather"],
)
def test_the_fixture_judges_each_exchange_of_a_test(
    pytester: pytest.Pytester, emulator: str, monkeypatch: pytest.MonkeyPatch, change: Change, passed: int, says: str
) -> None:
    pytester.makepyfile(TEST)
    with changed(emulator, change) as base_url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", base_url)
        result = pytester.runpytest_subprocess("-q")
    outcomes = result.parseoutcomes()
    # A test that passed, and whose exchanges did not keep the contract, has an error when its fixture ends.
    assert outcomes.get("passed", 0) - outcomes.get("errors", 0) == passed
    assert says in result.stdout.str()


def test_the_fixture_stands_before_the_emulators(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from cf_vectorize import Vectorize

        LINES = [b'{"id":"a","values":[' + b"0.5," * 31 + b"0.5]}"]

        def test_it(vectorize_contract, vectorize_emulator):
            vectorize_emulator.visible("immediately")
            with Vectorize(vectorize_emulator.index) as index:
                index.insert(LINES)
                assert "a" in index.get_by_ids(["a"])
            vectorize_contract.settle()
            assert vectorize_contract.report.counts == {"kept": 2}
        """
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_a_test_that_sends_nothing_by_it_fails(
    pytester: pytest.Pytester, emulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", emulator)
    pytester.makepyfile("def test_nothing(vectorize_contract): pass")
    result = pytester.runpytest_subprocess("-q")
    assert "no exchange of the contract's operations went by" in result.stdout.str()
