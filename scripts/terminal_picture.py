"""Draw docs/pictures/terminal.svg from a real load on the emulator, in a terminal of its own: `nox -s picture`."""

from __future__ import annotations

import os
import pty
import random
import re
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
import pyte

from cf_vectorize_emulator import Settings, Visibility, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURE: Final = Path(__file__).parent.parent / "docs" / "pictures" / "terminal.svg"
COMMAND: Final = "cf-vectorize insert my-index vectors.ndjson --resume --rejects bad.ndjson --verify"
VECTORS, DIMENSIONS, BAD = 40_000, 384, 23_456
COLUMNS, ROWS = 98, 30
WIDTH, HEIGHT = 8.43, 18  # of a character of 14 px, in px
HALF_WAY: Final = re.compile(r"\[#+-+\] +[4-6]\d%")


def vectors() -> Iterator[bytes]:
    """Yield lines of NDJSON, one of them with a value that no JSON has."""
    draw = random.Random(1)
    for number in range(VECTORS):
        values = [round(draw.gauss(0, 1), 6) for _ in range(DIMENSIONS)]
        line = orjson.dumps({"id": f"v{number}", "values": values}) + b"\n"
        yield line.replace(b"]", b",NaN]") if number == BAD else line


def run(folder: Path) -> list[str]:
    """Return what the terminal showed: once half-way, and in the end."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    program = [str(Path(sys.executable).with_name("cf-vectorize")), *COMMAND.split()[1:]]
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm"}
    with subprocess.Popen(program, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        half_way: list[str] = []
        while shown := read(ours):
            stream.feed(shown)
            half_way = half_way or [line for line in screen.display if HALF_WAY.search(line)]
    os.close(ours)
    return [f"$ {COMMAND}", *half_way, *(line for line in screen.display if line.strip())]


def read(terminal: int) -> bytes:
    """Return what the terminal has to show, and nothing once its program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that nobody writes any more
        return b""


def draw(lines: list[str]) -> str:
    """Return the lines as a picture that reads on light and on dark pages."""
    width, height = round(COLUMNS * WIDTH + 32), len(lines) * HEIGHT + 32
    rows = "".join(
        f'<text x="16" y="{30 + number * HEIGHT}" class="line{number}">{escape(line.rstrip())}</text>\n'
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        "<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;fill:#c9d1d9;white-space:pre}"
        ".line0{fill:#fff;font-weight:600}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>\n{rows}</svg>\n'
    )


def main() -> None:
    """Load, and draw."""
    settings = Settings(visibility=Visibility.parse(1, jitter=1))
    with serve(settings) as server, tempfile.TemporaryDirectory() as name:
        os.environ |= {
            "CLOUDFLARE_BASE_URL": server.base_url,
            "CLOUDFLARE_ACCOUNT_ID": "0" * 32,
            "CLOUDFLARE_API_TOKEN": "any-token",
        }
        (Path(name) / "vectors.ndjson").write_bytes(b"".join(vectors()))
        lines = run(Path(name))
    PICTURE.write_text(draw(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
