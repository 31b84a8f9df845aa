from __future__ import annotations

import itertools
import json
import math
import random
import sqlite3
import threading
import time
from array import array
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_vectorize import Vectorize
from cf_vectorize.checks.rules import BadLine
from cf_vectorize.read import verify
from cf_vectorize.read.comparison import Difference, Expected, LineReader, differences
from cf_vectorize.read.report import DETAILS, Finding, VerifyReport
from cf_vectorize.read.sampling import Sampler, most_wrong
from cf_vectorize.source.columns import columns
from cf_vectorize.source.open import open_sources
from cf_vectorize_emulator.core.visibility import Visibility
from cf_vectorize_emulator.server import Settings, serve
from cf_vectorize_overlay.errors import InputError, NotFoundError
from cf_vectorize_overlay.index import Index
from cf_vectorize_overlay.pacing import Cancelled
from cf_vectorize_overlay.vector import Vector
from loads import sending
from scripted_server import Answer, ScriptedServer, failure, html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cf_vectorize.base.progress import Progress, VerifyProgress

DIMENSIONS = 32


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "PAUSE", 0.01)
    monkeypatch.setattr(verify, "PAUSE_PER_REQUEST", 0.0)


def vector(number: int, **members: Any) -> dict[str, Any]:
    values = [number + step / 7 for step in range(DIMENSIONS)]
    return {"id": f"v{number}", "values": values, "metadata": {"n": number}, **members}


def line(document: Any) -> bytes:
    return orjson.dumps(document) + b"\n"


def write(path: Path, count: int) -> Path:
    path.write_bytes(b"".join(line(vector(number)) for number in range(count)))
    return path


def store(index: ScriptedServer, documents: Any) -> None:
    for document in documents:
        stored = {"namespace": None, "metadata": {}, **document}
        stored["values"] = list(array("f", document["values"]))
        index.stored[document["id"]] = stored


def check(transport: Index, *paths: Path, **options: Any) -> VerifyReport:
    options = {"deadline": 0.0, "stop": threading.Event(), **options}
    return verify.verify(transport, open_sources([str(path) for path in paths]), **options)


# --- one line against one vector ------------------------------------------------------------------------------------


def read(document: Any) -> Expected:
    expected = LineReader()(line(document), "file", 1)
    assert isinstance(expected, Expected)
    return expected


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ({}, {}),
        ({"namespace": None}, {}),
        ({"metadata": {}}, {"metadata": None}),
        ({"metadata": None}, {"metadata": {}}),
        ({"metadata": {"a": {"x": [1, "b"]}, "c": 2}}, {"metadata": {"c": 2.0, "a": {"x": [1.0, "b"]}}}),
        ({"namespace": "n"}, {"namespace": "n"}),
        ({"extra": 1}, {"extra": {"more": 2}}),
    ],
)
def test_what_means_the_same_is_equal(source: dict[str, Any], stored: dict[str, Any]) -> None:
    expected = read({"id": "a", "values": [0.1] * DIMENSIONS, **source})
    nearest = array("f", [0.1])[0]
    assert differences(expected, Vector("a", [nearest] * DIMENSIONS, **stored)) == ()


@pytest.mark.parametrize(
    ("source", "stored", "said"),
    [
        (
            {"values": [0.5] * 32},
            {"values": [0.5] * 3 + [0.75] + [0.5] * 27 + [2.0]},
            "values[3]: 0.5 in the source, 0.75 in the index (and 1 more values)",
        ),
        ({"values": [0.5] * 32}, {"values": [0.5] * 33}, "dimensions: 32 in the source, 33 in the index"),
        (
            {"values": [1.0] * 32},
            {"values": [1.0] * 31 + [1.0000001]},
            "values[31]: 1.0 in the source, 1.0000001",
        ),
        ({"namespace": "a"}, {"namespace": None}, 'namespace: "a" in the source, null in the index'),
        ({}, {"namespace": "b"}, 'namespace: null in the source, "b" in the index'),
        (
            {"metadata": {"k": 1}},
            {"metadata": {"k": True}},
            'metadata: {"k":1} in the source, {"k":true} in the index',
        ),
        ({"metadata": {"k": ["a", "b"]}}, {"metadata": {"k": ["b", "a"]}}, 'metadata: {"k":["a","b"]} in the source'),
        ({"metadata": {"k": ["a"]}}, {"metadata": {"k": ["a", "b"]}}, "metadata: "),
        ({"metadata": {"k": 1}}, {"metadata": {"k": 1, "l": 2}}, "metadata: "),
        ({"metadata": {"k": 1}}, {}, 'metadata: {"k":1} in the source, null in the index'),
        ({"metadata": {}}, {"metadata": {"k": 1}}, 'metadata: {} in the source, {"k":1} in the index'),
        ({"values": [0.03] * 32}, {"values": [1e-45] * 32}, "values[0]: 0.03 in the source, 1e-45 in the index (and"),
        (
            {"values": [3.4028234e38] * 32},
            {"values": [16777217.1] * 32},
            "values[0]: 3.4028235e+38 in the source, 16777218.0 in the index (and",
        ),
    ],
)
def test_a_difference_names_the_field_and_both_values(source: Any, stored: Any, said: str) -> None:
    expected = read({"id": "a", "values": [0.5] * 32, **source})
    found = differences(expected, Vector(**{"id": "a", "values": [0.5] * 32, **stored}))
    assert len(found) == 1
    assert str(found[0]).startswith(said)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=32, max_size=40))
def test_float32_values_equal_themselves_as_shortest_decimals(values: list[float]) -> None:
    expected = read({"id": "a", "values": values})
    assert differences(expected, Vector("a", array("d", values))) == ()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b'{"id":"a"', "json"),
        (b'{"id":7,"values":[1]}', "id"),
        (b'{"id":"","values":[1]}', "id-bytes"),
        (b'{"id":"a","values":[null]}', "values"),
        (b'{"id":"a","values":[1e39]}', "float32"),
        (b'{"id":"\xff"}', "utf8"),
    ],
)
def test_a_line_without_readable_id_and_values_is_not_judged(text: bytes, rule: str) -> None:
    bad = LineReader()(text + b"\r\n", "file", 7)
    assert isinstance(bad, BadLine)
    assert (bad.source, bad.line, bad.rule) == ("file", 7, rule)


def test_a_line_nested_too_deeply_to_be_told_of_is_not_judged() -> None:
    members = b'"id":"a","values":[' + b",".join([b"0.5"] * DIMENSIONS) + b"]"
    for depth, judged in ((150, True), (220, False)):
        text = b"{" + members + b',"metadata":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
        assert isinstance(LineReader()(text, "file", 7), Expected) == judged


# --- the sample -----------------------------------------------------------------------------------------------------


def sampled(size: int, of: int, seed: int) -> list[int]:
    sampler = Sampler(size, seed)
    text = line(vector(0))
    for number in range(1, of + 1):
        sampler.offer(text, "file", number)
    assert sampler.offered == of
    return [kept.line for kept in sampler.lines()]


@pytest.mark.parametrize(("size", "of"), [(1, 1), (5, 3), (5, 5), (5, 6), (10, 1000), (1, 500)])
def test_a_sample_is_of_its_size_in_order_and_repeatable(size: int, of: int) -> None:
    sample = sampled(size, of, seed=11)
    assert len(sample) == min(size, of)
    assert sample == sorted(set(sample))
    assert sample == sampled(size, of, seed=11)


def test_every_line_is_as_likely_to_be_chosen() -> None:
    rounds, size, of = 4000, 3, 12
    chosen = Counter(number for seed in range(rounds) for number in sampled(size, of, seed))
    expected = rounds * size / of
    chi_square = sum((chosen[number] - expected) ** 2 / expected for number in range(1, of + 1))
    # 99.99 % quantile with 11 degrees of freedom; the seeds are fixed, so this never changes by itself.
    assert chi_square < 37.4


def test_the_gaps_follow_the_law_of_a_reservoir() -> None:
    # Of 10,000 lines, the last thousand must hold a tenth of a sample.
    late = sum(number > 9000 for seed in range(60) for number in sampled(100, 10_000, seed))
    assert 500 < late < 700


def test_blank_lines_are_not_offered_and_a_seed_is_drawn() -> None:
    sampler, other = Sampler(5), Sampler(5)
    for text in (b"\n", b" \r\n", line(vector(1)), b"\n"):
        sampler.offer(text, "file", 1)
    assert sampler.offered == 1
    assert sampler.seed != other.seed


def test_a_sample_of_none_is_refused() -> None:
    with pytest.raises(InputError, match="sample is 0; it is at least 1"):
        Sampler(0)


# --- what it proves -------------------------------------------------------------------------------------------------


def test_the_default_sample_bounds_the_share_below_a_thousandth() -> None:
    assert most_wrong(10_000_000, 3000, 0) / 10_000_000 < 0.001
    assert most_wrong(10**9, 2995, 0) / 10**9 < 0.001 < most_wrong(10**9, 2994, 0) / 10**9


def clopper_pearson(looked_at: int, wrong: int) -> float:
    def chance(share: float, counts: range) -> float:
        return sum(math.comb(looked_at, k) * share**k * (1 - share) ** (looked_at - k) for k in counts)

    few = wrong < looked_at / 2
    low, high = 0.0, 1.0
    for _ in range(60):
        share = (low + high) / 2
        at_most = chance(share, range(wrong + 1)) if few else 1 - chance(share, range(wrong + 1, looked_at + 1))
        low, high = (share, high) if at_most > 0.05 else (low, share)
    return low


@pytest.mark.parametrize(("looked_at", "wrong"), [(20, 0), (20, 1), (100, 7), (300, 150), (300, 299), (50, 49)])
def test_for_a_large_population_it_is_clopper_and_pearsons_bound(looked_at: int, wrong: int) -> None:
    population = 10**9
    assert most_wrong(population, looked_at, wrong) / population == pytest.approx(
        clopper_pearson(looked_at, wrong), rel=1e-5
    )


def test_a_sample_that_is_nearly_all_wrong_bounds_nothing_away() -> None:
    assert most_wrong(10_000_000, 3000, 2990) / 10_000_000 == pytest.approx(clopper_pearson(3000, 2990), rel=1e-5)


@pytest.mark.parametrize("population", [1, 2, 12, 60])
def test_it_is_the_largest_number_that_the_sample_does_not_refute(population: int) -> None:
    """Exactly, for every sample there is."""

    def chance(wrong_in_all: int, looked_at: int, wrong: int) -> float:
        ways = sum(
            math.comb(wrong_in_all, k) * math.comb(population - wrong_in_all, looked_at - k) for k in range(wrong + 1)
        )
        return ways / math.comb(population, looked_at)

    for looked_at in range(1, population + 1):
        for wrong in range(looked_at + 1):
            possible = range(wrong, population - looked_at + wrong + 1)
            largest = next(n for n in reversed(possible) if chance(n, looked_at, wrong) >= 0.05 - 1e-12)
            assert most_wrong(population, looked_at, wrong) == largest


@pytest.mark.parametrize(("population", "wrong_in_all", "size"), [(1000, 10, 150), (400, 40, 40), (300, 1, 60)])
def test_the_stated_confidence_holds_in_simulation(population: int, wrong_in_all: int, size: int) -> None:
    chance = random.Random(5)
    wrong = set(chance.sample(range(1, population + 1), wrong_in_all))
    rounds = 500
    held = 0
    for seed in range(rounds):
        seen = len(wrong.intersection(sampled(size, population, seed)))
        held += most_wrong(population, size, seen) >= wrong_in_all
    # 95 % and no less than chance allows in 500 rounds (three standard deviations).
    assert held / rounds >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / rounds)


# --- reports put together -------------------------------------------------------------------------------------------


def report_on(lines: int, judged: int, wrong: int = 0, **members: Any) -> VerifyReport:
    counts = {"equal": judged - wrong, "missing": wrong, "different": 0, "not_judged": 0, "late": 0}
    rest: dict[str, Any] = {"findings": (), "unjudged": (), "requests": math.ceil(judged / 20), "seconds": 2.0}
    return VerifyReport(**{"lines": lines, **counts, **rest, "seed": 1, **members})


def test_reports_on_parts_add_up() -> None:
    missing = [Finding(f"part {part}", line, "a") for part in range(3) for line in range(DETAILS)]
    different = Finding("part 1", 7, "b", (Difference("namespace", None, "n"),))
    unjudged = BadLine("part 2", 9, None, "json", "is no JSON")
    parts = [
        report_on(5000, 3000, DETAILS, findings=tuple(missing[:DETAILS]), late=2),
        report_on(2000, 2000, 1, findings=(different,), missing=0, different=1, seconds=7.5),
        report_on(4000, 2999, DETAILS, findings=tuple(missing[2 * DETAILS :]), unjudged=(unjudged,), not_judged=1),
    ]
    whole = VerifyReport.combined(parts)
    assert (whole.lines, whole.judged, whole.equal, whole.missing, whole.different) == (
        11_000, 7999, 7999 - 2 * DETAILS - 1, 2 * DETAILS, 1
    )  # fmt: skip
    assert (whole.not_judged, whole.late, whole.requests, whole.seconds, whole.seed) == (1, 2, 400, 7.5, None)
    assert whole.findings == (*missing[:DETAILS], different)
    assert whole.unjudged == (unjudged,)
    assert not whole.ok
    assert whole.summary().startswith("8,000 of 11,000 lines looked at\n")
    in_two_steps = VerifyReport.combined([VerifyReport.combined(parts[:2]), parts[2]])
    assert in_two_steps == whole


@pytest.mark.parametrize(
    ("parts", "at_most"),
    [
        # Fair shares prove what one sample does: a bit less, as a share of a whole of any size.
        ([(100_000, 300)] * 10, 0.000999),
        # A part that was looked at less than the others may hold all that is wrong.
        ([(100_000, 3000)] * 9 + [(100_000, 30)], 0.009985),
        # What was looked at whole is known.
        ([(100, 100)] * 10, 0.0),
        ([(1000, 1000), (1000, 10)], 0.14956),
    ],
)
def test_reports_put_together_make_one_statement(parts: list[tuple[int, int]], at_most: float) -> None:
    share = VerifyReport.combined([report_on(*part) for part in parts]).wrong_share
    assert share == pytest.approx(at_most, rel=1e-3)


def test_a_part_of_which_nothing_could_be_judged_leaves_no_bound() -> None:
    assert VerifyReport.combined([report_on(1000, 500), report_on(1000, 0)]).wrong_share is None
    nothing_to_judge = report_on(10, 0, not_judged=10)
    assert VerifyReport.combined([report_on(1000, 1000, 3), nothing_to_judge]).wrong_share == 3 / 1000


@pytest.mark.parametrize(
    "parts",
    [[(2, 1)] * 6, [(1, 1)] * 4 + [(12, 3)], [(9, 4), (2, 1), (2, 1)], [(3, 3), (12, 5)], [(40, 8), (10, 10)]],
)
def test_what_several_samples_prove_holds_wherever_the_wrong_lines_are(parts: list[tuple[int, int]]) -> None:
    def chances(lines: int, judged: int, wrong: int) -> dict[int, float]:
        ways = math.comb(lines, judged)
        return {
            k: math.comb(wrong, k) * math.comb(lines - wrong, judged - k) / ways
            for k in range(min(wrong, judged) + 1)
        }

    bounds: dict[int, float] = {}
    for seen in range(sum(judged for _, judged in parts) + 1):
        left, reports = seen, []
        for lines, judged in parts:
            reports.append(report_on(lines, judged, min(left, judged)))
            left -= min(left, judged)
        merged = VerifyReport.combined(reports)
        assert merged.wrong_share is not None
        bounds[seen] = merged.wrong_share * merged.lines
    for wrong in itertools.product(*(range(lines + 1) for lines, _ in parts)):
        of_seen = {0: 1.0}
        for part, count in zip(parts, wrong, strict=True):
            sums: dict[int, float] = {}
            for (one, chance), (other, another) in itertools.product(of_seen.items(), chances(*part, count).items()):
                sums[one + other] = sums.get(one + other, 0.0) + chance * another
            of_seen = sums
        refuted = sum(chance for seen, chance in of_seen.items() if bounds.get(seen, 0.0) < sum(wrong) - 1e-6)
        assert refuted <= 0.05, wrong


def test_a_sample_that_was_drawn_elsewhere_speaks_for_what_it_was_drawn_from() -> None:
    drawn = report_on(3000, 3000)
    assert drawn.wrong_share == 0
    assert drawn.of_population(10_000_000).wrong_share == most_wrong(10_000_000, 3000, 0) / 10_000_000
    in_parts = VerifyReport.combined([report_on(1000, 1000)] * 3)
    assert in_parts.of_population(10_000_000).wrong_share == drawn.of_population(10_000_000).wrong_share
    text = in_parts.of_population(10_000_000).summary()
    assert text.startswith("3,000 of 10,000,000 lines looked at\n")
    assert "at 95% confidence at most 0.0998% of all lines are missing or different" in text
    # Of those that were drawn, some parts were looked at less than others.
    uneven = VerifyReport.combined([report_on(1000, 1000), report_on(1000, 10)]).of_population(20_000)
    assert uneven.wrong_share == pytest.approx(1010 * (1 - 0.05 ** (1 / 1010)) / 0.001 / 20_000, rel=1e-3)


def test_what_cannot_be_put_together_is_refused() -> None:
    with pytest.raises(InputError, match="there is no report to put together"):
        VerifyReport.combined([])
    with pytest.raises(InputError, match="population is 99, and the lines that were chosen from it 100"):
        report_on(100, 100).of_population(99)


def test_the_repr_of_a_report_is_one_line() -> None:
    assert repr(report_on(20_000, 3000, 35, late=4, not_judged=2)) == (
        "<VerifyReport: 3,002 of 20,000 lines looked at, chosen with seed 1, 2,965 equal (4 of them after waiting), "
        "35 missing, 0 different, 2 not judged>"
    )


# --- against an index -----------------------------------------------------------------------------------------------


def test_what_is_there_and_the_same_is_equal(index: ScriptedServer, transport: Index, tmp_path: Path) -> None:
    store(index, map(vector, range(100)))
    report = check(transport, write(tmp_path / "a.ndjson", 100))
    assert report.ok
    assert (report.lines, report.equal, report.judged, report.requests) == (100, 100, 100, 5)
    assert report.wrong_share == 0
    assert report.findings == report.unjudged == ()
    assert report.summary().startswith("100 of 100 lines looked at, chosen with seed ")


@pytest.mark.parametrize("sample", [None, "all"])
def test_each_kind_of_harm_is_found_with_its_place(
    index: ScriptedServer, transport: Index, tmp_path: Path, sample: Any
) -> None:
    store(index, map(vector, range(60)))
    first, second = write(tmp_path / "a.ndjson", 30), tmp_path / "b.ndjson"
    second.write_bytes(b"\xef\xbb\xbf\n" + b"".join(line(vector(number)) for number in range(30, 60)))
    del index.stored["v3"]
    index.stored["v10"]["values"][7] += 1
    index.stored["v20"]["namespace"] = "other"
    index.stored["v40"]["metadata"] = {"n": "40"}
    report = check(transport, first, second, sample=sample)
    assert not report.ok
    assert (report.equal, report.missing, report.different, report.not_judged) == (56, 1, 3, 0)
    value = array("f", [10 + 1])[0]
    assert [str(finding) for finding in report.findings] == [
        f'{first}:4 (id "v3"): is missing',
        f'{first}:11 (id "v10"): values[7]: {value} in the source, {value + 1} in the index',
        f'{first}:21 (id "v20"): namespace: null in the source, "other" in the index',
        f'{second}:12 (id "v40"): metadata: {{"n":40}} in the source, {{"n":"40"}} in the index',
    ]
    assert report.wrong_share == 4 / 60


def test_a_small_sample_says_what_it_proves_and_what_all_would_take(
    index: ScriptedServer, transport: Index, tmp_path: Path
) -> None:
    store(index, map(vector, range(3000)))
    report = check(transport, write(tmp_path / "a.ndjson", 3000), sample=300, seed=1)
    assert report.equal == 300
    assert report.requests == 15
    assert (report.requests_for_all, report.seconds_for_all) == (150, 37.5)
    assert report.wrong_share == pytest.approx(28 / 3000)
    text = report.summary()
    assert "300 of 3,000 lines looked at, chosen with seed 1" in text
    assert "at 95% confidence at most 0.9334% of all lines are missing or different" in text
    assert "all lines would take 150 requests and, by the account's budget, 37.5 s" in text
    assert attrs.evolve(report, missing=1, equal=297, different=2, not_judged=0, late=4, seconds=125.4).summary() == (
        "300 of 3,000 lines looked at, chosen with seed 1\n"
        "297 equal (4 of them after waiting)\n"
        "1 missing\n"
        "2 different\n"
        "0 not judged\n"
        "insert never overwrites: an id keeps its first version; to change it, upsert or delete it by other means\n"
        "at 95% confidence at most 2.4667% of all lines are missing or different\n"
        "15 requests in 2 min 05 s\n"
        "all lines would take 150 requests and, by the account's budget, 37.5 s"
    )
    again = check(transport, tmp_path / "a.ndjson", sample=300, seed=1)
    assert again.equal == 300
    assert sorted(map(sorted, index.asked[:15])) == sorted(map(sorted, index.asked[15:]))


def test_bad_lines_are_not_judged_and_fail_nothing(index: ScriptedServer, transport: Index, tmp_path: Path) -> None:
    store(index, map(vector, range(10)))
    oversized = vector(99, metadata={"text": "x" * 10_300})
    path = tmp_path / "a.ndjson"
    write(path, 10)
    with path.open("ab") as file:
        file.write(b"{oops\n" + line(oversized) + line(vector(5, namespace="x" * 65, id="long")))
    report = check(transport, path, deadline=60.0)
    assert report.ok
    assert (report.equal, report.not_judged) == (10, 3)
    assert report.wrong_share == 0
    assert {(bad.line, bad.rule) for bad in report.unjudged} == {
        (11, "json"),
        (12, "metadata-bytes"),
        (13, "namespace"),
    }


def test_a_record_that_json_cannot_express_is_named_by_its_reason(index: ScriptedServer, transport: Index) -> None:
    store(index, map(vector, range(2)))
    records = [vector(0), vector(1, metadata={"tags": {1}}), 7]
    for sample in (3, "all"):
        report = verify.verify(transport, open_sources(records), sample=sample, stop=threading.Event())
        assert (report.equal, report.not_judged) == (1, 2)
        assert [(bad.line, bad.id, bad.rule, bad.reason) for bad in report.unjudged] == [
            (
                2,
                vector(1)["id"],
                "record",
                "metadata.tags {1} is of type set, which JSON does not have; convert it first",
            ),
            (3, None, "record", "is of type int; a record is a mapping, a Vector or bytes"),
        ]


def test_a_bad_line_that_the_index_holds_is_judged(index: ScriptedServer, transport: Index, tmp_path: Path) -> None:
    odd = vector(1, metadata={"a.b": 1})
    store(index, [odd])
    path = tmp_path / "a.ndjson"
    path.write_bytes(line(odd))
    assert check(transport, path).equal == 1


def test_the_index_and_no_line_says_how_many_dimensions_the_others_have(
    index: ScriptedServer, transport: Index, tmp_path: Path
) -> None:
    store(index, [vector(0, values=[1.0] * 33)])
    path = tmp_path / "a.ndjson"
    path.write_bytes(line(vector(1)) + line(vector(0, values=[1.0] * 33)) + line(vector(2, values=[1.0] * 33)))
    report = check(transport, path)
    assert (report.equal, report.missing, report.not_judged) == (1, 1, 1)
    assert str(report.unjudged[0]) == f'{path}:1 (id "v1"): values has 32 numbers, the index\'s vectors have 33'
    assert report.findings[0].id == "v2"


@pytest.mark.parametrize("sample", [None, "all"])
def test_what_is_of_other_dimensions_is_not_waited_for(
    index: ScriptedServer, transport: Index, tmp_path: Path, sample: Any
) -> None:
    store(index, map(vector, range(3)))
    path = write(tmp_path / "a.ndjson", 3)
    path.write_bytes(line(vector(9, values=[1.0] * 41)) + path.read_bytes())
    report = check(transport, path, deadline=600.0, sample=sample)
    assert report.ok
    assert (report.equal, report.not_judged, report.requests) == (3, 1, 1)


def test_nothing_judged_is_not_well(transport: Index, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"{oops\n")
    report = check(transport, path)
    assert not report.ok
    assert report.wrong_share is None
    assert "1 not judged" in report.summary()


@pytest.mark.parametrize("sample", [None, "all"])
def test_an_id_with_several_contents_is_equal_once_and_otherwise_not_judged(
    index: ScriptedServer, transport: Index, tmp_path: Path, sample: Any
) -> None:
    path = tmp_path / "a.ndjson"
    other = vector(3, values=[0.25] * DIMENSIONS)
    path.write_bytes(b"".join(map(line, [vector(1), other, vector(2), vector(3), vector(3)])))
    store(index, [vector(1), vector(2), vector(3)])
    report = check(transport, path, sample=sample)
    assert (report.equal, report.different, report.not_judged) == (4, 0, 1)
    assert str(report.unjudged[0]) == (
        f'{path}:2 (id "v3"): the id is also at {path}:4, and the index holds that one'
    )
    index.stored["v3"]["namespace"] = "of nobody"
    assert check(transport, path, sample=sample).different == 3


def test_a_source_that_can_be_read_once_is_verified(index: ScriptedServer, transport: Index) -> None:
    store(index, map(vector, range(30)))
    index.stored["v4"]["namespace"] = "other"
    sources = open_sources(line(vector(number)) for number in range(30))
    report = verify.verify(transport, sources, deadline=0.0, stop=threading.Event())
    assert (report.equal, report.different) == (29, 1)
    assert report.findings[0].source == "<records>"


def test_a_sample_taken_elsewhere_is_verified(index: ScriptedServer, transport: Index) -> None:
    store(index, map(vector, range(30)))
    sampler = Sampler(10, seed=2)
    for number in range(30):
        sampler.offer(line(vector(number)), "rows", number + 1)
    report = verify.verify_sample(transport, sampler, deadline=0.0, stop=threading.Event())
    assert (report.lines, report.equal, report.seed) == (30, 10, 2)


def test_blank_sources_are_refused(transport: Index, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\n \n")
    for sample in (None, "all"):
        with pytest.raises(InputError, match="no vectors in it"):
            check(transport, path, sample=sample)


def test_the_details_of_many_findings_are_bounded(
    transport: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "DETAILS", 5)
    report = check(transport, write(tmp_path / "a.ndjson", 40), sample="all")
    assert (report.missing, len(report.findings)) == (40, 5)


def test_the_report_is_json(index: ScriptedServer, transport: Index, tmp_path: Path) -> None:
    store(index, map(vector, range(5)))
    index.stored["v1"]["namespace"] = "other"
    document = json.loads(json.dumps(check(transport, write(tmp_path / "a.ndjson", 6)).as_json()))
    assert document["ok"] is False
    assert document["findings"][0] == {"source": str(tmp_path / "a.ndjson"), "line": 6, "id": "v5", "differences": []}
    assert document["findings"][1]["differences"] == [
        {"field": "namespace", "expected": None, "found": "other", "others": 0}
    ]
    assert document["wrong_share_at_most"] == 2 / 6


def test_a_refused_request_ends_it(index: ScriptedServer, transport: Index, tmp_path: Path) -> None:
    index.script = [failure(404, 3000, "vectorize.index.not_found")]
    with pytest.raises(NotFoundError):
        check(transport, write(tmp_path / "a.ndjson", 5))


def test_throttling_and_faults_change_nothing(index: ScriptedServer, transport: Index, tmp_path: Path) -> None:
    store(index, map(vector, range(100)))
    index.script = [
        failure(429, 971, "Please wait and consider throttling your request speed"),
        html(522),
        Answer(body=b'{"success": true, "result": [{"id": "v1", "val'),
    ]
    report = check(transport, write(tmp_path / "a.ndjson", 100))
    assert (report.equal, report.requests) == (100, 5)
    assert len(index.requests) == 8


def test_arrays_and_tables_are_verified_as_they_were_inserted(index: ScriptedServer, transport: Index) -> None:
    values = np.random.default_rng(3).standard_normal((40, DIMENSIONS))
    ids = [f"v{number}" for number in range(40)]
    store(index, ({"id": identity, "values": row.tolist()} for identity, row in zip(ids, values, strict=True)))
    sources = open_sources(columns(ids=ids, values=values))
    assert verify.verify(transport, sources, deadline=0.0, stop=threading.Event()).equal == 40


@pytest.mark.parametrize("sample", [30, "all"])
def test_progress_ends_with_the_numbers_of_the_report(
    index: ScriptedServer, transport: Index, tmp_path: Path, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "WINDOW", 10)
    store(index, map(vector, range(25)))
    index.stored["v4"]["namespace"] = "other"  # so that the source is read again, which is not counted
    path = write(tmp_path / "a.ndjson", 29)
    path.write_bytes(path.read_bytes() + b"{}\n")
    seen: list[VerifyProgress] = []
    report = check(transport, path, sample=sample, on_progress=seen.append)
    assert (report.equal, report.missing, report.different, report.not_judged) == (24, 4, 1, 1)
    assert (seen[-1].lines, seen[-1].looked_at, seen[-1].missing) == (30, 30, 4)
    assert {progress.looked_at for progress in seen} >= set(range(29))
    assert all(progress.looked_at <= progress.lines for progress in seen)
    reading = [progress for progress in seen if progress.read]
    assert {progress.total for progress in reading} == {path.stat().st_size}
    assert reading[-1].read == path.stat().st_size
    if sample == "all":  # a window is read when the one before was looked at
        third = next(progress for progress in seen if progress.looked_at == 5)
        assert (third.lines, third.read * 30 // path.stat().st_size) == (10, 10)


def test_an_insert_that_verifies_goes_on_with_the_progress_of_reading_back(
    emulate: Callable[..., tuple[Vectorize, Index]], tmp_path: Path
) -> None:
    client, _ = emulate(delay=0.0, jitter=0.0)
    seen: list[Progress] = []
    client.insert(write(tmp_path / "a.ndjson", 30), verify=10, on_progress=seen.append)
    read_back = [progress.verification for progress in seen if progress.verification is not None]
    assert [progress.looked_at for progress in read_back] == list(range(11))
    assert {progress.vectors for progress in seen[-11:]} == {30}


# --- waiting --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_polls")
@pytest.mark.parametrize("sample", [None, "all"])
def test_a_vector_that_turns_up_late_is_late_and_not_missing(
    index: ScriptedServer, transport: Index, tmp_path: Path, sample: Any
) -> None:
    store(index, map(vector, range(50)))
    late = {f"v{number}" for number in range(0, 50, 3)}
    index.hidden = lambda identity: identity in late and len(index.requests) < 8
    index.stored["v6"]["namespace"] = "other"
    report = check(transport, write(tmp_path / "a.ndjson", 50), deadline=60.0, sample=sample)
    assert (report.equal, report.different, report.missing) == (49, 1, 0)
    assert "49 equal (16 of them after waiting)" in report.summary(), "the different one is none of them"
    assert report.seconds < 60


@pytest.mark.usefixtures("quick_polls")
def test_a_vector_that_never_turns_up_is_missing_at_the_deadline(
    index: ScriptedServer, transport: Index, tmp_path: Path
) -> None:
    store(index, map(vector, range(100)))
    index.hidden = lambda identity: identity in {"v7", "v71"}
    report = check(transport, write(tmp_path / "a.ndjson", 100), deadline=0.3)
    assert (report.equal, report.missing, report.late) == (98, 2, 0)
    assert report.seconds >= 0.3


def test_polling_is_gentle(index: ScriptedServer, transport: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    now = [0.0]

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            pauses.append(timeout)
            now[0] += timeout
            return False

    # Of that module alone: the whole process's clock drives the event loops of servers that other tests keep.
    monkeypatch.setattr(verify, "time", SimpleNamespace(monotonic=lambda: now[0]))
    sampler = Sampler(3000, seed=1)
    for number in range(3000):
        sampler.offer(line(vector(number)), "rows", number + 1)
    report = verify.verify_sample(transport, sampler, deadline=120.0, stop=Stop())
    assert report.missing == 3000
    # All once at the start, one request a second while nothing turns up, all once at the deadline.
    assert report.requests == len(index.requests) == 150 + 119 + 150 + 1
    assert set(pauses) == {1.0}


def test_a_long_pause_is_told_of_every_second(
    index: ScriptedServer, transport: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    seen: list[VerifyProgress] = []
    waits: list[tuple[float, int, int]] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            waits.append((timeout, len(seen), seen[-1].missing))
            now[0] += timeout
            return False

    monkeypatch.setattr(verify, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(verify, "PAUSE_PER_REQUEST", 2.0)
    store(index, map(vector, range(20)))
    index.hidden = lambda _: len(index.requests) <= 2
    sampler = Sampler(40, seed=1)
    for number in range(40):
        sampler.offer(line(vector(number)), "rows", number + 1)
    verify.verify_sample(transport, sampler, deadline=6.5, on_progress=seen.append, stop=Stop())
    # Two requests after the first second, of which one brings something, and then four seconds until the next.
    assert [(timeout, missing) for timeout, _, missing in waits] == [
        (1.0, 40), (1.0, 20), (1.0, 20), (1.0, 20), (1.0, 20), (1.0, 20), (0.5, 20)
    ]  # fmt: skip
    told = [count for _, count, _ in waits]
    assert told == sorted(set(told))
    assert len(index.requests) == 2 + 2 + 1 + 1 + 1
    # The last look, at the deadline, looks at nothing for the first time.
    assert (seen[-1].lines, seen[-1].looked_at, seen[-1].missing) == (40, 40, 20)


def test_a_wait_for_the_budget_is_told(index: ScriptedServer, tmp_path: Path) -> None:
    class OneWait:
        waits = iter([0.0, 0.05])

        def ask(self) -> float:
            return next(self.waits, 0.0)

        def give_back(self, headers: object) -> None:
            pass

        def block(self, seconds: float) -> None:
            pass

    store(index, map(vector, range(60)))
    seen: list[VerifyProgress] = []
    started = time.monotonic()
    with sending(index.url, budget=OneWait()) as transport:
        report = check(transport, write(tmp_path / "a.ndjson", 60), on_progress=seen.append, concurrency=1)
    assert report.equal == 60
    told = [progress for progress in seen if progress.waits_for]
    assert {progress.waits_for for progress in told} == {"the account's requests of 5 minutes are used up"}
    assert started < told[0].waits_until - 0.05 < time.monotonic()


@pytest.mark.usefixtures("quick_polls")
def test_stopping_ends_the_wait(transport: Index, tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(Cancelled):
        check(transport, write(tmp_path / "a.ndjson", 5), deadline=60.0, stop=stop)


# --- against the emulator -------------------------------------------------------------------------------------------


@pytest.fixture
def emulate(tmp_path: Path) -> Iterator[Callable[..., tuple[Vectorize, Index]]]:
    opened: list[Any] = []

    def start(clock: Callable[[], float] = time.time, **visibility: Any) -> tuple[Vectorize, Index]:
        data = tmp_path / "data"
        data.mkdir()
        running = serve(Settings(data=data, visibility=Visibility(**visibility)))
        server = running.__enter__()
        server.emulator.service._clock = clock
        client = Vectorize("an-index", account_id="acc", api_token="token", base_url=server.base_url)
        transport = Index(
            "an-index",
            account_id="acc",
            api_token="token",
            base_url=server.base_url,
            timeout=10.0,
            give_up_after=10.0,
        )
        opened.extend([running, client, transport])
        return client, transport

    yield start
    if opened:
        running, client, transport = opened
        client.close()
        transport.close()
        running.__exit__(None, None, None)


@pytest.mark.usefixtures("quick_polls")
@pytest.mark.parametrize("order", ["any", "scattered"])
def test_delayed_reordered_and_partial_visibility_is_waited_out(
    emulate: Callable[..., tuple[Vectorize, Index]], tmp_path: Path, order: str
) -> None:
    now = 1e9
    client, transport = emulate(clock=lambda: now, delay=0.3, jitter=1.0, order=order)
    path = write(tmp_path / "a.ndjson", 500)
    client.insert(path, batch_vectors=50)

    def wait(progress: VerifyProgress) -> None:
        """Let the service's time go on while it is waited for, and by nothing else."""
        nonlocal now
        now += 0.1 * (progress.left is not None)

    report = check(transport, path, deadline=60.0, on_progress=wait)
    assert (report.equal, report.missing, report.late) == (500, 0, 500)


def test_harm_done_in_the_emulators_store_is_found(
    emulate: Callable[..., tuple[Vectorize, Index]], tmp_path: Path
) -> None:
    client, transport = emulate(delay=0.0, jitter=0.0)
    path = write(tmp_path / "a.ndjson", 200)
    client.insert(path)
    assert check(transport, path, deadline=60.0).ok
    with sqlite3.connect(next((tmp_path / "data").glob("*.sqlite3"))) as data:
        data.execute("DELETE FROM vectors WHERE id = 'v17'")
        data.execute("UPDATE vectors SET namespace = 'other' WHERE id = 'v18'")
        data.execute("UPDATE vectors SET metadata = '{\"n\":20}' WHERE id = 'v19'")
        (values,) = data.execute("SELECT \"values\" FROM vectors WHERE id = 'v0'").fetchone()
        data.execute("UPDATE vectors SET \"values\" = ? WHERE id = 'v21'", (values,))
    data.close()
    report = check(transport, path)
    assert [(finding.line, [each.field for each in finding.differences]) for finding in report.findings] == [
        (18, []),
        (19, ["namespace"]),
        (20, ["metadata"]),
        (22, ["values[0]"]),
    ]
    assert not report.ok
