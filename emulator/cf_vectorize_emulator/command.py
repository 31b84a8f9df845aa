"""The command line: `cf-vectorize emulate`, and `python -m cf_vectorize_emulator`."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args
from urllib.parse import quote

from . import NEEDS_EXTRA
from .core.faults import Fault, read_faults
from .core.names import check_declared, check_token
from .core.rate import Rate
from .core.visibility import Order, Visibility

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_PORT: Final = 8787
MOST_PORTS: Final = 65_535
MOST_DIGITS: Final = 5
PORT_ERRORS: Final = {errno.EADDRINUSE, errno.EACCES}
OK, FAILED, USAGE = 0, 1, 2
EXIT_CODES: Final = "exit codes: 0 it was ended, by Ctrl-C too; 1 it cannot listen or keep its data; 2 wrong usage"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the emulator's arguments to a parser."""
    parser.epilog = EXIT_CODES
    default = Visibility()
    where = parser.add_argument_group("where it listens")
    where.add_argument("--host", type=_text, default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    where.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help=f"port to listen on, 0 for a free one (default: {DEFAULT_PORT})",
    )
    where.add_argument(
        "--allow-host",
        type=_text,
        action="append",
        default=[],
        metavar="NAME",
        help="a host name by which clients may call it, beside localhost and addresses; may be repeated",
    )
    where.add_argument(
        "--token",
        type=_type(_token),
        help="accept this API token only, for the page and the control routes too (default: any well-formed one)",
    )
    data = parser.add_argument_group("what it holds")
    data.add_argument("--data", type=_folder, metavar="DIR", help="where to keep the data (default: nothing is kept)")
    data.add_argument(
        "--index",
        type=_type(_index),
        action="append",
        default=[],
        metavar="[ACCOUNT/]NAME:DIMENSIONS",
        help="an index that exists from the start, in every account or in one; may be repeated",
    )
    data.add_argument(
        "--declared-only",
        action="store_true",
        help="refuse inserts into other indexes, as the live service does (default: create them)",
    )
    happens = parser.add_argument_group("what happens to requests")
    happens.add_argument(
        "--visible",
        type=_visible,
        default=f"{default.delay:g}",
        metavar="immediately|held|SECONDS",
        help=f"when an accepted vector becomes readable; held: when it is released (default: {default.delay:g})",
    )
    happens.add_argument(
        "--visible-jitter",
        type=_jitter,
        default=default.jitter,
        metavar="SECONDS",
        help=f"up to this much later, drawn for each mutation (default: {default.jitter:g})",
    )
    happens.add_argument(
        "--visible-order",
        choices=get_args(Order),
        default=default.order,
        help="mutations become readable as accepted, in any order, or each vector by itself (scattered)",
    )
    happens.add_argument(
        "--rate-limit",
        type=_type(Rate.parse),
        metavar="REQUESTS/SECONDS",
        help="refuse what exceeds it, and block for as long; Cloudflare's is 1200/300 (default: no limit)",
    )
    happens.add_argument(
        "--faults", type=_type(_faults), default=(), metavar="FILE", help="a JSON array of faults to inject"
    )
    parser.add_argument("--quiet", action="store_true", help="no log line for each request")


def _type(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let argparse show why an argument cannot be read."""

    def read_argument(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read_argument


def _text(text: str) -> str:
    # Of a host, it would be every address of the machine; of a folder, where the command was called.
    if not text:
        raise argparse.ArgumentTypeError("'' is empty; name something, or leave it out")
    return text


def _folder(text: str) -> Path:
    return Path(_text(text))


def _token(text: str) -> str:
    check_token(text)
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or len(text) > MOST_DIGITS or int(text) > MOST_PORTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {MOST_PORTS}")
    return int(text)


def _visible(text: str) -> str:
    try:
        Visibility.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not immediately, held or a number of seconds, 0 or more"
        ) from None
    return text


def _jitter(text: str) -> float:
    try:
        return Visibility(jitter=float(text)).jitter
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more") from None


def _index(text: str) -> tuple[str, int]:
    name, _, dimensions = text.rpartition(":")
    if not name or not dimensions.isdecimal() or len(dimensions) > MOST_DIGITS:
        raise ValueError(f"{text!r} is not [ACCOUNT/]NAME:DIMENSIONS")
    check_declared(name, int(dimensions))
    return name, int(dimensions)


def _declared(indexes: list[tuple[str, int]]) -> dict[str, int]:
    if len(declared := dict(indexes)) < len(indexes):
        raise ValueError("argument --index: a name is there twice; an index has one number of dimensions")
    return declared


def _faults(path: str) -> list[Fault]:
    try:
        return read_faults(json.loads(_folder(path).read_bytes()))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted, and return the exit code."""
    try:
        # Help needs none of it.
        server = import_module("cf_vectorize_emulator.server")
    except ImportError as error:
        print(f"error: {error}; {NEEDS_EXTRA}", file=sys.stderr)
        return USAGE
    try:
        settings = server.Settings(
            data=arguments.data,
            indexes=_declared(arguments.index),
            declared_only=arguments.declared_only,
            visibility=Visibility.parse(arguments.visible, arguments.visible_jitter, arguments.visible_order),
            token=arguments.token,
            rate=arguments.rate_limit,
            faults=arguments.faults,
        )
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    address = server.Address(arguments.host, arguments.port, arguments.allow_host)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING if arguments.quiet else logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        server.run(settings, address, lambda base_url: _announce(base_url, settings))
    except OSError as error:
        hint = "; choose another --port, or 0" if error.errno in PORT_ERRORS and not error.filename else ""
        named = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error
        print(f"error: {named}{hint}", file=sys.stderr)
        return FAILED
    return OK


def _announce(base_url: str, settings: Any) -> None:
    # What follows # is for the page only: a browser sends it to nobody.
    page = base_url.removesuffix("client/v4") + (f"#token={quote(settings.token, safe='')}" if settings.token else "")
    own = "# set CLOUDFLARE_API_TOKEN to what --token says"
    print(
        f"A local Vectorize; data {f'in {settings.data}' if settings.data else 'is not kept'}; page: {page}\n\n"
        f"export CLOUDFLARE_BASE_URL={base_url}\n"
        "export CLOUDFLARE_ACCOUNT_ID=0123456789abcdef0123456789abcdef\n"
        f"{own if settings.token else 'export CLOUDFLARE_API_TOKEN=any-token'}\n\n"
        f"listening on {base_url}",
        flush=True,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cf_vectorize_emulator", description="A local Cloudflare Vectorize.", allow_abbrev=False
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))
