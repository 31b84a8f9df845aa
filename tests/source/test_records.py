"""Records, arrays and tables as lines: what comes out is what went in, as float32, bit for bit."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import re
import subprocess
import sys
import uuid
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st
from pyarrow import parquet

from cf_vectorize import InputError, Vector
from cf_vectorize.checks.line import LineCheck
from cf_vectorize.source.columns import columns
from cf_vectorize.source.encode import numpy, read_stand_in, stand_in
from cf_vectorize.source.records import compact, rows_to_lines
from cf_vectorize.source.table import table
from cf_vectorize_api.models import Metadata, VectorLine
from cf_vectorize_api.models import Vector as StoredVector
from memory import PEAK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VALUES = [0.1] * 32
EDGES = [0.1, -0.0, 1.401298464324817e-45, 3.4028234663852886e38, 16777217.0, 1e-7, 123456.789, 1.0]


def decoded(source: object) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in rows_to_lines(source)]


def assert_equal_as_float32(found: list[list[float]], expected: Any) -> None:
    with np.errstate(over="ignore"):
        assert np.asarray(found, np.float32).tobytes() == np.ascontiguousarray(expected, np.float32).tobytes()


@pytest.fixture
def without_numpy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    numpy.cache_clear()
    monkeypatch.setitem(sys.modules, "numpy", None)
    yield
    numpy.cache_clear()


class Color(str, enum.Enum):  # noqa: UP042 - str() of a StrEnum gives its value, of this one it does not
    RED = "red"


RECORDS = [
    {"id": "a", "values": VALUES, "metadata": {"k": [1, None]}},
    Vector("a", array("d", VALUES), metadata={"k": [1, None]}),
    Vector.from_json({"id": "a", "values": VALUES, "namespace": None, "metadata": {"k": [1, None]}}),
    VectorLine("a", VALUES, metadata=Metadata.from_dict({"k": [1, None]})),
    StoredVector("a", VALUES, metadata=Metadata.from_dict({"k": [1, None]})),
    {"id": np.str_("a"), "values": np.array(VALUES), "metadata": {"k": np.array([1, None])}},
    {"id": "a", "values": list(np.array(VALUES, np.float32)), "metadata": {"k": (np.int64(1), None)}},
    {"id": "a", "values": memoryview(array("d", VALUES)), "metadata": {"k": [1, None]}},
    {"id": "a", "values": [decimal.Decimal("0.1")] * 32, "metadata": {"k": [1, None]}},
    b'{"id":"a","values":[' + b",".join([b"0.1"] * 32) + b'],"metadata":{"k":[1,null]}}',
]


@pytest.mark.parametrize("record", RECORDS)
def test_every_kind_of_record_gives_the_same_line(record: object) -> None:
    assert list(rows_to_lines([record])) == [RECORDS[-1]]


def test_other_members_are_kept() -> None:
    vector = Vector.from_json({"id": "a", "values": [1, 2.5], "namespace": "n", "extra": [1]})
    assert vector == Vector("a", array("d", [1, 2.5]), "n", None, {"extra": [1]})
    assert decoded([vector]) == [{"id": "a", "values": [1, 2.5], "namespace": "n", "extra": [1]}]


def test_records_are_taken_lazily() -> None:
    taken = []

    def records() -> Iterator[dict[str, Any]]:
        for number in range(3):
            taken.append(number)
            yield {"id": str(number), "values": VALUES}

    next(rows_to_lines(records()))
    assert taken == [0]


JUDGED = [
    ({"id": 5}, 'id is a number (5); ids are strings: write "5" if that is meant'),
    ({"id": np.int64(5)}, 'id is a number (5); ids are strings: write "5" if that is meant'),
    ({"id": "\ud800"}, r'id holds half a surrogate pair, which is no character: "\ud800"'),
    ({"values": [None, *VALUES[1:]]}, "values[0] is null, not a number"),
    ({"values": [True, *VALUES[1:]]}, "values[0] is true, not a number"),
    ({"values": [float("nan"), *VALUES[1:]]}, "values[0] is NaN; JSON has no NaN"),
    ({"values": [1e39, *VALUES[1:]]}, "values[0] is a number (1e+39), beyond float32 (3.4e38)"),
    ({"values": [2**200, *VALUES[1:]]}, "values[0] is a number (1.6069380442589903e+60), beyond float32 (3.4e38)"),
    ({"values": np.array([np.inf, *VALUES[1:]])}, "values[0] is Infinity; JSON has no Infinity"),
    ({"values": np.array([1e39, *VALUES[1:]])}, "values[0] is a number (1e+39), beyond float32 (3.4e38)"),
    ({"values": np.ones((2, 2))}, "values[0] is an array, not a number"),
    ({"values": np.array([True] * 32)}, "values[0] is true, not a number"),
    ({"values": "0.1"}, 'values is a string ("0.1"), not an array of numbers'),
    ({"values": {"0": 1}}, "values is an object with numbered keys"),
    ({"values": None}, "values is null, not an array of numbers"),
    ({"metadata": {"n": np.float32("nan")}}, "metadata.n is NaN; JSON has no NaN"),
    ({"metadata": {"n": 10**400}}, "metadata.n is 1000"),
]


@pytest.mark.parametrize(("members", "reason"), JUDGED)
def test_what_json_can_express_is_left_to_the_check(members: dict[str, Any], reason: str) -> None:
    (line,) = rows_to_lines([{"id": "a", "values": VALUES} | members])
    assert LineCheck()(line)[0].reason.startswith(reason)


REFUSED = [
    ({"metadata": {"d": dt.date(2026, 1, 2)}}, "metadata.d", "datetime.date(2026, 1, 2) is of type date"),
    ({"metadata": {"d": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}}, "metadata.d", "is of type datetime"),
    ({"metadata": {"l": [{"n": decimal.Decimal(1)}]}}, "metadata.l[0].n", "Decimal('1') is of type Decimal"),
    ({"metadata": {"b": b"x"}}, "metadata.b", "b'x' is of type bytes"),
    ({"metadata": {"t": np.datetime64("2026-01-02")}}, "metadata.t", "is of type date"),
    ({"metadata": {1: "x"}}, "metadata", "the key 1 is no string"),
    ({"metadata": {"\ud800": "x"}}, "metadata", r"the key '\ud800' is no string of whole characters"),
    ({"id": uuid.UUID(int=1)}, "id", "is of type UUID"),
    ({"values": ["x", b"y"]}, "values[1]", "b'y' is of type bytes"),
    ({"other": {1}}, "other", "{1} is of type set"),
]


@pytest.mark.parametrize(("members", "column", "reason"), REFUSED)
def test_what_json_cannot_express_is_refused_with_row_and_column(
    members: dict[str, Any], column: str, reason: str
) -> None:
    good = {"id": "a", "values": VALUES}
    first, refused, last = rows_to_lines([good, good | members, good])
    (problem,) = LineCheck()(refused, "<records>", 2)
    assert problem.rule == "record"
    assert problem.reason.startswith(f"{column} ")
    assert reason in problem.reason
    assert problem.id == (None if "id" in members else "a")
    assert first == last


def test_a_row_that_is_no_record_is_refused() -> None:
    (refused,) = rows_to_lines([5])
    assert read_stand_in(refused) == ("record", "is of type int; a record is a mapping, a Vector or bytes", None)


@pytest.mark.parametrize(
    "line",
    [
        b'{"unencodable":"x","id":"a","rule":"record"}',
        b'{"unencodable":"x","id":"a","rule":"id"}\t',
        b'{"unencodable":"x","id":"a","rule":[]}\t',
        b'{"unencodable":"x","id":5,"rule":"record"}\t',
        b'{"unencodable":5,"id":"a","rule":"record"}\t',
        b'{"unencodable":"x"}\t',
        b'{"unencodable":\t',
        b'{"unencodable":' + 100_000 * b"[" + b"\t",
        b'{"unencodable":"\xff","id":null,"rule":"record"}\t',
        b'{"id":"a","values":[1]}\t',
    ],
)
def test_a_line_that_is_no_stand_in_is_judged_as_any_other(line: bytes) -> None:
    assert read_stand_in(line) is None
    assert "record" not in {problem.rule for problem in LineCheck()(line)}


@pytest.mark.parametrize(("identity", "said"), [("a", "a"), ("\ud800", None), (5, None), (None, None)])
def test_a_stand_in_says_its_reason_and_an_id_of_whole_characters(identity: object, said: str | None) -> None:
    line = stand_in("\ud800 is \n odd", identity)
    assert read_stand_in(line) == ("record", "\ud800 is \n odd", said)
    assert b"\n" not in line


def test_members_of_an_enumeration_are_what_they_stand_for() -> None:
    assert decoded([{"id": Color.RED, "values": [1]}])[0]["id"] == "red"


@pytest.mark.parametrize("source", [5, "path", b"line", {"id": "a"}, np.ones((2, 2))])
def test_what_holds_no_records_is_refused(source: object) -> None:
    with pytest.raises(InputError, match=r"list of them|columns\("):
        rows_to_lines(source)


float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(float32s, min_size=1, max_size=40))
def test_a_list_of_floats_comes_back_bit_for_bit(values: list[float]) -> None:
    assert_equal_as_float32([decoded([{"id": "a", "values": values}])[0]["values"]], [values])
    assert_equal_as_float32([decoded([{"id": "a", "values": tuple(values)}])[0]["values"]], [values])


@given(st.lists(st.floats(allow_nan=False, max_value=3.4e38, min_value=-3.4e38), min_size=1, max_size=40))
def test_float64_is_rounded_once(values: list[float]) -> None:
    assert_equal_as_float32([decoded([{"id": "a", "values": values}])[0]["values"]], [values])


@pytest.mark.usefixtures("without_numpy")
def test_records_need_no_numpy() -> None:
    (line,) = rows_to_lines([{"id": "a", "values": array("d", EDGES), "metadata": {"n": 1}}])
    found = orjson.loads(line)["values"]
    assert array("f", found) == array("f", EDGES)
    assert str(found[1]) == "-0.0"
    for bad, kind in ((float("nan"), "NaN"), (float("inf"), "Infinity"), (1e39, "a number (1e+39)"), (True, "true")):
        (line,) = rows_to_lines([{"id": "a", "values": [bad, *VALUES[1:]]}])
        assert LineCheck()(line)[0].reason.startswith(f"values[0] is {kind}")
    with pytest.raises(InputError, match=r"cf-vectorize\[numpy\]"):
        columns(ids=["a"], values=[VALUES])


arrays = st.sampled_from([np.float16, np.float32, np.float64, np.int8]).flatmap(
    lambda dtype: np_st.arrays(
        dtype,
        st.tuples(st.integers(0, 5), st.integers(1, 40)),
        elements={"allow_nan": False, "allow_infinity": False, "max_value": 3e38, "min_value": -3e38}
        if dtype is np.float64
        else {"allow_nan": False, "allow_infinity": False}
        if dtype is not np.int8
        else None,
    )
)
orders = st.sampled_from(
    [
        np.ascontiguousarray,
        np.asfortranarray,
        lambda values: values[::-1],
        lambda values: np.repeat(values, 2, axis=1)[:, ::2],
        lambda values: values.astype(values.dtype.newbyteorder()),
    ]
)
identities = st.text(min_size=1, max_size=16)
metadata_objects = st.none() | st.dictionaries(
    identities,
    st.text() | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
)


@given(arrays, orders, st.data())
def test_columns_come_back_bit_for_bit(values: Any, order: Any, data: st.DataObject) -> None:
    arranged = order(values)
    rows = len(values)
    ids = data.draw(st.lists(identities, min_size=rows, max_size=rows))
    metadata = data.draw(st.lists(metadata_objects, min_size=rows, max_size=rows))
    found = decoded(columns(ids=ids, values=arranged, metadata=metadata, namespace="n"))
    assert [vector["id"] for vector in found] == ids
    assert [vector.get("metadata") for vector in found] == metadata
    assert {vector["namespace"] for vector in found} <= {"n"}
    if rows:
        assert_equal_as_float32([vector["values"] for vector in found], arranged)


def test_columns_of_many_blocks_and_arrays() -> None:
    values = np.arange(600 * 2, dtype=np.float32).reshape(600, 2)
    ids = np.array([f"v{number}" for number in range(600)])
    namespaces = np.array(["n", None] * 300, object)
    found = decoded(columns(ids=ids, values=values, namespace=namespaces))
    assert [vector["id"] for vector in found] == ids.tolist()
    assert [vector.get("namespace") for vector in found] == namespaces.tolist()
    assert_equal_as_float32([vector["values"] for vector in found], values)


def test_a_bad_row_of_columns_spoils_no_other() -> None:
    values = np.array([VALUES, [np.nan, *VALUES[1:]], [1e39, *VALUES[1:]], VALUES])
    ids: list[Any] = ["a", 5, "c", "d"]
    first, second, third, last = rows_to_lines(
        columns(ids=ids, values=values, metadata=[None, None, None, {"d": b""}])
    )
    assert first == next(iter(rows_to_lines([{"id": "a", "values": VALUES}])))
    check = LineCheck()
    assert [[problem.rule for problem in check(bad)] for bad in (second, third)] == [
        ["id", "values"],
        ["float32"],
    ]
    (problem,) = check(last)
    assert (problem.rule, problem.id, problem.reason.partition(" ")[0]) == ("record", "d", "metadata.d")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": ["a"], "values": np.ones((2, 32))}, "ids has 1 rows, values has 2"),
        ({"ids": ["a"], "values": np.ones(32)}, r"of shape \(32,\)"),
        ({"ids": ["a"], "values": np.array([["x"]])}, "an array of <U1"),
        ({"ids": iter("a"), "values": np.ones((1, 2))}, "ids is of type str_ascii_iterator; make a list of it"),
        ({"ids": {"a": 1}.keys(), "values": np.ones((1, 2))}, "ids is of type dict_keys; make a list of it"),
        ({"ids": ["a"], "values": np.ones((1, 2)), "metadata": (None for _ in "a")}, "metadata is of type generator"),
        ({"ids": ["a"], "values": np.ones((1, 2)), "metadata": []}, "metadata has 0 rows"),
        ({"ids": ["a"], "values": np.ones((1, 2)), "namespace": ["a", "b"]}, "namespace has 2 rows"),
    ],
)
def test_columns_that_do_not_fit_are_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        columns(**arguments)


MEMORY_PROBE = """
import sys
import numpy as np
from cf_vectorize.source.columns import columns
from cf_vectorize.source.records import rows_to_lines
values = np.load(sys.argv[1], mmap_mode="r")
source = rows_to_lines(columns(ids=range(len(values)), values=values))
for _ in range(300):
    next(source)
before = peak()
for _ in range(5000):
    next(source)
print(peak() - before)
"""


def test_a_memory_mapped_array_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "values.npy"
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(40_000, 1536))
    del mapped
    command = [sys.executable, "-c", PEAK + MEMORY_PROBE, path]
    grown = int(subprocess.run(command, check=True, capture_output=True).stdout)
    read, whole = 5000 * 1536 * 8, 40_000 * 1536 * 8
    assert grown < read * 1.3 < whole / 5


ROWS: dict[str, list[Any]] = {
    "id": ["a", "b", "c", "d"],
    "values": [EDGES, EDGES[::-1], EDGES, EDGES],
    "namespace": ["n", None, "m", None],
    "metadata": [{"k": 1, "l": None}, None, {"k": None, "l": "x"}, {"k": 2, "l": "y"}],
}
EXPECTED_METADATA = [{"k": 1}, None, {"l": "x"}, {"k": 2, "l": "y"}]


def test_rows_are_numbered_across_blocks() -> None:
    ids = [str(number) for number in range(702)]
    tags = [None] * 700 + [b"x"] * 2
    metadata = [{"tag": tag} for tag in tags]
    arrow = pa.table({"id": ids, "values": [[1.0]] * 702, "tag": tags})
    for source in (
        columns(ids=ids, values=np.ones((702, 1)), metadata=metadata),
        table(arrow, rest_to_metadata=True),
    ):
        refused = [
            (row, said[2]) for row, line in enumerate(rows_to_lines(source), 1) if (said := read_stand_in(line))
        ]
        assert refused == [(701, "700"), (702, "701")]


LIST_TYPES = [
    pa.list_(pa.float32()),
    pa.large_list(pa.float64()),
    pa.list_(pa.float32(), 8),
    pa.list_view(pa.float32()),
    pa.large_list_view(pa.float64()),
]


def arrow_table(list_type: Any) -> Any:
    values = pa.array(ROWS["values"], list_type)
    return pa.table({name: values if name == "values" else column for name, column in ROWS.items()})


class ArrayOnly:
    """An object that has nothing but the protocol."""

    def __init__(self, batch: Any) -> None:
        self.__arrow_c_array__ = batch.__arrow_c_array__


def assert_is_rows(source: object, rows: slice = slice(None)) -> None:
    found = decoded(source)
    assert [vector["id"] for vector in found] == ROWS["id"][rows]
    assert [vector.get("namespace") for vector in found] == ROWS["namespace"][rows]
    assert [vector.get("metadata") for vector in found] == EXPECTED_METADATA[rows]
    assert_equal_as_float32([vector["values"] for vector in found], ROWS["values"][rows])


@pytest.mark.parametrize("list_type", LIST_TYPES, ids=str)
def test_every_kind_of_list_is_read(list_type: Any) -> None:
    rows = arrow_table(list_type)
    assert_is_rows(rows)
    assert_is_rows(rows.slice(1, 2), slice(1, 3))
    assert_is_rows(rows.to_reader(max_chunksize=3))
    assert_is_rows(ArrayOnly(rows.to_batches()[0]))


@pytest.mark.parametrize("list_type", LIST_TYPES, ids=str)
def test_nulls_in_lists_are_left_to_the_check(list_type: Any) -> None:
    values = pa.array([EDGES, None, [None, *EDGES[1:]], EDGES], list_type)
    found = decoded(pa.table({"id": ROWS["id"], "values": values}).slice(1))
    assert [vector["values"] and vector["values"][0] for vector in found] == [None, None, pytest.approx(0.1)]
    assert [vector["values"] is None for vector in found] == [True, False, False]
    assert_equal_as_float32([found[2]["values"]], [EDGES])


@pytest.mark.parametrize("item", [pa.int8(), pa.uint8(), pa.int64()], ids=str)
def test_lists_of_whole_numbers_are_read(item: Any) -> None:
    rows = [[1, 2, 127], None, [0, 0, 0], [None, 3, 4]]
    found = decoded(pa.table({"id": list("abcd"), "values": pa.array(rows, pa.list_(item))}))
    assert [vector["values"] for vector in found] == rows
    assert decoded(pa.table({"id": ["a"], "values": pa.array(rows[:1], pa.list_(item))}))[0]["values"] == rows[0]


@pytest.mark.parametrize("values", [[["a"]], [[True]], [[[1.0]]], [1.0], ["a"]], ids=str)
def test_a_column_of_anything_else_is_refused_by_name(values: list[Any]) -> None:
    with pytest.raises(InputError, match=r"column 'values' is .*; values are lists of numbers"):
        decoded(pa.table({"id": ["a"], "values": values}))


@given(st.lists(st.none() | st.lists(float32s, max_size=5), max_size=8), st.integers(0, 8), st.integers(0, 8))
def test_slices_of_ragged_lists_keep_their_rows(rows: list[list[float] | None], start: int, count: int) -> None:
    ids = [str(number) for number in range(len(rows))]
    source = pa.table({"id": ids, "values": pa.array(rows, pa.list_(pa.float32()))}).slice(start, count)
    found = decoded(source)
    for vector, expected in zip(found, rows[start : start + count], strict=True):
        assert (vector["values"] is None) == (expected is None)
        assert_equal_as_float32(vector["values"] or [], expected or [])


def test_values_beyond_float32_are_left_to_the_check() -> None:
    source = pa.table({"id": ["a", "b"], "values": [[1e39, *VALUES[1:]], [float("nan"), *VALUES[1:]]]})
    rules = [LineCheck()(line)[0].rule for line in rows_to_lines(source)]
    assert rules == ["float32", "values"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())), [{"k": 1}, None]),
        (pa.array(['{"k":[1,null]}', None]), [{"k": [1, None]}, None]),
        (pa.array(["{", "5"]), ["{", 5]),
        (pa.array(["x", "x"]).dictionary_encode(), ["x", "x"]),
    ],
)
def test_metadata_is_a_map_or_json_text_too(column: Any, expected: list[Any]) -> None:
    source = pa.table({"id": ["a", "b"], "values": [VALUES] * 2, "metadata": column})
    assert [vector.get("metadata") for vector in decoded(source)] == expected


def test_columns_of_a_table_are_mapped_and_the_rest_is_metadata_where_asked() -> None:
    source = pa.table(
        {
            "key": ["a", "b", "c"],
            "embedding": [VALUES] * 3,
            "ns": [None, "n", "n"],
            "meta": [{"k": 1}, None, None],
            "k": [5, 6, 7],
            "title": ["x", None, "z"],
            "when": [None, None, dt.date(2026, 1, 2)],
        }
    )
    names: dict[str, Any] = {
        "id_column": "key",
        "values_column": "embedding",
        "namespace_column": "ns",
        "metadata_column": "meta",
    }
    assert [vector.get("metadata") for vector in decoded(table(source, **names))] == [{"k": 1}, None, None]
    first, second, third = rows_to_lines(table(source, **names, rest_to_metadata=True))
    assert json.loads(first)["metadata"] == {"k": 1, "title": "x"}
    assert json.loads(second)["metadata"] == {"k": 6}
    (problem,) = LineCheck()(third)
    assert (problem.rule, problem.id, problem.reason.partition(" ")[0]) == ("record", "c", "metadata.when")
    chosen = [vector.get("metadata") for vector in decoded(table(source, **names, metadata_columns=["k", "title"]))]
    assert chosen == [{"k": 1, "title": "x"}, {"k": 6}, {"k": 7, "title": "z"}]


TWO_COLUMNS = {"id": ["a"], "values": [[0.5]], "title": ["x"], "page": [3]}


def test_chosen_columns_of_a_file_go_into_the_metadata_and_no_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    unreadable = {"other": pa.array([b"not JSON"])}
    parquet.write_table(pa.table(TWO_COLUMNS | unreadable), path)
    for source in (table(path, metadata_columns=["page"]), table(pa.table(TWO_COLUMNS), metadata_columns=("page",))):
        assert [vector["metadata"] for vector in decoded(source)] == [{"page": 3}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"metadata_columns": ["titel"]},
            "there is no column 'titel' for the metadata, only id, values, title, page",
        ),
        ({"metadata_columns": "title"}, "metadata_columns is 'title'; it is a list of names of columns"),
        ({"metadata_columns": [1]}, "metadata_columns is [1]; it is a list of names of columns"),
        (
            {"metadata_columns": ["title"], "rest_to_metadata": True},
            "metadata_columns is ['title'], and rest_to_metadata (--rest-to-metadata) takes all",
        ),
        ({"metadata_columns": ["id"]}, "metadata_columns is ['id']; 'id' holds the id, name other columns"),
        ({"metadata_columns": ["page", "page"]}, "metadata_columns is ['page', 'page']; 'page' is there twice"),
    ],
)
def test_columns_that_cannot_be_chosen_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        list(rows_to_lines(table(pa.table(TWO_COLUMNS), **given)))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pa.table({"id": ["a"], "v": [1]}), "<Table>: there is no column 'values', only id, v; say which one it is"),
        (pa.table({"id": ["a"], "values": [["x"]]}), "<Table>: column 'values' is list<"),
        (pa.table({"id": ["a"], "values": [1.0]}), "<Table>: column 'values' is double"),
        (pa.record_batch({"values": [VALUES]}), "<RecordBatch>: there is no column 'id', only values"),
        (pa.chunked_array([[1.0]]), "<ChunkedArray>: cannot be read as Parquet or a data frame, which table(…)"),
        (pa.array([1.0]), "<DoubleArray>: cannot be read as Parquet or a data frame, which table(…)"),
    ],
)
def test_a_table_without_vectors_is_refused(source: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        list(rows_to_lines(source))


def test_a_column_that_was_asked_for_must_be_there() -> None:
    source = pa.table({"id": ["a"], "values": [VALUES]})
    with pytest.raises(InputError, match=r"no column 'ns', only id, values; .*namespace_column=…\), or --namespace-"):
        list(rows_to_lines(table(source, namespace_column="ns")))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(InputError, match="list is no Arrow table"):
        table([1])


def test_a_parquet_file_is_a_table(tmp_path: Path) -> None:
    rows, path = arrow_table(LIST_TYPES[0]), tmp_path / "0.parquet"
    parquet.write_table(rows, path, row_group_size=3)
    assert_is_rows(table(path))
    assert_is_rows(table(str(path)))
    parquet.write_table(rows.rename_columns({"values": "v"}), path)
    with pytest.raises(InputError, match=r"0\.parquet: there is no column 'values', only id, v, "):
        list(rows_to_lines(table(path)))
    path.write_bytes(b"no")
    with pytest.raises(InputError, match=r"0\.parquet: cannot be read as Parquet .* --id-column are for"):
        list(rows_to_lines(table(path)))


def test_data_frames_are_tables() -> None:
    frames = [
        pytest.importorskip("polars").DataFrame(ROWS),
        pytest.importorskip("pandas").DataFrame(ROWS),
        pytest.importorskip("duckdb").from_arrow(arrow_table(LIST_TYPES[0])),
    ]
    for frame in frames:
        assert_is_rows(frame)


def test_nothing_is_imported_that_the_caller_did_not_bring() -> None:
    program = (
        "import sys, cf_vectorize.source.records, cf_vectorize.checks.line\n"
        "print({'numpy', 'pyarrow', 'pandas'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout == b"set()\n"


@given(st.lists(float32s, min_size=1, max_size=40), st.booleans())
def test_compact_keeps_everything_but_the_digits(values: list[float], ascii_only: bool) -> None:  # noqa: FBT001
    document = {"x": {"y": [1.0]}, "id": "é", "values": values, "metadata": {"n": 0.1}}
    line = json.dumps(document, ensure_ascii=ascii_only).encode()
    short = compact(line)
    found = orjson.loads(short)
    assert list(found) == list(document)
    assert_equal_as_float32([found.pop("values")], [document.pop("values")])
    assert found == document
    assert short == compact(short)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b'{"values": 1}',
        b'{"values": [true]}',
        b'{"values": [null]}',
        b'{"values": [1e39]}',
        b'{"id": "a"}',
    ],
)
def test_compact_leaves_bad_lines_as_they_are(line: bytes) -> None:
    assert compact(line) == line


def test_shortest_decimals_fit_5000_vectors_to_a_request() -> None:
    values = np.random.default_rng(1).standard_normal((20, 1536)) / 30
    sizes = [len(line) for line in rows_to_lines(columns(ids=["x"] * 20, values=values))]
    assert max(sizes) * 5000 < 100_000_000
    written_by_python = len(json.dumps({"id": "x", "values": values[0].tolist()}))
    assert max(sizes) < 0.60 * written_by_python
