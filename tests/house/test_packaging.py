"""What is published and what is installed is what pyproject.toml says."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import check_release
import distributions
import python_table
import set_repository
import smoke

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads(TEXT)
PROJECT = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LOCKS: dict[str, dict[str, list[str]]] = PYPROJECT["tool"]["locks"]
URL = "https://github.com/some-one/some.name"


def required(requirements: list[str]) -> Iterator[Requirement]:
    """Yield what is asked for, and in place of an extra of ours, what that asks for."""
    for requirement in map(Requirement, requirements):
        if requirement.name == PROJECT["name"]:
            yield from required([each for extra in requirement.extras for each in EXTRAS[extra]])
        else:
            yield requirement


def grouped(name: str) -> list[str]:
    """Return a dependency group, with the groups that it includes."""
    found = []
    for each in PYPROJECT["dependency-groups"][name]:
        found += [each] if isinstance(each, str) else grouped(each["include-group"])
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_what_a_session_installs_is_locked_with_hashes_and_without_an_address(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--(?!hash=sha256:[0-9a-f]{64}\b)|@", text)
    logical = text.replace("\\\n", " ").splitlines()
    assert all("--hash=" in line for line in logical)
    locked = [Requirement(line.partition(" --hash")[0]) for line in logical]
    of = LOCKS[lock]
    asked = [each for group in of["groups"] for each in grouped(group)]
    if "extras" in of:
        asked += [*PROJECT["dependencies"], *(each for extra in of["extras"] for each in EXTRAS[extra])]
    for requirement in required(asked):
        name = canonicalize_name(requirement.name)
        versions = [next(iter(found.specifier)).version for found in locked if canonicalize_name(found.name) == name]
        fit = versions and all(map(requirement.specifier.contains, versions))
        assert fit, f"{lock}: {requirement}, and locked is {versions or 'nothing'}: python -m nox -s lock"


def test_what_builds_the_project_is_locked() -> None:
    assert set(PYPROJECT["build-system"]["requires"]) <= set(PYPROJECT["dependency-groups"]["build"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("hatchling", reason="`nox -s tests` has what builds the project")
    return distributions.build(tmp_path_factory.mktemp("dist"))


def test_distributions_hold_what_the_tree_holds_and_nothing_else(
    built: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sdist, wheel = built
    names = {"sdist": distributions.names(sdist), "wheel": distributions.names(wheel)}
    assert {".ci/run", "PKG-INFO"} & names["sdist"] == {"PKG-INFO"}
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names["sdist"] | names["wheel"])
    top = {name.partition("/")[0] for name in names["wheel"] - distributions.METADATA}
    assert top == {Path(package).name for package in distributions.PACKAGES}
    if not (ROOT / ".git").exists():
        pytest.skip("only git knows what belongs to the tree")
    tracked = distributions.tracked()
    assert distributions.in_wheel(tracked) <= names["wheel"]
    monkeypatch.setattr(distributions, "tracked", lambda: {"README.md"})
    wrong = distributions.differences(sdist, wheel)
    assert f"{wheel.name}: cf_vectorize/client.py should not be there" in wrong
    monkeypatch.setattr(distributions, "tracked", lambda: {*tracked, "overlay/cf_vectorize_overlay/new.py"})
    wrong = distributions.differences(sdist, wheel)
    assert f"{wheel.name}: cf_vectorize_overlay/new.py is missing" in wrong
    assert f"{sdist.name}: overlay/cf_vectorize_overlay/new.py is missing" in wrong


def test_the_wheel_says_what_it_needs_with_the_markers_of_pyproject(built: tuple[Path, Path]) -> None:
    """Where an extra of ours has a marker in another one, hatchling leaves the marker out."""
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
        said = Parser().parsestr(wheel.read(name).decode())
    text = str(said.get_payload())
    needed = list(map(Requirement, said.get_all("Requires-Dist") or []))
    for python in python_table.PYTHONS:
        for extra, requirements in EXTRAS.items():
            environment = {"python_version": python, "extra": extra}
            brought = {each.name for each in needed if each.marker and each.marker.evaluate(environment)}
            asked = {
                canonicalize_name(each.name)
                for each in required(requirements)
                if each.marker is None or each.marker.evaluate(environment)
            }
            assert set(map(canonicalize_name, brought)) == asked, (python, extra)
    links = re.findall(r"\]\(([^)]+)\)|(?:src|href)=\"([^\"]+)\"", text)
    assert len(links) > 10
    repository = set_repository.repository(TEXT)
    for link in filter(None, (link for pair in links for link in pair)):
        assert re.match(r"https?://|#", link), link
        if path := re.match(re.escape(repository) + r"/(?:blob|raw)/main/([^#]+)", link):
            assert (ROOT / path[1]).exists(), link


def test_the_repository_is_set_in_one_go() -> None:
    changed = set_repository.with_repository(TEXT, URL)
    assert set_repository.repository(TEXT) not in changed
    assert changed.count(URL) == TEXT.count(set_repository.repository(TEXT)) >= 6
    assert set_repository.with_repository(changed, set_repository.repository(TEXT)) == TEXT
    assert set_repository.with_repository(set_repository.with_repository(TEXT, f"{URL}-2"), URL) == changed


@pytest.mark.parametrize(
    "url", [f"{URL}/", f"{URL}.git", "git@github.com:a/b", "http://github.com/a/b", "https://a/b", ""]
)
def test_what_is_no_repository_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="give https://github"):
        set_repository.with_repository(TEXT, url)


@pytest.mark.parametrize(
    ("pyproject", "changelog", "missing"),
    [
        (TEXT, "## Unreleased\n", ["pyproject.toml", "CHANGELOG.md"]),
        (set_repository.with_repository(TEXT, URL), "## 0.2.0\n\n## 0.1.0 - 2026-12-01\n", ["CHANGELOG.md"]),
        (set_repository.with_repository(TEXT, URL), "# Changelog\n\n## 0.2.0 - 2026-12-01\n", []),
    ],
)
def test_a_release_says_what_is_still_to_be_done(pyproject: str, changelog: str, missing: list[str]) -> None:
    pyproject = pyproject.replace(set_repository.repository(TEXT), set_repository.PLACEHOLDER)
    assert [said.partition(":")[0] for said in check_release.to_do(pyproject, changelog, "0.2.0")] == missing


def test_the_table_of_pythons_has_every_extra_and_every_python() -> None:
    page = python_table.PAGE.read_text(encoding="utf-8")
    table = page.partition(python_table.START)[2].partition(python_table.END)[0]
    header, _, *rows = [line.strip("| \n").split(" | ") for line in table.splitlines() if line.startswith("|")]
    assert header == ["Python", "platform", *python_table.extras()], "python -m nox -s python_table"
    for python in python_table.PYTHONS:
        platforms = [row[1] for row in rows if row[0] == python]
        named = {name for each in platforms for name in each.split(", ")}
        assert named in ({"all"}, set(python_table.PLATFORMS)), python
    assert {cell.partition(":")[0] for row in rows for cell in row[2:]} <= {"wheels", "source", "not yet"}
    (date,) = re.findall(r"^As of (\S+):$", table, re.MULTILINE)
    assert dt.date.fromisoformat(date)
    assert python_table.render(page, [[], []], dt.date(2030, 1, 1)).endswith(page.partition(python_table.END)[2])


def test_each_python_that_was_run_is_in_the_table_and_installs_from_wheels() -> None:
    ran = re.findall(r"Python :: (\d\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert ran
    assert set(ran) <= set(python_table.PYTHONS)
    page = python_table.PAGE.read_text(encoding="utf-8")
    for python in [*ran, "3.14"]:
        rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(f"| {python} |")]
        assert {row[2 + python_table.extras().index("all")] for row in rows} == {"wheels"}, python


def test_every_extra_is_tried_with_the_wheel_and_described() -> None:
    assert set(smoke.BEYOND) == {"bare", *EXTRAS}
    page = python_table.PAGE.read_text(encoding="utf-8")
    assert [extra for extra in EXTRAS if f"| `{extra}` |" not in page] == []
