"""Nobody's rejects are lost: each rejected line is there with its reason, once for each load that rejected it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from cf_vectorize import InputError, InsertError, JournalError, Vectorize
from loads import environment, insert_blocking, line, lines, settings
from memory import PEAK
from scripted_server import Answer, ScriptedServer, failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cf_vectorize import InsertReport


def bad(name: str) -> bytes:
    return b'{"id":"%b","values":[]}\n' % os.fsencode(name)


class Folder:
    """Sources of good lines with bad ones between them, and what two files have of these."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rejects, self.reasons = path / "rejects", path / "rejects.reasons"

    def source(self, name: str, bad_lines: int) -> Path:
        path = self.path / name
        parts = [line(f"{name}{number}") + bad(f"{name}-{number}") for number in range(bad_lines)]
        path.write_bytes(b"".join(parts))
        return path

    def load(self, url: str, name: str, **options: Any) -> InsertReport:
        given = {"batch_vectors": 2, "concurrency": 1, "journal": self.path / f"{name}.journal", **options}
        return insert_blocking(settings(url), self.path / name, rejects=self.rejects, **given)

    def rejected(self) -> list[str]:
        """Return the ids of the lines, which are those of the reasons."""
        lines_there = self.rejects.read_bytes().splitlines(keepends=True) if self.rejects.exists() else []
        reasons = [json.loads(each) for each in self.reasons.read_bytes().splitlines()] if lines_there else []
        found = [json.loads(each)["id"] for each in lines_there]
        assert found == [reason["id"] for reason in reasons]
        data = self.rejects.read_bytes() if lines_there else b""
        assert [data[each["at"] : each["at"] + each["bytes"]] for each in reasons] == lines_there
        return found


def named(name: str, number: int) -> list[str]:
    return [f"{name}-{each}" for each in range(number)]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.source("day1", 3)
    folder.source("day2", 4)
    return folder


def test_a_load_that_is_run_again_takes_nothing_of_another(folder: Folder) -> None:
    with ScriptedServer() as server:
        for name in ("day1", "day2", "day1", "day2"):
            folder.load(server.url, name)
    assert folder.rejected() == [*named("day1", 3), *named("day2", 4)]


def test_a_load_that_goes_on_takes_nothing_of_another(folder: Folder) -> None:
    with ScriptedServer([Answer(), failure(400, 1, "no")]) as server:
        with pytest.raises(InsertError):
            folder.load(server.url, "day1")
        folder.load(server.url, "day2")
        folder.load(server.url, "day1")
    assert sorted(folder.rejected()) == [*named("day1", 3), *named("day2", 4)]


def test_a_load_anew_rejects_anew(folder: Folder) -> None:
    with ScriptedServer() as server:
        folder.load(server.url, "day1")
        path = folder.path / "day1"
        path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6", 1))
        folder.load(server.url, "day1")
    assert folder.rejected() == named("day1", 3) * 2


def test_without_a_journal_each_load_is_another(folder: Folder) -> None:
    with ScriptedServer() as server:
        for _ in range(2):
            folder.load(server.url, "day1", journal=None)
    assert folder.rejected() == named("day1", 3) * 2


def test_two_loads_at_the_same_time(folder: Folder) -> None:
    """Each as a process of its own, and each as a thread."""
    for name in ("day1", "day2"):
        folder.source(name, 40)
    with ScriptedServer() as server:
        command = [sys.executable, "-m", "cf_vectorize", "insert", "index", "--batch-vectors", "2", "--rejects"]
        processes = [
            subprocess.Popen(
                [*command, str(folder.rejects), str(folder.path / name)],
                env=os.environ | environment(server.url),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name in ("day1", "day2")
        ]
        threads = [
            threading.Thread(target=folder.load, args=(server.url, name), kwargs={"concurrency": 4})
            for name in ("day1", "day2")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [process.wait(60) for process in processes] == [1, 1]
    assert sorted(folder.rejected()) == sorted([*named("day1", 40), *named("day2", 40)] * 2)


def test_a_damaged_journal_costs_no_reject(folder: Folder) -> None:
    journal = folder.path / "day1.journal"
    with ScriptedServer() as server:
        folder.load(server.url, "day1")
        folder.load(server.url, "day2")
        data = journal.read_bytes()
        size = str(json.loads(data.splitlines()[-2])["rejects"]["lines"]).encode()
        journal.write_bytes(data.replace(b'"lines":' + size, b'"lines":1' + size[1:]))
        with pytest.raises(JournalError, match="is damaged"):
            folder.load(server.url, "day1")
        assert folder.rejected() == [*named("day1", 3), *named("day2", 4)]
        journal.unlink()
        folder.load(server.url, "day1")
    assert folder.rejected() == [*named("day1", 3), *named("day2", 4), *named("day1", 3)]


class Killed(BaseException):
    """Stands for the end of the process."""


class Killer:
    """Lets a process end at one of its writes into the rejects or the journal: before it, within it or after it."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int, moment: str) -> None:
        self.dead = False
        ahead = number
        write = os.write

        def writes(descriptor: int, data: bytes) -> int:
            nonlocal ahead
            module = sys._getframe(1).f_globals["__name__"]
            if module not in {"cf_vectorize.load.rejects", "cf_vectorize.base.ledger"}:
                return write(descriptor, data)
            ahead -= 1
            if self.dead or not ahead:
                if not self.dead and moment != "before":
                    write(descriptor, data[: len(data) // 2] if moment == "within" else data)
                self.dead = True
                raise Killed
            return write(descriptor, data)

        patch.setattr(os, "write", writes)


@pytest.mark.parametrize("moment", ["before", "within", "after"])
@pytest.mark.parametrize("between", ["nobody", "another load"])
def test_a_kill_at_any_write_costs_no_reject_and_doubles_none(between: str, moment: str, folder: Folder) -> None:
    """Before, in and between the two files and the journal."""
    with ScriptedServer() as server:
        for number in count(1):
            for path in folder.path.glob("*"):
                if path.name not in {"day1", "day2"}:
                    path.unlink()
            folder.rejects.write_bytes(b'{"id":"by hand"}\n')
            with pytest.MonkeyPatch.context() as patch, suppress(Killed):
                killer = Killer(patch, number, moment)
                folder.load(server.url, "day1", batch_vectors=4)
            if between == "another load":
                folder.load(server.url, "day2")
            folder.load(server.url, "day1", batch_vectors=4)
            data = folder.rejects.read_bytes()
            first, *found = [json.loads(each)["id"] for each in data.splitlines()]
            assert first == "by hand"
            expected = [*named("day1", 3), *(named("day2", 4) if between == "another load" else [])]
            assert sorted(found) == expected
            reasons = [json.loads(each) for each in folder.reasons.read_bytes().splitlines()]
            assert [each["id"] for each in reasons] == found
            if not killer.dead:
                break
        assert number > 4


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _data: b"",
    "made shorter": lambda data: data.replace(b'"values":[]', b""),
    "cut in the middle of a line, and ended": lambda data: data[:-9] + b"\n",
    "made longer, without a newline": lambda data: data + b"a note of mine",
    "without its last line": lambda data: data[: data.rstrip(b"\n").rindex(b"\n") + 1],
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_somebody_has_edited_is_added_to(edit: str, folder: Folder) -> None:
    with ScriptedServer() as server:
        folder.load(server.url, "day1")
        edited = EDITS[edit](folder.rejects.read_bytes())
        folder.rejects.write_bytes(edited)
        folder.load(server.url, "day2")
    expected = b"".join(map(bad, named("day2", 4)))
    assert folder.rejects.read_bytes() == edited + (b"" if not edited or edited.endswith(b"\n") else b"\n") + expected


def test_moved_away_files_begin_anew_and_their_reasons_stay(folder: Folder) -> None:
    with ScriptedServer() as server:
        folder.load(server.url, "day1")
        folder.rejects.rename(folder.path / "moved")
        folder.load(server.url, "day2")
    assert folder.rejects.read_bytes() == b"".join(map(bad, named("day2", 4)))
    assert folder.reasons.read_bytes().count(b"\n") == 7


@pytest.mark.parametrize("which", ["rejects", "reasons"])
def test_a_full_disk_leaves_the_files_as_they_were(
    which: str, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = getattr(folder, which)
    write = os.write

    def no_room(descriptor: int, data: bytes) -> int:
        if full.exists() and os.path.sameopenfile(descriptor, (file := os.open(full, os.O_RDONLY))):
            os.close(file)
            write(descriptor, data[:9])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    with ScriptedServer() as server:
        folder.load(server.url, "day2")
        before = folder.rejects.read_bytes(), folder.reasons.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", no_room)
            with pytest.raises(InsertError) as caught:
                folder.load(server.url, "day1")
        assert str(caught.value.exceptions[0]) == f"{folder.rejects}: No space left on device"
        assert (folder.rejects.read_bytes(), folder.reasons.read_bytes()) == before
        folder.load(server.url, "day1")
    assert folder.rejected() == [*named("day2", 4), *named("day1", 3)]


def test_nothing_is_made_where_nothing_is_rejected(folder: Folder) -> None:
    (folder.path / "good").write_bytes(b"".join(lines(4)))
    with ScriptedServer() as server:
        folder.load(server.url, "good")
    assert not folder.rejects.exists()
    assert not folder.reasons.exists()


@pytest.mark.parametrize(
    ("where", "said"),
    [("none/rejects", "No such file or directory"), (".", "Is a directory"), ("day1/rejects", "Not a directory")],
)
def test_files_that_cannot_be_written_are_refused_before_anything_is_sent(
    where: str, said: str, folder: Folder
) -> None:
    with ScriptedServer() as server, pytest.raises(InputError, match=said):
        insert_blocking(settings(server.url), folder.path / "day2", rejects=folder.path / where)
    assert server.requests == []


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_to_the_source_is_not_written_to(link: Callable[[Path, Path], None], folder: Folder) -> None:
    before = (folder.path / "day1").read_bytes()
    link(folder.path / "day1", folder.rejects)
    with ScriptedServer() as server, pytest.raises(InputError, match="is a source and rejects at once"):
        folder.load(server.url, "day1")
    assert (folder.path / "day1").read_bytes() == before


def test_names_that_are_no_text_are_written_all_the_same(folder: Folder) -> None:
    odd = os.fsdecode(b"odd \xff name")
    (folder.path / odd).write_bytes(line("a") + bad("b"))
    with ScriptedServer() as server:
        report = folder.load(server.url, odd)
        folder.load(server.url, odd)
    (reason,) = [json.loads(each) for each in folder.reasons.read_bytes().splitlines()]
    assert reason["source"].endswith(r"odd \udcff name")
    assert report.as_json()["rejected_lines"][0]["source"].endswith(r"odd \udcff name")


def test_memory_is_not_taken_by_rejected_lines(folder: Folder) -> None:
    """A batch of 60 MB, all of it bad."""
    path = folder.path / "large"
    path.write_bytes((b'{"id":"%060000d"}\n' % 1) * 1_000)
    code = """
import sys
from cf_vectorize import Vectorize
with Vectorize("index") as index:
    before = peak()
    report = index.insert(sys.argv[1], rejects=sys.argv[2])
    print(report.counts.rejected, peak() - before)
"""
    with ScriptedServer() as server:
        said = subprocess.run(
            [sys.executable, "-c", PEAK + code, path, folder.rejects],
            env=os.environ | environment(server.url), check=True, capture_output=True, text=True,
        ).stdout.split()  # fmt: skip
    assert said[0] == "1000"
    assert folder.rejects.read_bytes() == path.read_bytes()
    assert int(said[1]) < 30_000_000


def test_a_client_without_rejects_has_none(folder: Folder) -> None:
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index, pytest.raises(InputError):
        index.insert(folder.path / "day1")
