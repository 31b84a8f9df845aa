"""One budget for an account in a cluster: an actor that all tasks of all jobs ask."""

from __future__ import annotations

import pickle
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import ray
from ray.exceptions import RayActorError
from ray.experimental import internal_kv

from cf_vectorize.base.budget import AccountBudget
from cf_vectorize_overlay.limits import WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE: Final = "cf-vectorize"
# Longer than the service remembers: what is forgotten with an actor that has left is of no use.
IDLE_SECONDS: Final = 2.0 * WINDOW_SECONDS
RATE_HEADERS: Final = ("ratelimit", "ratelimit-policy")
# Between attempts to reach an actor that died, and how many there are.
AGAIN_AFTER: Final = 0.5
ATTEMPTS: Final = 60


class BudgetActor(AccountBudget):
    """An account's budget that survives the end of its process: it is noted in the cluster's store.

    By the clock of the wall, which goes on when a process ends.

    Args:
        name: The actor's name, under which it notes.
        idle: Seconds without a request after which it leaves.

    """

    def __init__(self, name: str, idle: float = IDLE_SECONDS) -> None:
        super().__init__(clock=time.time)
        if noted := internal_kv._internal_kv_get(name.encode(), namespace=NAMESPACE):  # noqa: SLF001 - no public name
            vars(self).update(pickle.loads(noted))  # noqa: S301 - the cluster's own
        self._key, self._idle = name.encode(), idle
        self._used = time.monotonic()
        myself = ray.get_runtime_context().current_actor
        threading.Thread(target=self._leave_when_idle, args=(myself,), daemon=True).start()

    def ask(self) -> float:
        """Do what `Budget.ask` does, and note it."""
        self._used = time.monotonic()
        seconds = super().ask()
        if not seconds:
            self._note()
        return seconds

    def block(self, seconds: float) -> None:
        """Do what `Budget.block` does, and note it."""
        super().block(seconds)
        self._note()

    def _leave_when_idle(self, myself: Any) -> None:
        """End this actor when nobody has asked for long: by force, for an exit waits for what it asked itself."""
        while (left := self._used + self._idle - time.monotonic()) > 0:
            time.sleep(left)
        internal_kv._internal_kv_del(self._key, namespace=NAMESPACE)  # noqa: SLF001 - no public name writes it
        ray.kill(myself)

    def _note(self) -> None:
        noted = pickle.dumps({name: value for name, value in vars(self).items() if name != "_lock"})
        internal_kv._internal_kv_put(self._key, noted, overwrite=True, namespace=NAMESPACE)  # noqa: SLF001


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
        self._actor: Any = None

    def ask(self) -> float:
        """Count a request and return 0, or count nothing and return the seconds after which to ask again."""
        for _ in range(ATTEMPTS):
            try:
                # Not `ray.get`, which hands the CPU of a waiting task to others.
                seconds: float = self._found().ask.remote().future().result()
            except RayActorError:
                self._actor = None
                time.sleep(AGAIN_AFTER)
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
        actor = self._actor
        if actor is None:
            options = {"name": self._name, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
            actor = ray.remote(num_cpus=0)(BudgetActor).options(**options).remote(self._name, self._idle)
            if self._requests is not None:
                actor.limit.remote(self._requests)
            self._actor = actor
        return actor
