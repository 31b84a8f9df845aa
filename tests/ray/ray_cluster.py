"""What tests on Ray share: an emulator beside a cluster, and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from cf_vectorize_emulator.core.activity import RequestRecord
    from cf_vectorize_emulator.emulator import Emulator

DIMENSIONS = 32
TOKEN = "a-token-that-must-not-be-seen-anywhere"
ACCOUNT = "0123456789abcdef0123456789abcdef"
ENVIRONMENT = {
    "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
    "CLOUDFLARE_API_TOKEN": TOKEN,
    # Nothing is told to anybody.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Nothing is written into the home folder.
    "RAY_AUTH_MODE": "disabled",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}


@dataclass
class Cluster:
    """An emulator, and an index of its own for a test.

    Args:
        emulator: What answers.
        base_url: Where.
        index: Of 32 dimensions, and empty.

    """

    emulator: Emulator
    base_url: str
    index: str = ""

    def requests(self, endpoint: str) -> list[RequestRecord]:
        """The requests to the test's index."""
        records = self.emulator.activity.records()
        return [record for record in records if record.index == self.index and record.endpoint == endpoint]


def table_of(rows: int, start: int = 0) -> pa.Table:
    values = np.random.default_rng(start).standard_normal((rows, DIMENSIONS), np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), DIMENSIONS)
    return pa.table({"key": [f"r{number}" for number in range(start, start + rows)], "embedding": column})
