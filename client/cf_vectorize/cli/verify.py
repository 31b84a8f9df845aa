"""`cf-vectorize verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cf_vectorize
from cf_vectorize.base.defaults import SAMPLE, VERIFY_DEADLINE
from cf_vectorize.base.extras import Late
from cf_vectorize.client import Vectorize

from .shared import (
    ENVIRONMENT,
    FAILED,
    OK,
    OTHER_CODES,
    add_options,
    add_service_options,
    add_source_options,
    client,
    fail,
    print_json,
    source,
)

if TYPE_CHECKING:
    import argparse

    from . import terminal
else:
    terminal = Late("cf_vectorize.cli.terminal")

# Findings printed for a person.
SHOWN: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    codes = "exit codes: 0 the index holds the same; 1 something is missing or different, or failed"
    parser.epilog = f"{codes}; {OTHER_CODES}\n\n{ENVIRONMENT}"
    add = parser.add_argument
    add("index", metavar="INDEX", help="name of the index")
    add("files", nargs="+", metavar="FILE", help="what was loaded, as for insert")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--sample", type=int, default=SAMPLE, metavar="N",
                        help=f"look at N lines, chosen at random (default: {SAMPLE})")  # fmt: skip
    amount.add_argument("--all", dest="sample", action="store_const", const="all", help="look at every line")
    add_options(parser, Vectorize.verify, "seed", "concurrency")
    add("--wait", dest="deadline", type=float, default=VERIFY_DEADLINE, metavar="SECONDS",
        help=f"how long missing vectors may still turn up (default: {VERIFY_DEADLINE:g})")  # fmt: skip
    add("--json", action="store_true", help="print the report as one JSON object")
    add_source_options(parser)
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read back, print the report, and return the exit code."""
    display = terminal.Display(lambda progress, _: terminal.read_back_line(progress))
    try:
        with display, client(arguments) as index:
            report = index.verify(
                source(arguments),
                sample=arguments.sample,
                seed=arguments.seed,
                deadline=arguments.deadline,
                concurrency=arguments.concurrency,
                on_progress=display,
            )
    except cf_vectorize.VectorizeError as error:
        return fail(error, arguments)
    if arguments.json:
        print_json(report.as_json())
    else:
        for finding in report.findings[:SHOWN]:
            print(finding)
        more = report.missing + report.different - SHOWN
        if more > 0:
            print(f"… and {more:,} more; --json names the first 1,000 of each kind")
        print(report.summary())
    return OK if report.ok else FAILED
