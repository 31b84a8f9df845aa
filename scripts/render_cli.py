"""Write docs/cli.md from the program itself: `python scripts/render_cli.py`. A test compares the two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cf_vectorize.cli.main import parsers
from cf_vectorize.cli.shared import ENVIRONMENT, EPILOG, EXIT_CODES

if TYPE_CHECKING:
    import argparse

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """\
# The command line

Written by `python scripts/render_cli.py` from the program; do not edit.

`cf-vectorize COMMAND …`

"""


def render() -> str:
    """Return the page."""
    sections = [section(name, command) for name, command in parsers()[1].items()]
    variables = [line.split(maxsplit=1) for line in ENVIRONMENT.splitlines()[1:]]
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in variables)
    return f"{HEAD}{sentence(EXIT_CODES)}\n| environment variable | |\n|---|---|\n{rows}{''.join(sections)}"


def sentence(text: str) -> str:
    """Return a text as one paragraph."""
    return f"{text[0].upper()}{' '.join(text[1:].split())}\n"


def section(name: str, command: argparse.ArgumentParser) -> str:
    """Return one command: what it does, its arguments as a table, and exit codes of its own."""
    rows = [
        f"| {label(action)} | {(action.help or '').replace('|', '&#124;')} |\n"
        for action in command._actions  # noqa: SLF001 - argparse has no other way
        if action.dest != "help"
    ]
    codes = ""
    if command.epilog and command.epilog != EPILOG:
        own, _, _ = command.epilog.partition("\n\n")
        codes = f"\n{sentence(own)}"
    return f"\n## {name}\n\n{command.description}\n\n| | |\n|---|---|\n{''.join(rows)}{codes}"


def label(action: argparse.Action) -> str:
    """Return how an argument is written."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest
    if action.choices:
        value = "|".join(map(str, action.choices))
    if not action.option_strings:
        return f"`{value}…`" if action.nargs in {"+", "*"} else f"`{value}`"
    takes_value = action.nargs != 0
    text = ", ".join(action.option_strings) + (f" {value}" if takes_value else "")
    return f"`{text}`".replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render())
