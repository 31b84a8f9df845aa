"""The rules of a line: each with its exact words, and the same with and without the fast parser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_vectorize import InputError
from cf_vectorize.checks.line import LineCheck
from cf_vectorize.checks.rules import RULES
from cf_vectorize_overlay.limits import DIMENSIONS_MAX, DIMENSIONS_MIN, ID_BYTES, METADATA_BYTES

VALUES = [0.5] * 32
MAX_FLOAT32 = 3.4028234663852886e38


def line(**members: Any) -> bytes:
    return json.dumps({"id": "a", "values": VALUES} | members).encode()


def values_with(place: int, value: object) -> list[object]:
    return [*VALUES[:place], value, *VALUES[place + 1 :]]


@pytest.fixture(params=["simdjson", "orjson"])
def check(request: pytest.FixtureRequest) -> LineCheck:
    judge = LineCheck()
    if request.param == "orjson":
        judge._parse = None
    else:
        pytest.importorskip("simdjson")
    return judge


BAD_LINES = [
    (line().replace(b'"a"', b'"\xff"'), "utf8", "byte 9 of the line (0xff) is not UTF-8"),
    (b"", "json", "the line is blank"),
    (b"null", "json", "the line is null, not an object: write one object a line"),
    (b"[" + line() + b"]", "json", "the line is an array of objects, not an object: write one object a line"),
    (b"[" + line() + b",", "json", "the line begins an array: write one object a line, not one array of them"),
    (
        b'{}{"x": 1}',
        "json",
        'after its first JSON value the line goes on at byte 3 ("{\\"x\\": 1}"): write one object a line',
    ),
    (
        line() + b",",
        "json",
        'after its first JSON value the line goes on at byte 184 (","): write one object a line',
    ),
    (
        line()[:-20],
        "json",
        "the line ends before its object does: it is cut short, or the object spans several lines",
    ),
    (
        b"\xef\xbb\xbf" + line(),
        "json",
        "the line begins with a byte order mark, which only the first line of a file may have",
    ),
    (
        b"{'id': 5}",
        "json",
        "the line is not JSON: Expecting property name enclosed in double quotes at byte 2 (\"'id': 5}\")",
    ),
    (line(metadata={"n": float("nan")}), "json", "metadata.n is NaN; JSON has no NaN"),
    (line(metadata={"n": 10**400}), "json", f"metadata.n is 1{'0' * 39}, beyond float64"),
    (
        line(metadata={"t": ["\ud800"]}),
        "json",
        r'metadata.t[0] holds half a surrogate pair, which is no character: "\ud800"',
    ),
    (
        line(metadata={"\ud800": 1}),
        "json",
        r'a key of metadata holds half a surrogate pair, which is no character: "\ud800"',
    ),
    (b'{"values": ' + json.dumps(VALUES).encode() + b"}", "id", "id is missing"),
    (line(id=None), "id", "id is null; ids are strings"),
    (line(id=5), "id", 'id is a number (5); ids are strings: write "5" if that is meant'),
    (line()[:-1] + b', "id": 5}', "id", 'id is a number (5); ids are strings: write "5" if that is meant'),
    (line(id={}), "id", "id is an object; ids are strings"),
    (line(id=""), "id-bytes", "id is empty"),
    (line(id="é" * 40), "id-bytes", "id is 80 bytes of UTF-8, at most 64 are allowed"),
    (b'{"id": "a"}', "values", "values is missing"),
    (line(values="[0.5]"), "values", 'values is a string ("[0.5]"), not an array of numbers'),
    (
        line(values={"0": 1, "1": 2}),
        "values",
        "values is an object with numbered keys, as JavaScript writes a typed array: use Array.from",
    ),
    (line(values=values_with(17, None)), "values", "values[17] is null, not a number"),
    (line(values=values_with(3, float("nan"))), "values", "values[3] is NaN; JSON has no NaN"),
    (line(values=values_with(3, float("-inf"))), "values", "values[3] is -Infinity; JSON has no -Infinity"),
    (line(values=values_with(0, True)), "values", "values[0] is true, not a number"),  # noqa: FBT003 - the value
    (line(values=values_with(1, "x")), "values", 'values[1] is a string ("x"), not a number'),
    (
        line(values=[[0.5], [0.5], *VALUES[2:]]),
        "values",
        "values[0] is an array, not a number (the first of 2 such values)",
    ),
    (
        line(values=[[0.5], *VALUES[1:]], metadata={"l": ["#"]}).replace(b'["#"]', b'"\\u005b"'),
        "values",
        "values[0] is an array, not a number",
    ),
    (line().replace(b"0.5", b"1e400", 1), "values", "values[0] is 1e400, beyond float64"),
    (line(values=values_with(2, 1e39)), "float32", "values[2] is a number (1e+39), beyond float32 (3.4e38)"),
    (line(values=[0.5] * 31), "dimensions", "values has 31 numbers, an index takes 32 to 1536"),
    (line(values=[0.5] * 1537), "dimensions", "values has 1537 numbers, an index takes 32 to 1536"),
    (line(namespace=5), "namespace", "namespace is a number (5), not a string or null"),
    (line(namespace={}), "namespace", "namespace is an object, not a string or null"),
    (line(namespace="n" * 65), "namespace", "namespace is 65 bytes of UTF-8, at most 64 are allowed"),
    (line(metadata=["a"]), "metadata", "metadata is an array, not an object or null"),
    (line(metadata={"": 1}), "metadata-key", 'metadata has the key "": a key must not be empty'),
    (line(metadata={"$a": 1}), "metadata-key", 'metadata has the key "$a": a key must not start with $'),
    (line(metadata={"a.b": 1}), "metadata-key", 'metadata has the key "a.b": a key must not contain . or "'),
    (line(metadata={"m": {'"': 1}}), "metadata-key", r'metadata.m has the key "\"": a key must not contain . or "'),
    (
        line(metadata={"a": "x" * METADATA_BYTES}),
        "metadata-bytes",
        f"metadata is {METADATA_BYTES + 8} bytes of compact JSON, at most {METADATA_BYTES} are allowed",
    ),
]

GOOD_LINES = [
    line(),
    b" " + line() + b" \r",
    line(values=[1] * DIMENSIONS_MIN),
    line(values=[1e-50, -0.0, 5e-324, MAX_FLOAT32, -MAX_FLOAT32, 2**70, *VALUES[6:]]),
    line(values=[0.5] * DIMENSIONS_MAX),
    line(id="é" * (ID_BYTES // 2), namespace="n" * 64),
    line(namespace=None, metadata=None),
    line(metadata={}),
    line(metadata={"s": "[", "n": 1, "f": 1.5, "b": True, "l": ["a", "["], "o": {"x": ["y"]}, "größe": "\U0001f600"}),
    line(metadata={"a": "x" * (METADATA_BYTES - 8)}),
    line(metadata={"a": "é" * (METADATA_BYTES // 2 - 4)}),
    line(unknown=[[1], None]),
    line().replace(b'"id"', b'"id": 5, "id"'),
]


@pytest.mark.parametrize(("bad", "rule", "reason"), BAD_LINES)
def test_a_bad_line_is_refused_with_its_reason(check: LineCheck, bad: bytes, rule: str, reason: str) -> None:
    assert [(problem.rule, problem.reason) for problem in check(bad)] == [(rule, reason)]
    assert rule in RULES
    assert check.dimensions is None
    assert check.metadata is None


def test_every_rule_of_a_line_has_a_bad_line() -> None:
    assert {rule for _, rule, _ in BAD_LINES} == RULES.keys() - {"record", "line-size"}


@pytest.mark.parametrize("good", GOOD_LINES)
def test_a_good_line_is_accepted(check: LineCheck, good: bytes) -> None:
    document = json.loads(good)
    assert check(good) == ()
    assert check.id == document["id"]
    assert check.dimensions == len(document["values"])
    assert (check.namespace, check.metadata) == (document.get("namespace"), document.get("metadata"))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_are_taken(check: LineCheck, kind: type) -> None:
    assert check(kind(line())) == ()
    assert [problem.rule for problem in check(kind(line(id=5)))] == ["id"]


def test_all_that_is_wrong_is_named(check: LineCheck) -> None:
    bad = line(id="x" * 65, values=[None], namespace=1, metadata={"$": float("nan")})
    assert [problem.rule for problem in check(bad)] == [
        "id-bytes",
        "values",
        "dimensions",
        "namespace",
        "metadata-key",
        "json",
    ]
    assert {problem.id for problem in check(bad)} == {"x" * 65}


def test_the_first_good_line_sets_the_dimensions(check: LineCheck) -> None:
    check(line(values=[0.5] * 31))
    check(line(values=[0.5] * 40, id=""))
    assert check(line()) == ()
    (problem,) = check(line(values=[0.5] * 40))
    assert problem.reason == "values has 40 numbers, expected 32 as in the first good line"


def test_given_dimensions_hold() -> None:
    check = LineCheck(dimensions=33)
    assert [problem.reason for problem in check(line())] == ["values has 32 numbers, expected 33"]
    assert check(line(values=[0.5] * 33)) == ()


@pytest.mark.parametrize("dimensions", [0, 31, 1537])
def test_impossible_dimensions_are_refused(dimensions: int) -> None:
    with pytest.raises(InputError, match=f"dimensions is {dimensions}; "):
        LineCheck(dimensions)


@pytest.mark.parametrize(("member", "depth", "rule"), [("x", 100_000, "json"), ("metadata", 100_000, "json")])
def test_a_line_nested_too_deeply_is_refused(check: LineCheck, member: str, depth: int, rule: str) -> None:
    deep = line()[:-1] + f', "{member}": '.encode() + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    assert [problem.rule for problem in check(deep)] == [rule]
    # Where the fast parser ends before it has met the depth.
    (problem,) = check(deep.replace(b"{", b'{"n": NaN, ', 1))
    assert problem.rule == rule
    assert "nested too deeply" in problem.reason


def test_a_problem_can_be_printed(check: LineCheck) -> None:
    for problem in check(line(id="\ud800", metadata={"\udc00\n": ["\udc00"]})):
        assert problem.reason.encode().isascii()
        assert "\n" not in problem.reason
        assert problem.id is None


numbers = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)
vectors = st.builds(
    lambda values, odd, place: values if odd is None else [*values[:place], odd, *values[place + 1 :]],
    st.lists(numbers, min_size=31, max_size=33),
    st.one_of(st.none(), anything),
    st.integers(0, 30),
)
lines = st.builds(
    lambda members, ascii_only, before, after: (
        before + json.dumps(members, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") + after
    ),
    st.fixed_dictionaries(
        {"id": st.one_of(st.text(max_size=70), anything), "values": vectors},
        optional={
            "namespace": st.one_of(st.text(max_size=5), anything),
            "metadata": st.one_of(
                st.dictionaries(st.text(max_size=3), st.one_of(st.text(), st.lists(st.text(max_size=3)), anything)),
                anything,
            ),
            "other": anything,
        },
    ),
    st.booleans(),
    st.sampled_from([b"", b" ", b"\xef\xbb\xbf", b"[", b'{"id":"b",']),
    st.sampled_from([b"", b"\r", b"]", b',"values":[]}', b"{}", b"\x00"]),
)


@pytest.mark.parametrize("good", GOOD_LINES[2:3] + GOOD_LINES[4:-3])
def test_the_fast_parser_is_enough_for_a_good_line(good: bytes) -> None:
    pytest.importorskip("simdjson")
    check = LineCheck()
    assert check._parse is not None
    assert check._accepts(good, check._parse)


def judged(check: LineCheck, text: bytes) -> tuple[Any, ...]:
    return check(text), check.id, check.namespace, check.metadata, check.dimensions


@given(lines)
def test_the_fast_parser_changes_no_verdict(text: bytes) -> None:
    pytest.importorskip("simdjson")
    reference = LineCheck()
    reference._parse = None
    assert judged(LineCheck(), text) == judged(reference, text)
