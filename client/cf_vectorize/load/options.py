"""What `insert` was told, checked; `Vectorize.insert` says what its options mean, and their defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from cf_vectorize.base import arguments
from cf_vectorize.base.arguments import flag, function_of, one_of, or_none, path, whole
from cf_vectorize.base.extras import extra
from cf_vectorize_overlay.limits import INSERT_BODY_BYTES, VECTORS_PER_INSERT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cf_vectorize.base.progress import Progress
    from cf_vectorize.checks.rules import BadLine


def _with_numpy(name: str, value: Any) -> bool:
    if flag(name, value):
        extra("numpy", name)
    return bool(value)


def _lines(name: str, value: Any) -> bool | int:
    return value if isinstance(value, bool) else whole(1)(name, value)


CHECKS: Final = {
    "unparsable": one_of("error", "discard"),
    "check": flag,
    "dimensions": or_none(whole(1)),
    "batch_vectors": whole(1, VECTORS_PER_INSERT, "Cloudflare's limit"),
    "batch_bytes": whole(1, INSERT_BODY_BYTES, "Cloudflare's 100 MB"),
    "concurrency": whole(1),
    "rejects": or_none(path),
    "on_reject": or_none(function_of("a line and what is wrong with it")),
    "journal": or_none(path),
    "on_changed": one_of("refuse", "resend"),
    "on_error": one_of("stop", "continue"),
    "on_progress": or_none(function_of("the progress")),
    "compact": _with_numpy,
    "verify": _lines,
}


class InsertOptions(NamedTuple):
    """The options of a load."""

    unparsable: Literal["error", "discard"]
    check: bool
    dimensions: int | None
    batch_vectors: int
    batch_bytes: int
    concurrency: int
    rejects: Path | None
    on_reject: Callable[[bytes, tuple[BadLine, ...]], None] | None
    journal: Path | None
    on_changed: Literal["refuse", "resend"]
    on_error: Literal["stop", "continue"]
    on_progress: Callable[[Progress], None] | None
    compact: bool
    verify: bool | int


def checked(**given: Any) -> InsertOptions:
    """Return the options that a caller gave.

    Raises:
        InputError: One of them is wrong; the message names it, and says what it should be.

    """
    return InsertOptions(**arguments.checked(CHECKS, given))
