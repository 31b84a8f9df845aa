"""What must never happen: a secret shown, a user's file written over, an accepted load forgotten."""

from __future__ import annotations

import gzip
import os
import pickle
import resource
import sys
import traceback
from pathlib import Path

import pytest

import cf_vectorize
from cf_vectorize import (
    AuthenticationError,
    InputError,
    InsertError,
    JournalError,
    RejectedError,
    Vectorize,
)
from loads import TOKEN, ids, line, lines, settings
from scripted_server import Answer, ScriptedServer, failure

SECRET = "SECRETSECRETSECRET1234"
NOWHERE = "http://127.0.0.1:1/client/v4"
BROKEN = [f"{SECRET} {SECRET}", f"{SECRET}\n{SECRET}", f"{SECRET}\r", f"{SECRET}é", f"\x00{SECRET}"]


@pytest.mark.parametrize("value", BROKEN[:2] + BROKEN[3:])
@pytest.mark.parametrize("argument", ["account_id", "api_token", "api_key"])
def test_a_credential_that_no_header_takes_is_refused_unseen(argument: str, value: str) -> None:
    given = {"account_id": "account", "api_email": "a@example.com", argument: value}
    with pytest.raises(InputError, match=argument) as caught:
        Vectorize("index", base_url=NOWHERE, **given)
    shown = "".join(traceback.format_exception(caught.value)) + repr(pickle.dumps(caught.value))
    assert SECRET not in shown


def test_white_space_around_a_credential_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", f"{TOKEN}\r\n")
    with ScriptedServer() as server, Vectorize("index", account_id=" a\n", base_url=server.url) as index:
        index.insert(lines(3))
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "/accounts/a/" in server.requests[0].path


@pytest.mark.parametrize("name", ["", ".", "..", "n" * 65])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="index is"):
        Vectorize(name, **settings(NOWHERE))


@pytest.mark.parametrize("name", ["n", "n" * 64, "...", "a.b"])
def test_a_name_that_an_index_can_have_is_taken(name: str) -> None:
    Vectorize(name, **settings(NOWHERE)).close()


@pytest.mark.parametrize(
    "url",
    ["localhost:8787/client/v4", "127.0.0.1", "//127.0.0.1/client/v4", "ftp://127.0.0.1/", "http://", "https:///v4",
     "http://127.0.0.1:port/"],
)  # fmt: skip
def test_a_base_url_that_leads_nowhere_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"^base_url \(or CLOUDFLARE_BASE_URL\) is "):
        Vectorize("index", **settings(url))
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
    with pytest.raises(InputError, match=r"^base_url \(or CLOUDFLARE_BASE_URL\) is "):
        Vectorize("index", account_id="a", api_token="t")


@pytest.mark.parametrize(
    "files",
    [
        {"rejects": "a.ndjson"},
        {"journal": "a.ndjson"},
        {"rejects": "link.ndjson"},
        {"rejects": "x", "journal": "x"},
        {"rejects": "x", "journal": "x.reasons"},
    ],
)
def test_no_file_has_two_roles(tmp_path: Path, files: dict[str, str]) -> None:
    source = tmp_path / "a.ndjson"
    source.write_bytes(line("a") + b"bad\n")
    (tmp_path / "link.ndjson").symlink_to(source)
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        with pytest.raises(InputError, match="at once"):
            index.insert(source, **{role: tmp_path / name for role, name in files.items()})
        assert server.requests == []
    assert source.read_bytes() == line("a") + b"bad\n"
    assert not (tmp_path / "x").exists()


def test_an_export_does_not_write_over_what_is_there(tmp_path: Path) -> None:
    output = tmp_path / "ids.txt"
    output.write_text("mine")
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        with pytest.raises(InputError, match="exists already"):
            list(index.export_by_ids(ids(3), output))
        with pytest.raises(InputError, match="cannot be written"):
            list(index.export_by_ids(ids(3), tmp_path / "nowhere" / "a.ndjson"))
        assert server.requests == []
    assert output.read_text() == "mine"


def test_a_load_is_reported_when_its_verification_fails() -> None:
    refusal = failure(403, 10000, "Authentication error")
    with (
        ScriptedServer([Answer(), refusal]) as server,
        Vectorize("index", **settings(server.url)) as index,
        pytest.raises(AuthenticationError) as caught,
    ):
        index.insert(lines(3), verify=True)
    assert caught.value.report is not None
    assert caught.value.report.vectors == 3


def test_the_summary_of_a_verified_load_tells_what_was_found() -> None:
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        index.insert([line("a")])
        report = index.insert([line("a", metadata={"changed": True}), line("b")], verify=True)
    assert report.verification is not None
    assert report.summary().startswith("2 vectors accepted in 1 batch")
    assert "1 equal, 0 missing, 1 different".replace(", ", "\n") in report.summary()


def test_what_was_fetched_before_an_error_is_kept() -> None:
    refusal = failure(403, 10000, "no")
    with ScriptedServer([Answer()] * 5 + [refusal]) as server, Vectorize("index", **settings(server.url)) as index:
        index.insert(lines(100))
        with pytest.raises(AuthenticationError) as caught:
            index.get_by_ids(ids(100), concurrency=1)
    assert caught.value.fetched is not None
    assert list(caught.value.fetched) == ids(80)


def test_a_closed_client_says_so() -> None:
    with ScriptedServer() as server:
        index = Vectorize("index", **settings(server.url))
        index.close()
        with pytest.raises(InputError, match="closed"):
            index.insert(lines(1))
        assert server.requests == []


def test_compact_needs_what_makes_lines_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with Vectorize("index", **settings(NOWHERE)) as index, pytest.raises(InputError, match=r"\[numpy\]"):
        index.insert(lines(1), compact=True)


def test_a_device_is_no_journal() -> None:
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        with pytest.raises(JournalError, match="/dev/zero: is not a journal"):
            index.insert(lines(1), journal="/dev/zero")
        assert server.requests == []


def test_rejects_are_not_written_into_a_compressed_source(tmp_path: Path) -> None:
    source = tmp_path / "v.ndjson.gz"
    source.write_bytes(gzip.compress(line("a") + b"bad\n"))
    before = source.read_bytes()
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        with pytest.raises(InputError, match="at once"):
            index.insert(source, rejects=source)
        assert server.requests == []
    assert source.read_bytes() == before


def test_a_refusal_of_one_line_is_no_refusal_of_the_batchs_size() -> None:
    refusal = failure(400, 40016, "metadata too large, line Some(0)")
    with ScriptedServer([refusal]) as server, Vectorize("index", **settings(server.url)) as index:
        with pytest.raises(RejectedError, match="line Some"):
            index.insert(lines(4))
        assert len(server.requests) == 1


def test_more_files_than_a_process_may_have_open(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.ndjson" for number in range(80)]
    for number, path in enumerate(paths):
        path.write_bytes(line(f"v{number}"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 40, most[1]))
        try:
            report = index.insert(paths)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, most)
    assert report.vectors == 80


def test_a_source_that_shrinks_under_a_journal_ends_the_load_with_its_report(tmp_path: Path) -> None:
    source = tmp_path / "v.ndjson"
    source.write_bytes(b"".join(lines(6)))

    def shrink(_: object) -> None:
        os.truncate(source, 10)

    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        server.before_answer = shrink
        with pytest.raises(InsertError, match="accepted") as caught:
            index.insert(source, batch_vectors=2, concurrency=1, journal=tmp_path / "journal")
    assert caught.value.report.vectors == 2


def test_a_file_that_is_removed_before_its_turn_ends_the_load_with_its_report(tmp_path: Path) -> None:
    first, second = tmp_path / "1.ndjson", tmp_path / "2.ndjson"
    for path, prefix in ((first, "v"), (second, "w")):
        path.write_bytes(b"".join(lines(2, prefix)))

    def remove(_: object) -> None:
        second.unlink(missing_ok=True)

    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        server.before_answer = remove
        with pytest.raises(InsertError, match="accepted") as caught:
            index.insert([first, second], batch_vectors=1, concurrency=1)
    (error,) = caught.value.exceptions
    assert str(error) == f"{second}: No such file or directory"
    assert caught.value.report.vectors == 2


def test_a_file_that_is_replaced_during_a_load_is_not_taken_for_the_one_that_was_begun(tmp_path: Path) -> None:
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    first.write_bytes(line("a"))
    second.write_bytes(line("b"))
    other = tmp_path / "other.ndjson"
    other.write_bytes(line("c"))
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        batches = index.insert_batches([first, second])
        other.replace(second)
        outcomes = list(batches)
    assert [outcome.accepted for outcome in sorted(outcomes, key=lambda outcome: outcome.source)] == [True, False]
    assert list(server.stored) == ["a"]


def test_shells_see_what_is_public() -> None:
    assert dir(cf_vectorize) == sorted(cf_vectorize.__all__)
