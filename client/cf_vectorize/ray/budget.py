"""One budget for an account in a cluster: an actor that all tasks of all jobs ask."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import orjson
import ray
from ray.exceptions import RayActorError
from ray.experimental import internal_kv

from cf_vectorize_overlay.limits import WINDOW_SECONDS
from cf_vectorize_overlay.pacing import AccountBudget

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE: Final = "cf-vectorize"
# Longer than the service remembers: what is forgotten with an actor that has left is of no use.
IDLE_SECONDS: Final = 2.0 * WINDOW_SECONDS
RATE_HEADERS: Final = ("ratelimit", "ratelimit-policy")
# Between attempts to reach an actor that died, and how many there are.
AGAIN_AFTER: Final = 0.5
ATTEMPTS: Final = 60


class BudgetActor:
    """An account's budget that survives the end of its process: what it allowed is noted in the cluster's store.

    Args:
        name: The actor's name, under which it notes.
        idle: Seconds without a request after which it leaves.

    """

    def __init__(self, name: str, idle: float = IDLE_SECONDS) -> None:
        self._key, self._idle = name.encode(), idle
        self._now: float | None = None
        self._budget = AccountBudget(clock=self._clock)
        self._starts: deque[float] = deque()
        self._said: list[tuple[float, dict[str, str]]] = []
        self._blocked_until = 0.0
        self._restore()
        self._used = time.monotonic()
        myself = ray.get_runtime_context().current_actor
        threading.Thread(target=self._leave_when_idle, args=(myself,), daemon=True).start()

    def ask(self) -> float:
        """Do what `Budget.ask` does."""
        self._used = time.monotonic()
        seconds = self._budget.ask()
        if not seconds:
            self._starts.append(self._clock())
            while self._starts[0] < self._starts[-1] - WINDOW_SECONDS:
                self._starts.popleft()
            self._note()
        return seconds

    def give_back(self, headers: Mapping[str, str] | None) -> None:
        """Do what `Budget.give_back` does."""
        self._budget.give_back(headers)
        if headers:
            # Policies only ever get stricter: the last one is the one that counts.
            self._said = [(self._clock(), dict(headers))]

    def block(self, seconds: float) -> None:
        """Do what `Budget.block` does."""
        self._budget.block(seconds)
        self._blocked_until = max(self._blocked_until, self._clock() + seconds)
        self._note()

    def limit(self, requests: int) -> None:
        """Allow no more than so many requests in 5 minutes."""
        self._budget.limit(requests)

    def _leave_when_idle(self, myself: Any) -> None:
        """End this actor when nobody has asked for long: by force, for an exit waits for what it asked itself."""
        while (left := self._used + self._idle - time.monotonic()) > 0:
            time.sleep(left)
        internal_kv._internal_kv_del(self._key, namespace=NAMESPACE)  # noqa: SLF001 - no public name writes it
        ray.kill(myself)

    def _clock(self) -> float:
        return time.time() if self._now is None else self._now

    def _note(self) -> None:
        noted = orjson.dumps([list(self._starts), self._said, self._blocked_until])
        internal_kv._internal_kv_put(self._key, noted, overwrite=True, namespace=NAMESPACE)  # noqa: SLF001

    def _restore(self) -> None:
        """Count again what an actor of this name that died had allowed."""
        noted = internal_kv._internal_kv_get(self._key, namespace=NAMESPACE)  # noqa: SLF001
        if not noted:
            return
        starts, said, self._blocked_until = orjson.loads(noted)
        for self._now in starts:
            self._budget.ask()
            self._budget.give_back(None)
        for self._now, headers in said:
            self._budget.give_back(headers)
        self._now = None
        self._starts.extend(starts)
        self._said = [tuple(each) for each in said]
        self._budget.block(max(0.0, self._blocked_until - time.time()))


class ClusterBudget:
    """The budget of an account, as a task sees it; asking takes about a millisecond.

    Args:
        name: What tells accounts apart: a hash of who asks.
        requests: Requests in any 5 minutes, None for what the service allows.
        idle: Seconds without a request after which the actor leaves.

    """

    def __init__(self, name: str, requests: int | None = None, idle: float = IDLE_SECONDS) -> None:
        self._name = name
        self._requests = requests
        self._idle = idle
        self._lock = threading.Lock()
        self._actor: Any = None

    def ask(self) -> float:
        """Count a request and return 0, or count nothing and return the seconds after which to ask again."""
        for _ in range(ATTEMPTS):
            actor = self._found()
            try:
                # Not `ray.get`, which hands the CPU of a waiting task to others.
                seconds: float = actor.ask.remote().future().result()
            except RayActorError:
                self._forget(actor)
            else:
                return seconds
        raise RuntimeError(f"the budget's actor {self._name} in namespace {NAMESPACE} cannot be reached")

    def give_back(self, headers: Mapping[str, str] | None) -> None:
        """Note that a request has ended, and the headers of its answer."""
        told = headers and {name: headers[name] for name in RATE_HEADERS if name in headers}
        self._found().give_back.remote(told)

    def block(self, seconds: float) -> None:
        """Let no request start for so long, wherever it is made."""
        self._found().block.remote(seconds)

    def _found(self) -> Any:
        with self._lock:
            if self._actor is None:
                self._actor = _actor(self._name, self._idle)
                if self._requests is not None:
                    self._actor.limit.remote(self._requests)
            return self._actor

    def _forget(self, actor: Any) -> None:
        with self._lock:
            if self._actor is actor:
                self._actor = None
        time.sleep(AGAIN_AFTER)


def _actor(name: str, idle: float) -> Any:
    options = {"name": name, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
    return ray.remote(num_cpus=0)(BudgetActor).options(**options).remote(name, idle)
