"""The probes of `cf-vectorize contract`: against the emulator, the live service, and services that are wrong."""

from __future__ import annotations

import json
import os
import socket
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import wrong_services
from wrong_services import SERVICES, Change, Wrong, changed

from cf_vectorize.cli import main as cli
from cf_vectorize_contract import Judgement, Response, probing
from cf_vectorize_contract.probes import JSON, NDJSON, PROBES, Probe
from cf_vectorize_contract.probing import Probing, Service
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.credentials import Credentials
from cf_vectorize_overlay.errors import InputError
from raw_server import unserved_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INDEX = "contract"
ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "a-token-that-must-not-be-shown"
LIVE_VARIABLES = ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN", "CF_VECTORIZE_TEST_INDEX")
Run = "Callable[..., tuple[int, str]]"


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with EmulatorProcess("--index", f"{INDEX}:32", "--visible", "0.1") as process:
        yield process.base_url


def service_at(base_url: str) -> Service:
    return Service(INDEX, Credentials(ACCOUNT, TOKEN, None, None), base_url)


@pytest.fixture(params=["emulator", "live"])
def service(request: pytest.FixtureRequest) -> Service:
    """The services that one and the same suite is run on."""
    if request.param == "emulator":
        return service_at(request.getfixturevalue("emulator"))
    if not os.environ.get("CF_VECTORIZE_CONTRACT_LIVE"):
        pytest.skip("the live service is asked with `nox -s contract -- --live` only")
    if missing := [name for name in LIVE_VARIABLES if not os.environ.get(name)]:
        pytest.skip(f"the live service needs {', '.join(missing)}")
    return Service(os.environ["CF_VECTORIZE_TEST_INDEX"], Credentials.find(None, None, None, None))


@pytest.fixture
def on_live(request: pytest.FixtureRequest) -> bool:
    return request.node.callspec.params["service"] == "live"


def assert_kept(result: Judgement, *, on_live: bool) -> None:
    assert result.verdict == "kept", result.reasons
    if on_live:
        # The service may say more than is described: a finding, not a failure.
        for what in result.notes:
            warnings.warn(f"{result.name}: {what}", UserWarning, stacklevel=1)
    else:
        assert result.notes == ()


@pytest.mark.filterwarnings("default::UserWarning")
@pytest.mark.parametrize("probe", PROBES, ids=[probe.name for probe in PROBES])
def test_service_keeps_the_contract(service: Service, probe: Probe, *, on_live: bool) -> None:
    result, _ = service.try_out(probe)
    assert_kept(result, on_live=on_live)


@pytest.mark.filterwarnings("default::UserWarning")
def test_service_stores_vectors_and_gives_them_back(service: Service, *, on_live: bool) -> None:
    report = Probing(service).run(insert=True)
    assert len(report.results) == len(PROBES) + 5
    assert [name.rpartition("-")[0] for name in report.stored] == [
        "cf-vectorize-contract-stored",
        "cf-vectorize-contract-marker",
    ]
    for result in report.results:
        assert_kept(result, on_live=on_live)


def lines(*vectors: dict[str, Any]) -> bytes:
    return b"".join(json.dumps({"id": "a", "values": [0.5] * 32, **vector}).encode() + b"\n" for vector in vectors)


BEYOND_PROBES = [
    Probe("an id of 65 bytes", "insert", NDJSON, lines({"id": "é" * 32 + "x"}), (400,), 40008),
    Probe("metadata of 10,241 bytes", "insert", NDJSON, lines({"metadata": {"k": "v" * 10_233}}), (400,), 40016),
    Probe("a second vector of another dimension", "insert", NDJSON, lines({}, {"id": "b", "values": [1, 2]}), (400,),
          40012),
    Probe("a NaN", "insert", NDJSON, lines({"values": [float("nan")] * 32}), (400,), 40023),
    Probe("a bare array", "get_by_ids", JSON, b'["a"]', (400,), 40026),
    Probe("no metadata, and none found", "insert", NDJSON, lines({"id": "bare"})),
    Probe("a multipart form", "insert", "multipart/form-data; boundary=x",
          b'--x\r\nContent-Disposition: form-data; name="vectors"; filename="vectors.ndjson"\r\n'
          b"Content-Type: application/x-ndjson\r\n\r\n" + lines({"id": "form"}) + b"\r\n--x--\r\n"),
    Probe("no index", "get_by_ids", JSON, b'{"ids":["a"]}', (404,), 7003, index="a/b"),
]  # fmt: skip


@pytest.mark.parametrize("probe", BEYOND_PROBES, ids=[probe.name for probe in BEYOND_PROBES])
def test_emulator_keeps_the_contract_beyond_the_probes(emulator: str, probe: Probe) -> None:
    result, _ = service_at(emulator).try_out(probe)
    assert_kept(result, on_live=False)


# --- services that are wrong


@pytest.fixture
def run(
    emulator: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the command against the emulator, whose answers a function may change on their way."""
    monkeypatch.setattr(probing, "POLL_SECONDS", 0.05)
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", emulator)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)

    def run_command(*arguments: str, change: Change | None = None, index: str = INDEX) -> tuple[int, str]:
        if change is None:
            code = cli.main(["contract", index, *arguments])
        else:
            with changed(emulator, change) as base_url:
                monkeypatch.setenv("CLOUDFLARE_BASE_URL", base_url)
                code = cli.main(["contract", index, *arguments])
        captured = capsys.readouterr()
        assert TOKEN not in captured.out + captured.err
        assert ACCOUNT not in captured.out + captured.err
        return code, captured.out + captured.err

    return run_command


@pytest.mark.parametrize("wrong", SERVICES, ids=[wrong.name for wrong in SERVICES])
def test_a_service_that_is_wrong_is_judged_as_its_table_says(
    run: Callable[..., tuple[int, str]], wrong: Wrong
) -> None:
    code, output = run("--insert", "--wait", "20", change=wrong.change)
    assert code == wrong.exit_code, output
    assert wrong.says in output
    assert ("Please report" in output) == (code == 1)


def test_kept_contract_is_said_in_words_and_by_the_exit_code(run: Callable[..., tuple[int, str]]) -> None:
    code, output = run()
    assert code == 0
    assert "The contract is kept: 9 exchanges." in output


def test_report_as_json_has_what_a_nightly_job_needs(run: Callable[..., tuple[int, str]], emulator: str) -> None:
    code, output = run("--json", "--insert")
    report = json.loads(output)
    assert (code, report["exit_code"], report["kept"]) == (0, 0, True)
    assert report["host"] in emulator
    assert report["time"].endswith("+00:00")
    assert report["versions"].keys() == {"cf-vectorize", "fragment"}
    assert [result["verdict"] for result in report["results"]] == ["kept"] * 14
    assert [result["status"] for result in report["results"]] == [200, 200, *[400] * 8, 200, 200, 200, 200]
    assert report["results"][2]["code"] == 40007
    assert all(result["ray"].endswith("-EMU") and result["seconds"] >= 0 for result in report["results"])
    assert len(report["stored"]) == 2


def test_output_is_bounded(run: Callable[..., tuple[int, str]]) -> None:
    many = wrong_services.each_vector(lambda vector: vector.update(values=["x" * 9999] * 1280))
    code, output = run("--insert", change=many)
    assert code == 1
    assert "… and 1,270 more" in output
    assert len(output) < 8_000


def test_an_answer_that_is_very_long_is_not_taken_in(run: Callable[..., tuple[int, str]]) -> None:
    code, output = run(change=wrong_services.always(200, wrong_services.JSON, b"[" + b" " * 17_000_000 + b"]"))
    assert code == 1
    assert "is not JSON" in output


def test_control_characters_of_an_answer_do_not_reach_the_terminal(run: Callable[..., tuple[int, str]]) -> None:
    bad = wrong_services.refusal(400, 40099, "\x1b[2J\x07")
    _, output = run(change=lambda *_: bad)
    assert "\\x1b[2J\\x07" in output
    assert "\x1b" not in output


@pytest.mark.parametrize("piece", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"])
def test_a_service_that_hangs_or_drips_is_left_in_time(piece: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(piece)
                while piece and not end.wait(0.05):
                    connection.sendall(b" ")
                end.wait()

        thread = threading.Thread(target=drip)
        thread.start()
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/client/v4"
        service = Service(INDEX, Credentials(ACCOUNT, TOKEN, None, None), base_url, timeout=0.5)
        result, response = service.try_out(PROBES[0])
        end.set()
        thread.join()
    assert (result.verdict, response) == ("not judged", None)
    assert result.reasons[0].startswith("no answer: ")
    assert result.seconds is not None
    assert result.seconds > 0.4


@pytest.mark.parametrize(
    ("change", "listed"),
    [
        (wrong_services.stored(lambda r: Response(202, r.headers, r.body)), 1),
        (wrong_services.stored(lambda _: Response(500, {}, b"")), 1),
        (wrong_services.enveloped(lambda e: e["result"].update(mutationId=7), "insert", success=True), 1),
        (wrong_services.more_vectors(wrong_services.stored_all_the_same), 2),
    ],
    ids=["another status", "a failure", "no mutation id", "a vector of a refused batch"],
)
def test_what_may_be_stored_is_listed_whatever_was_answered(
    run: Callable[..., tuple[int, str]], change: Change, listed: int
) -> None:
    _, output = run("--insert", "--json", change=change)
    assert len(json.loads(output)["stored"]) == listed


def test_an_interrupted_run_says_what_it_stored(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(probing.time, "sleep", interrupt)
    code, output = run("--insert", change=wrong_services.more_vectors(lambda *_: []))
    assert code == 130
    assert "Left in the index, for there is no deleting here: cf-vectorize-contract-stored-" in output


def test_vector_that_does_not_turn_up_is_not_judged(run: Callable[..., tuple[int, str]]) -> None:
    code, output = run("--insert", "--wait", "0", change=wrong_services.more_vectors(lambda *_: []))
    assert code == 3
    assert "it cannot be read after 0 seconds" in output


def test_no_answer_is_not_judged(run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    with unserved_port() as port:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"http://127.0.0.1:{port}/client/v4")
        code, output = run("--insert")
    assert code == 3
    assert output.count("no answer: [Errno") == 1
    assert "; is the emulator running? Start it with: cf-vectorize emulate" in output
    assert "1 of 1 exchanges could not be judged" in output


@pytest.mark.parametrize("path", ["", "/", "/client", "/v4"])
def test_a_base_url_without_the_path_of_the_api_is_told_once(
    run: Callable[..., tuple[int, str]], emulator: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", emulator.removesuffix("/client/v4") + path)
    code, output = run("--insert")
    assert code == 3
    assert output.count("does not end in /client/v4") == 1
    assert "1 of 1 exchanges could not be judged" in output


def test_credentials_are_asked_for_in_words_of_the_command_line(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    assert run() == (
        2,
        "error: no credentials: set CLOUDFLARE_API_TOKEN (or CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY)\n",
    )


def test_secrets_in_an_answer_are_not_shown(run: Callable[..., tuple[int, str]]) -> None:
    said = f"account {ACCOUNT} with token {TOKEN}"
    bad = wrong_services.enveloped(lambda e: e["errors"][0].update(code=1, message=said), "insert", success=False)
    code, output = run(change=bad)
    assert code == 1
    assert "account [redacted] with token [redacted]" in output


# --- usage


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["."], "index is '.'"),
        ([".."], "index is '..'"),
        (["n" * 65], "a name has 1 to 64 characters"),
        ([], "which index?"),
        ([INDEX, "--replay", "x.har"], "take no index"),
        (["--replay", "no-such-file.har"], "no-such-file.har: No such file"),
        ([INDEX, "--record", "no-such-folder"], "is no folder"),
    ],
)
def test_wrong_usage_is_said_in_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    assert cli.main(["contract", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert says in captured.err
    assert cli.main(["contract", *arguments, "--json"]) == 2
    assert says in json.loads(capsys.readouterr().out)["error"]


def test_a_wrong_base_url_and_no_account_are_wrong_usage(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", "file:///etc/hosts")
    code, output = run()
    assert (code, output.count("\n")) == (2, 1)
    assert "base_url (or CLOUDFLARE_BASE_URL)" in output
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID")
    assert run() == (2, "error: no account: set CLOUDFLARE_ACCOUNT_ID\n")


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "soon"])
def test_a_wait_that_is_none_is_wrong_usage(run: Callable[..., tuple[int, str]], wait: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(f"--wait={wait}")
    assert ended.value.code == 2


def test_email_and_key_are_sent_where_there_is_no_token(emulator: str) -> None:
    keyed = Service(INDEX, Credentials(ACCOUNT, None, "someone@example.com", "0123456789abcdef"), emulator)
    result, _ = keyed.try_out(PROBES[0])
    assert result.verdict == "kept", result.reasons
    assert TOKEN not in repr(service_at(emulator).request(PROBES[0]))
    with pytest.raises(InputError):
        Service(INDEX, Credentials(ACCOUNT, TOKEN, None, None), "ftp://127.0.0.1")
