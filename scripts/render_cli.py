"""Write docs/cli.md from the program itself: `python scripts/render_cli.py`. A test compares the two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cf_vectorize.cli.main import EXIT_CODES, parsers

if TYPE_CHECKING:
    import argparse

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """\
# The command line

Written by `python scripts/render_cli.py` from the program; do not edit.

    cf-vectorize COMMAND …

"""


def render() -> str:
    """Give the page."""
    sections = [section(name, command) for name, command in parsers()[1].items()]
    return HEAD + EXIT_CODES[0].upper() + EXIT_CODES[1:] + "\n" + "".join(sections)


def section(name: str, command: argparse.ArgumentParser) -> str:
    """Give one command: what it does, its arguments as a table, and exit codes of its own."""
    rows = [
        f"| {label(action)} | {(action.help or '').replace('|', '&#124;')} |\n"
        for action in command._actions  # noqa: SLF001 - argparse has no other way
        if action.dest != "help"
    ]
    codes = ""
    if command.epilog and command.epilog != EXIT_CODES:
        own = command.epilog.partition("\n\n")[0]
        codes = f"\n{own[0].upper()}{own[1:]}\n"
    return f"\n## {name}\n\n{command.description}\n\n| | |\n|---|---|\n{''.join(rows)}{codes}"


def label(action: argparse.Action) -> str:
    """Give how an argument is written."""
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
