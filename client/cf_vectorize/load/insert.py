"""Load a source of any size: what the faces call, and what is settled before anything is sent."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import attrs

from cf_vectorize.base.defaults import SAMPLE
from cf_vectorize.base.extras import Late
from cf_vectorize.base.progress import Continued
from cf_vectorize.source.cut import FIRST_BATCH_BYTES, LINE_BYTES, BatchLimits
from cf_vectorize.source.open import open_sources
from cf_vectorize_overlay.errors import InputError, VectorizeError

from .dispatch import Load, Watched
from .examine import Examiner
from .failures import InsertError, InsertInterrupted
from .plan import Planner
from .report import Tally
from .resume import acknowledged
from .send import Notes

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from cf_vectorize.read import sampling, verify
    from cf_vectorize.source.kinds import SourceLike
    from cf_vectorize.source.open import Source
    from cf_vectorize_overlay.index import Index

    from . import journal as journals
    from . import rejects as rejecting
    from .journal import Journal
    from .options import InsertOptions
    from .outcome import BatchOutcome
    from .rejects import Rejects
    from .report import InsertReport
else:
    sampling, verify = Late("cf_vectorize.read.sampling"), Late("cf_vectorize.read.verify")
    journals, rejecting = Late("cf_vectorize.load.journal"), Late("cf_vectorize.load.rejects")


def insert(index: Index, source: SourceLike, options: InsertOptions, stop: threading.Event) -> InsertReport:
    """Load a source and return what became of it.

    Args:
        index: Where the vectors go.
        source: What `open_sources` takes.
        options: What the caller asked for.
        stop: Ends the load when it is set.

    Raises:
        VectorizeError: As `Vectorize.insert` says; `report` tells what was accepted all the same.
        InsertInterrupted: Ctrl-C; it carries the report of what was accepted.

    """
    sampler = sampling.Sampler(SAMPLE if options.verify is True else options.verify) if options.verify else None
    told = Continued(options.on_progress) if options.on_progress else None
    if told is not None:
        options = options._replace(on_progress=told.load)
    started = time.monotonic()
    tally = Tally()
    try:
        for batch in insert_batches(index, source, options, stop, sampler):
            tally.add([batch])
    except KeyboardInterrupt:
        raise InsertInterrupted(tally.report(time.monotonic() - started)) from None
    except VectorizeError as error:
        error.report = tally.report(time.monotonic() - started)
        raise
    report = tally.report(time.monotonic() - started)
    _raise_failure(report)
    if sampler is None:
        return report
    watched = Watched(told.verification if told else None)
    try:
        found = verify.verify_sample(index, sampler, stop=stop, on_progress=watched.callback)
        watched.raise_failure()
    except KeyboardInterrupt:
        raise InsertInterrupted(report) from None
    except VectorizeError as error:
        error.report = report
        raise
    return attrs.evolve(report, verification=found)


def insert_batches(
    index: Index,
    source: SourceLike,
    options: InsertOptions,
    stop: threading.Event,
    sampler: sampling.Sampler | None = None,
) -> Generator[BatchOutcome, None, None]:
    """Load a source and yield each batch's outcome as it ends.

    Abandoning the iterator stops the load: nothing new starts, and what is under way is broken off.

    Args:
        index: Where the vectors go.
        source: What `open_sources` takes.
        options: What the caller asked for.
        stop: Ends the load when it is set.
        sampler: Is offered every line that is sent, or was in an earlier run.

    Raises:
        InputError: A source cannot be read, or holds no vectors.
        JournalError: The journal is in use, belongs elsewhere, or a source has changed since.

    """
    return _outcomes(index, open_sources(source), options, stop, sampler)


def _outcomes(
    index: Index,
    sources: Sequence[Source],
    options: InsertOptions,
    stop: threading.Event,
    sampler: sampling.Sampler | None,
) -> Generator[BatchOutcome, None, None]:
    _refuse_shared_files(sources, options)
    with ExitStack() as stack:
        journal = stack.enter_context(journals.Journal(options.journal, index.target)) if options.journal else None
        rejects = _rejects(options.rejects, journal) if options.rejects else None
        before = acknowledged(sources, journal, resends=options.on_changed == "resend")
        # Where one request goes at a time nothing is gained by a small first one.
        ramp = FIRST_BATCH_BYTES if options.concurrency > 1 else options.batch_bytes
        limits = BatchLimits(options.batch_vectors, options.batch_bytes, ramp, min(LINE_BYTES, options.batch_bytes))
        planner = Planner(limits, Examiner(options, sampler), before)
        load = Load(index, options, planner, Notes(journal, rejects, before), stop)
        yield from load.outcomes(sources)


def _rejects(path: Path, journal: Journal | None) -> Rejects:
    """Return the rejects files, as an earlier run of the load left them."""
    if journal is None:
        return rejecting.Rejects(path)
    noted = [entry.rejects for entry in journal.entries if entry.rejects]
    return rejecting.Rejects(path, journal.load, noted[-1] if noted else None)


def _raise_failure(report: InsertReport) -> None:
    """Raise what a load ended with: the first failure itself where nothing was accepted, else all of them."""
    errors = [batch.error for batch in report.failed if batch.error is not None]
    if errors and report.accepted:
        raise InsertError(report)
    if errors:
        errors[0].report = report
        raise errors[0]


def _refuse_shared_files(sources: Sequence[Source], options: InsertOptions) -> None:
    """Refuse to write rejects or a journal into a source, or into each other."""
    roles = [(source.name, "a source") for source in sources]
    if options.rejects:
        roles += [(str(options.rejects), "rejects"), (f"{options.rejects}.reasons", "the reasons of rejects")]
    if options.journal:
        roles.append((str(options.journal), "the journal"))
    taken: dict[object, str] = {}
    for path, role in roles:
        other = taken.setdefault(_which_file(path), role)
        if other != role:
            raise InputError(f"{path}: is {other} and {role} at once; name another file")


def _which_file(path: str) -> object:
    """Return what two names share where they are of one file, also through links of either kind."""
    try:
        found = os.stat(path)  # noqa: PTH116 - names of sources may be no paths
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino
