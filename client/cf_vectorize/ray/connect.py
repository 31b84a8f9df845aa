"""Clients in tasks: made where they are used, from credentials that no task carries unless that is asked for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import attrs

from cf_vectorize.client import Vectorize
from cf_vectorize_overlay.credentials import Credentials, checked_base_url
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import GIVE_UP_AFTER, TIMEOUT

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


@attrs.frozen(kw_only=True)
class Target:
    """How a task reaches an index; holds no client, and no secret but what `credentials` carries.

    Attributes:
        index: Name of the index.
        base_url: As for `Vectorize`; by default what a worker's environment says.
        timeout: As for `Vectorize`.
        give_up_after: As for `Vectorize`; 600, for a fresh worker is no client that never had an answer.
        requests_per_5min: Requests in any 5 minutes by all tasks of all jobs with the same credentials.
        credentials: Called in each task: what it returns is passed to `Vectorize`.

    """

    index: str
    base_url: str | None = None
    timeout: float = TIMEOUT
    give_up_after: float = GIVE_UP_AFTER
    requests_per_5min: int | None = None
    credentials: Callable[[], Mapping[str, str]] | None = attrs.field(default=None, repr=False)

    def client(self) -> Vectorize:
        """Return a client whose requests count with those of all others in the cluster.

        Raises:
            InputError: A setting is wrong or a credential is missing.

        """
        given = dict(self.credentials()) if self.credentials else {}
        try:
            _refuse_unknown(given)
            return Vectorize(
                self.index,
                base_url=self.base_url,
                timeout=self.timeout,
                give_up_after=self.give_up_after,
                budget=ClusterBudget(self._budget_name(given), self.requests_per_5min),
                account_id=given.get("account_id"),
                api_token=given.get("api_token"),
                api_email=given.get("api_email"),
                api_key=given.get("api_key"),
            )
        finally:
            # Error reporters print the locals of the frames that an error passes.
            given.clear()

    def look(self) -> None:
        """Ask for one id, so that what cannot work is known before there is any task.

        Raises:
            ResponseError: The credentials are refused, there is no such index, or the service does not serve.
            TransportError: The service cannot be reached.

        """
        with attrs.evolve(self, give_up_after=min(self.give_up_after, 60.0)).client() as client:
            client.get_by_ids([NOBODYS_ID])

    def _budget_name(self, given: Mapping[str, str]) -> str:
        found = Credentials.find(*(given.get(name) for name in SECRETS))
        asker = f"{checked_base_url(self.base_url)}\n{found.secrets}"
        return f"budget-{hashlib.blake2b(asker.encode(), digest_size=16).hexdigest()}"


def target(index: str, settings: dict[str, Any]) -> Target:
    """Return where tasks send to.

    Raises:
        InputError: A credential is among the settings, which would travel with every task.
        TypeError: There is no such setting.

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
    return Target(index=index, **settings)


def _refuse_unknown(credentials: Mapping[str, str]) -> None:
    for name in credentials:
        if name not in SECRETS:
            raise InputError(f"credentials have no {name}; there are {', '.join(SECRETS)}")
