"""The nightly job of docs/contract.md does what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wrong_services import Change, changed, enveloped

from cf_vectorize_emulator.server import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
JOB = PAGE.partition("```sh\n")[2].partition("```")[0]


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with EmulatorProcess("--index", "my-index:32", "--visible", "immediately", "--token", "a-token") as process:
        yield process.base_url


@pytest.mark.parametrize(
    ("token", "change", "code", "says"),
    [
        ("a-token", lambda _, response: response, 0, ""),
        ("another-token", lambda _, response: response, 0, "not judged tonight: see contract-"),
        ("a-token", enveloped(lambda envelope: envelope.pop("messages")), 1, "'messages' is a required property"),
        ("", lambda _, response: response, 2, "no credentials"),
    ],
    ids=["kept", "not judged", "broken", "wrong usage"],
)
def test_the_nightly_job_fails_only_when_it_should(
    emulator: str, tmp_path: Path, token: str, change: Change, code: int, says: str
) -> None:
    job = tmp_path / "nightly.sh"
    job.write_text(JOB, encoding="utf-8")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CLOUDFLARE_ACCOUNT_ID": "0123456789abcdef0123456789abcdef",
        "CLOUDFLARE_API_TOKEN": token,
    }
    with changed(emulator, change) as base_url:
        environment["CLOUDFLARE_BASE_URL"] = base_url
        run = subprocess.run(["sh", job], check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (run.returncode, run.stderr if code != 2 else "") == (code, "")
    assert says in run.stdout + run.stderr
    (report,) = tmp_path.glob("contract-*.json")
    assert json.loads(report.read_text(encoding="utf-8"))["exit_code"] in {code, 3}
