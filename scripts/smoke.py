"""Use what is installed, as far as an extra goes: `python smoke.py EXTRA BASE_URL`.

Run by scripts/try_wheel.py, with a Python that knows neither this tree nor its tests.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import uuid
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory

import cf_vectorize
from cf_vectorize import AsyncVectorize, Vectorize, check
from cf_vectorize_overlay import Index

DIMENSIONS = 32
PLUGIN = """
def test_the_plugin_is_there(vectorize_emulator):
    from cf_vectorize import Vectorize
    with Vectorize(vectorize_emulator.index) as index:
        assert index.insert([{"id": "a", "values": [0.5] * 32}]).vectors == 1
"""


def records(prefix: str, count: int = 100) -> list[dict[str, object]]:
    """Return vectors that float32 holds exactly."""
    return [
        {"id": f"{prefix}-{number}", "values": [number + place / 32 for place in range(DIMENSIONS)]}
        for number in range(count)
    ]


def ndjson(prefix: str) -> bytes:
    """Return the same as a file's contents."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records(prefix))


def command(*arguments: str) -> str:
    """Run the installed command, and return what it printed."""
    program = Path(sys.executable).with_name("cf-vectorize")
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, encoding="utf-8", check=False)
    assert ran.returncode == 0, (arguments, ran.stdout, ran.stderr)
    return ran.stdout


def bare(name: str, folder: Path) -> None:
    """Load records and files, read them back, verify, check, by every door."""
    for public in cf_vectorize.__all__:
        getattr(cf_vectorize, public)
    plain, packed = folder / "plain.ndjson", folder / "packed.ndjson.gz"
    plain.write_bytes(ndjson("plain"))
    packed.write_bytes(gzip.compress(ndjson("packed")))
    with Vectorize(name) as index:
        assert index.insert(records("record"), batch_vectors=30).vectors == 100
        verification = index.insert(packed, verify=True).verification
        assert verification is not None
        assert verification.equal == 100
        found = index.get_by_ids([f"record-{number}" for number in range(101)])
        assert (len(found), found.missing) == (100, ("record-100",)), found
        assert list(found["record-7"].values) == records("record")[7]["values"]

    async def awaiting() -> None:
        async with AsyncVectorize(name) as index:
            assert (await index.insert(records("awaited"))).vectors == 100
            assert len(await index.get_by_ids(["awaited-1", "packed-1"])) == 2

    asyncio.run(awaiting())
    with Index(name) as one:
        assert [vector.id for vector in one.get_by_ids(["packed-2"])] == ["packed-2"]
    assert check(plain).vectors == 100
    assert "100" in command("check", str(plain))
    command("insert", name, str(plain), "--resume", "--rejects", str(folder / "bad.ndjson"))
    command("verify", name, str(plain))
    assert json.loads(command("get", name, "plain-3"))["values"] == records("plain")[3]["values"]


def fast(_: str, folder: Path) -> None:
    """Let simdjson look first."""
    import simdjson  # noqa: F401

    (folder / "fast.ndjson").write_bytes(ndjson("fast"))
    assert check(folder / "fast.ndjson").vectors == 100


def numpy(name: str, _: Path) -> None:
    """Load an array, and read one back."""
    import numpy as np

    values = np.arange(DIMENSIONS * 10, dtype=np.float32).reshape(10, DIMENSIONS)
    ids = [f"numpy-{number}" for number in range(10)]
    with Vectorize(name) as index:
        index.insert(cf_vectorize.columns(ids=ids, values=values))
        found, matrix = index.get_by_ids(ids).to_numpy()
        assert list(found) == ids
        assert (matrix == values).all()


def arrow(name: str, folder: Path) -> None:
    """Load a table and a Parquet file, and read a table back."""
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pylist(records("arrow", 10))
    parquet.write_table(table, folder / "file.parquet")
    with Vectorize(name) as index:
        assert index.insert(table).vectors == 10
        assert index.insert(folder / "file.parquet").vectors == 10
        assert index.get_by_ids(table["id"].to_pylist()).to_arrow()["id"].to_pylist() == table["id"].to_pylist()


def zstd(name: str, folder: Path) -> None:
    """Load a compressed file."""
    if sys.version_info >= (3, 14):
        from compression import zstd as library
    else:
        from backports import zstd as library
    path = folder / "packed.ndjson.zst"
    path.write_bytes(library.compress(ndjson("zstd")))
    with Vectorize(name) as index:
        assert index.insert(path).vectors == 100


def emulator(_: str, folder: Path) -> None:
    """Let pytest find the fixture."""
    (folder / "test_plugin.py").write_text(PLUGIN, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder], check=True)


def contract(name: str, _: Path) -> None:
    """Hold the service to the specification that the wheel brings."""
    said = command("contract", name, "--insert", "--json")
    assert json.loads(said)["kept"], said


def ray(name: str, _: Path) -> None:
    """Write a dataset with a task, and read it back with another."""
    import ray as library

    from cf_vectorize.ray import VectorizeDatasink, VectorizeLookup, repartitioned

    library.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
    try:
        sink = VectorizeDatasink(name)
        repartitioned(library.data.from_items(records("ray"))).write_datasink(sink)
        assert sink.report is not None
        assert sink.report.vectors == 100
        rows = library.data.from_items([{"id": "ray-1"}]).map_batches(
            VectorizeLookup, fn_constructor_args=(name,), **VectorizeLookup.RESOURCES
        )
        assert len(rows.take_all()) == 1
    finally:
        library.shutdown()


BEYOND = {
    "bare": (),
    "all": (*(() if sys.version_info >= (3, 14) else (fast,)), numpy, arrow, zstd, emulator, contract),
    "ray": (arrow, ray),
    "fast": (fast,),
    "numpy": (numpy,),
    "arrow": (arrow,),
    "zstd": (zstd,),
    "emulator": (numpy, emulator),
    "contract": (contract,),
}


def main(extra: str, base_url: str) -> None:
    """Do what goes without an extra, then what this one is for."""
    os.environ |= {
        "CLOUDFLARE_ACCOUNT_ID": "0" * 32,
        "CLOUDFLARE_API_TOKEN": "smoke-token",
        "CLOUDFLARE_BASE_URL": base_url,
    }
    installed = Path(str(distribution("cf-vectorize").locate_file("")))
    assert Path(cf_vectorize.__file__).is_relative_to(installed), cf_vectorize.__file__
    assert "site-packages" in installed.parts, installed
    name = f"smoke-{uuid.uuid4().hex[:12]}"
    for use in (bare, *BEYOND[extra]):
        with TemporaryDirectory() as folder:
            use(name, Path(folder))
    print(f"{extra}: " + " | ".join(command("--version").splitlines()))


if __name__ == "__main__":
    main(*sys.argv[1:])
