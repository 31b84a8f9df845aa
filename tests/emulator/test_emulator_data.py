"""The data file: damaged, on a full disk, or shared by two processes."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from raw_api import Api, code, vector

from cf_vectorize_emulator import EmulatorProcess, Settings, Visibility, serve
from cf_vectorize_emulator.core.store import FILE_NAME
from cf_vectorize_emulator.server import READY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "cf_vectorize_emulator", "--port", "0", "--data"]
LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2); "
    "from cf_vectorize_emulator.command import main; "
    "sys.exit(main(['--port', '0', '--quiet', '--visible', 'immediately', '--data', sys.argv[2]]))"
)
NOW = Visibility.parse("immediately")


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE vectors (name TEXT)")
    connection.close()


UNUSABLE = {
    "text": lambda path: path.write_text("this is no database " * 1000),
    "another database": other_database,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_cannot_be_used_is_named_at_the_start(tmp_path: Path, make: object) -> None:
    make(tmp_path / FILE_NAME)  # type: ignore[operator]
    run = subprocess.run([*COMMAND, tmp_path], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1
    assert run.stderr.startswith(f"error: {tmp_path / FILE_NAME} cannot be used: ")
    assert run.stderr.endswith("else move the file away or choose another --data\n")
    assert run.stderr.count("\n") == 1
    assert READY not in run.stdout


def test_a_folder_that_cannot_be_made_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = subprocess.run([*COMMAND, tmp_path / "file"], capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert str(tmp_path / "file") in run.stderr


def test_a_disk_that_is_full_at_the_start_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, "8192", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1
    assert f"{tmp_path / FILE_NAME} cannot be used: " in run.stderr
    assert "make room if the disk is full" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.fixture
def nearly_full(tmp_path: Path) -> Iterator[Api]:
    """Serve from a process that may write files of two megabytes."""
    command = [sys.executable, "-c", LIMITED, "2000000", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url = next(line.partition(READY)[2].strip() for line in process.stdout if READY in line)
        with httpx.Client(base_url=base_url.removesuffix("/client/v4"), timeout=60) as client:
            yield Api(client, "i")
        process.terminate()


def test_a_disk_that_fills_up_acknowledges_nothing_that_it_does_not_keep(nearly_full: Api) -> None:
    api = nearly_full
    accepted: list[str] = []
    refused: list[httpx.Response] = []
    for batch in range(60):
        ids = [f"{batch}-{number}" for number in range(100)]
        answer = api.insert(*map(vector, ids))
        if answer.is_success:
            accepted += ids
        else:
            refused.append(answer)
    assert accepted
    assert refused
    assert {(answer.status_code, code(answer)) for answer in refused} == {(500, 40000)}
    assert "the emulator failed, nothing was stored: " in refused[0].json()["errors"][0]["message"]
    found: set[str] = set()
    for start in range(0, len(accepted), 20):
        found |= set(api.found(*accepted[start : start + 20]))
    assert found == set(accepted)
    state = api.client.get("/__emulator__/state").json()
    assert state["indexes"][0]["vectors"] == len(accepted)
    assert api.client.post("/__emulator__/reset", json={}).status_code in {200, 500}


def test_pages_that_are_damaged_later_are_a_5xx_in_the_envelope(tmp_path: Path) -> None:
    with EmulatorProcess("--quiet", "--data", str(tmp_path), "--visible", "immediately") as process:
        url = process.base_url.removesuffix("/client/v4")
        with httpx.Client(base_url=url, timeout=60) as client:
            assert Api(client, "i").insert(*(vector(f"v{number}") for number in range(3000))).is_success
    file = tmp_path / FILE_NAME
    content = bytearray(file.read_bytes())
    for place in range(len(content) // 2, len(content)):
        content[place] ^= 0x5A
    file.write_bytes(content)
    with (
        serve(Settings(data=tmp_path, visibility=NOW)) as server,
        httpx.Client(base_url=server.base_url.removesuffix("/client/v4"), timeout=60) as client,
    ):
        api = Api(client, "i")
        lookups = [api.get(f"v{number}") for number in range(0, 3000, 100)]
        insert = api.insert(*(vector(f"new{number}") for number in range(1000)))
        ids = api.client.get("/__emulator__/ids", params={"account": api.account, "index": "i", "search": "nobody"})
    failed = [answer for answer in lookups if not answer.is_success]
    assert failed
    assert {(answer.status_code, code(answer)) for answer in [*failed, insert, ids]} == {(500, 40000)}
    assert "the emulator failed, nothing was stored: database disk image is malformed" in failed[0].text
    for answer in set(lookups) - set(failed):
        assert answer.json()["result"][0]["values"] == [0.5] * 32


def test_two_processes_on_one_folder_serve_the_same_index_rightly(tmp_path: Path) -> None:
    arguments = ("--quiet", "--data", str(tmp_path), "--visible", "immediately")
    ids = [f"id-{number}" for number in range(400)]
    answers: list[int] = []
    in_step = threading.Barrier(2, timeout=60)
    with EmulatorProcess(*arguments) as one, EmulatorProcess(*arguments) as two:

        def load(process: EmulatorProcess, value: float) -> None:
            order = random.Random(value).sample(ids, len(ids))
            with httpx.Client(base_url=process.base_url.removesuffix("/client/v4"), timeout=60) as client:
                api = Api(client, "i")
                for start in range(0, len(ids), 20):
                    in_step.wait()
                    answer = api.insert(*(vector(item, value) for item in order[start : start + 20]))
                    answers.append(answer.status_code)

        threads = [threading.Thread(target=load, args=(process, value)) for process, value in ((one, 1), (two, 2))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = []
        for process in (one, two):
            with httpx.Client(base_url=process.base_url.removesuffix("/client/v4"), timeout=60) as client:
                api = Api(client, "i")
                found = [api.found(*ids[start : start + 20]) for start in range(0, len(ids), 20)]
                state = client.get("/__emulator__/state").json()
                seen.append(
                    ({key: item["values"][0] for part in found for key, item in part.items()}, state["indexes"])
                )
    assert answers == [200] * 40
    assert seen[0] == seen[1], "both show the same, whoever stored it first"
    assert set(seen[0][0]) == set(ids)
    assert set(seen[0][0].values()) == {1, 2}
    assert seen[0][1][0]["vectors"] == len(ids)
