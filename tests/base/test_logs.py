"""What is logged in a program that configures no logging, where the environment says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from loads import ACCOUNT, TOKEN, environment
from scripted_server import Answer, ScriptedServer, failure

PROGRAM = """
from cf_vectorize import Vectorize
with Vectorize("index") as index:
    index.insert([{"id": "a", "values": [0.5] * 32}])
"""


@pytest.mark.parametrize(("level", "levels"), [("debug", ["WARNING", "DEBUG", "DEBUG"]), ("warning", ["WARNING"])])
def test_a_program_logs_as_the_environment_says(level: str, levels: list[str]) -> None:
    with ScriptedServer([failure(503, 1, "busy"), Answer()]) as server:
        told = run(server.url, level)
    assert told.returncode == 0
    assert sorted(re.findall(r"^20\d\d-\S+ \S+ (\w+) ", told.stderr, re.MULTILINE)) == sorted(levels)
    assert "waiting" in told.stderr
    assert TOKEN not in told.stderr
    assert ACCOUNT not in told.stderr


def test_a_level_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    told = run("http://127.0.0.1:1", "loud")
    assert told.stderr.endswith("CF_VECTORIZE_LOG is 'loud'; it is one of 'debug', 'info', 'warning', 'error'\n")
    assert TOKEN not in told.stderr


def run(url: str, level: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, **environment(url), "CF_VECTORIZE_LOG": level}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=given, capture_output=True, check=False, text=True)
