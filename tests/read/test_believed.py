"""What every verb that reads does with answers that are not what was asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from cf_vectorize import AsyncVectorize, UnexpectedResponseError, Vector, Vectorize, VectorizeError
from cf_vectorize.read import verify
from cf_vectorize.read.vectors import DEEPEST, Vectors
from cf_vectorize_overlay import decode
from scripted_server import success

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scripted_server import ScriptedServer

DIMENSIONS = 32
IDS = [f"v{number}" for number in range(50)]


def vector(identity: str, **members: Any) -> dict[str, Any]:
    return {"id": identity, "values": [0.5] * DIMENSIONS, "namespace": None, "metadata": None, **members}


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = {"a": value}
    return value


# What the server does to the vector of v7.
HARM: dict[str, dict[str, Any]] = {
    "a single value, which NumPy would spread over the row": {"values": [7.0]},
    "half of the values": {"values": [0.5] * (DIMENSIONS // 2)},
    "one value more": {"values": [0.5] * (DIMENSIONS + 1)},
    "no values": {"values": []},
    "a value beyond float32": {"values": [1e39] + [0.5] * (DIMENSIONS - 1)},
    "a value far beyond float32": {"values": [0.5] * (DIMENSIONS - 1) + [-1e300]},
    "values in an array of their own": {"values": [[0.5] * DIMENSIONS]},
    "values in two arrays": {"values": [[0.5] * (DIMENSIONS // 2)] * 2},
    "an array among the values": {"values": [[0.5], *[0.5] * (DIMENSIONS - 1)]},
    "a value that is true": {"values": [True] + [0.5] * (DIMENSIONS - 1)},
    "a value that is null": {"values": [None] + [0.5] * (DIMENSIONS - 1)},
    "an id that was not asked for": {"id": "somebody"},
    "an id that came already": {"id": "v8"},
    "an id of another request": {"id": "v47"},
    "metadata that cannot be written again": {"metadata": nested(260)},
    "a member nobody knows that cannot be written again": {"more": nested(260)},
}

VERBS: dict[str, Callable[[Any, Path], Any]] = {
    "get_by_ids of one request": lambda index, _: index.get_by_ids(IDS[:20]),
    "get_by_ids": lambda index, _: index.get_by_ids(IDS),
    "iter_by_ids": lambda index, _: index.iter_by_ids(IDS),
    "export to NDJSON": lambda index, folder: index.export_by_ids(IDS, folder / "out.ndjson"),
    "export to Parquet": lambda index, folder: index.export_by_ids(IDS, folder / "out.parquet"),
    "export to NumPy": lambda index, folder: index.export_by_ids(IDS, folder / "out.npy"),
    "verify of a sample": lambda index, _: index.verify([vector(each) for each in IDS], deadline=0.0),
    "verify of all": lambda index, _: index.verify([vector(each) for each in IDS], sample="all", deadline=0.0),
}


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"account_id": "an-account", "api_token": "a-token", "base_url": server.url, "give_up_after": 0.0}


def blocking(server: ScriptedServer, verb: Callable[[Any, Path], Any], folder: Path) -> Any:
    with Vectorize("an-index", **settings(server)) as index:
        answer = verb(index, folder)
        return list(answer) if hasattr(answer, "__next__") else answer


def awaiting(server: ScriptedServer, verb: Callable[[Any, Path], Any], folder: Path) -> Any:
    async def use() -> Any:
        async with AsyncVectorize("an-index", **settings(server)) as index:
            answer = verb(index, folder)
            return [each async for each in answer] if hasattr(answer, "__anext__") else await answer

    return asyncio.run(use())


def without_the_extra(server: ScriptedServer, verb: Callable[[Any, Path], Any], folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "simdjson", None)
        return blocking(server, verb, folder)


@pytest.fixture
def served(index: ScriptedServer) -> ScriptedServer:
    index.stored = {each: vector(each) for each in IDS}
    return index


@pytest.mark.parametrize("face", [blocking, without_the_extra, awaiting])
@pytest.mark.parametrize(
    "verb", ["get_by_ids of one request", "iter_by_ids", "export to NDJSON", "verify of a sample"]
)
@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_an_answer_that_cannot_be_believed_is_an_error_of_every_verb(
    served: ScriptedServer, tmp_path: Path, face: Any, verb: str, harm: dict[str, Any]
) -> None:
    served.stored["v7"] |= harm
    with pytest.raises(UnexpectedResponseError):
        face(served, VERBS[verb], tmp_path)


@pytest.mark.parametrize("face", [blocking, awaiting])
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_more_vectors_than_were_asked_for_are_an_error_of_every_verb(
    served: ScriptedServer, tmp_path: Path, face: Any, verb: Any
) -> None:
    served.script = [success(list(served.stored.values()))] * 3
    with pytest.raises(UnexpectedResponseError, match="it holds a vector that was not asked for: 'v"):
        face(served, verb, tmp_path)


@pytest.mark.parametrize("face", [blocking, awaiting])
@pytest.mark.parametrize("verb", [name for name in VERBS if name != "get_by_ids of one request"])
@pytest.mark.parametrize("count", [1, DIMENSIONS // 2, DIMENSIONS * 2])
def test_a_whole_answer_of_other_dimensions_than_the_others_is_an_error(
    served: ScriptedServer, tmp_path: Path, face: Any, verb: str, count: int
) -> None:
    for each in IDS[20:40]:
        served.stored[each]["values"] = [7.0] * count
    with pytest.raises(UnexpectedResponseError, match=f"has {count} values, those before it have 32") as raised:
        face(served, VERBS[verb], tmp_path)
    assert "get_by_ids)" in str(raised.value)


def test_what_came_before_an_answer_of_other_dimensions_is_kept(served: ScriptedServer, tmp_path: Path) -> None:
    for each in IDS[40:]:
        served.stored[each]["values"] = [7.0]
    with pytest.raises(UnexpectedResponseError) as raised:
        blocking(served, VERBS["get_by_ids"], tmp_path)
    assert list(raised.value.fetched) == IDS[:40]


def test_metadata_as_deep_as_can_be_written_is_read_and_written(served: ScriptedServer, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    deep = nested(DEEPEST - 2)
    served.stored["v7"]["metadata"] = deep
    found = blocking(served, VERBS["get_by_ids"], tmp_path)
    assert found["v7"].metadata == deep
    assert orjson.loads(found.to_arrow().column("metadata")[7].as_py()) == deep
    blocking(served, VERBS["export to NDJSON"], tmp_path)
    assert orjson.loads((tmp_path / "out.ndjson").read_bytes().splitlines()[7])["metadata"] == deep
    report = blocking(served, VERBS["verify of all"], tmp_path)
    [finding] = report.findings
    assert orjson.loads(orjson.dumps(report.as_json()))["findings"][0]["differences"][0]["found"] == deep
    assert str(finding).startswith('<records>:8 (id "v7"): metadata: null in the source, {"a":{"a":')


@pytest.mark.parametrize("values", [[7.0], [0.5] * 16, []])
@pytest.mark.parametrize("way", [Vectors.to_numpy, Vectors.to_arrow])
def test_no_table_is_made_of_vectors_of_several_lengths(way: Any, values: list[float]) -> None:
    pytest.importorskip("pyarrow")
    found = {"a": Vector("a", [0.5] * 32), "b": Vector("b", values)}
    with pytest.raises(VectorizeError, match=rf'vector "b" has {len(values)} values, the first has 32'):
        way(Vectors(found))


# --- an export that failed ------------------------------------------------------------------------------------------


def values_of(path: Path) -> list[list[float]]:
    if path.suffix == ".ndjson":
        return [orjson.loads(line)["values"] for line in path.read_bytes().splitlines()]
    numpy = pytest.importorskip("numpy")
    if path.suffix == ".npy":
        rows: list[list[float]] = numpy.load(path).tolist()
        return rows
    column: list[list[float]] = pytest.importorskip("pyarrow.parquet").read_table(path).column("values").to_pylist()
    return column


@pytest.mark.parametrize("suffix", ["ndjson", "parquet", "npy"])
@pytest.mark.parametrize("wrong", [range(20), range(20, 40), [7]], ids=str)
@pytest.mark.parametrize("harm", [{"values": [7.0]}, {"values": [7.0] * 33}, {"values": []}, {"more": nested(260)}])
def test_a_failed_export_goes_on_once_the_answers_are_right(
    served: ScriptedServer, tmp_path: Path, suffix: str, wrong: Any, harm: dict[str, Any]
) -> None:
    output = tmp_path / f"out.{suffix}"

    def export() -> Any:
        return blocking(served, lambda index, _: index.export_by_ids(IDS, output), tmp_path)

    for number in wrong:
        served.stored[IDS[number]] |= harm
    with pytest.raises(UnexpectedResponseError):
        export()
    assert not output.exists()
    served.stored = {each: vector(each) for each in IDS}
    assert export() == [(each, True) for each in IDS]
    assert values_of(output) == [[0.5] * DIMENSIONS] * len(IDS)
    assert not (tmp_path / f"out.{suffix}.part").exists()


def break_off(pairs: Any, after: int) -> None:
    for _ in range(after):
        next(pairs)
    pairs.close()


def test_an_export_broken_off_goes_on_with_the_index_as_it_is_made_anew(
    served: ScriptedServer, tmp_path: Path
) -> None:
    output = tmp_path / "out.npy"
    with Vectorize("an-index", **settings(served)) as index:
        break_off(index.export_by_ids(IDS, output), 45)
        served.stored = {each: vector(each, values=[0.25] * 48) for each in IDS}
        assert list(index.export_by_ids(IDS, output)) == [(each, True) for each in IDS]
    assert values_of(output) == [[0.25] * 48] * len(IDS)


def test_an_export_that_goes_on_believes_no_other_dimensions_than_those_it_has(
    served: ScriptedServer, tmp_path: Path
) -> None:
    output = tmp_path / "out.npy"
    with Vectorize("an-index", **settings(served)) as index:
        break_off(index.export_by_ids(IDS, output), 20)
        for each in IDS[20:]:
            served.stored[each]["values"] = [7.0]
        with pytest.raises(UnexpectedResponseError, match=r'"v\d+" has 1 values, those before it have 32'):
            list(index.export_by_ids(IDS, output))
        served.stored = {each: vector(each) for each in IDS}
        assert list(index.export_by_ids(IDS, output)) == [(each, True) for each in IDS]


def test_what_a_part_of_an_export_holds_stays_when_its_first_vector_is_gone(
    served: ScriptedServer, tmp_path: Path
) -> None:
    output = tmp_path / "out.ndjson"
    with Vectorize("an-index", **settings(served)) as index:
        break_off(index.export_by_ids(IDS, output), 45)
        del served.stored["v0"]
        assert list(index.export_by_ids(IDS, output)) == [(each, True) for each in IDS]


# --- memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "harm", [{"metadata": {"text": "x" * 30_000}}, {"namespace": "x" * 30_000}, {"values": [7.0] * 3_800}]
)
@pytest.mark.parametrize("sample", ["all", 3000])
def test_details_of_what_is_different_are_bounded_in_bytes_too(
    served: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: dict[str, Any], sample: Any
) -> None:
    monkeypatch.setattr(verify, "DETAIL_BYTES", 100_000)
    served.stored = {each: vector(each, **harm) for each in IDS}
    records = [vector(each) for each in IDS]
    report = blocking(served, lambda index, _: index.verify(records, sample=sample, deadline=0.0), tmp_path)
    assert (report.different, len(report.findings)) == (50, 3)
