"""The page at the root, and what it shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raw_api import ACCOUNT, vector

if TYPE_CHECKING:
    from raw_api import Api


def test_the_page_fetches_nothing_from_elsewhere(api: Api) -> None:
    page = api.client.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert set(re.findall(r"https?://[^\s\"'`]+", page.text)) == {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in page.text, "what clients sent must become text, never markup"


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
