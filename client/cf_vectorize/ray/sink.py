"""Writing a dataset: one `insert` a task, and what became of all of them on the driver."""

from __future__ import annotations

import logging
import math
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from ray.data import Datasink
from ray.data.block import BlockAccessor
from ray.exceptions import RayTaskError

from cf_vectorize.base.options import filled
from cf_vectorize.client import Vectorize
from cf_vectorize.load import options as load_options
from cf_vectorize.load.report import InsertReport
from cf_vectorize.source.named import named
from cf_vectorize.source.table import table
from cf_vectorize_overlay.errors import InputError, VectorizeError
from cf_vectorize_overlay.limits import REQUESTS_PER_WINDOW, VECTORS_PER_INSERT, WINDOW_SECONDS

from . import rejects as bad_rows
from .connect import Target
from .ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ray.data import Dataset
    from ray.data.block import Block
    from ray.data.datasource import WriteResult

LOGGER = logging.getLogger("cf_vectorize")
# Where the data lies and what becomes of it is told by the dataset; a task has no file to go on from.
LEFT_TO_RAY: Final = {"journal", "on_changed", "on_error", "on_progress", "on_reject", "verify"}
COLUMNS: Final[dict[str, Any]] = dict(table.__kwdefaults__ or {})
# 4 requests a second are an account's budget, and one takes a second or two.
MOST_TASKS: Final = 8
# So many requests' rows lie in a task's memory: some 120 MB of 1,536 dimensions.
MOST_REQUESTS: Final = 4


class VectorizeDatasink(Datasink[None]):  # type: ignore[misc]
    """Writes a dataset into an index: `ds.write_datasink(VectorizeDatasink("my-index"))`.

    Each task is one `insert`, with requests of 5,000 vectors one after the other; tasks are what runs in parallel.
    A task whose worker died runs again, which is safe, since an insert never overwrites. All tasks of all jobs with
    the same credentials share one budget. Credentials are those of the workers' environment, or what `credentials`
    returns. The driver needs them too: making the sink asks the service for one id, so that wrong credentials and a
    missing index are known before any task.

    Args:
        index: Name of the index.
        rejects: A folder, local to all workers or a URI that pyarrow knows, for bad rows: one file of Parquet a task
            that had any. Without it a bad row fails the job.
        settings: Columns as for `table` (`id_column` and so on); options as for `insert` (`dimensions`,
            `batch_vectors` and so on; `concurrency` is 1 here); settings as for `Vectorize` (`base_url`, `timeout`,
            `give_up_after`, `requests_per_5min`); and `credentials`, a function that returns a dict of `api_token`
            and the like.

    Attributes:
        report: What became of all rows, an `InsertReport`; None before. Rows of attempts that died are not in it.
        abandoned: Mutation ids of attempts that died, whose rows are in the report by those that came after.

    Raises:
        InputError: A setting is wrong, a credential is missing or would be pickled.
        TypeError: There is no such setting.
        ResponseError: The credentials are refused, or there is no such index.
        TransportError: The service cannot be reached.

    """

    def __init__(self, index: str, *, rejects: str | None = None, **settings: Any) -> None:
        self._columns = {name: settings.pop(name, default) for name, default in COLUMNS.items()}
        defaults = Vectorize.insert.__wrapped__.__kwdefaults__  # type: ignore[attr-defined]
        for name in LEFT_TO_RAY & settings.keys():
            raise InputError(f"{name} is for one machine; cf_vectorize.ray has rejects=FOLDER and verify(ds, …)")
        given = {name: settings.pop(name) for name in defaults.keys() & settings.keys()}
        self._options: dict[str, Any] = {"concurrency": 1, **given}
        load_options.checked(**filled(Vectorize.insert, self._options))
        self._rejects = bad_rows.new_folder(rejects) if rejects else None
        self._index = index
        self._target = Target(index, settings)
        self._target.look()
        self._ledger: Ledger | None = None
        self.report: InsertReport | None = None
        self.abandoned: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._index!r})"

    def on_write_start(self, schema: pa.Schema | None = None) -> None:
        """Refuse a schema before there is a task that writes; blocks of pandas do not say theirs."""
        if isinstance(schema, pa.Schema):
            table(schema, **self._columns)
        self.report, self.abandoned = None, ()
        self._ledger = Ledger()

    def write(self, blocks: Iterable[Block], ctx: Any) -> None:
        """Insert the rows of one task: one stream, so that batches are full whatever the blocks are."""
        tables = (BlockAccessor.for_block(block).to_arrow() for block in blocks)
        lines = chain.from_iterable(table(each, **self._columns).to_lines() for each in tables)
        first = next(lines, None)
        if first is None:
            return
        source = named(chain([first], lines), f"<task {ctx.task_idx}>")
        assert self._ledger is not None
        with ExitStack() as stack:
            client = stack.enter_context(self._target.client())
            options = dict(self._options)
            if self._rejects is not None:
                options["on_reject"] = stack.enter_context(bad_rows.file_of(self._rejects, ctx.task_idx))
            for outcome in self._ledger.watched(client.insert_batches(source, **options), ctx.task_idx):
                if outcome.error is not None:
                    raise outcome.error

    def on_write_complete(self, write_result: WriteResult[None]) -> None:  # noqa: ARG002 - the ledger knows more
        """Put together what became of all tasks."""
        self._close_ledger()

    def on_write_failed(self, error: Exception) -> None:
        """Raise the client's own error as what it is, with the report of what was accepted.

        Raises:
            VectorizeError: What the first task that failed ended with.

        """
        self._close_ledger()
        if ours := client_error(error):
            ours.report = self.report
            raise ours from None

    def _close_ledger(self) -> None:
        # Ray starts no write where there are no rows, or where what comes before it fails.
        self.report, self.abandoned = self._ledger.told() if self._ledger else (InsertReport(), ())
        self._ledger = None


def repartitioned(ds: Dataset) -> Dataset:
    """Return the dataset in blocks of so many rows that each task makes full requests.

    Ray makes one task of many small files, and a task of each large one. Here each gets the rows of one to four
    requests: as many as let 8 tasks share them all, since more tasks than that are of no use for one account. How
    many and why is logged.

    Args:
        ds: Its rows are counted; call `materialize()` before where that is expensive.

    """
    count = ds.count()
    requests = max(1, math.ceil(count / VECTORS_PER_INSERT))
    each = min(MOST_REQUESTS, math.ceil(requests / MOST_TASKS))
    LOGGER.info(
        "%s rows are %s requests of %s rows, %s a task in %s tasks; more than %s at a time are of no use, since an "
        "account may make %s requests in %s minutes",
        *map("{:,}".format, (count, requests, VECTORS_PER_INSERT, each, math.ceil(requests / each), MOST_TASKS)),
        f"{REQUESTS_PER_WINDOW:,}",
        WINDOW_SECONDS // 60,
    )
    return ds.repartition(target_num_rows_per_block=each * VECTORS_PER_INSERT, strict=True)


def client_error(error: BaseException | None) -> VectorizeError | None:
    """Return the client's error that a task ended with, out of what Ray makes of it."""
    # Ray raises a class of its own that is both.
    while error is not None and (isinstance(error, RayTaskError) or not isinstance(error, VectorizeError)):
        error = getattr(error, "cause", None) or error.__cause__
    return error
