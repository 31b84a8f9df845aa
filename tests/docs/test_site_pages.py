"""Pages read as well in the repository as on the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
# Directives, roles, targets, comments and substitutions of MyST, none of which the repository's reading knows.
MYST = re.compile(r"^\s*(?:```+|:::+) ?\{|\{[\w:-]+\}`|^\([\w-]+\)=$|^% |\{\{", re.MULTILINE)
FENCE = re.compile(r"^( *)(`{3,})[^{\n]*\n.*?^ *\2 *$", re.DOTALL | re.MULTILINE)
# What Markdown takes for the beginning of a list, a quotation or a heading, in the middle of a paragraph.
BROKEN = re.compile(r"^(?!\d+[.)] |[-+*>] |#+ |\||`{3})\S.*\n((?:\d+[.)]|[-+*>]|#+) .*)", re.MULTILINE)
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if path != DOCS / "index.md" and not {"_build", "api"} & set(path.parts)
)


def syntax(text: str) -> list[str]:
    return MYST.findall(FENCE.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_is_plain_markdown(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert syntax(text) == []
    assert re.match(r"# \S", text), "a page begins with its title"


def broken(text: str) -> list[str]:
    return BROKEN.findall(FENCE.sub("", text))


@pytest.mark.parametrize(
    "page", [*PAGES, *DOCS.parent.glob("*.md")], ids=lambda page: str(page.relative_to(DOCS.parent))
)
def test_no_line_of_a_paragraph_reads_as_the_beginning_of_something_else(page: Path) -> None:
    assert broken(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("line", ["1. Both files", "2) Both", "- both", "# 3", "> 2 of them"])
def test_a_line_that_begins_something_else_is_noticed(line: str) -> None:
    assert broken(f"The exit code is\n{line}\n") == [line]
    assert not broken(f"The exit code is\n\n{line}\n  and more\n{line}\n\n```sh\nls\n{line}\n```\n")


def test_no_link_shows_the_path_of_a_page() -> None:
    shown = {page.name: re.findall(r"\[`?docs/[^]]*\]", page.read_text(encoding="utf-8")) for page in PAGES}
    assert {name: links for name, links in shown.items() if links} == {}


def test_the_front_page_holds_nothing_but_lists_of_pages_beside_markdown() -> None:
    directives = re.findall(r"^```\{(\w+)\}", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert directives
    assert set(directives) == {"toctree"}


@pytest.mark.parametrize(
    "text", ["```{note}\nRead.\n```", ":::{tip}\nRead.\n:::", "{ref}`there`", "(here)=", "{{ version }}", "% aside"]
)
def test_syntax_of_the_site_alone_is_noticed(text: str) -> None:
    assert syntax(f"# Title\n\n{text}\n")
    assert not syntax(f"# Title\n\n````\n{text}\n````\n")
