"""Prints, at the end of a run, how many mutants of the fragment there were and how many survived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

MUTANTS = pytest.StashKey[list[tuple[int, int]]]()


@pytest.fixture
def report_mutants(pytestconfig: pytest.Config) -> Callable[[int, int], None]:
    """Return a function that takes how many were tried, and how many survived."""
    return lambda tried, survived: pytestconfig.stash.setdefault(MUTANTS, []).append((tried, survived))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if counted := config.stash.get(MUTANTS, None):
        tried, survived = map(sum, zip(*counted, strict=True))
        terminalreporter.write_sep("-", "contract")
        terminalreporter.write_line(f"{tried} mutants of spec/vectorize.yaml, {survived} survived")
