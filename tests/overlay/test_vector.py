from __future__ import annotations

import json
from array import array
from typing import Any

import numpy as np
import pytest

from cf_vectorize import Vector

ROWS: dict[str, Any] = {
    "a list": [0.5, 2.0, -1.0],
    "whole numbers": [0.5, 2, -1],
    "a tuple": (0.5, 2.0, -1.0),
    "what the service's answers become": array("d", [0.5, 2.0, -1.0]),
    "float32 of the standard library": array("f", [0.5, 2.0, -1.0]),
    "a NumPy array": np.array([0.5, 2.0, -1.0], np.float32),
    "NumPy numbers": [np.float32(0.5), np.float64(2.0), np.float16(-1.0)],
}


@pytest.mark.parametrize("values", ROWS.values(), ids=ROWS)
def test_a_vector_turns_into_plain_json(values: Any) -> None:
    vector = Vector("a", values, namespace="n", metadata={"k": ["v"]}, extra={"score": 1})
    document = json.loads(json.dumps(vector.to_json()))
    assert document == {"id": "a", "values": [0.5, 2, -1], "namespace": "n", "metadata": {"k": ["v"]}, "score": 1}


def test_what_is_none_is_left_out() -> None:
    assert Vector("a", [0.5]).to_json() == {"id": "a", "values": [0.5]}


@pytest.mark.parametrize("of", [list, lambda values: array("d", values), np.array])
def test_the_repr_of_many_values_is_one_short_line(of: Any) -> None:
    said = repr(Vector("a", of([step / 7 for step in range(1536)]), metadata={"text": "line\n" * 1000}))
    assert said.startswith("Vector(id='a', values=")
    assert "\n" not in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        ({}, "{}"),
        ({"title": "t", "author": "a", "of": {"z": [1], "a": 2}},
         "{'title': 't', 'author': 'a', 'of': {'z': [1], 'a': 2}}"),
        ({"e": 5, "d": 4, "c": 3, "b": 2, "a": 1}, "{'e': 5, 'd': 4, 'c': 3, 'b': 2, ...}"),
        ({"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}, "{'a': {'a': {'a': {'a': {'a': {'a': {...}}}}}}}"),
    ],
)  # fmt: skip
def test_the_repr_of_metadata_begins_as_the_answer_does(metadata: dict[str, Any], shown: str) -> None:
    assert f"metadata={shown}, extra=" in repr(Vector("a", [0.5], metadata=metadata))
