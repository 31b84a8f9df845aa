"""generated/ is, byte for byte and file for file, what the pinned generator writes from spec/."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import check_generated
from generate import SPEC, generate

COMMITTED = check_generated.files(check_generated.GENERATED)
needs_generator = pytest.mark.skipif(
    shutil.which("openapi-python-client", path=str(Path(sys.executable).parent)) is None,
    reason="the generator is not installed: pip install the dependency group `generate`",
)


@needs_generator
def test_generated_is_what_the_specification_says(tmp_path: Path) -> None:
    fresh = tmp_path / check_generated.GENERATED.name
    generate(fresh)
    written = check_generated.files(fresh)
    found = check_generated.differences(COMMITTED, written)
    assert not found, "\n".join([*found, f"Mend it with: {check_generated.MEND}"])
    # Something was compared: both operations and what they carry.
    assert {
        "api/vectorize/insert.py",
        "api/vectorize/get_by_ids.py",
        "models/vector.py",
        "py.typed",
    } <= written.keys()
    assert all(written[name] for name in ("api/vectorize/insert.py", "models/vector.py"))


@needs_generator
def test_a_warning_of_the_generator_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body type that the generator does not know drops its endpoint with a mere warning."""
    specification = tmp_path / "spec"
    shutil.copytree(SPEC, specification)
    text = (SPEC / "vectorize.yaml").read_text(encoding="utf-8")
    unknown = text.replace("application/x-ndjson:", "application/x-unknown:")
    assert unknown != text
    (specification / "vectorize.yaml").write_text(unknown, encoding="utf-8")
    monkeypatch.setattr("generate.SPEC", specification)
    with pytest.raises(subprocess.CalledProcessError):
        generate(tmp_path / "cf_vectorize_api")


@pytest.mark.parametrize(
    ("committed", "expected"),
    [
        ({"a.py": b"1", "b.py": b"2"}, []),
        ({"a.py": b"1"}, ["missing: b.py"]),
        ({"a.py": b"1", "b.py": b"2", "c.py": b""}, ["extra:   c.py"]),
        ({"a.py": b"1 ", "b.py": b"2"}, ["changed: a.py"]),
        ({}, ["missing: a.py", "missing: b.py"]),
    ],
)
def test_every_kind_of_difference_is_named(committed: dict[str, bytes], expected: list[str]) -> None:
    assert check_generated.differences(committed, {"a.py": b"1", "b.py": b"2"}) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda folder: (folder / "py.typed").unlink(), "missing: py.typed"),
        (lambda folder: (folder / "stale.py").touch(), "extra:   stale.py"),
        (lambda folder: (folder / "client.py").write_bytes(b""), "changed: client.py"),
        (shutil.rmtree, "missing: api/vectorize/insert.py"),
    ],
    ids=["missing", "extra", "changed", "empty"],
)
def test_the_check_fails_and_prints_the_command_that_mends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: object, expected: str
) -> None:
    folder = tmp_path / "committed" / "cf_vectorize_api"
    shutil.copytree(check_generated.GENERATED, folder)
    change(folder)
    monkeypatch.setattr(check_generated, "GENERATED", folder)
    # In place of the generator, so that these do not wait for it: what is committed.
    monkeypatch.setattr(check_generated, "generate", _write_committed)
    assert check_generated.main() == 1
    message = capsys.readouterr().err
    assert expected in message
    assert message.rstrip().endswith("Mend it with: python -m nox -s regenerate")


def test_the_check_fails_when_the_generator_wrote_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_generated, "generate", lambda output: output.mkdir())
    assert check_generated.main() == 1
    assert "nothing was compared" in capsys.readouterr().err


def _write_committed(output: Path) -> None:
    for name, content in COMMITTED.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
