"""`cf-vectorize insert`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import cf_vectorize
from cf_vectorize.base.extras import Late
from cf_vectorize.base.wording import count
from cf_vectorize.client import Vectorize
from cf_vectorize_overlay.text import printable

from .shared import (
    ENVIRONMENT,
    FAILED,
    INTERRUPTED,
    OK,
    OTHER_CODES,
    add_options,
    add_service_options,
    add_source_options,
    client,
    fail,
    print_json,
    refuse,
    source,
)

if TYPE_CHECKING:
    from . import terminal
else:
    terminal = Late("cf_vectorize.cli.terminal")

NEVER_OVERWRITES: Final = """

An insert never overwrites: of an id that the index already holds, the service
ignores the new vector, and says that it is accepted; --verify tells."""
OPTIONS: Final = (
    "batch_vectors", "batch_bytes", "concurrency", "unparsable", "check", "dimensions", "rejects", "compact",
    "journal", "on_changed", "on_error", "verify",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.description = f"{parser.description}{NEVER_OVERWRITES}"
    codes = "exit codes: 0 all is accepted; 1 something was rejected or failed, or --verify found a difference"
    parser.epilog = f"{codes}; {OTHER_CODES}\n\n{ENVIRONMENT}"
    add = parser.add_argument
    add("index", metavar="INDEX", help="name of the index")
    add("files", nargs="+", metavar="FILE",
        help="NDJSON, also .gz .bz2 .xz .zst; .parquet, a folder of them, .npy; - for standard input")  # fmt: skip
    add_options(parser, Vectorize.insert, *OPTIONS[:8])
    journal = parser.add_mutually_exclusive_group()
    add_options(journal, Vectorize.insert, "journal")
    journal.add_argument("--resume", action="store_true", help="the same, in a file beside the first source")
    add_options(parser, Vectorize.insert, "on_changed", "on_error")
    help_text = "read N lines back after the load, chosen at random, and compare (without N: 3000)"
    add("--verify", nargs="?", type=_lines, const=True, default=False, metavar="N", help=help_text)
    add("--json", action="store_true", help="print the report as one JSON object")
    add_source_options(parser)
    add_service_options(parser)


def _lines(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; write --verify=N, or put --verify last") from None


def run(arguments: argparse.Namespace) -> int:
    """Load, print the report, and return the exit code."""
    if arguments.resume:
        if arguments.files[0] == "-":
            return refuse("--resume needs a file to stand beside; use --journal FILE")
        arguments.journal = f"{arguments.files[0]}.journal"
    options: Any = {name: getattr(arguments, name) for name in OPTIONS}
    report: cf_vectorize.InsertReport | None
    failures: list[Exception] = []
    display = terminal.Display(terminal.load_line)
    try:
        with display, client(arguments) as index:
            report = index.insert(source(arguments), on_progress=_shown_on(display), **options)
    except cf_vectorize.InsertInterrupted as interrupted:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            _print_report(interrupted.report, as_json=arguments.json)
            print(_how_to_go_on(arguments), file=sys.stderr)
            sys.stdout.flush()
        finally:
            # No return: the interpreter would wait for requests that a second Ctrl-C has left under way.
            os._exit(INTERRUPTED)
    except cf_vectorize.VectorizeError as error:
        report = error.report
        failures = list(error.exceptions) if isinstance(error, cf_vectorize.InsertError) else [error]
    if report is not None and (report.accepted or arguments.json):
        _print_report(report, as_json=arguments.json)
    codes = [fail(failure, arguments) for failure in failures]
    if report is None or not report.accepted:
        return codes[0]
    unverified = report.verification is not None and not report.verification.ok
    return FAILED if failures or report.rejected or report.rejected_earlier or unverified else OK


def _shown_on(display: terminal.Display) -> Any:
    """Return what shows a load's progress, and says once what a broken off one waits for."""
    said = 0

    def show(progress: cf_vectorize.Progress) -> None:
        nonlocal said
        if progress.awaited > said:
            said = progress.awaited
            display.say(f"waiting for {count(said, 'request')} under way; Ctrl-C again leaves them")
        display(progress)

    return show


def _print_report(report: cf_vectorize.InsertReport, *, as_json: bool) -> None:
    if as_json:
        print_json(report.as_json())
        return
    print(report.summary(), file=sys.stderr if report.failed else sys.stdout)


def _how_to_go_on(arguments: argparse.Namespace) -> str:
    if arguments.journal:
        return f"interrupted; the same command goes on from {printable(arguments.journal)}"
    return "interrupted; running it again is safe, and with --resume it would go on where it was"
