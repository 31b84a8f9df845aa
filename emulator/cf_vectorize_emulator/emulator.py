"""Everything that makes up one emulator, and what a test or a control route may do with it."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .core.activity import Activity
from .core.faults import Fault, Faults
from .core.rate import Rate, RateLimit
from .core.service import Service
from .core.store import Store
from .core.visibility import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Settings:
    """How an emulator is set up.

    Args:
        data: Folder of the data file; None keeps nothing beyond the emulator's life.
        indexes: Dimensions of indexes that exist from the start, by name, in every account.
        declared_only: Refuse an insert into any other index, as the live service does, instead of creating it.
        visibility: When accepted vectors become readable.
        token: The only token (or key) that is accepted; None accepts any well-formed one.
        rate: Requests allowed; None keeps no limit.
        faults: What goes wrong from the start.

    """

    data: Path | None = None
    indexes: Mapping[str, int] = field(default_factory=dict)
    declared_only: bool = False
    visibility: Visibility = field(default_factory=Visibility)
    token: str | None = field(default=None, repr=False)
    rate: Rate | None = None
    faults: Sequence[Fault] = ()


class Emulator:
    """One emulator: its indexes, and what is going to happen to requests.

    Args:
        service: What performs the operations.
        settings: How it is set up.

    """

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self.token = settings.token
        self.faults = Faults(settings.faults)
        self.rate_limit = RateLimit(settings.rate)
        self.activity = Activity()

    def limit_rate(self, rate: Rate | None) -> None:
        """Keep another rate limit, or none, and forget what was counted."""
        self.rate_limit = RateLimit(rate)


@contextmanager
def open_emulator(settings: Settings) -> Iterator[Emulator]:
    """Open the data file, and close it (or delete it, where nothing is to be kept) at the end."""
    folder = (
        tempfile.TemporaryDirectory(prefix="vectorize-") if settings.data is None else nullcontext(str(settings.data))
    )
    with folder as path:
        store = Store(Path(path))
        try:
            service = Service(
                store, settings.visibility, declared=settings.indexes, declared_only=settings.declared_only
            )
            yield Emulator(service, settings)
        finally:
            store.close()
