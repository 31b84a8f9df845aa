"""Modules that are imported late, and extras that are missing."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cf_vectorize import InputError
from cf_vectorize.base.extras import EXTRAS, Late, extra, optional

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_an_extra_that_is_installed_is_its_module() -> None:
    assert extra("numpy.lib.format", "this").__name__ == "numpy.lib.format"
    assert optional("numpy") is sys.modules["numpy"]


@pytest.mark.parametrize("module", ["numpy", "pyarrow.parquet", "simdjson", "backports.zstd"])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    name = EXTRAS[module.partition(".")[0]]
    with pytest.raises(InputError) as caught:
        extra(module, "reading this")
    assert str(caught.value) == f"reading this needs an extra: pip install 'cf-vectorize[{name}]'"
    assert name in PROJECT["optional-dependencies"]
    assert optional(module) is None


def test_an_extra_that_is_installed_and_broken_is_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "simdjson.py").write_text("raise ImportError('libstdc++ is too old')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "simdjson", raising=False)
    with pytest.raises(InputError, match=r"this needs simdjson, which cannot be imported: libstdc\+\+ is too old"):
        extra("simdjson", "this")
    assert optional("simdjson") is None


def test_a_late_module_is_imported_when_something_in_it_is_used() -> None:
    assert Late("json").loads is json.loads
    code = (
        "import sys; from cf_vectorize.base.extras import Late; late = Late('cf_vectorize.read.fetch')\n"
        "before = 'cf_vectorize.read.fetch' in sys.modules; late.fetch\n"
        "print(before, 'cf_vectorize.read.fetch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False True\n"
