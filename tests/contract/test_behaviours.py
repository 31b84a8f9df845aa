"""The emulator does what each row of spec/behaviours.yaml says, so do the docs, and the live service can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from wrong_services import changed, refusal

import behaviours
from behaviours import Observer, asks, expected, load, note, table
from cf_vectorize_contract.probing import Service
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.credentials import Credentials
from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = load()
ASKED = [(row["behaviour"], ask) for row, ask in asks(ROWS, large=True)]
CREDENTIALS = Credentials("0123456789abcdef0123456789abcdef", "a-token", None, None)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with EmulatorProcess("--index", "behaviours:32", "--declared-only", "--visible", "immediately") as process:
        yield process.base_url


@pytest.fixture(scope="module")
def observer(base_url: str) -> Observer:
    return Observer.of(Service("behaviours", CREDENTIALS, base_url), wait=20)


@pytest.mark.parametrize(
    "ask", [ask for _, ask in ASKED], ids=[f"{number} {name[:40]}" for number, (name, _) in enumerate(ASKED)]
)
def test_the_emulator_does_what_stands_in_its_row(observer: Observer, ask: dict[str, Any]) -> None:
    seen = observer.observe(ask)
    # A service need not read what it finds too large, and who still sends may find the connection reset.
    unread = ask["expect"] == "413" and seen.startswith("no answer: ")
    assert unread or seen == expected(ask)


def test_the_docs_have_the_table() -> None:
    page = behaviours.PAGE.read_text(encoding="utf-8")
    assert page == behaviours.with_table(page, table(ROWS)), behaviours.MEND


def test_rows_are_whole_and_what_is_large_is_asked_only_when_told_to() -> None:
    assert len(ROWS) > 50
    assert len(ASKED) > 75
    for row in ROWS:
        assert row.keys() - {"asks", "live"} == {"behaviour", "does", "evidence"}, row
    many = [ask for _, ask in asks(ROWS, large=False) if ask.get("times", 1) > 1]
    assert many == []


def test_what_was_seen_is_noted_in_a_column_and_written_back(
    base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(behaviours, "ROWS", tmp_path / "rows.yaml")
    behaviours.ROWS.write_text("# A comment\n", encoding="utf-8")
    rows = [row for row in load_rows() if row["behaviour"].startswith(("no ids", "visibility"))]
    with changed(base_url, lambda _, response: refusal(400, 40099) if b"40000" in response.body else response) as odd:
        note(rows, Observer.of(Service("behaviours", CREDENTIALS, odd)), large=False)
    assert rows[0]["live"] == "400/40099"
    assert "live" not in rows[1]
    assert "| behaviour | what the emulator does | evidence | seen live |" in table(rows)
    assert "| 400/40099 |" in table(rows)
    behaviours.write(rows)
    assert behaviours.ROWS.read_text(encoding="utf-8").startswith("# A comment\n- behaviour: no ids")
    assert load() == rows
    assert "400/40099" in capsys.readouterr().out


def load_rows() -> list[dict[str, Any]]:
    return [dict(row) for row in ROWS]


def test_an_index_that_does_not_tell_its_dimensions_is_wrong_usage(base_url: str) -> None:
    with pytest.raises(InputError, match="does not tell its dimensions"):
        Observer.of(Service("no-such-index", CREDENTIALS, base_url))
