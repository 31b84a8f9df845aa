"""Clients in tasks: made where they are used, from credentials that no task carries unless that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
        self._credentials = credentials

    def __call__(self) -> Mapping[str, str]:
        """Return them."""
        return self._credentials


class Target:
    """How a task reaches an index; holds no client, and no secret but what `credentials` carries.

    Args:
        index: Name of the index.
        settings: As for `Vectorize`, without credentials; `requests_per_5min` is for all tasks of all jobs with the
            same ones. `credentials` is called in each task, and returns them.

    Raises:
        InputError: A credential is among the settings, which would travel with every task.

    """

    def __init__(self, index: str, settings: dict[str, Any]) -> None:
        for name in SECRETS:
            if settings.pop(name, None) is not None:
                raise InputError(
                    f"{name} would travel with every task: set CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN in the "
                    "workers' environment, give credentials=FUNCTION that each task calls for them, or, if it must "
                    f"be, credentials=CarriedCredentials({name}=…)"
                )
        self._index = index
        credentials = settings.pop("credentials", None)
        self._credentials: Callable[[], Mapping[str, str]] = dict if credentials is None else credentials
        if not callable(self._credentials):
            raise InputError("credentials is no function; give one that returns a dict of api_token and the like")
        # A fresh worker is no client that never had an answer.
        self._settings = {"give_up_after": GIVE_UP_AFTER, **settings}
        self._requests = self._settings.pop("requests_per_5min", None)

    def client(self, **settings: Any) -> Vectorize:
        """Return a client whose requests count with those of all others in the cluster.

        Args:
            settings: In place of those of all tasks.

        Raises:
            InputError: A setting is wrong or a credential is missing.
            TypeError: There is no such setting.

        """
        given: dict[str, Any] = dict(self._credentials())
        try:
            asker = Credentials.find(*map(given.get, SECRETS)).asker(checked_base_url(self._settings.get("base_url")))
            budget = ClusterBudget(f"budget-{asker}", self._requests)
            return Vectorize(self._index, budget=budget, **{**self._settings, **settings}, **given)
        finally:
            # Error reporters print the locals of the frames that an error passes.
            given.clear()

    def look(self) -> None:
        """Ask for one id, so that what cannot work is known before there is any task.

        Raises:
            ResponseError: The credentials are refused, there is no such index, or the service does not serve.
            TransportError: The service cannot be reached.

        """
        with self.client(give_up_after=min(self._settings["give_up_after"], 60.0)) as client:
            client.get_by_ids([NOBODYS_ID])
