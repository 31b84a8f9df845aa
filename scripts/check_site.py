"""Look at the site that was built: its size, what a browser would fetch from elsewhere, and where links lead.

python scripts/check_site.py docs/_build/html
"""

from __future__ import annotations

import argparse
import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MOST_BYTES = 5_000_000
# What a browser fetches by itself.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "srcset"), ("iframe", "src")}
IN_STYLES = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(https?:)?//""")


class Links(HTMLParser):
    """What one page links, fetches, and can be linked by."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors = {"", "top"}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's links and anchors."""
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if given.get("rel") != "canonical":
            self.fetched += [value for name, value in given.items() if (tag, name) in FETCHED]


@cache
def links_of(page: Path) -> Links:
    """Return the links of a page, read once."""
    return Links(page)


def problems(site: Path) -> list[str]:
    """Return what is wrong with a site, one text for each."""
    found = []
    for page in sorted(site.rglob("*.html")):
        place = page.relative_to(site)
        found += [f"{place}: fetches {url} from elsewhere" for url in links_of(page).fetched if _is_elsewhere(url)]
        for url in {*links_of(page).links, *links_of(page).fetched}:
            if _is_elsewhere(url):
                found += [] if _is_well_formed(url) else [f"{place}: {url} is no address"]
            elif not _leads_somewhere(page, url):
                found.append(f"{place}: {url} leads nowhere")
        if "<!-- not run" in page.read_text(encoding="utf-8"):
            found.append(f"{place}: has a comment that is for the tests alone")
    for style in sorted(site.rglob("*.css")):
        if IN_STYLES.search(style.read_text(encoding="utf-8")):
            found.append(f"{style.relative_to(site)}: fetches something from elsewhere")
    if size(site) > MOST_BYTES:
        found.append(f"{size(site):,} bytes are more than {MOST_BYTES:,}")
    return found


def size(site: Path) -> int:
    """Return how many bytes all files have."""
    return sum(path.stat().st_size for path in site.rglob("*") if path.is_file())


def _is_elsewhere(url: str) -> bool:
    return url.startswith("//") or urlsplit(url).scheme not in {"", "data"}


def _is_well_formed(url: str) -> bool:
    parts = urlsplit(url)
    return (
        parts.scheme in {"http", "https"} and bool(re.fullmatch(r"[\w.-]+(:\d+)?", parts.netloc)) and " " not in url
    )


def _leads_somewhere(page: Path, url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "data":
        return True
    target = page.parent / unquote(parts.path) if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return False
    return target.suffix != ".html" or unquote(parts.fragment) in links_of(target).anchors


def main() -> None:
    """Print what was found, and fail where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("site", type=Path)
    site = parser.parse_args().site
    pages = list(site.rglob("*.html"))
    links = sum(len(links_of(page).links) for page in pages)
    print(f"{len(pages)} pages, {links:,} links, {size(site):,} bytes")
    sys.exit("\n".join(problems(site)) or None)


if __name__ == "__main__":
    main()
