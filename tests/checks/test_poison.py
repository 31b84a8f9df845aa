"""No line is poison: whatever a source holds, it is judged, named by its place, and what is good goes on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cf_vectorize import Vectorize, VectorizeError, check, columns
from cf_vectorize.checks.line import MOST_PROBLEMS, LineCheck
from cf_vectorize.source.records import compact
from loads import DIMENSIONS, insert_blocking, line
from loads import settings as client
from scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALUES = [0.5] * DIMENSIONS
GOOD = line("good")


def nested(depth: int, inner: str = "1") -> str:
    return "[" * depth + inner + "]" * depth


def members(**texts: str) -> bytes:
    """Return a line of members as JSON text."""
    texts = {"id": '"odd"', "values": json.dumps(VALUES)} | texts
    return ("{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}\n").encode()


ODD_LINES = {
    **{
        f"{name} {depth} deep": members(**{name: f'{{"a":{nested(depth)}}}'})
        for name in ("metadata", "extra")
        for depth in (130, 253, 254, 255, 260, 1_000, 1_021, 1_030, 100_000)
    },
    "deep values": members(values=nested(900)),
    "deep and not finite": members(metadata=f'{{"a":{nested(950, "NaN")}}}'),
    "deep with half a surrogate pair": members(metadata=f'{{"a":{nested(300)},"b":"\\ud800"}}'),
    "a long integer": members(metadata='{"a":' + "9" * 5_000 + "}"),
    "a long integer in values": members(values="[" + "9" * 5_000 + "]"),
    "a long fraction": members(metadata='{"a":0.' + "9" * 500_000 + "}"),
    "a huge exponent": members(metadata='{"a":1e999999999}'),
    "many faults": members(metadata='{"a":[' + "NaN," * 100_000 + "1]}"),
    "an id of a megabyte": members(id='"' + "x" * 1_000_000 + '"'),
    "a line too long": members(extra='"' + "x" * 5_000_000 + '"'),
    "half a surrogate pair as id": members(id='"\\ud800"'),
    "a mark in the middle": b"\xef\xbb\xbf" + GOOD,
    "zeros": bytes(1_000) + b"\n",
    "what looks like a stand-in": b'{"unencodable":"x","id":"odd","rule":"record"}\t\n',
}


def all_that_reads(source: Any, folder: Path) -> None:
    """Let everything read a source; whatever is raised must be ours."""
    # The server reads no body of an insert: some are too much for it.
    with ScriptedServer(keep_bodies=False) as inserts, ScriptedServer() as lookups:
        each_reads(source, folder, client(inserts.url, give_up_after=1.0), client(lookups.url, give_up_after=1.0))


def each_reads(source: Any, folder: Path, inserts: dict[str, Any], lookups: dict[str, Any]) -> None:
    for options in (
        {},
        {"rejects": folder / "rejects"},
        {"rejects": folder / "rejects", "compact": True, "journal": folder / "journal"},
        {"rejects": folder / "rejects", "check": False, "compact": True},
        {"rejects": folder / "rejects", "unparsable": "discard", "on_error": "continue"},
    ):
        try:
            insert_blocking(inserts, source(), **options)
        except VectorizeError as error:
            str(error)
    try:
        check(source()).summary()
    except VectorizeError as error:
        str(error)
    with Vectorize("index", **lookups) as index:
        try:
            index.verify(source(), deadline=0).summary()
        except VectorizeError as error:
            str(error)


@pytest.mark.parametrize("name", ODD_LINES)
def test_an_odd_line_is_judged_and_the_others_go_on(name: str, tmp_path: Path) -> None:
    source = tmp_path / "vectors.ndjson"
    source.write_bytes(GOOD + ODD_LINES[name] + line("last"))
    all_that_reads(lambda: str(source), tmp_path)
    with ScriptedServer(keep_bodies=False) as server:
        report = insert_blocking(
            client(server.url, give_up_after=1.0), source, rejects=tmp_path / "bad", journal=tmp_path / "noted"
        )
    assert {problem.line for problem in report.rejected} <= {2}
    assert report.vectors == 3 - bool(report.rejected)
    assert len(report.rejected) <= MOST_PROBLEMS
    found = check(source)
    assert [(problem.line, problem.rule) for problem in found.problems] == [
        (problem.line, problem.rule) for problem in report.rejected
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["id", "values", "namespace", "metadata", "extra"]), JSON | st.just(VALUES) | st.just("odd")
)
LINES = (
    st.binary(max_size=50)
    | DOCUMENTS.map(lambda document: json.dumps(document).encode())
    | st.sampled_from([GOOD, *(text for text in ODD_LINES.values() if len(text) < 10_000)])
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """Return lines of which some bytes are exchanged."""
    text = bytearray(b"\n".join(draw(st.lists(LINES, max_size=4))))
    for place in draw(st.lists(st.integers(0, 400), max_size=3)):
        if place < len(text):
            text[place] = draw(st.integers(0, 255))
    return bytes(text)


@given(spoiled())
@settings(max_examples=60, suppress_health_check=[HealthCheck.data_too_large])
def test_any_bytes_raise_our_errors_only(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.ndjson"
        path.write_bytes(data)
        all_that_reads(lambda: str(path), Path(folder))


@given(DOCUMENTS, DOCUMENTS)
@settings(max_examples=300)
def test_compact_changes_values_only(document: dict[str, Any], repeated: dict[str, Any]) -> None:
    text = json.dumps(document)[:-1] + ", " * bool(document and repeated) + json.dumps(repeated)[1:]

    def pairs(read: bytes) -> list[Any]:
        found: list[Any] = json.loads(read, object_pairs_hook=list, parse_float=str, parse_int=str)
        return found

    shorter = compact(text.encode())
    before, after = pairs(text.encode()), pairs(shorter)
    assert [item for item in after if item[0] != "values"] == [item for item in before if item[0] != "values"]
    assert len(before) == len(after)


@pytest.mark.parametrize(
    "rest",
    [
        '"metadata":{"n":123456789012345678901234567890,"f":0.1000000000000000055511151231257827}',
        '"metadata":{"values":[1.00]}',
        '"id":"values"',
        '"id":"other","id":"last"',
        '"extra":' + nested(400),
        '"x\\"values":[1.00]',
        '"metadata":{"a":"\\\\"},"b":"],["',
        '"k\\u0065y":1',
    ],
)
def test_compact_keeps_what_it_does_not_understand(rest: str) -> None:
    for values in ('"values"', '"val\\u0075es"', '"values" \t'):
        for text in ("{%s,%s:[0.50, 1e0]}", "{%s , %s: [0.50,\t1.0 ]}"):
            whole = text % (rest, values)
            assert compact(whole.encode()).decode() == whole[: whole.rindex("[")] + "[0.5,1.0]}"


@pytest.mark.parametrize("twice", ['{"values":[0.50],"values":[1.50]}', '{"values":[0.50],"val\\u0075es":[1.50]}'])
def test_compact_leaves_a_line_that_has_values_twice(twice: str) -> None:
    assert compact(twice.encode()).decode() == twice


def cycle() -> dict[str, Any]:
    members: dict[str, Any] = {}
    members["a"] = [members]
    return members


def deep(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


class Raising:
    """Whatever is asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def __repr__(self) -> str:
        raise ZeroDivisionError


class RaisingMapping(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(["id"])

    def __len__(self) -> int:
        return 1


RECORDS: dict[str, tuple[Any, str]] = {
    "a cycle": ({"metadata": cycle()}, "metadata is nested too deeply to be written, or holds itself"),
    "a cycle elsewhere": ({"extra": cycle()}, "extra is nested too deeply to be written, or holds itself"),
    "nested deeply": ({"metadata": {"a": deep(260)}}, "metadata is nested too deeply to be written, or holds itself"),
    "values nested deeply": ({"values": deep(300)}, "values is nested too deeply to be written, or holds itself"),
    "a huge integer": ({"metadata": {"a": 10**5_000}}, "metadata.a is an integer of too many digits to be written"),
    "a huge integer in values": ({"values": [10**5_000]}, "values[0] is an integer of too many digits"),
    "an object that raises": ({"metadata": {"a": Raising()}}, "metadata.a <Raising instance at "),
    "masked values": (
        {"values": np.ma.masked_array(VALUES, mask=[True] + [False] * (DIMENSIONS - 1))},
        "values is an array with masked values; fill them, or leave the rows out",
    ),
    "long doubles": ({"values": np.full(DIMENSIONS, np.longdouble("1e400"))}, "values[0] is Infinity"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_an_odd_record_is_judged_and_the_others_go_on(name: str, tmp_path: Path) -> None:
    odd, reason = RECORDS[name]
    good: dict[str, Any] = {"id": "good", "values": VALUES}
    records = [good, good | {"id": "odd"} | odd, good | {"id": "last"}]
    with ScriptedServer() as server:
        report = insert_blocking(client(server.url, give_up_after=1.0), records, rejects=tmp_path / "rejects")
    all_that_reads(lambda: list(records), tmp_path)
    assert set(server.stored) == {"good", "last"}
    (problem,) = report.rejected
    assert (problem.line, problem.id) == (2, "odd")
    assert problem.reason.startswith(reason)


@pytest.mark.parametrize("make", [Raising, RaisingMapping, object, lambda: None, str, int, list])
def test_what_is_no_record_is_judged_and_the_others_go_on(make: Callable[[], object], tmp_path: Path) -> None:
    good = {"id": "good", "values": VALUES}
    record: Any = make()
    with ScriptedServer() as server:
        report = insert_blocking(
            client(server.url, give_up_after=1.0), iter([good, record, good]), rejects=tmp_path / "rejects"
        )
    (problem,) = report.rejected
    assert (problem.line, problem.id, problem.rule) == (2, None, "record")
    assert report.vectors == 2


def test_long_doubles_in_columns_are_written_or_judged_row_by_row(tmp_path: Path) -> None:
    values = np.full((3, DIMENSIONS), np.longdouble("0.5"))
    values[1] = np.longdouble("1e400")
    with ScriptedServer() as server:
        report = insert_blocking(
            client(server.url, give_up_after=1.0),
            columns(ids=["a", "b", "c"], values=values),
            rejects=tmp_path / "rejects",
        )
    assert set(server.stored) == {"a", "c"}
    assert {(problem.line, problem.id) for problem in report.rejected} == {(2, "b")}


def test_masked_columns_are_refused() -> None:
    values = np.ma.masked_array(np.ones((2, DIMENSIONS)), mask=False)
    assert columns(ids=["a", "b"], values=values).values.shape == (2, DIMENSIONS)
    values[1, 3] = np.ma.masked
    with pytest.raises(VectorizeError, match="values is an array with masked values; fill them"):
        columns(ids=["a", "b"], values=values)


def test_a_mapping_is_no_column() -> None:
    with pytest.raises(VectorizeError, match="ids is of type dict; make a list of it with list"):
        columns(ids={"a": 1}, values=np.ones((1, DIMENSIONS)))


def test_a_line_has_a_bounded_number_of_problems() -> None:
    assert len(LineCheck()(ODD_LINES["many faults"].rstrip())) == MOST_PROBLEMS
