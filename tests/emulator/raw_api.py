"""The plainest client of the two endpoints: bytes out, envelope in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from cf_vectorize_emulator.emulator import Emulator

DIMENSIONS = 32
ACCOUNT = "0123456789abcdef0123456789abcdef"
AUTHORIZED = {"Authorization": "Bearer any-token"}
NDJSON = {"Content-Type": "application/x-ndjson"}


def vector(vector_id: str, value: float = 0.5, **members: Any) -> dict[str, Any]:
    return {"id": vector_id, "values": [value] * DIMENSIONS, **members}


def ndjson(*vectors: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in vectors)


@dataclass
class Api:
    """The two endpoints of one index."""

    client: httpx.Client
    index: str
    account: str = ACCOUNT
    emulator: Emulator | None = None
    token: str = field(default="any-token", repr=False)

    def post(self, operation: str, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **request.pop("headers", {})}
        url = f"/client/v4/accounts/{self.account}/vectorize/v2/indexes/{self.index}/{operation}"
        return self.client.post(url, headers=headers, **request)

    def insert(self, *vectors: dict[str, Any], **request: Any) -> httpx.Response:
        return self.post("insert", content=ndjson(*vectors), headers=NDJSON, **request)

    def send(self, body: bytes, **request: Any) -> httpx.Response:
        return self.post("insert", content=body, headers=NDJSON, **request)

    def get(self, *ids: str) -> httpx.Response:
        return self.post("get_by_ids", json={"ids": ids})

    def found(self, *ids: str) -> dict[str, dict[str, Any]]:
        answer = self.get(*ids)
        assert answer.status_code == 200, answer.text
        return {item["id"]: item for item in answer.json()["result"]}


def code(response: httpx.Response) -> int:
    (error,) = response.json()["errors"]
    return int(error["code"])
