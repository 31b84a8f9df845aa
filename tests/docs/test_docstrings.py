"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
import re
from typing import TYPE_CHECKING

import pytest
from shell import ROOT
from sybil.document import Document, PythonDocStringDocument
from sybil.example import SybilFailure
from sybil.parsers.rest import DocTestParser

if TYPE_CHECKING:
    from pathlib import Path

FILES = [path for package in ("client", "overlay", "contract", "emulator") for path in (ROOT / package).rglob("*.py")]
# Code that is no session of Python.
CODE = re.compile(r"^ *```|::$|^ *\.\. code-block", re.MULTILINE)


def sessions(path: Path) -> Document:
    return PythonDocStringDocument.parse(str(path), DocTestParser(doctest.ELLIPSIS))


WITH_EXAMPLES = [path for path in FILES if any(sessions(path).examples())]


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_every_example_of_a_docstring_runs(path: Path) -> None:
    for example in sessions(path).examples():
        example.evaluate()


def test_docstrings_hold_no_code_but_sessions_that_are_run() -> None:
    docstrings = [
        (path.name, text)
        for path in FILES
        for _, _, text in PythonDocStringDocument.extract_docstrings(path.read_text(encoding="utf-8"))
    ]
    assert [place for place, text in docstrings if CODE.search(text)] == []


def test_an_example_of_a_docstring_that_is_wrong_fails(tmp_path: Path) -> None:
    path = tmp_path / "a_module_of_docs.py"
    path.write_text(
        'def double(x):\n    """Return it twice.\n\n    >>> double(2)\n    5\n    """\n    return 2 * x\n'
    )
    document = PythonDocStringDocument.parse(str(path), DocTestParser())
    document.evaluators.clear()  # the file need not be imported
    document.namespace["double"] = lambda x: 2 * x
    (example,) = document.examples()
    with pytest.raises(SybilFailure, match="Got:\n    4"):
        example.evaluate()
