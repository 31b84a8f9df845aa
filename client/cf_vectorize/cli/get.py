"""`cf-vectorize get`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import cf_vectorize
from cf_vectorize.base.extras import Late

from .shared import ENVIRONMENT, FAILED, OK, OTHER_CODES, add_service_options, client, fail, lines_of, refuse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from cf_vectorize.read import export
    from cf_vectorize_overlay import vector as overlay_vector

    from . import terminal
else:
    export, overlay_vector = Late("cf_vectorize.read.export"), Late("cf_vectorize_overlay.vector")
    terminal = Late("cf_vectorize.cli.terminal")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    codes = "exit codes: 0 all is well; 1 something failed, nothing was found, or not all with --fail-on-missing"
    parser.epilog = f"{codes}; {OTHER_CODES}\n\n{ENVIRONMENT}"
    add = parser.add_argument
    add("index", metavar="INDEX", help="name of the index")
    add("ids", nargs="*", metavar="ID", help="ids to fetch; vectors are printed as NDJSON in this order")
    add("--ids-from", metavar="FILE", help="more ids, one a line; - for standard input")
    add("--output", metavar="FILE", help="write to FILE: .parquet, .npy (its ids in FILE.ids), or NDJSON; the same "
        "command goes on after an interruption")  # fmt: skip
    add("--fail-on-missing", action="store_true", help="exit with 1 when the index does not hold an id")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, say what is missing, and return the exit code."""
    if not arguments.ids and not arguments.ids_from:
        return refuse("which ids? Name them, or give --ids-from FILE")
    found = missing = 0
    draws = arguments.output is not None or not sys.stdout.isatty()
    try:
        with (
            terminal.Display(lambda fetched, _: f"{fetched:,} fetched", draws=draws) as display,
            client(arguments) as index,
        ):
            for name, held in _fetched(index, _ids(arguments), arguments.output):
                found += held
                missing += not held
                display(found + missing)
                if not held:
                    display.say(f"missing: {name}")
    except cf_vectorize.VectorizeError as error:
        return fail(error, arguments)
    return FAILED if missing and (arguments.fail_on_missing or not found) else OK


def _ids(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the ids that were named, then those of the file, whose empty lines are none.

    Raises:
        InputError: The file cannot be read, or a line is no id; the message names it.

    """
    yield from arguments.ids
    for number, line in enumerate(lines_of("--ids-from", arguments.ids_from) if arguments.ids_from else (), 1):
        if not line:
            continue
        if problem := overlay_vector.id_problem(line):
            raise cf_vectorize.InputError(f"--ids-from {arguments.ids_from}:{number}: {problem}")
        yield line


def _fetched(client: cf_vectorize.Vectorize, ids: Iterable[str], output: str | None) -> Iterator[tuple[str, bool]]:
    """Write vectors to the output, or as NDJSON to standard output; yield each id and whether it was there."""
    if output is not None:
        yield from client.export_by_ids(ids, output)
        return
    for name, vector in client.iter_by_ids(ids):
        if vector is not None:
            sys.stdout.buffer.write(export.ndjson_line(vector))
        yield name, vector is not None
    sys.stdout.buffer.flush()
