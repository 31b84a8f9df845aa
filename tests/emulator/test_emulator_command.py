"""The emulator as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from raw_api import AUTHORIZED, NDJSON, code, ndjson, vector

from cf_vectorize_emulator import command
from cf_vectorize_emulator.server import READY, EmulatorProcess, Settings

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "cf_vectorize_emulator"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_cleanly(number: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(tmp_path), "PATH": ""},
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line.rstrip())
        if READY in line:
            break
    base_url = said[-1].removeprefix(READY)
    assert f"export CLOUDFLARE_BASE_URL={base_url}" in said
    assert sum(line.startswith("export CLOUDFLARE_") for line in said) == 3
    url = f"{base_url}/accounts/0123456789abcdef/vectorize/v2/indexes/i/insert"
    assert httpx.post(url, content=ndjson(vector("a")), headers={**AUTHORIZED, **NDJSON}, timeout=60).is_success
    assert list(tmp_path.iterdir())
    process.send_signal(number)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "POST /client/v4/accounts/.../vectorize/v2/indexes/i/insert 200 1 vectors" in log
    assert "0123456789abcdef" not in log
    assert list(tmp_path.iterdir()) == [], "data that was not to be kept is gone"


def test_a_token_is_shown_in_the_fragment_of_the_page_only_and_what_is_printed_can_be_pasted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command._announce("http://127.0.0.1:1/client/v4", Settings(token="sek/ret="))
    printed = capsys.readouterr().out
    assert "page: http://127.0.0.1:1/#token=sek%2Fret%3D\n" in printed
    assert printed.count("sek") == 1
    to_paste = "".join(line for line in printed.splitlines(keepends=True) if "CLOUDFLARE_" in line)
    assert "\n# set CLOUDFLARE_API_TOKEN to " in to_paste
    subprocess.run(["sh", "-eu"], input=to_paste, text=True, check=True)


def test_every_setting_of_the_command_line_reaches_the_server(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"status": 503, "endpoint": "get_by_ids"}]))
    arguments = [
        *("--data", str(tmp_path / "data"), "--index", "declared:33", "--declared-only", "--token", "right"),
        *("--visible", "5", "--visible-jitter", "2", "--visible-order", "scattered", "--rate-limit", "2/60"),
        *("--faults", str(faults), "--allow-host", "vectorize", "--quiet"),
    ]
    with EmulatorProcess(*arguments) as process:
        root = process.base_url.removesuffix("/client/v4")
        named = {"Host": "vectorize", "Authorization": "Bearer right"}
        state = httpx.get(f"{root}/__emulator__/state", headers=named, timeout=60).json()
        assert state["visibility"] == {"visible": "5", "jitter": 2.0, "order": "scattered"}
        assert state["rate_limit"] == "2/60"
        assert state["faults"][0]["status"] == 503
        headers = {**NDJSON, "Authorization": "Bearer right"}
        path = f"{process.base_url}/accounts/a/vectorize/v2/indexes"
        long = [
            httpx.post(f"{path}/{name}/insert", content=ndjson(vector("a")), headers=headers, timeout=60)
            for name in ("declared", "x")
        ]
        assert [code(answer) for answer in long] == [40012, 3000]
        assert code(httpx.post(f"{path}/x/insert", content=b"", headers=headers, timeout=60)) == 971
        wrong = {**headers, "Authorization": "Bearer t"}
        assert code(httpx.post(f"{path}/x/insert", content=b"", headers=wrong, timeout=60)) == 9109
    assert (tmp_path / "data" / "vectorize.sqlite3").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--index", "name"], "'name' is not [ACCOUNT/]NAME:DIMENSIONS"),
        (["--index", "name:31"], "'name:31' is not [ACCOUNT/]NAME:DIMENSIONS with a name"),
        (
            ["--index", "a b:32"],
            "'a b:32' is not [ACCOUNT/]NAME:DIMENSIONS with a name of 1 to 64 of A-Z a-z 0-9 _ -",
        ),
        (["--index", "a/b/c:32"], "'a/b/c:32' is not [ACCOUNT/]NAME:DIMENSIONS"),
        (["--token", "two words"], "--token: a token is one or more of A-Z a-z 0-9"),
        (["--index", "name:31"], "argument --index: 'name:31'"),
        (["--index", "name:32", "--index", "name:64"], "argument --index: a name is there twice"),
        (["--index", f"name:{'9' * 5000}"], "is not [ACCOUNT/]NAME:DIMENSIONS"),
        (["--host", ""], "--host: '' is empty"),
        (["--data", ""], "--data: '' is empty"),
        (["--data", "/dev/null"], "error: /dev/null: File exists\n"),
        (["--por", "0"], "unrecognized arguments: --por"),
        (["--rate-limit", "1200"], "rate '1200' is not REQUESTS/SECONDS, such as 1200/300"),
        (["--visible", "soon"], "--visible: 'soon' is not immediately, held or a number of seconds, 0 or more"),
        (["--visible", "-1"], "--visible: '-1' is not immediately, held or a number of seconds, 0 or more"),
        (["--visible-jitter", "nan"], "--visible-jitter: 'nan' is not a number of seconds, 0 or more"),
        (["--visible-jitter", "x"], "--visible-jitter: 'x' is not a number of seconds, 0 or more"),
        (["--faults", "/nowhere.json"], "--faults: /nowhere.json: No such file or directory"),
        (["--host", "203.0.113.1"], "error: cannot listen on 203.0.113.1:8787: Cannot assign requested address\n"),
        (["--host", "n" * 300], f"error: cannot listen on {'n' * 300}:8787: "),
    ],
)
def test_a_wrong_argument_is_explained(arguments: list[str], message: str) -> None:
    run = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode in {1, 2}
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stderr.count("error: ") == 1


def test_a_port_in_use_is_told_once() -> None:
    with EmulatorProcess() as first:
        port = first.base_url.split(":")[2].partition("/")[0]
        run = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False)
    words = f"error: cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port, or 0\n"
    assert (run.returncode, run.stderr) == (1, words)


def test_a_fault_in_a_file_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"staus": 500}]')
    run = subprocess.run([*COMMAND, "--faults", path], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert f"{path}: fault 0: unknown staus; known: endpoint" in run.stderr
