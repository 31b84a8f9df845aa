"""The service's limits, as `x-limits` of spec/vectorize.yaml states them with their evidence; a test compares."""

from __future__ import annotations

from typing import Final

__version__ = "0.1.0"

VECTORS_PER_INSERT: Final = 5_000
INSERT_BODY_BYTES: Final = 99_999_999
IDS_PER_GET_BY_IDS: Final = 20
ID_BYTES: Final = 64
NAMESPACE_BYTES: Final = 64
METADATA_BYTES: Final = 10_240
DIMENSIONS_MIN: Final = 32
DIMENSIONS_MAX: Final = 1_536
REQUESTS_PER_WINDOW: Final = 1_200
WINDOW_SECONDS: Final = 300

# Seconds that a request may take: the service merges batches for minutes at most; what takes longer is taken for
# lost and sent again.
TIMEOUT: Final = 60.0
# Seconds in which a failing request is tried again: twice the account's five-minute block.
GIVE_UP_AFTER: Final = 600.0
