"""What is seen while a command runs, and what comes from outside as a terminal may show it."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest
from test_cli import COMMAND, clean_environment, on_terminal, run

from cf_vectorize.cli import terminal, version
from cf_vectorize.cli.terminal import Display
from loads import TOKEN, ids, lines
from scripted_server import Answer, Request, ScriptedServer, failure

ROOT = Path(__file__).parents[2]
CLEAR = "\r\x1b[K"
NASTY = "\x1b]0;PWNED\x07\r\nerror: forged\x9b2J\u2028\u202e"
SHOWN = "\\x1b]0;PWNED\\x07\\r\\nerror: forged\\x9b2J\\u2028\\u202e"


class Screen(io.StringIO):
    """Standard error that is a terminal of 40 columns."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2

    def rows(self) -> list[str]:
        """Return what is seen in the end."""
        seen = [""]
        for text in self.getvalue().replace("\x1b[A", "\0").replace(CLEAR, "\1").replace("\n", "\2"):
            if text == "\0":
                seen.pop()
            elif text == "\1":
                seen[-1] = ""
            elif text == "\2":
                seen.append("")
            else:
                seen[-1] += text
        return seen


def on_screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Show on such a terminal; called in a test, since pytest puts its own standard error there before."""
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((40, 24)))
    monkeypatch.setattr(terminal, "TICK", 60.0)
    monkeypatch.setattr(terminal, "REDRAW_AFTER", 0.0)
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def display() -> Display:
    return Display(lambda state, _: f"state {state}")


def test_a_row_of_retries_is_one_line_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    with display() as shown:
        shown(1)
        for pause in (1.1, 2.5, 12.0):
            terminal.LOGGER.warning("waiting %.1f s: HTTP 502", pause)
            shown(2)
        assert screen.rows() == ["3 times by now; the last: waiting 12.0 ", "state 2"]
        terminal.LOGGER.info("something else")
        terminal.LOGGER.warning("waiting 1.0 s: HTTP 502")
    assert screen.rows() == [
        "3 times by now; the last: waiting 12.0 ", "something else", "waiting 1.0 s: HTTP 502", ""
    ]  # fmt: skip


def test_what_was_said_at_length_stays_above_the_line_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    with display() as shown:
        for number in range(4):
            shown.say_again(f"waiting {number} s: {'x' * 60}")
    assert [row[:20] for row in screen.rows()] == ["waiting 0 s: xxxxxxx", "4 times by now; the ", ""]


def test_what_is_said_once_each_is_not_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    with display() as shown:
        shown.say("missing: v1")
        shown.say("missing: v2")
    assert screen.rows() == ["missing: v1", "missing: v2", ""]


def test_without_a_terminal_a_row_of_retries_is_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with display() as shown:
        for pause in (1, 2, 3):
            shown.say_again(f"waiting {pause} s")
        monkeypatch.setattr(terminal, "WRITE_AFTER", 0.0)
        shown.say_again("waiting 4 s")
    assert capsys.readouterr().err == "waiting 1 s\n4 times by now; the last: waiting 4 s\n"


def test_a_line_is_drawn_anew_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    on_screen(monkeypatch)
    drawn = threading.Event()
    counted = itertools.count()

    def line(_state: Any, _seconds: float) -> str:
        number = next(counted)
        if number == 3:
            drawn.set()
        return f"{number}"

    monkeypatch.setattr(terminal, "TICK", 0.01)
    with Display(line) as shown:
        shown("state")
        assert drawn.wait(30)


WRITES_OFTEN = """
import sys
from cf_vectorize.cli import main as cli
from cf_vectorize.cli import terminal
terminal.TICK, terminal.WRITE_AFTER = 0.05, 0.0
sys.exit(cli.main())
"""


def test_without_a_terminal_a_long_load_writes_a_line_now_and_then(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"".join(lines(10)))
    seen = threading.Event()

    def hold(request: Request) -> None:
        if request.ids == ids(10)[5:6]:
            assert seen.wait(30)

    with ScriptedServer() as server:
        server.before_answer = hold
        command = [
            sys.executable,
            "-c",
            WRITES_OFTEN,
            "insert",
            "i",
            path,
            "--batch-vectors",
            "1",
            "--concurrency",
            "1",
        ]
        process = subprocess.Popen(
            command, env=clean_environment(server.url), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert process.stderr is not None
        with process.stderr as stderr:
            written = [line for line in stderr if "5 vectors" in line and not seen.set()]
        assert process.wait(30) == 0
    assert written[0].startswith("[############------------]  50%  5 vectors  ")


# What comes from outside.


def is_shown_safely(text: str) -> bool:
    return text.replace("\n", "").isprintable() and "\nerror: forged" not in text and SHOWN in text


def ndjson(identity: str, **members: Any) -> bytes:
    return json.dumps({"id": identity, "values": [0.5] * 32, **members}).encode() + b"\n"


@pytest.mark.parametrize("command", ["check", "insert", "verify", "get"])
def test_ids_are_shown_escaped(command: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(ndjson(NASTY, namespace=5 if command in {"check", "insert"} else "n"))
    with ScriptedServer() as server:
        index = [] if command == "check" else ["index"]
        options = ["--wait", 0] if command == "verify" else []
        found = run(server.url, command, *index, NASTY if command == "get" else path, *options)
    assert found.returncode == 1
    assert is_shown_safely(found.stdout + found.stderr)


def test_the_service_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(lines(1)[0])
    with ScriptedServer([failure(503, 1, NASTY), failure(403, 10000, NASTY)]) as server:
        code, drawn = on_terminal(server.url, "insert", "index", path)
    assert code == 1
    assert drawn.count(SHOWN) == 2
    assert "\x1b]0" not in drawn
    assert "\nerror: forged" not in drawn


@pytest.mark.parametrize(
    "arguments",
    [
        ["insert", "index", NASTY],
        ["check", NASTY],
        ["insert", "index", "x", f"--{NASTY}"],
        ["insert", "index", "x", "--concurrency", NASTY],
        [NASTY],
        ["get", "index", "--ids-from", NASTY],
        ["get", NASTY],
        ["check", "x.npy", "--ids", NASTY],
    ],
)
def test_arguments_are_shown_escaped(arguments: list[str]) -> None:
    found = run(None, *arguments)
    assert found.returncode == 2
    assert (found.stdout + found.stderr).replace("\n", "").isprintable()
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_charset_that_cannot_show_a_character_shows_an_escape(options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(ndjson("\U0001f600", namespace=5))
    environment = clean_environment(None) | {"PYTHONIOENCODING": "ascii"}
    command = [*COMMAND, "check", path, *options]
    found = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert (found.returncode, found.stderr) == (1, b"")
    if options:
        assert json.loads(found.stdout)["problems"][0]["id"] == "\U0001f600"
    else:
        assert b'(id "\\U0001f600")' in found.stdout


def test_a_file_name_that_is_no_text_is_reported_as_json(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.ndjson")
    path.write_bytes(ndjson("a", namespace=5))
    found = subprocess.run([*COMMAND, "check", path, "--json"], capture_output=True, check=False, timeout=60)
    assert (found.returncode, found.stderr) == (1, b"")
    assert json.loads(found.stdout)["problems"][0]["source"].endswith("udcff.ndjson")


# Usage.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["insrt"], "did you mean insert?; see cf-vectorize --help"),
        (["insert", "index", "f", "--resum"], "unrecognized arguments: --resum; did you mean --resume?"),
        (
            ["insert", "index", "f", "--concurency", "4"],
            "unrecognized arguments: --concurency 4; did you mean --concurrency?",
        ),
        (
            ["insert", "index", "f", "--unparsable", "discards"],
            "did you mean discard?; see cf-vectorize insert --help",
        ),
        (["insert", "index", "f", "--concurrency", "many"], "argument --concurrency: 'many' is no whole number"),
        (["verify"], "the following arguments are required: INDEX, FILE; see cf-vectorize verify --help"),
    ],
)
def test_wrong_usage_is_one_line_with_the_nearest_right_word(arguments: list[str], words: str) -> None:
    found = run(None, *arguments)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("error: ")
    assert found.stderr.count("\n") == 1
    assert words in found.stderr


def test_without_a_command_help_is_shown() -> None:
    found = run(None)
    assert found.returncode == 2
    assert found.stderr.startswith("usage: cf-vectorize")
    assert "CLOUDFLARE_API_TOKEN" in found.stderr


def test_credentials_are_asked_for_in_words_of_the_command_line() -> None:
    environment = clean_environment(None) | {"CLOUDFLARE_ACCOUNT_ID": "a" * 32}
    found = subprocess.run([*COMMAND, "get", "index", "a"], env=environment, capture_output=True, check=False)
    assert found.returncode == 2
    assert found.stderr == (
        b"error: no credentials: set CLOUDFLARE_API_TOKEN (or CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY)\n"
    )


@pytest.mark.parametrize(("asked", "code"), [((3, 0), 0), ((1, 2), 0), ((0, 2), 1)])
def test_get_is_1_when_nothing_at_all_was_found(asked: tuple[int, int], code: int) -> None:
    held, missing = asked
    with ScriptedServer() as server:
        run(server.url, "insert", "index", "-", input=b"".join(lines(3)))
        found = run(server.url, "get", "index", *ids(held), *(f"none{number}" for number in range(missing)))
    assert found.returncode == code
    assert found.stdout.count("\n") == held
    assert found.stderr == "".join(f"missing: none{number}\n" for number in range(missing))


def test_the_version_says_what_is_installed_with_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brought = {"": project["dependencies"], **project["optional-dependencies"]}
    for extra, packages in version.PACKAGES.items():
        stated = {requirement.split(">")[0] for requirement in brought[extra]} - {"numpy"}
        assert stated <= set(packages) | {"numpy"}, extra
    assert brought.keys() - version.PACKAGES.keys() <= {"all", "ray"}
    said = run(None, "--version").stdout
    assert said.startswith("cf-vectorize ")
    assert "\n[numpy] numpy " in said


def test_the_answer_of_a_retried_request_is_counted_on_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(lines(1)[0])
    with ScriptedServer([failure(503, 1, "busy"), failure(503, 1, "busy"), Answer()]) as server:
        code, drawn = on_terminal(server.url, "insert", "index", path, columns=200)
    assert code == 0
    assert "2 times by now; the last: waiting " in drawn


def test_the_environment_says_what_is_logged(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(lines(1)[0])
    with ScriptedServer([failure(503, 1, "busy"), Answer()]) as server:
        environment = clean_environment(server.url)
        command = [*COMMAND, "insert", "index", path]
        told, wrong = (
            subprocess.run(
                command, env=environment | {"CF_VECTORIZE_LOG": level}, capture_output=True, check=False, text=True
            )
            for level in ("info", "loud")
        )
    assert told.returncode == 0
    assert re.fullmatch(r"20\d\d-.* WARNING waiting .* busy .*\n", told.stderr)
    assert TOKEN not in told.stderr
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == ("error: CF_VECTORIZE_LOG is 'loud'; it is one of 'debug', 'info', 'warning', 'error'\n")
