"""What both faces are made of: an index with its settings, and what their methods call.

That is imported when a method is first called: imports are most of what making a client takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cf_vectorize.base.extras import Late
from cf_vectorize.base.options import typed_late
from cf_vectorize_overlay.limits import TIMEOUT

if TYPE_CHECKING:
    from cf_vectorize.base import arguments, logs
    from cf_vectorize.base import budget as budgets
    from cf_vectorize.load import insert as load
    from cf_vectorize.load import options as load_options
    from cf_vectorize.read import export, fetch
    from cf_vectorize.read import options as read_options
    from cf_vectorize.read import verify as reading_back
    from cf_vectorize.source import open as opening
    from cf_vectorize_overlay import index as overlay
    from cf_vectorize_overlay.pacing import Budget
else:
    arguments = Late("cf_vectorize.base.arguments")
    logs = Late("cf_vectorize.base.logs")
    budgets = Late("cf_vectorize.base.budget")
    load = Late("cf_vectorize.load.insert")
    load_options = Late("cf_vectorize.load.options")
    read_options = Late("cf_vectorize.read.options")
    export = Late("cf_vectorize.read.export")
    fetch = Late("cf_vectorize.read.fetch")
    reading_back = Late("cf_vectorize.read.verify")
    opening = Late("cf_vectorize.source.open")
    overlay = Late("cf_vectorize_overlay.index")

__all__ = ["Client", "export", "fetch", "load", "load_options", "opening", "read_options", "reading_back"]


class Client:
    """What both faces are: an index, and the settings by which it is reached."""

    @typed_late
    def __init__(  # noqa: PLR0913 - the settings of a client, all but the first by name
        self,
        index: str,
        *,
        account_id: str | None = None,
        api_token: str | None = None,
        api_email: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT,
        give_up_after: float | None = None,
        requests_per_5min: int | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._name = index
        try:
            logs.log_as_told()
            requests = arguments.or_none(arguments.whole(1))("requests_per_5min", requests_per_5min)
            self._index = overlay.Index(
                index,
                account_id=account_id,
                api_token=api_token,
                api_email=api_email,
                api_key=api_key,
                base_url=base_url,
                timeout=timeout,
                give_up_after=give_up_after,
                budget=budget,
            )
            if budget is None:
                self._index.budget = budgets.shared_budget(self._index.asker, requests)
        finally:
            # Error reporters print the locals of the frames that an error passes.
            del account_id, api_token, api_email, api_key, base_url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"
