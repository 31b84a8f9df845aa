"""Notes that a kill, a full disk or a changed byte cannot turn into something else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cf_vectorize import JournalError
from cf_vectorize.base.ledger import Ledger

FORM = "cf-vectorize test 1"
NOTES: list[dict[str, Any]] = [{"n": number, "name": "ü \udcff"} for number in range(9)]


def opened(path: Path, target: str = "t") -> Ledger:
    return Ledger(path, FORM, target)


def noted(path: Path) -> list[dict[str, Any]]:
    with opened(path) as ledger:
        return list(ledger.notes())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger"
    with opened(path) as ledger:
        ledger.note(*NOTES[:4])
        for note in NOTES[4:]:
            ledger.note(note, durable=False)
    return path


def test_what_was_noted_is_read_in_order(path: Path) -> None:
    assert noted(path) == NOTES


def test_what_is_durable_is_on_disk_and_so_is_the_name_of_a_new_file(
    tmp_path: Path, synced: list[tuple[Path, int]]
) -> None:
    path = tmp_path / "ledger"
    with opened(path) as ledger:
        assert synced == [(path, path.stat().st_size), (tmp_path, -1)]
        ledger.note(*NOTES[:2], durable=False)
        assert len(synced) == 2
        ledger.note(*NOTES[2:])
        assert synced[2:] == [(path, path.stat().st_size)]


def test_what_one_thread_has_just_written_is_no_torn_line_for_another(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = threading.Event()

    class Meeting:
        """A lock that tells when the second comes to it."""

        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._came = 0

        def __enter__(self) -> None:
            self._came += 1
            if self._came == 2:
                met.set()
            self._lock.acquire()

        def __exit__(self, *_: object) -> None:
            self._lock.release()

    def write(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", really_write)
        written = really_write(descriptor, data)
        second.start()
        assert met.wait(60)
        return written

    with opened(path) as ledger:
        second = threading.Thread(target=lambda: (ledger.note({"n": "second"}), met.set()))
        monkeypatch.setattr(ledger, "_noting", Meeting())
        really_write = os.write
        monkeypatch.setattr(os, "write", write)
        ledger.note({"n": "first"})
        second.join()
    assert noted(path) == [*NOTES, {"n": "first"}, {"n": "second"}]


def test_a_torn_end_at_any_byte_costs_one_note_and_is_overwritten(path: Path) -> None:
    whole = path.read_bytes()
    begin = whole.rindex(b"\n", 0, -1) + 1
    for end in range(begin, len(whole)):
        path.write_bytes(whole[:end])
        with opened(path) as ledger:
            assert list(ledger.notes()) == NOTES[:-1]
            assert path.read_bytes() == whole[:end]
            ledger.note(NOTES[-1])
        assert path.read_bytes() == whole


def test_a_torn_header_is_written_anew(path: Path) -> None:
    header = path.read_bytes().splitlines(keepends=True)[0]
    for end in range(len(header)):
        path.write_bytes(header[:end])
        assert noted(path) == []
        assert path.read_bytes().startswith(b'{"format":"cf-vectorize test 1","target":"t","id":"')


def test_a_changed_byte_anywhere_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(len(whole) - 1):
        for byte in (whole[at] ^ 1, whole[at] ^ 64, 0x39):
            if byte not in (whole[at], 10):
                path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
                with pytest.raises(
                    JournalError, match=r"ledger(:\d+)?: is (damaged; move the file away|not a journal)"
                ):
                    noted(path)


def test_a_file_of_an_earlier_version_is_read_and_goes_on(path: Path) -> None:
    path.write_bytes(b'{"format":"cf-vectorize test 1","target":"t"}\n{"n":0}\n')
    with opened(path) as ledger:
        assert list(ledger.notes()) == [{"n": 0}]
        ledger.note({"n": 1})
    assert noted(path) == [{"n": 0}, {"n": 1}]
    path.write_bytes(path.read_bytes().replace(b'"n":1', b'"n":2'))
    with pytest.raises(JournalError, match="ledger:3: is damaged"):
        noted(path)


@pytest.mark.parametrize(
    "content", [b"precious", b"precious\n", b"precious\nand more", b"[]\n", b"\n", b'{"id":"a"}']
)
def test_a_file_of_another_kind_is_left_alone(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match="ledger: is not a journal of this program"):
        noted(path)
    assert path.read_bytes() == content


def test_a_file_on_another_target_is_left_alone(path: Path) -> None:
    whole = path.read_bytes()
    with pytest.raises(JournalError, match="belongs to another index, account or base URL"):
        opened(path, "u")
    assert path.read_bytes() == whole
    assert noted(path) == NOTES


@pytest.mark.parametrize("torn", [b"", b'{"n":0'])
def test_a_file_in_which_nothing_was_noted_goes_to_another_target(torn: bytes, path: Path) -> None:
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + torn)
    with opened(path, "u") as ledger:
        ledger.note(NOTES[0])
    with opened(path, "u") as ledger:
        assert list(ledger.notes()) == NOTES[:1]
    with pytest.raises(JournalError, match="belongs to another index, account or base URL"):
        opened(path, "t")


def test_a_full_disk_leaves_it_usable_once_there_is_room(path: Path) -> None:
    """Told by the system itself: a process that may make no file larger than this one is now, but for a few bytes."""
    code = """
import resource, signal, sys
from pathlib import Path
from cf_vectorize import JournalError
from cf_vectorize.base.ledger import Ledger
path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Ledger(path, "cf-vectorize test 1", "t") as ledger:
    before = path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 9, limits[1]))
    for _ in range(2):
        try:
            ledger.note({"n": "no room"})
        except JournalError as error:
            print(error)
        assert path.stat().st_size == before + 9
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    ledger.note({"n": "room"})
"""
    said = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True).stdout
    assert said.count(f"{path}: File too large; what was just done is not noted, and doing it again is safe") == 2
    assert noted(path) == [*NOTES, {"n": "room"}]


@pytest.mark.parametrize("system", ["here", "where fcntl is missing"])
def test_one_process_at_a_time_has_it(system: str, path: Path) -> None:
    code = """
import sys, types
if sys.argv[2] != "here":
    import fcntl
    def locking(descriptor, mode, count):
        # As Windows does: it locks a range from where the file stands.
        operation = {2: fcntl.LOCK_EX | fcntl.LOCK_NB, 0: fcntl.LOCK_UN}[mode]
        fcntl.flock(descriptor, operation)
    sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2, LK_LOCK=1, LK_UNLCK=0)
    sys.modules["fcntl"] = None
from pathlib import Path
from cf_vectorize.base.ledger import Ledger
with Ledger(Path(sys.argv[1]), "cf-vectorize test 1", "t") as ledger:
    assert len(list(ledger.notes())) == 9
    ledger.note({"n": 9})
    print("has it", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, path, system], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "has it\n"
        with pytest.raises(JournalError, match="ledger: another process is using it"):
            noted(path)
        other.communicate("")
    assert noted(path)[-1] == {"n": 9}


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_nothing_stays_open_where_it_is_refused(path: Path) -> None:
    before = open_files()
    for target in ("u", "v"):
        with pytest.raises(JournalError):
            opened(path, target)
    assert open_files() == before
