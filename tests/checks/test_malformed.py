"""Malformed files, each with what is said of it beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cf_vectorize import BadLinesError
from loads import settings
from scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cf_vectorize import InsertReport

FOLDER = Path(__file__).parent / "malformed"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.iterdir() if path.suffix == ".ndjson"))
def test_a_malformed_file_is_refused_in_the_expected_words(
    name: str, insert: Callable[..., InsertReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)  # messages name the file as it was given
    with ScriptedServer() as server, pytest.raises(BadLinesError) as caught:
        insert(settings(server.url), f"{name}.ndjson")
    assert f"{caught.value}\n" == Path(f"{name}.expected").read_text()
    assert server.requests == []


def test_each_file_has_its_words_and_the_words_their_file() -> None:
    stems = {suffix: {path.stem for path in FOLDER.glob(f"*{suffix}")} for suffix in (".ndjson", ".expected")}
    assert stems[".ndjson"] == stems[".expected"]
    assert len(stems[".ndjson"]) > 30
