"""The page at the root, and what it shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from raw_api import ACCOUNT, vector

if TYPE_CHECKING:
    from raw_api import Api


def test_the_page_fetches_nothing_from_elsewhere_and_runs_nothing_that_stands_in_it(api: Api) -> None:
    page = api.client.get("/")
    parts = [page]
    names = set(re.findall(r'(?:src|href)="([^"]+)"', page.text))
    while names:
        part = api.client.get("/" + names.pop())
        assert part.status_code == 200
        parts.append(part)
        names |= {f"page/{name}" for name in re.findall(r'from "\./([^"]+)"', part.text)} - {
            str(item.url.path).lstrip("/") for item in parts
        }
    assert {part.headers["Content-Type"].partition(";")[0] for part in parts} == {
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
    }
    assert len(parts) > 7
    for part in parts:
        policy = part.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert set(re.findall(r"https?://[^\s\"'`]+", part.text)) <= {"http://www.w3.org/2000/svg"}
        assert "innerHTML" not in part.text, "what clients sent must become text, never markup"
    assert not re.search(r"<(style|script)[^>]*>[^<]|\son\w+=|\sstyle=", page.text)


@pytest.mark.parametrize("name", ["nothing.js", "..%2fpage.py", "%2e%2e/page.py", ""])
def test_the_page_has_no_other_parts(api: Api, name: str) -> None:
    assert api.client.get(f"/page/{name}").status_code == 404


def test_the_state_is_what_the_page_shows(api: Api) -> None:
    api.client.put("/__emulator__/visibility", json={"visible": "held"})
    api.insert(vector("a"), vector("b"))
    api.get(*(f"id-{number}" for number in range(21)))
    state = api.client.get("/__emulator__/state").json()
    index = next(item for item in state["indexes"] if item["name"] == api.index)
    assert index == {"account": ACCOUNT, "name": api.index, "dimensions": 32, "vectors": 2}
    pending = [item for item in state["pending"] if item["index_name"] == api.index]
    assert [(item["vectors"], item["readable_at"]) for item in pending] == [(2, None)]
    assert [(item["endpoint"], item["status"], item["code"]) for item in state["requests"][-2:]] == [
        ("insert", 200, None),
        ("get_by_ids", 400, 40007),
    ]
    assert ACCOUNT not in str(state["requests"])


def test_a_vector_can_be_looked_at_before_it_is_readable(api: Api) -> None:
    api.client.put("/__emulator__/visibility", json={"visible": "held"})
    api.insert(vector("<b>", metadata={"k": 1}))
    where = {"account": ACCOUNT, "index": api.index}
    assert api.client.get("/__emulator__/ids", params=where).json() == {"ids": ["<b>"], "more": False}
    shown = api.client.get("/__emulator__/vector", params={**where, "id": "<b>"}).json()
    assert (shown["readable"], shown["vector"]["metadata"]) == (False, {"k": 1})
    assert api.client.get("/__emulator__/vector", params={**where, "id": "nobody"}).status_code == 404
    assert api.client.get("/__emulator__/ids", params={"index": "none"}).status_code == 404
