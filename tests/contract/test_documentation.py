"""The examples of docs/contract.md are run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from wrong_services import Change, changed, enveloped

from cf_vectorize_emulator.server import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]
PAGE = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def block(kind: str, within: str) -> str:
    (found,) = [text for name, text in BLOCKS if name == kind and within in text]
    return str(found)


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with EmulatorProcess("--index", "nightly:32", "--visible", "immediately", "--token", "a-token") as process:
        yield process.base_url


def test_the_exchange_that_is_judged_says_what_stands_beside_it() -> None:
    source = block("python", "exchange_problems")
    run = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True, text=True)
    assert f"print(problem)  # {run.stdout}" in source


def test_the_test_of_a_users_own_loader_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_my_loader=block("python", "test_my_loader"))
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


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
    job.write_text(block("sh", "VECTORIZE_INDEX"), encoding="utf-8")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "VECTORIZE_INDEX": "nightly",
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


def test_every_example_of_the_page_is_run_here() -> None:
    assert [kind for kind, _ in BLOCKS] == ["python", "sh", "python"]
