"""What is wrong with a built site is noticed; `nox -s docs` looks at the real one."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

import pytest

import check_site
import notebook_page

if TYPE_CHECKING:
    from pathlib import Path


def site(folder: Path, body: str, style: str = "") -> Path:
    """Write a site of two pages, whose inventory has all that is public."""
    described = "".join(f"{name} py:class 1 index.html -\n" for name in check_site.public_names())
    (folder / "objects.inv").write_bytes(b"#\n#\n#\n#\n" + zlib.compress(described.encode()))
    (folder / "index.html").write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
    (folder / "other.html").write_text('<html><body><h1 id="here">Here</h1></body></html>', encoding="utf-8")
    (folder / "style.css").write_text(style, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="other.html#here">fine</a> <a href="https://example.com/x">fine</a> <img src="style.css">', None),
        ('<a href="nobody.html">x</a>', "index.html: nobody.html leads nowhere"),
        ('<a href="other.html#nowhere">x</a>', "index.html: other.html#nowhere leads nowhere"),
        ('<a href="#nowhere">x</a>', "index.html: #nowhere leads nowhere"),
        ('<a href="https://">x</a>', "index.html: https:// is no address"),
        ('<a href="htps://example.com">x</a>', "index.html: htps://example.com is no address"),
        ('<img src="nobody.png">', "index.html: nobody.png leads nowhere"),
        ('<script src="//cdn.example/x.js"></script>', "index.html: fetches //cdn.example/x.js from elsewhere"),
        ('<link href="https://fonts.example/x">', "index.html: fetches https://fonts.example/x from elsewhere"),
        ("<!-- not run: a reason -->", "index.html: has a comment that is for the tests alone"),
    ],
)
def test_a_link_that_leads_nowhere_and_what_comes_from_elsewhere_are_noticed(
    tmp_path: Path, body: str, problem: str | None
) -> None:
    found = check_site.problems(site(tmp_path, body))
    assert ([problem] if problem else []) == [text for text in found if "cdn.example/x.js is no" not in text]


@pytest.mark.parametrize("style", ["@import 'https://e.example/x.css'", "a{background:url(//e.example/x.png)}"])
def test_a_style_that_fetches_from_elsewhere_is_noticed(tmp_path: Path, style: str) -> None:
    assert check_site.problems(site(tmp_path, "", style)) == ["style.css: fetches something from elsewhere"]


def test_a_site_that_is_too_large_is_noticed(tmp_path: Path) -> None:
    site(tmp_path, "")
    (tmp_path / "large.png").write_bytes(bytes(check_site.MOST_BYTES))
    assert [text for text in check_site.problems(tmp_path) if "are more than 5,000,000" in text]


def test_a_public_name_that_is_on_no_page_is_noticed(tmp_path: Path) -> None:
    site(tmp_path, "")
    (tmp_path / "objects.inv").write_bytes(
        b"#\n#\n#\n#\n" + zlib.compress(b"cf_vectorize.Vectorize py:class 1 x -\n")
    )
    found = check_site.problems(tmp_path)
    assert "objects.inv: cf_vectorize.Vectorize.insert is public, and on no page" in found
    assert "objects.inv: cf_vectorize.Vectorize is public, and on no page" not in found


def test_a_notebook_is_its_text_its_code_and_what_that_printed() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "Text."]},
        {
            "cell_type": "code",
            "source": ["print('```')"],
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["```\n"]},
                {"output_type": "stream", "name": "stderr", "text": ["a bar"]},
                {"output_type": "execute_result", "data": {"text/plain": ["1"]}},
            ],
        },
    ]
    told = notebook_page.markdown(json.dumps({"cells": cells}))
    assert told == "# Title\nText.\n\n````python\nprint('```')\n````\n\n````text\n```\n````\n\n```text\n1\n```\n"
