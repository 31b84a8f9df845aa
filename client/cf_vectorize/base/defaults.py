"""Defaults that are stated to users: apart from what they govern, so that help imports nothing heavy for them."""

from typing import Final

LOOKUP_CONCURRENCY: Final = 8
# By Cloudflare, vectors can be queried in less than 30 seconds as the median and 2 minutes as the 99th percentile.
VERIFY_DEADLINE: Final = 180.0
# With none of 2,995 wrong, at most 0.1 % are, at 95 % confidence; 3,000 are 150 full requests.
SAMPLE: Final = 3_000
