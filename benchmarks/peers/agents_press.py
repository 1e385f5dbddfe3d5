"""Interrupts replies through the model of `openai-agents`, and counts what is still handed over."""

from __future__ import annotations

import asyncio

from agents.realtime import RealtimeModelListener
from agents.realtime.model_events import RealtimeModelEvent
from agents.realtime.model_inputs import (
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendUserInput,
)
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel

from benchmarks.clients.pace import BYTES_PER_MS, FRAME_MS, WORDS, job, noise, tell, thumb, ticks


class Ear(RealtimeModelListener):
    """Follows the replies of a model."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[str] = asyncio.Queue()
        self.sound = asyncio.Event()
        self.done = asyncio.Event()
        self.cut: set[str] = set()
        self.late_ms = 0.0

    async def on_event(self, event: RealtimeModelEvent) -> None:
        if event.type == "audio":
            self.sound.set()
            if event.response_id in self.cut:
                self.late_ms += len(event.data) / BYTES_PER_MS
        elif event.type == "raw_server_event" and event.data.get("type") == "response.created":
            self.started.put_nowait(event.data["response"]["id"])
        elif event.type == "raw_server_event" and event.data.get("type") == "response.done":
            self.done.set()


async def talk(model: OpenAIRealtimeWebSocketModel) -> None:
    frame = noise(FRAME_MS)
    async for _ in ticks(FRAME_MS):
        await model.send_event(RealtimeModelSendAudio(audio=frame))


async def main(url: str, moment: str, presses: int) -> None:
    ear, model = Ear(), OpenAIRealtimeWebSocketModel()
    model.add_listener(ear)
    await model.connect({"api_key": "none", "url": url, "initial_model_settings": {}})
    talking = asyncio.create_task(talk(model))
    loop = asyncio.get_running_loop()
    pressed: dict[str, float] = {}
    call_ms: list[float] = []
    for pause_s in thumb(presses):
        ear.sound.clear()
        ear.done.clear()
        await model.send_event(RealtimeModelSendUserInput(user_input=WORDS))
        response_id = await ear.started.get()
        if moment != "before sound":
            await ear.sound.wait()
        await asyncio.sleep(pause_s)
        pressed[response_id] = loop.time()
        ear.cut.add(response_id)
        await model.send_event(RealtimeModelSendInterrupt(force_response_cancel=True))
        call_ms.append(1000 * (loop.time() - pressed[response_id]))
        await ear.done.wait()
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await model.close()
    tell({"pressed": pressed, "call_ms": call_ms, "late_ms": ear.late_ms})


if __name__ == "__main__":
    asyncio.run(main(**job()))
