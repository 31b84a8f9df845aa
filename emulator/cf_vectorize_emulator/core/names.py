"""What accounts, indexes and tokens may be called. Pure."""

from __future__ import annotations

import re
from typing import Final

ACCOUNT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
INDEX_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
KEY: Final = re.compile(r"[!-~]+")
