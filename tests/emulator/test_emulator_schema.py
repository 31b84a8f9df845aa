"""Generated requests, good and bad, from the specification; every answer must satisfy it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import schemathesis
import yaml
from hypothesis import strategies as st
from raw_api import AUTHORIZED, DIMENSIONS, ndjson, vector
from schemathesis import GenerationMode

from cf_vectorize_contract.schema import closed
from cf_vectorize_emulator.core.visibility import Visibility
from cf_vectorize_emulator.server import Settings, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemathesis.schemas import APIOperation

INDEX = "generated"
TARGET = "/accounts/{account_id}/vectorize/v2/indexes/{index_name}"
PATH = {"account_id": "0123456789abcdef0123456789abcdef", "index_name": INDEX}
EXAMPLES = hypothesis.settings(max_examples=50, database=None, suppress_health_check=list(hypothesis.HealthCheck))


LINES = st.lists(
    st.builds(
        vector,
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=16),
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        namespace=st.none() | st.text(st.characters(codec="utf-8"), max_size=16),
        metadata=st.none() | st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.text(max_size=9)),
    ),
    min_size=1,
    max_size=5,
)
# What a line is, the specification says in a schema of its own, which no generator knows to look for.
schemathesis.openapi.media_type("application/x-ndjson", LINES.map(lambda lines: ndjson(*lines)))


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    settings = Settings(indexes={INDEX: DIMENSIONS}, visibility=Visibility.parse("immediately"))
    with serve(settings) as server:
        yield server.base_url


def described(root: Path, mode: GenerationMode) -> Any:
    document = yaml.safe_load((root / "spec/vectorize.yaml").read_text(encoding="utf-8"))
    if mode is GenerationMode.POSITIVE:
        document = closed(document)  # what the service makes of the rest is unknown
        document["components"]["schemas"]["VectorId"]["maxLength"] = 16  # the limit is on bytes
    return schemathesis.openapi.from_dict(document)


def operation(root: Path, name: str, mode: GenerationMode) -> APIOperation[Any, Any, Any, Any]:
    found: APIOperation[Any, Any, Any, Any] = described(root, mode)[f"{TARGET}/{name}"]["POST"]
    return found


def unlike_the_service() -> list[Any]:
    """Without credentials the service answers 403, not the 401 that this check wants."""
    return [schemathesis.checks.CHECKS.get_one("ignored_auth")]


def test_what_is_inserted_is_read_by_the_link_of_the_specification(
    base_url: str, pytestconfig: pytest.Config
) -> None:
    schema = described(pytestconfig.rootpath, GenerationMode.POSITIVE)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE])
    followed = []

    class Steps(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, _: Any) -> dict[str, Any]:
            return {"base_url": base_url, "headers": dict(AUTHORIZED)}

        def before_call(self, case: Any) -> None:
            case.path_parameters.update(PATH)

        def after_call(self, response: Any, case: Any) -> None:
            followed.append((case.operation.path.rpartition("/")[2], response.status_code))

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, excluded_checks=unlike_the_service())

    settings = hypothesis.settings(EXAMPLES, max_examples=10, stateful_step_count=6)
    Steps.run(settings=settings)
    inserted = [place for place, step in enumerate(followed) if step == ("insert", 200)]
    assert inserted
    assert ("get_by_ids", 200) in followed[inserted[0] :]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("name", ["insert", "get_by_ids"])
def test_generated_requests_are_answered_as_specified(
    base_url: str, pytestconfig: pytest.Config, name: str, mode: GenerationMode
) -> None:
    strategy = operation(pytestconfig.rootpath, name, mode).as_strategy(
        mode, path_parameters=PATH, headers=dict(AUTHORIZED)
    )
    answered = []

    @EXAMPLES
    @hypothesis.given(strategy)
    def answer(case: Any) -> None:
        response = case.call_and_validate(base_url=base_url, excluded_checks=unlike_the_service())
        answered.append(response.status_code)

    answer()
    assert len(answered) >= EXAMPLES.max_examples / 2
    # Which bad requests must be refused is judged by schemathesis; here, that there were some.
    assert set(answered) == {200} if mode is GenerationMode.POSITIVE else 400 in answered
