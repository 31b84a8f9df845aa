"""Reading back a uniform sample of a dataset."""

from __future__ import annotations

import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import attrs
import pyarrow as pa
from pyarrow import compute

from cf_vectorize.base.defaults import SAMPLE, VERIFY_DEADLINE
from cf_vectorize.source.named import named
from cf_vectorize.source.table import table
from cf_vectorize_overlay.errors import InputError

from .connect import Target
from .lookup import ids_of
from .sink import COLUMNS

if TYPE_CHECKING:
    from ray.data import Dataset

    from cf_vectorize.read.report import VerifyReport

# Drawn beyond the sample, in standard deviations of how many there will be: too few are drawn once in 10^9 times.
SPARE: Final = 6.0
DRAW: Final = "cf_vectorize_draw"


def draws(batch: pa.Table, id_column: str, seed: int, share: float) -> pa.Table:
    """Return the rows whose draw is low, with the draw: it is made of id and seed, wherever the row lies.

    Args:
        batch: Rows.
        id_column: Strings.
        seed: Repeats an earlier choice.
        share: Of all rows, how many to return.

    """
    key = seed.to_bytes(8, "big")
    texts = (str(identity).encode("utf-8", "backslashreplace") for identity in ids_of(batch, id_column))
    drawn = [int.from_bytes(blake2b(text, digest_size=8, key=key).digest(), "big") / 2**64 for text in texts]
    return batch.append_column(DRAW, pa.array(drawn, pa.float64())).filter(compute.field(DRAW) <= share)


def verify(
    ds: Dataset,
    index: str,
    *,
    sample: int = SAMPLE,
    seed: int | None = None,
    deadline: float = VERIFY_DEADLINE,
    **settings: Any,
) -> VerifyReport:
    """Read back rows of a dataset, chosen at random from all its partitions, and compare them with the index.

    Rows are chosen by a hash of their ids, and the driver reads them back: 3,000 rows are 150 requests.

    Args:
        ds: What was written. Its rows are counted and read once: read it from where it is stored.
        index: Name of the index.
        sample: How many rows to look at.
        seed: Repeats an earlier choice of rows, however they are partitioned.
        deadline: Seconds in which missing vectors may still turn up.
        settings: As for `VectorizeDatasink`, without those of `insert`.

    Returns:
        What was found, and what that proves about all rows.

    Raises:
        InputError: A setting is wrong, or there are no rows.
        ResponseError: The service refused a request, or kept failing.
        TransportError: The service could not be reached.

    """
    columns = {name: settings.pop(name, default) for name, default in COLUMNS.items()}
    if sample < 1:
        raise InputError(f"sample is {sample}; it is at least 1")
    seed = secrets.randbits(32) if seed is None else seed
    with Target(index, settings).client() as client:
        count = ds.count()
        if not count:
            raise InputError("the dataset has no rows; there is nothing to verify")
        share = min(1.0, (sample + SPARE * sample**0.5 + SPARE**2) / count)
        asked = {"id_column": columns["id_column"], "seed": seed, "share": share}
        drawn = ds.map_batches(draws, fn_kwargs=asked, batch_format="pyarrow", batch_size=None)
        found: list[tuple[float, bytes]] = []
        for block in drawn.iter_batches(batch_format="pyarrow", batch_size=None):
            if block.num_rows:
                chosen = table(block.drop_columns([DRAW]), **columns)
                found += zip(block[DRAW].to_pylist(), chosen.to_lines(), strict=True)
        lines = [line for _, line in sorted(found)[:sample]]
        report = client.verify(named(lines, "<sample>"), sample="all", deadline=deadline)
        return attrs.evolve(report.of_population(count), seed=None if len(lines) == count else seed)
