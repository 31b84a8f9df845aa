"""Whatever people hold arrives whole, is sent again whole, and keeps its line numbers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from cf_vectorize import BadLinesError, InputError, InsertError, check, table
from cf_vectorize.source import formats
from cf_vectorize.source import spool as sources
from cf_vectorize.source.cut import BLOCK, BatchLimits, split
from cf_vectorize.source.open import open_sources
from cf_vectorize.source.ranges import chunks
from cf_vectorize.source.spool import Spool
from loads import DIMENSIONS, environment, ids, insert_awaiting, insert_blocking, line, lines
from loads import settings as client
from scripted_server import Answer, ScriptedServer, html

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from cf_vectorize import InsertReport
    from loads import Clock

    Insert = Callable[..., InsertReport]

NDJSON = b"".join(lines(10))
COMPRESSORS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd.compress}


def loaded(source: object, **options: Any) -> list[str]:
    """Load the source with its second request failing once, and give the ids that were stored, in order."""
    with ScriptedServer([Answer(), Answer(reset="during")]) as server:
        insert_blocking(client(server.url), source, batch_vectors=3, concurrency=1, **options)
        assert set(server.acknowledged.values()) == {1}
        return list(server.stored)


def refused(source: object) -> str:
    """Return the words in which a source is refused; nothing of it may arrive."""
    with ScriptedServer() as server, pytest.raises(InputError) as caught:
        insert_blocking(client(server.url), source)
    assert server.requests == []
    return str(caught.value)


class Trickle(io.RawIOBase):
    """A stream that cannot seek and gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int = 7) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._data.read(min(len(buffer), self._step))
        buffer[: len(piece)] = piece
        return len(piece)


class OnlyRead:
    """The least a binary file can be."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._data.read(size)


def in_file(folder: Path, data: bytes = NDJSON, name: str = "vectors.ndjson") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


SOURCES: dict[str, Callable[[Path], object]] = {
    "path": in_file,
    "str": lambda folder: str(in_file(folder)),
    "paths": lambda folder: [in_file(folder, b"".join(lines(4)), "1"), in_file(folder, b"".join(lines(10)[4:]), "2")],
    "open file": lambda folder: in_file(folder).open("rb"),
    "unbuffered file": lambda folder: in_file(folder).open("rb", buffering=0),
    "descriptor": lambda folder: os.fdopen(os.open(in_file(folder), os.O_RDONLY), "rb"),
    "BytesIO": lambda _folder: io.BytesIO(NDJSON),
    "non-seekable": lambda _folder: Trickle(NDJSON),
    "one byte at a time": lambda _folder: Trickle(b"\xef\xbb\xbf" + NDJSON, 1),
    "buffered": lambda _folder: io.BufferedReader(Trickle(NDJSON)),
    "only read": lambda _folder: OnlyRead(NDJSON),
    "list": lambda _folder: lines(10),
    "generator": lambda _folder: (each for each in lines(10)),
    "without newlines": lambda _folder: [each.rstrip() for each in lines(10)],
    "bytearrays": lambda _folder: tuple(map(bytearray, lines(10))),
    "memoryviews": lambda _folder: map(memoryview, lines(10)),
    "CRLF": lambda folder: in_file(folder, NDJSON.replace(b"\n", b"\r\n")),
    "blank lines": lambda folder: in_file(folder, b"\n\n" + NDJSON.replace(b"\n", b"\n\n \n")),
    "byte order mark": lambda folder: in_file(folder, b"\xef\xbb\xbf" + NDJSON),
    "no last newline": lambda folder: in_file(folder, NDJSON.rstrip()),
    "no last newline, CR": lambda folder: in_file(folder, NDJSON.rstrip() + b"\r"),
    **{suffix: lambda folder, suffix=suffix: in_file(folder, COMPRESSORS[suffix.lower()](NDJSON), f"v{suffix}")
       for suffix in [*COMPRESSORS, ".GZ"]},
    **{f"{suffix} in two parts": lambda folder, suffix=suffix: in_file(
        folder, COMPRESSORS[suffix](NDJSON[:777]) + COMPRESSORS[suffix](NDJSON[777:]), f"v{suffix}")
       for suffix in COMPRESSORS},
}  # fmt: skip


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("check", [True, False])
def test_a_source_arrives_whole(kind: str, *, check: bool, tmp_path: Path, clock: Clock) -> None:
    source = SOURCES[kind](tmp_path)
    try:
        if kind != "blank lines" or check:  # unchecked, a line of spaces is sent as it is
            assert loaded(source, check=check) == ids(10)
    finally:
        if hasattr(source, "close"):
            source.close()
    assert not clock.pauses or len(clock.pauses) == 1


@pytest.mark.parametrize("options", [{}, {"check": False}, {"check": False, "compact": True}])
def test_a_record_that_json_cannot_express_is_never_sent(options: dict[str, Any], tmp_path: Path) -> None:
    rejects = tmp_path / "rejects"
    good = {"id": "good", "values": [0.5] * DIMENSIONS}
    with ScriptedServer() as server:
        report = insert_blocking(
            client(server.url), [good, good | {"id": "bad", "metadata": {"of": {1}}}], rejects=rejects, **options
        )
    assert list(server.stored) == ["good"]
    (problem,) = report.rejected
    assert (problem.line, problem.id, problem.rule) == (2, "bad", "record")
    (again,) = check(rejects).problems
    assert (again.line, again.id, again.rule, again.reason) == (1, "bad", "record", problem.reason)


def test_a_caller_s_file_is_left_open_where_it_was_read_from(tmp_path: Path, clock: Clock) -> None:
    with gzip.open(in_file(tmp_path, gzip.compress(NDJSON), "v.gz")) as stream:
        assert loaded(stream) == ids(10)
        assert not stream.closed
    with in_file(tmp_path).open("rb") as file:
        assert loaded(file) == ids(10)
        assert not file.closed
    with in_file(tmp_path).open("rb") as file:
        file.readline()
        assert loaded(file) == ids(10)[1:]
    assert clock.pauses


@pytest.mark.parametrize("opened", [False, True])
def test_a_fifo(*, opened: bool, tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(NDJSON,))
    writer.start()
    with path.open("rb") if opened else nullcontext(path) as source:
        assert loaded(source) == ids(10)
    writer.join()
    assert clock.pauses


@pytest.mark.parametrize("redirect", ["pipe", "file"])
def test_standard_input(redirect: str, tmp_path: Path) -> None:
    code = "import cf_vectorize; c = cf_vectorize.Vectorize('index'); print(c.insert('-').vectors); c.close()"
    with ScriptedServer() as server:
        given: Any = {"input": NDJSON} if redirect == "pipe" else {"stdin": in_file(tmp_path).open("rb")}
        found = subprocess.run(
            [sys.executable, "-c", code],
            **given,
            env=os.environ | environment(server.url),
            check=True,
            capture_output=True,
        )
        if redirect == "file":
            given["stdin"].close()
    assert found.stdout == b"10\n"
    assert list(server.stored) == ids(10)


@pytest.mark.parametrize("face", [insert_blocking, insert_awaiting])
def test_a_generator_is_read_only_as_far_as_it_is_sent(face: Insert) -> None:
    """At most one batch beyond those under way, so that an endless source does not fill the disk."""
    given = ahead = 0
    padding = {"text": "x" * 1_000}

    def endless() -> Iterator[bytes]:
        nonlocal given, ahead
        while True:
            ahead = max(ahead, given - sum(server.acknowledged.values()))
            given += 1
            if given > 8_000:
                return
            yield line(f"v{given}", metadata=padding)

    with ScriptedServer() as server:
        assert face(client(server.url), endless(), batch_vectors=500, concurrency=2).vectors == 8_000
    # Two under way, one planned, and what the buffer that is split holds.
    assert ahead <= 3 * 500 + BLOCK // 1_000


def on_disk(folder: Path) -> int:
    """Return the bytes of the files without a name that this process has open in a folder."""
    sizes = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed since
            if str(descriptor.readlink()).startswith(str(folder)):
                found = descriptor.stat()
                sizes[found.st_ino] = found.st_size
    return sum(sizes.values())


def test_the_spool_takes_no_more_disk_than_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sources, "SPOOL_FILE_SIZE", 4 * BLOCK)
    most = 0

    def given() -> Iterator[bytes]:
        nonlocal most
        for number in range(3_000):
            most = max(most, on_disk(tmp_path)) if number % 50 == 0 else most
            yield line(f"v{number}", metadata={"text": "x" * 10_000})

    with ScriptedServer(keep_bodies=False) as server:
        insert_blocking(client(server.url), given(), batch_bytes=BLOCK, concurrency=1)
    # `(concurrency + 2) * batch_bytes`, and one file of the spool.
    assert 4 * BLOCK < most <= 3 * BLOCK + 4 * BLOCK
    assert on_disk(tmp_path) == 0


def test_an_async_iterable_in_a_running_loop(clock: Clock) -> None:
    import asyncio

    from cf_vectorize import AsyncVectorize

    async def vectors() -> AsyncIterator[bytes]:
        for each in lines(10):
            await asyncio.sleep(0)
            yield each

    async def load(url: str) -> int:
        async with AsyncVectorize("index", **client(url)) as index:
            return (await index.insert(vectors(), batch_vectors=3)).vectors

    with ScriptedServer([html(502)]) as server:
        assert asyncio.run(load(server.url)) == 10
    assert sorted(server.stored) == ids(10)
    assert len(clock.pauses) == 1


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no such file": (lambda folder: folder / "none.ndjson", "none.ndjson: No such file or directory"),
    "no such .gz": (lambda folder: folder / "none.gz", "none.gz: No such file or directory"),
    "empty file": (lambda folder: in_file(folder, b""), "vectors.ndjson: is empty; there is nothing to insert"),
    "blank file": (lambda folder: in_file(folder, b"\xef\xbb\xbf"), "vectors.ndjson: holds no vectors"),
    "empty .gz": (lambda folder: in_file(folder, gzip.compress(b""), "v.gz"), "v.gz: holds no vectors"),
    "empty list": (lambda _folder: [], "<records>: holds no vectors"),
    "empty generator": (lambda _folder: iter([]), "<records>: holds no vectors"),
    "empty stream": (lambda _folder: io.BytesIO(), "<file>: holds no vectors"),
    "text file": (lambda _folder: io.StringIO("x"), "open it with mode 'rb'"),
    "text by read": (lambda _folder: OnlyText(), "open it with mode 'rb'"),
    "a line as text": (lambda _folder: NDJSON.decode(), "a str is a path; give a line of NDJSON as bytes"),
    "lines as text": (lambda _folder: NDJSON.decode().splitlines(), "a str is a path; give a line of NDJSON as"),
    "bytes": (lambda _folder: NDJSON, "bytes"),
    "a number": (lambda _folder: 5, "int"),
    "None": (lambda _folder: None, "NoneType"),
    "not waiting": (lambda _folder: NotWaiting(), "open it in blocking mode"),
    "no .gz": (lambda folder: in_file(folder, NDJSON, "v.gz"), "v.gz: cannot be read to its end"),
    "no .bz2": (lambda folder: in_file(folder, NDJSON, "v.bz2"), "v.bz2: cannot be read to its end"),
    "no .xz": (lambda folder: in_file(folder, NDJSON, "v.xz"), "v.xz: cannot be read to its end"),
    "no .zst": (lambda folder: in_file(folder, NDJSON, "v.zst"), "v.zst: cannot be read to its end"),
    "no .parquet": (lambda folder: in_file(folder, NDJSON, "v.parquet"), "v.parquet: cannot be read as Parquet"),
    "no table": (lambda folder: table(in_file(folder), id_column="key"), "which table(…) and options such as --id"),
    "no such table": (lambda folder: table(folder / "none.parquet"), "none.parquet: No such file or directory"),
    "a folder of others": (
        lambda folder: in_file(folder, name="notes.txt").parent,
        ": is a folder without a .parquet,",
    ),
    "damaged .gz": (lambda folder: in_file(folder, damaged(gzip.compress(NDJSON)), "v.gz"), "cannot be read to its"),
}


class OnlyText:
    def read(self, _size: int) -> str:
        return "text"


class NotWaiting(io.RawIOBase):
    def readinto(self, _buffer: Any) -> None:
        return None


def damaged(data: bytes) -> bytes:
    return data[:10] + b"\xff" * 50 + data[60:]  # no such kind of block


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_source_is_refused_in_words(kind: str, tmp_path: Path) -> None:
    make, words = WRONG[kind]
    assert words in refused(make(tmp_path))


def written(write: Callable[[Any, Any], None], content: Any) -> bytes:
    file = io.BytesIO()
    write(file, content)
    return file.getvalue()


def parquet_of(*names: object) -> Any:
    values = pa.array([[0.5] * DIMENSIONS] * len(names), pa.list_(pa.float32()))
    return pa.table({"id": list(map(str, names)), "values": values})


OTHER_FORMATS = {
    "gzip; give the path of a file whose name ends in .gz": gzip.compress(NDJSON),
    "bzip2; give the path of a file whose name ends in .bz2": bz2.compress(NDJSON),
    "xz; give the path of a file whose name ends in .xz": lzma.compress(NDJSON),
    "zstd; give the path of a file whose name ends in .zst": zstd.compress(NDJSON),
    "Parquet; give its path": written(lambda file, rows: parquet.write_table(rows, file), parquet_of("a")),
    "a NumPy array, which has no ids; give --ids FILE": written(np.save, np.ones((2, 2))),
    "a zip archive, such as .npz; unpack it": written(np.savez, np.ones((2, 2))),
}


@pytest.mark.parametrize("said", OTHER_FORMATS)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (in_file, "vectors.ndjson"),
        (lambda folder, data: in_file(folder, data).open("rb"), "vectors.ndjson"),
        (lambda folder, data: in_file(folder, data, "vectors.npy"), "vectors.npy"),
        (lambda folder, data: in_file(folder, gzip.compress(data), "v.gz"), "v.gz"),
        (lambda _folder, data: Trickle(data, 8), "<file>"),
        (lambda _folder, data: io.BytesIO(data).readlines(), "<records>"),
    ],
)
def test_another_format_is_named_in_place_of_its_lines(
    make: Callable[[Path, bytes], Any], name: str, said: str, tmp_path: Path
) -> None:
    source = make(tmp_path, OTHER_FORMATS[said])
    words = refused(source)
    assert words.removeprefix(f"{tmp_path}/").startswith(f"{name}: looks like {said}")
    if hasattr(source, "close"):
        source.close()


def test_bytes_after_the_first_tell_no_format() -> None:
    assert loaded(Trickle(line("PAR1"), len('{"id":"'))) == ["PAR1"]


def in_folder(folder: Path, parts: dict[str, Any]) -> Path:
    for name, rows in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(rows, folder / name)
    return folder


FOLDER = {
    "b/0.parquet": parquet_of("v2", "v3"),
    "a.PARQUET": parquet_of("v0"),
    "b.parquet/part-0.parquet": parquet_of("v4"),
    "a=x/0.Parquet": parquet_of("v1"),
    "b/empty.parquet": parquet_of("none").slice(1),
    "b/.hidden.parquet": parquet_of("hidden"),
    "b/_written.parquet": parquet_of("hidden"),
    "_tmp/0.parquet": parquet_of("hidden"),
    "b/.tmp/c/0.parquet": parquet_of("hidden"),
    "b/other": parquet_of("other"),
}


def test_a_folder_of_parquet_is_its_files_in_order(tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "_run" / ".data", FOLDER)  # a folder that is given is read whatever its name
    names = [f"{folder}/{name}" for name in ("a.PARQUET", "a=x/0.Parquet", "b/0.parquet", "b.parquet/part-0.parquet")]
    for source in (folder, f"{folder}/", table(folder), table(str(folder))):
        assert [each.name for each in open_sources(source)] == names
        with ScriptedServer() as server:
            insert_blocking(client(server.url), source, concurrency=1)
        assert list(server.stored) == [f"v{number}" for number in range(5)]
    with ScriptedServer() as server:
        insert_blocking(client(server.url), [folder, in_file(tmp_path), names[0]], concurrency=1)
    assert set(server.stored) >= {"v0", *ids(10)}


def test_a_row_of_a_folder_is_named_by_its_file(tmp_path: Path) -> None:
    parts = {"a.parquet": parquet_of(*"123"), "b.parquet": parquet_of("4", "5" * 65), "c.parquet": parquet_of("6")}
    places = [(problem.source, problem.line) for problem in check(in_folder(tmp_path, parts)).problems]
    assert places == [(f"{tmp_path}/b.parquet", 2)]
    renamed = {"c.parquet": parts["c.parquet"].rename_columns(["id", "v"])}
    with pytest.raises(InputError, match=r"/c\.parquet: there is no column 'values'"):
        check(in_folder(tmp_path, renamed))


def test_a_journal_knows_the_files_of_a_folder(tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "parts", {"b.parquet": parquet_of("b")})
    with ScriptedServer() as server:
        insert_blocking(client(server.url), folder, journal=tmp_path / "journal")
        in_folder(folder, {"a.parquet": parquet_of("a")})
        insert_blocking(client(server.url), folder, journal=tmp_path / "journal")
        assert (list(server.stored), len(server.requests)) == (["b", "a"], 2)


def test_the_files_of_a_folder_are_opened_one_by_one(tmp_path: Path) -> None:
    in_folder(tmp_path, {f"{number}.parquet": parquet_of(number) for number in range(20)})
    before = open_descriptors()
    for source in open_sources(tmp_path):
        with source.open() as readable:
            assert len(list(split(readable, BatchLimits()))) == 1
            assert open_descriptors() <= before + 2


@pytest.mark.parametrize("items", [[NDJSON.splitlines()[0], None], [5], ["text"], [NDJSON.splitlines()[0], "text"]])
def test_an_item_that_is_no_line_is_named(items: list[Any]) -> None:
    with ScriptedServer() as server, pytest.raises(BadLinesError) as caught:
        insert_blocking(client(server.url), iter(items))
    assert f"<records>:{len(items)}" in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_compressed_file_that_was_cut_short_is_an_error_at_its_end(suffix: str, tmp_path: Path) -> None:
    text = b"".join(line(f"v{number:06}", metadata={"noise": os.urandom(30).hex()}) for number in range(12_000))
    path = in_file(tmp_path, COMPRESSORS[suffix](text)[:-200], f"v{suffix}")
    with ScriptedServer() as server, pytest.raises(InsertError) as caught:
        insert_blocking(client(server.url), path, batch_vectors=500)
    (error,) = caught.value.exceptions
    assert f"{path}: cannot be read to its end" in str(error)
    assert caught.value.report.vectors == len(server.stored) > 0


def test_an_iterable_that_raises_ends_the_load_with_its_report() -> None:
    def failing() -> Iterator[bytes]:
        yield from (line(f"v{number}", metadata={"noise": "n" * 1_000}) for number in range(2_000))
        raise RuntimeError("db gone")

    with ScriptedServer() as server, pytest.raises(InsertError) as caught:
        insert_blocking(client(server.url), failing(), batch_vectors=500)
    (error,) = caught.value.exceptions
    assert str(error) == "<records>: cannot be read to its end: RuntimeError: db gone"
    assert isinstance(error.__cause__, RuntimeError)
    assert caught.value.report.vectors == len(server.stored) > 0


def test_zst_without_its_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "zstd", None)
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    assert "pip install 'cf-vectorize[zstd]'" in refused(in_file(tmp_path, b"", "v.zst"))


def test_a_full_disk_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sources.os, "write", full)
    words = refused(lines(1))
    assert tempfile.gettempdir() in words
    assert "No space left on device" in words


def test_the_descriptor_of_each_source_is_closed(tmp_path: Path, clock: Clock) -> None:
    before = open_descriptors()
    with ScriptedServer() as server:
        for make in (SOURCES["path"], SOURCES[".gz"], SOURCES["generator"]):
            insert_blocking(client(server.url), make(tmp_path), batch_vectors=3)
    assert poll_for(lambda: open_descriptors() <= before)
    assert clock.pauses == []


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def poll_for(condition: Callable[[], bool]) -> bool:
    from time import monotonic, sleep

    deadline = monotonic() + 10
    while not condition() and monotonic() < deadline:
        sleep(0.01)
    return condition()


@given(
    data=st.binary(max_size=200).map(b"{".__add__),
    steps=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    choice=st.data(),
)
@settings(max_examples=150)
def test_a_spool_gives_back_what_passed(data: bytes, steps: list[int], choice: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sources, "SPOOL_FILE_SIZE", 16)
        stream = io.BytesIO(data)
        spool = Spool("<file>", stream.readinto)
        kept: list[tuple[bytes, Any]] = []
        start = stop = turn = 0
        while read := spool.read_into(memoryview(bytearray(steps[turn % len(steps)]))):
            stop += read
            turn += 1
            if choice.draw(st.booleans()):
                kept.append((data[start:stop], spool.segments(start, stop)))
                start = stop
        assert [b"".join(map(bytes, chunks(segments))) for _, segments in kept] == [piece for piece, _ in kept]


def test_a_spool_lets_go_of_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SPOOL_FILE_SIZE", 1 << 20)
    made: list[Any] = []
    real = sources.temporary_file
    monkeypatch.setattr(sources, "temporary_file", lambda: made.append(real()) or made[-1])
    (source,) = open_sources(b"x" * 999 for _ in range(20_000))
    most = 0
    with source.open() as readable:
        for cut in split(readable, BatchLimits(1_000)):
            readable.segments(cut.start, cut.stop)
            most = max(most, len(readable._parts))  # type: ignore[attr-defined]
    assert len(made) > 15
    assert most <= 3
