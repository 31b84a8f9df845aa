"""The page on the environment names every variable that is read, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from cf_vectorize.base.logs import LEVELS
from cf_vectorize.cli.shared import ENVIRONMENT

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE.partition("## Logging")[0], re.MULTILINE))
OURS = re.compile(r"(?:CLOUDFLARE|CF_VECTORIZE)_[A-Z_]+")
# Read by what we lean on: HTTPX and urllib, OpenSSL, and Python's tempfile and shutil.
BY_LIBRARIES = {
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("TMPDIR", "COLUMNS"),
}


def read_in(text: str) -> set[str]:
    """Return the variables that a module names, or reads under any name."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and OURS.fullmatch(node.value):
            found.add(node.value)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            found.add(ast.unparse(node.slice).strip("'"))
        if isinstance(node, ast.Call) and re.search(
            r"environ\.get$|getenv$|^_from_environment$", ast.unparse(node.func)
        ):
            found |= {given.value for given in node.args[:1] if isinstance(given, ast.Constant)}
    return found


def read() -> set[str]:
    modules = [path for root in ("client", "overlay", "contract", "emulator") for path in (ROOT / root).rglob("*.py")]
    return set[str]().union(*(read_in(path.read_text(encoding="utf-8")) for path in modules))


def test_the_page_names_what_is_read_and_no_other() -> None:
    assert read() - BY_LIBRARIES <= NAMED
    assert read() | BY_LIBRARIES == NAMED


def test_a_variable_is_noticed_however_it_is_read() -> None:
    text = "import os\nos.environ['A']\nos.environ.get('B')\nos.getenv('C')\nX = 'CF_VECTORIZE_D'\n"
    assert read_in(text) == {"A", "B", "C", "CF_VECTORIZE_D"}


def test_the_command_names_its_own_variables() -> None:
    assert set(OURS.findall(ENVIRONMENT)) == {name for name in NAMED if OURS.fullmatch(name)}


def test_the_page_names_the_levels() -> None:
    row = next(line for line in PAGE.splitlines() if "`CF_VECTORIZE_LOG`" in line)
    assert re.findall(r"`([a-z]+)`", row) == list(LEVELS)


def test_the_page_names_the_loggers() -> None:
    modules = [path for root in ("client", "overlay", "contract", "emulator") for path in (ROOT / root).rglob("*.py")]
    used = {
        name for path in modules for name in re.findall(r'getLogger\("(\w+)"\)', path.read_text(encoding="utf-8"))
    } - {"uvicorn"}
    assert used
    assert {name for name in used if f'getLogger("{name}")' not in PAGE} == set()
