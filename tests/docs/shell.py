"""The commands of a page: taken apart, run, and held against what the page shows of their output."""

from __future__ import annotations

import ast
import os
import re
import shlex
import signal
import subprocess
import threading
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 60
# Our own program, and what stands beside it in a pipe; anything else needs a reason not to be run.
PROGRAMS: Final = {
    "cf-vectorize",
    "python",
    "pytest",
    "curl",
    "cat",
    "echo",
    "gzip",
    "head",
    "ls",
    "tail",
    "wc",
    "zcat",
}
SERVES: Final = re.compile(r"cf-vectorize (emulate\b|contract\b.*--proxy\b)(?!.*--help)")
VARIES: Final = re.compile(
    r"(?<=127\.0\.0\.1:)\d+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\d[\d,.]*(?= (?:ms|s|min|MB/s)\b)"
)


def run_all(text: str, *, shown_below: bool) -> tuple[str, str | None]:
    """Run the commands of a block; return what they print, and what is wrong with it, if anything.

    Where no output is shown of a command, beside it or below the block, its exit code must be 0.
    """
    printed = ""
    for command, shown in commands(text):
        if is_read(command):
            failure = nothing_there(command)
        elif strange := {words[0] for words in programs(command)} - PROGRAMS:
            failure = f"{', '.join(sorted(strange))}: none of {', '.join(sorted(PROGRAMS))}: <!-- not run: REASON -->"
        elif SERVES.search(command):
            failure = serve(command, shown)
        else:
            code, output = finished("sh", "-c", command)
            printed += output
            failure = difference(shown, output) if shown else None
            if code and not (shown or shown_below):
                failure = f"exit code {code}\n{output}"
        if failure:
            return printed, f"$ {command}\n{failure}"
    return printed, None


def commands(text: str) -> list[tuple[str, str]]:
    """Return each command with what is shown of its output; without `$ ` before one, every line is a command."""
    text = text.replace("\\\n", "")
    if not re.search(r"^\$ ", text, re.MULTILINE):
        return [(line, "") for line in text.splitlines() if line and not line.startswith("#")]
    _, *found = re.split(r"^\$ ", text, flags=re.MULTILINE)
    return [(command, output.strip("\n")) for command, _, output in (piece.partition("\n") for piece in found)]


def programs(command: str) -> list[list[str]]:
    """Return the words of each program of a pipe or chain."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;")
    lexer.commenters, lexer.whitespace_split = "#", True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in found if words]


def is_read(command: str) -> bool:
    """Say whether a command is read in place of being run: it installs, or starts a session of nox."""
    reads = (["python", "-m", "pip"], ["python", "-m", "nox"])
    return all(words[0] == "pip" or words[:3] in reads for words in programs(command))


def nothing_there(command: str) -> str | None:
    """Say which extras and sessions that a command names are not there."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    asked = {name for names in re.findall(r"cf-vectorize\[(.*?)\]", command) for name in names.split(",")} - {*extras}
    functions = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
    sessions = {node.name for node in functions if isinstance(node, ast.FunctionDef) and node.decorator_list}
    asked |= {*re.findall(r" nox .*?-s ([\w-]+)", command)} - sessions
    return f"there is no {', '.join(sorted(asked))}" if asked else None


def serve(command: str, shown: str) -> str | None:
    """Start what serves, on a free port, and end it; say how its first lines differ from those that are shown."""
    free = re.sub(r"(--proxy|--port) \d+", r"\1 0", command)
    free += " --port 0" if "emulate" in free and "--port" not in free else ""
    process = subprocess.Popen(
        ["sh", "-c", f"exec {free}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    assert process.stdout
    expected = shown.removesuffix("\n…") or "…127.0.0.1…"
    deadline = threading.Timer(SECONDS, process.kill)
    deadline.start()
    try:
        output = "".join(process.stdout.readline() for _ in expected.splitlines())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
    finally:
        deadline.cancel()
        process.kill()
    return difference(expected, output)


def finished(*command: str, **environment: str) -> tuple[int, str]:
    """Run a program to its end; return its exit code and what a terminal would show."""
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def difference(shown: str, printed: str) -> str | None:
    """Say how what is shown differs from what was printed, if it does."""
    lines = [VARIES.sub("0", line.rstrip()) for line in shown.strip("\n").splitlines()]
    got = "".join(VARIES.sub("0", line.rstrip()) + "\n" for line in printed.strip("\n").splitlines())
    pattern = [r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in lines]
    return None if re.fullmatch("".join(pattern), got) else f"shown:\n{shown.rstrip()}\nprinted:\n{printed.rstrip()}"
