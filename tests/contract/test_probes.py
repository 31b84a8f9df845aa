"""The probes of `cf-vectorize contract`: against the emulator, against the live service, and against broken ones."""

from __future__ import annotations

import json
import os
import socket
import threading
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from cf_vectorize.cli import main as cli
from cf_vectorize_contract import probes as contract
from cf_vectorize_contract.fragment import Fragment, Response
from cf_vectorize_contract.probes import PROBES, Service
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.credentials import Credentials
from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INDEX = "contract"
ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "a-token-that-must-not-be-shown"
LIVE_VARIABLES = ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN", "CF_VECTORIZE_TEST_INDEX")


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with EmulatorProcess("--index", f"{INDEX}:32", "--visible", "0.2") as process:
        yield process.base_url


@pytest.fixture(params=["emulator", "live"])
def service(request: pytest.FixtureRequest) -> Service:
    """The services that one and the same suite is run on."""
    if request.param == "emulator":
        return Service(INDEX, Credentials(ACCOUNT, TOKEN, None, None), request.getfixturevalue("emulator"))
    if not os.environ.get("CF_VECTORIZE_CONTRACT_LIVE"):
        pytest.skip("the live service is asked with `nox -s contract -- --live` only")
    if missing := [name for name in LIVE_VARIABLES if not os.environ.get(name)]:
        pytest.skip(f"the live service needs {', '.join(missing)}")
    return Service(os.environ["CF_VECTORIZE_TEST_INDEX"], Credentials.find(None, None, None, None))


@pytest.fixture
def on_live(request: pytest.FixtureRequest) -> bool:
    return request.node.callspec.params["service"] == "live"


def assert_kept(result: contract.ProbeResult, *, on_live: bool) -> None:
    assert result.verdict == "kept", result.reasons
    if on_live:
        # The service may say more than is described: a finding, not a failure.
        for what in result.undocumented:
            warnings.warn(f"{result.name}: {what}", UserWarning, stacklevel=1)
    else:
        assert result.undocumented == ()


@pytest.mark.filterwarnings("default::UserWarning")
@pytest.mark.parametrize("probe", PROBES, ids=[probe.name for probe in PROBES])
def test_service_keeps_the_contract(service: Service, probe: contract.Probe, *, on_live: bool) -> None:
    result, _ = service.try_out(probe)
    assert_kept(result, on_live=on_live)


@pytest.mark.filterwarnings("default::UserWarning")
def test_service_stores_a_vector_and_gives_it_back(service: Service, *, on_live: bool) -> None:
    report = contract.probe(service, insert=True, wait=120)
    assert len(report.results) == len(PROBES) + 3
    assert len(report.stored) == 1
    for result in report.results:
        assert_kept(result, on_live=on_live)


def lines(*vectors: dict[str, Any]) -> bytes:
    return b"".join(json.dumps({"id": "a", "values": [0.5] * 32, **vector}).encode() + b"\n" for vector in vectors)


BEYOND_PROBES = [
    contract.Probe("an id of 65 bytes", "insert", contract.NDJSON, lines({"id": "é" * 32 + "x"}), (400,), 40008),
    contract.Probe("metadata of 10,241 bytes", "insert", contract.NDJSON,
                   lines({"metadata": {"k": "v" * (10_241 - 8)}}), (400,), 40016),
    contract.Probe("a second vector of another dimension", "insert", contract.NDJSON,
                   lines({}, {"id": "b", "values": [1, 2]}), (400,), 40012),
    contract.Probe("a NaN", "insert", contract.NDJSON, lines({"values": [float("nan")] * 32}), (400,), 40023),
    contract.Probe("a bare array", "get_by_ids", contract.JSON, b'["a"]', (400,), 40026),
    contract.Probe("no metadata, and none found", "insert", contract.NDJSON, lines({"id": "bare"})),
    contract.Probe("a multipart form", "insert", "multipart/form-data; boundary=x",
                   b'--x\r\nContent-Disposition: form-data; name="vectors"; filename="vectors.ndjson"\r\n'
                   b"Content-Type: application/x-ndjson\r\n\r\n" + lines({"id": "form"}) + b"\r\n--x--\r\n"),
    contract.Probe("no index", "get_by_ids", contract.JSON, b'{"ids":["a"]}', (404,), 7003, index="a/b"),
]  # fmt: skip


@pytest.mark.parametrize("probe", BEYOND_PROBES, ids=[probe.name for probe in BEYOND_PROBES])
def test_emulator_keeps_the_contract_beyond_the_probes(emulator: str, probe: contract.Probe) -> None:
    result, _ = Service(INDEX, Credentials(ACCOUNT, TOKEN, None, None), emulator).try_out(probe)
    assert_kept(result, on_live=False)


def test_emulator_refuses_another_token_within_the_contract() -> None:
    with EmulatorProcess("--token", "the-only-token") as process:
        result, response = Service(INDEX, Credentials(ACCOUNT, TOKEN, None, None), process.base_url).try_out(
            PROBES[0]
        )
    assert response is not None
    assert response.status in {401, 403}
    # Neither broken nor with anything undocumented: credentials say nothing about the contract.
    assert (result.verdict, result.undocumented) == ("not judged", ())


# --- services that no longer keep it


@pytest.fixture
def run(
    emulator: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the command against the emulator, whose answers a function may change on their way."""
    monkeypatch.setattr(contract, "POLL_SECONDS", 0.05)
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", emulator)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)

    def run_command(
        *arguments: str, change: Callable[[contract.Probe, Response], Response] | None = None
    ) -> tuple[int, str]:
        if change is not None:
            ask = Service.ask
            monkeypatch.setattr(Service, "ask", lambda self, probe: change(probe, ask(self, probe)))
        code = cli.main(["contract", INDEX, *arguments])
        captured = capsys.readouterr()
        assert TOKEN not in captured.out + captured.err
        assert ACCOUNT not in captured.out + captured.err
        return code, captured.out + captured.err

    return run_command


def changed_body(operation: str, change: Callable[[dict[str, Any]], None]) -> Callable[..., Response]:
    """Change every JSON answer to one operation."""

    def apply(probe: contract.Probe, response: Response) -> Response:
        if probe.operation != operation:
            return response
        envelope = json.loads(response.body)
        change(envelope)
        return attrs.evolve(response, body=json.dumps(envelope).encode())

    return apply


def test_kept_contract_is_said_in_words_and_by_the_exit_code(run: Callable[..., tuple[int, str]]) -> None:
    code, output = run()
    assert code == 0
    assert "The service keeps the contract: 8 probes." in output


def test_report_as_json(run: Callable[..., tuple[int, str]]) -> None:
    code, output = run("--json", "--insert")
    report = json.loads(output)
    assert (code, report["exit_code"], report["kept"]) == (0, 0, True)
    assert [result["verdict"] for result in report["results"]] == ["kept"] * 11
    assert report["stored"][0].startswith("cf-vectorize-contract-stored-")


def test_answer_that_departs_from_the_fragment(run: Callable[..., tuple[int, str]]) -> None:
    code, output = run(change=changed_body("get_by_ids", lambda envelope: envelope.pop("messages")))
    assert code == 1
    assert "response body $: 'messages' is a required property" in output
    assert "no longer keeps the contract" in output


def test_undocumented_member_is_a_finding_and_no_breach(run: Callable[..., tuple[int, str]]) -> None:
    code, output = run(change=changed_body("insert", lambda envelope: envelope.update(trace="x")))
    assert code == 0
    assert output.count("undocumented: response body $.trace: is not described") == 3


def test_another_error_code_is_a_breach(run: Callable[..., tuple[int, str]]) -> None:
    code, output = run(change=changed_body("insert", lambda envelope: envelope["errors"][0].update(code=49999)))
    assert code == 1
    assert "expected status 400 with code 1005; got status 400 with code 49999" in output


def test_success_where_a_refusal_is_due_is_a_breach(run: Callable[..., tuple[int, str]]) -> None:
    found = b'{"success":true,"errors":[],"messages":[],"result":[]}'
    many = PROBES[1]

    def accept(probe: contract.Probe, response: Response) -> Response:
        return attrs.evolve(response, status=200, body=found) if probe == many else response

    code, output = run(change=accept)
    assert code == 1
    assert "expected status 400 with code 40007; got status 200" in output


@pytest.mark.parametrize(
    ("status", "media_type", "body", "reason"),
    [
        (502, "text/html", b"<h1>Bad Gateway</h1>", "Bad Gateway"),
        (429, "application/json", {"code": 971, "message": "Please wait"}, "code 971: Please wait"),
        (403, "application/json", {"code": 10000, "message": "Authentication error"}, "Authentication error"),
    ],
    ids=["edge page", "throttled", "refused credentials"],
)
def test_answer_that_says_nothing_about_the_contract_is_not_judged(
    run: Callable[..., tuple[int, str]], status: int, media_type: str, body: Any, reason: str
) -> None:
    if isinstance(body, dict):
        body = json.dumps({"success": False, "errors": [body], "messages": [], "result": None}).encode()
    code, output = run(change=lambda *_: Response(status, {"Content-Type": media_type}, body))
    assert code == 3
    assert reason in output
    assert "8 of 8 probes could not be judged" in output


class Redirecting(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_redirection_is_a_breach_and_not_followed(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"http://127.0.0.1:{server.server_port}/client/v4")
        code, output = run()
        server.shutdown()
        thread.join()
    assert code == 1
    assert output.count("response status: 302 is not described") == 8


def test_secrets_in_an_answer_are_not_shown(run: Callable[..., tuple[int, str]]) -> None:
    said = f"account {ACCOUNT} with token {TOKEN}"
    code, output = run(change=changed_body("insert", lambda e: e["errors"][0].update(code=1, message=said)))
    assert code == 1
    assert "account [redacted] with token [redacted]" in output


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda vector: vector["values"].__setitem__(3, 0.25), "values is not what was sent"),
        (lambda vector: vector.update(metadata=None), "metadata is not what was sent"),
        (lambda vector: vector.update(namespace="another"), "namespace is not what was sent"),
    ],
)
def test_vector_that_comes_back_otherwise_is_a_breach(
    run: Callable[..., tuple[int, str]], change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    def each(envelope: dict[str, Any]) -> None:
        for vector in envelope["result"] or []:
            change(vector)

    code, output = run("--insert", change=changed_body("get_by_ids", each))
    assert code == 1
    assert reason in output


def test_vector_of_a_refused_batch_that_is_stored_is_a_breach(run: Callable[..., tuple[int, str]]) -> None:
    def store_it_all_the_same(probe: contract.Probe, response: Response) -> Response:
        envelope = json.loads(response.body)
        if probe.operation == "insert" or not envelope["result"]:
            return response
        refused = json.loads(probe.body)["ids"][1]
        envelope["result"].append({**envelope["result"][0], "id": refused})
        return attrs.evolve(response, body=json.dumps(envelope).encode())

    code, output = run("--insert", change=store_it_all_the_same)
    assert code == 1
    assert "a vector of the refused batch is stored" in output


def test_vector_that_does_not_turn_up_is_not_judged(run: Callable[..., tuple[int, str]]) -> None:
    def hide(envelope: dict[str, Any]) -> None:
        if envelope["success"]:
            envelope["result"] = []

    code, output = run("--insert", "--wait", "0", change=changed_body("get_by_ids", hide))
    assert code == 3
    assert "it cannot be read after 0 seconds" in output


def test_no_answer_is_not_judged(run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"http://127.0.0.1:{port}/client/v4")
    code, output = run("--insert")
    assert code == 3
    assert "no answer: [Errno" in output
    assert "no refusal above says how many dimensions the index has" in output


def test_wrong_usage_is_said_in_one_line(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", "file:///etc/hosts")
    assert run() == (2, "error: base_url (or CLOUDFLARE_BASE_URL) has to start with https:// or http://\n")
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID")
    assert run() == (2, "error: no account: pass account_id=… or set CLOUDFLARE_ACCOUNT_ID\n")


def test_probe_that_has_to_succeed_sends_what_the_fragment_describes(emulator: str) -> None:
    asked = Service(INDEX, Credentials(ACCOUNT, TOKEN, None, None), emulator).request(PROBES[0])
    assert Fragment.load(strict=True).request_problems(asked) == []
    assert TOKEN not in repr(asked)


def test_email_and_key_are_sent_where_there_is_no_token(emulator: str) -> None:
    keyed = Service(INDEX, Credentials(ACCOUNT, None, "someone@example.com", "0123456789abcdef"), emulator)
    result, _ = keyed.try_out(PROBES[0])
    assert result.verdict == "kept", result.reasons
    with pytest.raises(InputError):
        Service(INDEX, Credentials(ACCOUNT, TOKEN, None, None), "ftp://127.0.0.1")
