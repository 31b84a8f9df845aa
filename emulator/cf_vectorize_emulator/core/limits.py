"""What Cloudflare documents, or was seen to enforce; docs/emulator.md names the evidence for each."""

from __future__ import annotations

from typing import Final

VECTORS_PER_INSERT: Final = 5_000
# "100 MB" is documented; MB or MiB is not said, so a body of the smaller size is the first one refused.
INSERT_BODY_BYTES: Final = 99_999_999
IDS_PER_GET_BY_IDS: Final = 20
ID_BYTES: Final = 64
NAMESPACE_BYTES: Final = 64
METADATA_BYTES: Final = 10_240
DIMENSIONS_MIN: Final = 32
DIMENSIONS_MAX: Final = 1_536
REQUESTS_PER_WINDOW: Final = 1_200
WINDOW_SECONDS: Final = 300

# The emulator's own bounds on memory: no legal line or id list comes near them.
LINE_BYTES: Final = 1 << 20
GET_BY_IDS_BODY_BYTES: Final = 1 << 20
