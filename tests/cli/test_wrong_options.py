"""What the command line says of every option of every command that is given a value it cannot have."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from cf_vectorize.cli.main import main, parsers
from loads import environment, lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "{source}"
NEEDED = {"insert": f"i {FILE}", "get": "i id", "verify": f"i {FILE}", "check": FILE, "emulate": "", "contract": "i"}
OPTIONS = [
    (name, action.option_strings[0], str(action.metavar or action.dest), action.choices)
    for name, parser in parsers()[1].items()
    for action in parser._actions
    if action.option_strings and action.nargs != 0 and not isinstance(action, argparse.BooleanOptionalAction)
]
EACH = [option[:2] for option in OPTIONS]
NUMBERS = [option[:2] for option in OPTIONS if option[2] in {"N", "SECONDS", "PORT", "port"}]
WHOLE = [option[:2] for option in OPTIONS if option[2] in {"N", "PORT", "port"}]
WORDS = [option[:2] for option in OPTIONS if option[3]]
FILES = [("insert", "--rejects"), ("insert", "--journal"), ("insert", "--ids"), ("get", "--ids-from"),
         ("get", "--output"), ("contract", "--record"), ("emulate", "--faults")]  # fmt: skip
RAW = ("invalid int", "invalid float", "Errno", "bind()", "None")
WRONG = [
    *((*option, "") for option in EACH),
    *((*option, value) for option in NUMBERS for value in ("x", "-1", "nan")),
    *((*option, value) for option in WHOLE for value in ("1.5", "9" * 5_000)),
    *((*option, value) for option in WORDS for value in ("x", "9" * 5_000)),
]


@pytest.fixture
def refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], str]:
    source = tmp_path / "vectors.ndjson"
    source.write_bytes(b"".join(lines(3)))
    monkeypatch.chdir(tmp_path)
    for variable, value in environment("http://127.0.0.1:1/client/v4").items():
        monkeypatch.setenv(variable, value)

    def run(command: str, argument: str) -> str:
        alone = argument.startswith(("--replay", "--proxy"))
        try:
            code = main([command, *([] if alone else NEEDED[command].format(source=source).split()), argument])
        except SystemExit as ended:
            code = int(str(ended.code))
        said = capsys.readouterr().err
        assert (code, said[:7], said.count("\n")) == (2, "error: ", 1), said
        assert not any(raw in said for raw in RAW), said
        assert list(tmp_path.iterdir()) == [source]
        return said

    return run


@pytest.mark.parametrize(("command", "option", "value"), WRONG, ids=lambda value: value[:16] or "empty")
def test_a_value_that_an_option_cannot_have_is_refused_by_its_name_in_a_line(
    command: str, option: str, value: str, refused: Callable[[str, str], str]
) -> None:
    said = refused(command, f"{option}={value}")
    assert f"{option}:" in said or f"{option} is " in said
    assert len(said) < 400


@pytest.mark.parametrize(("command", "option"), [*FILES, ("contract", "--replay")])
def test_a_name_that_no_file_can_have_is_refused_with_the_reason(
    command: str, option: str, refused: Callable[[str, str], str]
) -> None:
    said = refused(command, f"{option}={'n' * 300}")
    assert "nnn" in said
    assert "File name too long" in said or "is no folder; make it first" in said


@pytest.mark.parametrize(("command", "words"), [("insert", "argument INDEX: ''"), ("contract", "argument INDEX: ''")])
def test_an_empty_name_of_an_index_is_refused(
    command: str, words: str, refused: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NEEDED, command, "")
    assert words in refused(command, "")
