"""Cutting a dataset so that its tasks make full requests, and run beside each other."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from cf_vectorize_overlay.limits import INSERT_BODY_BYTES, REQUESTS_PER_WINDOW, VECTORS_PER_INSERT, WINDOW_SECONDS

from .rows import arrow

if TYPE_CHECKING:
    from ray.data import Dataset

LOGGER = logging.getLogger("cf_vectorize")
# 4 requests a second are an account's budget, and one takes a second or two.
MOST_TASKS: Final = 8
# Of a task's rows in memory.
BLOCK_BYTES: Final = 256_000_000
# A float32 as text, at most, with its comma.
VALUE_BYTES: Final = 12
LOOKED_AT: Final = 20


def repartitioned(ds: Dataset) -> Dataset:
    """Return the dataset in blocks of so many rows that each task makes full requests.

    Ray makes one task of many small files, and a task of each large one. Here each gets as many rows as fill one
    request or several: at most so many requests that 8 tasks share them, since more tasks than that are of no use
    for one account, and no more than 256 MB of rows. How many and why is logged.

    Args:
        ds: Its rows are counted, and its first ones looked at; call `materialize()` before where that is expensive.

    """
    count = ds.count()
    if not count:
        return ds
    block = arrow(ds.take_batch(min(count, LOOKED_AT), batch_format="pyarrow"))
    line = sum(_text_bytes(column) for column in block.columns) / block.num_rows
    a_request = max(1, min(VECTORS_PER_INSERT, int(INSERT_BODY_BYTES / line)))
    requests = math.ceil(count / a_request)
    fit = max(1, int(BLOCK_BYTES / (block.nbytes / block.num_rows * a_request)))
    each = min(fit, math.ceil(requests / MOST_TASKS))
    tasks = math.ceil(requests / each)
    LOGGER.info(
        "%s rows are %s requests of %s rows, %s a task in %s tasks; more than %s at a time are of no use, since an "
        "account may make %s requests in %s minutes",
        *(f"{number:,}" for number in (count, requests, a_request, each, tasks, MOST_TASKS, REQUESTS_PER_WINDOW)),
        WINDOW_SECONDS // 60,
    )
    return ds.repartition(target_num_rows_per_block=each * a_request, strict=True)


def _text_bytes(column: Any) -> float:
    """Return about how many bytes a column takes as JSON."""
    kind = column.type
    kind = getattr(kind, "storage_type", kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return sum(VALUE_BYTES * len(each) for each in column.combine_chunks().to_pylist() if each is not None)
    return float(column.nbytes)
