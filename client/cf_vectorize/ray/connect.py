"""Clients in tasks: made where they are used, from credentials that no task carries unless that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from cf_vectorize.client import Vectorize
from cf_vectorize_overlay.credentials import Credentials, checked_base_url
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import GIVE_UP_AFTER

from .budget import ClusterBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SECRETS: Final = ("account_id", "api_token", "api_email", "api_key")
# The service answers that it has none of this, or why it does not answer.
NOBODYS_ID: Final = "cf-vectorize-looks-whether-this-index-is-there"


class CarriedCredentials:
    """Credentials that travel with the tasks, for clusters whose workers have none; shown nowhere.

    Whoever can read the cluster's memory can read them: give workers credentials in their environment where you can.

    Args:
        credentials: `account_id`, and `api_token` or `api_email` and `api_key`.

    """

    def __init__(self, **credentials: str) -> None:
        _refuse_unknown(credentials)
        self._credentials = credentials

    def __call__(self) -> Mapping[str, str]:
        """Return them."""
        return self._credentials

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


@attrs.frozen
class Target:
    """How a task reaches an index; holds no client, and no secret but what `credentials` carries.

    Attributes:
        index: Name of the index.
        settings: As for `Vectorize`, without credentials; `requests_per_5min` is for all tasks of all jobs with the
            same ones.
        credentials: Called in each task: what it returns is passed to `Vectorize`.

    """

    index: str
    settings: Mapping[str, Any]
    credentials: Callable[[], Mapping[str, str]] | None = attrs.field(default=None, repr=False)

    def client(self) -> Vectorize:
        """Return a client whose requests count with those of all others in the cluster.

        Raises:
            InputError: A setting is wrong or a credential is missing.
            TypeError: There is no such setting.

        """
        given: dict[str, Any] = dict(self.credentials()) if self.credentials else {}
        # A fresh worker is no client that never had an answer.
        settings = {"give_up_after": GIVE_UP_AFTER, **self.settings}
        try:
            _refuse_unknown(given)
            budget = ClusterBudget(self._budget_name(given), settings.pop("requests_per_5min", None))
            return Vectorize(self.index, budget=budget, **settings, **given)
        finally:
            # Error reporters print the locals of the frames that an error passes.
            given.clear()

    def look(self) -> None:
        """Ask for one id, so that what cannot work is known before there is any task.

        Raises:
            ResponseError: The credentials are refused, there is no such index, or the service does not serve.
            TransportError: The service cannot be reached.

        """
        soon = min(self.settings.get("give_up_after", GIVE_UP_AFTER), 60.0)
        with attrs.evolve(self, settings={**self.settings, "give_up_after": soon}).client() as client:
            client.get_by_ids([NOBODYS_ID])

    def _budget_name(self, given: Mapping[str, str]) -> str:
        found = Credentials.find(*(given.get(name) for name in SECRETS))
        return f"budget-{found.asker(checked_base_url(self.settings.get('base_url')))}"


def target(index: str, settings: dict[str, Any]) -> Target:
    """Return where tasks send to.

    Raises:
        InputError: A credential is among the settings, which would travel with every task.

    """
    for name in SECRETS:
        if settings.pop(name, None) is not None:
            raise InputError(
                f"{name} would travel with every task: set CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN in the "
                "workers' environment, give credentials=FUNCTION that each task calls for them, or, if it must be, "
                f"credentials=CarriedCredentials({name}=…)"
            )
    if (credentials := settings.get("credentials")) is not None and not callable(credentials):
        raise InputError("credentials is no function; give one that returns a dict of api_token and the like")
    return Target(index, credentials=settings.pop("credentials", None), settings=settings)


def _refuse_unknown(credentials: Mapping[str, str]) -> None:
    for name in credentials:
        if name not in SECRETS:
            raise InputError(f"credentials have no {name}; there are {', '.join(SECRETS)}")
