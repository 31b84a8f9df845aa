"""The official SDK's async client, as many requests at once as asked for."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from cloudflare import AsyncCloudflare

from batches import read_batches


async def main(path: str, connections: int) -> None:
    client = AsyncCloudflare()
    batches = read_batches(Path(path))

    async def send() -> None:
        for batch in batches:
            await client.vectorize.indexes.insert(
                "bench", account_id="account", body=batch, extra_headers={"Content-Type": "application/x-ndjson"}
            )

    await asyncio.gather(*(send() for _ in range(connections)))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
