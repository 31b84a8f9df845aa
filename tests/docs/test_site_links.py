"""Every link of a page leads somewhere as the repository shows it; `nox -s docs` follows them as the site does."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ("_build", "api")
FENCE = re.compile(r"^( *)(`{3,}|~{3,}).*?^ *\2 *$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)


def pages() -> list[Path]:
    written = [path for path in (ROOT / "docs").rglob("*.md") if not set(path.parts) & set(BUILT)]
    return sorted([*ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md"), *written])


def prose(text: str) -> str:
    """Return a page without its code, in which a bracket is no link."""
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", FENCE.sub("", text), flags=re.DOTALL)


def links(text: str) -> list[str]:
    return [inline or reference for inline, reference in LINK.findall(prose(text))]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return what a fragment may be, by the rules of GitHub."""
    found: Counter[str] = Counter()
    slugs = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        slugs.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return frozenset(slugs)


def problem(page: Path, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme:
        fine = parts.scheme in {"http", "https", "mailto"} and re.fullmatch(r"[\w.-]+(:\d+)?", parts.netloc)
        return None if fine else "is no address"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return "is not there"
    if parts.fragment and (target.suffix != ".md" or parts.fragment not in anchors(target)):
        return "has no such heading"
    return None


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere_in_the_repository(page: Path) -> None:
    found = [(link, problem(page, link)) for link in links(page.read_text(encoding="utf-8"))]
    assert [each for each in found if each[1]] == []


def test_there_are_pages_and_links() -> None:
    assert sum(len(links(page.read_text(encoding="utf-8"))) for page in pages()) > 30


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("nobody.md", "is not there"),
        ("insert.md#nowhere", "has no such heading"),
        ("../spec/vectorize.yaml#x", "has no such heading"),
        ("../../elsewhere", "is not there"),
        ("https//typo", "is not there"),
        ("https://", "is no address"),
        ("insert.md#batches", None),
        ("#one-request", None),
    ],
)
def test_a_link_that_leads_nowhere_is_noticed(link: str, words: str | None) -> None:
    assert links(f"See [it]({link}), and `[not](this.md)`.") == [link]
    assert problem(ROOT / "docs" / "architecture.md", link) == words
