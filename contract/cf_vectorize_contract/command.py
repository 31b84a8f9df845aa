"""The command `cf-vectorize contract`: its arguments; what runs it is imported then, since help needs none of it."""

from __future__ import annotations

import argparse
import json
import math
import sys
from importlib import import_module

from . import NEEDS_EXTRA

USAGE = 2
WAIT = 120.0
MOST_PORTS = 65_535
EXIT_CODES = """\
exit codes: 0 the contract is kept; 1 it is broken; 2 wrong usage; 3 nothing is broken, but something could not be
judged (no answer, throttled, refused credentials, no such index); 130 interrupted

The account and the token come from CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN (or CLOUDFLARE_EMAIL and
CLOUDFLARE_API_KEY), another service than Cloudflare's, such as the emulator, from CLOUDFLARE_BASE_URL."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    parser.description = (
        "Send nine requests that store nothing, and tell whether the service keeps the contract; or judge recorded "
        "exchanges, or those of another client."
    )
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add("index", nargs="?", metavar="INDEX", help="name of an index that exists")
    add("--insert", action="store_true", help="store two vectors too and read them back; they stay in the index")
    add("--wait", type=_seconds, default=WAIT, metavar="SECONDS",
        help=f"how long a stored vector may take until it can be read (default: {WAIT:g})")  # fmt: skip
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--replay", nargs="+", metavar="PATH",
        help="judge recorded exchanges instead: .yaml recordings, .har files, folders of them")  # fmt: skip
    instead.add_argument("--proxy", type=_port, metavar="PORT",
        help="pass on and judge what another client sends to http://127.0.0.1:PORT/client/v4, until Ctrl-C; 0 takes "
        "a free port")  # fmt: skip
    add("--record", metavar="FOLDER", help="write each exchange that keeps the contract there, without secrets")
    add("--overwrite", action="store_true", help="replace recordings that exist")
    add("--json", action="store_true", help="print the report as one JSON object")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _port(text: str) -> int:
    if not text.isdecimal() or len(text) > len(str(MOST_PORTS)) or int(text) > MOST_PORTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {MOST_PORTS}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the command: print the report, and return the exit code."""
    alone = arguments.replay or arguments.proxy is not None
    if arguments.index is None and not alone:
        return _refuse("which index? Name one that exists, or use --replay or --proxy", arguments)
    if (arguments.index is not None and alone) or (arguments.replay and arguments.record):
        return _refuse("--replay and --proxy take no index, and --replay records nothing", arguments)
    try:
        running = import_module("cf_vectorize_contract.running")
    except ImportError as error:
        return _refuse(f"{error}; {NEEDS_EXTRA}", arguments)
    try:
        return int(running.run(arguments))
    except running.InputError as error:
        return _refuse(str(error), arguments)


def _refuse(problem: str, arguments: argparse.Namespace) -> int:
    if arguments.json:
        sys.stdout.write(json.dumps({"kept": False, "exit_code": USAGE, "error": problem}) + "\n")
    sys.stderr.write(f"error: {problem}\n")
    return USAGE
