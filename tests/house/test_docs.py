"""Pages that are written from the program say what the program says."""

from __future__ import annotations

import render_check
import render_cli
import simulate_budget


def test_the_command_line_reference_is_the_programs() -> None:
    assert render_cli.PAGE.read_text(encoding="utf-8") == render_cli.render(), "python scripts/render_cli.py"


def test_the_table_of_rules_is_the_programs() -> None:
    page = render_check.PAGE.read_text(encoding="utf-8")
    assert page == render_check.render(page), "python scripts/render_check.py"


def test_the_simulated_loads_are_the_budgets() -> None:
    page = simulate_budget.PAGE.read_text(encoding="utf-8")
    assert page == simulate_budget.render(page), "python scripts/simulate_budget.py"
