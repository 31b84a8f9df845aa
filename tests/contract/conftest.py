"""Prints, at the end of a run, how many mutants of the fragment there were and how many survived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

MUTANTS = pytest.StashKey[str]()


@pytest.fixture
def report_mutants(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Give a function that takes the line to print at the end."""
    return lambda line: pytestconfig.stash.__setitem__(MUTANTS, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if line := config.stash.get(MUTANTS, None):
        terminalreporter.write_sep("-", "contract")
        terminalreporter.write_line(line)
