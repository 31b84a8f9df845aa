"""The command `cf-vectorize`. What a command needs is imported when it runs, so that help is quick."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from cf_vectorize.base.defaults import SAMPLE, VERIFY_DEADLINE
from cf_vectorize_overlay.limits import GIVE_UP_AFTER, REQUESTS_PER_WINDOW, __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cf_vectorize.client import Vectorize
    from cf_vectorize.load.report import InsertReport
    from cf_vectorize.source.kinds import SourceLike

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
# Findings printed for a person.
SHOWN = 20
EXIT_CODES = """\
exit codes: 0 all is well; 1 something was rejected, failed, missing (get: with --fail-on-missing) or different;
2 wrong usage; 130 interrupted

The account and the token come from CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN (or CLOUDFLARE_EMAIL and
CLOUDFLARE_API_KEY), another service than Cloudflare's, such as the emulator, from CLOUDFLARE_BASE_URL."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    given = sys.argv[1:] if argv is None else argv
    command = next((word for word in given if not word.startswith("-")), None)
    root, commands = parsers(command)
    own = commands.get(given[0]) if given else None
    # Its own parser takes options between names too, but loses a "--" that stands before all of them.
    arguments = own.parse_intermixed_args(given[1:]) if own and "--" not in given else root.parse_args(given)
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        # Our output cannot be written; keep the interpreter's last flush from saying so again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"error: {error}", file=sys.stderr)
        return FAILED
    return code


def parsers(only: str | None = None) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Make the parser of the whole command line and those of its commands, or of `only` one with its arguments."""
    root = argparse.ArgumentParser(
        prog="cf-vectorize",
        description="Load Cloudflare Vectorize at any size, read back, and develop against it with no account.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"%(prog)s {__version__}"
    root.add_argument("--version", action="version", version=version, help="show the version and exit")
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, summary, add_arguments, run in (
        ("insert", "load vectors from files of any size", _insert_arguments, _insert),
        ("get", "read vectors back by id", _get_arguments, _get),
        ("verify", "read vectors back and compare them with their source", _verify_arguments, _verify),
        ("check", "look files through before anything is sent, without any network", _check_arguments, _check),
        ("emulate", "run a local Vectorize to develop against", _emulate_arguments, _emulate),
        ("contract", "ask whether a service keeps the contract", _contract_arguments, _contract),
    ):
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if only in {None, name}:
            add_arguments(command)
        command.set_defaults(run=run)
    return root, commands.choices


def _service_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("service")
    group.add_argument("--give-up-after", type=float, default=GIVE_UP_AFTER, metavar="SECONDS",
                       help=f"how long a failing request is tried again (default: {GIVE_UP_AFTER:g})")  # fmt: skip
    most = f"requests to start in any 5 minutes (default: {REQUESTS_PER_WINDOW}, Cloudflare's limit)"
    group.add_argument("--requests-per-5min", type=int, metavar="N", help=most)


def _client(arguments: argparse.Namespace) -> Vectorize:
    import logging  # noqa: PLC0415

    from cf_vectorize.client import Vectorize  # noqa: PLC0415

    from .terminal import Warnings  # noqa: PLC0415

    logging.getLogger("cf_vectorize").addHandler(Warnings())
    return Vectorize(
        arguments.index, give_up_after=arguments.give_up_after, requests_per_5min=arguments.requests_per_5min
    )


def _fail(error: Exception) -> int:
    """Say an error in its own words, and give the exit code it amounts to."""
    from cf_vectorize.checks.rules import BadLinesError  # noqa: PLC0415
    from cf_vectorize_overlay.errors import InputError  # noqa: PLC0415

    print(f"error: {error}", file=sys.stderr)
    return USAGE if isinstance(error, InputError) and not isinstance(error, BadLinesError) else FAILED


def _print_json(document: Any) -> None:
    import orjson  # noqa: PLC0415

    print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _insert_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("index", help="name of the index")
    add("files", nargs="+", metavar="FILE",
        help="NDJSON, also .gz .bz2 .xz .zst; .parquet, a folder of them, .npy; - for standard input")  # fmt: skip
    add("--batch-vectors", type=int, metavar="N", help="most vectors in a request (default and most: 5000)")
    add("--batch-bytes", type=int, metavar="N", help="most bytes in a request (default and most: 99999999)")
    add("--concurrency", type=int, metavar="N", help="requests under way at a time (default: 4)")
    add("--unparsable", choices=["error", "discard"], help="what the service does with lines it cannot parse: refuse "
        "the batch (error, the default) or drop them without a word (discard)")  # fmt: skip
    add("--no-check", dest="check", action="store_false", default=None, help="do not check lines before sending")
    add("--dimensions", type=int, metavar="N", help="values a vector must have (default: as many as the first)")
    add("--rejects", metavar="FILE", help="set bad lines aside in FILE, their reasons in FILE.reasons, and go on")
    add("--compact", action="store_true", default=None, help="send shortest float32 decimals: fewer bytes, more CPU")
    journal = parser.add_mutually_exclusive_group()
    journal.add_argument("--journal", metavar="FILE", help="note what is acknowledged in FILE, and go on from it")
    journal.add_argument("--resume", action="store_true", help="the same, in a file beside the first source")
    add("--on-changed", choices=["refuse", "resend"],
        help="when a source has changed since the journal was written (default: refuse)")  # fmt: skip
    add(
        "--verify",
        nargs="?",
        type=_lines_to_verify,
        const=True,
        metavar="N",
        help="read N lines back after the load, chosen at random, and compare (default: 3000)",
    )
    add("--on-error", choices=["stop", "continue"], help="when a batch fails for good (default: stop)")
    add("--json", action="store_true", help="print the report as one JSON object")
    _source_arguments(parser)
    _service_arguments(parser)


def _lines_to_verify(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; write --verify=N, or put --verify last") from None


INSERT_OPTIONS = (
    "batch_vectors", "batch_bytes", "concurrency", "unparsable", "check", "dimensions", "rejects", "compact",
    "journal", "on_changed", "on_error", "verify",
)  # fmt: skip


def _insert(arguments: argparse.Namespace) -> int:
    from cf_vectorize.load.report import InsertError, InsertInterrupted  # noqa: PLC0415
    from cf_vectorize_overlay.errors import VectorizeError  # noqa: PLC0415

    from .terminal import ProgressLine  # noqa: PLC0415

    if arguments.resume:
        if arguments.files[0] == "-":
            print("error: --resume needs a file to stand beside; use --journal FILE", file=sys.stderr)
            return USAGE
        arguments.journal = f"{arguments.files[0]}.journal"
    given = {name: getattr(arguments, name) for name in INSERT_OPTIONS}
    options: Any = {name: value for name, value in given.items() if value is not None}
    progress = ProgressLine()
    report: InsertReport | None
    failures: list[Exception] = []
    try:
        with _client(arguments) as client:
            report = client.insert(_source(arguments), on_progress=progress, **options)
    except InsertInterrupted as interrupted:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            progress.clear()
            _print_insert_report(interrupted.report, as_json=arguments.json)
            print(_how_to_go_on(arguments), file=sys.stderr)
            sys.stdout.flush()
        finally:
            # No return: the interpreter would wait for requests that a second Ctrl-C has left under way.
            os._exit(INTERRUPTED)
    except VectorizeError as error:
        report = error.report
        failures = list(error.exceptions) if isinstance(error, InsertError) else [error]
    progress.clear()
    if report is not None and (report.accepted or arguments.json):
        _print_insert_report(report, as_json=arguments.json)
    codes = [_fail(failure) for failure in failures]
    if report is None or not report.accepted:
        return codes[0]
    unverified = report.verification is not None and not report.verification.ok
    return FAILED if failures or report.rejected or report.rejected_earlier or unverified else OK


def _print_insert_report(report: InsertReport, *, as_json: bool) -> None:
    if as_json:
        _print_json(report.as_json())
        return
    print(report.summary(), file=sys.stderr if report.failed else sys.stdout)


def _how_to_go_on(arguments: argparse.Namespace) -> str:
    if arguments.journal:
        return f"interrupted; the same command goes on from {arguments.journal}"
    return "interrupted; running it again is safe, and with --resume it would go on where it was"


def _source_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("tables and arrays")
    group.add_argument("--ids", metavar="FILE", help="the ids of an .npy file, one a line")
    for name in TABLE_OPTIONS[:-1]:
        column = name.removesuffix("_column")
        group.add_argument(f"--{column}-column", metavar="NAME", help=f"the column of a table that is `{column}`")
    group.add_argument("--rest-to-metadata", action="store_true", default=None,
                       help="put a table's other columns into the metadata")  # fmt: skip


TABLE_OPTIONS = ("id_column", "values_column", "namespace_column", "metadata_column", "rest_to_metadata")


def _source(arguments: argparse.Namespace) -> SourceLike:
    """Give the files, or the one table or array that the options describe.

    Raises:
        InputError: The options do not go with the files.

    """
    from cf_vectorize.source.columns import columns  # noqa: PLC0415
    from cf_vectorize.source.table import table  # noqa: PLC0415
    from cf_vectorize_overlay.errors import InputError  # noqa: PLC0415

    given = {name: getattr(arguments, name) for name in TABLE_OPTIONS}
    described = {name: value for name, value in given.items() if value is not None}
    if not described and arguments.ids is None:
        files: list[str] = arguments.files
        return files
    if len(arguments.files) > 1 or (described and arguments.ids is not None):
        raise InputError("--ids goes with one .npy FILE, the options of a table with one .parquet FILE or folder")
    if arguments.ids is None:
        return table(arguments.files[0], **described)
    ids, array = list(_lines_of("--ids", arguments.ids)), _array(arguments.files[0])
    try:
        return columns(ids=ids, values=array)
    except InputError as error:
        raise InputError(f"--ids {arguments.ids} with {arguments.files[0]}: {error}") from None


def _array(path: str) -> Any:
    """Give the array of an .npy file, memory-mapped."""
    from cf_vectorize_overlay.errors import InputError  # noqa: PLC0415

    try:
        from numpy.lib.format import open_memmap  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError("an .npy file needs an extra: pip install 'cf-vectorize[numpy]'") from None
    try:
        return open_memmap(path, mode="r")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise InputError(
            f"{path}: is not a whole .npy file of numbers; --ids goes with N x dimensions numbers, as numpy.save "
            "writes them"
        ) from None


def _lines_of(option: str, path: str) -> Iterator[str]:
    """Give the ids of the file that an option names, or of standard input, one a line."""
    from cf_vectorize_overlay.errors import InputError  # noqa: PLC0415

    try:
        with open(0 if path == "-" else path, encoding="utf-8-sig", closefd=path != "-") as file:
            yield from (line.rstrip("\r\n") for line in file)
    except OSError as error:
        raise InputError(f"{option} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{option} {path}: is not text in UTF-8; it holds one id a line") from None


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("index", help="name of the index")
    add("files", nargs="+", metavar="FILE", help="what was loaded, as for insert")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--sample", type=int, default=SAMPLE, metavar="N", help="look at N lines, chosen at random (default: 3000)"
    )
    amount.add_argument("--all", dest="sample", action="store_const", const="all", help="look at every line")
    add("--seed", type=int, metavar="N", help="repeat an earlier choice of lines")
    add("--wait", type=float, default=VERIFY_DEADLINE, metavar="SECONDS",
        help=f"how long missing vectors may still turn up (default: {VERIFY_DEADLINE:g})")  # fmt: skip
    add("--json", action="store_true", help="print the report as one JSON object")
    _source_arguments(parser)
    _service_arguments(parser)


def _verify(arguments: argparse.Namespace) -> int:
    from cf_vectorize_overlay.errors import VectorizeError  # noqa: PLC0415

    from .terminal import ReadBackLine  # noqa: PLC0415

    try:
        with _client(arguments) as client, ReadBackLine(arguments.wait) as progress:
            report = client.verify(
                _source(arguments),
                sample=arguments.sample,
                seed=arguments.seed,
                deadline=arguments.wait,
                on_progress=progress,
            )
    except VectorizeError as error:
        return _fail(error)
    if arguments.json:
        _print_json(report.as_json())
    else:
        for finding in report.findings[:SHOWN]:
            print(finding)
        if report.missing + report.different > SHOWN:
            print(
                f"… and {report.missing + report.different - SHOWN:,} more; --json names the first 1,000 of each kind"
            )
        print(report.summary())
    return OK if report.ok else FAILED


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="as for insert")
    add("--dimensions", type=int, metavar="N", help="values a vector must have (default: as many as the first)")
    add("--max-problems", type=int, metavar="N", help="end early after N problems")
    add("--json", action="store_true", help="print the report as one JSON object")
    _source_arguments(parser)


def _check(arguments: argparse.Namespace) -> int:
    from cf_vectorize.checks.survey import check  # noqa: PLC0415
    from cf_vectorize_overlay.errors import VectorizeError  # noqa: PLC0415

    try:
        report = check(
            _source(arguments),
            dimensions=arguments.dimensions,
            max_problems=arguments.max_problems,
            processes=os.cpu_count() or 1,
        )
    except VectorizeError as error:
        return _fail(error)
    if arguments.json:
        _print_json(report.as_json())
    else:
        for problem in report.problems:
            print(problem)
        print(report.summary())
    return FAILED if report.problems else OK


def _emulate_arguments(parser: argparse.ArgumentParser) -> None:
    from cf_vectorize_emulator import command as emulator  # noqa: PLC0415

    emulator.add_arguments(parser)


def _emulate(arguments: argparse.Namespace) -> int:
    from cf_vectorize_emulator import command as emulator  # noqa: PLC0415

    return emulator.run(arguments)


def _contract_arguments(parser: argparse.ArgumentParser) -> None:
    from cf_vectorize_contract import command as contract  # noqa: PLC0415

    contract.add_arguments(parser)


def _contract(arguments: argparse.Namespace) -> int:
    from cf_vectorize_contract import command as contract  # noqa: PLC0415

    return contract.run(arguments)


def _get_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("index", help="name of the index")
    add("ids", nargs="*", metavar="ID", help="ids to fetch; vectors are printed as NDJSON in this order")
    add("--ids-from", metavar="FILE", help="more ids, one a line; - for standard input")
    add("--output", metavar="FILE", help="write to FILE: .parquet, .npy (its ids in FILE.ids), or NDJSON; the same "
        "command goes on after an interruption")  # fmt: skip
    add("--fail-on-missing", action="store_true", help="exit with 1 when the index does not hold an id")
    _service_arguments(parser)


def _get(arguments: argparse.Namespace) -> int:
    from cf_vectorize_overlay.errors import VectorizeError  # noqa: PLC0415

    from .terminal import CountLine  # noqa: PLC0415

    if not arguments.ids and not arguments.ids_from:
        print("error: which ids? Name them, or give --ids-from FILE", file=sys.stderr)
        return USAGE
    missing = 0
    count = CountLine("fetched", alone=arguments.output is not None or not sys.stdout.isatty())
    try:
        with _client(arguments) as client:
            for name, held in _fetched(client, _ids(arguments), arguments.output):
                count.add()
                if not held:
                    missing += 1
                    count.clear()
                    print(f"missing: {name}", file=sys.stderr)
    except VectorizeError as error:
        count.clear()
        return _fail(error)
    count.clear()
    return FAILED if missing and arguments.fail_on_missing else OK


def _ids(arguments: argparse.Namespace) -> Iterator[str]:
    """Give the ids that were named, then those of the file, whose empty lines are none.

    Raises:
        InputError: The file cannot be read, or a line is no id; the message names it.

    """
    from cf_vectorize.read.fetch import problem_of  # noqa: PLC0415
    from cf_vectorize_overlay.errors import InputError  # noqa: PLC0415

    yield from arguments.ids
    for number, line in enumerate(_lines_of("--ids-from", arguments.ids_from) if arguments.ids_from else (), 1):
        if not line:
            continue
        if problem := problem_of(line):
            raise InputError(f"--ids-from {arguments.ids_from}:{number}: {problem}")
        yield line


def _fetched(client: Vectorize, ids: Iterable[str], output: str | None) -> Iterator[tuple[str, bool]]:
    """Write vectors to the output, or as NDJSON to standard output, and give each id and whether it was there."""
    from cf_vectorize.read.export import ndjson_line  # noqa: PLC0415

    if output is not None:
        yield from client.export_by_ids(ids, output)
        return
    for name, vector in client.iter_by_ids(ids):
        if vector is not None:
            sys.stdout.buffer.write(ndjson_line(vector))
        yield name, vector is not None
    sys.stdout.buffer.flush()
