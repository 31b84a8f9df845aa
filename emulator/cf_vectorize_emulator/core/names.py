"""What accounts, indexes and tokens may be called. Pure."""

from __future__ import annotations

import re
from typing import Final

from .limits import DIMENSIONS_MAX, DIMENSIONS_MIN

ACCOUNT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
INDEX_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
KEY: Final = re.compile(r"[!-~]+")
_DECLARED: Final = re.compile(f"({ACCOUNT_ID.pattern}/)?{INDEX_NAME.pattern}")


def check_declared(name: str, dimensions: int) -> None:
    """Refuse an index that cannot exist from the start.

    Raises:
        ValueError: It has no such name, or no such number of dimensions.

    """
    if not _DECLARED.fullmatch(name) or not DIMENSIONS_MIN <= dimensions <= DIMENSIONS_MAX:
        raise ValueError(
            f"'{name}:{dimensions}' is not [ACCOUNT/]NAME:DIMENSIONS with a name of 1 to 64 "
            f"of A-Z a-z 0-9 _ - and {DIMENSIONS_MIN} to {DIMENSIONS_MAX} dimensions"
        )


def check_token(token: str) -> None:
    """Refuse a token that no client could send; the message does not show it.

    Raises:
        ValueError: It holds another character, or none.

    """
    if not TOKEN.fullmatch(token):
        raise ValueError("a token is one or more of A-Z a-z 0-9 . _ ~ + / = -; clients could not send another")
