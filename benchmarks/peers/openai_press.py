"""Cancels replies through the client of `openai`, and counts what of them is still handed over."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosed

from benchmarks.clients.pace import BYTES_PER_MS, FRAME_MS, WORDS, job, noise, tell, thumb, ticks


async def talk(connection: Any) -> None:
    frame = base64.b64encode(noise(FRAME_MS)).decode()
    try:
        async for _ in ticks(FRAME_MS):
            await connection.input_audio_buffer.append(audio=frame)
    except ConnectionClosed:
        return


async def main(url: str, moment: str, presses: int) -> None:
    pressed: dict[str, float] = {}
    call_ms: list[float] = []
    late_ms = 0.0
    client = AsyncOpenAI(api_key="none", websocket_base_url=url.removesuffix("/realtime"))
    async with client.realtime.connect(model="gpt-realtime") as connection:

        async def until(kind: str) -> Any:
            nonlocal late_ms
            while True:
                event = await connection.recv()
                if event.type == "response.output_audio.delta" and event.response_id in pressed:
                    late_ms += len(base64.b64decode(event.delta)) / BYTES_PER_MS
                if event.type == kind:
                    return event

        talking = asyncio.create_task(talk(connection))
        loop = asyncio.get_running_loop()
        said: Any = {"type": "input_text", "text": WORDS}
        for pause_s in thumb(presses):
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [said]}
            )
            await connection.response.create()
            response_id = (await until("response.created")).response.id
            if moment != "before sound":
                await until("response.output_audio.delta")
            await asyncio.sleep(pause_s)
            pressed[response_id] = loop.time()
            await connection.response.cancel()
            call_ms.append(1000 * (loop.time() - pressed[response_id]))
            await until("response.done")
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    tell({"pressed": pressed, "call_ms": call_ms, "late_ms": late_ms})


if __name__ == "__main__":
    asyncio.run(main(**job()))
