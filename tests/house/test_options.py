"""The options of both faces: said once, shown everywhere, and answered in words where they are wrong."""

from __future__ import annotations

import asyncio
import inspect
import pydoc
import re
from typing import Any

import numpy as np
import pytest

import cf_vectorize
from cf_vectorize import AsyncVectorize, InputError, Vectorize
from cf_vectorize.base.options import filled, options_of
from cf_vectorize.load import options as load_options
from cf_vectorize.read import options as read_options
from loads import settings

METHODS = ["insert", "insert_batches", "get_by_ids", "iter_by_ids", "export_by_ids", "verify"]
NOWHERE = settings("http://127.0.0.1:1/client/v4")


def keywords(method: Any) -> set[str]:
    parameters = inspect.signature(method).parameters.values()
    return {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("face", [Vectorize, AsyncVectorize])
@pytest.mark.parametrize("name", METHODS)
def test_help_shows_every_option_with_its_default_and_its_meaning(face: type, name: str) -> None:
    method = getattr(face, name)
    shown = pydoc.plain(pydoc.render_doc(method))
    signature, _, text = shown.partition(str(inspect.getdoc(method)).partition("\n")[0])
    stated = options_of(getattr(Vectorize, name if name != "insert_batches" else "insert"))
    assert stated
    for option, (default, annotation, meaning) in stated.items():
        assert f"{option}: " in signature
        assert annotation
        assert f"= {default!r}" in signature
        assert re.search(rf"^ +{option}: {re.escape(meaning[:20])}", text, re.MULTILINE)
    assert "**options" not in shown


@pytest.mark.parametrize("face", [Vectorize, AsyncVectorize])
def test_the_checks_of_options_have_the_names_that_the_signatures_have(face: type) -> None:
    names = keywords(getattr(face, "insert"))  # noqa: B009 - mypy sees no attribute of a type
    assert names == load_options.CHECKS.keys()
    assert names == set(load_options.InsertOptions._fields)
    reading = {name: keywords(getattr(face, name)) for name in METHODS[2:]}
    assert set[str]().union(*reading.values()) == read_options.CHECKS.keys() - {"output"}


def test_every_default_passes_its_check() -> None:
    options = load_options.checked(**filled(Vectorize.insert, {}))
    assert options.concurrency == 4
    assert read_options.checked(**filled(Vectorize.verify, {}))["sample"] == 3_000


@pytest.mark.parametrize("name", ["timeout", "give_up_after", "requests_per_5min", "api_token"])
def test_the_settings_of_a_client_are_explained(name: str) -> None:
    assert options_of(Vectorize.__init__, Vectorize)[name][2]


@pytest.mark.parametrize("face", [Vectorize, AsyncVectorize])
@pytest.mark.parametrize(
    ("name", "wrong", "hint"),
    [
        ("insert", "batch_vector", "did you mean batch_vectors?"),
        ("insert_batches", "reject", "did you mean rejects?"),
        ("verify", "samples", "did you mean sample?"),
        ("get_by_ids", "concurency", "did you mean concurrency?"),
        ("iter_by_ids", "xyz", "there are .*concurrency"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(face: type, name: str, wrong: str, hint: str) -> None:
    async def call() -> None:
        result = getattr(face("index", **NOWHERE), name)(["a"], **{wrong: 1})
        if inspect.isawaitable(result):
            await result

    with pytest.raises(TypeError, match=rf"^no option {wrong}; {hint}"):
        asyncio.run(call())


@pytest.mark.parametrize(
    ("method", "option", "value", "words"),
    [
        ("insert", "batch_vectors", "5", "batch_vectors is '5'; it is a whole number, from 1 to 5,000"),
        ("insert", "batch_vectors", 5_001, "batch_vectors is 5001; it is from 1 to 5,000 (Cloudflare's limit)"),
        ("insert", "batch_bytes", 1e6, "batch_bytes is 1000000.0; it is a whole number"),
        ("insert", "concurrency", True, "concurrency is True; it is a whole number, at least 1"),
        ("insert", "concurrency", "4", "concurrency is '4'; it is a whole number, at least 1"),
        ("insert", "dimensions", "64", "dimensions is '64'; it is a whole number, at least 1"),
        ("insert", "check", "no", "check is 'no'; it is True or False"),
        ("insert", "compact", 1, "compact is 1; it is True or False"),
        ("insert", "unparsable", "ignore", "unparsable is 'ignore'; it is one of 'error', 'discard'"),
        ("insert", "on_error", None, "on_error is None; it is one of 'stop', 'continue'"),
        ("insert", "on_changed", ["resend"], "on_changed is ['resend']; it is one of 'refuse', 'resend'"),
        ("insert", "rejects", 5, "rejects is 5; it is the path of a file"),
        ("insert", "journal", "", "journal is ''; it is the path of a file"),
        ("insert", "on_progress", 5, "on_progress is 5; it is a function that takes the progress"),
        ("insert", "on_reject", 5, "on_reject is 5; it is a function that takes a line and what is wrong with it"),
        ("insert", "verify", -1, "verify is -1; it is at least 1"),
        ("insert", "verify", 0, "verify is 0; it is at least 1"),
        ("insert", "verify", "all", "verify is 'all'; it is a whole number"),
        ("insert", "batch_vectors", "x" * 200, f"batch_vectors is 'x{'x' * 77}…; it is"),
        ("verify", "sample", 0, "sample is 0; it is at least 1"),
        ("verify", "sample", "some", "sample is 'some'; it is a whole number, at least 1, or \"all\""),
        ("verify", "seed", "a", "seed is 'a'; it is a whole number"),
        ("verify", "deadline", "5", "deadline is '5'; it is a number of seconds"),
        ("verify", "deadline", -1, "deadline is -1; it is at least 0 seconds"),
        ("get_by_ids", "concurrency", 0, "concurrency is 0; it is at least 1"),
        ("iter_by_ids", "concurrency", "8", "concurrency is '8'; it is a whole number"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_should_be(method: str, option: str, value: object, words: str) -> None:
    with Vectorize("index", **NOWHERE) as index, pytest.raises(InputError) as caught:
        getattr(index, method)(["a"], **{option: value})
    assert str(caught.value).startswith(words)


def test_integers_of_other_types_are_numbers() -> None:
    options = load_options.checked(**filled(Vectorize.insert, {"batch_vectors": np.int64(7)}))
    assert type(options.batch_vectors) is int


def test_both_faces_say_the_same_of_their_settings() -> None:
    assert inspect.signature(Vectorize) == inspect.signature(AsyncVectorize)
    assert inspect.iscoroutinefunction(AsyncVectorize.insert)
    assert cf_vectorize.Vectorize.insert.__name__ == "insert"


def public_texts() -> dict[str, str]:
    """Return the docstrings of everything public, as `help` of a class shows them."""
    texts = {}
    for name in cf_vectorize.__all__:
        thing = getattr(cf_vectorize, name)
        texts[name] = inspect.getdoc(thing) or ""
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            if not member.startswith("_") and (callable(value) or isinstance(value, property | classmethod)):
                texts[f"{name}.{member}"] = inspect.getdoc(getattr(value, "__func__", value)) or ""
    return texts


def test_help_of_everything_public_fits_into_80_columns() -> None:
    texts = public_texts()
    assert len(texts) > 80
    assert "Vectorize.insert" in texts
    for name, text in texts.items():
        indented = 8 if "." in name else 4
        assert [line for line in text.splitlines() if len(line) + indented > 80] == [], name
