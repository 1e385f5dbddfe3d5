"""Connects once with `websockets` alone, up to the confirmed settings of the session."""

import asyncio
import json
import sys
import time

from websockets.asyncio.client import connect


async def main(url: str) -> None:
    async with connect(url, compression=None, proxy=None) as connection:
        session = {"type": "realtime", "output_modalities": ["audio"]}
        await connection.send(json.dumps({"type": "session.update", "session": session}))
        while json.loads(await connection.recv())["type"] != "session.updated":
            pass
        sys.stdout.write(json.dumps({"ready_s": time.monotonic(), "cpu_s": time.process_time()}))


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
