"""The pages do what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prepared import PREPARED, vectors
from shell import ROOT
from snippets import PAGES, parse

if TYPE_CHECKING:
    from pathlib import Path

    from cf_vectorize_emulator.pytest_plugin import VectorizeEmulator


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_runs(page: Path, desk: VectorizeEmulator) -> None:
    document = parse(page)
    vectors()
    if prepare := PREPARED.get(str(page.relative_to(ROOT))):
        document.namespace.update(prepare())
    for example in document.examples():
        desk.release()  # a reader takes longer from one block to the next
        example.evaluate()
