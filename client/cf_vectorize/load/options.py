"""What `insert` can be told, each with its default."""

from __future__ import annotations

import os  # noqa: TC003 - attrs resolves annotations
from collections.abc import Callable  # noqa: TC003
from pathlib import Path
from typing import Any, Literal, TypedDict

import attrs

from cf_vectorize.base.progress import Progress  # noqa: TC001
from cf_vectorize.source.encode import numpy
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import INSERT_BODY_BYTES, VECTORS_PER_INSERT


class InsertArguments(TypedDict, total=False):
    """Keyword arguments of `insert`.

    Attributes:
        unparsable: What the service does with a line that it cannot parse: refuse the batch ("error", the
            default), or drop the line without a word ("discard").
        check: Whether every line is checked before its batch is sent. Default True.
        dimensions: Values a vector must have; by default as many as the first one has.
        batch_vectors: The most vectors in a request, 5,000 by default and at most (Cloudflare's limit).
        batch_bytes: The most bytes in a request, 99,999,999 by default and at most (Cloudflare says 100 MB).
        concurrency: Requests under way at a time. Default 4. Memory is about 37 MB and 1.2 MB for each; sources
            that are not plain files take `(concurrency + 2) * batch_bytes` of temporary disk space.
        rejects: A file for bad lines, unchanged, with their reasons in `PATH.reasons`; without it a bad line
            stops the load.
        journal: A file that notes each acknowledged batch, so that the same call goes on after a crash.
        on_changed: When a source has changed since the journal was written: "refuse" (the default), or "resend"
            the changed parts.
        on_error: When a batch fails for good: "stop" starting new ones (the default), or "continue".
        on_progress: Called with a `Progress` whenever it changes, from the threads that send; with `verify`
            afterwards with one of reading back, whose counts start anew.
        compact: Whether NDJSON lines are rewritten to shortest float32 decimals on the way. Default False.
        verify: How many of the lines, chosen at random, are read back after the load and compared; True for 3,000,
            which bounds the share of missing or different vectors below 0.1 % at 95 % confidence. Default False.

    """

    unparsable: Literal["error", "discard"]
    check: bool
    dimensions: int | None
    batch_vectors: int
    batch_bytes: int
    concurrency: int
    rejects: str | os.PathLike[str] | None
    journal: str | os.PathLike[str] | None
    on_changed: Literal["refuse", "resend"]
    on_error: Literal["stop", "continue"]
    on_progress: Callable[[Progress], None] | None
    compact: bool
    verify: bool | int


class VerifyArguments(TypedDict, total=False):
    """Keyword arguments of `verify`.

    Attributes:
        sample: How many lines to look at, chosen at random, or "all". Default 3,000, which bounds the share of
            missing or different vectors below 0.1 % at 95 % confidence when none is found.
        seed: Repeats an earlier choice of lines.
        deadline: Seconds in which missing vectors may still turn up. Default 120.
        concurrency: Requests under way at a time. Default 8.
        on_progress: Called with a `Progress` as the source is read, for each line that is looked at, and at least
            every second of waiting.

    """

    sample: int | Literal["all"] | None
    seed: int | None
    deadline: float
    concurrency: int
    on_progress: Callable[[Progress], None] | None


def _one_of(*choices: str) -> Any:
    def validate(_: object, attribute: attrs.Attribute[str], value: object) -> None:
        if value not in choices:
            raise InputError(f"{attribute.name} is {value!r}; it is one of {', '.join(map(repr, choices))}")

    return validate


def _within(low: int, high: int | None, why: str) -> Any:
    def validate(_: object, attribute: attrs.Attribute[int], value: int) -> None:
        if not isinstance(value, int) or value < low or (high is not None and value > high):
            bounds = f"at least {low}" if high is None else f"from {low} to {high:,} ({why})"
            raise InputError(f"{attribute.name} is {value!r}; it is {bounds}")

    return validate


def _with_numpy(_: object, attribute: attrs.Attribute[bool], value: object) -> None:
    if value and numpy() is None:
        raise InputError(f"{attribute.name} needs an extra: pip install 'cf-vectorize[numpy]'")


@attrs.frozen(kw_only=True)
class InsertOptions:
    """The same with every default; see `InsertArguments`."""

    unparsable: Literal["error", "discard"] = attrs.field(default="error", validator=_one_of("error", "discard"))
    check: bool = True
    dimensions: int | None = None
    batch_vectors: int = attrs.field(
        default=VECTORS_PER_INSERT, validator=_within(1, VECTORS_PER_INSERT, "Cloudflare's limit")
    )
    batch_bytes: int = attrs.field(
        default=INSERT_BODY_BYTES, validator=_within(1, INSERT_BODY_BYTES, "Cloudflare's 100 MB")
    )
    concurrency: int = attrs.field(default=4, validator=_within(1, None, ""))
    rejects: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    journal: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    on_changed: Literal["refuse", "resend"] = attrs.field(default="refuse", validator=_one_of("refuse", "resend"))
    on_error: Literal["stop", "continue"] = attrs.field(default="stop", validator=_one_of("stop", "continue"))
    on_progress: Callable[[Progress], None] | None = None
    compact: bool = attrs.field(default=False, validator=_with_numpy)
    verify: bool | int = attrs.field(default=False, validator=_within(0, None, ""))
