"""The emulator against a dictionary, through any sequence of inserts, waits, restarts and kills."""

from __future__ import annotations

import struct
import tempfile
from typing import TYPE_CHECKING, Any

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from raw_api import Api, code, ndjson, vector

from cf_vectorize_emulator.server import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterable

IDS = [f"id-{number}" for number in range(12)]
VECTORS = st.builds(
    vector,
    st.sampled_from(IDS),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    namespace=st.sampled_from([None, "n"]),
    metadata=st.sampled_from([None, {}, {"a": [1, "ü"]}]),
)
BATCHES = st.lists(VECTORS, min_size=1, max_size=6)


def as_stored(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "values": struct.pack(f"{len(item['values'])}f", *item["values"])}


class EmulatorModel(RuleBasedStateMachine):
    """`accepted` holds what was acknowledged, `readable` what was released: the first version of each id."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.accepted: dict[str, dict[str, Any]] = {}
        self.readable: dict[str, dict[str, Any]] = {}
        self.exists = False
        self._begin()

    def _begin(self) -> None:
        self.process = EmulatorProcess("--quiet", "--data", self.folder.name, "--visible", "held")
        self.client = httpx.Client(base_url=self.process.base_url.removesuffix("/client/v4"), timeout=60)
        self.api = Api(self.client, "i")

    def _accept(self, vectors: Iterable[dict[str, Any]]) -> None:
        self.exists = True
        for item in vectors:
            self.accepted.setdefault(item["id"], item)

    @rule(batch=BATCHES)
    def insert(self, batch: list[dict[str, Any]]) -> None:
        assert self.api.insert(*batch).is_success
        self._accept(batch)

    @rule(batch=BATCHES)
    def insert_with_a_bad_line(self, batch: list[dict[str, Any]]) -> None:
        assert code(self.api.send(ndjson(*batch) + b"{\n")) == 40023

    @rule(batch=BATCHES, wrong=st.integers(33, 40))
    def insert_with_wrong_dimensions(self, batch: list[dict[str, Any]], wrong: int) -> None:
        assert code(self.api.insert(*batch, {"id": "wrong", "values": [1] * wrong})) == 40012

    @rule(batch=BATCHES)
    def discard_a_bad_line(self, batch: list[dict[str, Any]]) -> None:
        answer = self.api.send(b"{\n" + ndjson(*batch), params={"unparsable-behavior": "discard"})
        assert answer.is_success
        self._accept(batch)

    @rule(batch=BATCHES)
    def lose_the_answer(self, batch: list[dict[str, Any]]) -> None:
        self.client.post("/__emulator__/faults", json={"reset": "after"})
        try:
            self.api.insert(*batch)
        except httpx.TransportError:
            self._accept(batch)
        else:
            raise AssertionError("an answer came")

    @rule()
    def release(self) -> None:
        self.client.post("/__emulator__/release", json={})
        self.readable = dict(self.accepted)

    @rule()
    def restart(self) -> None:
        self.process.stop()
        self.client.close()
        self._begin()

    @rule()
    def kill(self) -> None:
        self.process.kill()
        self.client.close()
        self._begin()

    @invariant()
    def what_is_readable_is_what_was_released(self) -> None:
        if not self.exists:
            assert code(self.api.get(*IDS)) == 3000
            return
        found = self.api.found(*IDS, "wrong")
        assert {vector_id: as_stored(item) for vector_id, item in found.items()} == {
            vector_id: as_stored(item) for vector_id, item in self.readable.items()
        }

    @invariant()
    def the_state_counts_what_was_accepted(self) -> None:
        state = self.client.get("/__emulator__/state").json()
        assert sum(index["vectors"] for index in state["indexes"]) == len(self.accepted)

    def teardown(self) -> None:
        self.process.stop()
        self.client.close()
        self.folder.cleanup()


TestEmulatorModel = EmulatorModel.TestCase
TestEmulatorModel.settings = settings(
    max_examples=5,
    stateful_step_count=12,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would start hundreds of processes
)
