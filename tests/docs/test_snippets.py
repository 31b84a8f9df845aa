"""What runs the pages' snippets notices each way in which one can be wrong, and passes over none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prepared import vectors
from shell import ROOT
from snippets import LEFT_OUT, PAGES, counted, parse
from sybil.example import SybilFailure

if TYPE_CHECKING:
    from pathlib import Path

# A block that is not run is a decision: its reason stands before it, and its page's number here.
LEFT_OUT_ON_PURPOSE = {
    "CONTRIBUTING.md": 2,
    "README.md": 1,
    "docs/architecture.md": 3,
    "docs/emulator.md": 3,
    "docs/engines.md": 3,
    "docs/how-to/load-died.md": 4,
    "docs/how-to/notebook.md": 2,
    "docs/how-to/other-clients.md": 3,
    "docs/how-to/proxy.md": 2,
    "docs/how-to/two-loads.md": 1,
    "docs/insert.md": 2,
    # `nox -s recipes` runs them.
    "docs/recipes/chroma.md": 1,
    "docs/recipes/datasets.md": 1,
    "docs/recipes/lancedb.md": 1,
    "docs/recipes/object-storage.md": 2,
    "docs/recipes/pgvector.md": 1,
    "docs/recipes/qdrant.md": 1,
    "examples/README.md": 1,
}


def test_no_more_is_left_out_than_was_decided() -> None:
    found = {page.relative_to(ROOT).as_posix(): counted(page)[LEFT_OUT] for page in PAGES}
    assert {page: count for page, count in found.items() if count} == LEFT_OUT_ON_PURPOSE


def fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


SERVED = "A local Vectorize; data is not kept; page: http://127.0.0.1:8787/"
# Each form of a snippet, right and wrong: only the second may fail.
FORMS = {
    "python": (fenced("python", "assert True"), fenced("python", "assert False")),
    "python that does not compile": (fenced("python", "x = 1"), fenced("python", "x =")),
    "names of the block before": (fenced("python", "x = 1") + fenced("python", "x"), fenced("python", "x")),
    "output in a comment": (
        fenced("python", "print(1)\nprint(2)  # -> 2\nprint(3)"),
        fenced("python", "print(1)  # -> 2"),
    ),
    "output in a comment that never comes": (fenced("python", "print(1)  # -> 1"), fenced("python", "1  # -> 1")),
    "output below python": (
        fenced("python", "print(1)\nprint(2)") + fenced("text", "1\n2"),
        fenced("python", "print(1)\nprint(2)") + fenced("text", "1"),
    ),
    "a session of python": (fenced("pycon", ">>> 1 + 1\n2"), fenced("pycon", ">>> 1 + 1\n3")),
    "tests": (
        fenced("python", "def test_it(vectorize_emulator): vectorize_emulator.hold()"),
        fenced("python", "def test_it(vectorize_emulator): vectorize_emulator.nothing()"),
    ),
    "tests that are skipped": (
        fenced("python", "def test_it(): pass"),
        fenced("python", "import pytest\n\n@pytest.mark.skip\ndef test_it(): pass"),
    ),
    "an indented command": ("    cf-vectorize check vectors.ndjson\n", "    cf-vectorize check nothing.ndjson\n"),
    "an option": (
        "    cf-vectorize check vectors.ndjson  # each line\n",
        "    cf-vectorize check vectors.ndjson --nothing\n",
    ),
    "the last of several commands": (
        "    cf-vectorize check vectors.ndjson\n    cat vectors.ndjson | wc -l\n",
        "    cf-vectorize check vectors.ndjson\n    cat nothing.ndjson\n",
    ),
    "output of a command": (
        fenced("console", "$ cf-vectorize check vectors.ndjson\nvectors     40\n…"),
        fenced("console", "$ cf-vectorize check vectors.ndjson\nvectors     41\n…"),
    ),
    "more output than is shown": (fenced("console", "$ echo 1\n1"), fenced("console", "$ echo 1; echo 2\n1")),
    "output below a command": (
        "    echo 1 2\n\n" + fenced("text", "1 …"),
        "    echo 1 2\n\n" + fenced("text", "2 …"),
    ),
    "a command that serves": (
        fenced("console", f"$ cf-vectorize emulate\n{SERVED}\n…"),
        fenced("console", "$ cf-vectorize emulate\nlistening\n…"),
    ),
    "a command that should serve": ("    cf-vectorize emulate\n", "    cf-vectorize emulate --nothing\n"),
    "curl": (
        "    curl -fsS $CLOUDFLARE_BASE_URL/../../__emulator__/health\n",
        "    curl -fsS $CLOUDFLARE_BASE_URL/../../__emulator__/nothing\n",
    ),
    "a script": (fenced("sh", "cf-vectorize check vectors.ndjson"), fenced("sh", "cf-vectorize check nothing")),
    "an extra": ("    pip install 'cf-vectorize[all]'\n", "    pip install 'cf-vectorize[nothing]'\n"),
    "a session of nox": ("    python -m nox -s tests\n", "    python -m nox -s nothing\n"),
    "a program of others": ("    echo wrangler\n", "    wrangler vectorize insert\n"),
    "json": (fenced("json", "[1]"), fenced("json", "[1,]")),
    "json, a line each": (fenced("ndjson", "[1]\n[2]"), fenced("ndjson", "[1]\n[2")),
    "toml": (fenced("toml", "a = 1"), fenced("toml", "a = ")),
    "yaml": (fenced("yaml", "a: 1"), fenced("yaml", "a: b: c")),
    "ini": (fenced("ini", "[Unit]\na=b"), fenced("ini", "a=b")),
    "a patch": (
        fenced("diff", "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+new"),
        fenced("diff", "--- a/LICENSE\n+++ b/LICENSE\n@@ -1 +1 @@\n-no such line\n+new"),
    ),
    "text that nothing prints": ("<!-- not run: a drawing -->\n" + fenced("text", "o-o"), fenced("text", "o-o")),
    "another language": ("<!-- not run: Rust -->\n" + fenced("rust", "fn"), fenced("rust", "fn")),
    "a block in a list": ("- one:\n\n  " + "```json\n  1\n  ```\n", "- one:\n\n  " + "```json\n  [\n  ```\n"),
    "a block in a quotation": ("> ```json\n> 1\n> ```\n", "> ```json\n> [\n> ```\n"),
}


def evaluated(path: Path, text: str) -> int:
    path.write_text(f"# A page\n\n{text}", encoding="utf-8")
    examples = list(parse(path).examples())
    for example in examples:
        example.evaluate()
    return len(examples)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(("right", "wrong"), FORMS.values(), ids=FORMS)
def test_a_snippet_that_is_wrong_fails(tmp_path: Path, right: str, wrong: str) -> None:
    vectors()
    assert evaluated(tmp_path / "right.md", right)
    with pytest.raises((SybilFailure, AssertionError, SyntaxError, NameError)):
        evaluated(tmp_path / "wrong.md", wrong)


@pytest.mark.parametrize("text", ["<!-- not run: why -->\n\nNo block follows.\n", "<!-- not run: -->\n\n    echo\n"])
def test_a_reason_that_stands_before_nothing_or_says_nothing_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match=r"page\.md: <!-- not run:"):
        parse(tmp_path / "page.md")
