"""What reading was told, checked; `Vectorize` says what its options mean, and their defaults."""

from __future__ import annotations

from typing import Any, Final

from cf_vectorize.base import arguments
from cf_vectorize.base.arguments import function_of, or_none, path, refuse, seconds, whole


def _sample(name: str, value: Any) -> int | str:
    if isinstance(value, str) and value != "all":
        refuse(name, value, 'a whole number, at least 1, or "all"')
    return "all" if isinstance(value, str) else whole(1)(name, value)


CHECKS: Final = {
    "output": path,
    "sample": _sample,
    "seed": or_none(whole(0)),
    "deadline": seconds,
    "concurrency": whole(1),
    "on_progress": or_none(function_of("the progress")),
}


def checked(**given: Any) -> dict[str, Any]:
    """Return the options that a caller gave.

    Raises:
        InputError: One of them is wrong; the message names it, and says what it should be.

    """
    return arguments.checked(CHECKS, given)
