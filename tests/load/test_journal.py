"""A load that was killed goes on where it was: nothing lost, nothing sent again that was noted."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_vectorize import InputError, InsertError, JournalError, RejectedError, Vectorize
from cf_vectorize.base.ledger import Ledger
from cf_vectorize.load.journal import Entry, Journal
from cf_vectorize.load.resume import latest
from loads import ACCOUNT, TOKEN, environment, ids, insert_blocking, line, lines, settings
from scripted_server import Answer, Request, ScriptedServer, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cf_vectorize import InsertReport

BAD = b'{"id":"bad","values":[]}\n'


def entries(journal: Path) -> list[dict[str, Any]]:
    """Return what a journal notes of batches."""
    noted = [json.loads(each) for each in journal.read_bytes().splitlines()[1:]]
    return [each for each in noted if not each["mark"]]


def load(url: str, source: object, journal: Path, **options: Any) -> InsertReport:
    return insert_blocking(
        settings(url), source, **{"batch_vectors": 2, "concurrency": 1, "journal": journal, **options}
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"".join(lines(20)))
    return path


@pytest.fixture
def half(source: Path, tmp_path: Path) -> Path:
    """Load the first five of ten batches, and give the journal of that."""
    journal = tmp_path / "journal"
    with ScriptedServer([*[Answer()] * 5, failure(400, 1, "no")]) as server, pytest.raises(InsertError):
        load(server.url, source, journal)
    assert len(entries(journal)) == 5
    return journal


def test_a_load_goes_on_where_it_failed(source: Path, half: Path) -> None:
    with ScriptedServer() as server:
        report = load(server.url, source, half_of(half, server))
    assert list(server.stored) == ids(20)[10:]
    assert (report.resumed, report.vectors) == (5, 20)
    assert len(report.mutation_ids) == 10


def half_of(journal: Path, server: ScriptedServer) -> Path:
    """Make a journal belong to a load into this server: the port is new in every test."""
    _, *rest = journal.read_bytes().splitlines(keepends=True)
    fresh = journal.with_name("fresh")
    Journal(fresh, target_of(server.url)).__exit__()
    head = fresh.read_bytes()
    fresh.unlink()
    journal.write_bytes(head + b"".join(rest))
    return journal


def target_of(url: str) -> str:
    from cf_vectorize import Vectorize

    with Vectorize("index", **settings(url)) as index:
        return index._index.target


def test_a_finished_load_sends_nothing(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer() as server:
        load(server.url, source, journal)
        before = journal.read_bytes()
        report = load(server.url, source, journal)
        assert len(server.requests) == 10
    assert (report.resumed, report.vectors) == (10, 20)
    assert journal.read_bytes() == before


def test_other_limits_leave_acknowledged_batches_as_they_were(source: Path, half: Path) -> None:
    with ScriptedServer() as server:
        load(server.url, source, half_of(half, server), batch_vectors=3)
    assert [request.ids for request in server.inserts] == [
        ids(20)[10:13],
        ids(20)[13:16],
        ids(20)[16:19],
        ids(20)[19:],
    ]


@pytest.mark.parametrize("make", [lambda path: path.read_bytes().splitlines(), lambda path: Pipe(path.read_bytes())])
def test_a_source_that_is_read_once_goes_on_too(make: Callable[[Path], object], source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    script = [*[Answer()] * 3, failure(400, 1, "no")]
    with ScriptedServer(script) as server:
        with pytest.raises(InsertError):
            load(server.url, make(source), journal)
        whole = source.read_bytes()
        source.write_bytes(b"".join(lines(20, "w")))
        with pytest.raises(JournalError, match="has changed since the journal was written"):
            load(server.url, make(source), journal)
        source.write_bytes(whole)
        load(server.url, make(source), journal)
        assert server.acknowledged == dict.fromkeys(ids(20), 1)
        source.write_bytes(b"".join(lines(20, "w")))
        # Under limits that those earlier batches exceed.
        limit = len(line("w000000"))
        assert load(server.url, make(source), journal, on_changed="resend", batch_bytes=limit).vectors == 20
        assert set(server.stored) == {*ids(20), *ids(20, "w")}


class Pipe:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        return data


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a value": lambda data: data.replace(b"0.5", b"0.6", 1),
    "shrunk": lambda data: data[: 5 * len(line("v000000"))],
    "shrunk within a batch": lambda data: data[: 5 * len(line("v000000")) - 7],
    "shifted": lambda data: line("new") + data,
    "another source": lambda _data: b"".join(lines(20, "w")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_source_is_refused_or_resent(change: str, source: Path, half: Path) -> None:
    source.write_bytes(CHANGES[change](source.read_bytes()))
    expected = {json.loads(each)["id"] for each in source.read_bytes().splitlines() if each.endswith(b"}")}
    with ScriptedServer() as server:
        half_of(half, server)
        before = half.read_bytes()
        with pytest.raises(JournalError, match=r"vectors\.ndjson: has changed .* --on-changed resend"):
            load(server.url, source, half)
        assert server.requests == []
        assert half.read_bytes() == before
        if change == "shrunk within a batch":
            source.write_bytes(source.read_bytes()[: 4 * len(line("v000000"))])
            return
        report = load(server.url, source, half, on_changed="resend")
        assert report.vectors == len(expected)
        kept = [source.read_bytes()[batch.start : batch.stop] for batch in report.batches if batch.resumed]
        assert expected == {*server.stored, *(json.loads(each)["id"] for each in b"".join(kept).splitlines())}
        count = len(server.requests)
        assert load(server.url, source, half, on_changed="resend").resumed == len(report.batches)
        assert len(server.requests) == count


LINE = len(line("v000000"))
RESENT: dict[str, Callable[[bytes], bytes]] = {
    "changed in the middle": lambda data: data[: 4 * LINE] + data[4 * LINE :].replace(b"0.5", b"0.6", 1),
    "grown": lambda data: data.replace(b"0.5", b"0.6", 1) + b"".join(lines(3, "w")),
    "shifted": lambda data: line("new") + data,
    "shrunk by batches": lambda data: data[: 4 * LINE],
    "shrunk within a batch": lambda data: data[: 3 * LINE],
    "shrunk within the first": lambda data: data[:LINE],
    "shrunk and changed": lambda data: data[: 5 * LINE].replace(b"0.5", b"0.6", 1),
}
READ: dict[str, Callable[[Path], object]] = {
    "in place": lambda path: path,
    "once": lambda path: Pipe(path.read_bytes()),
}


@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("change", RESENT)
def test_what_was_sent_again_is_settled(change: str, read: str, source: Path, tmp_path: Path) -> None:
    journal, make = tmp_path / "journal", READ[read]
    with ScriptedServer() as server:
        load(server.url, make(source), journal)
        source.write_bytes(RESENT[change](source.read_bytes()))
        load(server.url, make(source), journal, on_changed="resend")
        sent, noted = len(server.requests), journal.read_bytes()
        report = load(server.url, make(source), journal)
        assert report.vectors == len(source.read_bytes().splitlines())
        assert (len(server.requests), journal.read_bytes()) == (sent, noted)
        # To an end before and after that of the source at first.
        for more in ("x", "y"):
            source.write_bytes(source.read_bytes() + b"".join(lines(9, more)))
            load(server.url, make(source), journal)
            assert set(ids(9, more)) <= set(server.stored)


def test_one_of_two_sources_has_shrunk(source: Path, tmp_path: Path) -> None:
    other, journal = tmp_path / "other.ndjson", tmp_path / "journal"
    other.write_bytes(b"".join(lines(20, "w")))
    with ScriptedServer() as server:
        load(server.url, [source, other], journal)
        source.write_bytes(b"".join(lines(3)))
        report = load(server.url, [source, other], journal, on_changed="resend")
        assert (report.vectors, report.resumed) == (23, 11)
        count = len(server.requests)
        for sources in ([source, other], [other], [source]):
            load(server.url, sources, journal)
        assert len(server.requests) == count


def test_an_empty_stream_leaves_a_journal_as_it_is(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer() as server:
        load(server.url, Pipe(source.read_bytes()), journal)
        noted = journal.read_bytes()
        with pytest.raises(InputError, match="holds no vectors"):
            load(server.url, Pipe(b""), journal, on_changed="resend")
    assert journal.read_bytes() == noted


class Killed(BaseException):
    """Stands for the end of the process."""


class Killer:
    """Lets a process end at one of its writes into the journal, before it, within it or after it."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int, moment: str) -> None:
        self.dead = False
        write = os.write
        ahead = number

        def note(ledger: Ledger, *documents: Any, note: Any = Ledger.note) -> None:
            nonlocal ahead
            ahead -= 1
            if not self.dead and ahead:
                note(ledger, *documents)
                return
            if not self.dead and moment == "after":
                note(ledger, *documents)
            if not self.dead and moment == "within":
                write(ledger._file, json.dumps(documents[0]).encode()[:9])
            self.dead = True
            raise Killed

        patch.setattr(Ledger, "note", note)


@pytest.mark.parametrize("moment", ["before", "within", "after"])
@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("change", RESENT)
def test_a_kill_at_any_write_of_a_resend_skips_no_line(
    change: str, read: str, moment: str, source: Path, tmp_path: Path
) -> None:
    journal, make = tmp_path / "journal", READ[read]
    source.write_bytes(b"".join(lines(8)))
    with ScriptedServer() as server:
        load(server.url, make(source), journal)
        noted, at_first = journal.read_bytes(), len(server.requests)
        source.write_bytes(RESENT[change](source.read_bytes()))

        def all_accepted() -> bool:
            accepted = [each for request in server.requests for each in request.body.splitlines()]
            return set(source.read_bytes().splitlines()) <= set(accepted)

        for number in count(1):
            journal.write_bytes(noted)
            del server.requests[at_first:]
            with pytest.MonkeyPatch.context() as patch, suppress(Killed):
                killer = Killer(patch, number, moment)
                load(server.url, make(source), journal, on_changed="resend")
            with suppress(JournalError, InsertError):
                load(server.url, make(source), journal)
                assert all_accepted()
            load(server.url, make(source), journal, on_changed="resend")
            assert all_accepted()
            sent = len(server.requests)
            load(server.url, make(source), journal)
            assert len(server.requests) == sent
            if not killer.dead:
                break
        assert number > 1


def test_a_source_that_has_grown_is_loaded_on(source: Path, half: Path) -> None:
    source.write_bytes(source.read_bytes() + b"".join(lines(4, "w")))
    with ScriptedServer() as server:
        report = load(server.url, source, half_of(half, server))
    assert list(server.stored) == [*ids(20)[10:], *ids(4, "w")]
    assert report.vectors == 24


def test_several_sources_in_one_journal(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.ndjson"
    other.write_bytes(b"".join(lines(6, "w")))
    journal = tmp_path / "journal"
    script = [*[Answer()] * 11, failure(400, 1, "no")]
    with ScriptedServer(script) as server:
        with pytest.raises(InsertError):
            load(server.url, [source, other], journal)
        report = load(server.url, [other, source], journal)
    assert server.acknowledged == dict.fromkeys([*ids(20), *ids(6, "w")], 1)
    assert report.resumed == 11


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_record_is_dropped(cut: int, source: Path, half: Path) -> None:
    with ScriptedServer() as server:
        half_of(half, server)
        half.write_bytes(half.read_bytes()[:-cut])
        report = load(server.url, source, half)
        assert report.resumed == 4
        assert list(server.stored) == ids(20)[8:]
        assert load(server.url, source, half).resumed == 10


def test_a_torn_header_is_written_anew(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer() as server:
        load(server.url, source, journal)
        whole = journal.read_bytes()
        header = whole.splitlines(keepends=True)[0]
        for length in range(len(header)):
            journal.write_bytes(header[:length])
            Journal(journal, target_of(server.url)).__exit__()
            assert journal.read_bytes().startswith(header[: header.index(b'"id"')])


@pytest.mark.parametrize(
    "content", [b"precious", b"precious\n", b"precious\nand more", b'{"id":"a"}', b'{"id":"a"}\n{}', b"[]\n", b"\n"]
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(content: bytes, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    with ScriptedServer() as server, pytest.raises(JournalError, match="precious: is not a journal"):
        load(server.url, source, path)
    assert path.read_bytes() == content
    assert server.requests == []


@pytest.mark.parametrize("record", [b"{}", b"\x00\x00", b"[]", b'{"source":"x"}', b""])
def test_a_damaged_record_within_is_refused(record: bytes, source: Path, half: Path) -> None:
    with ScriptedServer() as server:
        half_of(half, server)
        first, second, *rest = half.read_bytes().splitlines(keepends=True)
        half.write_bytes(first + second + record + b"\n" + b"".join(rest))
        before = half.read_bytes()
        with pytest.raises(JournalError, match="is damaged; move the file away"):
            load(server.url, source, half)
        assert half.read_bytes() == before


def test_a_journal_of_another_index_account_or_base_url_is_refused(source: Path, half: Path) -> None:
    """The fixture's load went to another port, which is another service."""
    with ScriptedServer() as server, pytest.raises(JournalError, match="another index, account or base URL"):
        load(server.url, source, half)


def test_the_journal_of_a_load_that_failed_at_once_blocks_no_other(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer([failure(400, 1, "no")]) as server, pytest.raises(RejectedError):
        load(server.url, source, journal)
    assert journal.exists()
    with ScriptedServer() as server:
        load(server.url, source, journal)
        assert list(server.stored) == ids(20)
        assert load(server.url, source, journal).resumed == 10


def test_the_journal_of_a_load_of_which_nothing_was_accepted_blocks_no_other(source: Path, tmp_path: Path) -> None:
    """Its first batch is of bad lines only, and noted; the second one is refused."""
    journal, bad = tmp_path / "journal", tmp_path / "bad"
    source.write_bytes(b"{}\n" * 2 + source.read_bytes())
    with ScriptedServer([failure(400, 1, "no")]) as server, pytest.raises(InsertError):
        load(server.url, source, journal, rejects=bad)
    assert b'"rejected":2' in journal.read_bytes()
    with ScriptedServer() as server:
        report = load(server.url, source, journal, rejects=bad)
        assert list(server.stored) == ids(20)
        assert {problem.line for problem in report.rejected} == {1, 2}
        assert report.resumed == 0
        assert load(server.url, source, journal, rejects=bad).resumed == 11
    with ScriptedServer() as server, pytest.raises(JournalError, match="another index, account or base URL"):
        load(server.url, source, journal, rejects=bad)


def test_the_target_tells_service_account_and_index_apart() -> None:
    from cf_vectorize import Vectorize

    url = "http://127.0.0.1:1/client/v4"
    found = set()
    for index, other in [("a", {}), ("b", {}), ("a", {"account_id": "f" * 32}), ("a", {"base_url": url + "x"})]:
        with Vectorize(index, **{**settings(url), **other}) as client:
            found.add(client._index.target)
    assert len(found) == 4


def test_two_loads_on_one_journal(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer() as server:
        with Journal(journal, target_of(server.url)), pytest.raises(JournalError, match="another process"):
            load(server.url, source, journal)
        assert server.requests == []
        assert load(server.url, source, journal).vectors == 20


def test_a_journal_that_cannot_be_written_says_why(source: Path, tmp_path: Path) -> None:
    with ScriptedServer() as server, pytest.raises(JournalError, match="none/journal: No such file or directory"):
        load(server.url, source, tmp_path / "none" / "journal")


def test_a_full_disk_is_told_with_what_was_accepted(source: Path, tmp_path: Path) -> None:
    with ScriptedServer() as server, pytest.MonkeyPatch.context() as patch:

        def full(self: Ledger, *documents: Any, note: Any = Ledger.note) -> None:
            if documents[0].get("start"):
                patch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            note(self, *documents)

        patch.setattr(Ledger, "note", full)
        with pytest.raises(InsertError) as caught:
            load(server.url, source, tmp_path / "journal")
    (error,) = caught.value.exceptions
    assert isinstance(error, JournalError)
    assert "No space left on device" in str(error)
    assert caught.value.report.failed[0].mutation_id is not None


def test_what_was_accepted_is_on_disk_before_it_is_told(
    source: Path, tmp_path: Path, synced: list[tuple[Path, int]]
) -> None:
    """First a new journal and its name in the folder; then rejected lines, their reasons, and the batch."""
    source.write_bytes(line("a") + BAD)
    journal, rejects = tmp_path / "journal", tmp_path / "rejects"
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        assert next(index.insert_batches(source, journal=journal, rejects=rejects)).accepted
    header, *_ = journal.read_bytes().splitlines(keepends=True)
    reasons = tmp_path / "rejects.reasons"
    assert synced == [
        (journal, len(header)),
        (tmp_path, -1),
        (tmp_path, -1),
        (tmp_path, -1),
        (reasons, reasons.stat().st_size),
        (rejects, len(BAD)),
        (journal, journal.stat().st_size),
    ]


def test_a_journal_holds_no_secret(half: Path) -> None:
    content = half.read_bytes().decode()
    assert ACCOUNT not in content
    assert TOKEN not in content


# A load that is complete says so.


CHANGED: dict[str, tuple[Callable[[bytes], bytes], list[str]]] = {
    "as it was": (lambda data: data, []),
    "appended to": (lambda data: data + b"".join(lines(3, "w")), ids(3, "w")),
    "regenerated": (lambda _data: b"".join(lines(5, "w")), ids(5, "w")),
    "changed at its start": (lambda data: data.replace(b"0.5", b"0.6", 1), ids(20)),
    "shrunk": (lambda data: data[: 5 * len(line("v000000"))], ids(5)),
    "changed and appended to": (lambda data: line("new") + data, ["new", *ids(20)]),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_complete_load_sends_the_rest_or_begins_anew(change: str, source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    edit, expected = CHANGED[change]
    with ScriptedServer() as server:
        load(server.url, source, journal)
        source.write_bytes(edit(source.read_bytes()))
        before, known = len(server.inserts), set(server.stored)
        report = load(server.url, source, journal)
        assert [name for request in server.inserts[before:] for name in request.ids] == expected
        anew = change not in {"as it was", "appended to"}
        assert report.anew == ((str(source),) if anew else ())
        told = f"{source} has changed since it was loaded to its end, and was loaded anew; vectors whose ids"
        assert (told in report.summary()) == anew
        assert ("keep their first version" in report.summary()) == anew
        assert set(server.stored) == known | set(expected)
        noted, count = journal.read_bytes(), len(server.requests)
        again = load(server.url, source, journal)
        assert (len(server.requests), journal.read_bytes(), again.anew) == (count, noted, ())


def test_a_load_that_began_anew_and_was_broken_off_goes_on(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer(lambda number, _size: failure(400, 1, "no") if number == 13 else Answer()) as server:
        load(server.url, source, journal)
        source.write_bytes(b"".join(lines(20, "w")))
        with pytest.raises(InsertError):
            load(server.url, source, journal)
        report = load(server.url, source, journal)
        assert (report.vectors, report.resumed, report.anew) == (20, 3, (str(source),))
        assert server.acknowledged == dict.fromkeys([*ids(20), *ids(20, "w")], 1)
        source.write_bytes(b"".join(lines(20, "x")))
        assert load(server.url, source, journal).resumed == 0


def test_a_stream_is_loaded_anew_from_where_it_has_changed(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer() as server:
        load(server.url, Pipe(source.read_bytes()), journal)
        changed = b"".join([*lines(4), *lines(7, "w")])
        report = load(server.url, Pipe(changed), journal)
        assert (report.resumed, report.vectors, report.anew) == (2, 11, ("<file>",))
        count = len(server.requests)
        assert load(server.url, Pipe(changed), journal).resumed == 6
        assert len(server.requests) == count


def test_a_load_of_which_a_batch_failed_is_not_complete(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer([Answer(), failure(400, 1, "no")]) as server:
        with pytest.raises(InsertError):
            load(server.url, source, journal, on_error="continue")
        source.write_bytes(b"".join(lines(20, "w")))
        with pytest.raises(JournalError, match="before it was loaded to its end"):
            load(server.url, source, journal)


def test_a_failed_load_is_not_complete(source: Path, half: Path) -> None:
    source.write_bytes(b"".join(lines(20, "w")))
    with ScriptedServer() as server, pytest.raises(JournalError, match="before it was loaded to its end"):
        load(server.url, source, half_of(half, server))


@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_last_line_that_had_no_newline_may_get_one(end: bytes, read: str, source: Path, tmp_path: Path) -> None:
    journal, make = tmp_path / "journal", READ[read]
    source.write_bytes(b"".join(lines(6)).removesuffix(b"\n"))
    with ScriptedServer() as server:
        load(server.url, make(source), journal)
        for more in (b"", end + b"".join(lines(3, "w"))) if end else (b"",):
            source.write_bytes(source.read_bytes() + more)
            load(server.url, make(source), journal)
            report = load(server.url, make(source), journal)
            assert report.resumed == len(report.batches)
            assert report.anew == ()
    assert server.acknowledged == dict.fromkeys([*ids(6), *(ids(3, "w") if end else [])], 1)


def test_a_last_line_that_has_grown_is_a_change(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    source.write_bytes(b"".join(lines(4)) + b'{"id":"x"}')
    with ScriptedServer() as server:
        load(server.url, source, journal, check=False)
        source.write_bytes(source.read_bytes() + b"  ")
        assert load(server.url, source, journal, check=False).anew == (str(source),)


@pytest.mark.parametrize("read", READ)
def test_a_load_that_goes_on_knows_the_dimensions(read: str, source: Path, tmp_path: Path) -> None:
    journal, make = tmp_path / "journal", READ[read]
    with ScriptedServer() as server:
        load(server.url, make(source), journal)
        longer = json.dumps({"id": "longer", "values": [0.5] * 48}).encode()
        source.write_bytes(source.read_bytes() + longer + b"\n")
        with pytest.raises(InsertError) as caught:
            load(server.url, make(source), journal)
    assert "48 numbers, expected 32" in str(caught.value.exceptions[0])
    assert caught.value.report.resumed == 10


MISTAKES = [
    {"start": "0"}, {"stop": 1.5}, {"start": -1}, {"vectors": None}, {"rejects": 3}, {"mark": "odd"}, {"more": 1},
    {"source": 5}, {"digest": 5}, {"mutation_id": 5}, {"rejected": "none"},
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_an_entry_of_an_earlier_version_is_checked_member_by_member(
    mistake: dict[str, Any], source: Path, half: Path
) -> None:
    with ScriptedServer() as server:
        header, entry = {"format": "cf-vectorize journal 1", "target": target_of(server.url), "rejects": None}, {
            "source": str(source), "start": 0, "stop": 10, "digest": "", "vectors": 2, "mutation_id": "m",
            "rejects": None, "rejected": 0,
        }  # fmt: skip
        for document, expected in ((entry, "has changed since"), ({**entry, **mistake}, ":2: is damaged")):
            half.write_bytes(
                b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in (header, document))
            )
            with pytest.raises(JournalError, match=expected):
                load(server.url, source, half)


def entry_of(start: int, stop: int, vectors: int) -> Entry:
    return Entry("s", start, stop, "d", vectors)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=12))
def test_of_entries_that_overlap_the_later_counts(ranges: list[tuple[int, int]]) -> None:
    """One of no bytes is the end for those before it."""
    noted = [entry_of(start, start + length, number) for number, (start, length) in enumerate(ranges)]
    kept = latest(noted)
    expected: list[Entry] = []
    for at, each in reversed(list(enumerate(noted))):
        ends = [other.stop for other in noted[at:] if other.start == other.stop]
        if each.start < each.stop <= min(ends, default=each.stop) and all(
            each.stop <= other.start or other.stop <= each.start for other in expected
        ):
            expected.append(each)
    assert kept == {each.start: each for each in expected}


def test_a_refused_batch_is_not_noted(source: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with ScriptedServer([failure(400, 1, "no")]) as server, pytest.raises(RejectedError):
        load(server.url, source, journal)
    assert entries(journal) == []


# Real processes, really killed.


def start(url: str, source: Path, journal: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cf_vectorize", "insert", "index", str(source), "--journal", str(journal)]
    options = ["--batch-vectors", "3", "--concurrency", "3", "--json"]
    return subprocess.Popen(
        [*command, *options], env=os.environ | environment(url), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def noted_ids(journal: Path, source: Path) -> set[str]:
    """Return the ids that a journal, torn or not, says are acknowledged."""
    data = source.read_bytes()
    whole = journal.read_bytes().split(b"\n")[1:-1] if journal.exists() else []
    ranges = [(each["start"], each["stop"]) for each in map(json.loads, whole)]
    return {json.loads(each)["id"] for first, last in ranges for each in data[first:last].splitlines()}


def moments(seed: int) -> Iterator[tuple[int, bool]]:
    """Draw after how many requests of its own a process is killed, and whether before that one is stored."""
    draw = random.Random(seed)
    while True:
        yield draw.randrange(1, 9), draw.random() < 0.5


def kill_until_done(seed: int, folder: Path) -> tuple[ScriptedServer, int]:
    """Load, killing each process at a random moment, until one is through."""
    source, journal = folder / "vectors.ndjson", folder / "journal"
    source.write_bytes(b"".join(lines(60)))
    kills = 0
    with ScriptedServer() as server:
        for requests, before in moments(seed):
            done = noted_ids(journal, source)
            sent: list[str] = []
            process = start(server.url, source, journal)

            def kill(request: Request, process: Any = process, sent: list[str] = sent, at: int = requests) -> None:
                sent += request.ids
                if len(sent) >= 3 * at:
                    process.kill()
                    process.wait()

            server.before_answer = kill
            answered = Answer(stores=not before, ends="closes")
            server.script = lambda _n, _s, sent=sent, at=requests, answer=answered: (  # type: ignore[misc]
                answer if len(sent) >= 3 * (at - 1) else Answer()
            )
            _, words = process.communicate(timeout=60)
            assert not done.intersection(sent), "sent again what was noted"
            if process.returncode == 0:
                return server, kills
            assert process.returncode == -signal.SIGKILL, words
            kills += 1
    raise AssertionError


@pytest.mark.parametrize("seed", range(int(os.environ.get("CF_VECTORIZE_TEST_KILL_SEEDS", "2"))))
def test_killed_at_random_moments(seed: int, tmp_path: Path) -> None:
    server, kills = kill_until_done(seed, tmp_path)
    assert set(server.stored) == set(ids(60))
    assert kills >= 1
