"""What a small command leaves alone, since it would take longer than its work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loads import environment, ids, lines
from scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

# What a command imports only where it is asked for more, or where something is wrong.
NOT_FOR_ANY = """
cf_vectorize.async_client cf_vectorize.threads cf_vectorize.ray cf_vectorize.load.journal cf_vectorize.load.rejects
cf_vectorize_api.models.vector_line cf_vectorize_emulator cf_vectorize_contract asyncio difflib pyarrow starlette
"""
NOT_FOR = {
    "insert": """
        cf_vectorize.base.ledger cf_vectorize.checks.survey cf_vectorize.checks.duplicates cf_vectorize.read
        cf_vectorize.source.columns cf_vectorize.source.records cf_vectorize.source.table
        cf_vectorize_api.models.vector multiprocessing numpy""",
    "get": "cf_vectorize.load cf_vectorize.checks cf_vectorize.source multiprocessing numpy",
    "check": "cf_vectorize.base.ledger cf_vectorize.load cf_vectorize.read cf_vectorize_api httpx multiprocessing",
}

PROGRAM = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_freeze_count(), *sys.modules, file=sys.stderr))
from cf_vectorize.cli.main import program
program()
"""


def run(url: str, *arguments: str) -> tuple[int, list[str]]:
    """Run the program; return how many objects it has put out of the garbage collector's sight, and its modules."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    found = subprocess.run(command, env=os.environ | environment(url), capture_output=True, text=True, check=True)
    frozen, *modules = found.stderr.split()
    return int(frozen), modules


def test_the_program_ends_without_looking_for_garbage_among_what_it_imported(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"".join(lines(3)))
    with ScriptedServer() as server:
        frozen, _ = run(server.url, "insert", "index", str(path))
    assert frozen > 10_000


@pytest.mark.parametrize("command", NOT_FOR)
def test_a_small_command_imports_nothing_that_it_has_no_use_for(command: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"".join(lines(3)))
    words = {"insert": ["index", str(path)], "get": ["index", ids(1)[0]], "check": [str(path)]}[command]
    found = {**json.loads(lines(1)[0]), "namespace": None, "metadata": None}
    answer = Answer(body=json.dumps({"success": True, "errors": [], "messages": [], "result": [found]}).encode())
    with ScriptedServer([answer] if command == "get" else []) as server:
        _, modules = run(server.url, command, *words)
    assert set(modules) & {*NOT_FOR_ANY.split(), *NOT_FOR[command].split()} == set()
