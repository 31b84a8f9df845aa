"""The command line as real processes: what it prints where, what it exits with, and how it is interrupted."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cf_vectorize.base.progress import Progress, VerifyProgress
from cf_vectorize.base.wording import duration
from cf_vectorize.cli import terminal
from cf_vectorize.cli.main import COMMANDS, main, parsers
from cf_vectorize.cli.terminal import load_line, read_back_line
from loads import ACCOUNT, TOKEN, environment, ids, lines
from scripted_server import Answer, ScriptedServer, failure, html

COMMAND = [sys.executable, "-m", "cf_vectorize"]
BAD = b'{"id":"bad","values":"none"}\n'


def clean_environment(url: str | None) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDFLARE_")}
    return ours | (environment(url) if url else {})


def run(url: str | None, *arguments: object, **given: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    found = subprocess.run(command, env=clean_environment(url), capture_output=True, timeout=60, check=False, **given)
    out, err = found.stdout.decode(), found.stderr.decode()
    assert "Traceback" not in err, err
    assert TOKEN not in out + err
    assert ACCOUNT not in out + err
    return subprocess.CompletedProcess(command, found.returncode, out, err)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"".join(lines(10)))
    return path


def test_all_accepted_is_0_and_one_line(source: Path) -> None:
    with ScriptedServer() as server:
        found = run(server.url, "insert", "index", source)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("10 vectors accepted in 1 batch, in ")
    assert found.stdout.count("\n") == 1


def test_options_reach_the_load(source: Path, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        found = run(
            server.url, "insert", "index", source, "--batch-vectors", 3, "--concurrency", 1, "--no-check",
            "--unparsable", "discard", "--journal", tmp_path / "journal", "--json",
        )  # fmt: skip
    report = json.loads(found.stdout)
    assert [batch["vectors"] for batch in report["batches"]] == [3, 3, 3, 1]
    assert all(request.path.endswith("unparsable-behavior=discard") for request in server.requests)
    assert (tmp_path / "journal").exists()
    assert (report["vectors"], report["failed_batches"], len(report["mutation_ids"])) == (10, 0, 4)
    assert {"seconds", "retries", "waited_seconds", "bytes", "rejected_lines", "resumed_batches"} <= report.keys()


def test_standard_input(source: Path) -> None:
    with ScriptedServer() as server:
        found = run(server.url, "insert", "index", "-", input=source.read_bytes())
    assert found.returncode == 0
    assert list(server.stored) == ids(10)


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ([failure(403, 10000, "Authentication error")], "Authentication error (HTTP 403, code 10000; POST"),
        ([failure(400, 3000, "vectorize.index.not_found")], "vectorize.index.not_found"),
        ([failure(400, 40023, "line Some(2) was not expected format")], "vectors.ndjson:3: "),
        ([failure(400, 40012, "invalid vector for id=v000003")], "vectors.ndjson:1-10: invalid vector for id"),
    ],
)
def test_a_refusal_is_1_in_words(script: list[Answer], word: str, source: Path) -> None:
    with ScriptedServer(script) as server:
        found = run(server.url, "insert", "index", source)
    assert found.returncode == 1
    assert word in found.stderr
    assert found.stderr.count("\n") <= 2


def test_bad_lines_are_1_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_bytes(lines(1)[0] + BAD)
    with ScriptedServer() as server:
        found = run(server.url, "insert", "index", path)
        aside = run(server.url, "insert", "index", path, "--rejects", tmp_path / "rejects", "--json")
    assert found.returncode == 1
    assert f'{path}:2 (id "bad"): ' in found.stderr
    assert aside.returncode == 1  # something was rejected
    assert [bad["line"] for bad in json.loads(aside.stdout)["rejected_lines"]] == [2]
    assert list(server.stored) == ids(1)


def test_an_unreachable_service_is_1_in_words(source: Path) -> None:
    found = run("http://127.0.0.1:1/client/v4", "insert", "index", source, "--give-up-after", 0)
    assert found.returncode == 1
    assert "cannot connect" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["insert"], "required"),
        (["insert", "index", "none.ndjson"], "none.ndjson: No such file or directory"),
        (
            ["insert", "index", "{source}", "--batch-vectors", "5001"],
            "error: --batch-vectors is 5001; it is from 1 to 5,000",
        ),
        (["insert", "index", "{source}", "--requests-per-5min", "0"], "error: --requests-per-5min is 0"),
        (["insert", "index", "{source}", "--journal", "a", "--resume"], "not allowed with"),
        (["insert", "index", "-", "--resume"], "use --journal FILE"),
        (["insert", "index", "{source}", "--unparsable", "x"], "invalid choice"),
        (["insert", "index", "{source}", "--unknown"], "error: unrecognized arguments: --unknown; see "),
        (["insert", "--verify", "index", "{source}"], "'index' is no number; write --verify=N, or put --verify last"),
        (["insert", "index", "{source}", "--verify", "0"], "error: --verify is 0; it is at least 1"),
        (["verify", "index", "{source}", "--sample", "0"], "error: --sample is 0; it is at least 1"),
        (["verify", "index", "{source}", "--wait", "-1"], "error: --wait is -1.0; it is at least 0 seconds"),
        (["verify", "index", "{source}", "--give-up-after", "nan"], "error: --give-up-after is nan"),
        (["contract", "index", "--wait", "x"], "--wait: 'x' is no number of seconds"),
        (["insert", "index", "a.npy", "--ids", "b", "--id-column", "c"], "--ids goes with one .npy FILE"),
        (
            ["check", "a.parquet", "--metadata-columns", "id"],
            "error: --metadata-columns is ['id']; 'id' holds the id, name other columns",
        ),
        (
            ["check", "a.parquet", "--metadata-columns", "a,b", "--rest-to-metadata"],
            "--metadata-columns is ['a', 'b'], ",
        ),
    ],
)
def test_wrong_usage_is_2_and_sends_nothing(arguments: list[str], words: str, source: Path) -> None:
    with ScriptedServer() as server:
        found = run(server.url, *[argument.format(source=source) for argument in arguments])
    assert found.returncode == 2
    assert words in found.stderr
    assert server.requests == []


WHOLE = np.ones((2, 32), np.float32)
IDS = b"a\nb\n"


def test_an_array_with_its_ids(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", WHOLE)
    (tmp_path / "ids.txt").write_text("a\u2028b\nc", encoding="utf-8")
    with ScriptedServer() as server:
        found = run(server.url, "insert", "index", tmp_path / "vectors.npy", "--ids", tmp_path / "ids.txt")
    assert (found.returncode, list(server.stored)) == (0, ["a\u2028b", "c"])


@pytest.mark.parametrize(
    ("array", "names", "words"),
    [
        (np.array([{}, "b"], object), IDS, "vectors.npy: is not a whole .npy file of numbers; --ids goes with N x "),
        (b"1 2\n3 4\n", IDS, "vectors.npy: is not a whole .npy file"),
        (b"", IDS, "vectors.npy: is not a whole .npy file"),
        (None, IDS, "vectors.npy: No such file or directory"),
        (np.ones(2), IDS, "ids.txt with vectors.npy: values is an array of float64 of shape (2,)"),
        (WHOLE, b"a\n", "ids.txt with vectors.npy: ids has 1 rows, values has 2"),
        (WHOLE, b"\x93NUMPY", "--ids ids.txt: is not text in UTF-8; it holds one id a line"),
        (WHOLE, None, "--ids ids.txt: No such file or directory"),
    ],
)
def test_an_array_and_ids_that_are_none_are_named(
    array: Any, names: bytes | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(array, bytes):
        Path("vectors.npy").write_bytes(array)
    elif array is not None:
        np.save("vectors.npy", array)
    if names is not None:
        Path("ids.txt").write_bytes(names)
    found = run(None, "check", "vectors.npy", "--ids", "ids.txt")
    assert (found.returncode, found.stdout) == (2, "")
    assert words in found.stderr
    assert "pickle" not in found.stderr


@pytest.mark.parametrize(
    ("missing", "words"),
    [("CLOUDFLARE_ACCOUNT_ID", "set CLOUDFLARE_ACCOUNT_ID"), ("CLOUDFLARE_API_TOKEN", "set CLOUDFLARE_API_TOKEN")],
)
def test_a_missing_credential_is_named(missing: str, words: str, source: Path) -> None:
    given = clean_environment("http://127.0.0.1:1")
    del given[missing]
    found = subprocess.run([*COMMAND, "insert", "index", source], env=given, capture_output=True, check=False)
    assert found.returncode == 2
    assert words in found.stderr.decode()


@pytest.mark.parametrize("command", ["insert", "get", "verify"])
def test_retries_are_told_in_quiet_lines(command: str, source: Path) -> None:
    with ScriptedServer([Answer(), html(502)]) as server:
        run(server.url, "insert", "index", source)
        found = run(server.url, command, "index", ids(1)[0] if command == "get" else source)
    assert found.returncode == 0
    assert re.fullmatch(r"waiting [0-9.]+ s before sending again: .*HTTP 502.*\n", found.stderr)


def test_resume_stands_beside_the_source(source: Path) -> None:
    with ScriptedServer() as server:
        for _ in range(2):
            assert run(server.url, "insert", "index", source, "--resume").returncode == 0
    assert len(server.requests) == 1
    assert source.with_name("vectors.ndjson.journal").exists()


def test_a_resumed_load_still_tells_of_the_lines_that_an_earlier_run_rejected(source: Path, tmp_path: Path) -> None:
    source.write_bytes(source.read_bytes() + b"no JSON\n")
    command = ("insert", "index", source, "--resume", "--rejects", tmp_path / "rejects")
    with ScriptedServer() as server:
        assert run(server.url, *command).returncode == 1
        again = run(server.url, *command)
        counted = json.loads(run(server.url, *command, "--json").stdout)["rejected_lines_earlier"]
    assert again.returncode == 1
    assert "1 line rejected in an earlier run" in again.stdout
    assert counted == 1


def on_terminal(
    url: str, *arguments: object, results: bool = False, command: list[str] = COMMAND, columns: int = 0
) -> tuple[int, str]:
    """Run with standard error, or the results too, on a terminal, and give what it drew."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        env=clean_environment(url),
        stdout=terminal if results else subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)
    drawn = b""
    while select.select([controller], [], [], 30)[0]:
        try:
            drawn += os.read(controller, 4096)
        except OSError:  # the terminal's other end is closed
            break
    os.close(controller)
    return process.wait(30), drawn.decode()


def test_progress_is_drawn_on_a_terminal_and_taken_off(source: Path) -> None:
    with ScriptedServer([Answer(), html(502)]) as server:
        code, drawn = on_terminal(server.url, "insert", "index", source, "--batch-vectors", 2, "--concurrency", 1)
    assert code == 0
    assert "vectors" in drawn
    assert "%" in drawn
    assert "MB/s" in drawn
    assert drawn.endswith("\r\x1b[K")


CLEAR = "\r\x1b[K"
DRAWS_ALL = """
import sys
from cf_vectorize.cli import main as cli
from cf_vectorize.cli import terminal
from cf_vectorize.read import verify
terminal.TICK = 60.0
terminal.REDRAW_AFTER = verify.PAUSE = verify.PAUSE_PER_REQUEST = 0.0
sys.exit(cli.main())
"""


def answer_with(*identities: str) -> Answer:
    result = [{**json.loads(each), "namespace": None, "metadata": None} for each in lines(3)]
    found = [vector for vector in result if vector["id"] in identities]
    return Answer(body=json.dumps({"success": True, "errors": [], "messages": [], "result": found}).encode())


@pytest.mark.parametrize("command", ["verify", "verify --all", "insert --verify"])
def test_reading_back_is_drawn_on_a_terminal_and_taken_off(command: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"".join(lines(3)))
    name, *options = command.split()
    answers = [answer_with(*ids(2)), answer_with(), answer_with(ids(3)[2])]
    with ScriptedServer([Answer(), *answers] if name == "insert" else answers) as server:
        drawing = [sys.executable, "-c", DRAWS_ALL]
        code, drawn = on_terminal(server.url, name, "index", path, *options, command=drawing)
    assert code == 0
    texts = [re.sub(r"up to .* for", "up to … for", text) for text in drawn.split(CLEAR)]
    looking = texts[texts.index("[------------------------]   0%  0 of 3 lines looked at") :]
    assert [text for text, before in zip(looking[1:], looking, strict=False) if text != before] == [
        "[########----------------]  33%  1 of 3 lines looked at",
        "[################--------]  67%  2 of 3 lines looked at",
        "[########################] 100%  3 of 3 lines looked at  1 missing",
        "3 of 3 lines looked at  waiting up to … for 1 missing one",
        "[########################] 100%  3 of 3 lines looked at",
        "",
    ]


def test_a_line_is_narrower_than_the_terminal(source: Path) -> None:
    with ScriptedServer() as server:
        _, drawn = on_terminal(server.url, "insert", "index", source, columns=40)
    assert max(map(len, drawn.split(CLEAR))) == 39


def test_an_error_stands_where_the_line_was(source: Path) -> None:
    with ScriptedServer([failure(400, 3000, "vectorize.index.not_found")]) as server:
        code, drawn = on_terminal(server.url, "verify", "index", source)
    assert code == 1
    assert drawn.rpartition(CLEAR)[2].startswith("error: ")


def test_reading_back_is_silent_without_a_terminal(source: Path) -> None:
    with ScriptedServer() as server:
        run(server.url, "insert", "index", source)
        found = run(server.url, "verify", "index", source, "--json")
    assert (found.returncode, found.stderr) == (0, "")
    assert json.loads(found.stdout)["equal"] == 10


@pytest.mark.parametrize("words", ["insert index {source} --json", "--version", "--help", "get --help"])
def test_a_reader_that_leaves_is_no_traceback(words: str, source: Path) -> None:
    script = f"PYTHONUNBUFFERED=1 {' '.join(COMMAND)} {words.format(source=source)} | true"
    with ScriptedServer() as server:
        found = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            env=clean_environment(server.url),
            capture_output=True,
            check=False,
        )
    assert b"Traceback" not in found.stderr
    assert b"BrokenPipe" not in found.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize("words", ["--version", "check {source}"])
def test_an_output_that_cannot_be_written_is_named(words: str, source: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [*COMMAND, *words.format(source=source).split()]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (found.returncode, found.stderr) == (1, "error: standard output: No space left on device\n")


def test_ctrl_c_while_a_command_is_imported_is_130_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cf_vectorize.cli.main.import_module", interrupt)
    assert main(["insert", "index", "file"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_get_prints_lines_that_insert_takes(source: Path) -> None:
    with ScriptedServer() as server:
        run(server.url, "insert", "index", source)
        found = run(server.url, "get", "index", *ids(3), "none")
        again = run(server.url, "insert", "index", "-", input=found.stdout.encode())
    assert [json.loads(each)["id"] for each in found.stdout.splitlines()] == ids(3)
    assert "missing: none" in found.stderr
    assert again.returncode == 0


@pytest.mark.parametrize("from_file", [True, False])
def test_get_passes_over_empty_lines_and_names_the_line_of_a_bad_id(tmp_path: Path, *, from_file: bool) -> None:
    path = tmp_path / "ids" if from_file else "-"

    def get(text: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "ids").write_bytes(text)
        return run(server.url, "get", "index", "a", "--ids-from", path, input=text)

    with ScriptedServer() as server:
        assert get(b"b\n\nc\r\n\n").stderr == "missing: a\nmissing: b\nmissing: c\n"
        for text, words in {
            b"b\n\n" + b"c" * 65: f"error: --ids-from {path}:3: is 65 bytes of UTF-8; an id is 1 to 64",
            b"b\n\xff": f"error: --ids-from {path}: is not text in UTF-8; it holds one id a line",
        }.items():
            bad = get(text)
            assert (bad.returncode, bad.stderr) == (2, f"{words}\n")
    assert len(server.requests) == 1


def test_get_counts_on_a_terminal_where_the_results_are_not(source: Path, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        run(server.url, "insert", "index", source)
        _, beside = on_terminal(server.url, "get", "index", *ids(3), "--output", tmp_path / "out", results=True)
        _, among = on_terminal(server.url, "get", "index", *ids(3), results=True)
        _, elsewhere = on_terminal(server.url, "get", "index", *ids(3))
    assert "1 fetched" in beside
    assert "1 fetched" in elsewhere
    assert [json.loads(each)["id"] for each in among.splitlines()] == ids(3)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["get", "index", "--fail-on-missing", "v000001", "v000002"], ["v000001", "v000002"]),
        (["get", "index", "v000001", "--fail-on-missing", "v000002"], ["v000001", "v000002"]),
        (["get", "--fail-on-missing", "--", "index", "v000001", "--json"], ["v000001", "--json"]),
    ],
)
def test_options_may_stand_between_names(given: list[str], named: list[str]) -> None:
    with ScriptedServer() as server:
        found = run(server.url, *given)
    assert found.returncode == 1
    assert found.stderr.splitlines() == [f"missing: {name}" for name in named]


def test_options_may_stand_between_files(source: Path) -> None:
    with ScriptedServer() as server:
        found = run(server.url, "insert", "--no-check", "index", source, "--concurrency", 1, source)
    assert found.returncode == 0
    assert len(server.requests) == 2


@pytest.mark.parametrize("width", [80, 70])
@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_as_wide_as_the_screen_and_names_the_exit_codes(
    command: str | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    found = run(None, *filter(None, [command]), "--help")
    assert found.returncode == 0
    assert "exit codes: 0 " in found.stdout
    assert [line for line in found.stdout.splitlines() if len(line) > width] == []


CREDENTIALS = {"CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY"}
READ = {*CREDENTIALS, "CLOUDFLARE_BASE_URL", "CF_VECTORIZE_LOG"}


@pytest.mark.parametrize(
    ("command", "named"),
    [
        *((command, READ) for command in ("insert", "get", "verify")),
        ("contract", READ - {"CF_VECTORIZE_LOG"}),
        ("check", set()),
        ("emulate", set()),
    ],
)
def test_help_names_the_variables_that_the_command_reads_and_no_other_command_s_options(
    command: str, named: set[str]
) -> None:
    told = parsers()[1][command].format_help()
    assert set(re.findall(r"(?:CLOUDFLARE|CF_VECTORIZE)_[A-Z_]+", told)) == named
    assert ("--fail-on-missing" in told) == (command == "get")


def test_version() -> None:
    assert run(None, "--version").stdout.startswith("cf-vectorize ")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.6, "1 min 00 s"), (61, "1 min 01 s"), (3_600, "1 h 00 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


MILLION = 1_000_000
NOW = 5_000.0


@pytest.mark.parametrize(
    ("progress", "seconds", "words"),
    [
        (Progress(), 0, "0 vectors  0.0 MB/s"),
        (Progress(total=None, sent=5 * MILLION, vectors=7), 2.0, "7 vectors  2.5 MB/s"),
        (Progress(total=8 * MILLION, sent=4 * MILLION, acknowledged=4 * MILLION, vectors=1), 2.0,
         "[############------------]  50%  1 vector  2.0 MB/s  2 s left"),
        (Progress(total=8 * MILLION, sent=2 * MILLION, acknowledged=6 * MILLION, vectors=1), 1.0,  # 4 MB resumed
         "[##################------]  75%  1 vector  2.0 MB/s  1 s left"),
        (Progress(sent=MILLION, vectors=1, retries=2, pause=3.2), 1.0,
         "1 vector  2 retries, last waited 3 s  1.0 MB/s"),
        (Progress(sent=MILLION, vectors=1, waits_until=NOW - 1, waits_for="it must"), 1.0, "1 vector  1.0 MB/s"),
        (Progress(waits_until=NOW + 240, waits_for="it must"), 60.0, "waiting 4 min 00 s: it must"),
        (Progress(total=8 * MILLION, sent=2 * MILLION, acknowledged=2 * MILLION, waits_until=NOW + 240,
                  waits_for="it must"), 60.0, "25%  done about 12:19  waiting 4 min 00 s: it must"),
        (Progress(vectors=9, verification=VerifyProgress(lines=40, looked_at=40)), 9,
         "[########################] 100%  40 of 40 lines looked at"),
    ],
)  # fmt: skip
def test_a_line_of_progress(progress: Progress, seconds: float, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = time.mktime((2026, 1, 1, 12, 0, 0, 0, 0, -1))
    monkeypatch.setattr(terminal, "time", SimpleNamespace(
        monotonic=lambda: NOW, time=lambda: noon, localtime=time.localtime, strftime=time.strftime
    ))  # fmt: skip
    assert load_line(progress, seconds) == words


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (VerifyProgress(total=8 * MILLION, read=2 * MILLION), "[######------------------]  25%  2 MB read"),
        (VerifyProgress(total=None, read=2 * MILLION), "2 MB read"),
        (VerifyProgress(lines=3_000, looked_at=750), "[######------------------]  25%  750 of 3,000 lines looked at"),
        (VerifyProgress(total=8 * MILLION, read=4 * MILLION, lines=1_000, looked_at=500, missing=5),
         "[######------------------]  25%  500 of about 2,000 lines looked at  5 missing"),
        (VerifyProgress(total=8 * MILLION, read=8 * MILLION, lines=2_000, looked_at=500),
         "[######------------------]  25%  500 of 2,000 lines looked at"),
        (VerifyProgress(total=None, read=4 * MILLION, lines=1_000, looked_at=500), "500 lines looked at"),
        (VerifyProgress(lines=40, looked_at=40, missing=5, left=9.0),
         "40 of 40 lines looked at  waiting up to 9 s for 5 missing ones"),
        (VerifyProgress(lines=40, looked_at=40, missing=5),
         "[########################] 100%  40 of 40 lines looked at  5 missing"),
    ],
)  # fmt: skip
def test_a_line_of_reading_back(progress: VerifyProgress, words: str) -> None:
    assert read_back_line(progress) == words


@pytest.mark.parametrize("end", ["exit", "signal"])
def test_nothing_is_left_behind(end: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files have no names, so that nothing is left even by a kill."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    with ScriptedServer() as server, source.open("rb") as given:
        started = threading.Event()
        server.before_answer = lambda _request: started.wait(60) and end == "signal" and process.kill()
        command = [*COMMAND, "insert", "index", "-"]
        process = subprocess.Popen(command, env=clean_environment(server.url), stdin=given, stdout=subprocess.DEVNULL)
        started.set()
        process.wait(30)
    assert list(folder.iterdir()) == []
