"""Each recorded answer, sent over a socket to the real client of either face, becomes what is written beside it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from contract_suite import RECORDINGS, load_recordings

from cf_vectorize import AsyncVectorize, InsertError, ResponseError, Vectorize
from loads import line, settings
from scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from cf_vectorize_contract import Recording

ALL = load_recordings()
MEMBERS = {"code", "retryable", "line", "ray", "retry_after"}


def written_beside(name: str) -> Any:
    return yaml.safe_load((RECORDINGS / f"{name}.yaml").read_text(encoding="utf-8"))["client"]


def asked_for(recording: Recording) -> list[str]:
    """Return the ids that were asked for where the recording shows some, at most those of one request."""
    try:
        ids = json.loads(recording.request.body)["ids"] if recording.request else ["a"]
    except ValueError:
        ids = ["a"]
    return list(ids[:20])


def told(error: ResponseError) -> dict[str, Any]:
    """Return what an error tells beyond its words."""
    facts = {name: getattr(error, name, None) for name in MEMBERS}
    return {"error": type(error).__name__, **{name: fact for name, fact in facts.items() if fact is not None}}


def outcome(face: str, url: str, recording: Recording) -> dict[str, Any]:
    given: dict[str, Any] = settings(url, give_up_after=0)
    inserts = recording.operation == "insert"
    source = [line("a")] if inserts else asked_for(recording)

    async def awaiting() -> Any:
        async with AsyncVectorize("index", **given) as index:
            return await getattr(index, str(recording.operation))(source)

    try:
        if face == "async":
            answer = asyncio.run(awaiting())
        else:
            with Vectorize("index", **given) as index:
                answer = getattr(index, str(recording.operation))(source)
    except InsertError as group:
        (error,) = group.exceptions
        assert isinstance(error, ResponseError)
        return told(error)
    except ResponseError as error:
        return told(error)
    if inserts:
        (batch,) = answer.batches
        return {"mutation_id": batch.mutation_id}
    return {
        "vectors": {v.id: [v.namespace, v.metadata, len(v.values)] for v in answer.values()},
        "missing": list(answer.missing),
    }


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize("name", ALL)
def test_a_recorded_answer_becomes_what_is_written_beside_it(name: str, face: str) -> None:
    recording = ALL[name]
    assert recording.response is not None
    headers = {header.lower(): value for header, value in recording.response.headers.items()}
    with ScriptedServer([Answer(recording.response.status, recording.response.body, headers)]) as server:
        assert outcome(face, server.url, recording) == written_beside(name)
        assert len(server.requests) == 1
