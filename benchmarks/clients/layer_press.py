"""Interrupts replies through the transport, and counts what of them is still handed over."""

from __future__ import annotations

import asyncio

from benchmarks.clients.pace import BYTES_PER_MS, FRAME_MS, WORDS, job, noise, tell, thumb, ticks
from pi_voice.transport import WebSocketTransport
from pi_voice.transport.messages import AudioEvent, TurnDone, TurnStarted


class Ear:
    """Follows the replies of a transport."""

    def __init__(self, transport: WebSocketTransport) -> None:
        self.started: asyncio.Queue[str] = asyncio.Queue()
        self.sound = asyncio.Event()
        self.done = asyncio.Event()
        self.cut: set[str | None] = set()
        self.late_ms = 0.0
        transport.on("turn_started", self._on_started)
        transport.on("audio", self._on_audio)
        transport.on("turn_done", self._on_done)

    def _on_started(self, turn: TurnStarted) -> None:
        self.started.put_nowait(str(turn.response_id))

    def _on_audio(self, sound: AudioEvent) -> None:
        self.sound.set()
        if sound.response_id in self.cut:
            self.late_ms += len(sound.data) / BYTES_PER_MS

    def _on_done(self, turn: TurnDone) -> None:
        self.done.set()


async def main(url: str, moment: str, presses: int) -> None:
    transport = WebSocketTransport(url, api_key="none")
    ear = Ear(transport)
    await transport.connect()  # with the default profile: the service interrupts by itself, too
    talking = asyncio.create_task(talk(transport))
    loop = asyncio.get_running_loop()
    pressed: dict[str, float] = {}
    call_ms = []
    for pause_s in thumb(presses):
        ear.sound.clear()
        ear.done.clear()
        transport.send_message(WORDS)
        response_id = await ear.started.get()
        if moment != "before sound":
            await ear.sound.wait()
        await asyncio.sleep(pause_s)
        pressed[response_id] = loop.time()
        transport.interrupt()
        call_ms.append(1000 * (loop.time() - pressed[response_id]))
        ear.cut.add(response_id)
        await ear.done.wait()
    talking.cancel()
    await transport.aclose()
    tell({"pressed": pressed, "call_ms": call_ms, "late_ms": ear.late_ms})


async def talk(transport: WebSocketTransport) -> None:
    frame = noise(FRAME_MS)
    async for _ in ticks(FRAME_MS):
        transport.send_audio(frame)


if __name__ == "__main__":
    asyncio.run(main(**job()))
