"""SIGKILL under load: nothing that was acknowledged is lost. `nox -s kills` does it hundreds of times."""

from __future__ import annotations

import os
import random
import threading
from typing import TYPE_CHECKING

import httpx
from raw_api import AUTHORIZED, NDJSON, ndjson, vector

from cf_vectorize_emulator.server import EmulatorProcess

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("EMULATOR_KILLS", "4"))
SENDERS = 3
BATCH = 100


class Load:
    """Senders that note every batch whose mutation id they were given."""

    def __init__(self, base_url: str, life: int) -> None:
        self.acknowledged: list[str] = []
        self.first = threading.Event()
        self._url = f"{base_url}/accounts/a/vectorize/v2/indexes/i/insert"
        self._threads = [threading.Thread(target=self._send, args=(f"{life}-{number}",)) for number in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def _send(self, name: str) -> None:
        batch = 0
        with httpx.Client(headers={**AUTHORIZED, **NDJSON}, timeout=60) as client:
            while True:
                ids = [f"{name}-{batch}-{number}" for number in range(BATCH)]
                try:
                    answer = client.post(self._url, content=ndjson(*map(vector, ids)))
                except httpx.TransportError:
                    return
                assert answer.json()["result"]["mutationId"]
                self.acknowledged += ids
                self.first.set()
                batch += 1

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


def test_a_killed_server_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    arguments = ("--quiet", "--data", str(tmp_path), "--visible", "immediately")
    acknowledged: list[str] = []
    for life in range(KILLS):
        process = EmulatorProcess(*arguments)
        load = Load(process.base_url, life)
        assert load.first.wait(100)
        threading.Event().wait(random.uniform(0, 0.3))  # anywhere in a request, a transaction, a checkpoint
        process.kill()
        load.join()
        acknowledged += load.acknowledged
    with EmulatorProcess(*arguments) as process, httpx.Client(headers=AUTHORIZED, timeout=60) as client:
        url = f"{process.base_url}/accounts/a/vectorize/v2/indexes/i/get_by_ids"
        found: set[str] = set()
        for start in range(0, len(acknowledged), 20):
            answer = client.post(url, json={"ids": acknowledged[start : start + 20]})
            found.update(item["id"] for item in answer.json()["result"])
    assert acknowledged
    assert set(acknowledged) <= found


def test_what_was_pending_at_the_kill_becomes_readable_after_it(tmp_path: Path) -> None:
    url = "{}/accounts/a/vectorize/v2/indexes/i/{}"
    process = EmulatorProcess("--quiet", "--data", str(tmp_path), "--visible", "held")
    with httpx.Client(headers=AUTHORIZED, timeout=60) as client:
        client.post(url.format(process.base_url, "insert"), content=ndjson(vector("a")), headers=NDJSON)
        process.kill()
        with EmulatorProcess("--quiet", "--data", str(tmp_path)) as again:
            lookup = url.format(again.base_url, "get_by_ids")
            assert client.post(lookup, json={"ids": ["a"]}).json()["result"] == []
            control = again.base_url.replace("client/v4", "__emulator__/release")
            assert client.post(control, json={}).json() == {"released": 1}
            assert len(client.post(lookup, json={"ids": ["a"]}).json()["result"]) == 1
