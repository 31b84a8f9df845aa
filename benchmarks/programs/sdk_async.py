"""The official SDK's async client, as many requests at once as asked for."""

import asyncio
import sys
from pathlib import Path

from cloudflare import AsyncCloudflare

from batches import read_batches

HEADERS = {"Content-Type": "application/x-ndjson"}


async def main(path: Path, connections: int) -> None:
    client = AsyncCloudflare()
    batches = read_batches(path)

    async def send() -> None:
        for batch in batches:
            await client.vectorize.indexes.insert("bench", account_id="account", body=batch, extra_headers=HEADERS)

    await asyncio.gather(*(send() for _ in range(connections)))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
