"""What is recorded is complete, keeps the contract, and tells nothing of who recorded it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from contract_suite import load_recordings, problems, secrets_in
from wrong_services import Change, always, changed, enveloped, refusal

from cf_vectorize.cli import main as cli
from cf_vectorize_contract import Fragment, Judgement, Recorder, Request, Response
from cf_vectorize_contract.judge import Judge
from cf_vectorize_contract.probes import every_probe
from cf_vectorize_contract.probing import Probing, Service
from cf_vectorize_contract.recordings import Scrubber
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.credentials import Credentials
from cf_vectorize_overlay.errors import InputError
from record import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INDEX = "somebodys-index"
ACCOUNT = "8d3f1e0a5b6c47d2a9e0f1b2c3d4e5f6"
TOKEN = "Zq3vT8_kLmN0pR-sUvWxYz1234567890AbCdEfGh"
EMAIL = "some.one+vectors@example.co.uk"
KEY = "0123456789abcdef0123456789abcdef01234"
CREDENTIALS = [Credentials(ACCOUNT, TOKEN, None, None), Credentials(ACCOUNT, None, EMAIL, KEY)]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with EmulatorProcess("--index", f"{INDEX}:32", "--visible", "immediately") as process:
        yield process.base_url


def told(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()))


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=["token", "email and key"])
def test_recordings_are_complete_and_hold_no_secret(base_url: str, tmp_path: Path, credentials: Credentials) -> None:
    assert record("live", Service(INDEX, credentials, base_url), tmp_path) == 0
    recordings = load_recordings(tmp_path)
    assert len(recordings) == len(every_probe()) == 14
    strict = Fragment.load(strict=True)
    for recording in recordings.values():
        assert problems(strict, recording) == set()
    text = told(tmp_path)
    assert not secrets_in(text)
    assert not [secret for secret in (INDEX, ACCOUNT, TOKEN, EMAIL, KEY, "example.co.uk") if secret in text]


def escaped(text: str, form: str) -> str:
    """Write a text in JSON's escapes, in HTML's, or percent-encoded."""
    return "".join({"json": f"\\u{ord(c):04x}", "html": f"&#{ord(c)};", "url": f"%{ord(c):02X}"}[form] for c in text)


@pytest.mark.parametrize("secret", [INDEX, ACCOUNT, TOKEN, EMAIL, KEY, "another@example.com"])
@pytest.mark.parametrize("form", ["as it is", "in capitals", "json", "html", "url"])
def test_a_secret_is_found_however_it_is_written(secret: str, form: str) -> None:
    scrubber = Scrubber()
    path = f"/client/v4/accounts/{ACCOUNT}/vectorize/v2/indexes/{INDEX}/insert"
    scrubber.learn(Request("POST", path, {"Authorization": f"Bearer {TOKEN}"}))
    scrubber.learn(Request("POST", path, {"X-Auth-Email": EMAIL, "x-auth-key": KEY}))
    if form in {"json", "html", "url"}:
        if secret == "another@example.com":
            pytest.skip("an e-mail that nobody sent is known by its form only")
        written = escaped(secret, form)
    else:
        written = secret.upper() if form == "in capitals" else secret
    scrubbed = scrubber.scrub({"body": f"index.not_found - Index name \\'{written}\\' of {written}."})["body"]
    assert written not in scrubbed
    assert scrubbed.startswith("index.not_found - Index name ")


def test_an_index_that_a_message_names_is_replaced_there(base_url: str, tmp_path: Path) -> None:
    def name_it(envelope: dict[str, list[dict[str, str]]]) -> None:
        envelope["errors"][0]["message"] += f' of index "{INDEX}" and {EMAIL}'

    with changed(base_url, enveloped(name_it, success=False)) as spoilt:
        assert record("live", Service(INDEX, CREDENTIALS[0], spoilt), tmp_path) == 0
    assert INDEX not in told(tmp_path)
    assert EMAIL not in told(tmp_path)
    assert 'of index \\"example-index\\" and EMAIL' in told(tmp_path)


@pytest.mark.parametrize(
    "change",
    [always(403, {"Content-Type": "application/json"}, refusal(403, 10000).body), lambda *_: refusal(400, 49999)],
    ids=["refused", "broken"],
)
def test_nothing_is_written_that_was_not_kept(base_url: str, tmp_path: Path, change: Change) -> None:
    with changed(base_url, change) as spoilt:
        assert record("live", Service(INDEX, CREDENTIALS[0], spoilt), tmp_path) in {1, 3}
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_exists_is_replaced_only_when_told_to(base_url: str, tmp_path: Path) -> None:
    there = tmp_path / "live-an-id-that-is-not-there-is-left-out.yaml"
    there.write_text("mine")
    with pytest.raises(InputError, match="--overwrite"):
        record("live", Service(INDEX, CREDENTIALS[0], base_url), tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
    assert record("live", Service(INDEX, CREDENTIALS[0], base_url), tmp_path, overwrite=True) == 0
    assert there.read_text() != "mine"


def test_an_index_named_as_a_word_of_the_api_is_refused(tmp_path: Path) -> None:
    judge = Judge()
    recorder = Recorder(tmp_path, "live", judge)
    request = Request(
        "POST",
        "/client/v4/accounts/a/vectorize/v2/indexes/values/get_by_ids",
        {"Authorization": "Bearer x", "Content-Type": "application/json"},
        b'{"ids":["a"]}',
    )
    body = b'{"success":true,"errors":[],"messages":[],"result":[{"id":"a","values":[1]}]}'
    with pytest.raises(InputError, match="no word of the API's own"):
        recorder.keep("x", "get_by_ids", request, Response(200, {"Content-Type": "application/json"}, body),
                      Judgement("x", "kept"))  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_recorded_is_said_and_ends_nothing(tmp_path: Path) -> None:
    with EmulatorProcess("--index", "values:32", "--visible", "immediately") as process:
        service = Service("values", CREDENTIALS[0], process.base_url)
        service.keep = Recorder(tmp_path, "live", service.judge).keep
        report = Probing(service).run(insert=True)
    assert (report.exit_code, len(report.stored)) == (0, 2)
    assert any("not recorded: " in note for result in report.results for note in result.notes)


def test_the_command_records_and_replays(
    base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", base_url)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    assert cli.main(["contract", INDEX, "--record", str(tmp_path)]) == 0
    assert f"9 recordings in {tmp_path}" in capsys.readouterr().err
    assert cli.main(["contract", INDEX, "--record", str(tmp_path)]) == 2
    assert "--overwrite replaces them" in capsys.readouterr().err
    assert cli.main(["contract", "--replay", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"kept": 9, "broken": 0, "not judged": 0}
