"""The command `cf-vectorize contract`: its arguments, and what it prints. Imports what it needs when it runs."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from .judge import Judge, Judgement
    from .recordings import Recorder
    from .report import Report

USAGE, INTERRUPTED = 2, 130
WAIT = 120.0
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
    add("index", nargs="?", help="name of an index that exists")
    add("--insert", action="store_true", help="store two vectors too and read them back; they stay in the index")
    add("--wait", type=_seconds, default=WAIT, metavar="SECONDS",
        help=f"how long a stored vector may take until it can be read (default: {WAIT:g})")  # fmt: skip
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--replay", nargs="+", metavar="PATH",
        help="judge recorded exchanges instead: .yaml recordings, .har files, folders of them")  # fmt: skip
    instead.add_argument("--proxy", type=int, metavar="PORT",
        help="pass on and judge what another client sends to http://127.0.0.1:PORT/client/v4, until Ctrl-C; 0 takes "
        "a free port")  # fmt: skip
    add("--record", metavar="FOLDER", help="write each exchange that keeps the contract there, without secrets")
    add("--overwrite", action="store_true", help="replace recordings that exist")
    add("--json", action="store_true", help="print the report as one JSON object")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Run the command: print the report, and return the exit code."""
    from cf_vectorize_overlay.errors import InputError  # noqa: PLC0415 - help needs none of it

    alone = arguments.replay or arguments.proxy is not None
    try:
        if arguments.index is None and not alone:
            raise InputError("which index? Name one that exists, or use --replay or --proxy")  # noqa: TRY301
        if (arguments.index is not None and alone) or (arguments.replay and arguments.record):
            raise InputError("--replay and --proxy take no index, and --replay records nothing")  # noqa: TRY301
        if arguments.replay:
            from .replaying import replay  # noqa: PLC0415

            return _print(replay(arguments.replay), arguments)
        return _watch(arguments) if alone else _probe(arguments)
    except ImportError as error:
        problem = f"{error}; the contract is an extra: pip install 'cf-vectorize[contract]'"
    except InputError as error:
        problem = str(error)
    if arguments.json:
        sys.stdout.write(json.dumps({"kept": False, "exit_code": USAGE, "error": problem}) + "\n")
    sys.stderr.write(f"error: {problem}\n")
    return USAGE


def _probe(arguments: argparse.Namespace) -> int:
    from cf_vectorize_overlay.credentials import Credentials  # noqa: PLC0415

    from .probes import every_probe  # noqa: PLC0415
    from .probing import Probing, Service  # noqa: PLC0415

    service = Service(arguments.index, Credentials.find(None, None, None, None))
    if recorder := _recorder(arguments, service.judge):
        recorder.check(probe.name for probe in every_probe(insert=arguments.insert))
        service.keep = recorder.keep
    probing = Probing(service, wait=arguments.wait)
    try:
        probing.run(insert=arguments.insert)
    except KeyboardInterrupt:
        _print(probing.report, arguments)
        return INTERRUPTED
    return _print(probing.report, arguments, recorder)


def _watch(arguments: argparse.Namespace) -> int:
    from cf_vectorize_overlay.credentials import checked_base_url  # noqa: PLC0415
    from cf_vectorize_overlay.errors import InputError  # noqa: PLC0415

    from .proxy import Proxy  # noqa: PLC0415
    from .report import lines_of  # noqa: PLC0415

    def say(judgement: Judgement) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in lines_of(judgement)))
        sys.stdout.flush()

    def end(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    try:
        proxy = Proxy(checked_base_url(None), port=arguments.proxy)
    except (OSError, OverflowError) as error:
        raise InputError(f"--proxy {arguments.proxy}: {error}") from None
    recorder = _recorder(arguments, proxy.judge)
    if recorder:
        proxy.keep = recorder.keep
    if not arguments.json:
        proxy.on_judged = say
    # Also in the background, where a shell lets Ctrl-C pass by.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with proxy:
        told = f"Judging what is sent to {proxy.base_url}, and passing it on to {proxy.upstream.host}; Ctrl-C ends."
        sys.stderr.write(f"{told}\n")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    return _print(proxy.report, arguments, recorder, told=not arguments.json)


def _recorder(arguments: argparse.Namespace, judge: Judge) -> Recorder | None:
    from .recordings import Recorder  # noqa: PLC0415

    if not arguments.record:
        return None
    recorder = Recorder(Path(arguments.record), "live", judge, overwrite=arguments.overwrite)
    recorder.check(())
    return recorder


def _print(
    report: Report, arguments: argparse.Namespace, recorder: Recorder | None = None, *, told: bool = False
) -> int:
    """Print the report, all of it or what was not told as it came, and return its exit code."""
    if arguments.json:
        text = json.dumps(report.as_json(), indent=2)
    else:
        text = "\n".join(report.summary() if told else report.as_text())
    sys.stdout.write(text + "\n")
    if recorder:
        sys.stderr.write(f"{len(recorder.written)} recordings in {arguments.record}\n")
    return report.exit_code
