"""Odd files, names and folders: each is read whole, or refused in words that say what to do."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cf_vectorize import InputError, check, columns, named, table
from cf_vectorize.source.open import open_sources
from cf_vectorize.source.ranges import OpenFile
from loads import DIMENSIONS, insert_blocking, line, lines
from loads import settings as client
from memory import PEAK
from scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NDJSON = b"".join(lines(10))


class Reads:
    """A file whose `read` gives what it is told."""

    def __init__(self, *given: Any) -> None:
        self.given = list(given)

    def read(self, _: int) -> Any:
        found = self.given.pop(0) if self.given else b""
        if isinstance(found, Exception):
            raise found
        return found


class ReadsInto(Reads):
    """A file whose `readinto` says what it is told."""

    def readinto(self, _: memoryview) -> Any:
        return self.read(0)


FILES = {
    "too much": (Reads(bytes(5_000_000)), "<file>: is no file: asked for 1,048,576 bytes, readinto() says 5000000"),
    "too much into": (ReadsInto(10**9), "<file>: is no file: asked for 1,048,576 bytes, readinto() says 1000000000"),
    "less than nothing": (ReadsInto(-1), "<file>: is no file: asked for 1,048,576 bytes, readinto() says -1"),
    "no number": (ReadsInto("5"), "<file>: is no file: asked for 1,048,576 bytes, readinto() says '5'"),
    "text": (Reads("x"), "the file gives text; open it with mode 'rb'"),
    "nothing yet": (Reads(None), "<file>: has nothing to read yet and does not wait; open it in blocking mode"),
    "its own error": (
        Reads(NDJSON, ZeroDivisionError("why")),
        "<file>: cannot be read to its end: ZeroDivisionError: why",
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.timeout(60)
def test_an_odd_file_object_is_refused_in_words(name: str) -> None:
    source, message = FILES[name]
    with pytest.raises(InputError) as caught:
        check(source)
    assert str(caught.value) == message


COMPRESS: dict[str, Callable[[bytes], bytes]] = {".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_streams_one_after_the_other_are_read_whole(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"vectors.ndjson{suffix}"
    pieces = [COMPRESS[suffix](piece) for piece in (NDJSON, b"", NDJSON.replace(b"v0", b"w0"))]
    path.write_bytes(b"".join(pieces) + bytes(16))
    assert check(path).vectors == 20


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("rest", [b"garbage that is longer than any header", b"x", COMPRESS[".xz"](NDJSON)[:-9]])
def test_what_follows_a_compressed_stream_and_is_none_is_refused(suffix: str, rest: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"vectors.ndjson{suffix}"
    path.write_bytes(COMPRESS[suffix](NDJSON) + rest)
    with pytest.raises(InputError, match="cannot be read to its end"):
        check(path)


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        (
            "nothing-*.ndjson",
            "; patterns are the shell's: give sorted(glob.glob(…)), or leave the quotation marks out",
        ),
        ("~/nothing.ndjson", "; ~ is the shell's: give os.path.expanduser(…), or leave the quotation marks out"),
        (
            "s3://bucket/a.ndjson",
            "; only files are opened by name: give an open file, as fsspec.open(…, 'rb') makes, or pipe it in",
        ),
        ("nothing.ndjson", ""),
    ],
)
def test_what_is_no_path_yet_is_told_how_to_become_one(path: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        check(path)
    assert str(caught.value) == f"{path}: No such file or directory{remedy}"


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_what_can_be_no_path_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="is no path"):
        check(path)


def test_a_name_that_is_not_utf_8_is_written_with_escapes(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"odd-\xff.ndjson")
    path.write_bytes(NDJSON + b"bad\n")
    command = [sys.executable, "-m", "cf_vectorize", "check", "--json", str(path)]
    found = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (found.returncode, found.stderr) == (1, b"")
    assert json.loads(found.stdout)["problems"][0]["source"].endswith("/odd-\\udcff.ndjson")
    with path.open("rb") as file:
        assert check(file).problems[0].source.endswith("odd-\\udcff.ndjson")


def test_a_folder_of_shards_is_its_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.JSONL").write_bytes(line("b1"))
    (tmp_path / "a.ndjson.bz2").write_bytes(bz2.compress(line("a")))
    (tmp_path / "c.ndjson").write_bytes(line("c"))
    (tmp_path / "empty.ndjson").touch()
    for name in ("_SUCCESS", ".hidden.ndjson", "notes.txt", "other.bz2", "plain"):
        (tmp_path / name).write_bytes(b"not a shard")
    parquet.write_table(pa.table({"id": ["d"], "values": [[0.5] * DIMENSIONS]}), tmp_path / "d.parquet")
    with ScriptedServer() as server:
        insert_blocking(client(server.url), tmp_path, concurrency=1)
    assert list(server.stored) == ["a", "b1", "c", "d"]
    assert [source.name for source in open_sources(tmp_path)] == [
        str(tmp_path / name) for name in ("a.ndjson.bz2", "b/1.JSONL", "c.ndjson", "d.parquet")
    ]


@pytest.mark.parametrize("name", ["b.ndjson", "deeper/b.JSONL", "b.ndjson.gz", "b.jsonl.zst"])
@pytest.mark.parametrize("mixed", [True, False])
def test_a_folder_with_ndjson_is_no_table(name: str, tmp_path: Path, *, mixed: bool) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / name).write_bytes(line("b"))
    if mixed:
        parquet.write_table(pa.table({"key": ["d"], "values": [[0.5] * DIMENSIONS]}), tmp_path / "d.parquet")
    words = f"{tmp_path / name}: is NDJSON, which table(…) and options such as --id-column are not for; "
    with ScriptedServer() as server:
        index = client(server.url)
        source = table(tmp_path, id_column="key")
        for refuse in (lambda: insert_blocking(index, source), lambda: check(source)):
            with pytest.raises(InputError) as refused:
                refuse()
            assert str(refused.value).startswith(f"{words}give the folder without them")
            assert ("Parquet files in a folder of their own" in str(refused.value)) is mixed
        environment = os.environ | {"CLOUDFLARE_BASE_URL": server.url, "CLOUDFLARE_ACCOUNT_ID": "a" * 32}
        for command in (["check"], ["insert", "index"], ["verify", "index"]):
            found = subprocess.run(
                [sys.executable, "-m", "cf_vectorize", *command, str(tmp_path), "--id-column", "key"],
                env=environment | {"CLOUDFLARE_API_TOKEN": "t"},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (found.returncode, found.stdout) == (2, "")
            assert found.stderr.startswith(f"error: {words}")
        assert server.requests == []


@pytest.mark.parametrize("name", ["empty.ndjson", ".hidden.ndjson", "_temporary.jsonl", "notes.txt"])
def test_what_no_folder_stands_for_does_not_stop_a_table(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"" if "empty" in name else line("b"))
    parquet.write_table(pa.table({"key": ["d"], "values": [[0.5] * DIMENSIONS]}), tmp_path / "d.parquet")
    assert check(table(tmp_path, id_column="key")).vectors == 1


def test_values_by_another_name_are_asked_about() -> None:
    (problem,) = check([{"id": "a", "tags": ["x"], "embedding": [0.5] * DIMENSIONS}]).problems
    assert problem.reason == 'values is missing; is it "embedding"? call it values'


def test_without_pread_files_are_read_and_spooled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a file has one position for all threads."""
    before = set(threading.enumerate())
    data = b"".join(lines(3_000))
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(data)
    for name in ("pread", "preadv"):
        monkeypatch.delattr(os, name)
    for source in (path, io.BytesIO(data)):
        with ScriptedServer() as server:
            report = insert_blocking(client(server.url), source, batch_bytes=100_000, concurrency=8, journal=None)
            assert report.vectors == 3_000
            assert sorted(server.acknowledged.values()) == [1] * 3_000
    assert check(io.BytesIO(data)).vectors == 3_000
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("cf-vectorize")]


def test_without_pread_copies_of_a_descriptor_do_not_disturb_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have one position, the caller's own file too."""
    path = tmp_path / "numbers"
    path.write_bytes(bytes(range(256)))
    monkeypatch.delattr(os, "pread")
    both, lseek = threading.Barrier(2), os.lseek

    def lseek_together(descriptor: int, position: int, whence: int) -> int:
        """Leave a moment to the other between seeking and reading, unless something holds it back."""
        moved = lseek(descriptor, position, whence)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.05)
        return moved

    with path.open("rb", buffering=0) as file, ThreadPoolExecutor() as pool:
        file.seek(7)
        first, second = (OpenFile(os.dup(file.fileno()), "numbers") for _ in range(2))
        monkeypatch.setattr(os, "lseek", lseek_together)
        read = [pool.submit(first.read, 2, 10), pool.submit(second.read, 2, 100)]
        assert [future.result() for future in read] == [bytes([10, 11]), bytes([100, 101])]
        assert file.tell() == 7


CHECK = """
import sys
from cf_vectorize import check
found = check(sys.argv[1])
print(found.vectors, len(found.problems), peak())
"""


@pytest.mark.parametrize(
    "odd", [b"\0", b"[],", b"{},", b"1,", b"\n"], ids=["zeros", "arrays", "objects", "numbers", "newlines"]
)
def test_memory_of_an_odd_line_is_bounded(odd: bytes, tmp_path: Path) -> None:
    """As docs/check.md says: 45 MB, and 45 times the 4 MB that a line may have."""
    path = tmp_path / "vectors.ndjson"
    with path.open("wb") as file:
        file.write(line("first"))
        for size in (3_900_000, 60_000_000):
            file.write(b'{"id":"odd","x":[' + odd * (size // len(odd)) + b"0]}\n")
        file.write(line("last"))
    ran = subprocess.run([sys.executable, "-c", PEAK + CHECK, path], capture_output=True, timeout=120, check=True)
    vectors, problems, peak = map(int, ran.stdout.split())
    assert vectors == 2
    assert problems >= 2
    assert peak < 45_000_000 + 45 * 4_000_000


NAMED: dict[str, Any] = {
    "records": lambda: [{"id": "a", "values": [0.5] * DIMENSIONS}, {"id": 5}],
    "lines": lambda: iter([line("a"), b"bad"]),
    "a file": lambda: io.BytesIO(line("a") + b"bad"),
    "columns": lambda: columns(ids=["a", ""], values=np.ones((2, DIMENSIONS))),
    "a table": lambda: pa.table({"id": ["a", "b" * 65], "values": [[0.5] * DIMENSIONS] * 2}),
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_source_is_called_what_it_is_named(kind: str, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        report = insert_blocking(client(server.url), named(NAMED[kind](), "part-7"), rejects=tmp_path / "rejects")
    assert {str(problem).partition(" ")[0].rstrip(":") for problem in report.rejected} == {"part-7:2"}
    assert [batch.source for batch in report.batches] == ["part-7"]
    assert {problem.source for problem in check(named(NAMED[kind](), "part-7")).problems} == {"part-7"}


def test_a_path_has_a_name_already(tmp_path: Path) -> None:
    (tmp_path / "v.ndjson").write_bytes(NDJSON)
    with pytest.raises(InputError, match="part: names a path, which has a name; give the path alone"):
        check(named(tmp_path / "v.ndjson", "part"))


@pytest.mark.parametrize("name", ["", "two\nlines", 5, "\x1b[1m"])
def test_a_name_is_a_line_of_text(name: Any) -> None:
    with pytest.raises(InputError, match="is no name of a source; give a line of text"):
        named([], name)


FLOATS = pa.list_(pa.float32())
SCHEMAS = [
    ({"id": pa.string()}, {}, "<Schema>: there is no column 'values', only id; say which"),
    ({"id": pa.int64(), "values": FLOATS}, {}, "<Schema>: column 'id' is int64; ids are strings"),
    (
        {"id": pa.string(), "values": pa.string()},
        {},
        "<Schema>: column 'values' is string; values are lists of numbers",
    ),
    (
        {"id": pa.string(), "values": FLOATS, "namespace": pa.int8()},
        {},
        "<Schema>: column 'namespace' is int8; namespaces are strings",
    ),
    (
        {"id": pa.string(), "values": FLOATS, "metadata": pa.list_(pa.string())},
        {},
        "<Schema>: column 'metadata' is list<",
    ),
    (
        {"id": pa.string(), "values": FLOATS, "metadata": pa.struct({"day": pa.date32()})},
        {},
        "<Schema>: column 'metadata' is struct<day: date32[day]>, which JSON does not have; convert it first",
    ),
    (
        {"id": pa.string(), "values": FLOATS, "day": pa.date32()},
        {"rest_to_metadata": True},
        "<Schema>: column 'day' is date32[day], which JSON does not have; convert it first",
    ),
]


@pytest.mark.parametrize(("fields", "options", "message"), SCHEMAS)
def test_a_schema_is_judged_before_any_row(fields: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        table(pa.schema(fields), **options)
    assert str(caught.value).startswith(message)


def test_a_good_schema_is_a_table_without_rows() -> None:
    metadata = pa.struct({"tags": pa.list_(pa.string()), "n": pa.map_(pa.string(), pa.float64())})
    key = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema({"key": key, "values": pa.list_(pa.float16(), 8), "metadata": metadata, "day": pa.date32()})
    with pytest.raises(InputError, match="holds no vectors"):
        check(table(schema, id_column="key"))


@pytest.mark.parametrize("name", ["a.ndjson", "a.jsonl.gz", "a.parquet"])
@pytest.mark.parametrize("target", ["nowhere", "{name}"])
def test_a_link_of_a_folder_that_leads_nowhere_is_named(name: str, target: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(target.format(name=name))
    with pytest.raises(InputError) as caught:
        check(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
