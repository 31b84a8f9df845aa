"""`check` of a whole source: problems with their places, ids that come again, the summary, and several processes."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from cf_vectorize import CheckReport, InputError, Vectorize, VectorizeError, check
from cf_vectorize.checks import survey
from cf_vectorize.load import insert
from cf_vectorize.source.cut import BatchLimits
from loads import DIMENSIONS, lines
from loads import line as good_line
from scripted_server import ScriptedServer

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

COMMAND = [sys.executable, "-m", "cf_vectorize", "check"]
BAD = b'{"id":"bad","values":"none"}\n'
NOT_JSON = b"{not json}\n"


def write(folder: Path, *content: bytes, name: str = "vectors.ndjson") -> Path:
    path = folder / name
    path.write_bytes(b"".join(content))
    return path


def places(report: CheckReport) -> list[tuple[str, int, str | None, str]]:
    return [(problem.source, problem.line, problem.id, problem.rule) for problem in report.problems]


def test_a_clean_source(tmp_path: Path) -> None:
    written = [
        good_line("a", namespace="x", metadata={"k": "ä", "n": 1}),
        good_line("b", namespace="x", metadata={"k": ""}),
        b"\n",
        good_line("c", namespace=""),
        good_line("d"),
    ]
    report = check(write(tmp_path, *written))
    assert report.problems == ()
    assert (report.complete, report.vectors, report.dimensions, report.requests) == (True, 4, DIMENSIONS, 1)
    assert report.namespaces == {"x": 2, "": 1, None: 1}
    assert report.metadata_keys == {"k": 2, "n": 1}
    sizes = [len('{"k":"ä","n":1}'.encode()), len(b'{"k":""}')]
    assert (report.metadata_bytes, report.metadata_bytes_most) == (sum(sizes), max(sizes))
    assert report.size == sum(map(len, written))


def test_every_problem_has_its_place(tmp_path: Path) -> None:
    first = write(tmp_path, good_line("a"), b"\r\n", BAD, NOT_JSON, name="first")
    second = write(tmp_path, good_line("b", namespace=1, metadata=[]), good_line("c")[:-1], name="second")
    report = check([first, second])
    assert places(report) == [
        (str(first), 3, "bad", "values"),
        (str(first), 4, None, "json"),
        (str(second), 1, "b", "namespace"),
        (str(second), 1, "b", "metadata"),
    ]
    assert str(report.problems[0]) == f'{first}:3 (id "bad"): values is a string ("none"), not an array of numbers'
    assert (report.vectors, report.complete) == (2, True)


def test_a_line_that_fits_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = good_line("long", metadata={"text": "x" * 500})
    monkeypatch.setattr(survey, "BatchLimits", partial(BatchLimits, line=400))
    report = check(write(tmp_path, good_line("a"), long, good_line("b")))
    assert places(report) == [(str(tmp_path / "vectors.ndjson"), 2, None, "line-size")]
    assert (report.vectors, report.requests) == (2, 3)


def test_requests_are_those_that_insert_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "FIRST_BATCH_BYTES", 1_000)
    monkeypatch.setattr(insert, "FIRST_BATCH_BYTES", 1_000)
    paths = [tmp_path / "one.ndjson", tmp_path / "two.ndjson"]
    for path in paths:
        path.write_bytes(b"".join(lines(60)))
    with ScriptedServer() as server, Vectorize("i", account_id="a", api_token="t", base_url=server.url) as client:
        report = client.insert(paths)
    assert check(paths).requests == len(report.batches) == len(server.requests) > 4


def test_a_record_that_json_cannot_express_is_named_by_its_reason() -> None:
    records = [
        {"id": "a", "values": [0.5] * DIMENSIONS},
        {"id": "b", "values": [0.5] * DIMENSIONS, "metadata": {"tags": {1, 2}}},
        7,
        {"id": "\ud800", "values": [0.5] * DIMENSIONS, "metadata": {"at": object}},
    ]
    report = check(records)
    assert places(report) == [("<records>", row, name, "record") for row, name in ((2, "b"), (3, None), (4, None))]
    assert [problem.reason for problem in report.problems[:2]] == [
        "metadata.tags {1, 2} is of type set, which JSON does not have; convert it first",
        "is of type int; a record is a mapping, a Vector or bytes",
    ]
    assert report.vectors == 1


def test_ids_that_come_again_are_named_in_the_order_of_their_lines(tmp_path: Path) -> None:
    names = [f"id{number}" for number in range(50)]
    first = write(tmp_path, *map(good_line, names), good_line(names[7]), name="first")
    second = write(tmp_path, BAD, *map(good_line, reversed(names)), BAD, name="second")
    report = check([first, second])
    again = [problem for problem in report.problems if problem.rule == "duplicate-id"]
    assert [(each.source, each.line, each.id) for each in again] == [
        (str(first), 51, "id7"),
        *((str(second), line, name) for line, name in enumerate(reversed(names), 2)),
        (str(second), 52, "bad"),
    ]
    assert again[0].reason == f"the id stands already at {first}:8; the service keeps one of them"
    assert again[-1].reason.startswith(f"the id stands already at {second}:1;")
    assert report.problems[-len(again) :] == tuple(again)


def test_the_end_at_so_many_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "BatchLimits", partial(BatchLimits, vectors=2))
    path = write(tmp_path, BAD, BAD, BAD, BAD, good_line("a"))
    ended = check([path, path], max_problems=3)
    assert [problem.line for problem in ended.problems] == [1, 2, 3]
    assert (ended.complete, ended.vectors) == (False, 0)
    whole = check(path, max_problems=9)
    assert [problem.line for problem in whole.problems] == [1, 2, 3, 4, 2, 3, 4]
    assert (whole.complete, whole.vectors) == (True, 1)
    among_duplicates = check(path, max_problems=6)
    assert among_duplicates.problems == whole.problems[:6]
    assert not among_duplicates.complete


@pytest.mark.parametrize("source", [[], iter([]), io.BytesIO(b""), io.BytesIO(b"\n \r\n"), [b"\n"]])
def test_a_source_without_vectors_is_refused(source: object) -> None:
    with pytest.raises(InputError, match="holds no vectors"):
        check(source)


def test_one_empty_source_among_several_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="blank: holds no vectors"):
        check([write(tmp_path, good_line("a")), write(tmp_path, b"\n\n", name="blank")])


@pytest.mark.parametrize("option", ["max_problems", "processes"])
def test_an_argument_out_of_range_is_refused(option: str) -> None:
    with pytest.raises(InputError, match=f"{option} is 0; it is at least 1"):
        check([], **{option: 0})


def test_the_dimensions_are_those_asked_for_or_of_the_first_good_line(tmp_path: Path) -> None:
    wide = orjson.dumps({"id": "w", "values": [0.5] * 40}) + b"\n"
    path = write(tmp_path, wide, good_line("a"), good_line("b"))
    inferred, asked = check(path), check(path, dimensions=DIMENSIONS)
    assert ([problem.line for problem in inferred.problems], inferred.dimensions) == ([2, 3], 40)
    assert ([problem.line for problem in asked.problems], asked.dimensions) == ([1], DIMENSIONS)


def test_a_stream_is_a_source_too(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"".join(lines(3)) + BAD), name="a.ndjson.gz")
    assert (check(path).vectors, places(check(path))) == (3, [(str(path), 4, "bad", "values")])


def test_the_compact_size_is_near_the_true_one() -> None:
    """All lines alike, so that one of 50 stands for all."""
    long = b'{"id":"%05d", "values":[' + b", ".join([b"0.12345678901234567"] * DIMENSIONS) + b"]}\n"
    short = b'{"id":"%05d", "values":[' + b",".join([b"0.12345679"] * DIMENSIONS) + b"]}\n"
    report = check(io.BytesIO(b"".join(long % number for number in range(200))))
    assert (report.size, report.compact_size) == (200 * len(long % 0), 200 * len(short % 0))


@pytest.mark.parametrize(("requests", "seconds"), [(0, 0), (1_200, 0), (1_201, 300), (2_400, 300), (2_401, 600)])
def test_what_the_budget_allows(requests: int, seconds: int) -> None:
    facts: dict[str, Any] = {"vectors": 1, "problems": (), "complete": True, "dimensions": 32}
    facts |= {"namespaces": {}, "metadata_keys": {}, "metadata_bytes": 0, "metadata_bytes_most": 0, "size": 1}
    assert CheckReport(**facts, compact_size=1, requests=requests).seconds_by_budget == seconds


def test_names_are_counted_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cf_vectorize.checks.look.MOST_COUNTED", 3)
    monkeypatch.setattr(survey, "BatchLimits", partial(BatchLimits, vectors=2))
    written = [good_line(f"{n}", namespace=f"n{n % 5}", metadata={f"k{n % 5}": 1}) for n in range(10)]
    report = check(io.BytesIO(b"".join(written)))
    assert report.namespaces == {"n0": 2, "n1": 2, "n2": 2}
    assert report.metadata_keys == {"k0": 2, "k1": 2, "k2": 2}
    assert (report.uncounted_namespaces, report.uncounted_metadata_keys) == (4, 4)
    assert "'n2' 2; others 4 times\n" in report.summary()


def test_the_summary(tmp_path: Path) -> None:
    written = [good_line(f"{n}", namespace="n", metadata={"key": n}) for n in range(2)]
    said = check(write(tmp_path, *written, good_line("c"), BAD)).summary().splitlines()
    assert said[:5] == [
        "vectors     3",
        "problems    1",
        f"dimensions  {DIMENSIONS}",
        "namespaces  'n' 2",
        "metadata    6 bytes on average, 9 at most; 'key' 2",
    ]
    assert said[6] == "requests    1, at least 0 s by the account's budget"
    ended = check(tmp_path / "vectors.ndjson", max_problems=1).summary()
    assert "problems    1, and the check ended there" in ended
    bare = check(write(tmp_path, BAD)).summary()
    assert "dimensions  unknown" in bare
    assert "namespaces  none" in bare


# Several processes.


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(survey, "PIECE", BatchLimits(vectors=20))


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("dimensions", [None, DIMENSIONS])
def test_several_processes_find_the_same(
    dimensions: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "BatchLimits", partial(BatchLimits, vectors=70))
    wide = orjson.dumps({"id": "wide", "values": [0.5] * 40}) + b"\n"
    good = [good_line(f"{n}", namespace=f"n{n % 3}", metadata={"k": n}) for n in range(150)]
    path = write(tmp_path, BAD * 25, *good[:80], b"\n", wide, *good[80:], wide, NOT_JSON, good[3])
    alone = check(path, dimensions=dimensions)
    assert len(alone.problems) == 25 + 3 + 24 + 2
    assert check(path, dimensions=dimensions, processes=2) == alone
    ended = check(path, dimensions=dimensions, processes=2, max_problems=26)
    assert ended.problems == alone.problems[:26]


@pytest.mark.usefixtures("small_pieces")
def test_an_error_in_another_process_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, *lines(100))

    def gone_after_the_first(*arguments: Any) -> survey.Tally:
        path.unlink(missing_ok=True)
        return look(*arguments)

    look = survey.look
    monkeypatch.setattr(survey, "look", gone_after_the_first)
    with pytest.raises(InputError, match="No such file"):
        check(path, processes=2)


@pytest.mark.usefixtures("small_pieces")
def test_a_process_that_is_killed_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(ProcessPoolExecutor):
        def submit(self, *arguments: Any, **given: Any) -> Future[Any]:
            future = super().submit(*arguments, **given)
            for process in list(self._processes.values()):
                process.kill()
            return future

    monkeypatch.setattr("concurrent.futures.process.ProcessPoolExecutor", Killed)
    path = write(tmp_path, *lines(100))
    with pytest.raises(VectorizeError, match=f"^{path}: a process that judged it was killed.*leave out processes="):
        check(path, processes=2)


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    """By default no other process imports it again."""
    path = write(tmp_path, *lines(3))
    script = write(
        tmp_path,
        b"from cf_vectorize import check\nfrom cf_vectorize.checks import survey\nprint('once')\n",
        b"survey.WORTH_PROCESSES = 1\nsurvey.PIECE = survey.BatchLimits(vectors=1)\n",
        f"print(check({str(path)!r}).vectors)\n".encode(),
        name="script.py",
    )
    found = subprocess.run([sys.executable, script], capture_output=True, check=True, timeout=60)
    assert (found.stdout.split(), found.stderr) == ([b"once", b"3"], b"")


# The command.


def run(*arguments: object, **given: Any) -> subprocess.CompletedProcess[bytes]:
    found = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, timeout=60, check=False, **given)
    assert b"Traceback" not in found.stderr
    return found


def test_clean_is_0_and_a_summary(tmp_path: Path) -> None:
    found = run(write(tmp_path, *lines(3)))
    assert (found.returncode, found.stderr) == (0, b"")
    assert found.stdout.decode() == check(tmp_path / "vectors.ndjson").summary() + "\n"


def test_problems_are_1_and_named(tmp_path: Path) -> None:
    path = write(tmp_path, *lines(3), BAD, NOT_JSON, lines(1)[0])
    found = run(path)
    report = check(path)
    assert found.returncode == 1
    assert found.stdout.decode() == "".join(f"{problem}\n" for problem in report.problems) + report.summary() + "\n"


def test_json_says_all(tmp_path: Path) -> None:
    path = write(tmp_path, good_line("a", namespace="n", metadata={"k": 1}), good_line("b"), BAD, BAD)
    found = run(path, "--json", "--max-problems", 1)
    size = path.stat().st_size
    assert found.returncode == 1
    said = json.loads(found.stdout)
    assert said.pop("compact_size") <= size
    assert said == {
        "vectors": 2,
        "problems": [
            {
                "source": str(path),
                "line": 3,
                "id": "bad",
                "rule": "values",
                "reason": 'values is a string ("none"), not an array of numbers',
            }
        ],
        "complete": False,
        "dimensions": DIMENSIONS,
        "namespaces": [{"namespace": "n", "vectors": 1}, {"namespace": None, "vectors": 1}],
        "metadata_keys": {"k": 1},
        "uncounted_namespaces": 0,
        "uncounted_metadata_keys": 0,
        "metadata_bytes": 7,
        "metadata_bytes_most": 7,
        "size": size,
        "requests": 1,
        "seconds_by_budget": 0,
    }


def test_standard_input_and_dimensions() -> None:
    assert run("-", "--dimensions", DIMENSIONS, input=b"".join(lines(3))).returncode == 0
    assert run("-", "--dimensions", 33, input=b"".join(lines(3))).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required"),
        (["none.ndjson"], "none.ndjson: No such file or directory"),
        (["-", "--dimensions", "3"], "error: --dimensions is 3; it is from 32 to 1,536, as an index has"),
        (["-", "--max-problems", "0"], "--max-problems is 0; it is at least 1"),
        (["-"], "<stdin>: holds no vectors"),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], words: str) -> None:
    found = run(*arguments, input=b"")
    assert found.returncode == 2
    assert words in found.stderr.decode()
    assert found.stdout == b""


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    """As a terminal sends it: to the whole group, while other processes judge."""
    path = tmp_path / "vectors.ndjson"
    with path.open("wb") as file:
        file.write(lines(1)[0])
        file.write(good_line("wide", metadata={"k": "x"}) * 40)
    script = write(
        tmp_path,
        f"""\
import sys
from functools import partial
from cf_vectorize.cli import main as cli
from cf_vectorize.checks import survey
survey.WORTH_PROCESSES = 1
survey.PIECE = survey.BatchLimits(vectors=1)
read = survey.Tally.add
def add(self, other):
    read(self, other)
    if self.lines == 3:
        print("under way", flush=True)
        sys.stdin.readline()
survey.Tally.add = add
if __name__ == "__main__":
    sys.exit(cli.main(["check", {str(path)!r}]))
""".encode(),
        name="script.py",
    )
    process = subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"under way\n"
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)  # ends when every process has closed standard error
    assert (process.returncode, said) == (130, b"interrupted\n")
