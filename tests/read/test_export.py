from __future__ import annotations

import subprocess
import sys
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from cf_vectorize import InputError, JournalError
from cf_vectorize.read.export import export
from cf_vectorize.source.formats import DECOMPRESSORS
from loads import sending
from scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cf_vectorize_overlay.index import Index

IDS = [f"v{number}" for number in range(100)]
ASKED = [*IDS[:50], "unknown", *IDS[50:], "v3"]


@pytest.fixture
def index() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        for number, identity in enumerate(IDS):
            server.put(identity, [number + step / 64 for step in range(32)], metadata={"n": number})
        yield server


def start(transport: Index, output: Path, ids: Any = ASKED) -> Any:
    return export(transport, ids, output, concurrency=2, stop=threading.Event())


def break_off(transport: Index, output: Path, after: int) -> None:
    pairs = start(transport, output)
    assert len(list(islice(pairs, after))) == after
    pairs.close()


def test_ndjson_holds_the_vectors_in_the_order_asked(transport: Index, tmp_path: Path) -> None:
    output = tmp_path / "out.ndjson"
    pairs = list(start(transport, output))
    assert pairs == [(identity, identity != "unknown") for identity in ASKED]
    documents = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    assert [document["id"] for document in documents] == [*IDS, "v3"]
    assert documents[7] == {"id": "v7", "values": [7 + step / 64 for step in range(32)], "metadata": {"n": 7}}
    assert list(tmp_path.iterdir()) == [output]


def test_parquet_has_the_columns_of_to_arrow(transport: Index, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    list(start(transport, tmp_path / "out.parquet"))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column("id").to_pylist() == [*IDS, "v3"]
    assert table.slice(7, 1).to_pylist() == [
        {"id": "v7", "values": [7 + step / 64 for step in range(32)], "namespace": None, "metadata": '{"n":7}'}
    ]


def test_npy_comes_with_its_ids(transport: Index, tmp_path: Path) -> None:
    list(start(transport, tmp_path / "out.npy"))
    matrix = np.load(tmp_path / "out.npy")
    assert (matrix.dtype, matrix.shape) == (np.float32, (101, 32))
    assert matrix[:, 0].tolist() == [*range(100), 3]
    assert (tmp_path / "out.npy.ids").read_text().splitlines() == [*IDS, "v3"]


@pytest.mark.parametrize("suffix", ["ndjson", "parquet", "npy"])
def test_nothing_found_is_an_empty_file(transport: Index, tmp_path: Path, suffix: str) -> None:
    assert list(start(transport, tmp_path / f"out.{suffix}", ["x"])) == [("x", False)]
    assert (tmp_path / f"out.{suffix}").exists()


@pytest.mark.parametrize("after", [1, 37, 101])
def test_broken_off_it_goes_on_and_asks_for_nothing_twice(
    index: ScriptedServer, transport: Index, tmp_path: Path, after: int
) -> None:
    output, whole = tmp_path / "out.ndjson", tmp_path / "whole.ndjson"
    list(start(transport, whole))
    break_off(transport, output, after)
    assert not output.exists()
    index.requests.clear()
    assert list(start(transport, output)) == [(identity, identity != "unknown") for identity in ASKED]
    # Besides, one vector is asked for again, to see whether the index is still of its dimensions.
    assert sum(map(len, index.asked)) == len(ASKED) - after + 1
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(tmp_path.iterdir()) == [output, whole]


@pytest.mark.parametrize("torn", [b"{", b'{"id":"v30","values":[1,2', b'{"format":"cf-'])
def test_a_torn_last_line_is_fetched_again(transport: Index, tmp_path: Path, torn: bytes) -> None:
    output, part = tmp_path / "out.ndjson", tmp_path / "out.ndjson.part"
    break_off(transport, output, 30)
    part.write_bytes(torn if b"format" in torn else part.read_bytes() + torn)
    assert [identity for identity, _ in start(transport, output)] == ASKED
    assert len(output.read_bytes().splitlines()) == 101


def test_other_ids_another_index_and_damage_are_refused(
    index: ScriptedServer, transport: Index, tmp_path: Path
) -> None:
    output, part = tmp_path / "out.ndjson", tmp_path / "out.ndjson.part"
    break_off(transport, output, 30)
    kept = part.read_bytes()
    with pytest.raises(JournalError, match=r"part:6: was begun with other ids \('v4' here, 'w' now\)"):
        list(start(transport, output, [*IDS[:4], "w"]))
    with pytest.raises(JournalError, match=r"part:12: was begun with other ids \('v10' here, None now\)"):
        list(start(transport, output, IDS[:10]))
    other = sending(index.url)
    other._base_url += "/other"
    with pytest.raises(JournalError, match="belongs to another index, account or base URL"):
        list(start(other, output))
    other.close()
    part.write_bytes(kept[:200] + b"\n" + kept[200:])
    with pytest.raises(JournalError, match=r"part:2: is damaged"):
        list(start(transport, output))


def test_two_at_a_time_are_refused(transport: Index, tmp_path: Path) -> None:
    first = start(transport, tmp_path / "out.ndjson")
    next(first)
    with pytest.raises(JournalError, match="another process is using it"):
        next(start(transport, tmp_path / "out.ndjson"))
    first.close()


@pytest.mark.parametrize("existing", ["out.npy", "out.npy.ids"])
def test_what_exists_already_is_left_as_it_is(
    index: ScriptedServer, transport: Index, tmp_path: Path, existing: str
) -> None:
    (tmp_path / existing).write_text("mine\n")
    with pytest.raises(InputError, match=f"{existing}: exists already; name another output, or move it away"):
        next(start(transport, tmp_path / "out.npy"))
    assert (tmp_path / existing).read_text() == "mine\n"
    assert list(tmp_path.iterdir()) == [tmp_path / existing]
    assert index.requests == []


def test_broken_off_while_its_files_are_written_an_npy_is_written_anew(transport: Index, tmp_path: Path) -> None:
    break_off(transport, tmp_path / "out.npy", 30)
    for torn in ("out.npy", "out.npy.ids"):
        (tmp_path / torn).write_text("torn")
    list(start(transport, tmp_path / "out.npy"))
    assert (tmp_path / "out.npy.ids").read_text().splitlines() == [*IDS, "v3"]


@pytest.mark.parametrize("suffix", DECOMPRESSORS)
def test_the_name_of_a_compressed_file_is_refused(
    index: ScriptedServer, transport: Index, tmp_path: Path, suffix: str
) -> None:
    with pytest.raises(InputError, match=f"{suffix}: would not be compressed; name it without {suffix}, and"):
        next(start(transport, tmp_path / f"out.ndjson{suffix}"))
    assert index.requests == []


def test_an_output_that_cannot_be_written_is_named_before_anything_is_fetched(
    index: ScriptedServer, transport: Index, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"nowhere/out: cannot be written: its folder is not there"):
        next(start(transport, tmp_path / "nowhere" / "out"))
    assert index.requests == []


def test_a_disk_that_fails_keeps_what_was_fetched(transport: Index, tmp_path: Path) -> None:
    output = tmp_path / "out"
    pairs = start(transport, output)
    next(pairs)
    output.mkdir()
    with pytest.raises(
        InputError, match=r"out: cannot be written: Is a directory; .*out.part keeps what was fetched"
    ):
        list(pairs)
    output.rmdir()
    assert len(list(start(transport, output))) == len(ASKED)


def test_an_id_with_a_line_break_is_refused_for_npy(index: ScriptedServer, transport: Index, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ids\[1\] has a line break"):
        list(start(transport, tmp_path / "out.npy", ["v1", "a\u2028b"]))
    assert index.requests == []


def test_a_missing_extra_is_named_before_anything_is_fetched(tmp_path: Path) -> None:
    program = """
import sys, threading
sys.modules["pyarrow"] = sys.modules["pyarrow.parquet"] = None
from pathlib import Path
from cf_vectorize.read.export import export
try:
    next(export(None, ["a"], Path(sys.argv[1]), concurrency=1, stop=threading.Event()))
except Exception as error:
    print(error)
"""
    said = subprocess.check_output([sys.executable, "-c", program, tmp_path / "out.parquet"], text=True)
    assert said == "writing .parquet needs an extra: pip install 'cf-vectorize[arrow]'\n"
