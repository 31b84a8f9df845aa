"""What the benchmarks say of what they measured, with made-up numbers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import processes
from harness import Floor, Measured, Quantity, Section, by_turns, collected

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = Quantity("seconds", "wall")
MEASURED: Measured = {"ours": {"wall": [2.0, 3.0, 4.0]}, "theirs": {"wall": [4.0, 4.0, 4.0]}, "raw": {"wall": [1.0]}}


@pytest.mark.parametrize(
    ("floor", "told", "why"),
    [
        (Floor("ours", SECONDS, "theirs", most=0.75), ("≤ 0.75", "0.75 (0.5 to 1)", "yes"), ""),
        (Floor("ours", SECONDS, least=2.5), ("≥ 2.5", "3 (2 to 4)", "yes"), ""),
        (
            Floor("ours", SECONDS, "raw", most=1.5, more=True),
            ("≤ 1.5", "2", "**no**"),
            "it is what this client takes",
        ),
        (
            Floor("ours", SECONDS, "theirs", most=0.5, bound="raw", why="with no client"),
            ("≤ 0.5", "0.75 (0.5 to 1)", "**no**"),
            "0.75, floor ≤ 0.5. raw: 0.25; with no client",
        ),
    ],
)
def test_a_floor_is_kept_or_says_what_bounds_it(floor: Floor, told: tuple[str, ...], why: str) -> None:
    row, reason = floor.judge("A load", MEASURED)
    assert row[2:] == told
    assert why in reason
    assert bool(reason) == (told[-1] != "yes")


def test_a_floor_beside_what_this_machine_lacks_is_left_out() -> None:
    floors = [Floor("ours", SECONDS, other, most=1) for other in ("theirs", "wrangler")]
    section = Section("A load", "", (SECONDS,), floors)
    assert [row[1] for row, _ in section.verdicts({"A load": MEASURED})] == ["seconds, of theirs"]


def test_contestants_run_by_turns_that_turn_around() -> None:
    order: list[str] = []
    works = {name: lambda name=name: order.append(name) or {"wall": [len(order)]} for name in "abc"}
    measured = collected(by_turns(works, range(2)), works)
    assert "".join(order) == "abccba"
    assert measured["a"] == {"wall": [1, 6]}


def test_what_stands_still_is_ended_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LONGEST", 1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    with pytest.raises(RuntimeError, match="not done after 1 s, and was ended"):
        processes.run(["sh", "-c", f"sleep 900 > '{pipe}' & sleep 900"])
    # The end of the pipe comes when nobody is left who could write.
    assert os.read(reading, 1) == b""
    os.close(reading)
