"""One index, one request at a time: sent, sent again where that may help, answered with a result or a typed error."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, Self, TypeGuard, TypeVar

import attrs

from .body import opened
from .bounds import Exchange
from .credentials import Credentials, checked_base_url, is_loopback
from .errors import InputError, RateLimitError, ResponseError, TransportError, UnexpectedResponseError, VectorizeError
from .limits import GIVE_UP_AFTER, IDS_PER_GET_BY_IDS, TIMEOUT
from .pacing import RETRY_AFTER_CAP, Attempts, pause_before_retry
from .vector import id_problem
from .wire import ANSWER, VECTORS_ANSWER, Wire

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from typing import IO, Literal

    from .body import Body
    from .pacing import Budget
    from .vector import Vector

T = TypeVar("T")

# Seconds in which a client that never had an answer goes on trying to connect, where nobody said otherwise.
CONNECT_PATIENCE = 15.0
# Wrong answers after which a request is given up, but for an insert: a load waits for all that may pass.
WRONG_ANSWERS = 3
# Seconds between two warnings of one client; what happens in between is told at a lower level.
QUIET = 60.0
# Waits below this, in seconds, are not worth a word.
NOTICED = 1.0
INDEX_NAME_LENGTH = 64
BUDGET = ("ask", "give_back", "block")
LOGGER = logging.getLogger("cf_vectorize")


class Index:
    """A Vectorize index, for one request at a time.

    Safe to use from several threads. A context manager; without `with`, call `close()`.

    Args:
        name: Name of the index.
        account_id: Cloudflare account id. Default: `CLOUDFLARE_ACCOUNT_ID`.
        api_token: API token; `insert` needs Vectorize Write, `get_by_ids` Vectorize Read or Write. Default:
            `CLOUDFLARE_API_TOKEN`.
        api_email: Account email, with `api_key` in place of a token. Default: `CLOUDFLARE_EMAIL`.
        api_key: Global API key. Default: `CLOUDFLARE_API_KEY`.
        base_url: Where the API is. Default: `CLOUDFLARE_BASE_URL`, or Cloudflare's.
        timeout: Seconds that connecting, each write, and the answer after the last of them may take. Default 60.
        give_up_after: Seconds from the first failure of a request in which it is tried again. Default 600, twice
            the account's five-minute block; and 15 for connecting where nothing was ever answered.
        budget: What says when a request may start, such as `cf_vectorize.AccountBudget()`. Default: nothing does.

    Raises:
        InputError: A credential is missing, or another argument is not what it should be.

    """

    def __init__(  # noqa: PLR0913 - the settings of a client, all but the first by name
        self,
        name: str,
        *,
        account_id: str | None = None,
        api_token: str | None = None,
        api_email: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT,
        give_up_after: float | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.name = name
        try:
            credentials = Credentials.find(account_id, api_token, api_email, api_key)
            self._base_url = checked_base_url(base_url)
        except InputError as error:
            # Error reporters print the locals of the frames that an error passes.
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            del account_id, api_token, api_email, api_key, base_url
        _refuse_settings(name, timeout, give_up_after, budget)
        self._credentials = credentials
        # Who named no patience, and never had an answer, is told soon that the service cannot be reached.
        self._unreached = give_up_after is None
        self._patience = GIVE_UP_AFTER if give_up_after is None else give_up_after
        self.budget = budget
        self._wire = Wire(self._base_url, credentials, timeout)
        self._warned_at = -math.inf
        self._warning = threading.Lock()
        # The last refusal for too many requests, when it came, and until when it holds.
        self._throttled: tuple[RateLimitError, float, float] | None = None
        if self._base_url.startswith("http:") and not is_loopback(self._base_url):
            LOGGER.warning("%s is not encrypted: the credentials can be read on the way", self._base_url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    @property
    def asker(self) -> str:
        """Who asks whom, as a text that two indexes share only where credentials and service are one."""
        return self._credentials.asker(self._base_url)

    @property
    def target(self) -> str:
        """What requests go to, as a text that two indexes share only where account, service and name are one."""
        told = f"{self._base_url}\n{self._credentials.account_id}\n{self.name}"
        return f"{self.name} {hashlib.blake2b(told.encode(), digest_size=8).hexdigest()}"

    def insert(
        self,
        body: str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview | Body,
        *,
        unparsable: Literal["error", "discard"] = "error",
        attempts: Attempts | None = None,
    ) -> str:
        """Send one NDJSON body as one request; its lines are not looked at.

        Args:
            body: A path, an open binary file or bytes: at most 5,000 vectors and 99,999,999 bytes, Cloudflare's
                limits.
            unparsable: What the service does with a line that it cannot parse: refuse the request ("error"), or drop
                the line without a word ("discard").
            attempts: Counts what it takes, and may break it off; for engines, which give a `Body` too.

        Returns:
            The mutation id. The vectors can be read some seconds later; of an id that the index already holds, the
            first version stays.

        Raises:
            InputError: The body cannot be read, has no size beforehand, or is too large; nothing was sent.
            ResponseError: The service refused it, or kept failing.
            TransportError: The service could not be reached.

        """
        if unparsable not in {"error", "discard"}:
            raise InputError(f"unparsable is {unparsable!r}; it is 'error' or 'discard'")
        with opened(body) as sized:
            once = partial(self._wire.insert, self.name, sized, unparsable)
            return self._until_answered(once, attempts or Attempts(), size=len(sized), wrong=math.inf)

    def get_by_ids(self, ids: Iterable[str], attempts: Attempts | None = None) -> list[Vector]:
        """Fetch vectors in one request.

        Args:
            ids: At most 20 ids, Cloudflare's limit, each 1 to 64 bytes of UTF-8.
            attempts: As for `insert`.

        Returns:
            Those that the index holds, in no promised order.

        Raises:
            InputError: There are none or too many, or one is no id; nothing was sent.
            ResponseError: The service refused it, or kept failing.
            TransportError: The service could not be reached.

        """
        asked = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        if not 0 < len(asked) <= IDS_PER_GET_BY_IDS:
            raise InputError(f"{len(asked)} ids were given; a request takes 1 to {IDS_PER_GET_BY_IDS}")
        for identity in asked:
            if problem := id_problem(identity):
                raise InputError(f"the id {identity!r} {problem}")
        once = partial(self._wire.get_by_ids, self.name, asked)
        return self._until_answered(once, attempts or Attempts(), most=VECTORS_ANSWER)

    def _until_answered(
        self,
        once: Callable[[Exchange], T],
        attempts: Attempts,
        *,
        most: int = ANSWER,
        size: int = 0,
        wrong: float = WRONG_ANSWERS,
    ) -> T:
        """Send a body of `size` bytes until an answer of at most `most` is right, `wrong` are not, or time is up."""
        failures, give_up_at = 0, math.inf
        patient_until = time.monotonic() + CONNECT_PATIENCE
        while True:
            self._wait_for_budget(attempts)
            attempts.made += 1
            exchange = Exchange(most, size)
            if self._unreached:
                exchange.connecting = max(1.0, patient_until - time.monotonic())
            try:
                try:
                    result = once(exchange)
                finally:
                    if self.budget is not None:
                        self.budget.give_back(exchange.headers)
            except VectorizeError as error:
                failures += 1
                now = time.monotonic()
                give_up_at = min(give_up_at, now + self._patience)
                if isinstance(error, TransportError) and error.connecting and exchange.connecting is not None:
                    give_up_at = min(give_up_at, patient_until)
                wrong -= isinstance(error, UnexpectedResponseError)
                pause = self._pause(error, failures)
                if not error.retryable or now + pause > give_up_at or not wrong:
                    raise
                # Whoever no longer wants the answer may have closed the connection, which is no trouble to tell of.
                if not attempts.stop.is_set():
                    self._say(f"waiting {pause:.1f} s before sending again: {error}")
                attempts.on_retry(error, pause)
                attempts.wait(pause)
            else:
                self._unreached = False
                for text in exchange.notices:
                    self._say(f"answered with success, and with a notice: {text}")
                return result

    def _pause(self, error: VectorizeError, failures: int) -> float:
        """Return the seconds before the next attempt; a throttled worker imposes them on all others."""
        self._unreached = self._unreached and not isinstance(error, ResponseError)
        pause = pause_before_retry(failures, error.retry_after if isinstance(error, ResponseError) else None)
        if isinstance(error, RateLimitError):
            held = min(pause, RETRY_AFTER_CAP)
            if self.budget is not None:
                self.budget.block(held)
            now = time.monotonic()
            self._throttled = error, now, now + held
        return pause

    def _wait_for_budget(self, attempts: Attempts) -> None:
        """Return when a request may start; after each wait that is asked anew, since the service may have refused."""
        waited = 0.0
        while self.budget is not None and (seconds := self.budget.ask()) > 0:
            now = time.monotonic()
            if self._throttled is not None and now < self._throttled[2]:
                error, since, _ = self._throttled
                if now + seconds > since + self._patience:
                    raise attrs.evolve(error)
                reason = "the service asked to wait"
            else:
                # Headers may slow a client down and not stop it.
                if waited >= RETRY_AFTER_CAP and getattr(self.budget, "advisory", False):
                    return
                reason = "the account's requests of 5 minutes are used up"
            if seconds >= NOTICED:
                self._say(f"waiting {seconds:.0f} s: {reason}")
            attempts.on_wait(seconds, reason)
            waited += seconds
            attempts.wait(seconds)

    def _say(self, text: str) -> None:
        """Tell who configured no logging of the first trouble, and of what lasts once a minute."""
        level = logging.INFO
        # Whoever finds it taken is not the first; and a forked process may find it taken for ever.
        if self._warning.acquire(blocking=False):
            now = time.monotonic()
            if now - self._warned_at >= QUIET:
                level, self._warned_at = logging.WARNING, now
            self._warning.release()
        LOGGER.log(level, "%s", text)


def _refuse_settings(name: object, timeout: object, give_up_after: object, budget: object) -> None:
    fits = isinstance(name, str) and 0 < len(name) <= INDEX_NAME_LENGTH and name not in {".", ".."}
    if not fits or not str(name).isprintable():
        raise InputError(f"index is {name!r}; a name has 1 to {INDEX_NAME_LENGTH} characters, all of them printable")
    if not _is_number(timeout) or not 0 < timeout < math.inf:
        raise InputError(f"timeout is {timeout!r}; it is a number of seconds, more than 0 and finite")
    if give_up_after is not None and not (_is_number(give_up_after) and give_up_after >= 0):
        raise InputError(f"give_up_after is {give_up_after!r}; it is a number of seconds, at least 0")
    if budget is not None and not all(callable(getattr(budget, name, None)) for name in BUDGET):
        raise InputError(f"budget is {budget!r}; it has the methods {', '.join(BUDGET)}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
