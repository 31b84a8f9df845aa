"""Recorded exchanges, of ours or of anybody's client, held against the contract."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from cf_vectorize_overlay.errors import InputError

from .har import exchanges
from .judge import Judge, Judgement
from .recordings import Recording, load_recording
from .report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = {".yaml", ".yml", ".har"}


def load(path: Path) -> Iterator[Recording]:
    """Yield the recordings of a file, or of every .yaml, .yml and .har in a folder and those below it.

    Raises:
        InputError: A file is neither, or there is none.

    """
    if os.path.isdir(path):  # noqa: PTH112 - False of a name that no folder can have
        files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
        if not files:
            raise InputError(f"{path}: holds no .yaml, .yml or .har")
    else:
        files = [path]
    for file in files:
        if file.suffix in {".yaml", ".yml"}:
            yield load_recording(file)
            continue
        try:
            yield from exchanges(json.loads(file.read_text(encoding="utf-8-sig")), file.name)
        except OSError as error:
            raise InputError(f"{file}: {error.strerror}") from None
        except (RecursionError, ValueError) as error:
            raise InputError(f"{file}: {error}") from None


def replay(paths: Iterable[str | Path]) -> Report:
    """Judge every recorded exchange.

    Args:
        paths: HAR files, recordings, and folders of both.

    Raises:
        InputError: A file is no recording and no HAR, or there is none.

    """
    judge = Judge()
    given = [Path(path) for path in paths]
    report = Report(", ".join(map(str, given)), judge.open.version)
    for recording in (recording for path in given for recording in load(path)):
        judgement = _judge(judge, recording)
        if judgement is None:
            report.other += 1
        else:
            report.add(judgement)
    return report


def _judge(judge: Judge, recording: Recording) -> Judgement | None:
    """Judge one recording; None where it is none of the contract's operations."""
    request, operation = recording.request, recording.operation
    if request is not None:
        start = request.target.find("/accounts/")
        if recording.operation is None and start >= 0:
            # Whatever the base URL was, the paths below it are the API's.
            request = attrs.evolve(request, target=judge.open.prefix + request.target[start:])
        operation = operation or judge.open.operation_of(request)
    if operation is None:
        return None
    if recording.lacks or recording.response is None:
        return Judgement(recording.name, "not judged", (recording.lacks or "there was no answer",))
    try:
        return judge.judge(recording.name, operation, request, recording.response)
    except ValueError as error:
        raise InputError(f"{recording.name}: {error}") from None
