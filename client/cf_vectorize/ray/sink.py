"""Writing a dataset: one `insert` a task, and what became of all of them on the driver."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from ray.data import Datasink
from ray.exceptions import RayTaskError

from cf_vectorize.base.options import filled
from cf_vectorize.client import Vectorize
from cf_vectorize.load import options as load_options
from cf_vectorize.load.report import InsertReport
from cf_vectorize.source.named import named
from cf_vectorize.source.table import table
from cf_vectorize_overlay.errors import InputError, VectorizeError

from . import rows
from .connect import target
from .ledger import Ledger
from .rejects import RejectsFolder

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from ray.data.block import Block
    from ray.data.datasource import WriteResult

# Where the data lies and what becomes of it is told by the dataset; a task has no file to go on from.
LEFT_TO_RAY: Final = ("journal", "on_changed", "on_error", "on_progress", "on_reject", "rejects", "verify")
COLUMNS: Final[dict[str, Any]] = dict(table.__kwdefaults__ or {})


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
        self._options = {name: settings.pop(name) for name in list(settings) if name in defaults}
        for name in LEFT_TO_RAY:
            if name in self._options:
                raise InputError(f"{name} is for one machine; cf_vectorize.ray has rejects=FOLDER and verify(ds, …)")
        self._options.setdefault("concurrency", 1)
        load_options.checked(**filled(Vectorize.insert, self._options))
        self._rejects = RejectsFolder(rejects) if rejects else None
        self._index = index
        self._target = target(index, settings)
        self._target.look()
        self._ledger: Ledger | None = None
        self._started = time.monotonic()
        self.report: InsertReport | None = None
        self.abandoned: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._index!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "report": None, "abandoned": ()}

    @property
    def columns(self) -> dict[str, Any]:
        """Which columns are what, as `table` takes them."""
        return dict(self._columns)

    def on_write_start(self, schema: pa.Schema | None = None) -> None:
        """Refuse a schema before there is a task that writes."""
        rows.judge(schema, self._columns)
        self.report, self.abandoned = None, ()
        self._started = time.monotonic()
        self._ledger = Ledger()

    def write(self, blocks: Iterable[Block], ctx: Any) -> None:
        """Insert the rows of one task."""
        lines = rows.lines(blocks, self._columns)
        first = next(lines, None)
        if first is None:
            return
        source = named(chain([first], lines), f"<task {ctx.task_idx}>")
        assert self._ledger is not None
        with ExitStack() as stack:
            client = stack.enter_context(self._target.client())
            options = dict(self._options)
            if self._rejects is not None:
                options["on_reject"] = stack.enter_context(self._rejects.file_of(ctx.task_idx))
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
        ours = client_error(error)
        if ours is not None:
            ours.report = self.report
            raise ours from None

    def _close_ledger(self) -> None:
        if self._ledger is not None:
            self.report, self.abandoned = self._ledger.told(time.monotonic() - self._started)
            self._ledger = None
        elif self.report is None:
            self.report = InsertReport()


def client_error(error: BaseException | None) -> VectorizeError | None:
    """Return the client's error that a task ended with, out of what Ray makes of it."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        # Ray raises a class of its own that is both.
        if isinstance(each, VectorizeError) and not isinstance(each, RayTaskError):
            return each
        pending += [getattr(each, "cause", None), each.__cause__, each.__context__]
    return None
