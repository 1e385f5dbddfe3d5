"""Cancels replies by hand: reads the type of every event, and sends a prebuilt cancel."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.pace import FRAME_MS, WORDS, job, noise, tell, thumb, ticks

MESSAGE = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": WORDS}],
}
ASK = (
    json.dumps({"type": "conversation.item.create", "item": MESSAGE}),
    json.dumps({"type": "response.create"}),
)


async def talk(connection: ClientConnection) -> None:
    sound = base64.b64encode(noise(FRAME_MS)).decode()
    frame = json.dumps({"type": "input_audio_buffer.append", "audio": sound})
    try:
        async for _ in ticks(FRAME_MS):
            await connection.send(frame)
    except ConnectionClosed:
        return


async def main(url: str, moment: str, presses: int) -> None:
    pressed: dict[str, float] = {}
    call_ms = []
    async with connect(url, compression=None, proxy=None) as connection:

        async def until(kind: str) -> Any:
            while True:
                event = json.loads(await connection.recv())
                if event["type"] == kind:
                    return event

        talking = asyncio.create_task(talk(connection))
        loop = asyncio.get_running_loop()
        for pause_s in thumb(presses):
            for message in ASK:
                await connection.send(message)
            response_id = (await until("response.created"))["response"]["id"]
            if moment != "before sound":
                await until("response.output_audio.delta")
            await asyncio.sleep(pause_s)
            pressed[response_id] = loop.time()
            await connection.send('{"type":"response.cancel"}')
            call_ms.append(1000 * (loop.time() - pressed[response_id]))
            await until("response.done")
    await talking
    tell({"pressed": pressed, "call_ms": call_ms})


if __name__ == "__main__":
    asyncio.run(main(**job()))
