"""What `cf-vectorize contract` does: probe, replay, or judge what passes; and what it prints of that."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from cf_vectorize_overlay.credentials import Credentials
from cf_vectorize_overlay.errors import InputError

from .probes import every_probe
from .probing import Probing, Service
from .proxy import Proxy
from .recordings import Recorder
from .replaying import replay

if TYPE_CHECKING:
    import argparse

    from .judge import Judge, Judgement
    from .report import Report

INTERRUPTED = 130


def run(arguments: argparse.Namespace) -> int:
    """Judge what the arguments name, print the report, and return the exit code.

    Raises:
        InputError: One of them is not what it should be, or a credential is missing.

    """
    if arguments.replay:
        return _print(replay(arguments.replay), arguments)
    return _probe(arguments) if arguments.proxy is None else _watch(arguments)


def _probe(arguments: argparse.Namespace) -> int:
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
    def say(judgement: Judgement) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in judgement.lines()))
        sys.stdout.flush()

    # It may be put into from a signal handler, whatever the thread is doing.
    ended: SimpleQueue[int] = SimpleQueue()
    # Also in the background, where a shell lets Ctrl-C pass by.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: ended.put(number))
    try:
        proxy = Proxy(port=arguments.proxy)
    except OSError as error:
        raise InputError(f"--proxy {arguments.proxy}: {error.strerror}") from None
    recorder = _recorder(arguments, proxy.judge)
    if recorder:
        proxy.keep = recorder.keep
    if not arguments.json:
        proxy.on_judged = say
    with proxy:
        told = f"Judging what is sent to {proxy.base_url}, and passing it on to {proxy.upstream.host}; Ctrl-C ends."
        sys.stderr.write(f"{told}\n")
        # Windows tells of Ctrl-C only between waits.
        while True:
            with suppress(Empty):
                ended.get(timeout=1)
                break
        # Again, it leaves what is under way.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if proxy.under_way:
            sys.stderr.write("waiting for what is under way; Ctrl-C again leaves it\n")
            sys.stderr.flush()
    return _print(proxy.report, arguments, recorder, told=not arguments.json)


def _recorder(arguments: argparse.Namespace, judge: Judge) -> Recorder | None:
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
