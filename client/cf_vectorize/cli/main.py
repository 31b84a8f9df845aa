"""The command `cf-vectorize`: a file for each command, imported when it is asked for, so that help is quick."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .shared import EPILOG, FAILED, INTERRUPTED, USAGE, Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "insert": "load vectors from files of any size",
    "get": "read vectors back by id",
    "verify": "read vectors back and compare them with their source",
    "check": "look files through before anything is sent, without any network",
    "emulate": "run a local Vectorize to develop against",
    "contract": "ask whether a service keeps the contract",
}


def program() -> NoReturn:
    """Run the command that this process was started for, and end the process."""
    code = main()
    # The interpreter would look for garbage among all that was imported: a tenth of what a small load takes.
    gc.freeze()
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    # What a charset cannot show is shown as an escape.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    given = sys.argv[1:] if argv is None else argv
    command = next((word for word in given if not word.startswith("-")), None)
    try:
        root, commands = parsers(command or "")
        if not given:
            root.print_help(sys.stderr)
            return USAGE
        own = commands.get(given[0])
        # Its own parser takes options between names too, but loses a "--" that stands before all of them.
        arguments = own.parse_intermixed_args(given[1:]) if own and "--" not in given else root.parse_args(given)
        code = int(arguments.run(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        # Our output cannot be written; keep the interpreter's last flush from saying so again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"error: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)
        return FAILED
    return code


def parsers(only: str | None = None) -> tuple[Parser, dict[str, Parser]]:
    """Make the parser of the whole command line and those of its commands, all with their arguments or `only` one."""
    root = Parser(
        prog="cf-vectorize",
        description="Load Cloudflare Vectorize at any size, read back, and develop against it with no account.",
        epilog=EPILOG,
    )
    root.add_argument("--version", action=_Version, help="show the version and what is installed with it, and exit")
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        text = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(name, help=summary, description=text, epilog=EPILOG)
        if only == name or only is None:
            module = import_module(f"cf_vectorize.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return root, commands.choices


class _Version(argparse.Action):
    """Prints the version and ends the program."""

    def __init__(self, option_strings: list[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it."""
        print(import_module("cf_vectorize.cli.version").text())
        parser.exit()
