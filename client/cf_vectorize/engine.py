"""The engine of both clients: each operation as a blocking call that an event can stop.

An operation is imported when it is first called: imports are most of what making a client takes.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from cf_vectorize_overlay.errors import VectorizeError
from cf_vectorize_overlay.index import TIMEOUT, Index
from cf_vectorize_overlay.limits import GIVE_UP_AFTER

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Generator, Iterable

    from cf_vectorize.load.options import InsertArguments, VerifyArguments
    from cf_vectorize.load.report import BatchOutcome, InsertReport
    from cf_vectorize.read.report import VerifyReport
    from cf_vectorize.read.sampling import Sampler
    from cf_vectorize.read.vectors import Vectors
    from cf_vectorize_overlay.vector import Vector


class Engine:
    """What both faces share: the settings, and each operation as a blocking call that an event can stop."""

    def __init__(  # noqa: PLR0913 - the settings of a client, all but the first by name
        self,
        index: str,
        *,
        account_id: str | None = None,
        api_token: str | None = None,
        api_email: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT,
        give_up_after: float = GIVE_UP_AFTER,
        requests_per_5min: int | None = None,
    ) -> None:
        self._index = Index(
            index,
            account_id=account_id,
            api_token=api_token,
            api_email=api_email,
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            give_up_after=give_up_after,
            requests_per_5min=requests_per_5min,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._index.name!r})"

    def _insert_batches(
        self, source: object, arguments: InsertArguments, stop: threading.Event, sampler: Sampler | None = None
    ) -> Generator[BatchOutcome, None, None]:
        from cf_vectorize.load import insert  # noqa: PLC0415
        from cf_vectorize.load.options import InsertOptions  # noqa: PLC0415
        from cf_vectorize.source.open import open_sources  # noqa: PLC0415

        return insert.outcomes(self._index, open_sources(source), InsertOptions(**arguments), stop, sampler)

    def _insert(self, source: object, arguments: InsertArguments, stop: threading.Event) -> InsertReport:
        from cf_vectorize.load.options import InsertOptions  # noqa: PLC0415
        from cf_vectorize.load.report import InsertInterrupted, InsertReport  # noqa: PLC0415
        from cf_vectorize.read.sampling import SAMPLE, Sampler  # noqa: PLC0415

        verify = InsertOptions(**arguments).verify
        sampler = Sampler(SAMPLE if verify is True else verify) if verify else None
        started = time.monotonic()
        batches: list[BatchOutcome] = []
        try:
            for batch in self._insert_batches(source, arguments, stop, sampler):
                batches.append(batch)  # noqa: PERF402 - what came before an interruption is kept
        except KeyboardInterrupt:
            raise InsertInterrupted(InsertReport(tuple(batches), time.monotonic() - started)) from None
        report = InsertReport(tuple(batches), time.monotonic() - started)
        _raise_failure(report)
        return report if sampler is None else self._verified(report, sampler, arguments, stop)

    def _verified(
        self, report: InsertReport, sampler: Sampler, arguments: InsertArguments, stop: threading.Event
    ) -> InsertReport:
        """Add what reading back finds; what goes wrong there still tells of the load."""
        from cf_vectorize.load.report import InsertInterrupted  # noqa: PLC0415
        from cf_vectorize.read import verify  # noqa: PLC0415

        try:
            on_progress = arguments.get("on_progress")
            found = verify.verify_sample(self._index, sampler, stop=stop, on_progress=on_progress)
        except KeyboardInterrupt:
            raise InsertInterrupted(report) from None
        except VectorizeError as error:
            error.report = report
            raise
        return attrs.evolve(report, verification=found)

    def _get_by_ids(self, ids: Iterable[str], concurrency: int, stop: threading.Event) -> Vectors:
        from cf_vectorize.read import fetch as lookup  # noqa: PLC0415

        return lookup.fetch(self._index, ids, concurrency=concurrency, stop=stop)

    def _iter_by_ids(
        self, ids: Iterable[str], concurrency: int, stop: threading.Event
    ) -> Generator[tuple[str, Vector | None], None, None]:
        from cf_vectorize.read import fetch as lookup  # noqa: PLC0415

        return lookup.fetch_iter(self._index, ids, concurrency=concurrency, stop=stop)

    def _export_by_ids(
        self, ids: Iterable[str], output: str | os.PathLike[str], concurrency: int, stop: threading.Event
    ) -> Generator[tuple[str, bool], None, None]:
        from cf_vectorize.read.export import export  # noqa: PLC0415

        return export(self._index, ids, Path(output), concurrency=concurrency, stop=stop)

    def _verify(self, source: object, arguments: VerifyArguments, stop: threading.Event) -> VerifyReport:
        from cf_vectorize.read import verify  # noqa: PLC0415
        from cf_vectorize.source.open import open_sources  # noqa: PLC0415

        return verify.verify(self._index, open_sources(source), stop=stop, **arguments)


def _raise_failure(report: InsertReport) -> None:
    """Raise what a load ended with: the first failure itself where nothing was accepted, else all of them."""
    from cf_vectorize.load.report import InsertError  # noqa: PLC0415

    errors = [batch.error for batch in report.failed if batch.error is not None]
    if errors and report.accepted:
        raise InsertError(report)
    if errors:
        errors[0].report = report
        raise errors[0]
