"""The command `cf-vectorize contract`: its arguments, and what it prints. Imports what it needs when it runs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

USAGE = 2
EXIT_CODES = """\
exit codes: 0 the contract is kept; 1 it is broken; 2 wrong usage; 3 nothing is broken, but something could not be
judged (no answer, throttled, refused credentials, no such index); 130 interrupted

The account and the token come from CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN (or CLOUDFLARE_EMAIL and
CLOUDFLARE_API_KEY), another service than Cloudflare's, such as the emulator, from CLOUDFLARE_BASE_URL."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    parser.description = "Send eight requests that store nothing, and tell whether the service keeps the contract."
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add("index", help="name of an index that exists")
    add("--insert", action="store_true", help="store one vector too and read it back; it stays in the index")
    add("--wait", type=float, default=60.0, metavar="SECONDS",
        help="how long the stored vector may take until it can be read (default: 60)")  # fmt: skip
    add("--json", action="store_true", help="print the report as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Run the command: print the report, and give the exit code."""
    from cf_vectorize_overlay.credentials import Credentials  # noqa: PLC0415
    from cf_vectorize_overlay.errors import InputError  # noqa: PLC0415 - help needs none of it

    try:
        from .probes import Service, probe  # noqa: PLC0415

        service = Service(arguments.index, Credentials.find(None, None, None, None))
    except ImportError as error:
        return _refuse(f"{error}; the contract is an extra: pip install 'cf-vectorize[contract]'")
    except InputError as error:
        return _refuse(str(error))
    report = probe(service, insert=arguments.insert, wait=arguments.wait)
    text = json.dumps(report.as_json(), indent=2) if arguments.json else "\n".join(report.as_text())
    sys.stdout.write(text + "\n")
    return report.exit_code


def _refuse(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return USAGE
