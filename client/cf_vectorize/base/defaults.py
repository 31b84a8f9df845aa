"""Defaults that are stated to users: apart from what they govern, so that help imports nothing heavy for them."""

from typing import Final

LOOKUP_CONCURRENCY: Final = 8
# Inserted vectors were seen to become readable within 5 to 80 seconds.
VERIFY_DEADLINE: Final = 120.0
