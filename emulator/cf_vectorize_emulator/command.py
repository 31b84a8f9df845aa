"""The command line: `cf-vectorize emulate`, and `python -m cf_vectorize_emulator`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .limits import DIMENSIONS_MAX, DIMENSIONS_MIN

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_PORT = 8787


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the emulator's arguments to a parser."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"port to listen on, 0 for a free one (default: {DEFAULT_PORT})",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="where to keep the data (default: nothing is kept)")
    parser.add_argument(
        "--index",
        type=_index,
        action="append",
        default=[],
        metavar="NAME:DIMENSIONS",
        help="an index that exists from the start; may be repeated",
    )
    parser.add_argument(
        "--declared-only", action="store_true", help="refuse inserts into other indexes instead of creating them"
    )
    parser.add_argument(
        "--visible",
        default="1",
        metavar="immediately|held|SECONDS",
        help="when an accepted vector becomes readable (default: 1)",
    )
    parser.add_argument("--token", help="accept this API token only (default: any well-formed one)")


def _index(text: str) -> tuple[str, int]:
    name, _, dimensions = text.rpartition(":")
    if not name or not dimensions.isdigit() or not DIMENSIONS_MIN <= int(dimensions) <= DIMENSIONS_MAX:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME:DIMENSIONS with {DIMENSIONS_MIN} to {DIMENSIONS_MAX} dimensions"
        )
    return name, int(dimensions)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted, and give the exit code."""
    from .server import READY, Settings  # noqa: PLC0415 - help needs none of it
    from .server import run as serve  # noqa: PLC0415
    from .visibility import Visibility  # noqa: PLC0415

    settings = Settings(
        host=arguments.host,
        port=arguments.port,
        data=arguments.data,
        indexes=dict(arguments.index),
        declared_only=arguments.declared_only,
        visibility=Visibility.parse(arguments.visible),
        token=arguments.token,
    )

    def announce(base_url: str) -> None:
        print(f"export CLOUDFLARE_BASE_URL={base_url}")
        print("export CLOUDFLARE_ACCOUNT_ID=0123456789abcdef0123456789abcdef")
        print("export CLOUDFLARE_API_TOKEN=any-token")
        print(f"{READY}{base_url}", flush=True)

    serve(settings, announce)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, and give its exit code."""
    parser = argparse.ArgumentParser(prog="cf_vectorize_emulator", description="A local Cloudflare Vectorize.")
    add_arguments(parser)
    return run(parser.parse_args(argv))
