"""Recorded exchanges, ours and anybody's HAR, are judged; what a HAR lacks is not."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from contract_suite import RECORDINGS

from cf_vectorize.cli import main as cli
from cf_vectorize_contract import replay
from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

# The official Python SDK 5.9.0 against the emulator: an insert that it labels as JSON, one with the right header, ids
# that are found, and too many ids.
SDK = Path(__file__).parent / "har" / "cloudflare-python-sdk.har"
HAR = json.loads(SDK.read_text(encoding="utf-8"))
FOUND = 2
BODY = "the HAR lacks the answer's body, or cut it short"


def changed(tmp_path: Path, change: Callable[[Any], object], entry: int = FOUND) -> Path:
    """Write the HAR with one of its entries alone, changed."""
    har = copy.deepcopy(HAR)
    har["log"]["entries"] = [har["log"]["entries"][entry]]
    change(har["log"]["entries"][0])
    path = tmp_path / "changed.har"
    path.write_text(json.dumps(har), encoding="utf-8")
    return path


def test_the_traffic_of_the_official_sdk_keeps_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["contract", "--replay", str(SDK)]) == 0
    output = capsys.readouterr().out
    assert "The contract is kept: 4 exchanges." in output
    assert "refused for: request headers: application/json is not one of application/x-ndjson" in output


def test_our_recordings_are_kept_or_were_the_weather() -> None:
    report = replay([RECORDINGS])
    assert report.counts["broken"] == 0
    assert report.counts["kept"] > 35
    unjudged = {result.status for result in report.results if result.verdict == "not judged"}
    assert unjudged == {400, 413, 429, 502, 504, *range(520, 528)}


def replace_body(entry: Any, old: str, new: str) -> None:
    content = entry["response"]["content"]
    content["text"] = content["text"].replace(old, new)
    content["size"] = 0
    entry["response"]["headers"] = []


KEPT: dict[str, Callable[[Any], object]] = {
    "as it is": lambda _: None,
    "an answer in base64": lambda e: e["response"]["content"].update(
        encoding="base64", text=base64.b64encode(e["response"]["content"]["text"].encode()).decode()
    ),
    "pseudo headers of HTTP/2": lambda e: e["request"]["headers"].append({"name": ":authority", "value": "x"}),
    "another base URL": lambda e: e["request"].update(url=e["request"]["url"].replace("/client/v4", "/gateway/v1")),
    "no content types among the headers": lambda e: (
        e["request"].update(headers=[]),
        e["response"].update(headers=[]),
    ),
    "sizes that are unknown": lambda e: (e["request"].update(bodySize=-1), e["response"]["content"].update(size=0)),
    "an answer that was compressed": lambda e: e["response"]["headers"].extend(
        [{"name": "Content-Encoding", "value": "br"}, {"name": "Content-Length", "value": "99999"}]
    ),
    "credentials": lambda e: e["request"]["headers"].append({"name": "authorization", "value": "Bearer x"}),
    "credentials that somebody took out": lambda e: e["request"]["headers"].append(
        {"name": "Authorization", "value": "[redacted]"}
    ),
}
BROKEN: dict[str, tuple[Callable[[Any], object], str]] = {
    "another id": (lambda e: replace_body(e, '"id":"b"', '"id":"c"'), "'c' is none of the ids asked for"),
    "an id twice": (lambda e: replace_body(e, '"id":"b"', '"id":"a"'), "has the id of [0]"),
    "no messages": (lambda e: replace_body(e, '"messages":[],', ""), "'messages' is a required property"),
    "no JSON": (lambda e: replace_body(e, "{", "<"), "is not JSON"),
    "more ids than can be asked for": (
        lambda e: e["request"]["postData"].update(text=json.dumps({"ids": ["a", "b", *map(str, range(19))]})),
        "accepted all the same: request body $.ids",
    ),
}  # fmt: skip
NOT_JUDGED: dict[str, tuple[Callable[[Any], object], str]] = {
    "no text of the answer": (lambda e: e["response"]["content"].pop("text"), BODY),
    "an answer that was cut short": (lambda e: e["response"]["content"].update(text='{"success":true'), BODY),
    "no text of the request": (lambda e: e["request"].pop("postData"), "the HAR lacks the request's body"),
    "no answer": (lambda e: e["response"].update(status=0), "there was no answer"),
    "a throttle": (lambda e: e["response"].update(status=429), "throttled"),
}
MALFORMED: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "Expecting"),
    "no HAR": ("[]", "is no HAR"),
    "an entry without a request": ('{"log":{"entries":[{}]}}', "entry 0: is not as HAR 1.2 has it"),
    "an entry that is null": ('{"log":{"entries":[null]}}', "entry 0: is not as HAR 1.2 has it"),
    "entries that are no list": ('{"log":{"entries":7}}', "is not as HAR 1.2 has it"),
    "text in base64 that is none": (
        '{"log":{"entries":[{"request":{"method":"POST","url":"/"},'  # noqa: ISC004 - one text
        '"response":{"status":200,"content":{"text":"é","encoding":"base64"}}}]}}',
        "entry 0: is not as HAR 1.2 has it",
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_har_may_say_it_in_many_ways(tmp_path: Path, name: str) -> None:
    report = replay([changed(tmp_path, KEPT[name])])
    assert [(found.verdict, found.reasons) for found in report.results] == [("kept", ())]


@pytest.mark.parametrize("name", BROKEN)
def test_an_exchange_that_breaks_the_contract_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, says = BROKEN[name]
    assert cli.main(["contract", "--replay", str(changed(tmp_path, change))]) == 1
    assert says in capsys.readouterr().out


@pytest.mark.parametrize("name", NOT_JUDGED)
def test_what_a_har_lacks_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    change, says = NOT_JUDGED[name]
    assert cli.main(["contract", "--replay", str(changed(tmp_path, change))]) == 3
    assert says in capsys.readouterr().out


@pytest.mark.parametrize("name", MALFORMED)
def test_a_file_that_is_no_har_is_wrong_usage(tmp_path: Path, name: str) -> None:
    text, says = MALFORMED[name]
    path = tmp_path / "bad.har"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="bad.har: ") as caught:  # noqa: RUF043 - any character will do
        replay([path])
    assert says in str(caught.value)


def test_requests_of_other_operations_are_counted_and_no_exchange_is_no_success(tmp_path: Path) -> None:
    elsewhere = changed(tmp_path, lambda e: e["request"].update(url="https://example.com/"))
    report = replay([elsewhere])
    assert (report.other, report.results, report.exit_code) == (1, [], 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no"):
        replay([tmp_path / "empty"])


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "sdk.har").write_bytes(SDK.read_bytes())
    (tmp_path / "one.yaml").write_bytes((RECORDINGS / "report-3000-index-not-found.yaml").read_bytes())
    (tmp_path / "readme.txt").write_text("no recording")
    report = replay([tmp_path])
    assert {result.name for result in report.results} == {*(f"sdk.har#{n}" for n in range(4)), "one"}
