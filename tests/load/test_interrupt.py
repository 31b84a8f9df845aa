"""Ctrl-C while requests wait for their answers: the first is told at once, the second leaves, the journal is good."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from os import environ
from typing import TYPE_CHECKING, Any

import pytest

from cf_vectorize import InsertInterrupted, Vectorize
from cf_vectorize.load import dispatch, send
from cf_vectorize_overlay.pacing import Attempts
from loads import environment, ids, lines, settings
from scripted_server import Request, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from cf_vectorize import Progress

WAITS = "waiting for 2 requests under way; Ctrl-C again leaves them\n"


class Held:
    """A server that answers four batches, and two more when it is told to; and a loader that waits for those two."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.journal, source = folder / "journal", folder / "vectors.ndjson"
        source.write_bytes(b"".join(lines(10)))
        self._arrived = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.server = stack.enter_context(ScriptedServer())
        self.server.before_answer = self._hold
        options = ["--batch-vectors", "1", "--concurrency", "2", "--journal", self.journal]
        self._command = [sys.executable, "-m", "cf_vectorize", "insert", "index", source, *options]
        self.loader = stack.enter_context(self._start())
        stack.callback(self.loader.kill)
        for _ in range(2):
            assert self._arrived.acquire(timeout=30)

    def _hold(self, request: Request) -> None:
        if request.ids[0] in ids(6)[4:]:
            self._arrived.release()
            self.go_on.wait(60)

    def _start(self) -> subprocess.Popen[str]:
        pipe, variables = subprocess.PIPE, environ | environment(self.server.url)
        return subprocess.Popen(self._command, env=variables, stdout=pipe, stderr=pipe, text=True)

    def interrupt(self) -> None:
        self.loader.send_signal(signal.SIGINT)

    def said(self) -> str:
        assert self.loader.stderr
        return self.loader.stderr.readline()

    def left(self) -> str:
        """Wait until the loader has ended, for less than it waits for an answer, and give what it printed."""
        out, err = self.loader.communicate(timeout=30)
        assert self.loader.returncode == 130
        assert err == f"interrupted; the same command goes on from {self.journal}\n"
        return out

    def noted(self) -> list[int]:
        return sorted(json.loads(entry)["start"] for entry in self.journal.read_bytes().splitlines()[1:])

    def goes_on(self) -> list[str]:
        """Run the same command again, and give what it sends."""
        self.go_on.set()
        before = len(self.server.inserts)
        with self._start() as again:
            assert again.wait(30) == 0
        return [name for request in self.server.inserts[before:] for name in request.ids]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    with ExitStack() as stack:
        yield Held(tmp_path, stack)


def test_the_first_says_what_it_waits_for_and_notes_what_is_answered(held: Held) -> None:
    held.interrupt()
    assert held.said() == WAITS
    held.go_on.set()
    assert held.left().startswith("6 vectors accepted in 6 batches, in ")
    assert len(held.noted()) == 6
    assert sorted(held.goes_on()) == ids(10)[6:]


def test_the_second_leaves_before_any_answer_and_the_same_command_goes_on(held: Held) -> None:
    held.interrupt()
    assert held.said() == WAITS
    held.interrupt()
    assert held.left().startswith("4 vectors accepted in 4 batches, in ")
    size = len(lines(1)[0])
    assert held.noted() == [0, size, 2 * size, 3 * size]
    assert sorted(held.goes_on()) == ids(10)[4:]
    assert len(held.server.stored) == 10


def test_nobody_writes_once_a_load_was_left(tmp_path: Path) -> None:
    """A program that lives on may have opened other files under the numbers of those that were closed."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold(_request: Request) -> None:
        arrived.set()
        go_on.wait(30)

    class Source:
        """Gives a batch, and when that waits for its answer the first Ctrl-C."""

        def __init__(self) -> None:
            self._pieces = [b'{"id":"bad"}\n' + lines(1)[0]]

        def read(self, _size: int) -> bytes:
            if not self._pieces:
                assert arrived.wait(30)
                signal.raise_signal(signal.SIGINT)
            return self._pieces.pop()

    main = threading.current_thread()

    def again(progress: Progress) -> None:
        if progress.awaited and threading.current_thread() is main:
            signal.raise_signal(signal.SIGINT)

    options: Any = {"journal": tmp_path / "journal", "rejects": tmp_path / "bad", "on_progress": again}
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index, ExitStack() as stack:
        server.before_answer = hold
        stack.callback(go_on.set)
        before = set(threading.enumerate())
        with pytest.raises(InsertInterrupted) as caught:
            index.insert(Source(), batch_vectors=2, **options)
        assert caught.value.report.batches == ()
        assert str(caught.value).startswith("nothing accepted, in ")
        others = [stack.enter_context((tmp_path / f"other{number}").open("ab")) for number in range(9)]
        left = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("cf-vectorize")]
        assert left
        go_on.set()
        for thread in left:
            thread.join(30)
        assert list(server.acknowledged) == ids(1)
        assert [other.tell() for other in others] == [0] * 9
    assert (tmp_path / "journal").read_bytes().count(b"\n") == 1
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_batch_that_is_being_handed_over_is_noted_where_it_is_sent(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes between the steps by which the third of nine batches gets to a thread."""
    arrived = threading.Semaphore(0)
    submitted = 0

    class Interrupted(ThreadPoolExecutor):
        def submit(self, *given: Any, **named: Any) -> Future[Any]:
            nonlocal submitted
            submitted += 1
            if submitted == 3 and moment == "before":
                raise KeyboardInterrupt
            future = super().submit(*given, **named)
            if submitted == 3:
                assert [arrived.acquire(timeout=60) for _ in range(3)] == [True] * 3
                raise KeyboardInterrupt
            return future

    monkeypatch.setattr(dispatch, "ThreadPoolExecutor", Interrupted)
    journal = tmp_path / "journal"
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        server.before_answer = lambda _request: arrived.release()
        with pytest.raises(InsertInterrupted) as caught:
            index.insert(lines(9), batch_vectors=1, concurrency=1, journal=journal)
    expected = 2 if moment == "before" else 3
    assert caught.value.report.vectors == len(server.stored) == expected
    assert journal.read_bytes().count(b"\n") == 1 + expected


def test_what_waits_for_its_turn_is_not_waited_for() -> None:
    """No request is under way: all of them wait for the account's budget, for minutes."""
    seen: list[Progress] = []
    held: list[Attempts] = []
    pause = threading.Event()

    def interrupt() -> None:
        while sum(attempts.waiting for attempts in held) < 2:
            pause.wait(0.001)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with (
        pytest.MonkeyPatch.context() as patch,
        ScriptedServer() as server,
        Vectorize("index", **settings(server.url, requests_per_5min=1)) as index,
    ):
        patch.setattr(send, "Attempts", lambda stop: held.append(Attempts(stop)) or held[-1])
        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        with pytest.raises(InsertInterrupted) as caught:
            index.insert(lines(9), batch_vectors=1, concurrency=2, on_progress=seen.append)
        interrupting.join()
    assert caught.value.report.vectors == len(server.stored) == 1
    assert {progress.awaited for progress in seen} == {0}
