"""Look at the site that was built: its size, what a browser would fetch from elsewhere, and where links lead.

python scripts/check_site.py docs/_build/html
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import zlib
from functools import cache
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import render_reference

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
    found += [f"objects.inv: {name} is public, and on no page" for name in sorted(public_names() - objects(site))]
    if size(site) > MOST_BYTES:
        found.append(f"{size(site):,} bytes are more than {MOST_BYTES:,}")
    return found


def objects(site: Path) -> set[str]:
    """Return the names that the site describes, read off the inventory that is for other projects' links."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {line.partition(" ")[0] for line in zlib.decompress(packed).decode().splitlines() if " py:" in line}


def public_names() -> set[str]:
    """Return what the reference is to describe, with methods and properties."""
    names = set()
    for package, public in render_reference.documented().items():
        # Of two packages that have a name, the first to say it describes it; of the engine's adapter its names count.
        shown = public - set(render_reference.SHARED.split()) if package == render_reference.OVERLAY else public
        names |= {f"{package}.{name}" for name in shown}
        for name in shown - render_reference.ALIASES.keys() if package != render_reference.RAY else ():
            members = vars(thing) if isinstance(thing := getattr(import_module(package), name), type) else {}
            names |= {
                f"{package}.{name}.{member}" for member, value in members.items() if _is_shown(name, member, value)
            }
    return names


def _is_shown(name: str, member: str, value: object) -> bool:
    callable_or_property = inspect.isfunction(value) or isinstance(value, property | classmethod)
    return (
        not member.startswith("_")
        and callable_or_property
        and f"{name}.{member}" not in render_reference.FOR_THE_CLIENT
    )


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
