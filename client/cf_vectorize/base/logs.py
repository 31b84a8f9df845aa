"""The switch `CF_VECTORIZE_LOG`: what is logged, to standard error, without a program of one's own."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from typing import Final

from .arguments import one_of

VARIABLE: Final = "CF_VECTORIZE_LOG"
LEVELS: Final = ("debug", "info", "warning", "error")


@lru_cache(maxsize=1)
def log_as_told() -> bool:
    """Log to standard error, once in a process, where the environment says so; return whether it does.

    Raises:
        InputError: The environment names no level.

    """
    told = os.environ.get(VARIABLE, "").lower()
    if not told:
        return False
    level = one_of(*LEVELS)(VARIABLE, told)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("cf_vectorize")
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False
    return True
