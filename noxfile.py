"""Everything a developer runs: `python -m nox -l` lists it."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = True

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
GENERATED = Path("generated/cf_vectorize_api")


def dependency_group(name: str) -> list[str]:
    """Give the requirements of one group of pyproject.toml."""
    return nox.project.dependency_groups(PROJECT, name)


def generate(session: nox.Session, output: Path) -> None:
    """Write the generated package into the empty folder `output`."""
    session.install(*dependency_group("generate"))
    session.run("python", "scripts/generate.py", str(output))


@nox.session
def regenerate(session: nox.Session) -> None:
    """Delete generated/ and write it anew from spec/."""
    shutil.rmtree(GENERATED, ignore_errors=True)
    generate(session, GENERATED)


@nox.session
def check_generated(session: nox.Session) -> None:
    """Fail when spec/ and generated/ disagree."""
    session.install(*dependency_group("generate"))
    session.run("python", "scripts/check_generated.py")
