"""The engine of both clients: each operation as a blocking call that an event can stop.

An operation is imported when it is first called: imports are most of what making a client takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cf_vectorize.base.extras import Late
from cf_vectorize_overlay.index import TIMEOUT, Index
from cf_vectorize_overlay.limits import GIVE_UP_AFTER

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Generator, Iterable

    from cf_vectorize.load import insert
    from cf_vectorize.load.options import InsertArguments, VerifyArguments
    from cf_vectorize.load.report import BatchOutcome, InsertReport
    from cf_vectorize.read.report import VerifyReport
    from cf_vectorize.read.vectors import Vectors
    from cf_vectorize_overlay.vector import Vector
else:
    insert = Late("cf_vectorize.load.insert")


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
        self, source: object, arguments: InsertArguments, stop: threading.Event
    ) -> Generator[BatchOutcome, None, None]:
        return insert.insert_batches(self._index, source, arguments, stop)

    def _insert(self, source: object, arguments: InsertArguments, stop: threading.Event) -> InsertReport:
        return insert.insert(self._index, source, arguments, stop)

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
