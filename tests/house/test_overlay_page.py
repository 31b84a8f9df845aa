"""The page on the overlay does what it says, against the emulator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from cf_vectorize_emulator import Settings, Visibility, serve
from loads import DIMENSIONS, environment, lines

if TYPE_CHECKING:
    import pytest

    from cf_vectorize_overlay import Budget

PAGE = Path(__file__).parents[2] / "docs" / "overlay.md"
FIRST, BUDGET = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_screen_for_whoever_wants_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vectors.ndjson").write_bytes(b"".join(lines(2)).replace(b"v000000", b"a").replace(b"v000001", b"b"))
    monkeypatch.chdir(tmp_path)
    with serve(Settings(visibility=Visibility(0, 0))) as emulator:
        for name, value in environment(emulator.base_url).items():
            monkeypatch.setenv(name, value)
        exec(compile(FIRST, PAGE, "exec"), {})
    assert sorted(capsys.readouterr().out.splitlines()) == ["40023 0", f"a {DIMENSIONS} None", f"b {DIMENSIONS} None"]


def test_the_budget_of_the_page_is_one() -> None:
    names: dict[str, type] = {}
    exec(compile(BUDGET, PAGE, "exec"), names)
    budget: Budget = names["Shared"]()
    assert (budget.ask(), budget.give_back(None), budget.block(1.0)) == (0.0, None, None)
