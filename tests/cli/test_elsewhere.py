"""Windows and macOS, as far as they can be had by taking away what they lack; docs/install.md says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cf_vectorize_emulator.server import READY
from loads import ACCOUNT, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEMS = Path(__file__).parent.parent / "support" / "elsewhere"
COMMAND = [sys.executable, "-m", "cf_vectorize"]


@pytest.fixture(params=["windows", "macos"])
def elsewhere(request: pytest.FixtureRequest) -> dict[str, str]:
    path = os.pathsep.join([str(SYSTEMS), *filter(None, [os.environ.get("PYTHONPATH")])])
    credentials = {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "CLOUDFLARE_API_TOKEN": "a-token"}
    return {**os.environ, **credentials, "PYTHONPATH": path, "SYSTEM": request.param}


@pytest.fixture
def service(elsewhere: dict[str, str]) -> Iterator[dict[str, str]]:
    command = [*COMMAND, "emulate", "--port", "0", "--visible", "immediately"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=elsewhere, **pipes) as process:
        assert process.stdout
        base_url = next((line.partition(READY)[2].strip() for line in process.stdout if READY in line), None)
        assert base_url, process.communicate()
        yield {**elsewhere, "CLOUDFLARE_BASE_URL": base_url}
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 0


def run(*arguments: object, env: dict[str, str], code: int = 0) -> str:
    ran = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, env=env, check=False)
    assert ran.returncode == code, (arguments, ran.stdout, ran.stderr)
    return ran.stdout


def test_every_command_works(service: dict[str, str], tmp_path: Path) -> None:
    source, rejects, output = tmp_path / "vectors.ndjson", tmp_path / "bad.ndjson", tmp_path / "back.ndjson"
    source.write_bytes(b"".join([*lines(3_000), b"not JSON\n"]))
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(json.loads(line)["id"] for line in lines(3_000)), encoding="utf-8")
    loading = ("insert", "i", source, "--resume", "--rejects", rejects, "--batch-vectors", 500)
    run(*loading, env=service, code=1)
    assert rejects.read_bytes() == b"not JSON\n"
    assert source.with_suffix(".ndjson.journal").stat().st_size
    run("verify", "i", source, "--sample", 100, env=service)
    run("check", source, env=service, code=1)
    run("get", "i", "--ids-from", ids, "--output", output, env=service)
    assert len(output.read_bytes().splitlines()) == 3_000
    assert {path.name for path in tmp_path.iterdir()} >= {"back.ndjson", "vectors.ndjson.journal"}
    assert not Path(f"{output}.part").exists()
    assert json.loads(run("contract", "i", "--json", env=service))["kept"]


def test_a_file_is_judged_in_processes(elsewhere: dict[str, str], tmp_path: Path) -> None:
    source = tmp_path / "vectors.ndjson"
    source.write_bytes(b"".join(lines(3_000)))
    code = """
import sys
from cf_vectorize import check
from cf_vectorize.checks import survey

if __name__ == "__main__":
    survey.WORTH_PROCESSES = 0
    print(check(sys.argv[1], processes=2).vectors)
"""
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    ran = subprocess.run([sys.executable, script, source], capture_output=True, text=True, env=elsewhere, check=False)
    assert ran.stdout == "3000\n", ran.stderr
