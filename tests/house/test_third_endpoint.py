"""The endpoint that CONTRIBUTING.md adds can be added as it says, to today's tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DIFFS = re.findall(r"^```diff\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
SAID = re.findall(r"^```text\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PACKAGES = ["client", "overlay", "generated", "contract", "emulator"]
TREE = [*PACKAGES, "docs", "scripts", "spec", "tests", "pyproject.toml"]
TOOLS = Path(sys.executable).parent
# Of one operation, what its recordings do not show yet.
LACKING = """
from contract_suite import load_recordings, missing
from cf_vectorize_contract.fragment import load_document
document = load_document()
for item in document["paths"].values():
    item.get("get", {}).pop("x-not-recorded", None)
print(*missing(document, load_recordings()), sep="\\n")
"""

pytestmark = [
    pytest.mark.skipif(
        shutil.which("openapi-python-client", path=str(TOOLS)) is None,
        reason="the generator is not installed: pip install the dependency group `generate`",
    ),
    pytest.mark.skipif(shutil.which("git") is None, reason="there is no git to apply the blocks with"),
]


def place(diff: str) -> str:
    """Return the path that a block changes."""
    found = re.search(r"^\+\+\+ b/(.*)$", diff, re.MULTILINE)
    assert found, f"CONTRIBUTING.md: a block names no file: {diff[:80]!r}"
    return found[1]


def apply(diff: str, tree: Path) -> None:
    # As a patch to plain files, whatever repository the folder may lie in.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    command = ["git", "apply", "--recount", "-"]
    done = subprocess.run(
        command, cwd=tree, input=diff, env=environment, check=False, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, (
        f"CONTRIBUTING.md: the block for {place(diff)} no longer applies; give each of its parts the lines that "
        f"stand around it today\n{done.stderr}"
    )


def run(tree: Path, *command: str) -> str:
    """Run a program on a tree, whose packages go before those that are installed, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(tree / package) for package in PACKAGES)}
    done = subprocess.run(command, cwd=tree, env=environment, check=False, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a copy of the tree that has the endpoint."""
    tree = tmp_path_factory.mktemp("third") / "tree"
    tree.mkdir()
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    for diff in DIFFS:
        apply(diff, tree)
    generated = tree / "generated" / "cf_vectorize_api"
    shutil.rmtree(generated)
    run(tree, sys.executable, "scripts/generate.py", str(generated))
    return tree


def test_the_blocks_go_through_every_layer() -> None:
    assert [place(diff).partition("/")[0] for diff in DIFFS if "test" not in place(diff)] == [
        *["spec"], *["overlay"] * 4, *["client"] * 3, "scripts",
    ]  # fmt: skip


def test_the_endpoint_is_generated_typed_answered_and_fits_the_house(tree: Path) -> None:
    added = [place(diff) for diff in DIFFS if "--- /dev/null" in diff and "/test_" in diff]
    held = ["house/test_architecture", "contract/test_new_endpoint", "docs/test_site_reference"]
    tests = [*added, *(f"tests/{name}.py" for name in held)]
    told = run(tree, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert "passed" in told
    assert "skipped" not in told


def test_what_the_blocks_add_is_in_the_style_of_the_house(tree: Path) -> None:
    touched = [place(diff) for diff in DIFFS if place(diff).endswith(".py")]
    run(tree, str(TOOLS / "ruff"), "check", "--no-cache", *touched)
    run(tree, str(TOOLS / "ruff"), "format", "--no-cache", "--check", *touched)


def test_the_contract_says_what_it_lacks_in_the_words_of_the_guide(tree: Path) -> None:
    suite = f"import sys; sys.path[:0] = [{str(tree / 'tests' / 'contract')!r}]"
    assert [run(tree, sys.executable, "-c", suite + LACKING)] == SAID


def test_a_block_that_no_longer_applies_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"the block for spec/vectorize\.yaml no longer applies"):
        apply(DIFFS[0], tmp_path)
