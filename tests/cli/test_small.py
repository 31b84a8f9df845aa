"""What a small command leaves alone, since it would take longer than its work."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from loads import environment, lines
from scripted_server import ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

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
