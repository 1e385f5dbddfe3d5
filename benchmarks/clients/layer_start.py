"""Connects once through the transport; `connect` returns when the settings are confirmed."""

import asyncio
import json
import sys
import time

from pi_voice.transport import WebSocketTransport

HEAVY = {"numpy", "pyaudio", "gpiozero", "webrtcvad", "openai", "pydantic", "httpx", "aiohttp"}


async def main(url: str) -> None:
    transport = WebSocketTransport(url, api_key="none")
    await transport.connect()
    result = {
        "ready_s": time.monotonic(),
        "cpu_s": time.process_time(),
        "heavy": sorted(HEAVY & sys.modules.keys()),
    }
    sys.stdout.write(json.dumps(result))
    await transport.aclose()


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
