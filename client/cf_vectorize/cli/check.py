"""`cf-vectorize check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import cf_vectorize
from cf_vectorize.client import Vectorize

from .shared import FAILED, OK, OTHER_CODES, add_options, add_source_options, fail, print_json, source

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = f"exit codes: 0 no problem was found; 1 one was found; {OTHER_CODES}"
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="as for insert")
    add_options(parser, Vectorize.insert, "dimensions")
    add("--max-problems", type=int, metavar="N", help="end early after N problems")
    add("--json", action="store_true", help="print the report as one JSON object")
    add_source_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look the files through, print the report, and return the exit code."""
    try:
        report = cf_vectorize.check(
            source(arguments),
            dimensions=arguments.dimensions,
            max_problems=arguments.max_problems,
            processes=os.cpu_count() or 1,
        )
    except cf_vectorize.VectorizeError as error:
        return fail(error, arguments)
    if arguments.json:
        print_json(report.as_json())
    else:
        for problem in report.problems:
            print(problem)
        print(report.summary())
    return FAILED if report.problems else OK
