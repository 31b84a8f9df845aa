"""Everything that makes up one emulator, and what a test, a control route or the page may do with it."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .core.activity import Activity
from .core.faults import Fault, Faults, read_faults
from .core.names import check_declared, check_token
from .core.rate import Rate, RateLimit
from .core.service import Service
from .core.store import Store
from .core.visibility import Order, Visibility

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Settings:
    """How an emulator is set up.

    Args:
        data: Folder of the data file; None keeps nothing beyond the emulator's life.
        indexes: Dimensions of indexes that exist from the start: by `NAME` for every account, by `ACCOUNT/NAME`
            for one.
        declared_only: Refuse an insert into any other index, as the live service does, instead of creating it.
        visibility: When accepted vectors become readable.
        token: The only token (or key) that is accepted; None accepts any well-formed one, and leaves the control
            routes open.
        rate: Requests allowed; None keeps no limit.
        faults: What goes wrong from the start.

    Raises:
        ValueError: One of them has a value that it cannot have.

    """

    data: Path | None = None
    indexes: Mapping[str, int] = field(default_factory=dict)
    declared_only: bool = False
    visibility: Visibility = field(default_factory=Visibility)
    token: str | None = field(default=None, repr=False)
    rate: Rate | None = None
    faults: Sequence[Fault] = ()

    def __post_init__(self) -> None:
        for name, dimensions in self.indexes.items():
            check_declared(name, dimensions)
        Faults(self.faults)
        RateLimit(self.rate)
        if not isinstance(self.visibility, Visibility):
            raise ValueError(f"{self.visibility!r} is not a Visibility")  # noqa: TRY004 - as every other one
        if self.token is not None:
            check_token(self.token)


class Emulator:
    """One emulator: its indexes, and what is going to happen to requests.

    Args:
        service: What performs the operations.
        settings: How it is set up.

    """

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self.token = settings.token
        self.activity = Activity()
        self._settings = settings
        self.faults = Faults(settings.faults)
        self.rate_limit = RateLimit(settings.rate)

    def set_visibility(self, visible: str | float, jitter: float = 0.0, order: Order = "accepted") -> None:
        """Decide when vectors become readable that are accepted from now on.

        Args:
            visible: `immediately`, `held` (until `release`) or a number of seconds.
            jitter: Up to this many seconds later, drawn for each mutation.
            order: `accepted`, `any` or `scattered`.

        Raises:
            ValueError: One of them is not what it can be.

        """
        self.service.visibility = Visibility.parse(visible, jitter, order)

    def release(self) -> int:
        """Make everything readable that was accepted, and return how many mutations were pending."""
        return self.service.release()

    def inject(self, *faults: Fault) -> None:
        """Let faults wait behind those that are there.

        Args:
            faults: In the order in which they go wrong.

        Raises:
            ValueError: One of them is no `Fault`.

        """
        self.faults.add(*faults)

    def inject_json(self, document: Any) -> None:
        """Let faults wait that a document describes: an object, or an array of them.

        Args:
            document: Decoded JSON.

        Raises:
            ValueError: One of them is no fault.

        """
        self.inject(*read_faults(document))

    def clear_faults(self) -> None:
        """Take all waiting faults away."""
        self.faults.clear()

    def limit_rate(self, rate: Rate | str | None) -> None:
        """Keep another rate limit, or none, and forget what was counted.

        Args:
            rate: A rate, also as `REQUESTS/SECONDS`; None keeps no limit.

        Raises:
            ValueError: It is neither.

        """
        self.rate_limit = RateLimit(rate if isinstance(rate, Rate | None) else Rate.parse(rate))

    def reset_index(self, account: str, name: str) -> int:
        """Delete an index with all that it holds, and return how many vectors that were.

        Args:
            account: The account's id.
            name: The index's name.

        """
        return self.service.delete_index(account, name)

    def reset(self) -> int:
        """Delete everything, put everything back to how it was set up, and return how many vectors there were.

        Waiting faults are those of the start, visibility and rate limit likewise; what was counted and recorded is
        forgotten.
        """
        deleted = self.service.delete_everything()
        self.restore()
        self.activity.clear()
        return deleted

    def restore(self) -> None:
        """Put visibility, faults and rate limit back to how they were set up."""
        self.service.visibility = self._settings.visibility
        self.faults.clear()
        self.faults.add(*self._settings.faults)
        self.limit_rate(self._settings.rate)


@contextmanager
def open_emulator(settings: Settings) -> Iterator[Emulator]:
    """Open the data file, and close it (or delete it, where nothing is to be kept) at the end.

    Raises:
        OSError: It cannot be opened, or is damaged.

    """
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
